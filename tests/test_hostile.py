"""Hostile input: it runs, or says what is wrong in one line that any screen can bear."""

import ast
import contextlib
import dataclasses
import os
import pathlib
import pickle
import re
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from experiments import (
    cli,
    durability_hostile,
    durability_settings,
    durability_small,
    errors,
    networks,
    places,
    reasons,
    sizes,
    soundness,
)
from experiments.case import CaseError, Regression, SuiteError, fix, variant
from experiments.durability_fence import Fence
from experiments.durability_settings import ESCAPED, OWN, RAN, REFUSED
from experiments.durability_small import Small, make
from experiments.durability_words import COMMANDS, Words

ROOT = pathlib.Path(__file__).parent.parent
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


def escaped(rows):
    return [row for row in rows if row[2] == ESCAPED]


# One line.


@given(ANY_TEXT)
def test_a_line_can_be_printed_anywhere(text):
    line = errors.one_line(text)
    assert line.isprintable()
    line.encode("utf-8")
    assert errors.one_line(line) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines,\t and  blanks ", "two lines, and blanks"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("half \ud800", "half \\ud800"),
        ("a\u202eb", "a\\u202eb"),
        ("plain é 日本", "plain é 日本"),
    ],
)
def test_what_cannot_be_printed_is_spelt_out(text, line):
    assert errors.one_line(text) == line


def test_a_long_line_loses_its_middle():
    line = errors.one_line("a" * 50_000 + "b" * 50_000)
    assert len(line) <= errors.LONGEST_LINE
    assert re.fullmatch(r"a+ \.\.\. b+", line)


def test_a_value_that_cannot_say_what_it_is_is_shown_by_its_kind():
    class Mute:
        def __repr__(self):
            raise RuntimeError

    assert errors.shown(Mute()) == "Mute (RuntimeError)"
    assert errors.shown(10**5000) == "int (ValueError)"
    assert errors.shown("\x1b") == "'\\x1b'"


def test_the_nearest_name_of_a_very_long_one_is_found_at_once():
    assert errors.nearest("x" * 10**7, ["broken", "fixed"]) == ""
    assert errors.nearest("brokn", ["broken"]) == " Did you mean 'broken'?"


def test_errors_travel_between_processes():
    for kind in (SuiteError, CaseError):
        found = pickle.loads(pickle.dumps(kind("words")))
        assert (type(found), str(found)) == (kind, "words")


# Kinds.


@pytest.mark.parametrize(
    ("make_it", "words"),
    [
        (lambda: Regression(5), "'target' of a Regression must be of the kind Callable"),
        (lambda: Regression(abs, points=(0.5, "x")), r"'points' .* tuple\[float, \.\.\.\]"),
        (lambda: Regression(abs, also_from="x"), r"'also_from' .* float \| None"),
        (lambda: Regression(abs, also_from=1.0), "from 0 to below 1"),
        (lambda: make(name=5), "Field 'name' of a Case must be of the kind str. Received: 5"),
        (lambda: make(fixes={5: fix("x", epochs=3)}), r"Mapping\[str, setups.Fix\]"),
        (lambda: make(claims=("x",)), r"tuple\[claims.Claim, \.\.\.\]"),
        (lambda: make(block_width=True), r"'block_width' .* int \| None"),
        (lambda: make(data=lambda s: s), r"data is a function of \(setup, rng, size\)"),
        (lambda: make(name="a" * 101), "at most 100"),
        (lambda: Small(hidden=(10**400,)), "at most 1,000 bits. Received: 1,329 bits"),
        (lambda: Small(loss="a" * 20_000), "at most 10,000 characters. Received: 20,000"),
        (lambda: Small(loss="\ud800"), "must hold text"),
        (lambda: make(broken=Small(epochs=10**18)), "at most 9,007,199,254,740,992 updates"),
        (lambda: make(broken=Small(num_samples=1, validation_split=0.5)), "at least one sample"),
    ],
)
def test_a_wrong_part_is_refused_when_it_is_made(make_it, words):
    with pytest.raises(CaseError, match=words):
        make_it()


def test_a_whole_number_will_do_for_a_float():
    assert Regression(abs, also_from=0).also_from == 0


