"""Defines the main metric of a case and its reference values.

The reference values are the best constant answer, the threshold of `solved`, and the range of
errors on a logarithmic scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.cases.case import Regression
from experiments.stats import shapley
from experiments.training import metrics

if TYPE_CHECKING:
    import pandas as pd

    from experiments.cases.case import Case

ERROR_FLOOR = 1e-12


def main_metric(case: Case) -> str:
    """Returns the metric that reports show: the error, or the accuracy."""
    return "mse" if isinstance(case.task, Regression) else "accuracy"


def metric_label(case: Case) -> str:
    """Returns a label of the main metric."""
    if isinstance(case.task, Regression):
        return "mean squared error"
    return f"accuracy on {case.task.num_many:,} fresh points"


def baseline(case: Case) -> tuple[float, str]:
    """Returns `(value, label)`: the main metric of the best constant answer."""
    if isinstance(case.task, Regression):
        truth = np.asarray(case.task.target(metrics.grid()), np.float64)
        return float(truth.var()), "best constant"
    return 0.5, "always one class"


def threshold(case: Case) -> tuple[float, str]:
    """Returns `(value, label)`: the threshold of `solved`, in units of the main metric."""
    solved = case.solved
    if solved.metric == "r2":
        words = f"solved: R2 >= {solved.above:g}"
        return float((1 - solved.above) * baseline(case)[0]), words
    return solved.above, f"solved: {solved.metric} >= {solved.above:g}"


def error_range(case: Case) -> tuple[float, float]:
    """Returns `(floor, cap)` of errors: the smallest one resolved, and the best constant's.

    A classifier's error is 1 - accuracy, its floor half of one fresh point.
    """
    value = baseline(case)[0]
    if isinstance(case.task, Regression):
        return ERROR_FLOOR, value
    return 0.5 / case.task.num_many, 1.0 - value


def log_errors(case: Case, rows: pd.DataFrame) -> np.ndarray:
    """Computes the natural logarithm of each run's error.

    Args:
        case: The `Case`.
        rows: Table with the columns `diverged` and the case's main metric.

    Returns:
        Float array `(rows,)` within the logarithms of `error_range`; a run that
        diverged counts as the best constant.
    """
    values = rows[main_metric(case)].to_numpy(np.float64)
    errors = values if isinstance(case.task, Regression) else 1.0 - values
    errors = np.where(rows["diverged"].to_numpy(bool), np.inf, errors)
    floor, cap = error_range(case)
    return shapley.log_error(errors, cap, floor=floor)
