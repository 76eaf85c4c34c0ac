"""Executors: jobs trained by threads of this process, or by processes that are replaced.

The method `run` of an executor yields events `(job, kind, value)`. Kind `advance` comes with
the updates made, `state` with a checkpoint as bytes. The last event of a job is `done`, with
the result of `JobTrainer.train`, or `failed`, with an exception. The executor of a cluster
also yields `message`, with text. Executors write no files.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import pickle
import queue
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from experiments.cases.errors import SuiteError
from experiments.runs.blocks import num_cores
from experiments.runs.jobs import Job, JobTrainer
from experiments.training import devices

# A job, the kind of the event and its value.
Event = tuple[Job, str, Any]
# Returns the checkpoint that a job resumes from, if there is one.
FindCheckpoint = Callable[[Job], bytes | None]

# A compiled program is never freed; each takes about 50 MB.
MOST_PROGRAMS = 10
# A job whose worker was lost is tried again, at most so many times in total.
MOST_TRIES = 3
SECONDS_BETWEEN_REPORTS = 0.25


def choose_executor(jobs: list[Job]) -> ThreadExecutor | ProcessExecutor:
    """Returns the executor for some jobs on this machine.

    Few programs are trained by threads, which start at once. Many are trained by processes,
    since a compiled program is never freed.
    """
    programs = {job.program for job in jobs}
    if len(programs) <= MOST_PROGRAMS or devices.gpus() or not can_travel(jobs[0]):
        return ThreadExecutor(num_threads(jobs))
    return ProcessExecutor(min(num_cores(), len(jobs)))


def num_threads(jobs: list[Job]) -> int:
    """Returns the number of threads that train some jobs."""
    # Plain Keras uses all cores for one model, and a GPU trains all blocks at once.
    alone = jobs[0].trainer == "reference" or devices.gpus()
    return 1 if alone else min(num_cores(), len(jobs))


def can_travel(job: Job) -> bool:
    """Returns whether a job can be sent to another process of this machine."""
    try:
        pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


class ThreadExecutor:
    """Threads of this process, each with its own `JobTrainer`.

    Args:
        num_workers: Number of threads.
    """

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers

    def run(self, jobs: list[Job], state: FindCheckpoint) -> Iterator[Event]:
        """Trains jobs and yields their events, see the module's docstring.

        Args:
            jobs: List of `Job`.
            state: Function `job -> bytes or None`: a checkpoint to resume from.
        """
        received: queue.SimpleQueue[Event] = queue.SimpleQueue()
        stop, local = threading.Event(), threading.local()

        def send(job: Job, kind: str, value: Any) -> None:
            if stop.is_set():
                raise KeyboardInterrupt
            received.put((job, kind, value))

        def work(job: Job, saved: bytes | None) -> None:
            if not hasattr(local, "job_trainer"):
                local.job_trainer = JobTrainer()
            received.put((job, *outcome(local.job_trainer, job, saved, send)))

        with concurrent.futures.ThreadPoolExecutor(self.num_workers) as threads:
            try:
                for job in jobs:
                    threads.submit(work, job, state(job))
                yield from _until_all(jobs, received.get)
            finally:
                stop.set()
                threads.shutdown(wait=True, cancel_futures=True)


def _until_all(jobs: list[Job], receive: Callable[[], Event]) -> Iterator[Event]:
    """Yields events until every job has ended."""
    left = len(jobs)
    while left:
        job, kind, value = receive()
        left -= kind in ("done", "failed")
        yield job, kind, value


def outcome(
    job_trainer: JobTrainer,
    job: Job,
    saved: bytes | None,
    send: Callable[[Job, str, Any], None],
) -> tuple[str, Any]:
    """Trains a job and sends its events; returns `(kind, value)` of the last one."""
    how = {name: functools.partial(send, job, name) for name in ("advance", "state")}
    try:
        found = job_trainer.train(job, advance=how["advance"], saved=saved, keep=how["state"])
    except KeyboardInterrupt:
        raise
    except (Exception, SystemExit) as error:
        return "failed", error
    return "done", found


class ProcessExecutor:
    """Processes, each replaced once it has compiled enough programs.

    A job whose process was ended from outside is tried again in a new one.

    Args:
        num_workers: Number of processes at a time.
    """

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers

    def run(self, jobs: list[Job], state: FindCheckpoint) -> Iterator[Event]:
        """Trains jobs and yields their events, see the module's docstring.

        Args:
            jobs: List of `Job`.
            state: Function `job -> bytes or None`: a checkpoint to resume from.
        """
        waiting = collections.deque(jobs)
        tries: collections.Counter[str] = collections.Counter()
        workers = [_Worker() for _ in range(min(self.num_workers, len(jobs)))]
        try:
            while waiting or any(worker.job for worker in workers):
                for place, worker in enumerate(workers):
                    if worker.job is None and waiting:
                        if worker.is_worn:
                            worker.end()
                            workers[place] = worker = _Worker()
                        worker.give(waiting.popleft(), state)
                for worker in _ready(workers):
                    yield from worker.receive()
                    if worker.is_lost:
                        worker.end()
                        workers[workers.index(worker)] = _Worker()
                        yield from _again(worker, waiting, tries)
        finally:
            for worker in workers:
                worker.end()


def _ready(workers: list[_Worker]) -> list[_Worker]:
    busy: dict[Any, _Worker] = {worker.pipe: worker for worker in workers if worker.job is not None}
    return [busy[pipe] for pipe in multiprocessing.connection.wait(list(busy))]


def _again(
    worker: _Worker, waiting: collections.deque[Job], tries: collections.Counter[str]
) -> Iterator[Event]:
    """Puts the job of a lost worker first in the queue, or yields that it failed."""
    job = worker.job
    assert job is not None
    tries[job.name] += 1
    if tries[job.name] < MOST_TRIES:
        waiting.appendleft(job)
        return
    error = SuiteError(
        f"its process was ended from outside {MOST_TRIES} times, perhaps for want of memory"
    )
    yield job, "failed", error


class _Worker:
    """A process, the pipe to it, and the job that it trains."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.job: Job | None = None
        self.is_lost = False
        self._programs: set[tuple] = set()

    @property
    def is_worn(self) -> bool:
        return len(self._programs) >= MOST_PROGRAMS

    def give(self, job: Job, state: FindCheckpoint) -> None:
        self.job = job
        self._programs.add(job.program)
        # A process that has just died is noticed by `receive`.
        with contextlib.suppress(OSError):
            self.pipe.send((job, state(job)))

    def receive(self) -> Iterator[Event]:
        """Yields the events that are there; a closed pipe means that the process is lost."""
        try:
            while self.job is not None and self.pipe.poll():
                kind, value = self.pipe.recv()
                job = self.job
                if kind in ("done", "failed"):
                    self.job = None
                yield job, kind, value
        except (EOFError, OSError):
            self.is_lost = True

    def end(self) -> None:
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def _work(pipe: Any) -> None:
    """Receives jobs and sends events until the pipe is closed; the target of a process."""
    # Ctrl-C reaches every process of the terminal; the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", message="You are using a softmax over axis")
    job_trainer = JobTrainer()
    with contextlib.suppress(EOFError, OSError):
        while True:
            job, saved = pipe.recv()
            events = ProgressEvents(pipe.send)
            ended = sendable(*outcome(job_trainer, job, saved, events.send))
            events.flush()
            pipe.send(ended)


class ProgressEvents:
    """Forwards events; updates are summed and sent a few times a second.

    Args:
        send: Function that receives `(kind, value)`.
    """

    def __init__(self, send: Callable[[tuple[str, Any]], object]) -> None:
        self._send, self._updates, self._last = send, 0, time.monotonic()

    def send(self, _: Job, kind: str, value: Any) -> None:
        """Forwards one event of a job."""
        if kind == "advance":
            self._updates += value
            if time.monotonic() - self._last < SECONDS_BETWEEN_REPORTS:
                return
        self.flush()
        if kind != "advance":
            self._send((kind, value))

    def flush(self) -> None:
        """Sends the summed updates."""
        if self._updates:
            self._send(("advance", self._updates))
        self._updates, self._last = 0, time.monotonic()


def sendable(kind: str, value: Any) -> tuple[str, Any]:
    """Returns an outcome that can be pickled; an exception has its traceback as a note."""
    if kind != "failed":
        return kind, value
    text = "".join(traceback.format_exception(value))
    try:
        value = pickle.loads(pickle.dumps(value))
    except Exception:
        value = RuntimeError(f"{type(value).__name__}: {value}")
    if not isinstance(value, SuiteError):
        value.add_note(text)
    return kind, value
