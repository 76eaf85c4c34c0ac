"""The gate: an unchanged suite passes, a changed one fails, and what is said of it is so."""

import pathlib

import numpy as np
import pandas as pd
import pytest

import reproductions
from experiments.analysis import tables
from experiments.analysis.analysis import Analysis
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.check import comparison, drift
from experiments.check import sample as sampling
from experiments.cli import commands
from experiments.runs import runner
from experiments.runs.store import Store
from tests import toy
from tests.trials import faults_planted, faults_planting

RESULTS = pathlib.Path(__file__).parents[2] / "results"
CASE = toy.make(block_width=64)
NUM_STORED = 256


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of the toy's lattice, as evidence to compare with."""
    made = Store(tmp_path_factory.mktemp("gate") / "toy", CASE)
    runner.train(
        CASE, {"broken": CASE.broken, "longer": CASE.arm("longer")}, range(NUM_STORED), made
    )
    return made


@pytest.fixture(scope="module")
def found(store):
    """A check of the unchanged toy."""
    return drift.check({CASE: analysed(store)}, num_seeds=64)


@pytest.fixture
def rows(store):
    """The stored rows, halved: stored and sample, `broken` only."""
    table = tables.runs(store)
    table = table[table["arm"] == "broken"].reset_index(drop=True)
    return table[table["seed"] < 200], table[table["seed"] >= 200]


def analysed(store):
    return Analysis(store.case, find_evidence(store.case), store)


def compared(rows):
    return drift.compared({"toy": rows}, {})


def failing(found):
    return set(found.failures["question"])


# A check.


def test_an_unchanged_suite_passes(found):
    assert found.passed
    assert set(found.table["arm"]) == {"broken", "longer"}
    assert {"data", "order", "weights", "updates", "twins"} <= set(found.questions["question"])
    assert (found.num_seeds, found.seconds > 0) == (64, True)
    assert found.verdicts["words"].tolist() == ["the same", "the same"]


def test_a_changed_learning_rate_fails_and_the_table_says_by_how_much(store):
    faulty = {fault.name: fault for fault in faults_planted.FAULTS}["rate x2"]
    with faulty.planted(CASE) as trained:
        pair, answers = drift.sampled(
            CASE, tables.runs(store), range(900, 964), trained=trained, probes=False
        )
    found = drift.compared({"toy": pair}, {"toy": answers})
    assert not found.passed and not len(found.failures)
    worst = found.table.iloc[0]
    assert worst["alarm"] and worst["p_holm"] <= drift.FALSE_ALARMS
    assert np.sign(worst["moved"]) == np.sign(worst["sample"] - worst["stored"])
    assert found.table["p_holm"].is_monotonic_increasing


def test_rows_of_another_keras_are_compared_not_refused(store, found):
    store.environments[0]["keras"], now = "2.99.0", store.environments[0]["keras"]
    try:
        other = drift.check({CASE: analysed(store)}, num_seeds=2, first_seed=5_000)
    finally:
        store.environments[0]["keras"] = now
    assert other.passed
    assert other.versions["toy"][0]["keras"] == "2.99.0"
    assert other.versions["sample"]["keras"] == now == found.versions["sample"]["keras"]


def test_a_check_refuses_stored_seeds_and_a_single_one(store):
    with pytest.raises(SuiteError, match="check trains seeds that are not stored. Received: 100"):
        drift.check({CASE: analysed(store)}, first_seed=100)
    with pytest.raises(SuiteError, match="check needs --seeds 2 at the least. Received: 1"):
        drift.check({CASE: analysed(store)}, num_seeds=1)


def test_a_check_needs_evidence(tmp_path):
    with pytest.raises(SuiteError, match="python -m reproductions record toy"):
        drift.check({CASE: analysed(Store(tmp_path / "none", CASE))})


# Which arms.


def few(case, arm, num_seeds):
    rows = [(arm, seed, case.arm(arm).num_steps) for seed in range(num_seeds)]
    return pd.DataFrame(rows, columns=["arm", "seed", "steps"])


def test_an_arm_needs_enough_seeds_and_few_enough_samples(monkeypatch):
    stored = pd.concat([few(CASE, "broken", 200), few(CASE, "longer", 199), few(CASE, "slow", 200)])
    assert list(sampling.plan(CASE, stored)) == ["broken"]
    monkeypatch.setattr(sampling, "MOST_SAMPLES", 1)
    assert sampling.plan(CASE, stored) == {}
    with pytest.raises(SuiteError, match="stores no arm with 200 seeds that is quick to train"):
        drift.sampled(CASE, stored, range(9))


def test_one_arm_with_dropout_is_checked_beside_the_lattice():
    drops = {
        "drop": toy.variant("units dropped", dropout=0.5),
        "more": toy.variant("x", dropout=0.6),
    }
    case = toy.make(variants=drops)
    stored = pd.concat([few(case, arm, 200) for arm in ("broken", "drop", "more")])
    assert list(sampling.plan(case, stored)) == ["broken", "drop"]


def test_an_endless_stream_is_checked_at_its_longest_stored_budget():
    case = toy.make_stream()
    stored = few(case, "fixed", 200)
    stored = pd.concat([stored.assign(steps=steps) for steps in (10, 40)])
    assert sampling.plan(case, stored)["fixed"].num_steps == 40


def test_a_model_that_reads_its_length_is_a_run_of_its_own():
    def model(s):
        network = toy.model(s)
        network.optimizer.learning_rate = 0.1 / s.epochs
        return network

    arms = {"broken": CASE.broken, "longer": CASE.arm("longer")}
    case = toy.make(model=model, block_width=2)
    together = sampling.draw(case, arms, [1, 2], probes=False).rows
    alone = sampling.draw(case, {"longer": arms["longer"]}, [1, 2], probes=False).rows
    found = together[together["arm"] == "longer"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[list(alone)], alone)
    assert len(together) == 4


