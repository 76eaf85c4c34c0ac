"""The benchmark's arithmetic and its tables: timings in, text out.

Measures nothing and prints nothing.
"""

import dataclasses

import numpy as np

from experiments.stats import text


@dataclasses.dataclass
class Measured:
    """What was measured of some jobs.

    Attributes:
        seconds: `{job: [seconds in each round]}`.
        first: `{job: (seconds, updates)}` of building, compiling and the first pass.
        descriptions: `{job: how it was trained}`.
    """

    seconds: dict
    first: dict
    descriptions: dict

    def cost(self, job):
        """Returns microseconds a step and seed, one for each round."""
        return 1e6 * np.array(self.seconds[job]) / job.updates

    def compiling(self, job):
        """Returns the seconds that compiling took."""
        return compile_seconds(*self.first[job], cost=np.median(self.cost(job)))


def compile_seconds(first, updates, *, cost):
    """Returns a first pass's seconds less what its updates cost later.

    Args:
        first: Seconds of building, compiling and the first pass.
        updates: Updates in that pass, summed over seeds.
        cost: Microseconds an update.
    """
    return max(first - 1e-6 * cost * updates, 0.0)


def ratio(theirs, ours):
    """Returns how often one cost holds another, taken round by round.

    Args:
        theirs: Costs, one for each round.
        ours: Costs of the same rounds.

    Returns:
        `(median, lowest, highest)`.
    """
    return middle(np.asarray(theirs) / np.asarray(ours))


def middle(values):
    """Returns `(median, lowest, highest)`."""
    return float(np.median(values)), float(np.min(values)), float(np.max(values))


def shares(whole, input_and_optimizer, input_only):
    """Returns the shares of input, forward/backward and optimizer in the whole.

    Args:
        whole: Seconds of all three.
        input_and_optimizer: Seconds of these two.
        input_only: Seconds of the input alone.
    """
    parts = input_only, whole - input_and_optimizer, input_and_optimizer - input_only
    return [part / whole for part in parts]


def cost_rows(name, row, measured):
    """Returns one line of text for each contender of a row."""
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


def ratio_rows(name, row, measured):
    """Returns one line of text for each asked figure of a row."""
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


def scaling_rows(jobs, measured):
    """Returns one line of text for each number of seeds, against the first job's one."""
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


def share_row(name, jobs, measured):
    """Returns one line of text: where the time of one worker goes."""
    parts = shares(*(np.median(measured.seconds[job]) for job in jobs))
    descriptions = [text.percent(part, 0) for part in parts]
    names = ("input", "forward/backward", "optimizer")
    return {"case": name} | dict(zip(names, descriptions, strict=True))


def spread(median, low, high):
    """Returns a median with its lowest and highest, as text."""
    return text.spread(median, low, high, number)


def number(value):
    """Returns a number as text: three digits, from a hundred on whole."""
    return f"{value:,.0f}" if abs(value) >= 100 else text.number(value)


def raw_rows(name, jobs, measured):
    """Returns every timing: one line for each contender and round."""
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
