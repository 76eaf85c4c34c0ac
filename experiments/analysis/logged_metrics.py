"""Tests whether the accuracies and losses that Keras logs are misleading.

The logged accuracy is averaged over the training samples of the last epoch and the true one is
taken over fresh points. Overfitting alone separates the two, and that is not misleading. A
formula is misleading if it is wrong by construction, that is, if it scores answers below 1 that
are all correct. This is tested with constructed correct answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from experiments.cases.case import Classification
from experiments.stats import intervals
from experiments.training.metrics import LEARNING_FACTOR
from experiments.training.streams import Batches, generator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.stats.interim import StoppingRule

MARGIN = 0.05
LOGGED = {"logged_accuracy": "today's Keras", "keras1_accuracy": "Keras 1"}
MISLEADING, CONSISTENT, UNDECIDED = "a lie", "honest", "undecided"
OTHER_POINTS, MEANINGLESS = "other points", "meaningless"
COLUMNS = ["arm", "steps", "metric", "logged", "true", "difference", "low", "high"]
COLUMNS += ["num_seeds", "right_sure", "right_unsure", "verdict"]
NUM_LABELS = 1000
NUM_CONSTANTS = 2001
# Correct outputs for class 0 and class 1: at the ends of the range, and a quarter as far.
RIGHT = {"sign": (-1.0, 1.0), "threshold 0.5": (0.0, 1.0), "argmax": (0.0, 1.0)}
UNSURE = {"sign": (-0.25, 0.25), "threshold 0.5": (0.375, 0.625), "argmax": (0.375, 0.625)}


def metric_check(case: Case, runs: pd.DataFrame, rule: StoppingRule) -> pd.DataFrame:
    """Compares each arm's logged accuracies with its true accuracy.

    Args:
        case: The `Case`.
        runs: What `tables.runs` returns.
        rule: The `StoppingRule`.

    Returns:
        Columns `arm, steps, metric, logged, true, difference, low, high, num_seeds,
        right_sure, right_unsure, verdict`: medians, and the median paired difference
        with its order-statistic interval of 95%. `right_sure` and `right_unsure` are
        what the formula logs if every answer is correct, at the ends of the range or
        near the class boundary. The verdicts: "a lie" (the whole interval beyond
        0.05, and the formula wrong by construction), "other points" (beyond, but the
        formula is right), "honest" (inside), "undecided"; of a regression "meaningless".
    """
    rows = []
    for (arm, steps), part in runs.groupby(["arm", "steps"]):
        for metric in LOGGED:
            if metric in part and not part[metric].isna().all():
                row = _check(case, case.arm(arm), part, metric, rule)
                rows.append({"arm": arm, "steps": steps, "metric": metric} | row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _check(case, setup, part, metric, rule):
    logged = intervals.median(part[metric]).estimate
    if not isinstance(case.task, Classification):
        return {"logged": logged, "num_seeds": len(part), "verdict": MEANINGLESS}
    confidence = rule.confidence(len(part))
    found = intervals.median(_differences(part, metric), confidence=confidence)
    scores = [logged_for(case, setup, metric, ends) for ends in (RIGHT, UNSURE)]
    return {
        "logged": logged,
        "true": intervals.median(part["accuracy"]).estimate,
        "difference": found.estimate,
        "low": found.low,
        "high": found.high,
        "num_seeds": found.num_seeds,
        "right_sure": scores[0],
        "right_unsure": scores[1],
        "verdict": _verdict(found, min(scores)),
    }


def _differences(part, metric):
    """Logged less true accuracy; NaN where a run that diverged has neither."""
    with np.errstate(invalid="ignore"):
        return part[metric].to_numpy(np.float64) - part["accuracy"].to_numpy(np.float64)


def _verdict(interval, score):
    if -MARGIN <= interval.low and interval.high <= MARGIN:
        return CONSISTENT
    if interval.low > MARGIN or interval.high < -MARGIN:
        return MISLEADING if score < 1 else OTHER_POINTS
    return UNDECIDED


def logged_for(
    case: Case, setup: Setup, metric: str, ends: Mapping[str, tuple[float, float]]
) -> float:
    """Computes the accuracy that is logged if every answer is correct.

    Args:
        case: A `Case` with a `Classification`.
        setup: A `Setup`, whose `read` defines how outputs are read.
        metric: A key of `LOGGED`.
        ends: `RIGHT` or `UNSURE`.

    Returns:
        Float between 0 and 1; 1 is correct.
    """
    x, labels = case.data(setup, np.random.default_rng(0), (NUM_LABELS,))
    outputs = np.where(case.task.target(x), *reversed(ends[setup.read]))[:, None]
    if np.shape(labels)[-1] > 1:
        outputs = np.concatenate([1.0 - outputs, outputs], axis=-1)
    return float(FORMULAS[metric](np.asarray(labels), outputs).mean())


def _todays(labels, outputs):
    """Today's Keras: columns decide by the largest, one column by exceeding one half."""
    if labels.shape[-1] > 1:
        return labels.argmax(axis=-1) == outputs.argmax(axis=-1)
    return (outputs > 0.5).astype(float) == labels


