"""The gate's own evidence: arithmetic that is right, tables that are current, promises kept."""

import math
import pathlib

import numpy as np
import pandas as pd
import pytest

import reproductions
from experiments import gate, gate_false_alarms, gate_page, gate_power, gate_reach, tables
from experiments.gate_faults import FAULTS
from experiments.store import Store

RESULTS = pathlib.Path(__file__).parent.parent / "results"
AGAIN = "run: python -m experiments.gate_power"


@pytest.fixture(scope="module")
def committed():
    return gate_page.read(RESULTS / "gate")


@pytest.fixture(scope="module")
def hinge():
    case = reproductions.load("sum_hinge")
    return case, tables.runs(Store(RESULTS / case.name, case))


# What is committed.


def test_the_page_says_what_the_tables_say(committed):
    text = (RESULTS / "gate" / "README.md").read_text(encoding="utf-8")
    assert text == gate_page.page(**committed), AGAIN


def test_the_declared_rate_of_false_alarms_is_kept(committed):
    table = committed["false_alarms"]
    suite = table[(table["scope"] == "suite") & (table["level"] == gate.FALSE_ALARMS)].iloc[0]
    assert suite["splits"] >= 10_000, AGAIN
    assert suite["high"] <= gate.FALSE_ALARMS
    assert suite["rate"] == pytest.approx(suite["alarms"] / suite["splits"], rel=1e-3)


def test_every_fault_was_planted_and_the_controls_raised_no_alarm(committed):
    power = committed["power"].set_index("fault")
    assert set(power.index) == {fault.name for fault in (*FAULTS, *gate_power.CONTROLS)}, AGAIN
    for control in gate_power.CONTROLS:
        assert not power.loc[control.name, "caught"]
        assert len(power.loc[control.name, "cases"].split(", ")) == len(reproductions.names())


def test_at_least_twenty_faults_are_caught_and_the_others_are_listed_with_their_reach(committed):
    power, reach = committed["power"], committed["reach"]
    planted = power[~power["fault"].str.startswith(gate_page.CONTROL)]
    assert planted["caught"].sum() >= 20
    assert set(planted.loc[~planted["caught"], "fault"]) == set(reach["fault"]), AGAIN


def test_a_fault_that_is_not_caught_does_change_rows(committed):
    """What changes nothing would say nothing of the gate."""
    assert (committed["reach"]["share_changed"] > 0).all()


@pytest.mark.parametrize("name", ["one data set", "one start", "one order", "one mask", "one exam"])
def test_a_shared_stream_is_caught_by_its_own_question(name, committed):
    question = {
        "one data set": "data",
        "one start": "weights",
        "one order": "order",
        "one mask": "dropout",
        "one exam": "test points",
    }[name]
    row = committed["power"].set_index("fault").loc[name]
    assert row["caught"] and question in row["questions"].split(", ")


def test_what_is_caught_is_what_failed_or_moved(committed):
    for row in committed["power"].itertuples():
        moved = row.p_holm <= gate.FALSE_ALARMS
        assert row.by_distribution == moved, row.fault
        assert row.caught == (moved or isinstance(row.questions, str)), row.fault


# Faults.


def test_names_of_faults_are_their_own_and_so_are_their_seeds():
    names = [fault.name for fault in (*FAULTS, *gate_power.CONTROLS)]
    firsts = [gate_power.seeds_of(fault, 1)[0] for fault in (*FAULTS, *gate_power.CONTROLS)]
    assert len(set(names)) == len(names) and len(set(firsts)) == len(firsts)
    assert min(firsts) > 1_000_000


@pytest.mark.parametrize("name", reproductions.names())
def test_every_case_is_touched_by_some_fault_and_not_by_all(name):
    case = reproductions.load(name)
    setups = [case.broken, case.fixed]
    touched = [fault.name for fault in FAULTS if fault.touches(case, setups)]
    assert 20 <= len(touched) < len(FAULTS)


# False alarms.


def test_splits_of_identical_seeds_raise_alarms_no_oftener_than_said(hinge):
    case, runs = hinge
    table = gate_false_alarms.table({case: runs}, num_seeds=64, num_splits=300)
    assert set(table["scope"]) == {"suite", case.name}
    assert table["num_tests"].nunique() == 1 == table["splits"].nunique()
    assert (table["low"] <= table["level"]).all()


def test_a_metric_that_differs_by_split_would_raise_alarms(hinge, monkeypatch):
    case, runs = hinge
    monkeypatch.setattr(
        gate_false_alarms.gate_statistics,
        "p_values",
        lambda values, members: {"shape": np.full(len(members), 1e-9)},
    )
    table = gate_false_alarms.table({case: runs}, num_seeds=64, num_splits=20)
    assert (table["rate"] == 1.0).all()


def test_the_sample_of_a_split_has_its_share_of_a_checks_seeds():
    assert gate_false_alarms.sample_size(1000, 1000) == 500
    assert gate_false_alarms.sample_size(1000, 128) == round(1000 * 128 / 1128)
    assert gate_false_alarms.sample_size(2, 1) == 1


# Reach.


def test_seeds_needed_are_those_that_see_it_half_of_the_time():
    """By simulation: Mann-Whitney's p at that many seeds is below the bar in half of the draws."""
    from scipy import stats

    needed = int(gate_reach.seeds_needed(0.6, 1000, 10))
    rng, bar = np.random.default_rng(0), gate.FALSE_ALARMS / 10
    still = rng.standard_normal((400, 1000))
    moved = rng.standard_normal((400, needed)) + 0.6
    p = stats.mannwhitneyu(moved, still, axis=1, method="asymptotic").pvalue
    assert np.mean(p <= bar) == pytest.approx(0.5, abs=0.1)


def test_no_number_of_seeds_sees_what_the_stored_ones_could_not():
    assert gate_reach.seeds_needed(0.01, 1000, 800) == math.inf
    assert gate_reach.seeds_needed(0.0, 1000, 800) == math.inf


def test_moves_are_medians_of_pairs_in_stored_spreads():
    seeds = np.arange(200)
    stored = pd.DataFrame({"arm": "a", "seed": seeds, "steps": 1, "loss": seeds * 1.0})
    clean = stored.iloc[:3].assign(loss=[1.0, 2.0, 3.0])
    faulty = clean.assign(loss=[11.0, 2.0, 24.0]).iloc[::-1]
    stored["diverged"] = stored["solved"] = False
    found = gate_reach.moves(stored, clean, faulty)
    assert found == {"loss": pytest.approx(10.0 / ((149 - 49) / 1.349))}
    assert gate_reach.share_changed(clean, faulty) == pytest.approx(2 / 3)
