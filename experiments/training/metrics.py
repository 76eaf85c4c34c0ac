"""Metrics of trained networks, computed from their outputs on the evaluation set.

NumPy only. Every metric of a single run is defined here:

- *diverged*: an output on the evaluation set, or the last loss, is not finite.
- *flat*: the outputs' standard deviation over the evaluation set is below 1% of the
  target's (of 0.5 for two classes).
- *dead* unit: its output is 0 on every one of the first 1,000 evaluation inputs.
- *saturated* unit: on at least 95% of those inputs its output lies within 1% of
  its activation's range from either end.
- *one class*: all 10,000 fresh points are assigned to the same class.
- *first solved*: updates made at the first checkpoint that reaches the case's threshold.
- *still learning*: the error (MSE, or the share misclassified) at the end is more than
  1.25 times below that of the last checkpoint in the first half.
- *dead since*: the first checkpoint from which on, to the end, all units of a hidden layer
  with an unbounded activation are dead.
- *..._first*: a value before the first update.
- *gradient rises*: the share of the steps from checkpoint to checkpoint in which the norm of
  the gradient rose.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from experiments.cases.case import Regression
from experiments.cases.errors import SuiteError, nearest
from experiments.training import streams
from experiments.training.columns import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

NUM_PROBED = 1000
NUM_CURVE = 50
FLAT_SHARE = 0.01
SATURATED_INPUTS = 0.95
SATURATED_MARGIN = 0.01
LEARNING_FACTOR = 1.25
BOUNDS = {
    "sigmoid": (0, 1),
    "hard_sigmoid": (0, 1),
    "literal_hard_sigmoid": (0, 1),
    "softmax": (0, 1),
    "tanh": (-1, 1),
    "softsign": (-1, 1),
    "hard_tanh": (-1, 1),
    "relu6": (0, 6),
}
# The worst value of these metrics is -inf, that of all others +inf.
WORST_IS_LOW = ("r2", "skill", "accuracy", "logged_accuracy", "keras1_accuracy")


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The outputs of the networks of some seeds after a number of updates.

    Attributes:
        steps: Updates made.
        outputs: `(num_seeds, number of evaluation inputs, num_outputs)`.
        hidden: One array `(num_seeds, 1000, units)` for each hidden layer.
        activations: The names of the hidden layers' activations.
        logs: `(num_seeds, 3)`, or `None` before the first update: the loss and the two
            accuracies of `networks.accuracies`, averaged over the current epoch as in `fit`.
        gradient: `(num_seeds,)`: L2 norm of the loss's gradient over the current
            pass, or `None` if the trainer does not compute it.
    """

    steps: int
    outputs: np.ndarray
    hidden: list[np.ndarray]
    activations: list[str]
    logs: np.ndarray | None
    gradient: np.ndarray | None = None


def grid() -> np.ndarray:
    """Returns the fixed grid x = (i + 0.5) / 1000 as an array `(1000,)`."""
    return (np.arange(NUM_PROBED) + 0.5) / NUM_PROBED


def curve_inputs() -> np.ndarray:
    """Returns the 50 points (i + 0.5) / 50 at which curves are stored, `(50,)`."""
    return (np.arange(NUM_CURVE) + 0.5) / NUM_CURVE


def diagonal(num_inputs: int) -> np.ndarray:
    """Returns 50 points between (0, ..., 0) and (1, ..., 1), `(50, num_inputs)`."""
    return np.repeat(curve_inputs()[:, None], num_inputs, axis=1)


