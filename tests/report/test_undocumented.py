"""What Keras does silently: the scripts by themselves, and the page from what they printed."""

import ast
import pathlib
import re

import numpy as np
import pandas as pd
import pytest

import reproductions
from experiments import SuiteError
from experiments.cases.claims import Alike, Solves, Undocumented
from experiments.cli import commands
from experiments.report import undocumented
from tests import toy

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "results" / "silently"
SCRIPTS = sorted(FOLDER.glob("*.py"))
MOST_STATEMENTS = 16
NUMBER = re.compile(r"-?\d+\.\d+")
SEEDS = 40
ITEM = Undocumented(
    title="A line is logged as a curve",
    script="lines",
    what="Nothing is said.",
    where="Somewhere.",
    since="It was said.",
    shown=("broken", "fixed", "slow"),
    metrics=("mse", "flat"),
    tests=(Solves("fixed"), Alike("slow", "broken")),
    backends=("tensorflow", "jax"),
)
ENVIRONMENT = {"python": "3.11", "keras": "3.99", "tensorflow": "2.99", "numpy": "2.9"}
ENVIRONMENT |= {"system": "an old system", "processor": "an abacus"}


def declared():
    cases = [reproductions.load(name) for name in reproductions.names()]
    return undocumented.declared(cases)


def outputs():
    """Returns `(script, backend, committed file)` of every captured output."""
    return [
        (FOLDER / f"{item.script}.py", backend, FOLDER / undocumented.output_name(item, backend))
        for _, item in declared()
        for backend in item.backends
    ]


