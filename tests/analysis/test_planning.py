"""What a run would cost: counted by hand, timed on a clock of ours, and held to a real run."""

import math
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from experiments import fix, variant
from experiments.analysis import calibration, forecast, planning
from experiments.analysis.calibration import Cost
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.runs import executor, jobs, runner
from experiments.runs.keys import row_key
from experiments.runs.store import Store
from experiments.stats import interim
from experiments.training.columns import typed
from tests import toy
from tests.analysis.test_sequential import ENVIRONMENT, RATES, World

# What the plain NumPy trainer knows too.
CASE = toy.make(
    fixes={
        "bend": fix("a larger rate", learning_rate=0.2),
        "longer": fix("too few updates", epochs=5),
    }
)
LATTICE = plans.combinations(CASE)


@pytest.fixture
def cheap(monkeypatch):
    """Times nothing: every program costs 1 s, a block 2 s, a look 0.1 s, a step 0.01 s."""
    timed = []

    def measure(job, seconds):
        timed.append(job.run)
        return Cost(1.0, 2.0, 0.1, 0.01, 50 * 2**20)

    monkeypatch.setattr(calibration, "measure", measure)
    return timed


def empty(folder, trainer="numpy"):
    return Store(folder / "a", CASE, trainer)


def filled(folder, words, num_seeds, rates=RATES):
    store = Store(folder / "a", CASE)
    World(store, rates)(plans.select(CASE, words), list(range(num_seeds)))
    return store


def run_of(found, arm):
    return next(row for row in found.runs.itertuples() if arm in row.run.split(" = "))


# What is there, and what is missing.


def test_rows_are_counted_by_hand(tmp_path, cheap):
    store = empty(tmp_path)
    found = planning.plan(CASE, LATTICE, list(range(10)), store)
    # Arms that differ in length alone are one run; the longer one is trained.
    assert sorted(found.runs["run"]) == ["fixed = bend", "longer = broken"]
    assert found.runs["asked"].tolist() == found.runs["missing"].tolist() == [20, 20]
    assert set(found.runs["current"]) == {0}
    assert run_of(found, "fixed").updates == 10 * CASE.fixed.num_steps


def test_rows_that_are_there_are_not_trained(tmp_path):
    store = filled(tmp_path, "lattice", 8)
    found = planning.plan(CASE, LATTICE, list(range(8)), store)
    assert found.runs["missing"].sum() == found.runs["updates"].sum() == 0
    assert set(found.runs["how"]) == {forecast.NOTHING}
    assert found.seconds == (0.0, 0.0, 0.0)
    assert planning.headline(found) == "Nothing to train: every row is there."


def test_stale_rows_are_counted_and_trained_anew(tmp_path):
    store = Store(tmp_path / "a", CASE, "numpy")
    setup = CASE.broken
    row = World(store).row("broken", setup, 0)
    fresh = row | {"seed": "1", "key": row_key(CASE, setup, "numpy")}
    store.add(typed([row | {"key": "0" * 12}, fresh]), ENVIRONMENT)
    found = planning.plan(CASE, {"broken": setup}, [0, 1, 2], store, seconds=0)
    line = run_of(found, "broken")
    assert (line.asked, line.current, line.stale, line.missing) == (3, 1, 1, 2)


def test_an_arm_that_is_refused_is_refused_before_anything_is_timed(tmp_path, cheap):
    case = toy.make(variants={"odd": variant("an optimizer", optimizer="Adafactor")})
    store = Store(tmp_path / "a", case, "numpy")
    with pytest.raises(SuiteError, match="Adafactor"):
        planning.plan(case, plans.variants(case), [0, 1], store)
    assert cheap == []


# What it costs.


def test_seconds_are_those_of_blocks_looks_and_steps(tmp_path, cheap):
    found = planning.plan(CASE, {"broken": CASE.broken}, list(range(100)), empty(tmp_path))
    line = run_of(found, "broken")
    # 100 seeds are two blocks; 8 steps are looked at after 0, 1, 2, 5 and 8.
    assert CASE.broken.num_steps == 8
    assert line.seconds == pytest.approx(2 * (2.0 + 5 * 0.1 + 8 * 0.01))
    low, high = planning.SURE
    assert (line.low, line.high) == pytest.approx((low * line.seconds, high * line.seconds))
    assert line.how == forecast.MEASURED


def test_by_the_clock_workers_share_the_blocks(tmp_path, cheap, monkeypatch):
    for module in (executor, planning):
        monkeypatch.setattr(module, "num_cores", lambda: 2)
    found = planning.plan(
        CASE, {"broken": CASE.broken}, list(range(100)), empty(tmp_path, "engine")
    )
    line = run_of(found, "broken")
    # Each of two workers compiles the program.
    assert found.seconds[0] == pytest.approx(line.seconds / 2 + 2 * 1.0)
    assert found.seconds[1] < found.seconds[0] < found.seconds[2]