def test_a_deep_tuple_is_refused():
    value = ()
    for _ in range(5000):
        value = (value,)
    with pytest.raises(CaseError, match="plain values"):
        Small(hidden=value)


# Places.


@given(ANY_TEXT)
@settings(max_examples=200)
def test_any_text_is_a_place_or_refused(text):
    for kind in (places.folder, places.file):
        with contextlib.suppress(SuiteError):
            assert isinstance(kind(text), pathlib.Path)


@pytest.mark.parametrize("text", ["", " ", "a\x00b", "a\nb", "\x1b[31m", "\udcff", "x" * 300])
def test_what_is_no_name_is_no_place(text):
    for kind in (places.folder, places.file):
        with pytest.raises(SuiteError, match="--out must be"):
            kind(text)


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    refused = [
        (places.folder, "file", "must name a folder"),
        (places.folder, "pipe", "must name a folder"),
        (places.folder, "loop", "leads nowhere"),
        (places.file, "loop", "leads nowhere"),
        (places.file, "pipe", "must name a file"),
        (places.file, ".", "must name a file"),
        (places.file, "file/below", "in a folder"),
    ]
    for kind, name, words in refused:
        with pytest.raises(SuiteError, match=words):
            kind(str(tmp_path / name))
    assert places.file(str(tmp_path / "new")) == tmp_path / "new"
    assert places.folder(str(tmp_path / "new/er")) == tmp_path / "new/er"


def test_what_the_disk_refuses_is_one_line(tmp_path):
    with pytest.raises(SuiteError, match="Cannot write to out.*No such file"):
        with places.writing("out"):
            (tmp_path / "not" / "there").write_text("")


# The fence.


def test_the_fence_hears_and_refuses_what_leads_outside(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "way").symlink_to(outside)
    tries = [
        lambda: (outside / "file").write_text("x"),
        lambda: (inside / ".." / "outside" / "file").write_text("x"),
        lambda: (inside / "way" / "file").write_text("x"),
        lambda: (outside / "folder").mkdir(),
        lambda: os.rename(inside / "file", outside / "file"),
        lambda: os.system("true"),
    ]
    with Fence(inside) as fence:
        (inside / "file").write_text("x")
        for number, attempt in enumerate(tries, start=1):
            with pytest.raises(PermissionError):
                attempt()
            assert len(fence.crossed) == number
        assert (inside / "file").read_text() == "x"
    assert list(outside.iterdir()) == []
    (outside / "file").write_text("x")


# Command lines.


def test_hostile_lines_run_or_say_one_line():
    rows = durability_hostile.command_lines(40, 60, 1, durability_hostile.Quiet())
    assert not escaped(rows)
    assert {(row[0], row[2]) for row in rows} == {
        (kind, came_of) for kind in ("case", "suite") for came_of in (RAN, REFUSED)
    }


def test_lines_are_made_from_the_seed_and_differ():
    def lines(seed):
        words = Words(seed, ["a"], ["broken"], ["out"])
        return [words.suite_line() for _ in range(300)]

    assert lines(1) == lines(1) != lines(2)
    assert len(set(map(tuple, lines(1)))) > 200


def test_every_command_of_the_suite_is_tried(capsys):
    with pytest.raises(SystemExit):
        cli.suite(["--help"])
    listed = capsys.readouterr().out.split("Commands:")[1]
    assert set(re.findall(r"^  (\w+)", listed, re.MULTILINE)) <= set(COMMANDS)


@pytest.mark.parametrize(
    ("run", "came_of"),
    [
        (lambda: sys.exit(0), RAN),
        (lambda: print("no exit"), ESCAPED),
        (lambda: 1 / 0, ESCAPED),
        (lambda: sys.exit(1), ESCAPED),
        (lambda: (print("Error: \x1b[31m", file=sys.stderr), sys.exit(1)), ESCAPED),
        (lambda: (print("Error: a\nb", file=sys.stderr), sys.exit(1)), ESCAPED),
        (lambda: (print("Error: a", file=sys.stderr), sys.exit(3)), ESCAPED),
        (lambda: (print("Error: a", file=sys.stderr), sys.exit(2)), REFUSED),
    ],
)
def test_the_judge_of_lines_can_say_no(run, came_of):
    assert durability_hostile.judged(run)[0] == came_of


