"""The era certificate: intervals against published ones, verdicts by hand, the committed data."""

import ast
import importlib.util
import math
import pathlib
import re
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import reproductions
from experiments import Evidence
from experiments.analysis import history
from experiments.cases.claims import Historical
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import find_evidence, with_evidence
from experiments.stats import intervals
from experiments.stats.intervals import Interval, rate
from tests import toy

ERA = pathlib.Path(__file__).parents[2] / "results" / "era"
TABLES = ("sin", "sum", "ln")
COLUMNS = {"r2": "r2", "mse": "mse"}
WHERE = {"variant": "broken", "checkpoint": 1, "stack": "old1.0"}


def compare(case, runs, folder):
    return history.compare(case, find_evidence(case).history, runs, folder)


def case_of(*periods):
    """Returns the toy case, its bar R2 of 0.95, with these periods."""
    return toy.make(history=periods)


def runs_of(mse, arm="broken", steps=8):
    """Returns a table of runs; a run is solved where its error is below 0.1."""
    mse = np.asarray(mse, float)
    head = {"arm": arm, "seed": range(len(mse)), "steps": steps, "diverged": np.isinf(mse)}
    return pd.DataFrame({**head, "solved": mse < 0.1, "mse": mse, "r2": 1 - mse})


def write_era(folder, mse, **changes):
    """Writes `old.csv`, whose R2 is 1 less the error."""
    cells = {"variant": "broken", "stack": "old1.0", "checkpoint": "1"} | changes
    mse = np.asarray(mse, float)
    table = pd.DataFrame({"seed": range(len(mse)), **cells, "mse": mse, "r2": 1 - mse})
    table.to_csv(folder / "old.csv", index=False)


def compared(folder, ours, theirs, **changes):
    """Compares two lists of errors; returns the one row."""
    write_era(folder, theirs)
    chosen = Historical("broken", "old", WHERE, COLUMNS, **changes)
    (row,) = compare(case_of(chosen), runs_of(ours), folder).to_dict("records")
    return row


# The difference of two independent rates.


@pytest.mark.parametrize(
    "first, second, low, high",
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_difference_of_rates_is_newcombes_published_interval(first, second, low, high):
    found = history.difference(rate(*first), rate(*second))
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_difference_turns_round_with_its_sides():
    one, other = (
        history.difference(rate(3, 9), rate(5, 7)),
        history.difference(rate(5, 7), rate(3, 9)),
    )
    assert (one.estimate, one.low, one.high) == (-other.estimate, -other.high, -other.low)


def test_difference_counts_the_seeds_of_the_smaller_side():
    assert history.difference(rate(3, 9), rate(5, 7)).num_seeds == 7


def test_difference_by_hand():
    # 3 and 4 apart on the one side, 5 and 12 on the other.
    found = history.difference(Interval(10.0, 7.0, 15.0, 9), Interval(20.0, 8.0, 24.0, 9))
    assert (found.estimate, found.low, found.high) == (-10.0, -15.0, 3.0)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_difference_of_medians_covers_the_true_one(scale):
    rng = np.random.default_rng(1983)
    covered = 0
    for _ in range(600):
        few, many = rng.normal(size=30), rng.normal(0.5, scale, size=200)
        found = history.difference(intervals.median(many), intervals.median(few))
        covered += found.low <= 0.5 <= found.high
    assert 0.93 <= covered / 600 <= 0.985


# Cliff's delta.


@pytest.mark.parametrize("seed", range(5))
def test_dominance_is_the_brute_count_of_pairs(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 6, 17), rng.integers(1, 8, 11)
    pairs = np.sign(first[:, None] - second[None, :])
    assert history.dominance(first, second).estimate == pytest.approx(pairs.mean())


def test_dominance_is_the_statistic_of_mann_and_whitney():
    rng = np.random.default_rng(7)
    first, second = rng.normal(size=40), rng.normal(0.3, 2, size=23)
    expected = 2 * stats.mannwhitneyu(first, second).statistic / (40 * 23) - 1
    assert history.dominance(first, second).estimate == pytest.approx(expected)


def test_dominance_turns_round_with_its_sides():
    one = history.dominance([1.0, 4.0, 6.0], [2.0, 3.0])
    other = history.dominance([2.0, 3.0], [1.0, 4.0, 6.0])
    expected = (-other.estimate, -other.high, -other.low)
    assert (one.estimate, one.low, one.high) == pytest.approx(expected)


def test_dominance_of_samples_that_do_not_overlap_keeps_a_width():
    found = history.dominance([3.0] * 20, [1.0] * 20)
    assert found.estimate == found.high == 1.0
    assert 0.5 < found.low < 1.0


def test_dominance_of_equal_values_is_none():
    found = history.dominance([1.0] * 30, [1.0] * 30)
    assert found.estimate == 0.0
    assert found.low == pytest.approx(-found.high)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_dominance_covers_the_true_delta(shift):
    rng = np.random.default_rng(2006)
    truth = 2 * stats.norm.cdf(shift / math.sqrt(2)) - 1
    found = [
        history.dominance(rng.normal(shift, size=200), rng.normal(size=30)) for _ in range(400)
    ]
    assert 0.92 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.995


# Verdicts.


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (-0.1, 0.1, "equivalent"),
        (0.05, 0.09, "equivalent"),
        (-0.11, 0.0, "undecided"),
        (0.05, 0.3, "undecided"),
        (0.1, 0.3, "undecided"),
        (0.11, 0.3, "differs"),
        (-0.3, -0.11, "differs"),
    ],
)
def test_reading_asks_for_the_whole_interval(low, high, expected):
    assert history.verdict_of(Interval(0.0, low, high, 50), 0.1) == expected