def test_what_is_not_timed_is_estimated_from_what_is(tmp_path, cheap, monkeypatch):
    monkeypatch.setattr(planning, "MOST_MEASURED", 1)
    found = planning.plan(CASE, LATTICE, list(range(10)), empty(tmp_path))
    assert sorted(found.runs["how"]) == [forecast.ESTIMATED, forecast.MEASURED]
    (one,) = cheap
    by_name = found.runs.set_index("run")
    assert by_name.loc[one, "how"] == forecast.MEASURED
    # Of equal size, they cost the same, but it is less sure.
    assert by_name["seconds"].nunique() == 1
    estimated = by_name[by_name["how"] == forecast.ESTIMATED].iloc[0]
    assert estimated["high"] == pytest.approx(planning.UNSURE[1] * estimated["seconds"])


def test_without_time_nothing_is_timed(tmp_path, cheap):
    found = planning.plan(CASE, LATTICE, list(range(10)), empty(tmp_path), seconds=0)
    assert cheap == []
    assert found.seconds is None
    assert set(found.runs["how"]) == {forecast.UNTIMED}
    assert planning.headline(found) == "40 rows to train; nothing was timed."


def test_memory_grows_with_the_programs_that_workers_keep(tmp_path, cheap, monkeypatch):
    monkeypatch.setattr(calibration, "peak_memory", lambda: 1000 * 2**20)
    monkeypatch.setattr(executor, "num_cores", lambda: 2)
    found = planning.plan(CASE, LATTICE, list(range(100)), empty(tmp_path))
    # Two programs of 50 MB for each of two workers; two are in the base already.
    assert found.memory == pytest.approx((1000 + 2 * 100 - 100) * 2**20)


# Fits.


def test_a_look_and_a_step_are_found_from_the_clock():
    steps = [0, 1, 2, 6, 18, 54]
    times, now = [], 3.0
    for place, step in enumerate(steps):
        made = step - steps[place - 1] if place else 0
        now += 0.25 + 0.01 * made + (2.0 if place < 2 else 0.0)
        times.append((step, now))
    assert calibration._fitted(times) == pytest.approx((0.25, 0.01))


def test_a_run_of_one_step_is_all_compilation_and_step():
    assert calibration._fitted([(0, 1.0), (1, 3.0)]) == (0.0, 2.0)


def test_steps_scale_with_the_size_of_a_block():
    costs = [(1000, Cost(2, 1, 0.1, 0.011, 10)), (5000, Cost(4, 3, 0.3, 0.015, 30))]
    found = calibration.scaled(costs, 9000)
    assert found.step == pytest.approx(0.010 + 9000 * 1e-6)
    assert (found.program, found.block, found.checkpoint, found.memory) == (3, 2, 0.2, 20)
    assert not found.is_measured


def test_from_one_run_alone_a_step_has_an_overhead():
    cost = Cost(1, 1, 0.1, 0.02, None)
    small, same, large = (
        calibration.scaled([(calibration.OVERHEAD, cost)], size)
        for size in (0, calibration.OVERHEAD, 3 * calibration.OVERHEAD)
    )
    assert [c.step for c in (small, same, large)] == pytest.approx([0.01, 0.02, 0.04])
    assert same.memory is None


def test_a_timed_unit_is_looked_at_ever_more_seldom():
    (job,) = jobs.cut(CASE, {"fixed": CASE.fixed}, lambda arm, setup: [0, 1], "numpy")
    assert CASE.fixed.num_steps == 20
    assert calibration._timed_steps(job) == [0, 1, 2, 6, 18, 20]


def test_timing_stops_when_the_time_is_over():
    setup = CASE.fixed.replace(epochs=100_000)
    (job,) = jobs.cut(CASE, {"long": setup}, lambda arm, setup: [0, 1], "numpy")
    start = time.perf_counter()
    cost = calibration.measure(job, 0.1)
    assert time.perf_counter() - start < 20
    assert cost.step > 0
    assert cost.seconds(1, 0, setup.num_steps) > 0.1


# What it decides.


def test_each_arm_has_its_verdict_and_the_seeds_it_needs(tmp_path):
    store = filled(tmp_path, "broken,slow", 40)
    plan = plans.select(CASE, "broken,slow,fixed")
    found = planning.plan(CASE, plan, list(range(40)), store, seconds=0)
    arms = found.arms.set_index("arm")
    assert (arms.loc["broken", "verdict"], arms.loc["broken", "needs"]) == ("fails", 40)
    assert arms.loc["slow", "verdict"] == "undecided"
    assert arms.loc["slow", "needs"] > 40
    assert arms.loc["fixed", ["seeds", "needs", "known_from"]].tolist() == [0, 16, ""]


