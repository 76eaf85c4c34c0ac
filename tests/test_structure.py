"""The house: imports point strictly down, and only the top floor speaks."""

import ast
import functools
import pathlib
import re
import subprocess
import sys

import pytest

import reproductions

ROOT = pathlib.Path(__file__).parent.parent
CASES = reproductions.names()

# The one order of the house; the README's picture shows the same, and a test below
# holds the two together. A module imports from lower levels only.
LEVELS = {
    # The case and what is trained.
    "errors": 0,
    "places": 1,
    "reasons": 1,
    "laws": 1,
    "devices": 1,
    "claims": 1,
    "setups": 1,
    "statistics": 1,
    "effects": 1,
    "markdown": 1,
    "looks": 1,
    "case": 2,
    "evidence_file": 3,
    "attribution": 2,
    "columns": 2,
    "sizes": 2,
    "plans": 3,
    "streams": 3,
    "era": 3,
    "keys": 3,
    "soundness": 3,
    "networks": 4,
    "measures": 4,
    "chunks": 4,
    "widths": 5,
    "exactness": 5,
    "reference": 5,
    "plain": 5,
    "yardsticks": 5,
    "metric_check": 5,
    "engine": 6,
    # How it is trained and kept.
    "files": 1,
    "locks": 1,
    "states": 2,
    "row_text": 3,
    "manifests": 2,
    "folder": 3,
    "store": 5,
    "blocks": 7,
    "units": 8,
    "workers": 9,
    "runner": 10,
    "cluster_node": 10,
    "cluster_crew": 11,
    "cluster": 12,
    # Enough seeds.
    "schedule": 1,
    "forecast": 1,
    "asked": 9,
    "calibration": 9,
    "decided": 10,
    "planner": 10,
    # What is said of it.
    "tables": 6,
    "study_manifest": 4,
    "study_file": 6,
    "symptoms": 6,
    "study_table": 7,
    "agreement": 7,
    "outcomes": 7,
    "readings": 7,
    "conclusion": 7,
    "period": 7,
    "study_view": 7,
    "failures": 8,
    "dissection": 8,
    "ledger": 8,
    "diagnosis": 8,
    "studies": 8,
    "replay": 8,
    "silently": 9,
    "faults": 9,
    "evidence": 9,
    "explain": 9,
    "story": 10,
    # Pictures and reports.
    "figures": 6,
    "marks": 7,
    "plates": 7,
    "heat_maps": 7,
    "statement_marks": 8,
    "evidence_marks": 9,
    "captions": 9,
    "study_figures": 10,
    "gallery": 10,
    "study_pages": 11,
    "reports": 12,
    "index": 13,
    # Animations.
    "stage": 2,
    "films": 6,
    "scenes": 7,
    "race_table": 8,
    "slices": 8,
    "twin_panels": 8,
    "race": 9,
    "race_maps": 9,
    "animations": 10,
    # The page.
    "page_frames": 7,
    "page_charts": 7,
    "page_arms": 8,
    "page_data": 9,
    "page": 10,
    # Scripts and notebooks.
    "script_fold": 1,
    "script_layout": 1,
    "script_read": 1,
    "script_source": 3,
    "script_model": 4,
    "script_check": 5,
    "script_parts": 6,
    "scripts": 7,
    "notebooks": 8,
    # The gate.
    "gate_statistics": 2,
    "gate_compare": 7,
    "gate_probes": 7,
    "gate_sample": 8,
    "gate": 9,
    "gate_view": 10,
    # The command line.
    "options": 1,
    "screen": 14,
    "commands": 15,
    "training": 16,
    "publishing": 16,
    "cli": 17,
}
SPEAK = {
    "screen",
    "commands",
    "training",
    "publishing",
    "cli",
}
KNOW_CASES = {"commands", "training", "publishing", "cli"}
# What the lowest floors may import from outside, apart from the standard library.
OUTSIDE = {
    "setups": set(),
    "claims": set(),
    "case": set(),
    "plans": set(),
    "statistics": {"numpy", "scipy"},
    "streams": {"numpy"},
    "measures": {"numpy"},
    "era": {"numpy", "keras"},
    "tables": {"numpy", "pandas"},
    "figures": {"matplotlib", "PIL"},
    "looks": set(),
    "gate_statistics": {"numpy", "scipy"},
    "marks": {"numpy", "matplotlib"},
}
TENSORFLOW = {"engine"}
LIGHT = ["experiments.cli", "experiments.tables", "experiments.reports", "experiments.store"]


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def library():
    """Returns `{module: syntax tree}` of the library."""
    paths = (ROOT / "experiments").glob("*.py")
    return {path.stem: tree(path) for path in paths}


