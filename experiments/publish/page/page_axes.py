"""Defines the labels and limits of the page's charts.

They do not depend on the selected fixes, so that charts can be compared. Nothing is drawn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from experiments.analysis.baselines import baseline, main_metric, threshold
from experiments.cases.case import Regression
from experiments.training.metrics import curve_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from experiments.cases.case import Case

# Predictions are shown up to this share of the target's range beyond it.
BEYOND = 0.5
PADDING = 0.05
# Values that span more than this factor are drawn on a log scale.
WIDE = 30
DIGITS = 4


def curve_labels(case: Case) -> tuple[str, str]:
    """Returns the axis labels of the fitted curve."""
    if isinstance(case.task, Regression):
        return "x", "y"
    return "place on the diagonal from all zeros to all ones", "last output"


def frames(case: Case, arms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the limits of every axis of a case.

    Args:
        case: The `Case`.
        arms: The combinations of fixes as dicts: `checkpoints`, and quantiles over seeds
            `metric`, `loss` (checkpoints, 5) and `bands` (checkpoints, 5, 50).

    Returns:
        `{"steps", "fit", "metric", "loss"}`: the last step, and for each chart `domain`
        and whether its scale is `log`.
    """
    ends = [value for arm in arms for value in finite(arm["bands"][-1])]
    errors = [value for arm in arms for value in finite(arm["metric"])]
    losses = [value for arm in arms for value in finite(arm["loss"])]
    lines = [baseline(case)[0], threshold(case)[0]]
    accuracy = main_metric(case) == "accuracy"
    return {
        "steps": max((arm["checkpoints"][-1] for arm in arms), default=1),
        "fit": {"domain": _fit_domain(curve_target(case), ends), "log": False},
        "metric": _frame([*errors, *lines, 1.0] if accuracy else [*errors, *lines]),
        "loss": _frame(losses),
    }


def finite(values: Any) -> Iterator[float]:
    """Yields the finite numbers of nested lists that may hold `None` and text."""
    if isinstance(values, (list, tuple)):
        for value in values:
            yield from finite(value)
    elif isinstance(values, (int, float)) and math.isfinite(values):
        yield values


def _fit_domain(target, ends):
    """Returns the limits of target and band, at most slightly beyond the target."""
    low, high = float(min(target)), float(max(target))
    room = BEYOND * (high - low)
    low = min(low, max(min(ends, default=low), low - room))
    high = max(high, min(max(ends, default=high), high + room))
    return _rounded(*_padded(low, high))


def _frame(values):
    """Returns the limits of a chart of values, on a log scale if they span orders of magnitude."""
    if not values:
        return {"domain": [0, 1], "log": False}
    low, high = min(values), max(values)
    if low > 0 and high > WIDE * low:
        # Whole powers of ten, so that the ends have ticks.
        powers = (math.floor(math.log10(low)), math.ceil(math.log10(high)))
        return {"domain": [10.0**power for power in powers], "log": True}
    return {"domain": _rounded(*_padded(low, high)), "log": False}


def _padded(low, high):
    room = PADDING * ((high - low) or abs(high) or 1.0)
    return low - room, high + room


def _rounded(*values):
    return [float(f"{value:.{DIGITS}g}") for value in values]
