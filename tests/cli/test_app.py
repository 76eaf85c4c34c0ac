"""The command line: what a person types, and one clear line where it is wrong."""

import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

import reproductions
from experiments import Regression
from experiments.cases.errors import SuiteError
from experiments.cli import app, commands, options
from experiments.runs import locks
from tests import toy

ROOT = pathlib.Path(__file__).parents[2]


def command(*words, case=toy.CASE):
    """Runs a case's command in this process; returns the exit code."""
    with pytest.raises(SystemExit) as caught:
        app.main(case, [*words, "--no-progress"])
    return caught.value.code


def process(*words, cwd=ROOT, **environment):
    """Runs a Python command as a user would."""
    path = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=os.environ | path | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def assert_one_line(text, *words):
    assert text.count("\n") == 1, text
    assert text.startswith("Error: ")
    for word in words:
        assert word in text


BAD = [
    (("--seeds", "0"), 1, ("--seeds", "'0'")),
    (("--seeds", "-3"), 1, ("--seeds",)),
    (("--seeds", ""), 1, ("--seeds",)),
    (("--seeds", "many"), 1, ("--seeds", "'many'")),
    (("--seeds", "5-3"), 1, ("--seeds", "'5-3'")),
    (("--seeds", "1.5"), 1, ("--seeds",)),
    (("--seeds", "99999999999999999999"), 1, ("--seeds",)),
    (("--arms", "brokn"), 1, ("no arm 'brokn'", "Did you mean 'broken'?")),
    (("--arms", "bend+lnger"), 1, ("Received: lnger", "Did you mean 'longer'?")),
    (("--arms", ","), 1, ("No arms were named",)),
    (("--trainer", "engin"), 1, ("--trainer", "Did you mean 'engine'?")),
    (("--sed", "3"), 2, ("--sed", "--seeds")),
    (("--seeds",), 2, ("--seeds",)),
    (("surplus",), 2, ("surplus",)),
]