def test_equal_samples_of_fifty_are_equivalent(tmp_path):
    errors = np.linspace(0.01, 0.02, 50)
    row = compared(tmp_path, errors, errors)
    assert row["verdict"] == row["rate_verdict"] == row["error_verdict"] == "equivalent"
    assert (row["ratio"], row["cliffs_delta"], row["ks_p"]) == (1.0, 0.0, 1.0)
    assert row["words"] == (
        "solved by 50 of 50 seeds then and 50 of 50 now; the median error now is 1 times "
        f"theirs ({row['ratio_low']:.3g} to {row['ratio_high']:.3g}); the two agree."
    )


def test_the_row_counts_and_names_what_it_compares(tmp_path):
    row = compared(tmp_path, [0.01] * 40 + [0.5] * 10, [0.01] * 30, note="a note")
    assert (row["arm"], row["steps"], row["stack"]) == ("broken", 8, "old1.0")
    assert (row["our_seeds"], row["our_rate"]) == (50, 0.8)
    assert (row["era_seeds"], row["era_rate"]) == (30, 1.0)
    assert row["rate_difference"] == pytest.approx(-0.2)
    assert (row["our_rate_low"], row["our_rate_high"]) == (rate(40, 50).low, rate(40, 50).high)
    assert row["note"] == "a note"


def test_a_solve_rate_far_off_differs(tmp_path):
    row = compared(tmp_path, [0.09] * 50, [0.09] * 10 + [0.11] * 40)
    assert (row["rate_verdict"], row["error_verdict"]) == ("differs", "equivalent")
    assert row["verdict"] == "differs"
    assert "they differ in solve rate; our errors tend to be smaller" in row["words"]


def test_an_error_of_three_times_theirs_differs(tmp_path):
    errors = np.linspace(0.010, 0.011, 50)
    row = compared(tmp_path, 3 * errors, errors)
    assert (row["rate_verdict"], row["error_verdict"]) == ("equivalent", "differs")
    assert row["verdict"] == "differs"
    assert row["ratio"] == pytest.approx(3)
    assert "they differ in error; our errors tend to be larger" in row["words"]


