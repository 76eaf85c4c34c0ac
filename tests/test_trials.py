"""The trials run end to end at their smallest size, and what is committed of them is current."""

import functools
import itertools
import math
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import reproductions
from experiments.analysis import tables
from experiments.check import drift
from experiments.runs.store import Store
from experiments.stats import interim, intervals
from tests.trials import (
    corruption,
    coverage,
    coverage_errors,
    coverage_truths,
    faults,
    faults_measures,
    faults_page,
)
from tests.trials.faults_planted import FAULTS

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "results"
AGAIN = "run: python -m tests.trials.coverage"
FAULTS_AGAIN = "run: python -m tests.trials.faults"


def trial(name, *words):
    """Runs a trial in a process of its own, which forks before TensorFlow works."""
    command = [sys.executable, "-m", f"tests.trials.{name}", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


# Each trial, at its smallest size.


def test_a_small_folder_that_is_damaged_is_read_right_or_refused():
    found = corruption.measure(100, 1)
    assert (found["wrong"] == "").all(), found.to_string()
    assert {corruption.SAME, corruption.REFUSED} >= set(found["came_of"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "num"), [("crash_points", 4), ("kills", 3), ("corruption", 50)])
def test_a_run_that_is_disturbed_ends_as_an_undisturbed_one(name, num, tmp_path):
    said = trial(name, "--num", num, "--out", tmp_path / "table.csv")
    assert said.endswith("tried, 0 went wrong\n")
    assert len(pd.read_csv(tmp_path / "table.csv")) >= num


@pytest.mark.slow
def test_an_injected_fault_is_caught_and_the_page_is_written(tmp_path):
    words = ("--seeds", 64, "--splits", 20, "--cases", "sum_hinge", "--faults", "rate x2")
    trial("faults", *words, "--out", tmp_path)
    table = pd.read_csv(tmp_path / "power.csv")
    assert table["fault"].tolist() == ["rate x2"] and table["caught"].all()
    assert "1 faults were planted" in (tmp_path / "README.md").read_text()


def test_the_coverage_trial_writes_tables_and_what_they_say(monkeypatch, tmp_path):
    few = [t for t in coverage_truths.truths() if t.quantity in ("rate", "mean")][:6]
    monkeypatch.setattr(coverage, "truths", lambda: few)
    monkeypatch.setattr(coverage, "NUM_SEEDS", (30, 200))
    monkeypatch.setattr(coverage, "VERDICT_SEEDS", (32,))
    monkeypatch.setattr(coverage_errors, "MOST_SEEDS", (64,))
    monkeypatch.setattr(coverage_errors, "DRAWN_UP_TO", 64)
    coverage.main(["--repeats", "10", "--seed", "7", "--out", str(tmp_path / "new")])
    written = coverage.read(tmp_path / "new")
    assert len(written[0]) == 12
    assert (tmp_path / "new" / "README.md").read_text() == coverage.readme(*written)


# Coverage: its sums are right, and its committed tables are those of today's library.


@pytest.fixture(scope="module")
def committed():
    return coverage.read(RESULTS / "coverage")


@pytest.fixture(scope="module")
def committed_looks(committed):
    return committed[-1]


@pytest.fixture(scope="module")
def found():
    """All truths, by quantity and name."""
    return {(truth.quantity, truth.name): truth for truth in coverage_truths.truths()}


def test_the_page_of_coverage_is_that_of_its_tables(committed):
    text = (RESULTS / "coverage" / "README.md").read_text()
    assert text == coverage.readme(*committed), AGAIN


def test_every_promised_coverage_is_reached(committed):
    table, *_ = committed
    promised = table[table["asked"]]
    assert promised["reached"].all()
    assert (promised["low"] >= coverage.LEAST).all()


def test_every_promised_verdict_and_effect_is_seldom_wrong(committed):
    _, verdicts, _ = committed
    promised = verdicts[verdicts["asked"]]
    assert promised["reached"].all()
    assert (promised["high"] <= coverage_errors.MOST).all()


def test_the_exact_verdicts_are_those_of_today(committed):
    _, verdicts, _ = committed
    exact = verdicts[verdicts["rule"] == "verdict"]
    size = coverage.VERDICT_SEEDS[0]
    made = coverage_errors.verdict_table([size], coverage_errors.verdict_rates())
    assert exact.loc[exact["num_seeds"] == size, "wrong"].tolist() == made["wrong"].tolist(), AGAIN


def test_some_cells_are_the_same_when_drawn_again(found, committed):
    table, *_ = committed
    chosen = table[(table["num_seeds"] == 30) & table["quantity"].isin(["rate", "mean"])]
    chosen = chosen[chosen["repeats"] == table["repeats"].min()].iloc[::6]
    for row in chosen.to_dict("records"):
        truth = found[row["quantity"], row["truth"]]
        made = coverage.coverage_table([truth], [30], repeats=row["repeats"], seed=row["seed"])
        assert made["coverage"].iloc[0] == row["coverage"], AGAIN


def test_every_promised_error_is_rare_enough(committed_looks):
    promised = committed_looks[committed_looks["asked"]]
    assert promised["reached"].all()
    assert (promised["high"] <= 0.05).all()
    assert set(promised["rule"]) >= {"verdict", "effect on rate", "effect on error"}


def test_who_forgets_the_other_looks_errs_more_than_5_percent(committed_looks):
    naive = committed_looks[committed_looks["rule"] == coverage_errors.NAIVE]
    assert (naive.groupby("most")["wrong"].max() > 0.08).all()


def test_the_exact_rows_are_those_of_today(committed_looks):
    rows = committed_looks[
        (committed_looks["rule"] == coverage_errors.LOOKS) & (committed_looks["most"] == 256)
    ]
    for row in rows.iloc[::25].itertuples():
        wrong = coverage_errors.ever_wrong(
            float(row.truth), interim.analysis_sizes(256), coverage_errors.by_looks
        )
        assert round(wrong, 6) == pytest.approx(row.wrong, abs=1e-6), AGAIN
        assert coverage_errors.mean_seeds(float(row.truth), 256) == pytest.approx(
            row.seeds, abs=0.06
        ), AGAIN


def test_drawn_and_exact_rows_agree(committed_looks):
    exact = committed_looks[
        (committed_looks["rule"] == coverage_errors.LOOKS) & (committed_looks["most"] == 1024)
    ]
    exact = exact.set_index("truth")["wrong"]
    drawn = committed_looks[committed_looks["rule"] == "verdict, drawn"].set_index("truth")
    assert len(drawn) == len(coverage_errors.DRAWN_RATES)
    for truth, row in drawn.iterrows():
        spread = np.sqrt(exact[truth] * (1 - exact[truth]) / row["repeats"])
        assert row["wrong"] == pytest.approx(exact[truth], abs=4 * spread + 1e-9)


@functools.cache
def plain(count, num_seeds, confidence):
    """The verdict on a count, by the plain functions."""
    return intervals.verdict(intervals.rate(count, num_seeds, confidence=confidence))


def always(confidence):
    return lambda num_seeds: confidence


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.975, 0.9999])
@pytest.mark.parametrize("num_seeds", [1, 7, 32, 64, 100])
def test_four_searches_find_the_verdict_on_every_count(num_seeds, confidence):
    rates = (intervals.rate(n, num_seeds, confidence=confidence) for n in range(num_seeds + 1))
    expected = [intervals.verdict(rate) for rate in rates]
    assert coverage_errors.descriptions(num_seeds, confidence).tolist() == expected


