"""The tables of the benchmark: timings in, lines of text out.

The module measures nothing and prints nothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.stats import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.benchmark.__main__ import Row
    from experiments.benchmark.workers import Job

    # One cell of text for each column.
    Line = dict[str, str]


@dataclasses.dataclass
class Measured:
    """The measurements of some jobs.

    Attributes:
        seconds: `{job: [seconds in each round]}`.
        first: `{job: (seconds, updates)}` of building, compiling and the first pass.
        descriptions: `{job: text that says how it was trained}`.
    """

    seconds: dict[Job, list[float]]
    first: dict[Job, tuple[float, int]]
    descriptions: dict[Job, str]

    def cost(self, job: Job) -> np.ndarray:
        """Returns the microseconds for each step and seed, `(num_rounds,)`."""
        return 1e6 * np.array(self.seconds[job]) / job.updates

    def compiling(self, job: Job) -> float:
        """Returns the seconds of compilation."""
        return compile_seconds(*self.first[job], cost=np.median(self.cost(job)))


def compile_seconds(first: float, updates: int, *, cost: float) -> float:
    """Returns the seconds of a first pass, less the later cost of its updates.

    Args:
        first: Seconds of building, compiling and the first pass.
        updates: Updates in that pass, summed over seeds.
        cost: Microseconds an update.
    """
    return max(first - 1e-6 * cost * updates, 0.0)


def ratio(theirs: Any, ours: Any) -> tuple[float, float, float]:
    """Returns the ratio of two costs, taken round by round.

    Args:
        theirs: Costs, one for each round.
        ours: Costs of the same rounds.

    Returns:
        `(median, lowest, highest)`.
    """
    return middle(np.asarray(theirs) / np.asarray(ours))


def middle(values: Any) -> tuple[float, float, float]:
    """Returns `(median, lowest, highest)`."""
    return float(np.median(values)), float(np.min(values)), float(np.max(values))


def shares(whole: float, input_and_optimizer: float, input_only: float) -> list[float]:
    """Returns the shares of input, forward/backward and optimizer in the whole time.

    Args:
        whole: Seconds of all three parts.
        input_and_optimizer: Seconds of these two.
        input_only: Seconds of the input alone.
    """
    parts = input_only, whole - input_and_optimizer, input_and_optimizer - input_only
    return [part / whole for part in parts]


def cost_rows(name: str, row: Row, measured: Measured) -> list[Line]:
    """Returns one line for each contender of a row."""
    found = []
    for job in row.jobs():
        cost, compiling = measured.cost(job), measured.compiling(job)
        total = compiling + 1e-6 * np.median(cost) * row.total_seeds * job.setup.num_steps
        found.append(
            {
                "row": name,
                "contender": job.contender,
                "how": measured.descriptions[job],
                "us/step/seed": spread(*middle(cost)),
                "compile s": text.fixed(compiling),
                "total s": number(total),
                "of seeds": f"{row.total_seeds:,}",
            }
        )
    return found


def ratio_rows(name: str, row: Row, measured: Measured) -> list[Line]:
    """Returns one line for each ratio of a row."""
    ours, *others = row.jobs()
    found = []
    for job in others:
        target = row.target[job.contender]
        values = ratio(measured.cost(job), measured.cost(ours))
        reached = "reported" if target is None else ("missed", "reached")[values[0] >= target]
        found.append(
            {
                "row": name,
                "ratio": f"{job.contender} / engine",
                "asked": "" if target is None else f">= {number(target)}",
                "measured": spread(*values),
                "figure": reached,
            }
        )
    return found


def scaling_rows(jobs: Sequence[Job], measured: Measured) -> list[Line]:
    """Returns one line for each number of seeds, compared with the one of the first job."""
    found = []
    for job in jobs:
        speed = ratio(measured.cost(jobs[0]), measured.cost(job))
        found.append(
            {
                "seeds": f"{job.num_seeds:,}",
                "how": measured.descriptions[job],
                "us/step/seed": spread(*middle(measured.cost(job))),
                "us/step, all": spread(*middle(measured.cost(job) * job.num_seeds)),
                "one seed / this": spread(*speed),
            }
        )
    return found


def share_row(name: str, jobs: Sequence[Job], measured: Measured) -> Line:
    """Returns one line with the shares of the parts in the time of one worker."""
    parts = shares(*(np.median(measured.seconds[job]) for job in jobs))
    descriptions = [text.percent(part, 0) for part in parts]
    names = ("input", "forward/backward", "optimizer")
    return {"case": name} | dict(zip(names, descriptions, strict=True))


def spread(median: float, low: float, high: float) -> str:
    """Returns a median with the lowest and the highest value, as text."""
    return text.spread(median, low, high, number)


def number(value: float) -> str:
    """Returns a number as text: with three digits, or without decimals from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else text.number(value)


def raw_rows(name: str, jobs: Sequence[Job], measured: Measured) -> list[dict[str, Any]]:
    """Returns every timing: one dict for each contender and round."""
    return [
        {
            "row": name,
            "contender": job.contender,
            "num_seeds": job.num_seeds,
            "steps": job.passes * job.steps_per_pass,
            "round": place,
            "seconds": f"{seconds:.6g}",
            "compiling": f"{measured.compiling(job):.6g}",
        }
        for job in jobs
        for place, seconds in enumerate(measured.seconds[job], start=1)
    ]
