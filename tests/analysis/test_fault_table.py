"""The table of faults, against lattices decided by hand."""

import itertools
import pathlib

import pandas as pd
import pytest

import reproductions
from experiments import Recorded, fix
from experiments.analysis import fault_table, tables
from experiments.cases.evidence import find_evidence
from experiments.cli import commands
from experiments.stats import intervals
from tests import toy

ROOT = pathlib.Path(__file__).parents[2]
CASES = reproductions.names()
SEEDS = 100
FIXES = {"a": fix("first", activation="tanh"), "b": fix("second", learning_rate=0.5)}
FAULTS = {
    "a": "Model > Layers > Activation Function > Wrong type of activation function",
    "b": "Training > Hyperparameters > Suboptimal learning rate",
}
BOTH = f"{FAULTS['a']}; {FAULTS['b']}"


def case_of(fixes=FIXES, **changes):
    parts = {"faults": FAULTS, "variants": {}, "recorded": (Recorded("lattice", SEEDS),)}
    return toy.make(fixes=fixes, **parts | changes)


def runs_of(case, solves, num_seeds=SEEDS):
    """Rows of a whole lattice: `solves(fixes, seed)` decides each run."""
    rows = []
    for size in range(len(case.fixes) + 1):
        for chosen in itertools.combinations(case.fixes, size):
            arm = {0: "broken", len(case.fixes): "fixed"}.get(size, "+".join(chosen))
            for seed in range(num_seeds):
                solved = bool(solves("".join(chosen), seed))
                error, r2 = (1e-6, 1.0) if solved else (5.0, 0.0)
                rows.append((arm, seed, case.arm(arm).num_steps, False, solved, error, r2))
    names = ["arm", "seed", "steps", "diverged", "solved", "mse", "r2"]
    return pd.DataFrame(rows, columns=names).assign(flat=0.0, output_mean=0.0)


def table(case, runs):
    return fault_table.table({case: toy.analysis(case, runs)})


def lines(case, solves, **changes):
    """The table as `{fix: row}`."""
    found = table(case, runs_of(case, solves, **changes))
    return {row["fix"]: row for row in found.to_dict("records")}


def both(fixes, seed):
    return fixes == "ab"


def only_a(fixes, seed):
    return "a" in fixes


def either(fixes, seed):
    return bool(fixes)


def test_a_pair_and_each_of_its_fixes_is_a_line():
    found = lines(case_of(), both)
    assert {fix: row["kind"] for fix, row in found.items()} == {
        "a+b": "pair",
        "a": "one fix",
        "b": "one fix",
    }
    assert {row["pair"] for row in found.values()} == {"toy"}
    assert {row["symptom"] for row in found.values()} == {"predictions lie on a line"}


def test_the_class_of_a_fault_is_that_of_the_fixes_that_mend_it():
    found = lines(case_of(), both)
    assert {fix: row["fault_class"] for fix, row in found.items()} == FAULTS | {"a+b": BOTH}


def test_fixes_of_one_class_name_it_once():
    case = case_of(faults=dict.fromkeys(FIXES, FAULTS["a"]))
    assert fault_table.fault(find_evidence(case).faults, case.fixes) == FAULTS["a"]


@pytest.mark.parametrize(
    "solves, minimal_fix, minimal",
    [
        (both, "a+b", {"a+b": "yes", "a": "no", "b": "no"}),
        (only_a, "a", {"a+b": "no", "a": "yes", "b": "no"}),
        (either, "a or b", {"a+b": "no", "a": "yes", "b": "yes"}),
        (lambda fixes, seed: False, "", {"a+b": "no", "a": "no", "b": "no"}),
        (lambda fixes, seed: True, "broken", {"a+b": "no", "a": "no", "b": "no"}),
    ],
)
def test_minimal_fixes_by_hand(solves, minimal_fix, minimal):
    found = lines(case_of(), solves)
    assert {row["minimal_fix"] for row in found.values()} == {minimal_fix}
    assert {fix: row["minimal"] for fix, row in found.items()} == minimal


def test_a_minimal_set_of_several_fixes_has_its_own_line():
    three = FIXES | {"c": fix("third", dropout=0.5)}
    case = case_of(three, faults=FAULTS | {"c": FAULTS["b"]})
    found = lines(case, lambda fixes, seed: {"a", "b"} <= set(fixes))
    assert found["a+b"]["kind"] == "set of fixes"
    assert found["a+b"]["minimal"] == "yes"
    assert found["a+b+c"]["kind"] == "pair"
    assert len(found) == 5


def test_rates_are_wilson_intervals_of_the_counts():
    found = lines(case_of(), lambda fixes, seed: seed < {"": 3, "a": 50, "b": 7, "ab": 97}[fixes])
    for fixes, count in {"a": 50, "b": 7, "a+b": 97}.items():
        for side, number in {"broken": 3, "fixed": count}.items():
            rate = intervals.rate(number, SEEDS)
            row = [found[fixes][f"{side}_{name}"] for name in fault_table.RATE]
            assert row == [rate.estimate, rate.low, rate.high, SEEDS]
    assert found["a"]["verdict"] == "depends on the seed"
    assert found["a+b"]["verdict"] == "solves"


def test_the_diagnosis_is_of_the_broken_side():
    found = lines(case_of(), both)
    assert all(row["diagnosis"].startswith("Of 100 seeds ") for row in found.values())


def test_a_lattice_without_a_fix_is_a_set_of_fixes_beside_the_documented_pair():
    case = case_of(recorded=(Recorded("lattice", SEEDS, without=("b",)),))
    runs = runs_of(case, both)
    found = table(case, runs[runs["arm"] != "b"])
    assert found[["kind", "fix", "budget"]].to_numpy().tolist() == [
        ["pair", "a+b", fault_table.DOCUMENTED],
        ["set of fixes", "a", "8 updates"],
    ]
    assert found["minimal"].tolist() == ["", "no"]


def test_the_documented_pair_has_the_seeds_of_each_side():
    case = case_of(recorded=(Recorded("lattice", SEEDS, without=("b",)),))
    runs = runs_of(case, both)
    runs = runs[(runs["arm"] == "broken") | ((runs["arm"] == "fixed") & (runs["seed"] < 16))]
    (row,) = table(case, runs).to_dict("records")
    assert (row["broken_num_seeds"], row["fixed_num_seeds"]) == (100, 16)
    assert row["verdict"] == "solves"


def test_nothing_stored_gives_no_line():
    case = case_of()
    assert not len(table(case, runs_of(case, both).iloc[:0]))


# The committed table.


@pytest.mark.parametrize("name", CASES)
def test_every_fix_is_classed_by_names_of_the_taxonomy(name):
    case = reproductions.load(name)
    classes = find_evidence(case).faults
    assert set(classes) == set(case.fixes)
    for words in classes.values():
        for one in words.split("; "):
            levels = one.split(" > ")
            assert levels[0] in fault_table.TOP_CLASSES
            assert len(levels) >= 3


def test_the_committed_table_is_that_of_the_runs():
    cases = [reproductions.load(name) for name in CASES]
    made = tables.to_csv(fault_table.table({case: commands.analysis_of(case) for case in cases}))
    committed = (ROOT / "results" / "faults.csv").read_text(encoding="utf-8")
    assert committed == made, "run: python -m reproductions report"
