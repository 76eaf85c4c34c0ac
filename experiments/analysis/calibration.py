"""Estimates the cost of training on this machine from a few timed steps.

It trains jobs for some seconds and discards the rows. A block of seeds costs its set-up, its
checkpoints and its steps. A program costs its compilation, once for each worker, and memory
that is never freed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from experiments.runs import jobs
from experiments.training import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.cases.setups import Setup

# A step's overhead, in weights times samples: what decides where only one run is measured.
OVERHEAD = 200_000
# Each checkpoint of a timed run is at this multiple of the steps of the one before.
GROWTH = 3
# Where Linux reports on the calling process.
OWN = pathlib.Path("/proc/self/status")


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run costs on one core.

    Attributes:
        program: Seconds to build and compile its program, once for each worker.
        block: Seconds to begin a block of seeds.
        checkpoint: Seconds to evaluate a block at one checkpoint.
        step: Seconds that one update of a block takes.
        memory: Bytes that a compiled program keeps, or `None` where that is not known.
        is_measured: Whether this run itself was timed.
    """

    program: float
    block: float
    checkpoint: float
    step: float
    memory: float | None
    is_measured: bool = True

    def seconds(self, num_blocks: int, num_checkpoints: int, num_steps: int) -> float:
        """Returns the seconds of these blocks on one core, without the program."""
        return num_blocks * (self.block + num_checkpoints * self.checkpoint + num_steps * self.step)


def peak_memory() -> int | None:
    """Returns the peak memory of this process in bytes, or `None` if it is unknown."""
    # `getrusage` on Linux includes the peak of the process that started this one.
    with contextlib.suppress(OSError, KeyError, ValueError):
        lines = dict(line.split(":", 1) for line in OWN.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    try:
        import resource
    except ImportError:
        return None
    import sys

    # Linux reports units of 1,024 bytes.
    job = 1 if sys.platform == "darwin" else 1024
    return job * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def checkpoints_of(arms: Mapping[str, Setup]) -> list[int]:
    """Returns the checkpoints of a run, as an increasing list.

    Args:
        arms: `{arm: setup}` that are read from it, the longest first.
    """
    ends = [setup.num_steps for setup in arms.values()]
    return sorted({*metrics.checkpoints(max(ends)), *ends})


def measure(job: jobs.Job, seconds: float) -> Cost:
    """Times the first steps of a job.

    Args:
        job: The `Job`; its program is compiled and some of its steps are run.
        seconds: Time after which no further checkpoint is evaluated.

    Returns:
        A `Cost`.

    Raises:
        SuiteError: The trainer refuses the run.
    """
    before, start = peak_memory(), time.perf_counter()
    trainer = jobs.make_trainer(job)
    built = time.perf_counter()
    evaluation = metrics.Evaluation(job.case, job.setup, list(job.seeds))
    block = time.perf_counter() - built
    times = _times(job, trainer, evaluation, seconds)
    checkpoint, step = _fitted(times)
    warm = block + min(2, len(times)) * checkpoint + (times[1][0] if len(times) > 1 else 0) * step
    program = max(0.0, times[min(1, len(times) - 1)][1] - start - warm)
    if job.trainer == "reference":
        # Plain Keras compiles anew for each seed.
        program, block = 0.0, block + program
    after = peak_memory()
    kept = None if before is None or after is None else max(0, after - before)
    return Cost(program, block, checkpoint, step, kept)


def _times(job, trainer, evaluation, seconds):
    """Returns `(step, clock)` of each checkpoint, until the time is over."""
    times, training = [], trainer.train(list(job.seeds), _timed_steps(job), evaluation)
    for snapshot in training:
        evaluation.measure(snapshot)
        evaluation.curve(snapshot)
        times.append((snapshot.steps, time.perf_counter()))
        # The first two checkpoints compile; the steps to the next take longer than all before.
        if len(times) > 2 and times[-1][1] - times[1][1] > seconds / GROWTH:
            training.close()
            break
    return times


def _timed_steps(job):
    """Returns checkpoints at growing distances, as each costs as much as many steps."""
    end, timed = job.setup.num_steps, [0, 1, 2]
    while timed[-1] < end:
        timed.append(GROWTH * timed[-1])
    return [steps for steps in timed if steps < end] + [end]


def _fitted(times):
    """Fits the seconds of a checkpoint and of a step to the times between checkpoints."""
    if len(times) < 3:
        return 0.0, (times[-1][1] - times[0][1]) / max(1, times[-1][0])
    # The first step is compiled when it is made: what follows is what repeats.
    steps, clock = np.array(times[1:]).T
    parts = np.stack([np.ones(len(steps) - 1), np.diff(steps)], axis=1)
    return tuple(map(float, nnls(parts, np.diff(clock))[0]))


def scaled(measured: Sequence[tuple[int, Cost]], size: int) -> Cost:
    """Estimates the cost of a run from measured costs of others.

    Args:
        measured: List of `(size, Cost)`, not empty; a run's size is its weights times the
            samples of one update of a block.
        size: The size of the run.

    Returns:
        A `Cost`: a step costs a + b times its size, all else the mean of the others.
    """
    sizes, steps = (
        np.array(v, float) for v in zip(*[(s, c.step) for s, c in measured], strict=True)
    )
    if len(set(sizes)) == 1:
        step = steps.mean() * (OVERHEAD + size) / (OVERHEAD + sizes[0])
    else:
        step = nnls(np.stack([np.ones(len(sizes)), sizes], axis=1), steps)[0] @ (1, size)
    means = {
        name: float(np.mean([getattr(cost, name) for _, cost in measured]))
        for name in ("program", "block", "checkpoint")
    }
    memories = [cost.memory for _, cost in measured if cost.memory is not None]
    memory = float(np.mean(memories)) if memories else None
    return Cost(**means, step=float(step), memory=memory, is_measured=False)
