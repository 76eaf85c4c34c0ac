"""What a run survives: the measures themselves, small; and what is committed of them."""

import functools
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from experiments import (
    calibration,
    durability_memory,
    durability_overhead,
    durability_page,
    durability_places,
    durability_runs,
    durability_size,
    runner,
    states,
    units,
)
from experiments.case import SuiteError
from experiments.keys import environment
from experiments.store import Store
from tests import toy

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "results" / "durability"
PLAN = {"broken": toy.CASE.arm("broken"), "bend": toy.CASE.arm("bend")}
SEEDS = list(range(10))


def news(unit):
    """What a unit would tell in the end, with rows that are made up."""
    found = {}
    for arm, setup in unit.arms.items():
        head = {"arm": arm, "steps": str(setup.num_steps), "diverged": 0, "solved": 1}
        rows = [head | {"seed": str(seed), "mse": 0.5 + seed} for seed in unit.seeds]
        shape = (len(unit.seeds), 2)
        trace = {"steps": np.array([0, setup.num_steps]), "mse": np.ones(shape)}
        found[arm] = rows, trace | {"curve": np.ones((*shape, 50))}
    return found, environment()


class Scripted:
    """A crew that trains nothing, and is stopped after so many units."""

    def __init__(self, work, stop_after=None, seen=None):
        self.stop_after, self.seen = stop_after, seen

    def run(self, work, state):
        for place, unit in enumerate(work):
            if place == self.stop_after:
                raise KeyboardInterrupt
            if self.seen is not None:
                self.seen.append(unit)
            yield unit, "done", news(unit)
        if self.stop_after is not None:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(units, "num_cores", lambda: 2)


def train(folder, **how):
    case = toy.make(block_width=None)
    crew = functools.partial(Scripted, **how)
    return runner.train(case, PLAN, SEEDS, Store(folder, case), crew=crew)


def stopped(folder, after, seen=None):
    with pytest.raises(runner.Stopped):
        train(folder, stop_after=after, seen=seen)


def same_as_undisturbed(folder, tmp_path):
    train(tmp_path / "undisturbed")
    return durability_runs.unequal(folder, durability_runs.prints(tmp_path / "undisturbed")) == []


# A run that was stopped, and goes on.


def test_rows_that_were_not_merged_are_merged_though_nothing_is_left_to_train(tmp_path):
    stopped(tmp_path / "a", after=99)
    assert not (tmp_path / "a/runs.csv").exists()
    assert train(tmp_path / "a") == (0, 20)
    assert same_as_undisturbed(tmp_path / "a", tmp_path)


def test_a_run_that_was_stopped_goes_on_with_the_same_units(tmp_path):
    first, later = [], []
    stopped(tmp_path / "a", after=1, seen=first)
    train(tmp_path / "a", seen=later)
    whole = []
    train(tmp_path / "b", seen=whole)
    assert [unit.seeds for unit in first + later] == [unit.seeds for unit in whole]
    assert [unit.digest() for unit in first + later] == [unit.digest() for unit in whole]
    assert same_as_undisturbed(tmp_path / "a", tmp_path)


def test_a_run_that_has_ended_is_cut_anew_when_more_is_asked(tmp_path):
    train(tmp_path / "a")
    assert Store(tmp_path / "a", toy.make(block_width=None)).widths == {}


def test_another_machine_cuts_a_run_anew(tmp_path, monkeypatch):
    stopped(tmp_path / "a", after=1)
    later = []
    monkeypatch.setattr(units, "num_cores", lambda: 1)
    train(tmp_path / "a", seen=later)
    assert [unit.seeds for unit in later] == [(5, 6, 7, 8, 9), tuple(range(10))]


@pytest.mark.parametrize("widths", [5, {"a": 0}, {"a": "4"}, {"a": True}])
def test_widths_that_nobody_wrote_are_named_as_damage(tmp_path, widths):
    stopped(tmp_path / "a", after=1)
    Store(tmp_path / "a", toy.make(block_width=None)).note(widths=widths)
    with pytest.raises(SuiteError, match=r"manifest\.json is damaged.*widths|attribute"):
        Store(tmp_path / "a", toy.make(block_width=None))


def leave_state(folder, name, setup, seeds):
    whose = states.identity("engine", setup, seeds, [setup.num_steps])
    store = Store(folder, toy.make(block_width=None))
    store.save_state(name, states.pack({}, whose))
    return store.state_path(name)