def test_two_looks_are_the_sum_over_all_paths():
    # All 2^12 sequences of 12 seeds, looked at after 6 and after 12.
    rate, total = 0.85, 0.0
    for path in itertools.product([0, 1], repeat=12):
        said = {plain(sum(path[:n]), n, 0.5) for n in (6, 12)}
        chance = rate ** sum(path) * (1 - rate) ** (12 - sum(path))
        total += chance * bool(said - {"solves", "undecided"})
    assert 0.05 < total < 0.95
    assert coverage_errors.ever_wrong(rate, [6, 12], always(0.5)) == pytest.approx(total, abs=1e-12)


# Faults: what is committed of them.


@pytest.fixture(scope="module")
def committed_faults():
    return faults_page.read(RESULTS / "gate")


@pytest.fixture(scope="module")
def hinge():
    case = reproductions.load("sum_hinge")
    return case, tables.runs(Store(RESULTS / case.name, case))


def test_the_page_of_faults_is_that_of_its_tables(committed_faults):
    text = (RESULTS / "gate" / "README.md").read_text(encoding="utf-8")
    assert text == faults_page.page(**committed_faults), FAULTS_AGAIN


def test_the_declared_rate_of_false_alarms_is_kept(committed_faults):
    table = committed_faults["false_alarms"]
    suite = table[(table["scope"] == "suite") & (table["level"] == drift.FALSE_ALARMS)].iloc[0]
    assert suite["splits"] >= 10_000, FAULTS_AGAIN
    assert suite["high"] <= drift.FALSE_ALARMS
    assert suite["rate"] == pytest.approx(suite["alarms"] / suite["splits"], rel=1e-3)


