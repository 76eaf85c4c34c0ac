"""Blocks of seeds: one run trained once, and every arm read from it.

Knows trainers by what they yield, and the display of progress; knows no store.
"""

import os

import numpy as np

from experiments.training import columns, metrics


class SilentProgress:
    """A progress display that shows nothing; the interface of all others."""

    def start(self, name, total):
        """A run begins: `total` updates, summed over seeds, are to be made."""

    def advance(self, updates, name=None):
        """So many more updates, summed over seeds, are done: of the run begun last, or named."""

    def log(self, words):
        """Something happened that a person should know."""


def num_cores():
    """Returns the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def train_block(case, arms, block, trainer, advance=None, *, saved=None, keep=None):
    """Trains one block of seeds once and reads every arm from it.

    Args:
        case: The `Case`.
        arms: `{arm: setup}` of one run, the longest first.
        block: List of seeds.
        trainer: A trainer of the run's setup.
        advance: Called with the updates made, summed over seeds.
        saved: `(arrays, facts)` that `keep` was offered, to go on from.
        keep: Called as trainers call it, with the steps made and a function that makes
            such a state: the trainer's, and all that was measured so far.

    Returns:
        `{arm: (rows, trace)}`: a table of a row for each seed, see `columns`, and what
        `Store.add_trace` keeps.
    """
    evaluation = metrics.Evaluation(case, next(iter(arms.values())), block)
    ends = {arm: setup.num_steps for arm, setup in arms.items()}
    series = set(metrics.checkpoints(max(ends.values())))
    checkpoints = sorted(series | set(ends.values()))
    measured, curves = _measured(saved)

    def offer(steps, make):
        if keep is not None:
            keep(steps, lambda: _with_measured(make(), measured, curves))

    how = {"saved": saved, "keep": keep and offer}
    for snapshot in trainer.train(block, checkpoints, evaluation, advance, **how):
        measured[snapshot.steps] = evaluation.measure(snapshot)
        curves[snapshot.steps] = evaluation.curve(snapshot)
    found = {}
    for arm, end in ends.items():
        steps_read = [s for s in checkpoints if s == end or (s < end and s in series)]
        rows = {"arm": arm, "seed": block, "steps": end, **measured[end]}
        rows = columns.typed(rows | evaluation.history(steps_read, measured))
        found[arm] = rows, _trace(steps_read, measured, curves)
    return found


def _with_measured(state, measured, curves):
    """Adds what was measured to a trainer's state."""
    arrays, facts = state
    for steps, values in measured.items():
        arrays |= {f"measured/{steps}/{name}": value for name, value in values.items()}
        arrays[f"curve/{steps}"] = curves[steps]
    return arrays, facts


def _measured(saved):
    """Returns what a saved state holds of measures: `(measured, curves)`."""
    measured, curves = {}, {}
    for name, value in (saved[0] if saved else {}).items():
        kind, _, rest = name.partition("/")
        steps, _, metric = rest.partition("/")
        if kind == "measured":
            measured.setdefault(int(steps), {})[metric] = value
        elif kind == "curve":
            curves[int(steps)] = value
    return measured, curves


def _trace(steps_read, measured, curves):
    """Stacks what was measured along checkpoints; blank at step 0 is NaN."""
    trace = {"steps": np.array(steps_read)}
    num_seeds = len(curves[steps_read[0]])
    blank = np.full(num_seeds, np.nan)
    # An error beyond float32 is as good as infinite.
    with np.errstate(over="ignore"):
        for name in measured[steps_read[-1]]:
            values = [measured[step].get(name, blank) for step in steps_read]
            trace[name] = np.stack(values, axis=1).astype(np.float32)
        trace["curve"] = np.stack([curves[m] for m in steps_read], axis=1).astype(np.float32)
    return trace
