"""What fixes are worth, and the answer in words, against games worked by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from experiments import Recorded, fix
from experiments.analysis.ablation import flips
from experiments.analysis.conclusion import conclude
from experiments.stats.interim import FIXED
from tests import toy

FIXES = {
    "a": fix("first", activation="tanh"),
    "b": fix("second", learning_rate=0.5),
    "c": fix("third", dropout=0.5),
}
WORST = 5.0


def case_of(names="ab", **changes):
    return toy.make(fixes={name: FIXES[name] for name in names}, variants={}, **changes)


def runs_of(case, solves, num_seeds=100, mse=lambda solved, fixes: 1e-6 if solved else WORST):
    """Rows of a whole lattice: `solves(fixes, seed)` decides each run."""
    rows = []
    for size in range(len(case.fixes) + 1):
        for chosen in itertools.combinations(case.fixes, size):
            arm = {0: "broken", len(case.fixes): "fixed"}.get(size, "+".join(chosen))
            for seed in range(num_seeds):
                solved = bool(solves("".join(chosen), seed))
                error = mse(solved, chosen)
                r2 = 1.0 if solved else 0.0
                rows.append((arm, seed, case.arm(arm).num_steps, False, solved, error, r2))
    names = ["arm", "seed", "steps", "diverged", "solved", "mse", "r2"]
    return pd.DataFrame(rows, columns=names)


def both(fixes, seed):
    return fixes == "ab"


def either(fixes, seed):
    return bool(fixes)


def only_a(fixes, seed):
    return "a" in fixes


def a_undone_by_b(fixes, seed):
    return fixes == "a"


def found(rows, kind, fixes, quantity="verdict"):
    """The one row of a kind, a set of fixes and a quantity."""
    chosen = rows[(rows["kind"] == kind) & (rows["fixes"] == fixes)]
    (row,) = chosen[chosen["quantity"] == quantity].to_dict("records")
    return row


def ablation_text(solves, names="ab", **options):
    case = case_of(names)
    return toy.analysis(case, runs_of(case, solves, **options)).ablation


# Attributions.


@pytest.mark.parametrize(
    "solves, value_a, value_b, interaction",
    [(both, 0.5, 0.5, 1.0), (either, 0.5, 0.5, -1.0), (only_a, 1.0, 0.0, 0.0)],
)
def test_shapley_values_and_interactions_of_small_games(solves, value_a, value_b, interaction):
    rows = ablation_text(solves)
    assert found(rows, "shapley", "a", "solved")["estimate"] == pytest.approx(value_a)
    assert found(rows, "shapley", "b", "solved")["estimate"] == pytest.approx(value_b)
    assert found(rows, "interaction", "a+b", "solved")["estimate"] == pytest.approx(interaction)


def test_a_share_of_the_seeds_is_a_share_of_the_value():
    rows = ablation_text(lambda fixes, seed: fixes == "ab" and seed % 4 == 0)
    assert found(rows, "shapley", "a", "solved")["estimate"] == pytest.approx(0.125)


def test_shapley_values_of_log_errors_share_out_the_whole_difference():
    rows = ablation_text(both)
    values = [found(rows, "shapley", name, "log_error")["estimate"] for name in "ab"]
    cap = np.var((np.arange(1000) + 0.5) / 1000 * (1 - (np.arange(1000) + 0.5) / 1000))
    assert sum(values) == pytest.approx(np.log(1e-6 / cap))


def test_no_interval_has_width_zero():
    rows = ablation_text(both, "abc").dropna(subset=["estimate"])
    assert (rows["low"] < rows["high"]).all()
    assert len(rows) == 2 * (3 + 3) + 2 * 2 * 3


def test_floating_point_dust_is_zero():
    rows = ablation_text(only_a, "abc")
    assert found(rows, "shapley", "c", "solved")["estimate"] == 0.0


# Effects.


def test_alone_is_judged_against_broken_and_last_against_all_others():
    rows = ablation_text(both, num_seeds=1000)
    assert found(rows, "alone", "a")["verdict"] == "does nothing"
    assert found(rows, "last", "a")["verdict"] == "helps"
    assert found(rows, "last", "a", "solved")["estimate"] == 1.0


def test_a_fix_that_undoes_another_harms_as_the_last():
    assert found(ablation_text(a_undone_by_b), "last", "b")["verdict"] == "harms"


def test_a_few_seeds_leave_an_effect_undecided():
    assert found(ablation_text(both, num_seeds=8), "alone", "a")["verdict"] == "undecided"


# Sufficient and necessary.


def test_all_fixes_together_are_the_minimal_set_of_an_and():
    rows = ablation_text(both)
    assert found(rows, "sufficient", "a+b")["verdict"] == "minimal"
    assert [found(rows, "necessary", name)["verdict"] for name in "ab"] == ["necessary"] * 2


def test_either_fix_is_a_minimal_set_of_an_or_and_each_can_be_spared():
    rows = ablation_text(either)
    assert set(rows[rows["kind"] == "sufficient"]["fixes"]) == {"a", "b"}
    assert [found(rows, "necessary", name)["verdict"] for name in "ab"] == ["can be spared"] * 2


def test_confidence_is_one_less_the_errors_of_all_verdicts_it_rests_on():
    rows = ablation_text(both, num_seeds=20)
    # 20 of 20 above 0.8, and 0 of 20 below 0.2 for broken, a and b: each errs by 0.8**20.
    assert found(rows, "sufficient", "a+b")["confidence"] == pytest.approx(1 - 4 * 0.8**20)
    assert found(rows, "necessary", "a")["confidence"] == pytest.approx(1 - 2 * 0.8**20)


def test_an_undecided_subset_leaves_minimality_undecided():
    rows = ablation_text(lambda fixes, seed: fixes == "ab" or (fixes == "a" and seed % 5))
    row = found(rows, "sufficient", "a+b")
    assert row["verdict"] == "minimality undecided"
    assert row["confidence"] == pytest.approx(1 - 0.8**100)
    assert np.isnan(found(rows, "necessary", "b")["confidence"])


def test_nothing_is_necessary_where_all_fixes_fail():
    rows = ablation_text(a_undone_by_b)
    assert not (rows["kind"] == "necessary").any()


# Which lattices the rows allow.


def stream_case():
    recorded = (
        Recorded("broken", 50),
        Recorded("lattice", 40, steps=30, without=("steps",)),
        Recorded("all", 10, steps=100),
        Recorded("lattice", 10, steps=100),
    )
    fixes = {"batch": fix("more", batch_size=8), "steps": fix("longer", steps=250)}
    return toy.make(
        model=toy.stream_model,
        broken=toy.ToyStream(),
        fixes=fixes,
        variants={},
        recorded=recorded,
    )


def stream_runs():
    counts = {("broken", 30): 50, ("batch", 30): 40, ("steps", 100): 10, ("fixed", 100): 12}
    rows = [
        (arm, seed, steps, False, arm == "fixed", 0.01, 0.0)
        for (arm, steps), num_seeds in counts.items()
        for seed in range(num_seeds)
    ]
    names = ["arm", "seed", "steps", "diverged", "solved", "mse", "r2"]
    return pd.DataFrame(rows, columns=names)


def test_each_line_of_evidence_with_a_lattice_is_a_dissection_once():
    whole, part = toy.analysis(stream_case(), stream_runs()).ablations
    assert whole.name == "batch, steps: longer arms cut to 100 updates"
    assert part.name == "batch: 30 updates"


def test_a_dissection_holds_the_seeds_that_all_its_arms_share():
    assert [item.num_seeds for item in toy.analysis(stream_case(), stream_runs()).ablations] == [
        10,
        40,
    ]


def test_a_lattice_that_holds_another_of_no_more_seeds_replaces_it():
    runs = stream_runs()
    runs = runs[runs["seed"] < 10]
    assert [item.fixes for item in toy.analysis(stream_case(), runs).ablations] == [
        ("batch", "steps")
    ]


def test_a_lattice_with_a_missing_arm_is_left_out():
    runs = stream_runs()
    found_items = toy.analysis(stream_case(), runs[runs["arm"] != "steps"]).ablations
    assert [item.fixes for item in found_items] == [("batch",)]


def test_a_finite_case_is_dissected_at_its_documented_lengths():
    case = toy.make(variants={})
    (item,) = toy.analysis(case, runs_of(case, lambda fixes, seed: True, num_seeds=3)).ablations
    assert item.name == "bend, longer: each arm at its documented length"


def test_without_any_lattice_the_table_is_empty_and_the_answer_says_so():
    case = case_of()
    runs = runs_of(case, both)
    runs = runs[runs["arm"] != "a"]
    assert toy.analysis(case, runs).ablation.empty
    assert toy.analysis(case, runs).answer == "Not every combination of the fixes was run."


def test_a_diverged_seed_counts_as_the_best_constant():
    case = case_of()
    runs = runs_of(case, both)
    fixed = (runs["arm"] == "fixed") & (runs["seed"] < 50)
    runs.loc[fixed, ["diverged", "solved", "mse"]] = [True, False, np.inf]
    row = found(toy.analysis(case, runs).ablation, "last", "a", "solved")
    assert (row["estimate"], row["num_seeds"]) == (0.5, 100)


# The answer in words.


def verdicts(names, solves="", depends="", undecided=""):
    """Sets as words of letters: `solves="a bc"`; all others fail."""
    found_verdicts = {
        frozenset(chosen): "fails"
        for size in range(len(names) + 1)
        for chosen in itertools.combinations(names, size)
    }
    words = {"solves": solves, "depends on the seed": depends, "undecided": undecided}
    for verdict, sets in words.items():
        found_verdicts |= {frozenset(chosen.strip("0")): verdict for chosen in sets.split()}
    return found_verdicts


ANSWERS = [
    ("a", {"solves": "a"}, {}, "a is needed, and enough."),
    ("a", {}, {}, "a is not enough."),
    ("a", {"undecided": "a"}, {}, "a is not shown to be enough. Undecided: a."),
    ("ab", {"solves": "ab"}, {}, "Both are needed; none helps alone."),
    ("abc", {"solves": "abc"}, {}, "All three are needed; none helps alone."),
    ("abcde", {"solves": "abcde"}, {}, "All five are needed; none helps alone."),
    ("ab", {"solves": "ab"}, {"a": "helps"}, "Both are needed; a helps alone."),
    (
        "abc",
        {"solves": "abc"},
        {"a": "helps", "b": "helps", "c": "harms"},
        "All three are needed; a and b help alone; c alone harms.",
    ),
    (
        "ab",
        {"solves": "ab"},
        {"a": "undecided"},
        "Both are needed; none is shown to help alone.",
    ),
    (
        "abc",
        {"solves": "ab abc"},
        {},
        "a and b are needed, and together enough; c is not needed; none helps alone.",
    ),
    ("ab", {"solves": "a ab"}, {}, "a alone is enough, and needed; b is not needed."),
    (
        "abcd",
        {"solves": "a ab ac ad abc abd acd abcd", "undecided": "bd bcd"},
        {},
        "a alone is enough; b, c and d are not needed. Undecided: b+d and b+c+d.",
    ),
    ("ab", {"solves": "a b ab"}, {}, "Either a or b alone is enough."),
    (
        "abc",
        {"solves": "a ab ac abc bc"},
        {},
        "Either a alone, or b and c together, is enough.",
    ),
    (
        "abc",
        {"solves": "ab ac abc"},
        {},
        (
            "Either a and b together, or a and c together, is enough; a is needed in any case; "
            "none helps alone."
        ),
    ),
    (
        "abc",
        {"solves": "a b ab ac bc abc"},
        {},
        "Either a or b alone is enough; c is not needed.",
    ),
    (
        "ab",
        {"solves": "a"},
        {},
        "a alone is enough, and needed; b is not needed. Yet a+b fails.",
    ),
    (
        "ab",
        {"solves": "ab", "depends": "a"},
        {},
        "Both are needed; none helps alone. Whether a solves depends on the seed.",
    ),
    (
        "ab",
        {"solves": "ab", "undecided": "a"},
        {},
        "Both together are enough; a is needed; none helps alone. Undecided: a.",
    ),
    ("ab", {}, {}, "No combination of the fixes is enough; none helps alone."),
    (
        "ab",
        {"undecided": "ab"},
        {},
        "No combination of the fixes is shown to be enough; none helps alone. Undecided: a+b.",
    ),
    (
        "ab",
        {"solves": "0 a b ab"},
        {},
        "The broken program solves as it is; no fix is needed.",
    ),
    (
        "abc",
        {"undecided": "0 a b c ab"},
        {},
        (
            "No combination of the fixes is shown to be enough; none helps alone. "
            "Undecided: broken, a, b and 2 more."
        ),
    ),
]


@pytest.mark.parametrize("names, sets, alone, words", ANSWERS)
def test_the_answer_reads(names, sets, alone, words):
    table_of_verdicts = verdicts(names, **sets)
    assert conclude(table_of_verdicts, dict.fromkeys(names, "does nothing") | alone) == words


@pytest.mark.parametrize("num_fixes", [1, 2, 3])
def test_every_table_of_verdicts_has_an_answer_in_sentences(num_fixes):
    names = "abc"[:num_fixes]
    sets = list(verdicts(names))
    choices = ["solves", "fails", "depends on the seed", "undecided"]
    for count, given in enumerate(itertools.product(choices, repeat=len(sets))):
        if num_fixes < 3 or count % 37 == 0:
            words = conclude(dict(zip(sets, given, strict=True)), dict.fromkeys(names, "undecided"))
            assert words.endswith(".") and ".." not in words and ";." not in words


def test_the_answer_of_a_case_is_that_of_its_widest_lattice():
    case = case_of("abc")
    runs = runs_of(case, lambda fixes, seed: fixes == "abc", num_seeds=1000)
    assert toy.analysis(case, runs).answer == ("All three are needed; none helps alone.")


# Sensitivity.


def test_a_verdict_that_changes_with_the_bar_flips():
    case = case_of()
    runs = runs_of(case, both)
    runs.loc[runs["arm"] == "fixed", "r2"] = 0.97
    rows = flips(case, runs, FIXED)
    changed = rows[rows["flips"]].to_dict("records")
    (row,) = changed
    assert (row["arm"], row["bar"], row["verdict"]) == ("fixed", 0.99, "fails")


def test_each_arm_is_asked_at_both_bars():
    case = case_of()
    rows = flips(case, runs_of(case, both), FIXED)
    asked = list(zip(rows["arm"], rows["bar"], strict=True))
    arms = ["broken", "fixed", "a", "b"]
    assert asked == [(arm, bar) for arm in arms for bar in (0.9, 0.99)]


def test_a_diverged_run_clears_no_bar():
    case = case_of()
    runs = runs_of(case, lambda fixes, seed: True)
    runs["diverged"] = True
    assert set(flips(case, runs, FIXED)["verdict"]) == {"fails"}


def test_a_bar_on_another_metric_is_not_moved():
    case = case_of(solved=toy.Solved("skill", above=0.9))
    runs = runs_of(case, both).rename(columns={"r2": "skill"})
    assert flips(case, runs, FIXED).empty