HOSTILE = [
    ("run", "--seeds", "9999999999-1"),
    ("run", "--seeds", "0-0x10"),
    ("run", "../../etc/passwd"),
    ("run", "__main__"),
    ("check", "--seeds", "1" + "0" * 30),
    ("check", "--first-seed", "-1"),
    ("explain", "sin_fit", "--seed", "1" + "0" * 30),
    ("export", "sin_fit", "--seed", "4294967296"),
    ("page", "--out", f"{os.sep}dev/zero"),
    ("figures", "--format", "svg,bmp"),
    ("figures", "\x1b[31m"),
]


@pytest.mark.parametrize("words", HOSTILE)
def test_a_hostile_word_is_refused_in_one_line(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    came_of, says = durability_hostile.judged(lambda: cli.suite(list(words)))
    assert came_of == REFUSED, says
    assert not list(tmp_path.iterdir())


def test_a_backend_with_control_characters_is_one_line(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "\x1b[31mjax")
    monkeypatch.setattr(networks.sys, "modules", {})
    with pytest.raises(SuiteError) as caught:
        networks.check_backend()
    assert "\\x1b[31mjax" in errors.one_line(caught.value)


# Settings.


@pytest.mark.parametrize("kind", durability_settings.KINDS)
@pytest.mark.filterwarnings("ignore")
def test_hostile_settings_run_or_say_one_line(kind):
    rows = [(kind, *row) for row in durability_settings.made(kind, 60, 1, [make()])]
    assert not escaped(rows)
    assert {REFUSED, RAN} <= {row[2] for row in rows}


def came_of(**parts):
    return durability_settings.attempted(lambda: make(**parts))


def test_a_mistake_of_the_case_keeps_its_traceback():
    def data(s, rng, size):
        raise RuntimeError("a mistake")

    found, says = came_of(data=data)
    assert found == OWN
    assert "RuntimeError" in says


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (Small(activation="nonsense"), "small: the arm 'broken' cannot be built.*'?nonsense"),
        (Small(optimizer="nonsense"), "cannot be built"),
        (Small(loss="nonsense"), "cannot be built"),
        (Small(hidden=(-3,)), "cannot be built"),
        (Small(dropout=1.5), "cannot be built"),
        (Small(hidden=(10**12,)), "more memory than this machine has"),
        (Small(num_samples=10**12), "more memory than this machine has"),
    ],
)
def test_what_keras_or_the_machine_refuses_is_one_line(setup, words):
    found, says = came_of(broken=setup, fixes={"calls": fix("two", calls=2)}, variants={})
    assert found == REFUSED
    assert re.search(words, says), says


def test_a_rate_that_is_no_number_is_a_run_that_diverges():
    assert came_of(broken=Small(learning_rate=float("nan")))[0] == RAN


def test_a_reason_names_the_arm_and_keeps_the_cause():
    with pytest.raises(SuiteError, match="the arm 'slow' cannot be trained.*MemoryError") as caught:
        with reasons.told(make(), make().arm("slow")):
            raise MemoryError
    assert isinstance(caught.value.__cause__, MemoryError)


def test_a_mistake_of_the_library_is_no_setting():
    with pytest.raises(ZeroDivisionError):
        with reasons.told(make(), Small()):
            1 / 0


def test_an_arm_without_a_name_is_its_setup():
    assert reasons.arm_words(make(), Small(epochs=5)) == "'longer'"
    assert "epochs=77" in reasons.arm_words(make(), Small(epochs=77))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda x, y: None, r"must return \(x, y\)"),
        (lambda x, y: (x, y[..., 0]), r"return y of shape \(\*size, columns\)"),
        (lambda x, y: (np.repeat(x, 3, -1), y), "x has 3 columns, the network takes 1"),
        (lambda x, y: (x, np.repeat(y, 2, -1)), "y has 2 columns, the network returns 1"),
        (lambda x, y: (x.astype(str), y), "data's x|data\\(\\)'s x must be an array of numbers"),
    ],
)
def test_data_that_do_not_fit_are_named(values, words):
    def data(s, rng, size):
        return values(*durability_small.data(s, rng, size))

    with pytest.raises(SuiteError, match=words):
        soundness.check(make(data=data), Small(), 1, 1)