def statements(module):
    """The statements of a script, less its docstring and its imports."""
    found = [node for node in ast.walk(module) if isinstance(node, ast.stmt)]
    return [node for node in found[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]


# The scripts.


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_imports_keras_and_numpy_alone(path):
    module = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(module) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [node for node in found if isinstance(node, ast.ImportFrom)]
    assert {alias.name for node in found for alias in node.names} == {"keras", "numpy"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_short_and_says_what_it_asks(path):
    module = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(module).endswith("?")
    assert len(statements(module)) <= MOST_STATEMENTS


def test_scripts_and_captured_outputs_are_those_declared():
    scripts = {f"{item.script}.py" for _, item in declared()}
    captured = {path.name for _, _, path in outputs()}
    assert {path.name for path in SCRIPTS} == scripts
    assert {path.name for path in FOLDER.glob("*.txt")} == captured


@pytest.mark.slow
def test_scripts_print_what_is_committed_up_to_rounding():
    for script, backend, path in outputs():
        if backend == "jax":
            pytest.importorskip("jax")
        made, kept = undocumented.capture(script, backend), path.read_text(encoding="utf-8")
        # The first line names the version of Keras.
        made, kept = (text.partition("\n")[2] for text in (made, kept))
        assert NUMBER.sub("#", made) == NUMBER.sub("#", kept), path.name
        values = [[float(word) for word in NUMBER.findall(text)] for text in (made, kept)]
        assert values[0] == pytest.approx(values[1], abs=0.03), path.name


def test_a_failing_script_is_told_in_one_line(tmp_path):
    script = tmp_path / "fails.py"
    script.write_text("raise RuntimeError('no such layer')")
    with pytest.raises(SuiteError, match=r"fails\.py failed on tensorflow.*no such layer"):
        undocumented.capture(script)


def test_capture_keeps_warnings_once_and_without_the_place(tmp_path):
    script = tmp_path / "warns.py"
    script.write_text(
        "import warnings\nfor n in range(3):\n    warnings.warn('hm', stacklevel=1)\nprint('done')"
    )
    assert undocumented.capture(script) == "done\n\nUserWarning: hm\n"


def test_capture_runs_on_the_backend_that_it_is_told(tmp_path):
    script = tmp_path / "asks.py"
    script.write_text("import os\nprint(os.environ['KERAS_BACKEND'])")
    assert undocumented.capture(script, "jax") == "jax\n"


def test_refresh_writes_an_output_for_each_backend(tmp_path):
    (tmp_path / "lines.py").write_text("import os\nprint(os.environ['KERAS_BACKEND'])")
    paths = undocumented.refresh(tmp_path, [toy.make(undocumented=(ITEM,))])
    assert {path.name: path.read_text() for path in paths} == {
        "lines.txt": "tensorflow\n",
        "lines_jax.txt": "jax\n",
    }


# The page.


def rows_of(arm, solved, steps, mse):
    spread = np.arange(SEEDS) / 1000
    head = {"arm": arm, "seed": np.arange(SEEDS), "steps": steps, "diverged": False}
    return pd.DataFrame(head | {"solved": solved, "mse": mse + spread, "flat": float(not solved)})


@pytest.fixture
def made(tmp_path):
    """Returns `(folder, case, runs)` of a page by hand."""
    (tmp_path / "lines.txt").write_text("loss 0.125\n")
    (tmp_path / "lines_jax.txt").write_text("loss 8.5\n")
    case = toy.make(undocumented=(ITEM,))
    lines = [("broken", False, 8, 0.05), ("fixed", True, 20, 0.001), ("slow", False, 8, 0.05)]
    runs = pd.concat([rows_of(*line) for line in lines], ignore_index=True)
    return tmp_path, case, runs


def page(made, **changes):
    folder, case, runs = made
    return undocumented.page(
        folder, {case: toy.analysis(case, runs.assign(**changes))}, [ENVIRONMENT]
    )


def test_the_page_tells_what_where_since_and_what_was_printed(made):
    text = page(made)
    places = [
        text.index(part)
        for part in ("## 1. A line", "Nothing is said.", "Somewhere.", "It was said.")
        + ("[lines.py](lines.py)", "loss 0.125", "loss 8.5", "[toy](../toy/report.md)")
    ]
    assert places == sorted(places)


def test_the_page_shows_each_arm_by_its_longest_budget(made):
    text = page(made)
    assert "- `broken` (as asked), 40 seeds after 8 steps: median `mse` 0.069 [" in text
    assert "- `fixed` (`broken` with activation='tanh', epochs=5), 40 seeds after 20 steps" in text
    assert "- `slow` (a smaller rate: `broken` with learning_rate=0.01), 40 seeds" in text
    assert "`flat` in 100.0% [91.2%, 100.0%]" in text


def test_the_page_answers_each_question_from_the_same_seeds(made):
    text = page(made)
    assert "- fixed solves: supported (fixed solves 100.0% [91.2%, 100.0%] of 40 seeds" in text
    assert "- slow does as well as broken: " in text


def test_the_page_names_what_the_seeds_were_trained_on(made):
    assert "keras 3.99, tensorflow 2.99, numpy 2.9; an old system, an abacus" in page(made)


@pytest.mark.parametrize("arm", ITEM.shown)
@pytest.mark.parametrize("metric", ITEM.metrics)
def test_another_value_in_the_tables_is_another_page(made, arm, metric):
    runs = made[2]
    changed = runs[metric].where(runs["arm"] != arm, 0.5)
    assert page(made, **{metric: changed}) != page(made)


def test_another_answer_in_the_tables_is_another_page(made):
    text = page(made, solved=False)
    assert "fixed solves: contradicted" in text


@pytest.mark.parametrize("name", ["lines.txt", "lines_jax.txt"])
def test_another_output_is_another_page(made, name):
    before = page(made)
    (made[0] / name).write_text("loss 0.5\n")
    assert page(made) != before


def test_the_templates_hold_no_number_but_the_confidence():
    module = ast.parse((ROOT / "experiments/report/undocumented.py").read_text(encoding="utf-8"))
    names = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    parts = [names[name] for name in ("page", "_section", "_measured", "_line", "_clause", "_why")]
    docstrings = {ast.get_docstring(part, clean=False) for part in parts}
    texts = [
        node.value for part in parts for node in ast.walk(part) if isinstance(node, ast.Constant)
    ]
    texts = [text for text in texts if isinstance(text, str) and text not in docstrings]
    formats = {".1%", ".4g", ","}
    assert not [text for text in texts if re.search(r"\d", text) and text not in formats]
    assert set(re.findall(r"\d+", undocumented.HEAD + undocumented.FOOT)) == {"95"}


def test_a_page_without_a_captured_output_names_the_command(made):
    (made[0] / "lines.txt").unlink()
    with pytest.raises(SuiteError, match=r"python -m reproductions undocumented.*no lines\.txt"):
        page(made)


def test_an_arm_that_is_not_stored_is_refused(made):
    folder, case, runs = made
    with pytest.raises(SuiteError, match="no stored runs of arm 'slow'"):
        undocumented.page(folder, {case: toy.analysis(case, runs[runs["arm"] != "slow"])})


def test_a_metric_that_is_not_stored_is_refused(made):
    folder, case, runs = made
    with pytest.raises(SuiteError, match="Received: flat of broken"):
        undocumented.page(folder, {case: toy.analysis(case, runs.drop(columns="flat"))})


def test_a_case_that_declares_nothing_has_no_part(made):
    folder, _, runs = made
    assert "## 1" not in undocumented.page(folder, {toy.CASE: toy.analysis(toy.CASE, runs)})


def test_what_an_item_shows_and_asks_are_its_arms():
    assert ITEM.arms == ["broken", "fixed", "slow"]


# The committed page.


def test_the_committed_page_is_that_of_the_tables_and_outputs():
    cases = [reproductions.load(name) for name in reproductions.names()]
    found = {case: commands.analysis_of(case) for case in cases}
    environments = [made for one in found.values() for made in one.store.environments]
    text = undocumented.page(FOLDER, found, environments)
    committed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert committed == text, "run: python -m reproductions report"