def _rounded(labels, outputs):
    """Keras 1: columns decide by the largest, one column by rounding."""
    if labels.shape[-1] > 1:
        return labels.argmax(axis=-1) == outputs.argmax(axis=-1)
    return np.round(outputs) == labels


FORMULAS = {"logged_accuracy": _todays, "keras1_accuracy": _rounded}


def accuracy_misleads(
    case: Case, setup: Setup, part: pd.DataFrame, metric: str, rule: StoppingRule
) -> np.ndarray | None:
    """Returns for each run whether a logged accuracy is misleading, `None` without one.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
        part: Rows of the arm.
        metric: A key of `LOGGED`.
        rule: The `StoppingRule`.

    Returns:
        Booleans `(rows,)`: off by more than 0.05, in an arm whose verdict is "a lie". Single
        seeds of other arms may be as far off by chance.
    """
    if not isinstance(case.task, Classification) or metric not in part or part[metric].isna().all():
        return None
    if _check(case, setup, part, metric, rule)["verdict"] != MISLEADING:
        return np.zeros(len(part), bool)
    return np.abs(_differences(part, metric)) > MARGIN


# The cost of a constant output c where the label is y.
COSTS = {
    "crossentropy": lambda y, c: -np.log(np.where(y > 0, c, 1 - c)),
    "hinge": lambda y, c: np.maximum(1 - y * c, 0),
    "squared_hinge": lambda y, c: np.maximum(1 - y * c, 0) ** 2,
    "mse": lambda y, c: (y - c) ** 2,
    "mae": lambda y, c: np.abs(y - c),
}
ALSO: dict[str, str] = dict.fromkeys(
    ("binary_crossentropy", "categorical_crossentropy", "kl_divergence"), "crossentropy"
)


def loss_misleads(case: Case, setup: Setup, part: pd.DataFrame) -> np.ndarray | None:
    """Returns for each run whether its loss fell although every output is the same.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
        part: Rows of the arm.

    Returns:
        Booleans `(rows,)`: flat, and the loss more than 1.25 times below the least that a
        constant answer costs on the seed's own training labels. `None` if there is no loss,
        or no formula of it here.
    """
    flat, least = part["flat"].to_numpy() == 1, least_constant_loss(case, setup, part["seed"])
    if least is None or "loss" not in part:
        return None
    return flat & (part["loss"].to_numpy() * LEARNING_FACTOR < least)


def least_constant_loss(case: Case, setup: Setup, seeds: Iterable[int]) -> np.ndarray | None:
    """Computes the smallest loss of a constant answer on the training samples.

    Args:
        case: The `Case`.
        setup: A `Setup`, with a field `loss`.
        seeds: Whole numbers.

    Returns:
        Floats `(num_seeds,)`, or `None` if there is no formula here.
    """
    name = getattr(setup, "loss", "").removeprefix("literal_")
    cost = COSTS.get(ALSO.get(name, name))
    if cost is None or not isinstance(case.task, Classification):
        return None
    labels = np.stack([_labels(case, setup, int(seed)) for seed in seeds])
    low, high = labels.min(), labels.max()
    if "hinge" in name and name == setup.loss:
        low = -1.0  # Today's hinge turns labels 0 into -1.
    ones = (labels == high).mean(axis=1)[:, None]
    ends = RIGHT[setup.read]
    constants = np.linspace(*ends, NUM_CONSTANTS)[1:-1]
    return (ones * cost(high, constants) + (1 - ones) * cost(low, constants)).min(axis=1)


def _labels(case, setup, seed):
    """Returns the last label column of the samples that a seed trains on."""
    if setup.is_stream:
        return case.data(setup, generator(seed, "data"), (NUM_LABELS,))[1][:, -1]
    samples: Any = Batches(case, setup, seed).next_samples()
    return samples[1][: setup.num_training_samples, -1]