class Evaluation:
    """The evaluation set for some seeds of an arm, and the scoring of outputs on it.

    Args:
        case: The case.
        setup: The setup of the arm.
        seeds: Integers. Each seed of a classifier has fresh points of its own.

    Attributes:
        inputs: `(num_seeds, number of evaluation inputs, num_inputs)`, float32: the inputs
            of the network, after `Case.inputs`.
    """

    def __init__(self, case: Case, setup: Setup, seeds: Sequence[int]):
        self.case, self.setup = case, setup
        kind = (
            _RegressionEvaluation
            if isinstance(case.task, Regression)
            else _ClassificationEvaluation
        )
        self._kind = kind(case, setup, seeds)
        self.inputs = self._kind.inputs

    def measure(self, snapshot: Snapshot) -> dict[str, np.ndarray]:
        """Computes the metrics of a snapshot.

        Returns:
            `{metric: array (num_seeds,)}`. A metric that does not apply is absent.
            A value that is not finite is replaced by the worst value, +inf or -inf.

        Raises:
            SuiteError: The case's threshold is on a metric that its task does not have.
        """
        with np.errstate(all="ignore"):
            found = self._kind.measure(snapshot) | _symptoms(snapshot)
        diverged = ~np.isfinite(snapshot.outputs).all(axis=(1, 2))
        if snapshot.logs is not None:
            diverged |= ~np.isfinite(snapshot.logs[:, 0])
            names = ("loss", "logged_accuracy", "keras1_accuracy")
            found |= dict(zip(names, snapshot.logs.T, strict=True))
        if snapshot.gradient is not None:
            found["gradient_norm"] = snapshot.gradient
        for name, values in found.items():
            values = np.asarray(values, np.float64)
            worst = -np.inf if name.startswith(WORST_IS_LOW) else np.inf
            found[name] = np.where(np.isfinite(values), values, worst)
        threshold = self.case.solved
        if threshold.metric not in found:
            raise SuiteError(
                f"{self.case.name}: Solved needs a metric of its task; expected one of "
                f"{in_order(found)}. Received: {threshold.metric}."
                f"{nearest(threshold.metric, found)}"
            )
        solved = (found[threshold.metric] >= threshold.above) & ~diverged
        return {"diverged": diverged, "solved": solved} | found

    def history(
        self,
        steps_read: Sequence[int],
        measured: Mapping[int, Mapping[str, np.ndarray]],
    ) -> dict[str, np.ndarray]:
        """Computes the metrics that need several checkpoints.

        Args:
            steps_read: The checkpoints up to the end of an arm, increasing.
            measured: `{checkpoint: result of measure}`.

        Returns:
            `{metric: array (num_seeds,)}`. The module's docstring defines the metrics.
        """
        table = {
            name: np.stack([measured[step][name] for step in steps_read], axis=1)
            for name in measured[steps_read[0]]
        }
        found = {"first_solved": _since(table["solved"], steps_read, first=True)}
        error = table["mse"] if "mse" in table else 1.0 - table["accuracy"]
        half = max(place for place, step in enumerate(steps_read) if 2 * step <= steps_read[-1])
        found["still_learning"] = (error[:, -1] * LEARNING_FACTOR < error[:, half]).astype(float)
        layers = [name[5:] for name in table if name.startswith("dead_")]
        mortal = [table[f"dead_{n}"] == 1 for n in layers if f"saturated_{n}" not in table]
        if mortal:
            found["dead_since"] = _since(np.any(mortal, axis=0), steps_read)
        for name in ("output_mean", "output_std"):
            found[f"{name}_first"] = table[name][:, 0]
        if "gradient_norm" in table:
            norms = table["gradient_norm"]
            found["gradient_first"] = norms[:, 0]
            found["gradient_rises"] = (norms[:, 1:] > norms[:, :-1]).mean(axis=1)
        return found

    def curve(self, snapshot: Snapshot) -> np.ndarray:
        """Returns the last output at the 50 points of a curve, `(num_seeds, 50)`.

        For a classifier the points lie on the diagonal from (0, ..., 0) to (1, ..., 1).
        """
        return snapshot.outputs[:, -NUM_CURVE:, -1].astype(np.float64)


def _since(holds, steps_read, first=False):
    """The first checkpoint at which a condition holds, or from which on it does; else inf."""
    if not first:
        holds = np.logical_and.accumulate(holds[:, ::-1], axis=1)[:, ::-1]
    places = np.argmax(holds, axis=1)
    return np.where(holds.any(axis=1), np.asarray(steps_read, float)[places], np.inf)


def curve_target(case: Case) -> np.ndarray:
    """Returns the desired output at the 50 points of a curve, `(50,)`.

    For a classifier it is the last label column of the class, in the labels of the fixed arm.
    """
    x = curve_inputs()
    if isinstance(case.task, Regression):
        return np.asarray(case.task.target(x), np.float64)
    points, labels = case.data(case.fixed, np.random.default_rng(0), (NUM_PROBED,))
    chosen = case.task.target(diagonal(points.shape[-1]))
    return np.where(chosen, labels[:, -1].max(), labels[:, -1].min())


class _RegressionEvaluation:
    def __init__(self, case, setup, seeds):
        self.case = case
        self.x = grid()
        self.y = np.asarray(case.task.target(self.x), np.float64)
        self.points = np.asarray(case.task.points, np.float64)
        x = np.concatenate([self.x, self.points, curve_inputs()])[:, None]
        x = streams.prepare(case, setup, x, self.x[:, None])
        x = np.asarray(x, np.float32)
        self.inputs = np.broadcast_to(x, (len(seeds), *x.shape))

    def measure(self, snapshot):
        predictions = snapshot.outputs[:, :, 0].astype(np.float64)
        predictions, rest = predictions[:, :NUM_PROBED], predictions[:, NUM_PROBED:]
        found = _errors(predictions, self.y, "")
        found["skill"] = found["r2"]
        if self.case.task.also_from is not None:
            part = self.x >= self.case.task.also_from
            suffix = f"_from_{self.case.task.also_from:g}"
            found |= _errors(predictions[:, part], self.y[part], suffix)
        if len(self.points):
            truth = np.asarray(self.case.task.target(self.points), np.float64)
            squares = (rest[:, : len(self.points)] - truth) ** 2
            found["points_mse"] = squares.mean(axis=1)
            found["points_max"] = squares.max(axis=1)
            for place, column in enumerate(squares.T, start=1):
                found[f"point_{place}"] = column
        return found | _flatness(predictions, self.y.std())


