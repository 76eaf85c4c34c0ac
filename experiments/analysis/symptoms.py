"""Derives the symptoms of a run from its stored row: in which way it failed.

Each symptom gives one truth value per seed and is defined here, on top of the definitions of
`metrics`:

- *flat at the mean*, *flat elsewhere*: flat, and the mean output within, or beyond, 0.1
  standard deviations of the target from the target's mean, on the grid.
- *all units dead*: in some hidden layer every unit is dead at the end; *from the start*: before
  the first update; *early*: within the first 10 updates.
- *saturated*: at least half of the units of some hidden layer are saturated.
- *still learning*: not solved, and still learning at the end: too few updates.
- *never learned*: skill of at most 0.05 (R2, or accuracy above the majority's).
- *fell short*: skill above that, and not solved.
- *lost again*: reached the threshold at a checkpoint, and is not solved at the end.
- *accuracy that lies*, *loss that lies*: see `logged_metrics`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from experiments.analysis import logged_metrics
from experiments.cases.case import Regression
from experiments.stats import intervals, text
from experiments.training import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from experiments.cases.case import Case
    from experiments.stats.interim import StoppingRule

MEAN_MARGIN = 0.1
EARLY = 10
SATURATED_UNITS = 0.5
LEAST_SKILL = 0.05


@dataclasses.dataclass(frozen=True)
class Symptom:
    """One symptom.

    Args:
        name: Its name.
        phrase: A predicate in the plural on the seeds that have it.
        has: Function `(case, setup, part) -> booleans (rows,)`, or `None` if it does
            not apply; with `of_arm` it takes the `StoppingRule` too.
        detail: Function `(case, setup, part) -> str` that describes the seeds that have it.
        of_arm: Whether it is a symptom of all seeds of an arm together, not of one seed.
    """

    name: str
    phrase: str
    has: Callable[..., np.ndarray | None]
    detail: Callable[..., str] = lambda case, setup, part: ""
    of_arm: bool = False


# Symptoms that follow from others, and are then not mentioned.
IMPLIES = {
    "diverged": ("never learned",),
    "flat at the mean": ("never learned",),
    "flat elsewhere": ("never learned",),
    "always one class": ("never learned",),
    "dead from the start": ("dead early",),
}


def found(case: Case, arm: str, part: pd.DataFrame, rule: StoppingRule) -> dict[str, np.ndarray]:
    """Finds the symptoms of each run.

    Args:
        case: The `Case`.
        arm: Arm name.
        part: Rows of the arm, of one budget.
        rule: Their `StoppingRule`.

    Returns:
        `{name: booleans (rows,)}` of the symptoms that apply, in the order of `SYMPTOMS`.
    """
    setup, values = case.arm(arm), {}
    for item in SYMPTOMS:
        how = (rule,) if item.of_arm else ()
        values[item.name] = item.has(case, setup, part, *how)
    return {name: np.asarray(has, bool) for name, has in values.items() if has is not None}


def without_implied(names: Sequence[str]) -> list[str]:
    """Returns the names of symptoms without those that another one implies."""
    implied = {other for name in names for other in IMPLIES.get(name, ())}
    return [name for name in names if name not in implied]


def of_each(case: Case, arm: str, part: pd.DataFrame) -> list[list[str]]:
    """Names the symptoms of each run.

    Args:
        case: The `Case`.
        arm: Arm name.
        part: Rows of the arm, of one budget.

    Returns:
        A list of lists of names, one for each row.
    """
    setup = case.arm(arm)
    values = {item.name: item.has(case, setup, part) for item in SYMPTOMS if not item.of_arm}
    has = {name: np.asarray(has, bool) for name, has in values.items() if has is not None}
    return [
        without_implied([name for name in has if has[name][place]]) for place in range(len(part))
    ]


def target_moments(case: Case) -> tuple[float, float]:
    """Returns `(mean, standard deviation)` of a regression's target on the grid."""
    y = np.asarray(case.task.target(metrics.grid()), np.float64)
    return float(y.mean()), float(y.std())


def _column(part, name):
    """Returns a metric's values, or `None` if it does not apply."""
    if name not in part or part[name].isna().all():
        return None
    return part[name].to_numpy(np.float64)


def _is(name, value=1):
    def has(case, setup, part):
        values = _column(part, name)
        return None if values is None else values == value

    return has


def _flat(at_mean):
    """Flat in a regression, at the mean of the target or elsewhere."""

    def has(case, setup, part):
        flat = _column(part, "flat")
        if not isinstance(case.task, Regression) or flat is None:
            return None
        mean, deviation = target_moments(case)
        outputs = part["output_mean"].to_numpy(np.float64)
        near = np.abs(outputs - mean) <= MEAN_MARGIN * deviation
        return (flat == 1) & (near == at_mean)

    return has


def _flat_classes(case, setup, part):
    return None if isinstance(case.task, Regression) else _is("flat")(case, setup, part)


def _dead(since):
    def has(case, setup, part):
        values = _column(part, "dead_since")
        return None if values is None else values <= since

    return has