def test_the_state_of_a_unit_whose_rows_are_stored_goes_and_no_other(tmp_path):
    stopped(tmp_path / "a", after=99)
    over = leave_state(tmp_path / "a", "0" * 16, PLAN["bend"], [3, 4])
    other = leave_state(tmp_path / "a", "1" * 16, PLAN["bend"], [3, 40])
    train(tmp_path / "a")
    assert not over.exists()
    assert other.exists()


def test_what_a_killed_process_left_of_a_figure_goes(tmp_path):
    train(tmp_path / "a")
    left = tmp_path / "a/figures/.fit.svg.123.tmp"
    left.parent.mkdir()
    left.write_text("half")
    with Store(tmp_path / "a", toy.make(block_width=None)).alone():
        assert not left.exists()


# How it is watched.


def test_a_row_that_is_lost_or_different_is_seen(tmp_path):
    case = toy.make(block_width=None)
    train(tmp_path / "a")
    store = Store(tmp_path / "a", case)
    watch = durability_runs.Watch(case, tmp_path / "a", durability_runs.rows_of(store))
    assert watch.look() == (20, "")
    store.drop("bend", PLAN["bend"].num_steps)
    assert watch.look() == (10, "10 rows lost")
    store.add(store.frame()[:1].assign(mse=7.0), environment())
    assert watch.look() == (10, "1 rows lost; 1 rows different")


def test_a_file_that_is_missing_too_many_or_other_is_seen(tmp_path):
    for name, text in {"a": "1", "b": "2", ".lock": "3"}.items():
        (tmp_path / name).write_text(text)
    before = durability_runs.prints(tmp_path)
    assert set(before) == {"a", "b"}
    (tmp_path / "a").write_text("9")
    (tmp_path / "b").rename(tmp_path / "c")
    assert durability_runs.unequal(tmp_path, before) == ["a", "b", "c"]


def test_a_folder_that_cannot_be_read_says_so_without_a_path(tmp_path):
    train(tmp_path / "a")
    (tmp_path / "a/runs.csv").write_text("damaged")
    _, wrong = durability_runs.Watch(toy.make(block_width=None), tmp_path / "a", []).look()
    assert "runs.csv" in wrong
    assert str(tmp_path) not in wrong


@pytest.mark.parametrize(
    ("code", "lines", "words"),
    [
        (0, ["fine"], "exit 0"),
        (1, ["Error: a"], "exit 1, one line"),
        (130, ["x"], "exit 130"),
        (1, ["Traceback (most recent call last):"], "traceback, exit 1"),
        (-9, [], "SIGKILL"),
        (None, [], "did not end"),
    ],
)
def test_how_a_run_ended_is_told_from_its_code_and_its_words(code, lines, words):
    assert durability_runs.ending(code, lines) == words


def test_a_run_is_ended_by_a_signal_where_it_is(tmp_path):
    run = durability_runs.Run(functools.partial(time.sleep, 60), tmp_path / "log")
    assert not run.wait(lambda run: run.seconds > 0.05)
    assert run.place == durability_runs.OUTSIDE
    assert durability_runs.ending(run.end(signal.SIGKILL), run.said()) == "SIGKILL"


# The measures.


def memory_table(megabytes):
    numbers = range(1, 1 + len(megabytes))
    return pd.DataFrame({"way": "x", "unit": numbers, "megabytes": megabytes})


def test_memory_that_grows_by_each_unit_has_that_slope():
    row = durability_memory.growth(memory_table([100 + 50 * n for n in range(60)])).iloc[0]
    assert row["slope"] == pytest.approx(50)
    assert row["low"] > 49


def test_memory_that_is_let_go_of_again_and_again_does_not_grow():
    row = durability_memory.growth(memory_table([100 + 50 * (n % 10) for n in range(60)])).iloc[0]
    assert row["slope"] == pytest.approx(0)


def test_overhead_is_the_median_ratio_and_the_share_spent_writing():
    table = pd.DataFrame(
        {
            "work": "x",
            "units": 3,
            "rows": 4,
            "dropped_seconds": [10, 10, 10],
            "kept_seconds": [10, 11, 20],
            "dropped_processor": [5, 5, 5],
            "kept_processor": [5, 5.05, 5.5],
            "store_seconds": [0.1, 0.11, 0.2],
        }
    )
    row = durability_overhead.summary(table).iloc[0]
    assert (row["clock"], row["clock_low"], row["clock_high"]) == pytest.approx((0.1, 0, 1))
    assert row["processor"] == pytest.approx(0.01)
    assert row["seconds_of_ten_minutes"] == pytest.approx(6)


