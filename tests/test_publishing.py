"""The commands that publish: what a person types, what is written, what is refused."""

import pytest

from experiments import cli
from experiments.case import SuiteError
from experiments.publishing import words_of


def suite(*words):
    """Runs a command of the suite in this process; returns the exit code."""
    with pytest.raises(SystemExit) as caught:
        cli.suite(list(words))
    return caught.value.code


def test_figures_of_a_case_are_drawn_in_the_look_that_was_asked_for(tmp_path, capsys):
    words = ("--theme", "dark", "--format", "svg", "--out", str(tmp_path))
    assert suite("figures", "sum_hinge", *words) == 0
    names = sorted(path.name for path in (tmp_path / "sum_hinge").iterdir())
    assert {"fit-dark.svg", "fit-dark.md", "claims-dark.svg"} <= set(names)
    assert all(name.endswith(("-dark.svg", "-dark.md")) for name in names)
    assert f"wrote {tmp_path / 'sum_hinge' / 'fit-dark.svg'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, says",
    [
        (("--format", "jpeg"), ("--format takes some of svg, png, pdf", "'jpeg'")),
        (("--theme", "drak"), ("--theme takes some of light, dark", "Did you mean 'dark'?")),
        (("--width", "column,wdie"), ("--width takes some of column, wide", "'wdie'")),
    ],
)
def test_a_look_that_is_not_known_is_one_line_and_writes_nothing(words, says, tmp_path, capsys):
    assert suite("figures", "sum_hinge", *words, "--out", str(tmp_path / "new")) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for part in says:
        assert part in error
    assert not (tmp_path / "new").exists()


def test_words_of_an_option_are_taken_once_each_in_their_order():
    assert words_of("b, a,b", ("a", "b", "c"), "--some") == ["b", "a"]


def test_no_word_is_refused():
    with pytest.raises(SuiteError, match="--some takes some of a, b"):
        words_of("", ("a", "b"), "--some")
