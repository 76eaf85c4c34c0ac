"""The processes and the clock of the benchmark: one process for each kind of contender.

TensorFlow's threads are set once a process, and JAX and TensorFlow disturb each other in one. So
each kind has a process of its own, all are started the same way, and only one computes at a time.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import signal
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.benchmark import contenders
from experiments.benchmark.contenders import ARM, PARTS
from experiments.cases.errors import SuiteError
from experiments.training.streams import steps_per_pass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

CHECK_STEPS = 20
TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Job:
    """The training of one contender in one repetition.

    Args:
        contender: `"engine"`, one of its `PARTS`, `"jax"`, `"jax_tuned"`, `"fit"` or
            `"fit_stream"`.
        name: The name of the case, whose fixed arm is trained.
        num_seeds: Seeds 0 to num_seeds - 1.
        passes: Passes over the data; 100 batches each for an endless stream.
    """

    contender: str
    name: str
    num_seeds: int
    passes: int

    @property
    def case(self) -> Case:
        """The case of this name."""
        import reproductions

        return reproductions.load(self.name)

    @property
    def setup(self) -> Setup:
        """The setup of the fixed arm."""
        return self.case.arm(ARM)

    @property
    def steps_per_pass(self) -> int:
        """Updates in one pass."""
        return steps_per_pass(self.setup)

    @property
    def updates(self) -> int:
        """Updates of one repetition, summed over seeds."""
        return self.num_seeds * self.passes * self.steps_per_pass


KINDS = {"jax": "jax", "jax_tuned": "jax", "fit": "fit", "fit_stream": "fit"}


class Workers:
    """The processes that some jobs need, as a context that starts and ends them."""

    def __init__(self, jobs: Iterable[Job]):
        self._kinds = dict.fromkeys(KINDS.get(job.contender, "engine") for job in jobs)
        self._ends, self._processes = {}, []

    def __enter__(self) -> Workers:
        context = multiprocessing.get_context("spawn")
        for kind in self._kinds:
            self._ends[kind], other = context.Pipe()
            process = context.Process(target=serve, args=(other,), daemon=True)
            process.start()
            other.close()
            self._processes.append(process)
        return self

    def __exit__(self, *failure: Any) -> None:
        for end in self._ends.values():
            end.close()
        for process in self._processes:
            if failure[0] is not None:
                process.terminate()
            process.join()

    def ask(self, job: Job, method: str, *arguments: Any) -> Any:
        """Calls a method of a contender in its process, and returns the result.

        Args:
            job: The job. The first call for a job creates its contender.
            method: Name of the contender's method.
            *arguments: Values that can be pickled.

        Raises:
            SuiteError: The method raised one, or the process died.
            RuntimeError: The method raised another error.
        """
        end = self._ends[KINDS.get(job.contender, "engine")]
        end.send((job, method, arguments))
        try:
            outcome, value = end.recv()
        except EOFError:
            raise SuiteError(
                f"The benchmark's process for {job.contender} died; free some memory "
                f"and run it again. Received: {job}"
            ) from None
        if outcome == "failed":
            raise RuntimeError(f"{job} failed:\n{value}")
        if outcome == "refused":
            raise SuiteError(value)
        return value


def serve(connection: Any) -> None:
    """Handles the calls that arrive on a connection until its other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    contenders = {}
    while True:
        try:
            job, method, arguments = connection.recv()
        except EOFError:
            return
        connection.send(_answer(contenders, job, method, arguments))


def _answer(contenders, job, method, arguments):
    try:
        if job not in contenders:
            contenders[job] = _make(job)
        return "value", getattr(contenders[job], method)(*arguments)
    except SuiteError as error:
        return "refused", str(error)
    except Exception:
        return "failed", traceback.format_exc()


def _make(job):
    if KINDS.get(job.contender) == "jax":
        from experiments.benchmark import jax_contender

        return jax_contender.Jax(job, tuned=job.contender == "jax_tuned")
    if job.contender in PARTS:
        return contenders.EnginePart(job, job.contender)
    kinds = {"engine": contenders.Engine, "fit": contenders.Fit, "fit_stream": contenders.FitStream}
    return kinds[job.contender](job)


def measure(
    jobs: Sequence[Job], repetitions: int, *, compare: bool = True
) -> tuple[dict[Job, list[float]], dict[Job, tuple[float, int]], dict[Job, str], dict[str, str]]:
    """Times jobs in turn, round after round.

    Args:
        jobs: The jobs, the engine's first.
        repetitions: Rounds.
        compare: Whether all jobs must arrive at the weights of the first.

    Returns:
        `(seconds, first, descriptions, environment)`: the first three are `{job: value}`, with
        the seconds of each round, `(seconds, updates)` of building, compiling and the first
        pass, and a text that says how it was trained. The last is versions and hardware.

    Raises:
        SuiteError: The weights differ, JAX is missing, or the user stopped the benchmark.
    """
    try:
        with Workers(jobs) as workers:
            start = workers.ask(jobs[0], "start") if compare else None
            first = {job: workers.ask(job, "prepare", start) for job in jobs}
            if compare:
                _compare(workers, jobs)
            seconds = {job: [] for job in jobs}
            for _ in range(repetitions):
                for job in jobs:
                    seconds[job].append(workers.ask(job, "run"))
            descriptions = {job: workers.ask(job, "describe") for job in jobs}
            return seconds, first, descriptions, workers.ask(jobs[0], "environment")
    except KeyboardInterrupt:
        raise SuiteError("the benchmark was stopped and keeps nothing; run it again") from None


def _compare(workers, jobs):
    passes = -(-CHECK_STEPS // jobs[0].steps_per_pass)
    ours = workers.ask(jobs[0], "weights", passes)
    for job in jobs[1:]:
        found = difference(workers.ask(job, "weights", passes), ours)
        if not found <= TOLERANCE:
            raise SuiteError(
                f"The benchmark compares equal training only: after {passes} passes the "
                f"weights of {job.contender} differ from the engine's by more than "
                f"{TOLERANCE:g}. Received on {job.name}: {found:.2g}"
            )


def difference(theirs: Sequence[Any], ours: Sequence[Any]) -> float:
    """Returns the largest difference of weights, relative to the largest of each variable.

    Args:
        theirs: Arrays `(num_seeds, *variable shape)`.
        ours: The same; seeds that only one side trained are ignored.
    """
    worst = 0.0
    for one, other in zip(theirs, ours, strict=True):
        num_seeds = min(len(one), len(other))
        one, other = np.asarray(one)[:num_seeds], np.asarray(other)[:num_seeds]
        worst = max(worst, np.abs(one - other).max() / max(np.abs(other).max(), 1e-6))
    return float(worst)