def test_time_spent_writing_counts_a_call_within_a_call_once(monkeypatch, tmp_path):
    class Slow:
        def merge(self):
            time.sleep(0.05)

        def settle(self):
            self.merge()

    for name in durability_overhead.WRITING:
        if not hasattr(Slow, name):
            setattr(Slow, name, lambda self: None)
    monkeypatch.setattr(durability_overhead, "Store", Slow)
    spent = [0.0]
    with durability_overhead.timed_writes(spent):
        Slow().settle()
    assert 0.05 <= spent[0] < 0.1


def test_a_folder_is_enlarged_by_rows_that_are_all_current(tmp_path):
    case = toy.make(block_width=None)
    train(tmp_path / "a")
    small = Store(tmp_path / "a", case)
    made_by = set(zip(*small.frame()[["arm", "key"]].T.to_numpy(), strict=True))
    durability_size.enlarge(small, tmp_path / "b", 50)
    large = Store(tmp_path / "b", case)
    assert len(large) == 50
    assert large.stale() == {}
    assert set(zip(*large.frame()[["arm", "key"]].T.to_numpy(), strict=True)) == made_by


def test_a_small_disk_is_small_where_it_can_be_mounted(tmp_path):
    if not durability_places.can_mount(tmp_path):
        pytest.skip("no disk can be mounted here")
    with durability_places.small_disk(tmp_path, 4096) as disk:
        with pytest.raises(OSError, match="space"):
            (disk / "a").write_bytes(b"x" * 10_000)


def test_peak_memory_is_this_processs_own():
    before = calibration.peak_memory()
    held = bytearray(64 * 2**20)
    assert calibration.peak_memory() >= before
    assert calibration.peak_memory() >= len(held)


def measured(part, num, folder):
    """Runs a part of the command in a process of its own, which forks before TensorFlow works."""
    words = [sys.executable, "-m", "experiments.durability", part, "--num", str(num)]
    subprocess.run([*words, "--out", str(folder)], cwd=ROOT, check=True, capture_output=True)
    return durability_page.read(folder)


@pytest.mark.slow
def test_a_run_that_dies_before_an_operation_on_files_ends_as_an_undisturbed_one(tmp_path):
    found = measured("points", 5, tmp_path)
    assert len(found["points"]) == 5
    assert found["points"]["wrong"].isna().all()
    assert "Killed before every operation" in (tmp_path / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("part", "num"), [("kills", 3), ("places", 1)])
def test_a_run_that_is_disturbed_ends_as_an_undisturbed_one(tmp_path, part, num):
    table = measured(part, num, tmp_path)[part]
    assert len(table) >= num
    assert table["wrong"].isna().all()


# What is committed.


@pytest.fixture(scope="module")
def committed():
    return durability_page.read(RESULTS)


def test_the_page_says_what_the_tables_hold(committed):
    text = (RESULTS / "README.md").read_text(encoding="utf-8")
    assert text == durability_page.page(**committed), "run: python -m experiments.durability"


@pytest.mark.parametrize("part", ["kills", "points", "places"])
def test_no_disturbance_lost_a_row_or_a_byte(committed, part):
    assert committed[part]["wrong"].isna().all()


def test_there_were_enough_kills_in_every_place(committed):
    kills = committed["kills"][committed["kills"]["kill"] != durability_page.FINISHED]
    assert len(kills) >= 200
    assert set(kills["place"]) == set(durability_runs.ALL_PLACES)
    assert kills["states"].sum() > 0


def test_durability_costs_less_than_its_bar(committed):
    found = durability_overhead.summary(committed["overhead"])
    assert (found["store"] < durability_page.LIMITS["overhead"]).all()


def test_memory_grows_by_a_program_in_threads_and_not_in_processes(committed):
    found = durability_memory.growth(committed["memory"]).set_index("way")
    assert found.loc[durability_memory.THREADS, "low"] > 5
    assert found.loc[durability_memory.PROCESSES, "low"] <= 0.5
    assert abs(found.loc[durability_memory.ONE, "slope"]) < 0.5


def test_a_large_folder_is_read_within_its_bars(committed):
    assert (committed["size"]["processor"] < durability_page.LIMITS["seconds"]).all()
    assert (committed["size"]["megabytes"] < durability_page.LIMITS["megabytes"]).all()
