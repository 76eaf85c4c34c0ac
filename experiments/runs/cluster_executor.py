"""The executor of a cluster: jobs trained by Ray workers that may be lost with their node.

It assigns jobs to workers and yields their progress events, as the executors in `executor`
do. Ray starts workers and transports bytes. The job of a lost worker is assigned again here.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import operator
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from experiments.cases.errors import SuiteError, one_line
from experiments.runs import cluster_worker, keys
from experiments.runs.executor import MOST_PROGRAMS, MOST_TRIES, Event, FindCheckpoint
from experiments.runs.jobs import Job
from experiments.stats.text import count

SECONDS_BETWEEN_POLLS = 2.0


class ClusterExecutor:
    """The workers of a cluster, one per core; nodes may join or leave at any time.

    Args:
        ray: The module, joined to a cluster.
        num_workers: Largest number of workers.
    """

    def __init__(self, ray: Any, num_workers: int | None = None) -> None:
        self._ray, self._num_workers = ray, num_workers or sys.maxsize

    def run(self, jobs: list[Job], state: FindCheckpoint) -> Iterator[Event]:
        """Trains jobs and yields their events, see `executor`.

        Args:
            jobs: List of `Job`.
            state: Function `job -> bytes or None`: a checkpoint to resume from.

        Yields:
            The events of all executors, and `(job, "message", text)`.

        Raises:
            SuiteError: No node can train, or the cluster is lost.
        """
        if not jobs:
            return
        cluster_run = _ClusterRun(self._ray, jobs, state, self._num_workers)
        try:
            yield from cluster_run.work()
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            raise SuiteError(
                "The cluster is lost; what is finished is kept: start it again, and run again. "
                f"Received: {one_line(error)}"
            ) from None
        finally:
            cluster_run.end()


class _ClusterRun:
    """Some jobs, and the workers that train them."""

    def __init__(self, ray: Any, jobs: list[Job], state: FindCheckpoint, most: int) -> None:
        self._ray, self._state, self._most = ray, state, most
        self._first, self._waiting = jobs[0], collections.deque(jobs)
        self._workers: list[_Worker] = []
        self._modules = sorted(set().union(*(_modules(job) for job in jobs)))
        self._ours = cluster_worker.facts(self._modules)
        self._tries, self._failed_starts = collections.Counter(), collections.Counter()
        self._nodes: dict[str, int] = {}
        self._refused: dict[str, str] = {}
        self._polled = -SECONDS_BETWEEN_POLLS

    def work(self) -> Iterator[Event]:
        """Yields events until every job has ended."""
        while self._num_left():
            if time.monotonic() - self._polled >= SECONDS_BETWEEN_POLLS:
                yield from self._poll()
            yield from self._hand_out()
            pending = {worker.ref: worker for worker in self._workers if worker.ref is not None}
            if not pending:
                time.sleep(SECONDS_BETWEEN_POLLS / 10)
                continue
            ready, _ = self._ray.wait(list(pending), timeout=SECONDS_BETWEEN_POLLS)
            for ref in ready:
                yield from self._receive(pending[ref])

    def end(self) -> None:
        """Ends all workers."""
        for worker in list(self._workers):
            self._dismiss(worker)

    def _num_left(self) -> int:
        return len(self._waiting) + sum(worker.job is not None for worker in self._workers)

    def _poll(self) -> Iterator[Event]:
        """Counts the nodes, and starts a worker on every core as long as jobs are left."""
        self._polled = time.monotonic()
        nodes = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        cores = {name: int(node["Resources"].get("CPU", 0)) for name, node in nodes.items()}
        if cores != self._nodes:
            self._nodes = cores
            yield self._message(
                f"{count(len(cores), 'node')}, {count(sum(cores.values()), 'core')}"
            )
        fit = {name: num for name, num in cores.items() if num and name not in self._refused}
        if not fit and not self._workers and any(cores.values()):
            raise SuiteError("; ".join(self._refused[name] for name in cores if cores[name]))
        # Every node has one worker before any has two.
        for place, name in sorted((i, name) for name, num in fit.items() for i in range(num)):
            have = sum(worker.node == name for worker in self._workers)
            if have <= place and len(self._workers) < min(self._num_left(), self._most):
                self._workers.append(self._hire(name, nodes[name]["NodeManagerAddress"]))

    def _hire(self, node: str, name: str) -> _Worker:
        from ray.util.scheduling_strategies import (  # pyright: ignore[reportMissingImports] (optional)
            NodeAffinitySchedulingStrategy,
        )

        how = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        here = NodeAffinitySchedulingStrategy(node, soft=False)
        actor = self._ray.remote(_actor()).options(**how, scheduling_strategy=here).remote()
        return _Worker(actor, node, name, actor.facts.remote(self._modules, sys.path))

    def _hand_out(self) -> Iterator[Event]:
        """Assigns a job to each free worker."""
        for worker in [worker for worker in self._workers if worker.ref is None]:
            if self._waiting and worker.is_worn:
                self._dismiss(worker)
            elif self._waiting:
                job = self._waiting.popleft()
                try:
                    data = self._ray.cloudpickle.dumps(job)
                except Exception as error:
                    words = f"it cannot be sent; run without --cluster. Received: {error}"
                    yield job, "failed", SuiteError(words)
                else:
                    worker.give(job, data, self._state(job))

    def _receive(self, worker: _Worker) -> Iterator[Event]:
        try:
            received = self._ray.get(worker.ref)
        except self._ray.exceptions.RayError as error:
            yield from self._lose(worker, error)
            return
        if worker.job is None:
            yield from self._admit(worker, received)
            return
        job = worker.job
        if received[-1][0] in ("done", "failed"):
            worker.job = worker.ref = None
        else:
            worker.ref = worker.actor.receive.remote()
        for kind, value in received:
            yield job, kind, value

    def _admit(self, worker: _Worker, theirs: dict[str, str]) -> Iterator[Event]:
        """Accepts a new worker if its node has the versions and sources of this one."""
        why = cluster_worker.refusal(f"node {worker.name}", theirs, self._ours)
        worker.ref = None
        if why:
            self._dismiss(worker)
        if why and worker.node not in self._refused:
            self._refused[worker.node] = why
            yield self._message(why)

    def _lose(self, worker: _Worker, error: Exception) -> Iterator[Event]:
        """Puts the job of a lost worker first in the queue, or yields that it failed."""
        self._dismiss(worker)
        job, reason = worker.job, one_line(error)
        if job is None:
            self._failed_starts[worker.node] += 1
            if self._failed_starts[worker.node] >= MOST_TRIES:
                words = f"node {worker.name} takes no part: no worker starts. Received: {reason}"
                self._refused[worker.node] = words
            return
        self._tries[job.name] += 1
        if self._tries[job.name] < MOST_TRIES:
            self._waiting.appendleft(job)
            yield self._message(
                f"a worker of node {worker.name} was lost; another trains {job.name}"
            )
            return
        words = f"its worker was lost {MOST_TRIES} times, perhaps for want of memory"
        yield job, "failed", SuiteError(f"{words}. Received: {reason}")

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        # A replacement may be needed at once.
        self._polled = -SECONDS_BETWEEN_POLLS
        with contextlib.suppress(Exception):
            self._ray.kill(worker.actor)

    def _message(self, words: str) -> Event:
        return self._first, "message", words


class _Worker:
    """A worker on a node, its pending call, and the job that it trains."""

    def __init__(self, actor: Any, node: str, name: str, ref: Any) -> None:
        self.actor, self.node, self.name, self.ref = actor, node, name, ref
        self.job: Job | None = None
        self._programs: set[tuple] = set()

    @property
    def is_worn(self) -> bool:
        return len(self._programs) >= MOST_PROGRAMS

    def give(self, job: Job, data: bytes, saved: bytes | None) -> None:
        self.job = job
        self._programs.add(job.program)
        self.actor.give.remote(data, saved)
        self.ref = self.actor.receive.remote()


def _actor() -> type:
    """Returns the class of the workers; a local class is pickled by value."""

    class Worker:
        def facts(self, modules, places):
            import os
            import sys

            # A GPU rounds differently, so a cluster trains on CPU cores only.
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
            # A worker must find the modules that the process which started it finds.
            sys.path += [place for place in places if place not in sys.path]
            try:
                from experiments.runs import cluster_worker
            except ImportError:
                return {}
            self._remote_worker = cluster_worker.RemoteWorker()
            return cluster_worker.facts(modules)

        def give(self, data, saved):
            self._remote_worker.give(data, saved)

        def receive(self):
            return self._remote_worker.receive()

    return Worker


def _modules(job: Job) -> set[str]:
    """Returns the modules that define the parts of a job, which every node must have."""
    case = job.case
    named = (case.data, case.model, case.task.target, case.inputs, case.by_hand, type(job.setup))
    parts: Iterable[Any] = [p.func if isinstance(p, functools.partial) else p for p in named]
    found = {part.__module__ for part in parts if _travels_by_name(part)}
    # An evidence file imports the script of its case.
    return found | {keys.script_of(name) for name in found}


def _travels_by_name(part: Any) -> bool:
    """Returns whether pickle sends a name only: parts of a module other than `__main__`."""
    module = sys.modules.get(getattr(part, "__module__", ""))
    try:
        found = operator.attrgetter(part.__qualname__)(module)
    except AttributeError:
        return False
    return found is part and getattr(module, "__name__", "") != "__main__"
