"""Training of one block of seeds: one run, from which the rows of every arm are read.

Trainers yield snapshots at checkpoints, which are evaluated here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.training import columns, metrics

if TYPE_CHECKING:
    import pandas as pd

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

# Arrays and plain facts, see `checkpoints.pack`.
State = tuple[dict[str, np.ndarray], dict[str, Any]]
# Metrics, and values of the curve, by the number of updates.
Measured = dict[int, dict[str, np.ndarray]]
Curves = dict[int, np.ndarray]


class SilentProgress:
    """A progress display that shows nothing; it defines the interface of all displays."""

    def start(self, name: str, total: int) -> None:
        """Starts the display of a run of `total` updates, summed over seeds."""

    def advance(self, updates: int, name: str | None = None) -> None:
        """Adds updates, summed over seeds, to the named run, or to the one started last."""

    def log(self, words: str) -> None:
        """Shows a message to the user."""


def num_cores() -> int:
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def train_block(
    case: Case,
    arms: Mapping[Any, Setup],
    block: list[int],
    trainer: Any,
    advance: Callable[[int], object] | None = None,
    *,
    saved: State | None = None,
    keep: Callable[[int, Callable[[], State]], object] | None = None,
) -> dict[Any, tuple[pd.DataFrame, dict[str, np.ndarray]]]:
    """Trains one block of seeds once and reads the rows of every arm from it.

    Args:
        case: The `Case`.
        arms: `{arm: setup}` of one run, the longest first.
        block: List of seeds.
        trainer: A trainer of the run's setup.
        advance: Called with the updates made, summed over seeds.
        saved: Checkpoint `(arrays, facts)` to resume from, as made for `keep`.
        keep: Called with the steps made and a function that returns a checkpoint: the
            trainer's state, and all metrics measured so far.

    Returns:
        `{arm: (rows, trace)}`: a table with a row for each seed, see `columns`, and the
        arrays that `Store.add_trace` keeps.
    """
    evaluation = metrics.Evaluation(case, next(iter(arms.values())), block)
    ends = {arm: setup.num_steps for arm, setup in arms.items()}
    series = set(metrics.checkpoints(max(ends.values())))
    checkpoints = sorted(series | set(ends.values()))
    measured, curves = _measured(saved)

    def offer(steps: int, make: Callable[[], State]) -> None:
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


def _with_measured(state: State, measured: Measured, curves: Curves) -> State:
    """Adds metrics and curves to a trainer's state."""
    arrays, facts = state
    for steps, values in measured.items():
        arrays |= {f"measured/{steps}/{name}": value for name, value in values.items()}
        arrays[f"curve/{steps}"] = curves[steps]
    return arrays, facts


def _measured(saved: State | None) -> tuple[Measured, Curves]:
    """Returns the metrics and curves of a checkpoint."""
    measured: Measured = {}
    curves: Curves = {}
    for name, value in (saved[0] if saved else {}).items():
        kind, _, rest = name.partition("/")
        steps, _, metric = rest.partition("/")
        if kind == "measured":
            measured.setdefault(int(steps), {})[metric] = value
        elif kind == "curve":
            curves[int(steps)] = value
    return measured, curves


def _trace(steps_read: list[int], measured: Measured, curves: Curves) -> dict[str, np.ndarray]:
    """Stacks metrics and curves along checkpoints; a missing metric is NaN."""
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