def test_thirty_of_thirty_leave_the_solve_rate_undecided(tmp_path):
    # Wilson's interval of 30 out of 30 starts at 1 - 3.84/33.84, more than 0.10 below 1.
    row = compared(tmp_path, [0.01] * 1000, [0.01] * 30)
    assert row["rate_low"] == pytest.approx(-0.0038, abs=5e-5)
    assert row["rate_high"] == pytest.approx(0.1135, abs=5e-5)
    assert row["verdict"] == row["rate_verdict"] == "undecided"
    assert row["words"].endswith("(1 to 1), which leaves the solve rate open.")


def test_nineteen_seeds_are_too_few_whatever_they_say(tmp_path):
    row = compared(tmp_path, [0.01] * 50, [0.5] * 19)
    assert row["rate_verdict"] == "differs"
    assert row["verdict"] == "too few"
    assert row["words"].endswith("; 19 seeds are too few to say more.")


def test_twenty_seeds_are_not_too_few(tmp_path):
    assert compared(tmp_path, [0.01] * 50, [0.5] * 20)["verdict"] == "differs"


def test_medians_have_the_interval_of_their_order_statistics(tmp_path):
    theirs = np.arange(1, 31) / 1000
    row = compared(tmp_path, theirs, theirs)
    # Tables of the sign test give the 10th and the 21st of 30; 15 is the lower median.
    width = math.hypot(math.log(15 / 10), math.log(21 / 15))
    assert row["era_median"] == pytest.approx(0.015)
    assert row["ratio_low"] == pytest.approx(math.exp(-width))
    assert row["ratio_high"] == pytest.approx(math.exp(width))


def test_runs_that_diverged_count(tmp_path):
    row = compared(tmp_path, [math.inf] * 30 + [0.01] * 20, [0.01] * 50)
    assert row["our_rate"] == 0.4
    assert row["verdict"] == "differs"
    assert row["ratio"] > 1e100