@pytest.mark.parametrize(("words", "code", "says"), BAD)
def test_bad_input_is_one_line_and_writes_nothing(words, code, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if words[-1] == "--seeds":
        with pytest.raises(SystemExit) as caught:
            app.main(toy.CASE, list(words))
        assert caught.value.code == code
    else:
        assert command(*words) == code
    assert_one_line(capsys.readouterr().err, *says)
    assert list(tmp_path.iterdir()) == []


LONG = "9" * 5000
HOSTILE = [
    ("--seeds", "9999999999-1"),
    ("--seeds", "0-0x10"),
    ("--seeds", "1--2"),
    ("--seeds", "1,2"),
    ("--seeds", "1e9"),
    ("--seeds", LONG),
    ("--seeds", "\x1b[31mred"),
    ("--arms", "a" * 100_000),
    ("--arms", "\ud800"),
    ("--arms", "../.."),
    ("--arms", "a\nb"),
    ("--trainer", "ENGINE"),
    ("--trainer", "\u202egnp.exe"),
    ("--out", "a\nb"),
    ("--out", "a\x00b"),
    ("--out", "x" * 256),
    ("--out", f"{os.sep}dev/null"),
    ("--cluster", "http://x"),
    ("--cluster", "[::1]:99999"),
]
HOSTILE_SUITE = [
    ("run", "--seeds", "9999999999-1"),
    ("run", "../../etc/passwd"),
    ("run", "__main__"),
    ("check", "--seeds", "1" + "0" * 30),
    ("check", "--first-seed", "-1"),
    ("explain", "sin_fit", "--seed", "1" + "0" * 30),
    ("export", "sin_fit", "--seed", "4294967296"),
    ("page", "--out", f"{os.sep}dev/zero"),
    ("figures", "--format", "svg,bmp"),
    ("figures", "\x1b[31m"),
    ("export", "sin_fit", "--arm", "+".join(["neck"] * 2000) + "+x"),
]


@pytest.mark.parametrize("words", [*HOSTILE, *HOSTILE_SUITE], ids=lambda words: repr(words)[:60])
def test_a_hostile_word_is_refused_in_one_line(words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        if words in HOSTILE:
            app.main(toy.CASE, list(words))
        else:
            app.suite(list(words))
    assert caught.value.code in (1, 2)
    text = capsys.readouterr().err
    assert_one_line(text)
    assert text.removesuffix("\n").isprintable()
    # A cluster is joined by whoever holds the folder's lock.
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {locks.NAME}


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("--trainer", "numpy", "--arms", "broken"),
        ("--trainer", "numpy", "--arms", "longer+longer,,broken", "--fresh"),
        ("--out", "new/../other", "--arms", "+".join(["longer"] * 1000)),
        ("--trainer", "reference", "--arms", "broken"),
        ("--arms", "slow", "--out", "💥"),
    ],
)
def test_what_is_odd_but_right_trains_and_stays_in_its_folder(words, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert command("--seeds", " 2 ", *words) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_an_unknown_case_gets_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as caught:
        app.suite(["run", "sin_fti"])
    assert caught.value.code == 1
    assert_one_line(capsys.readouterr().err, "no case 'sin_fti'", "Did you mean 'sin_fit'?")


def test_an_unknown_command_is_one_line(capsys):
    with pytest.raises(SystemExit) as caught:
        app.suite(["rnu"])
    assert caught.value.code == 2
    assert_one_line(capsys.readouterr().err, "rnu")


def test_a_foreign_folder_is_refused_and_kept(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert command("--out", str(tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "thesis.txt", "--out")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_unwritable_folder_is_refused_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("experiments.runs.runner.train", None)
    (tmp_path / "file").write_text("")
    assert command("--out", str(tmp_path / "file" / "below")) == 1
    assert_one_line(capsys.readouterr().err, "Cannot write", "--out")


def test_another_backend_is_one_line_and_writes_nothing(tmp_path):
    words = ("-m", "reproductions.sin_fit", "--out", str(tmp_path / "a"))
    found = process(*words, KERAS_BACKEND="jax")
    assert found.returncode == 1
    assert_one_line(found.stderr, "KERAS_BACKEND=tensorflow", "jax")
    assert list(tmp_path.iterdir()) == []


def test_help_answers_in_under_a_second():
    def timed():
        start = time.perf_counter()
        assert "--seeds" in process("-m", "reproductions.ln_fit", "--help").stdout
        return time.perf_counter() - start

    assert min(timed() for _ in range(3)) < 1.0


def test_the_suite_lists_every_case_with_what_it_shows():
    found = process("-m", "reproductions", COLUMNS="200")
    for name in reproductions.names():
        assert name in found.stdout
        assert reproductions.load(name).shows in found.stdout


@pytest.mark.parametrize(
    ("words", "recorded"),
    [
        (("--grids",), "record_grids"),
        (("--studies",), "record_grids"),
        (("--animations",), "record_animations"),
        (("--scenes",), "record_animations"),
    ],
)
def test_earlier_option_names_record_the_same(words, recorded, monkeypatch):
    called = []
    for name in ("record_grids", "record_animations"):
        monkeypatch.setattr(commands, name, lambda case, progress, name=name: called.append(name))
    monkeypatch.setattr(commands, "write_index", lambda folder: None)
    with pytest.raises(SystemExit) as caught:
        app.suite(["record", "sum_hinge", *words])
    assert (caught.value.code, called) == (0, [recorded])


@pytest.mark.parametrize("name", ["undocumented", "silently"])
def test_the_earlier_command_name_runs_the_same(name, monkeypatch, capsys):
    made = commands.ROOT / "results" / "made"
    monkeypatch.setattr("experiments.report.undocumented.refresh", lambda *_: [made])
    monkeypatch.setattr(commands, "write_index", lambda folder: None)
    with pytest.raises(SystemExit) as caught:
        app.suite([name])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"wrote {made.relative_to(commands.ROOT)}\n"


@pytest.mark.parametrize(
    ("words", "shown", "hidden"),
    [
        (("--help",), ("undocumented",), ("silently",)),
        (("record", "--help"), ("--grids", "--animations"), ("--studies", "--scenes")),
        (("run", "--help"), ("combinations", "variants"), ("lattice", "rivals")),
    ],
)
def test_help_names_no_alias(words, shown, hidden, capsys):
    with pytest.raises(SystemExit):
        app.suite(list(words))
    text = capsys.readouterr().out
    assert all(word in text for word in shown)
    assert not any(word in text for word in hidden)


def test_a_run_prints_what_differs_and_what_came_of_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert command("--seeds", "4", "--out", str(tmp_path / "a")) == 0
    text = capsys.readouterr().out
    for word in ("a line cannot bend", "activation", "as broken", "verdict", "Yardsticks"):
        assert word in text
    written = re.findall(r"wrote (\S+)", text)
    assert {pathlib.Path(path).name for path in written} == {
        "report.md",
        *("fit.md", "learning_curves.md", "distribution.md"),
        "fit.svg",
        "fit.png",
        "learning_curves.svg",
        "learning_curves.png",
        "distribution.svg",
        "distribution.png",
        "runs.csv",
        "summary.csv",
        "curves.csv",
        "seeds.csv",
    }
    for path in written:
        assert pathlib.Path(path).stat().st_size > 100


def test_a_second_run_says_that_nothing_was_missing(tmp_path, capsys):
    out = ("--out", str(tmp_path / "a"), "--seeds", "3")
    command(*out)
    before = {p.name: p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()}
    capsys.readouterr()
    command(*out)
    assert "trained 0 rows, 6 were there already" in capsys.readouterr().out
    after = {p.name: p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()}
    assert before == after


def test_fresh_starts_over(tmp_path, capsys):
    out = ("--out", str(tmp_path / "a"))
    command(*out, "--seeds", "3")
    capsys.readouterr()
    command(*out, "--seeds", "2", "--fresh")
    assert "trained 4 rows\n" in capsys.readouterr().out


def test_a_changed_case_is_stale_and_the_line_names_fresh(tmp_path, capsys):
    out = ("--out", str(tmp_path / "a"), "--seeds", "2")
    command(*out)
    capsys.readouterr()
    changed = toy.make(broken=toy.Toy(learning_rate=0.2))
    assert command(*out, case=changed) == 1
    assert_one_line(capsys.readouterr().err, "--fresh", "stale")


def test_a_damaged_file_is_one_line_and_kept(tmp_path, capsys):
    out = ("--out", str(tmp_path / "a"), "--seeds", "2")
    command(*out)
    path = tmp_path / "a/runs.csv"
    damaged = path.read_text().replace("broken,1", "broken,7")
    path.write_text(damaged)
    capsys.readouterr()
    assert command(*out) == 1
    assert_one_line(capsys.readouterr().err, "runs.csv, line 3 is damaged")
    assert path.read_text() == damaged


def test_a_cut_run_is_plainly_labelled(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    base = toy.make_stream()
    case = toy.make(**{**vars(base), "quick_steps": 100})
    assert command("--seeds", "2", "--out", str(tmp_path / "a"), case=case) == 0
    assert "100 (cut; documented 250)" in capsys.readouterr().out
    assert command("--seeds", "2", "--full", "--out", str(tmp_path / "b"), case=case) == 0
    text = capsys.readouterr().out
    assert "(cut;" not in text
    assert "250" in text


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [0, 1, 2]), ("5-7", [5, 6, 7]), ("4-4", [4]), (" 2 ", [0, 1])]
)
def test_seeds_are_a_number_or_a_range(text, seeds):
    assert options.parse_seeds(text) == seeds


def test_seeds_of_nothing_are_refused():
    with pytest.raises(SuiteError, match="number such as 32"):
        options.parse_seeds("a-b")


def test_a_case_file_outside_the_repository_has_the_same_command_line(tmp_path):
    text = (ROOT / "README.md").read_text()
    source = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    (tmp_path / "parabola.py").write_text(source)
    found = process("parabola.py", "--seeds", "6", "--arms", "combinations", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "parabola: trained 12 rows" in found.stdout
    assert "solves" in found.stdout or "undecided" in found.stdout
    assert (tmp_path / "out/parabola/report.md").exists()
    again = process("parabola.py", "--seeds", "x", cwd=tmp_path)
    assert again.returncode == 1
    assert_one_line(again.stderr, "--seeds")


def test_report_rebuilds_without_tensorflow(tmp_path):
    code = (
        "import sys; from experiments import cli\n"
        "try: cli.suite(['report', 'sum_hinge', '--out', sys.argv[1]])\n"
        "except SystemExit as end: print('code', end.code)\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    with pytest.raises(SystemExit):
        case = reproductions.load("sum_hinge")
        app.main(case, ["--seeds", "2", "--no-progress", "--out", str(tmp_path / "sum_hinge")])
    before = {p: p.read_bytes() for p in (tmp_path / "sum_hinge").rglob("*") if p.is_file()}
    found = process("-c", code, str(tmp_path))
    assert found.stdout.endswith("code 0\n[]\n"), found.stdout + found.stderr
    after = {p: p.read_bytes() for p in (tmp_path / "sum_hinge").rglob("*") if p.is_file()}
    assert before == after


def test_published_points_without_the_fixed_arm_are_passed_over(tmp_path):
    task = Regression(toy.target, points=(0.25,), published_mse=1e-3)
    case = toy.make(task=task)
    assert command("--seeds", "2", "--arms", "broken", "--out", str(tmp_path), case=case) == 0
    assert "published points" not in (tmp_path / "report.md").read_text()
