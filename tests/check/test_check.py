"""The command `check`: exit codes, what is written, and all of the suite in minutes."""

import time

import pandas as pd
import pytest

from experiments.check import drift
from experiments.cli import app


def check(*words):
    """Runs the command in this process; returns the exit code."""
    with pytest.raises(SystemExit) as caught:
        app.suite(["check", "--no-progress", *words])
    return caught.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Returns a folder that a check of one case has written."""
    folder = tmp_path_factory.mktemp("check")
    assert check("sum_hinge", "--seeds", "16", "--out", str(folder)) == 0
    return folder


def test_a_check_writes_a_table_a_figure_and_a_page(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"comparison.csv", "comparison.svg", "comparison.png", "comparison.md"} <= names
    table = pd.read_csv(folder / "comparison.csv")
    assert set(table["case"]) == {"sum_hinge"}
    assert not table["alarm"].any()


def test_what_moved_is_an_exit_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(drift.Comparison, "passed", property(lambda found: False))
    assert check("sum_hinge", "--seeds", "4", "--out", str(tmp_path)) == 1
    out = capsys.readouterr().out
    assert "DIFFERS from the stored evidence" in out
    assert "what moved most" in out


@pytest.mark.parametrize(
    "words, says",
    [
        (("--seeds", "1"), "--seeds"),
        (("--seeds", "8", "--first-seed", "995"), "Received: 995 to 1002"),
    ],
)
def test_seeds_that_cannot_be_checked_are_one_line(words, says, tmp_path, capsys):
    assert check("sum_hinge", *words, "--out", str(tmp_path / "new")) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_the_whole_suite_is_checked_in_five_minutes(tmp_path):
    start = time.perf_counter()
    assert check("--out", str(tmp_path)) == 0
    assert time.perf_counter() - start < 300