def test_every_fault_was_planted_and_the_controls_raised_no_alarm(committed_faults):
    power = committed_faults["power"].set_index("fault")
    assert set(power.index) == {fault.name for fault in (*FAULTS, *faults.CONTROLS)}, FAULTS_AGAIN
    for control in faults.CONTROLS:
        assert not power.loc[control.name, "caught"]
        assert len(power.loc[control.name, "cases"].split(", ")) == len(reproductions.names())


def test_twenty_faults_are_caught_and_the_others_have_their_reach(committed_faults):
    power, reach = committed_faults["power"], committed_faults["reach"]
    planted = power[~power["fault"].str.startswith(faults_page.CONTROL)]
    assert planted["caught"].sum() >= 20
    assert set(planted.loc[~planted["caught"], "fault"]) == set(reach["fault"]), FAULTS_AGAIN


def test_a_fault_that_is_not_caught_does_change_rows(committed_faults):
    """What changes nothing would say nothing of the gate."""
    assert (committed_faults["reach"]["share_changed"] > 0).all()


@pytest.mark.parametrize("name", ["one data set", "one start", "one order", "one mask", "one exam"])
def test_a_shared_stream_is_caught_by_its_own_question(name, committed_faults):
    question = {
        "one data set": "data",
        "one start": "weights",
        "one order": "order",
        "one mask": "dropout",
        "one exam": "test points",
    }[name]
    row = committed_faults["power"].set_index("fault").loc[name]
    assert row["caught"] and question in row["questions"].split(", ")


def test_what_is_caught_is_what_failed_or_moved(committed_faults):
    for row in committed_faults["power"].itertuples():
        moved = row.p_holm <= drift.FALSE_ALARMS
        assert row.by_distribution == moved, row.fault
        assert row.caught == (moved or isinstance(row.questions, str)), row.fault


def test_splits_of_identical_seeds_raise_alarms_no_oftener_than_said(hinge):
    case, runs = hinge
    table = faults_measures.false_alarms({case: runs}, num_seeds=64, num_splits=300)
    assert set(table["scope"]) == {"suite", case.name}
    assert table["num_tests"].nunique() == 1 == table["splits"].nunique()
    assert (table["low"] <= table["level"]).all()


def test_a_metric_that_differs_by_split_would_raise_alarms(hinge, monkeypatch):
    case, runs = hinge
    monkeypatch.setattr(
        faults_measures.two_samples,
        "p_values",
        lambda values, members: {"shape": np.full(len(members), 1e-9)},
    )
    table = faults_measures.false_alarms({case: runs}, num_seeds=64, num_splits=20)
    assert (table["rate"] == 1.0).all()


def test_the_sample_of_a_split_has_its_share_of_a_checks_seeds():
    assert faults_measures.sample_size(1000, 1000) == 500
    assert faults_measures.sample_size(1000, 128) == round(1000 * 128 / 1128)
    assert faults_measures.sample_size(2, 1) == 1


def test_seeds_needed_are_those_that_see_it_half_of_the_time():
    """By simulation: Mann-Whitney's p at that many seeds is below the bar in half of the draws."""
    from scipy import stats

    needed = int(faults_measures.seeds_needed(0.6, 1000, 10))
    rng, bar = np.random.default_rng(0), drift.FALSE_ALARMS / 10
    still = rng.standard_normal((400, 1000))
    moved = rng.standard_normal((400, needed)) + 0.6
    p = stats.mannwhitneyu(moved, still, axis=1, method="asymptotic").pvalue
    assert np.mean(p <= bar) == pytest.approx(0.5, abs=0.1)


def test_no_number_of_seeds_sees_what_the_stored_ones_could_not():
    assert faults_measures.seeds_needed(0.01, 1000, 800) == math.inf
    assert faults_measures.seeds_needed(0.0, 1000, 800) == math.inf