def _errors(predictions, y, suffix):
    """MSE, RMSE, largest absolute error and R2 along the last axis."""
    errors = predictions - y
    mse = (errors**2).mean(axis=1)
    return {
        f"mse{suffix}": mse,
        f"rmse{suffix}": np.sqrt(mse),
        f"max_error{suffix}": np.abs(errors).max(axis=1),
        f"r2{suffix}": 1.0 - mse / y.var(),
    }


def _flatness(predictions, deviation):
    spread = predictions.std(axis=1)
    return {
        "output_mean": predictions.mean(axis=1),
        "output_std": spread,
        "flat": (spread < FLAT_SHARE * deviation).astype(float),
    }


class _ClassificationEvaluation:
    def __init__(self, case, setup, seeds):
        self.setup, self.task = setup, case.task
        num = self.task.num_many + self.task.num_few
        x = np.stack(
            [case.data(setup, streams.generator(seed, "test"), (num,))[0] for seed in seeds]
        )
        self.truth = np.asarray(self.task.target(x), bool)
        line = np.broadcast_to(diagonal(x.shape[-1]), (len(seeds), NUM_CURVE, x.shape[-1]))
        x = np.concatenate([x, line], axis=1)
        self.inputs = np.asarray(streams.prepare(case, setup, x, x), np.float32)

    def measure(self, snapshot):
        predictions = snapshot.outputs[:, :-NUM_CURVE]
        chosen = read(predictions, self.setup.read)
        # A prediction that is not finite has no class, and makes the accuracy NaN.
        right = np.where(np.isfinite(predictions).all(axis=-1), chosen == self.truth, np.nan)
        many = slice(0, self.task.num_many)
        accuracy = right[:, many].mean(axis=1)
        share = self.truth[:, many].mean(axis=1)
        majority = np.maximum(share, 1.0 - share)
        positive = chosen[:, many].mean(axis=1)
        found = {
            "accuracy": accuracy,
            "accuracy_200": right[:, self.task.num_many :].mean(axis=1),
            "skill": (accuracy - majority) / (1.0 - majority),
            "majority": majority,
            "share_class_1": positive,
            "one_class": ((positive == 0) | (positive == 1)).astype(float),
        }
        last = predictions[:, many, -1].astype(np.float64)
        if self.setup.read != "sign":
            found["calibration_error"] = calibration_error(last, self.truth[:, many])
        return found | _flatness(last, 0.5)


def calibration_error(
    probabilities: np.ndarray, truth: np.ndarray, num_bins: int = 10
) -> np.ndarray:
    """Returns the expected calibration error (Guo et al., 2017) of each row.

    Points are binned by their predicted probability of class 1, in bins of equal width. The
    error is the mean over points of the distance between the mean probability of their bin
    and its share of class 1.

    Args:
        probabilities: Array `(num_seeds, num_points)`; clipped to [0, 1].
        truth: Booleans of the same shape.
        num_bins: Number of bins.

    Returns:
        Array `(num_seeds,)`.
    """
    p = np.clip(probabilities, 0.0, 1.0)
    bins = np.minimum(np.nan_to_num(p) * num_bins, num_bins - 1).astype(int)
    bins += num_bins * np.arange(len(p))[:, None]
    gaps = np.bincount(bins.ravel(), (p - truth).ravel(), minlength=num_bins * len(p))
    return np.abs(gaps.reshape(len(p), num_bins)).sum(axis=1) / p.shape[1]


def read(outputs: np.ndarray, how: str) -> np.ndarray:
    """Converts outputs to classes.

    Args:
        outputs: Array `(..., num_outputs)`.
        how: `"argmax"`, `"sign"` (above 0 is class 1) or `"threshold 0.5"`.

    Returns:
        Booleans `(...)`: whether the prediction is class 1.
    """
    if how == "argmax":
        return np.argmax(outputs, axis=-1) == 1
    return outputs[..., -1] > {"sign": 0.0, "threshold 0.5": 0.5}[how]


def _symptoms(snapshot):
    """Share of dead and of saturated units in each hidden layer."""
    found = {}
    layers = zip(snapshot.hidden, snapshot.activations, strict=True)
    for place, (values, activation) in enumerate(layers, start=1):
        found[f"dead_{place}"] = (values == 0).all(axis=1).mean(axis=1)
        if activation in BOUNDS:
            found[f"saturated_{place}"] = _saturated(values, *BOUNDS[activation])
    return found


def _saturated(values, low, high):
    margin = SATURATED_MARGIN * (high - low)
    at_end = (values < low + margin) | (values > high - margin)
    return (at_end.mean(axis=1) >= SATURATED_INPUTS).mean(axis=1)


def checkpoints(num_steps: int) -> list[int]:
    """Returns 0, the series 1, 2, 5, 10, ... below `num_steps`, and `num_steps`."""
    steps, power = {0, num_steps}, 1
    while power < num_steps:
        steps |= {digit * power for digit in (1, 2, 5)}
        power *= 10
    return sorted(step for step in steps if step <= num_steps)
