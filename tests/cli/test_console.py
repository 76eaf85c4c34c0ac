"""The screen: how commands end when they are stopped."""

import signal

import pytest
import typer

from experiments.cli import console
from experiments.runs import runner


def ended(action, capsys):
    app = typer.Typer(add_completion=False)
    app.command()(action)
    with pytest.raises(SystemExit) as stopped:
        console.exit_with(app, [])
    return stopped.value.code, capsys.readouterr().err


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(capsys):
    def command():
        raise runner.Stopped("stopped; 2 of 3 units are kept") from KeyboardInterrupt()

    code, said = ended(command, capsys)
    assert code == 130
    assert said.startswith("Error: stopped; 2 of 3 units are kept; go on with: python ")
    assert said.count("\n") == 1


def test_a_request_to_end_is_heard_and_has_its_own_code(capsys):
    def command():
        signal.raise_signal(signal.SIGTERM)

    code, said = ended(command, capsys)
    assert code == 143
    assert "what is finished is kept" in said


def test_a_run_that_was_asked_to_end_says_what_it_kept(capsys):
    def command():
        raise runner.Stopped("stopped; 1 of 3 units is kept") from console.Terminated()

    assert ended(command, capsys)[0] == 143


def test_a_command_that_ends_well_says_nothing(capsys):
    assert ended(lambda: None, capsys) == (0, "")


def test_an_interruption_before_the_command_begins_has_its_words_too(capsys):
    app = typer.Typer(add_completion=False)

    @app.callback(invoke_without_command=True)
    def early():
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as stopped:
        console.exit_with(app, [])
    assert stopped.value.code == 143
    assert capsys.readouterr().err.startswith("Error: stopped; ")


def test_the_answer_to_a_request_to_end_is_put_back(capsys):
    before = signal.getsignal(signal.SIGTERM)
    ended(lambda: None, capsys)
    assert signal.getsignal(signal.SIGTERM) is before
