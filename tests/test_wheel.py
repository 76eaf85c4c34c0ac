"""The built wheel: installed into a fresh environment, it runs a case from an empty folder."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKED = ("experiments", "reproductions", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.slow


def pip(*arguments):
    # Sources on the path would count as installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    subprocess.run(command, check=True, env=environment)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Returns the path of the wheel, built from a copy: building writes beside the sources."""
    copy = tmp_path_factory.mktemp("sources")
    for name in PACKED:
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, copy / name)
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", copy / "dist", copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Returns a function that runs a module of the installed wheel, from an empty folder."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    pip("--python", python, "install", "--quiet", "--no-deps", wheel)
    paths = {"base": folder / "venv", "platbase": folder / "venv"}
    packages = pathlib.Path(sysconfig.get_path("purelib", "venv", paths))
    # The dependencies are those of this environment; a path does not bring its editable packages.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    (folder / "empty").mkdir()

    def run(*words):
        command = [python, "-m", *words]
        environment = {"PATH": "", "HOME": str(folder), "COLUMNS": "120"}
        return subprocess.run(
            command, cwd=folder / "empty", env=environment, capture_output=True, text=True
        )

    return run


def test_the_wheel_holds_what_the_checkout_holds(wheel):
    files = {
        path.relative_to(ROOT).as_posix()
        for package in ("experiments", "reproductions")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".md")
    }
    assert {"experiments/publish/page/web/page.js", "reproductions/evidence/sin_fit.py"} <= files
    with zipfile.ZipFile(wheel) as packed:
        assert files <= set(packed.namelist())


def test_a_case_runs_and_finds_its_evidence(installed):
    done = installed("reproductions.sum_hinge", "--seeds", "2", "--no-progress")
    assert done.returncode == 0, done.stderr
    written = {line.removeprefix("wrote ") for line in done.stdout.splitlines()}
    assert "out/sum_hinge/runs.csv" in written
    # Claims stand in the evidence alone.
    assert "out/sum_hinge/figures/claims.png" in written


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "sum_hinge"),
        ("report",),
        ("record", "sum_hinge"),
        ("check", "--seeds", "2"),
        ("figures",),
        ("animate",),
        ("page",),
        ("silently",),
    ],
)
def test_without_the_committed_results_a_command_says_where_they_are(installed, words):
    done = installed("reproductions", *words)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "clone the repository" in line


@pytest.mark.parametrize("words", [(), ("page", "--help"), ("export", "sum_hinge")])
def test_what_needs_no_results_works(installed, words):
    done = installed("reproductions", *words)
    assert done.returncode == 0, done.stderr