def _saturated(case, setup, part):
    layers = _layers(part, "saturated_")
    return np.max(list(layers.values()), axis=0) >= SATURATED_UNITS if layers else None


def _layers(part, prefix):
    values = {name: _column(part, name) for name in part if name.startswith(prefix)}
    return {name: column for name, column in values.items() if column is not None}


def _still_learning(case, setup, part):
    values = _column(part, "still_learning")
    return None if values is None else (values == 1) & ~part["solved"].to_numpy(bool)


def _never_learned(case, setup, part):
    values = _column(part, "skill")
    return None if values is None else values <= LEAST_SKILL


def _fell_short(case, setup, part):
    values = _column(part, "skill")
    return None if values is None else (values > LEAST_SKILL) & ~part["solved"].to_numpy(bool)


def _lost(case, setup, part):
    values = _column(part, "first_solved")
    return None if values is None else np.isfinite(values) & ~part["solved"].to_numpy(bool)


def _accuracy_misleads(metric):
    def has(case, setup, part, rule):
        return logged_metrics.accuracy_misleads(case, setup, part, metric, rule)

    return has


def median(part: pd.DataFrame, name: str) -> float:
    """Returns the median of a metric over seeds; NaN counts as the worst value."""
    return intervals.median(part[name]).estimate


def _detail_mean(case, setup, part):
    mean = target_moments(case)[0]
    return (
        f"median output {text.fixed(median(part, 'output_mean'))}, "
        f"mean of the target {text.fixed(mean)}"
    )


def _detail_output(case, setup, part):
    return f"median output {text.fixed(median(part, 'output_mean'))}"


def _detail_class(case, setup, part):
    share = part["share_class_1"].mean()
    named, share = (1, share) if share >= 0.5 else (0, 1 - share)
    return f"class {named} in {text.percent(share)} of them"


def _detail_since(name, phrase):
    def detail(case, setup, part):
        since = median(part, name)
        return phrase.format(text.count(round(since))) if math.isfinite(since) else ""

    return detail


def _detail_saturated(case, setup, part):
    shares = {name: median(part, name) for name in _layers(part, "saturated_")}
    layer = max(shares, key=shares.__getitem__)
    number, share = layer.removeprefix("saturated_"), text.percent(shares[layer], 0)
    return f"in the median {share} of layer {number}"


def _detail_skill(case, setup, part):
    return f"median {case.solved.metric} {text.fixed(median(part, case.solved.metric))}"


def _detail_accuracy(metric):
    def detail(case, setup, part):
        logged, true = median(part, metric), median(part, "accuracy")
        return f"median logged {text.fixed(logged)}, true {text.fixed(true)}"

    return detail


def _detail_loss(case, setup, part):
    least = logged_metrics.least_constant_loss(case, setup, part["seed"])
    constant = "" if least is None else text.fixed(np.median(least))
    return f"median loss {text.fixed(median(part, 'loss'))}, any constant's {constant}"


SYMPTOMS = (
    Symptom("solved", "solve it", _is("solved")),
    Symptom("diverged", "diverge", _is("diverged")),
    Symptom(
        "flat at the mean",
        "answer about the same number everywhere, the mean of the target",
        _flat(True),
        _detail_mean,
    ),
    Symptom(
        "flat elsewhere",
        "answer about the same number everywhere, and not the mean of the target",
        _flat(False),
        _detail_mean,
    ),
    Symptom("flat", "give every point the same output", _flat_classes, _detail_output),
    Symptom("always one class", "put every point in one class", _is("one_class"), _detail_class),
    Symptom(
        "all units dead",
        "have a hidden layer with no living unit",
        _dead(np.finfo(float).max),
        _detail_since("dead_since", "in the median since update {}"),
    ),
    Symptom("dead from the start", "have one before the first update", _dead(0)),
    Symptom("dead early", f"have one within {EARLY} updates", _dead(EARLY)),
    Symptom(
        "saturated",
        "have a hidden layer at least half saturated",
        _saturated,
        _detail_saturated,
    ),
    Symptom(
        "still learning", "are not solved but still learning: too few updates", _still_learning
    ),
    Symptom("never learned", "end no better than the best constant answer", _never_learned),
    Symptom("fell short", "learn something but miss the bar", _fell_short, _detail_skill),
    Symptom(
        "lost again",
        "cleared the bar on the way and lost it again",
        _lost,
        _detail_since("first_solved", "in the median first at update {}"),
    ),
    *(
        Symptom(
            f"{name} accuracy that lies",
            f"are logged a false accuracy by {who}, wrong by construction",
            _accuracy_misleads(metric),
            _detail_accuracy(metric),
            of_arm=True,
        )
        for metric, (name, who) in {
            "logged_accuracy": ("today's", "today's Keras"),
            "keras1_accuracy": ("Keras 1's", "Keras 1"),
        }.items()
    ),
    Symptom(
        "a loss that lies",
        "have a loss that no constant answer can have, though every output is the same",
        logged_metrics.loss_misleads,
        _detail_loss,
    ),
)
