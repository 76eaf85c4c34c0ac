"""The runner resumes a stopped run with the same units, and ends with the same bytes."""

import functools

import numpy as np
import pytest

from experiments.cases.errors import SuiteError
from experiments.runs import jobs, runner
from experiments.runs.keys import environment
from experiments.runs.store import Store
from experiments.training import checkpoints
from experiments.training.columns import typed
from tests import toy
from tests.trials.processes import prints

PLAN = {"broken": toy.CASE.arm("broken"), "bend": toy.CASE.arm("bend")}
SEEDS = list(range(10))


def news(job):
    """What a unit would tell in the end, with rows that are made up."""
    found = {}
    for arm, setup in job.arms.items():
        head = {"arm": arm, "steps": setup.num_steps, "diverged": False, "solved": True}
        rows = typed({**head, "seed": job.seeds, "mse": [0.5 + seed for seed in job.seeds]})
        shape = (len(job.seeds), 2)
        trace = {"steps": np.array([0, setup.num_steps]), "mse": np.ones(shape)}
        found[arm] = rows, trace | {"curve": np.ones((*shape, 50))}
    return found, environment()


class Scripted:
    """An executor that trains nothing, and is stopped after so many jobs."""

    def __init__(self, work, stop_after=None, seen=None):
        self.stop_after, self.seen = stop_after, seen

    def run(self, work, state):
        for place, job in enumerate(work):
            if place == self.stop_after:
                raise KeyboardInterrupt
            if self.seen is not None:
                self.seen.append(job)
            yield job, "done", news(job)
        if self.stop_after is not None:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(jobs, "num_cores", lambda: 2)


def train(folder, **how):
    case = toy.make(block_width=None)
    choose_executor = functools.partial(Scripted, **how)
    return runner.train(case, PLAN, SEEDS, Store(folder, case), choose_executor=choose_executor)


def stopped(folder, after, seen=None):
    with pytest.raises(runner.Stopped):
        train(folder, stop_after=after, seen=seen)


def same_as_undisturbed(folder, tmp_path):
    train(tmp_path / "undisturbed")
    return prints(folder) == prints(tmp_path / "undisturbed")


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
    assert [job.seeds for job in first + later] == [job.seeds for job in whole]
    assert [job.digest() for job in first + later] == [job.digest() for job in whole]
    assert same_as_undisturbed(tmp_path / "a", tmp_path)


def test_a_run_that_has_ended_is_cut_anew_when_more_is_asked(tmp_path):
    train(tmp_path / "a")
    assert Store(tmp_path / "a", toy.make(block_width=None)).widths == {}


def test_another_machine_cuts_a_run_anew(tmp_path, monkeypatch):
    stopped(tmp_path / "a", after=1)
    later = []
    monkeypatch.setattr(jobs, "num_cores", lambda: 1)
    train(tmp_path / "a", seen=later)
    assert [job.seeds for job in later] == [(5, 6, 7, 8, 9), tuple(range(10))]


@pytest.mark.parametrize("widths", [5, {"a": 0}, {"a": "4"}, {"a": True}])
def test_widths_that_nobody_wrote_are_named_as_damage(tmp_path, widths):
    stopped(tmp_path / "a", after=1)
    Store(tmp_path / "a", toy.make(block_width=None)).note(widths=widths)
    with pytest.raises(SuiteError, match=r"manifest\.json is damaged.*widths|attribute"):
        Store(tmp_path / "a", toy.make(block_width=None))


def leave_state(folder, name, setup, seeds):
    whose = checkpoints.identity("engine", setup, seeds, [setup.num_steps])
    store = Store(folder, toy.make(block_width=None))
    store.save_checkpoint(name, checkpoints.pack({}, whose))
    return store.checkpoint_path(name)


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
    with Store(tmp_path / "a", toy.make(block_width=None)).lock():
        assert not left.exists()