def test_a_classifiers_error_is_its_share_put_wrong_and_never_0(tmp_path):
    case = reproductions.load("sum_hinge")
    where = {"variant": "hinge", "checkpoint": 150, "stack": "keras1.2.2-tf1.4.1"}
    chosen = Historical("fixed", "sum", where, {"accuracy": "t10k_acc_sign"})
    table = pd.read_csv(ERA / "sum.csv", dtype={"checkpoint": str})
    era = table[(table[list(where)] == [str(value) for value in where.values()]).all(axis=1)]
    runs = pd.DataFrame({"seed": range(20), "accuracy": 1.0, "solved": True, "diverged": False})
    runs = runs.assign(arm="fixed", steps=case.fixed.num_steps)
    case = case_with(case, chosen)
    (row,) = compare(case, runs, ERA).to_dict("records")
    assert row["our_median"] == pytest.approx(0.5 / 10_000)
    assert row["era_median"] == pytest.approx(np.sort(1 - era["t10k_acc_sign"])[len(era) // 2 - 1])
    assert row["era_rate"] == (era["t10k_acc_sign"] >= 0.9).mean()


def case_with(case, *periods):
    """Returns a case with other periods."""
    return with_evidence(case, Evidence(history=periods))


# Which rows are read.


def test_a_tuple_means_any_of_its_values(tmp_path):
    write_era(tmp_path, [0.01] * 30, variant=["broken"] * 10 + ["asked"] * 15 + ["else"] * 5)
    where = {"variant": ("broken", "asked"), "checkpoint": 1}
    case = case_of(Historical("broken", "old", where, COLUMNS))
    assert compare(case, runs_of([0.01] * 30), tmp_path)["era_seeds"].tolist() == [25]


def test_values_are_compared_as_they_are_written(tmp_path):
    write_era(tmp_path, [0.01] * 30, checkpoint=["10"] * 20 + ["end"] * 10)
    case = case_of(
        *(Historical("broken", "old", {"checkpoint": at}, COLUMNS) for at in (10, "end"))
    )
    assert compare(case, runs_of([0.01] * 30), tmp_path)["era_seeds"].tolist() == [20, 10]


def test_the_longest_stored_budget_is_read_unless_one_is_named(tmp_path):
    write_era(tmp_path, [0.01] * 30)
    runs = pd.concat([runs_of([0.02] * 30, steps=8), runs_of([0.04] * 30, steps=20)])
    case = case_of(
        *(Historical("broken", "old", WHERE, COLUMNS, steps=steps) for steps in (None, 8, 20))
    )
    found = compare(case, runs, tmp_path)
    assert found["steps"].tolist() == [20, 8, 20]
    assert found["ratio"].tolist() == pytest.approx([4, 2, 4])


def test_an_arm_that_was_not_run_is_left_out(tmp_path):
    chosen = Historical("fixed", "old", WHERE, COLUMNS)
    found = compare(case_of(chosen), runs_of([0.02] * 30), tmp_path)
    assert (len(found), list(found)) == (0, history.COLUMNS)


# What is refused.


def test_a_missing_table_is_named_with_what_mends_it(tmp_path):
    case = case_of(Historical("broken", "old", WHERE, COLUMNS))
    with pytest.raises(SuiteError, match=r"old\.csv is missing; restore it with: git checkout"):
        compare(case, runs_of([0.01] * 30), tmp_path)


@pytest.mark.parametrize(
    "text, received",
    [
        ("", "No columns to parse from file"),
        ('seed,"stack\n1', "EOF inside string"),
        ("seed,stack,variant,checkpoint,mse\n0,old1.0,broken,1,0.1\n", r"no columns \['r2'\]"),
        ("seed,stack,variant,checkpoint,mse,r2\n0,old1.0,broken,1,,1\n", "in column mse"),
        ("seed,stack,variant,checkpoint,mse,r2\n0,old1.0,broken,1,low,1\n", "'low' in column mse"),
    ],
)
def test_a_damaged_table_is_named_with_what_mends_it(tmp_path, text, received):
    (tmp_path / "old.csv").write_text(text, encoding="utf-8")
    case = case_of(Historical("broken", "old", WHERE, COLUMNS))
    with pytest.raises(SuiteError, match=rf"old\.csv is damaged; restore .*Received: .*{received}"):
        compare(case, runs_of([0.01] * 30), tmp_path)


def test_rows_that_are_not_there_are_named_with_what_makes_them(tmp_path):
    write_era(tmp_path, [0.01] * 30)
    case = case_of(Historical("broken", "old", WHERE | {"checkpoint": 2}, COLUMNS))
    text = r"has no rows for arm 'broken'; .* make its rows anew with regenerate\.py"
    with pytest.raises(SuiteError, match=text):
        compare(case, runs_of([0.01] * 30), tmp_path)


def test_a_seed_counts_once(tmp_path):
    write_era(tmp_path, [0.01] * 30, seed=[*range(29), 28])
    case = case_of(Historical("broken", "old", WHERE, COLUMNS))
    with pytest.raises(ValueError, match="takes each seed once: name one stack"):
        compare(case, runs_of([0.01] * 30), tmp_path)


def test_a_period_maps_the_bar_and_the_error():
    case = case_of(Historical("broken", "old", WHERE, {"mse": "mse"}))
    with pytest.raises(ValueError, match=r"maps \['mse', 'r2'\] to columns"):
        compare(case, runs_of([0.01] * 30), ERA)


# The committed data.


def era(name):
    """Returns a table of the era, its words as words."""
    return pd.read_csv(ERA / f"{name}.csv", dtype={"checkpoint": str})


def counts_in_readme():
    """Returns `{(variant, stack): (seeds given, seeds made here)}` of the README's table."""
    text = (ERA / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (\w+) \| ([\w.-]+) \| (\S+) \| (\S+) \|", text, re.MULTILINE)
    return {(variant, stack): tuple(map(seeds_of, cells)) for variant, stack, *cells in lines}


def seeds_of(cell):
    """Returns the seeds of a cell such as `0-29`, `0-1,100-139`, or `none`."""
    spans = [] if cell == "none" else [part.split("-") for part in cell.split(",")]
    return [seed for first, last in spans for seed in range(int(first), int(last) + 1)]


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_hold_the_seeds_that_their_readme_counts(name):
    stated = counts_in_readme()
    for (variant, stack), part in era(name).groupby(["variant", "stack"]):
        given, made = stated[variant, stack]
        assert sorted(part["seed"].unique()) == sorted([*given, *made]), (variant, stack)


def test_the_readme_counts_no_more_than_there_is():
    found = sum(era(name).groupby(["variant", "stack"]).ngroups for name in TABLES)
    assert len(counts_in_readme()) == found


@pytest.mark.parametrize("name", TABLES)
def test_no_seed_is_there_twice(name):
    assert not era(name).duplicated(["variant", "stack", "checkpoint", "seed"]).any()


@pytest.mark.parametrize("name", [*TABLES, "retrace"])
def test_each_column_is_described_by_the_readme(name):
    text = (ERA / "README.md").read_text(encoding="utf-8")
    assert [column for column in era(name) if f"`{column}`" not in text] == []


@pytest.mark.parametrize("name, variance", [("sin", 8.3278), ("ln", 0.99439)])
def test_r2_is_1_less_the_error_over_the_curves_variance(name, variance):
    table = era(name)
    np.testing.assert_allclose(table["r2"], 1 - table["mse"] / variance, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", reproductions.names())
def test_every_period_of_a_case_finds_its_rows(name):
    case = reproductions.load(name)
    parts = []
    for item in find_evidence(case).history:
        steps = item.steps or case.arm(item.arm).num_steps
        parts.append(runs_of([0.5] * 20, item.arm, steps).assign(accuracy=0.5))
    if parts:
        runs = pd.concat(parts).drop_duplicates(["arm", "steps", "seed"])
        assert len(compare(case, runs, ERA)) == len(find_evidence(case).history)


# The script that makes the data anew.

SCRIPTS = ("regenerate", "exam")


def load(name):
    """Returns a script of the era's folder as a module."""
    spec = importlib.util.spec_from_file_location(name, ERA / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def evaluation():
    """Returns the module of data and measures that the scripts stand on."""
    return load("exam")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_python_3_6(name):
    ast.parse((ERA / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_stands_alone_and_loads_old_software_only_to_run(name):
    tree = ast.parse((ERA / f"{name}.py").read_text(encoding="utf-8"))
    tops = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name for node in tops for alias in node.names}
    assert names - sys.stdlib_module_names <= {"numpy", "exam"}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            source = getattr(node, "module", None) or node.names[0].name
            assert source.partition(".")[0] not in ("experiments", "reproductions")


def test_sin_samples_are_pythons_own_draws(evaluation):
    evaluation.random.seed(5)
    x, y = evaluation.sin_samples(3)
    evaluation.random.seed(5)
    assert x.tolist() == [[evaluation.random.random()] for _ in range(3)]
    assert y[0, 0] == 10 * math.sin(3 * x[0, 0])


def test_the_grid_is_that_of_the_suite(evaluation):
    assert evaluation.grid()[[0, 1, 999], 0].tolist() == [0.0005, 0.0015, 0.9995]


def test_points_are_of_class_1_above_2_5(evaluation):
    points, above = evaluation.sum_points(np.random.RandomState(0), 500)
    assert points.shape == (500, 5)
    assert above.tolist() == [sum(point) > 2.5 for point in points.tolist()]


def test_labels_are_two_columns_or_signs(evaluation):
    above = np.array([True, False])
    assert evaluation.sum_labels("softmax2", above).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert evaluation.sum_labels("hinge", above).tolist() == [[1.0], [-1.0]]


def test_batches_of_ln_are_double_and_never_0(evaluation):
    x, y = evaluation.ln_batch(1000)
    assert x.dtype == np.float64 and x.shape == (1000, 1)
    assert np.all(x > 0) and np.array_equal(y, np.log(x))


def test_curve_measures_by_hand(evaluation):
    found = evaluation.curve_measures(np.array([0.0, 2.0]), np.array([[1.0], [2.0]]))
    expected = {"pred_mean": 1.5, "pred_std": 0.5, "mse": 0.5, "r2": 0.5, "maxabs": 1.0}
    assert found == expected


def test_one_unit_is_read_by_its_sign_and_against_a_half(evaluation):
    above, output = np.array([True, True, False, False]), [[0.9], [0.2], [0.4], [-0.1]]
    found = evaluation.class_measures("hinge", above, np.array(output), "t10k")
    assert (found["t10k_acc_sign"], found["t10k_acc_thr05"]) == (0.75, 0.75)
    assert (found["t10k_frac_pred_pos0"], found["t10k_out_max"]) == (0.75, 0.9)


def test_two_units_are_read_by_the_larger(evaluation):
    above, output = np.array([True, False]), np.array([[0.4, 0.6], [0.3, 0.7]])
    found = evaluation.class_measures("softmax2", above, output, "t10k")
    assert (found["t10k_acc"], found["t10k_frac_pred_pos"]) == (0.5, 1.0)
    assert evaluation.class_measures("softmax2", above, output, "t200") == {"t200_acc": 0.5}


def test_ln_measures_of_the_dead_network(evaluation):
    hidden = [np.zeros((1000, 50)), np.ones((1000, 10))]
    found = evaluation.ln_measures(np.full(1000, -1.0), np.full(9, -1.0), hidden, -1.0)
    assert (found["dead_l1"], found["dead_l2"], found["b_out"]) == (50, 0, -1.0)
    assert found["mse"] == pytest.approx(0.99439, abs=1e-5)
    # The first x of the grid from 0.01 on is 0.0105.
    assert found["x01_maxabs"] == pytest.approx(-math.log(0.0105) - 1)
    assert found["nine_mse"] == pytest.approx(np.mean((np.log(evaluation.NINE) + 1) ** 2))


# The retrace in plain NumPy.


@pytest.fixture
def retrace(evaluation, monkeypatch):
    """Returns the module that retraces the era's draws."""
    monkeypatch.setitem(sys.modules, "exam", evaluation)
    return load("retrace")


@pytest.mark.parametrize("variant", ["fixed", "only_layer"])
def test_the_retrace_does_what_keras_1_did_in_an_epoch(retrace, evaluation, variant):
    ((done, answers),) = retrace.retrace(variant, range(2), epochs=1)
    assert done == 1
    errors = np.mean((answers - evaluation.sin_curve(evaluation.grid()).T) ** 2, axis=1)
    np.testing.assert_allclose(errors, errors_of("sin", variant, "1")[:2], rtol=1e-6)


def test_the_retrace_follows_every_seed_of_the_era_to_the_end():
    known = errors_of("sin", "fixed", "100")
    np.testing.assert_allclose(errors_of("retrace", "fixed", "100")[: len(known)], known, rtol=2e-3)


def test_one_update_of_the_retrace_by_hand(retrace):
    one = np.ones((1, 1, 1))
    network = [0 * one, 0 * one, 4 * one, 1 * one]
    retrace.step(network, one, one)
    # The hidden unit is 0.5, the answer 3, the slope of the error 4.
    expected = [-0.01 * 4 * 4 * 0.25, -0.01 * 4 * 4 * 0.25, 4 - 0.01 * 4 * 0.5, 1 - 0.01 * 4]
    assert [values.item() for values in network] == pytest.approx(expected)


def errors_of(name, variant, checkpoint, stack=("keras1.2.2-theano0.9.0", "retrace")):
    """Returns the errors of consecutive seeds from 0 on."""
    table = era(name)
    table = table[(table["variant"] == variant) & (table["checkpoint"] == checkpoint)]
    table = table[table["stack"].isin(stack)].sort_values("seed")
    assert table["seed"].tolist() == list(range(len(table)))
    return table["mse"].to_numpy()
