"""Answers one question from stored seeds, with the interval that decides it.

Solve rates use the verdict rule, differences use `effects`, medians use order statistics. Every
answer is read from a 95% interval or, under repeated analyses, at the confidence that
`interim` allows at that analysis.

If a claim has m questions and all must be answered with yes, each yes may be read at 95%,
because the claim is wrong only if one of them is. A "no" or "depends on the seed" settles the
claim alone. It is read at 1 - 0.05/m, so that the error of the claim stays at 5%. If one yes is
enough, the roles of yes and no are swapped.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from experiments.analysis import tables
from experiments.cases.claims import (
    Alike,
    Equal,
    Fails,
    Few,
    Harms,
    Helps,
    Less,
    Median,
    Most,
    NotWorse,
    Solves,
    Some,
    Tracks,
)
from experiments.stats import effects, intervals

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

    from experiments.cases.claims import Fact
    from experiments.stats.interim import StoppingRule

SUPPORTED, CONTRADICTED = "supported", "contradicted"
DEPENDS, UNDECIDED = "depends on the seed", "undecided"
SOME = 0.01
YES_IF_MOST = {"solves": SUPPORTED, "fails": CONTRADICTED}
YES_IF_FEW = {"solves": CONTRADICTED, "fails": SUPPORTED}
# Mixed effects count neither as alike, nor as a help, nor as a harm.
YES_IF_EFFECT = {
    Helps: {"helps": SUPPORTED, "harms": CONTRADICTED, "does nothing": CONTRADICTED},
    Harms: {"harms": SUPPORTED, "helps": CONTRADICTED, "does nothing": CONTRADICTED},
    Alike: {"does nothing": SUPPORTED} | dict.fromkeys(("helps", "harms", "mixed"), CONTRADICTED),
    NotWorse: {"harms": CONTRADICTED},
}
COMPARES = {
    Helps: "is better than",
    Harms: "is worse than",
    Alike: "does as well as",
    NotWorse: "is not worse than",
}


@dataclasses.dataclass(frozen=True)
class QuestionResult:
    """A question and its answer.

    Attributes:
        question: The question as a statement.
        arm, than: The arm in question, and the one it is compared with, or "".
        steps: Updates of the arm, or `None` if configurations differ.
        quantity: The estimated quantity as text.
        estimate, low, high: The estimate and its interval, at 95% or at the confidence of its
            analysis.
        num_seeds: Number of seeds; `None` for a `Fact`.
        answer: "supported", "contradicted", "depends on the seed" or "undecided".
        more_seeds: Number of further seeds that would decide, if known.
    """

    question: str
    arm: str
    than: str
    steps: int | None
    quantity: str
    estimate: float
    low: float
    high: float
    num_seeds: int | None
    answer: str
    more_seeds: int | None = None


def read(
    test: Any,
    first: pd.DataFrame,
    second: pd.DataFrame | None = None,
    *,
    span: float,
    rule: StoppingRule,
    parts: int = 1,
    together: str = SUPPORTED,
) -> QuestionResult:
    """Answers one question.

    Args:
        test: A test as `claims` defines it.
        first: Table of the arm, indexed by seed: `solved`, `log_error`, metrics.
        second: Table of the arm it is compared with, of the same seeds, if any.
        span: Float, the largest difference that `log_error` can take.
        rule: The `StoppingRule` of the arm.
        parts: The number of questions of the claim.
        together: The answer that settles the claim only if all questions give it; it is
            therefore read at 95% whatever their number.

    Returns:
        A `QuestionResult`.
    """
    pair = (first,) if second is None else (first, second)
    find = _FINDERS[type(test)]
    alpha = rule.alpha(len(first))
    quantity, interval, answer = find(test, *pair, span=span, confidence=1 - alpha)
    if parts > 1 and answer != together:
        answer = find(test, *pair, span=span, confidence=1 - alpha / parts)[2]
    more = None
    if answer == UNDECIDED and _is_rate(quantity) and "*" not in test.arm:
        more = tables.seeds_to_decide(interval, rule) or None
    steps = int(first["steps"].iloc[0]) if "steps" in first else test.steps
    estimates = (interval.estimate, interval.low, interval.high, interval.num_seeds)
    head = (question(test), test.arm, other_arm(test), steps, quantity)
    return QuestionResult(*head, *estimates, answer, more)


def read_fact(test: Fact) -> QuestionResult:
    """Answers a `Fact`: a number that needs no seeds and has no interval."""
    value = float(test.value())
    low, high = _range(test)
    answer = SUPPORTED if low <= value <= high else CONTRADICTED
    words = f"{test.says}: {_ends(test)}"
    return QuestionResult(words, "", "", None, test.says, value, math.nan, math.nan, None, answer)


def other_arm(test: Any) -> str:
    """Returns the arm that a test compares its own with, or ""."""
    return test.than if isinstance(test, Helps) else getattr(test, "other", "")


def _is_rate(quantity):
    return quantity == "solve rate" or quantity.startswith("share")


def paired(
    first: pd.DataFrame, second: pd.DataFrame, *, span: float, confidence: float
) -> tuple[intervals.Interval, intervals.Interval]:
    """Estimates the differences of two arms over the same seeds.

    Args:
        first: Table of an arm, with `solved` and `log_error`.
        second: Table of another arm with the same seeds.
        span: Float, the largest difference that `log_error` can take.
        confidence: Float between 0 and 1, two-sided.

    Returns:
        Two `Interval`s: the solve rate and the mean `log_error` of the first, minus
        those of the second.
    """
    solved = [table["solved"].to_numpy(np.float64) for table in (first, second)]
    if np.isin(solved, (0, 1)).all():
        rates = intervals.paired_difference(*solved, confidence=confidence)
    else:
        rates = intervals.mean(solved[0] - solved[1], low=-1, high=1, confidence=confidence)
    errors = (first["log_error"] - second["log_error"]).to_numpy()
    return rates, intervals.mean(errors, low=-span, high=span, confidence=confidence)


def question(test: Any) -> str:
    """Returns a test as a statement."""
    kind = type(test)
    words = {Solves: "{} solves", Fails: "{} fails"}.get(kind, "")
    if kind in COMPARES:
        words = f"{{}} {COMPARES[kind]} {test.than}"
    elif kind in (Most, Few, Some):
        words = f"{kind.__name__.lower()} seeds of {{}} have {test.metric} {_ends(test)}"
    elif kind is Median:
        words = f"the median {test.metric} of {{}} is {_ends(test).removeprefix('of ')}"
    elif kind is Less:
        words = f"most seeds of {{}} have {test.metric} below {test.than}"
    elif kind is Tracks:
        words = f"{_correlation(test)} is {_ends(test).removeprefix('of ')} in {{}}"
    elif kind is Equal:
        words = f"most seeds of {{}} have {_same(test)}"
    at = "" if test.steps is None else f" after {test.steps:,} steps"
    return words.format(test.arm) + at


def _ends(test):
    """Returns the range of a metric as text."""
    low, high = test.at_least, test.at_most
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    return f"of at least {low:g}" if low is not None else f"of at most {high:g}"


def _same(test):
    within = f" within {100 * test.within:g}%" if test.within else ""
    return f"the {test.metric} of {test.other}{within}"


def _correlation(test):
    return f"the rank correlation of {test.metric} with {test.with_metric}"


def _range(test):
    low = -math.inf if test.at_least is None else test.at_least
    return low, math.inf if test.at_most is None else test.at_most


def _solve_rate(test, first, *, span, confidence):
    """Answers whether an arm solves or fails."""
    solved = first["solved"].to_numpy(np.float64)
    if "*" in test.arm:
        found = intervals.mean(solved, low=0, high=1, confidence=confidence)
    else:
        found = intervals.rate(int(solved.sum()), len(solved), confidence=confidence)
    answers = YES_IF_FEW if isinstance(test, Fails) else YES_IF_MOST
    return "solve rate", found, _one_rule(found, answers)


def _one_rule(interval, answers):
    verdict = intervals.verdict(interval)
    return answers.get(verdict, verdict)


def _share(test, first, *, span, confidence):
    """Answers whether most, few or some seeds have a metric in its range."""
    inside = int(first[test.metric].between(*_range(test)).sum())
    found = intervals.rate(inside, len(first), confidence=confidence)
    quantity = f"share with {test.metric} {_ends(test)}"
    if isinstance(test, Some):
        sure = SUPPORTED if found.low > SOME else CONTRADICTED
        return quantity, found, UNDECIDED if found.low <= SOME <= found.high else sure
    answers = YES_IF_FEW if isinstance(test, Few) else YES_IF_MOST
    return quantity, found, _one_rule(found, answers)


def _median(test, first, *, span, confidence):
    """Answers whether a median lies in its range."""
    found = intervals.median(first[test.metric].to_numpy(), confidence=confidence)
    return f"median {test.metric}", found, _in_range(test, found)


def _in_range(test, found):
    """Yes if the interval lies entirely inside the range, no if entirely outside."""
    low, high = _range(test)
    if low <= found.low and found.high <= high:
        return SUPPORTED
    return CONTRADICTED if found.high < low or found.low > high else UNDECIDED


def _tracks(test, first, *, span, confidence):
    """Answers whether the mean rank correlation of two metrics lies in its range."""
    found = intervals.mean(first["correlation"], low=-1, high=1, confidence=confidence)
    return _correlation(test), found, _in_range(test, found)


def _less(test, first, *, span, confidence):
    """Answers whether most seeds have one metric below another."""
    below = int((first[test.metric] < first[test.than]).sum())
    found = intervals.rate(below, len(first), confidence=confidence)
    return f"share with {test.metric} below {test.than}", found, _one_rule(found, YES_IF_MOST)


def _equal(test, first, second, *, span, confidence):
    """Answers whether a metric is the same for most seeds."""
    one, other = (table[test.metric].to_numpy(np.float64) for table in (first, second))
    with np.errstate(invalid="ignore"):
        close = np.abs(one - other) <= test.within * np.maximum(np.abs(one), np.abs(other))
    # An infinite value is within any share of itself; only an equal one is the same.
    same = (one == other) | (close & np.isfinite(one) & np.isfinite(other))
    found = intervals.rate(int(same.sum()), same.size, confidence=confidence)
    return f"share with {_same(test)}", found, _one_rule(found, YES_IF_MOST)


def _effect(test, first, second, *, span, confidence):
    """Answers how an arm compares with another."""
    rates, errors = paired(first, second, span=span, confidence=confidence)
    word = effects.effect(rates, errors)
    answer = YES_IF_EFFECT[type(test)].get(word, UNDECIDED)
    if isinstance(test, NotWorse) and answer != CONTRADICTED:
        answer = SUPPORTED if _excludes_harm(rates, errors) else UNDECIDED
    if _rates_decide(answer, rates, errors):
        return f"solve rate less that of {test.than}", rates, answer
    factor, low, high = np.exp([errors.estimate, errors.low, errors.high]).tolist()
    factors = intervals.Interval(factor, low, high, errors.num_seeds)
    return f"error over that of {test.than}", factors, answer


def _excludes_harm(rates, errors):
    margin, factor = effects.RATE_MARGIN, effects.ERROR_FACTOR
    return rates.low > -margin and errors.high < math.log(factor)


def _rates_decide(answer, rates, errors):
    """Whether the answer rests on the solve rates, and not on the errors alone."""
    word = effects.rate_effect(rates)
    if answer == UNDECIDED:
        return word == "undecided" or effects.error_effect(errors) != "undecided"
    if effects.error_effect(errors) in ("helps", "harms"):
        return word in ("helps", "harms")
    return True


_FINDERS = {Solves: _solve_rate, Fails: _solve_rate, Most: _share, Few: _share, Some: _share}
_FINDERS |= {Less: _less, Tracks: _tracks}
_FINDERS |= {Median: _median, Equal: _equal} | dict.fromkeys(YES_IF_EFFECT, _effect)