def imported(module):
    """Yields every dotted name that a syntax tree imports, wherever it stands."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms(module):
    """Returns the modules of the library that a syntax tree imports."""
    names = (name.split(".") for name in imported(module))
    return {parts[1] for parts in names if parts[0] == "experiments" and parts[1] in LEVELS}


def packages(module):
    """Returns the top-level packages a syntax tree imports, less the standard library."""
    tops = {name.partition(".")[0] for name in imported(module)}
    return tops - sys.stdlib_module_names - {"experiments", "reproductions"}


def called(module):
    """Returns the names of everything a syntax tree calls, as written."""
    return {ast.unparse(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}


# Levels.


def test_every_module_has_a_level():
    assert set(library()) - {"__init__"} <= set(LEVELS)


def test_every_level_has_its_module():
    assert set(LEVELS) <= set(library())


def test_the_picture_in_the_readme_shows_the_same_levels():
    picture = (ROOT / "README.md").read_text(encoding="utf-8").split("```text")[1]
    shown = re.findall(r"^  (\w+)\.py +(\d+) ", picture.split("```")[0], re.MULTILINE)
    assert {name: int(level) for name, level in shown} == LEVELS


@pytest.mark.parametrize("name", sorted(set(library()) - {"__init__"}))
def test_imports_point_strictly_down(name):
    for other in rooms(library()[name]):
        assert LEVELS[other] < LEVELS[name], other


def test_the_package_itself_imports_nothing_heavy():
    assert rooms(library()["__init__"]) <= {"case", "evidence_file", "era"}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_module_imports_no_package_beyond_its_own(name):
    assert packages(library()[name]) <= OUTSIDE[name]


def test_tensorflow_is_imported_by_few():
    users = {name for name, module in library().items() if "tensorflow" in packages(module)}
    assert users <= TENSORFLOW


def test_the_level_stated_in_a_modules_docstring_is_its_level():
    stated = {}
    for name, module in library().items():
        found = re.search(r"^Room (\d+)", ast.get_docstring(module) or "", re.MULTILINE)
        if found:
            stated[name] = int(found[1])
    assert stated
    assert stated == {name: LEVELS[name] for name in stated}


# Cases and the library.


@pytest.mark.parametrize("name", sorted(set(library()) - KNOW_CASES))
def test_the_library_knows_no_case(name):
    module = library()[name]
    texts = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant)}
    assert not [n for n in imported(module) if n.partition(".")[0] == "reproductions"]
    assert not texts & set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_case_imports_the_library_and_never_another_case(name):
    module = tree(ROOT / "reproductions" / f"{name}.py")
    assert not {n for n in imported(module) if n.partition(".")[0] == "reproductions"}
    assert packages(module) <= {"numpy", "keras"}


@pytest.mark.parametrize("name", CASES)
def test_evidence_imports_the_library_and_its_own_case(name):
    module = tree(ROOT / "reproductions" / "evidence" / f"{name}.py")
    cases = {n for n in imported(module) if n.partition(".")[0] == "reproductions"}
    assert {n.rpartition(".")[0] for n in cases} <= {f"reproductions.{name}"}
    assert packages(module) <= {"numpy"}


@pytest.mark.parametrize("name", CASES)
def test_a_case_has_at_most_a_hundred_lines(name):
    text = (ROOT / "reproductions" / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100


@pytest.mark.parametrize("name", CASES)
def test_a_case_imports_keras_inside_model_only(name):
    module = tree(ROOT / "reproductions" / f"{name}.py")
    for part in module.body:
        if getattr(part, "name", "") != "model":
            assert "keras" not in packages(part)


@pytest.mark.parametrize("name", CASES)
def test_a_case_reads_setup_data_model_case_main_in_this_order(name):
    module = tree(ROOT / "reproductions" / f"{name}.py")
    places = {}
    for place, part in enumerate(module.body):
        if isinstance(part, ast.Assign):
            places |= {n.id: place for n in ast.walk(part.targets[0]) if isinstance(n, ast.Name)}
        elif isinstance(part, ast.ClassDef):
            places["setup"] = place
        elif isinstance(part, ast.FunctionDef):
            places[part.name] = place
    order = [places[part] for part in ("setup", "data", "model", "CASE")]
    assert order == sorted(order)
    assert ast.get_docstring(module)
    assert ast.unparse(module.body[-1]) == "if __name__ == '__main__':\n    main(CASE)"


# What importing costs.


def test_importing_cases_and_reports_imports_neither_tensorflow_nor_keras():
    modules = [*LIGHT, *(f"reproductions.{name}" for name in CASES)]
    code = f"import sys, {', '.join(modules)}\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert set(modules) <= loaded
    assert not {"tensorflow", "keras", "jax", "torch"} & loaded


def test_naming_the_cases_imports_none_of_them():
    code = "import sys, reproductions; reproductions.names(); print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "reproductions" in loaded
    assert not {f"reproductions.{name}" for name in CASES} & loaded


# Who speaks.


@pytest.mark.parametrize("name", sorted(set(library()) - SPEAK))
def test_only_the_command_line_prints_or_exits(name):
    module = library()[name]
    assert not called(module) & {"print", "exit", "quit", "sys.exit", "os._exit", "input"}
    raised = [node.exc for node in ast.walk(module) if isinstance(node, ast.Raise) and node.exc]
    assert not [text for text in map(ast.unparse, raised) if text.startswith("SystemExit")]


def test_the_command_line_does_speak():
    assert {"print", "sys.exit"} <= called(library()["screen"])


# No path of one machine.


@pytest.mark.parametrize("folder", ["experiments", "reproductions", "tests"])
def test_no_file_names_a_place_on_one_machine(folder):
    # Spelt in halves, so that this file does not name what it forbids.
    homes = [f"/{home}" for home in ("work", "tmp", "home", "root", "opt", "mnt", "Users")]
    pattern = re.compile(rf"(?<![\w.])({'|'.join(homes)})(/|\b)|\b[A-Z]:\\\\")
    paths = sorted((ROOT / folder).glob("**/*.py"))
    assert paths
    for path in paths:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not pattern.search(node.value), f"{path.name}: {node.value}"