def test_what_this_folder_lacks_is_known_from_committed_results(tmp_path):
    evidence = filled(tmp_path / "there", "slow", 200)
    share = evidence.text().count(",0,1,") / 200
    plan = plans.select(CASE, "slow,broken")
    found = planning.plan(CASE, plan, [0], empty(tmp_path), evidence=evidence, seconds=0)
    arms = found.arms.set_index("arm")
    assert arms.loc["slow", "known_from"] == forecast.COMMITTED
    assert arms.loc["broken", "known_from"] == forecast.NOWHERE
    num = int(arms.loc["slow", "needs"])
    rate = planning.intervals.rate(round(share * num), num)
    assert planning.intervals.verdict(rate) != "undecided"


def test_under_looks_it_is_a_look_that_decides(tmp_path):
    store = filled(tmp_path, "broken,slow", 40)
    store.note(stopping_rule=interim.REPEATED.name)
    plan = plans.select(CASE, "broken,slow,fixed")
    found = planning.plan(CASE, plan, list(range(40)), store, seconds=0)
    arms = found.arms.set_index("arm")
    assert arms.loc["slow", "needs"] in interim.analysis_sizes(100_000)
    assert arms.loc["fixed", "needs"] == 32


# In words.


def test_the_words_are_text(tmp_path, cheap):
    store = filled(tmp_path, "broken", 20)
    plan = plans.select(CASE, "broken,fixed")
    found = planning.plan(CASE, plan, list(range(20)), Store(store.folder, CASE), seconds=0)
    trained, decided = planning.text_tables(found).values()
    cells = pd.concat([trained.stack(), decided.stack()])
    assert all(isinstance(cell, str) for cell in cells)
    assert trained["rows there"].tolist() == ["20 of 20", "0 of 20"]
    assert decided["seeds likely needed"].tolist() == ["20", "16 at least"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (120, "2 min"),
        (5000, "83 min"),
        (7200, "2 h"),
        (3.6e6, "1,000 h"),
    ],
)
def test_durations_are_in_words_of_one_unit(seconds, text):
    assert forecast._duration(seconds) == text


def test_the_headline_says_time_and_memory():
    runs = pd.DataFrame({"missing": [30, 10], "updates": [1, 1]})
    found = forecast.Forecast(runs, None, (100.0, 70.0, 150.0), 3 * 2**30, 2)
    assert planning.headline(found) == (
        "40 rows to train: about 1.7 min (70 s to 2.5 min) on 2 cores, 3.0 GB of memory at most. "
        "Tables and figures come on top."
    )


# For real.


@pytest.mark.slow
def test_the_expected_time_is_that_of_a_real_run_within_a_factor_of_two(tmp_path):
    plan = {arm: setup.replace(epochs=1000 * setup.epochs) for arm, setup in LATTICE.items()}
    seeds, off = list(range(100)), []
    # A machine that others use too may be slower in one half of this than in the other.
    for folder in (tmp_path / "first", tmp_path / "second"):
        store = empty(folder)
        found = planning.plan(CASE, plan, seeds, store, seconds=10)
        start = time.perf_counter()
        runner.train(CASE, plan, seeds, store)
        off.append(found.seconds[0] / (time.perf_counter() - start))
    assert any(0.5 <= factor <= 2 for factor in off), off


NUM_ROWS = 100_000
CODE = """
import sys, time
from experiments.analysis import calibration, planning
from experiments.cases import plans
from experiments.runs.store import Store
from tests import toy
store = Store(sys.argv[1], toy.CASE)
start = time.perf_counter()
found = planning.plan(toy.CASE, plans.select(toy.CASE, "all"), list(range(20_000)), store)
print(time.perf_counter() - start, calibration.peak_memory() / 2**20, len(store))
print("tensorflow" in sys.modules or "keras" in sys.modules, int(found.runs["missing"].sum()))
"""


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_planned_in_five_seconds_and_500_mb(tmp_path):
    store, plan = Store(tmp_path / "a", toy.CASE), plans.select(toy.CASE, "all")
    random = np.random.default_rng(0)
    rows = []
    for arm, setup in plan.items():
        key = row_key(toy.CASE, setup)
        for seed in range(NUM_ROWS // len(plan)):
            metrics = {f"metric_{n}": value for n, value in enumerate(random.random(30))}
            head = {"arm": arm, "seed": str(seed), "steps": str(setup.num_steps)}
            rows.append(head | {"diverged": False, "solved": seed % 3 > 0, "key": key} | metrics)
    store.add(typed(rows), ENVIRONMENT)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    seconds, megabytes, num_rows = map(float, first.split())
    assert second == "False 0"
    assert num_rows == NUM_ROWS
    assert seconds < 5
    assert megabytes < 500
    assert not math.isnan(megabytes)


def test_peak_memory_is_this_processs_own():
    before = calibration.peak_memory()
    held = bytearray(64 * 2**20)
    assert calibration.peak_memory() >= before
    assert calibration.peak_memory() >= len(held)
