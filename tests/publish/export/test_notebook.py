"""Notebooks: the story and the programs of a case in cells, the same each time, and they run."""

import json
import re
import sys

import pytest

import reproductions
from experiments import SuiteError
from experiments.publish.export import notebook, script
from tests import toy

nbformat = pytest.importorskip("nbformat")
CASES = reproductions.names()


def read(text):
    found = nbformat.reads(text, 4)
    nbformat.validate(found)
    return found


def code(book):
    return "\n\n".join(cell.source for cell in book.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", CASES)
def test_a_notebook_is_valid_and_begins_with_the_cases_story(name):
    case = reproductions.load(name)
    first = read(notebook.notebook(case)).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert sys.modules[case.data.__module__].__doc__.split("\n\n")[1].strip() in first.source
    assert case.symptom in first.source
    for fix in case.fixes.values():
        assert fix.why in first.source


def test_a_case_without_a_text_of_its_own_is_told_by_what_it_shows(monkeypatch):
    monkeypatch.setattr(toy, "__doc__", None)
    assert notebook.story(toy.CASE).startswith(f"# {toy.CASE.shows}\n")


@pytest.mark.parametrize("arms", ["bend", ("fixed",), ("broken", "longer", "fixed")])
def test_the_code_of_its_cells_is_that_of_the_scripts(arms):
    book = read(notebook.notebook(toy.CASE, arms, seed=3))
    names = [arms] if isinstance(arms, str) else arms
    wanted = "".join(script.script(toy.CASE, arm, seed=3).split('"""\n\n', 1)[1] for arm in names)
    assert code(book).split() == wanted.split()
    heads = [c.source for c in book.cells if c.source.startswith("## ")]
    assert [head.split("\n")[0] for head in heads] == [f"## {name}" for name in names]


def test_a_notebook_is_the_same_each_time():
    texts = {notebook.notebook(toy.CASE) for _ in range(3)}
    assert len(texts) == 1
    ids = [cell["id"] for cell in json.loads(texts.pop())["cells"]]
    assert len(set(ids)) == len(ids)


def test_a_notebook_that_is_cut_says_so():
    book = read(notebook.notebook(toy.CASE, "fixed", steps=4))
    assert "Cut short: 4 of 20 updates." in "\n".join(cell.source for cell in book.cells)


def test_reasons_stand_as_a_list_that_markdown_sees():
    book = read(notebook.notebook(toy.CASE, "fixed"))
    assert "one:\n\n- bend: a line cannot bend\n- longer: too few updates" in book.cells[1].source


def test_without_nbformat_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nbformat", None)
    message = re.escape('install it with: pip install -e ".[notebook]"')
    with pytest.raises(SuiteError, match=message):
        notebook.notebook(toy.CASE)


def executed(case, arms, steps, folder):
    """Returns what a notebook prints when all its cells are run, cut short."""
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = read(notebook.notebook(case, arms, steps=steps))
    resources = {"metadata": {"path": str(folder)}}
    client.NotebookClient(book, timeout=600, resources=resources).execute()
    outputs = [out for cell in book.cells for out in cell.get("outputs", ())]
    assert not [out for out in outputs if out.output_type == "error"]
    return "".join(out.text for out in outputs if out.get("name") == "stdout")


def test_a_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    printed = executed(reproductions.load("sum_hinge"), "broken", 70, tmp_path)
    assert len(re.findall(r"is asked for: not solved", printed)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_cases_notebook_runs_cut_short(name, tmp_path):
    printed = executed(reproductions.load(name), notebook.ARMS, 100, tmp_path)
    assert len(re.findall(r"is asked for: (?:not )?solved", printed)) == 2