# What a comparison says.


def test_two_halves_of_one_sample_agree(rows):
    assert compared(rows).passed


def test_a_shift_is_measured_in_stored_spreads(rows):
    stored, sample = rows
    size = comparison.spread(stored["loss"].to_numpy())
    quartiles = np.quantile(stored["loss"], [0.25, 0.75], method="inverted_cdf")
    assert size == pytest.approx((quartiles[1] - quartiles[0]) / 1.349)
    found = compared((stored, sample.assign(loss=stored["loss"].to_numpy()[:56] + 2 * size)))
    row = found.table.set_index("metric").loc["loss"]
    shift = np.sort(stored["loss"][:56])[27] + 2 * size - np.sort(stored["loss"])[99]
    assert row["alarm"] and row["unit"] == "spreads"
    assert row["moved"] == pytest.approx(shift / size)


def test_a_rate_moves_in_points(rows):
    stored, sample = rows
    found = compared((stored, sample.assign(solved=[True] * 28 + [False] * 28)))
    row = found.table.set_index("metric").loc["solved"]
    assert row["alarm"] and row["unit"] == "points" and row["moved"] == 50.0
    flip = found.verdicts.iloc[0]
    assert (flip["stored_verdict"], flip["sample_verdict"]) == ("fails", "depends on the seed")
    assert flip["words"] == "flipped" and flip["p"] < 1e-9


def test_a_flip_that_the_rates_do_not_bear_out_is_no_alarm(rows):
    stored, sample = (half.assign(solved=False) for half in rows)
    stored.loc[stored.index[:20], "solved"] = True
    sample.loc[sample.index[:10], "solved"] = True
    found = compared((stored, sample))
    verdict = found.verdicts.iloc[0]
    assert verdict["stored_verdict"] != verdict["sample_verdict"]
    assert "too few seeds to say: 56 against 200" == verdict["words"]
    assert found.passed


def test_metrics_that_repeat_others_are_compared_once(rows):
    names = comparison.metrics(rows[0])
    assert {"mse", "loss", "solved"} <= set(names)
    assert not {"rmse", "skill", "r2"} & set(names)


def test_a_metric_that_the_sample_lacks_fails(rows):
    stored, sample = rows
    found = compared((stored, sample.drop(columns="gradient_norm")))
    assert failing(found) == {"metrics"}
    assert "the sample lacks gradient_norm" in found.failures["words"].iloc[0]


def test_another_number_of_updates_fails(rows):
    stored, sample = rows
    found = compared((stored, sample.assign(steps=9)))
    assert failing(found) == {"budget"}
    assert found.failures["words"].iloc[0] == "stored at 8 updates, sampled at 9"


@pytest.mark.parametrize("source", ["sample", "stored"])
def test_a_row_that_repeats_another_fails(source, rows):
    stored, sample = rows
    twin = (sample if source == "sample" else stored).iloc[[0]].assign(seed=999)
    found = compared((stored, pd.concat([sample, twin])))
    assert failing(found) == {"twins"}
    assert found.failures["words"].iloc[0] == "1 of 57 sampled rows repeat another"
    assert found.failures["about_seeds"].all()


def test_twins_say_nothing_where_stored_rows_have_them(rows):
    stored, sample = rows
    stored = pd.concat([stored, stored.iloc[[0]].assign(seed=999)])
    assert comparison.num_duplicates(stored, sample) is None


def test_p_values_are_adjusted_for_the_whole_family(rows):
    alone, among = (drift.compared({"toy": rows}, {}, num_tests=n) for n in (None, 10_000))
    assert among.num_tests == 10_000
    best = alone.table["p"].min()
    assert among.table["p_holm"].min() == pytest.approx(min(1, best * 10_000))


def test_an_arm_that_the_engine_refuses_fails(store):
    plant = faults_planting.with_optimizer(lambda config: {"clipnorm": 1.0})
    with plant(CASE) as trained:
        pair, answers = drift.sampled(CASE, tables.runs(store), range(900, 910), trained=trained)
    found = drift.compared({"toy": pair}, {"toy": answers})
    assert not found.passed and failing(found) == {"trainable"}


# The cases themselves.


@pytest.mark.parametrize("name", reproductions.names())
def test_every_case_has_arms_to_check(name):
    case = reproductions.load(name)
    stored = tables.runs(committed(case))
    arms = sampling.plan(case, stored)
    assert {"broken"} <= set(arms)
    rates = [sampling.kept(stored, arm)["solved"].mean() for arm in arms]
    assert min(rates) < 0.2 and max(rates) > 0.8


def committed(case):
    return Store(RESULTS / case.name, case)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sum_hinge", "sum_softmax"])
def test_the_committed_evidence_still_holds(name):
    case = reproductions.load(name)
    found = drift.check({case: commands.analysis_of(case)}, num_seeds=64)
    assert found.passed, (found.alarms, found.failures)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rate x1.2", "one order", "pass skipped"])
def test_a_planted_fault_does_not_pass(name):
    case = reproductions.load("sum_hinge")
    fault = {fault.name: fault for fault in faults_planted.FAULTS}[name]
    seeds = range(2_000_000, 2_000_064)
    with fault.planted(case) as trained:
        pair, answers = drift.sampled(case, tables.runs(committed(case)), seeds, trained=trained)
    assert not drift.compared({case.name: pair}, {case.name: answers}).passed
