"""Workers: whoever trains, the same rows; who fails or dies stops nothing else."""

import collections
import os
import signal

import pytest

from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.runs import executor, jobs
from tests import toy


def cut(words="broken,fixed", seeds=range(6), case=toy.CASE):
    return jobs.cut(case, plans.select(case, words), lambda *_: list(seeds), "engine")


def receive(choose_executor, work, state=lambda _: None):
    """Returns `{unit's name: (kind, value)}` of the ends, and the updates heard of."""
    ends, updates = {}, collections.Counter()
    for job, kind, value in choose_executor.run(work, state):
        if kind == "advance":
            updates[job.name] += value
        elif kind in ("done", "failed"):
            assert job.name not in ends
            ends[job.name] = kind, value
    return ends, updates


def rows(ends):
    return {
        name: [part.to_csv(index=False) for part, _ in value[0].values()]
        for name, (_, value) in ends.items()
    }


def test_threads_train_every_unit_and_tell_of_every_update():
    work = cut()
    ends, updates = receive(executor.ThreadExecutor(2), work)
    assert {kind for kind, _ in ends.values()} == {"done"}
    assert updates == {job.name: job.num_updates for job in work}


def failing(seed):
    """A case whose data cannot be drawn for one seed."""

    def data(s, rng, size):
        if rng.bit_generator.seed_seq.entropy == seed:
            raise SuiteError("these data cannot be drawn")
        return toy.data(s, rng, size)

    return toy.make(data=data)


def test_a_unit_that_fails_stops_no_other():
    work = cut("broken", range(40), case=failing(3))
    assert len(work) > 1
    ends, _ = receive(executor.ThreadExecutor(2), work)
    failed = [name for name, (kind, _) in ends.items() if kind == "failed"]
    assert failed == [job.name for job in work if 3 in job.seeds]
    assert len(ends) == len(work)


def test_threads_that_are_left_alone_stop():
    received = executor.ThreadExecutor(1).run(cut("broken", range(40)), lambda _: None)
    next(received)
    received.close()


def test_few_programs_are_for_threads_and_many_for_processes(monkeypatch):
    work = cut()
    assert isinstance(executor.choose_executor(work), executor.ThreadExecutor)
    monkeypatch.setattr("experiments.runs.executor.MOST_PROGRAMS", 1)
    assert isinstance(executor.choose_executor(work), executor.ProcessExecutor)


def test_a_case_that_cannot_travel_stays_here(monkeypatch):
    monkeypatch.setattr("experiments.runs.executor.MOST_PROGRAMS", 1)
    work = cut(case=failing(3))
    assert not executor.can_travel(work[0])
    assert isinstance(executor.choose_executor(work), executor.ThreadExecutor)


def test_news_add_up_and_lose_nothing():
    sent = []
    events = executor.ProgressEvents(lambda piece: sent.append(piece))
    for _ in range(1000):
        events.send(None, "advance", 3)
    events.send(None, "state", b"state")
    events.send(None, "advance", 4)
    events.flush()
    assert sum(value for kind, value in sent if kind == "advance") == 3004
    assert sent[-2:] == [("state", b"state"), ("advance", 4)]
    assert len(sent) < 100


def test_an_exception_that_cannot_travel_keeps_its_text():
    class Local(Exception):
        pass

    kind, error = executor.sendable("failed", Local("why"))
    assert kind == "failed"
    assert str(error) == "Local: why"
    assert "Local: why" in error.__notes__[0]


def test_a_mistake_travels_as_it_is():
    _, error = executor.sendable("failed", SuiteError("one line"))
    assert (type(error), str(error)) == (SuiteError, "one line")
    assert not hasattr(error, "__notes__")


@pytest.mark.slow
def test_processes_make_the_rows_of_threads_and_are_replaced(monkeypatch):
    work = cut("lattice", range(40))
    threads, _ = receive(executor.ThreadExecutor(2), work)
    begun, make = [], executor._Worker
    monkeypatch.setattr("experiments.runs.executor.MOST_PROGRAMS", 1)
    monkeypatch.setattr(
        "experiments.runs.executor._Worker", lambda: begun.append(make()) or begun[-1]
    )
    processes, updates = receive(executor.ProcessExecutor(2), work)
    assert rows(processes) == rows(threads)
    assert updates == {job.name: job.num_updates for job in work}
    assert len(begun) > 2


@pytest.mark.slow
@pytest.mark.parametrize("deaths", [1, executor.MOST_TRIES])
def test_the_unit_of_a_process_that_was_killed_is_tried_again(monkeypatch, deaths):
    work, killed, make = cut("broken", range(4)), [], executor._Worker.give

    def give(worker, job, state):
        make(worker, job, state)
        if job.name == work[0].name and len(killed) < deaths:
            os.kill(worker._process.pid, signal.SIGKILL)
            killed.append(job)

    monkeypatch.setattr("experiments.runs.executor._Worker.give", give)
    ends, _ = receive(executor.ProcessExecutor(1), work)
    assert len(killed) == deaths
    kind, value = ends[work[0].name]
    if deaths < executor.MOST_TRIES:
        undisturbed, _ = receive(executor.ThreadExecutor(1), work)
        assert rows(ends) == rows(undisturbed)
    else:
        assert kind == "failed"
        assert "ended from outside" in str(value)
    assert len(ends) == len(work)
