"""Workers: units trained by threads of this process, or by processes that are replaced.

Hands units out and passes on what is heard of them; writes nothing. A crew's `run`
yields `(unit, kind, value)`: `advance` with updates made, `state` with bytes to go on from,
and at last `done` with what `Bench.train` returned, or `failed` with an exception; a crew of
many machines also `events` in words.
"""

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

from experiments.cases.case import SuiteError
from experiments.runs.blocks import num_cores
from experiments.runs.jobs import JobTrainer
from experiments.training import devices

# A compiled program is never freed, about 50 MB each.
MOST_PROGRAMS = 10
# A unit whose worker was lost is tried again, but not for ever.
MOST_TRIES = 3
SECONDS_BETWEEN_REPORTS = 0.25


def choose_executor(jobs):
    """Returns the crew for some units on this machine.

    Few programs are trained by threads, which start at once; many by processes, since
    a compiled program is never freed.
    """
    programs = {job.program for job in jobs}
    if len(programs) <= MOST_PROGRAMS or devices.gpus() or not can_travel(jobs[0]):
        return ThreadExecutor(num_threads(jobs))
    return ProcessExecutor(min(num_cores(), len(jobs)))


def num_threads(jobs):
    """Returns how many threads train some units."""
    # Plain Keras uses the cores itself, one model at a time; a GPU trains all blocks at once.
    alone = jobs[0].trainer == "reference" or devices.gpus()
    return 1 if alone else min(num_cores(), len(jobs))


def can_travel(job):
    """Returns whether a unit can be sent to another process of this machine."""
    try:
        pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


class ThreadExecutor:
    """Threads of this process, each with a bench of its own.

    Args:
        num_workers: How many.
    """

    def __init__(self, num_workers):
        self.num_workers = num_workers

    def run(self, jobs, state):
        """Trains units; see the top of this file.

        Args:
            jobs: List of `Job`.
            state: Function `unit -> bytes or None`: a saved state to go on from.
        """
        received, stop, local = queue.SimpleQueue(), threading.Event(), threading.local()

        def send(job, kind, value):
            if stop.is_set():
                raise KeyboardInterrupt
            received.put((job, kind, value))

        def work(job, saved):
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


def _until_all(jobs, receive):
    """Passes on what is heard until every unit has ended."""
    left = len(jobs)
    while left:
        job, kind, value = receive()
        left -= kind in ("done", "failed")
        yield job, kind, value


def outcome(job_trainer, job, saved, send):
    """Trains a unit on a bench, telling of it; returns `(kind, value)` of its end."""
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

    A unit whose process was ended from outside is tried again in a new one.

    Args:
        num_workers: How many at a time.
    """

    def __init__(self, num_workers):
        self.num_workers = num_workers

    def run(self, jobs, state):
        """Trains units; see the top of this file.

        Args:
            jobs: List of `Job`.
            state: Function `unit -> bytes or None`: a saved state to go on from.
        """
        waiting, tries = collections.deque(jobs), collections.Counter()
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


def _ready(workers):
    busy = {worker.pipe: worker for worker in workers if worker.job is not None}
    return [busy[pipe] for pipe in multiprocessing.connection.wait(list(busy))]


def _again(worker, waiting, tries):
    """Puts the unit of a lost worker back in front, or says that it failed."""
    job = worker.job
    tries[job.name] += 1
    if tries[job.name] < MOST_TRIES:
        waiting.appendleft(job)
        return
    error = SuiteError(
        f"its process was ended from outside {MOST_TRIES} times, perhaps for want of memory"
    )
    yield job, "failed", error


class _Worker:
    """A process, the pipe to it, and the unit that it trains."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.job, self.is_lost, self._programs = None, False, set()

    @property
    def is_worn(self):
        return len(self._programs) >= MOST_PROGRAMS

    def give(self, job, state):
        self.job = job
        self._programs.add(job.program)
        # A process that has just died is noticed when it is listened to.
        with contextlib.suppress(OSError):
            self.pipe.send((job, state(job)))

    def receive(self):
        """Yields what there is to hear; a closed pipe means that the process is gone."""
        try:
            while self.job is not None and self.pipe.poll():
                kind, value = self.pipe.recv()
                job = self.job
                if kind in ("done", "failed"):
                    self.job = None
                yield job, kind, value
        except (EOFError, OSError):
            self.is_lost = True

    def end(self):
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def _work(pipe):
    """A worker's whole life: units in, news out, until the pipe is closed."""
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
    """Passes news on, updates added up to a few times a second.

    Args:
        send: Function given `(kind, value)`.
    """

    def __init__(self, send):
        self._send, self._updates, self._last = send, 0, time.monotonic()

    def send(self, _, kind, value):
        """Takes one piece of news of a unit."""
        if kind == "advance":
            self._updates += value
            if time.monotonic() - self._last < SECONDS_BETWEEN_REPORTS:
                return
        self.flush()
        if kind != "advance":
            self._send((kind, value))

    def flush(self):
        """Sends the updates that were added up."""
        if self._updates:
            self._send(("advance", self._updates))
        self._updates, self._last = 0, time.monotonic()


def sendable(kind, value):
    """Returns an outcome that can be sent; an exception brings its traceback as a note."""
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
