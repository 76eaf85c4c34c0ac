"""The commands that publish: what a person types, what is written, what is refused."""

import json

import pytest

from experiments.cases.errors import SuiteError
from experiments.cli import app
from experiments.cli.publishing_commands import option_values


def suite(*words):
    """Runs a command of the suite in this process; returns the exit code."""
    with pytest.raises(SystemExit) as caught:
        app.suite(list(words))
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
    assert option_values("b, a,b", ("a", "b", "c"), "--some") == ["b", "a"]


def test_no_word_is_refused():
    with pytest.raises(SuiteError, match="--some takes some of a, b"):
        option_values("", ("a", "b"), "--some")


# Export.


def test_export_prints_a_program_without_a_word_of_ours(capsys):
    assert suite("export", "sum_hinge", "--arm", "broken", "--seed", "7") == 0
    text = capsys.readouterr().out
    compile(text, "exported", "exec")
    assert "SEED = 7" in text
    assert "experiments" not in text


def test_export_prints_what_a_fix_changes(capsys):
    assert suite("export", "sum_hinge", "--diff", "--against", "tanh") == 0
    text = capsys.readouterr().out
    assert text.startswith("--- sum_hinge broken\n+++ sum_hinge tanh\n")
    assert '-        keras.layers.Dense(1, activation="sigmoid"),' in text


def test_export_writes_a_notebook_and_overwrites_nothing(tmp_path, capsys):
    path = tmp_path / "sum_hinge.ipynb"
    words = ("export", "sum_hinge", "--format", "ipynb", "--steps", "70", "--out", str(path))
    assert suite(*words) == 0
    cells = json.loads(path.read_text())["cells"]
    assert {cell["cell_type"] for cell in cells} == {"markdown", "code"}
    before = path.read_bytes()
    assert suite(*words) == 1
    assert "is there already; name another file with --out" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "words, says",
    [
        (("--arm", "brokn"), "no arm 'brokn'"),
        (("--format", "pdf"), "--format takes some of py, ipynb"),
        (("--seed", "-1"), "-1"),
    ],
)
def test_what_cannot_be_exported_is_one_line(words, says, capsys):
    assert suite("export", "sum_hinge", *words) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error


# Films and the page.


def test_films_of_a_case_are_written_with_their_text(tmp_path):
    words = ("--theme", "dark", "--format", "png", "--out", str(tmp_path))
    assert suite("animate", "sum_hinge", *words) == 0
    names = sorted(path.name for path in (tmp_path / "sum_hinge").iterdir())
    assert names == ["twins-dark.md", "twins-dark.png"]


def test_the_page_of_a_case_is_one_file(tmp_path, capsys):
    path = tmp_path / "new" / "page.html"
    assert suite("page", "sum_hinge", "--out", str(path)) == 0
    assert capsys.readouterr().out == f"wrote {path}\n"
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text().lower().startswith("<!doctype html>")


def test_the_page_is_written_over_a_page_and_over_nothing_else(tmp_path, capsys):
    path = tmp_path / "index.html"
    path.write_text("<!doctype html><title>My thesis</title>")
    assert suite("page", "sum_hinge", "--out", str(path)) == 1
    assert "is there already and is no such page" in capsys.readouterr().err
    assert "thesis" in path.read_text()
    path.unlink()
    assert suite("page", "sum_hinge", "--out", str(path)) == 0
    assert suite("page", "sum_hinge", "--out", str(path)) == 0