def test_training_needs_at_least_its_samples_and_weights():
    sized = dict(num_columns=2, num_weights=10, num_units=4)
    # 100 samples of 2 columns: 8 + 4 + 4 bytes each, and 8 for their order; 3 copies of 10
    # weights; 1,000 answers of 4 units.
    alone = 100 * (2 * 16 + 8) + 4 * (3 * 10 + 1000 * 4)
    assert sizes.training_bytes(100, 10, 1, **sized) == alone
    assert sizes.training_bytes(100, 10, 16, **sized) == 16 * alone


def test_a_stack_that_does_not_fit_is_refused(monkeypatch):
    model = networks.build(make(), Small())
    monkeypatch.setattr(sizes, "memory", lambda: 100_000)
    networks.check_memory(make(), Small(), model)
    with pytest.raises(SuiteError, match="16 seeds at once"):
        networks.check_memory(make(), Small(), model, 16)


# What is read is data.

# Programs of a case are code: one is folded to a plain script, the other run to be checked.
RUN_CODE = {"script_fold": {"eval"}, "script_check": {"eval", "exec"}}
# Between the processes of one program, which is transport: no stored result is a pickle.
PASS_ON = {name: {"pickle"} for name in ("workers", "cluster_node", "durability_points")}
NEVER = ("marshal", "shelve", "dill", "joblib", "yaml", "cloudpickle")


def library():
    """Yields `(name, syntax tree)` of every module."""
    paths = [*(ROOT / "experiments").glob("*.py"), *(ROOT / "reproductions").glob("*.py")]
    for path in sorted(paths):
        yield path.stem, ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "module"), [*library()])
def test_nothing_that_is_read_is_ever_run(name, module):
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    named = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    assert named & {"eval", "exec", "__import__"} <= RUN_CODE.get(name, set())
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module).partition(".")[0]
        for node in ast.walk(module)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert imported & {"pickle", *NEVER} <= PASS_ON.get(name, set())
    for call in calls:
        assert ast.unparse(call.func) not in ("pd.read_pickle", "pandas.read_pickle")
        for word in call.keywords:
            if word.arg == "allow_pickle":
                assert ast.unparse(word.value) == "False"
            assert word.arg != "shell", name
        if ast.unparse(call.func).endswith("np.load"):
            assert any(word.arg == "allow_pickle" for word in call.keywords)


@pytest.mark.slow
def test_five_thousand_hostile_inputs():
    found = durability_hostile.measure(5000, 3)
    assert len(found) == 5000
    bad = found[found["came_of"] == ESCAPED]
    assert not len(bad), bad.to_string()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_lines_that_train_for_real_stay_in_their_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    networks.load_keras()
    lines = [
        ("--seeds", "2", "--trainer", "numpy", "--arms", "broken"),
        ("--seeds", "2", "--trainer", "numpy", "--arms", "longer+longer,,broken", "--fresh"),
        ("--seeds", "3-4", "--out", "new/../other", "--arms", "+".join(["longer"] * 1000)),
        ("--seeds", " 1 ", "--trainer", "reference", "--arms", "broken", "--no-progress"),
        ("--seeds", "1", "--arms", "slow", "--out", "💥"),
    ]
    for number, words in enumerate(lines):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        with Fence(tmp_path / str(number)) as fence:
            came, says = durability_hostile.judged(lambda: cli.main(make(), list(words)))
        assert (came, fence.crossed) == (RAN, []), says


@pytest.mark.slow
def test_a_chain_of_rivals_as_long_as_you_like():
    case = make(variants=durability_settings.chain(1200))
    assert case.arm("rival1199").epochs == 10 + 1199
    assert dataclasses.replace(case, name="other").name == "other"


def test_rivals_in_a_circle_are_refused():
    circle = {"a": variant("x", start="b", epochs=3), "b": variant("x", start="a", epochs=4)}
    with pytest.raises(CaseError, match="start from each other"):
        make(variants=circle)
