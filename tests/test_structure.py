"""The structure: imports point one way, cases stay short, and only the command line prints."""

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

MOST_LINES = 400
# What a package may import from outside, apart from the standard library.
OUTSIDE = {
    "cases": set(),
    "stats": {"numpy", "scipy"},
    "training": {"numpy", "keras", "tensorflow", "psutil", "pandas"},
    "report": {"numpy", "pandas", "matplotlib", "PIL"},
    "check": {"numpy", "pandas", "matplotlib", "scipy"},
}
TENSORFLOW = {"training.program"}
SPEAK = {"cli", "benchmark"}
LIGHT = [
    "experiments.cli.app",
    "experiments.analysis.tables",
    "experiments.report.report",
    "experiments.runs.store",
]


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def library():
    """Returns `{module: syntax tree}` of the library, names without `experiments.`."""
    root = ROOT / "experiments"
    paths = [path for path in root.rglob("*.py") if path.parent != root]
    return {".".join(path.relative_to(root).with_suffix("").parts): tree(path) for path in paths}


def imported(module):
    """Yields every dotted name that a syntax tree imports, wherever it stands."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(module):
    """Returns the top-level packages a syntax tree imports, less the standard library."""
    tops = {name.partition(".")[0] for name in imported(module)}
    return tops - sys.stdlib_module_names - {"experiments", "reproductions"}


def called(module):
    """Returns the names of everything a syntax tree calls, as written."""
    return {ast.unparse(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}


def without(*left_out):
    """Returns the modules of all packages but these."""
    return sorted(name for name in library() if name.partition(".")[0] not in left_out)


# Packages. The order of their imports is a contract in pyproject.toml.


def test_packages_import_in_one_direction():
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_a_package_imports_nothing_else_from_outside(name):
    used = {
        p for module, t in library().items() if module.startswith(f"{name}.") for p in packages(t)
    }
    assert used <= OUTSIDE[name]


def test_tensorflow_is_imported_by_one_module_that_trains():
    users = {name for name in without("benchmark") if "tensorflow" in packages(library()[name])}
    assert users <= TENSORFLOW


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").rglob("*.py")), ids=lambda p: p.stem)
def test_a_module_has_at_most_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


# Cases and the library.


@pytest.mark.parametrize("name", without("cli", "benchmark"))
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


@pytest.mark.parametrize("name", without(*SPEAK))
def test_only_the_command_line_prints_or_exits(name):
    module = library()[name]
    assert not called(module) & {"print", "exit", "quit", "sys.exit", "os._exit", "input"}
    raised = [node.exc for node in ast.walk(module) if isinstance(node, ast.Raise) and node.exc]
    assert not [text for text in map(ast.unparse, raised) if text.startswith("SystemExit")]


def test_the_command_line_does_speak():
    assert {"print", "sys.exit"} <= called(library()["cli.console"])


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
