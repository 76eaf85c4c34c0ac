"""Estimates with confidence intervals: rates, quantiles, means and paired differences.

A diverged seed always counts; it is never dropped.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import fsum, log, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats
from scipy.optimize import brentq

MOST_SEEDS = 100_000


@dataclass(frozen=True)
class Interval:
    """An estimate, the confidence interval around it and its number of seeds."""

    estimate: float
    low: float
    high: float
    num_seeds: int


def rate(successes: int, total: int, *, confidence: float = 0.95) -> Interval:
    """Estimates a rate, with Wilson's score interval.

    Args:
        successes: Integer, number of seeds that succeeded.
        total: Integer, number of seeds that were run.
        confidence: Float between 0 and 1, two-sided.

    Returns:
        An `Interval` inside [0, 1].

    Raises:
        ValueError: If there are no seeds, or fewer seeds than successes.

    Example:
    >>> verdict(rate(200, 200))
    'solves'
    """
    if not 0 <= successes <= total or total == 0:
        raise ValueError(f"Expected successes among seeds. Received: {successes} of {total}")
    test = stats.binomtest(int(successes), int(total))
    bounds = test.proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(float(test.statistic), float(bounds.low), float(bounds.high), int(total))


def quantile(values: ArrayLike, q: float = 0.5, *, confidence: float = 0.95) -> Interval:
    """Estimates a quantile by an order statistic, with its exact interval.

    The number of seeds below the true quantile is binomial. Where they are too
    few for the confidence, that side is unbounded: `low=-inf` or `high=inf`.

    Args:
        values: Array of shape `(seeds,)`, larger being worse: NaN counts as +inf.
        q: Float between 0 and 1, the probability of the quantile.
        confidence: Float between 0 and 1, two-sided.

    Returns:
        An `Interval` of members of the sample, or infinite where unbounded.

    Raises:
        ValueError: If there are no seeds, or a probability is not between 0 and 1.

    Example:
    >>> quantile([3, 1, 2, float("nan"), 5, 4])
    Interval(estimate=3.0, low=1.0, high=inf, num_seeds=6)
    """
    ordered = _ordered(values)
    rank, tail = _ranks(q, len(ordered)), (1 - _probability(confidence)) / 2
    below, above = stats.binom.ppf([tail, 1 - tail], len(ordered), q).astype(int)
    padded = np.concatenate([[-np.inf], ordered, [np.inf]])
    estimate, low, high = padded[[rank, max(below, 0), above + 1]].tolist()
    return Interval(estimate, low, high, len(ordered))


def median(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Estimates the median by `quantile`: the lower one of an even sample.

    Args:
        values: Array of shape `(seeds,)`, larger being worse.
        confidence: Float between 0 and 1, two-sided.

    Returns:
        An `Interval`, see `quantile`.
    """
    return quantile(values, 0.5, confidence=confidence)


def quantiles(values: ArrayLike, qs: ArrayLike) -> np.ndarray:
    """Computes order-statistic quantiles over seeds, with NaN counted as +inf.

    Args:
        values: Array of shape `(seeds, ...)`.
        qs: Sequence of probabilities between 0 and 1.

    Returns:
        Float array of shape `(len(qs), ...)`.

    Raises:
        ValueError: If there are no seeds, or a probability is not between 0 and 1.

    Example:
    >>> quantiles([[1, 10], [2, float("nan")], [3, 30]], [0.5, 1.0]).tolist()
    [[2.0, 30.0], [3.0, inf]]
    """
    ordered = _ordered(values)
    return ordered[_ranks(qs, len(ordered)) - 1]


def verdict(interval: Interval, *, solves: float = 0.8, fails: float = 0.2) -> str:
    """Returns the verdict on a solve rate, from its interval and never from its estimate.

    Args:
        interval: `Interval` of a solve rate.
        solves: Float, the rate that the whole interval of a solving arm exceeds.
        fails: Float, the rate that the whole interval of a failing arm stays below.

    Returns:
        'solves', 'fails', 'depends on the seed' or 'undecided'.

    Example:
    >>> verdict(rate(16, 20))
    'undecided'
    """
    if interval.low > solves:
        return "solves"
    if interval.high < fails:
        return "fails"
    inside = fails <= interval.low and interval.high <= solves
    return "depends on the seed" if inside else "undecided"


def seeds_to_decide(
    interval: Interval,
    *,
    most: int = MOST_SEEDS,
    sizes: Iterable[tuple[int, float]] | None = None,
) -> int | None:
    """Estimates how many more seeds would end an undecided verdict.

    It is the first number of seeds at which the same rate would be decided.

    Args:
        interval: An `Interval` of a rate.
        most: Integer, the largest number of seeds that is tried.
        sizes: Pairs `(number of seeds, confidence)` that are tried. By default numbers of
            seeds up from the interval's, at 95%.

    Returns:
        The number of further seeds; 0 if the verdict is decided, None beyond `most`.

    Example:
    >>> seeds_to_decide(rate(4, 4))
    12
    """
    for total, confidence in _growing(interval.num_seeds, most) if sizes is None else sizes:
        found = rate(round(interval.estimate * total), total, confidence=confidence)
        if verdict(found) != "undecided":
            return total - interval.num_seeds
    return None


def _growing(total: int, most: int) -> Iterator[tuple[int, float]]:
    """Yields numbers of seeds up to `most`, each with a confidence of 95%."""
    while total <= most:
        yield total, 0.95
        total += max(1, total // 50)


def paired_difference(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Estimates the rate of `first` minus that of `second`, over the same seeds.

    The interval is Tango's score interval for paired proportions (1998): all
    differences that the score test does not reject. Where all seeds agree it
    is Wilson's interval of 0 out of n on both sides, never of width 0.

    Args:
        first: Boolean vector, the outcome of each seed in one arm.
        second: Boolean vector, the outcomes of the same seeds in another arm.
        confidence: Float between 0 and 1, two-sided.

    Returns:
        An `Interval` inside [-1, 1].

    Raises:
        ValueError: If these are not truth values of the same seeds, one or more.

    Example:
    >>> paired_difference([True, True, True, False], [False, False, True, False]).estimate
    0.5
    """
    first, second = np.asarray(first), np.asarray(second)
    paired = first.shape == second.shape == (first.size,) and first.size > 0
    if not paired or not np.isin([first, second], [False, True]).all():
        raise ValueError(f"Expected paired vectors of truth values. Received: {first}, {second}")
    gains, losses = int(np.sum(first > second)), int(np.sum(first < second))
    total, width = first.size, float(stats.norm.ppf((1 + _probability(confidence)) / 2))
    high = _score_bound(gains, losses, total=total, width=width)
    low = -_score_bound(losses, gains, total=total, width=width)
    return Interval((gains - losses) / total, low, high, total)


def mean(values: ArrayLike, *, low: float, high: float, confidence: float = 0.95) -> Interval:
    """Estimates the mean of values of a known range, such as the seeds' Shapley values.

    Where all seeds agree, the interval is 3/n of the range on either side (the rule of
    three). Otherwise it spans Student's interval and the score interval of the exponential
    family through the sample, which is Wilson's interval for two distinct values. Where
    more than half of the seeds share the sample's extreme, the interval reaches at least
    3/n of the range beyond the estimate on that side, for values that were not seen.

    Args:
        values: Array of shape `(seeds,)`.
        low: Float, the lowest value there can be.
        high: Float, the highest value there can be.
        confidence: Float between 0 and 1, two-sided. The rule is 3/n at 95%, and otherwise
            in proportion to the logarithm of 1 minus the confidence.

    Returns:
        An `Interval` inside [low, high], never of width 0.

    Raises:
        ValueError: If there are no seeds, or a value lies outside the range.

    Example:
    >>> mean([0.0] * 60, low=-1, high=1)
    Interval(estimate=0.0, low=-0.1, high=0.1, num_seeds=60)
    """
    ordered, span = np.sort(np.asarray(values, dtype=float), axis=None), high - low
    # Equal values that differ by floating point alone must count as equal.
    units = np.round((ordered - low) / span, 12) if span > 0 else np.full(1, np.nan)
    if np.ndim(values) != 1 or not units.size or not np.all((units >= 0) & (units <= 1)):
        shown = np.array2string(ordered, threshold=6)
        raise ValueError(f"Expected a vector between {low} and {high}. Received: {shown}")
    estimate, tail = fsum(ordered) / units.size, (1 + float(_probability(confidence))) / 2
    bounds = estimate - span * _reach(1 - units, tail), estimate + span * _reach(units, tail)
    estimate, lower, upper = np.clip([estimate, *bounds], low, high).tolist()
    return Interval(estimate, lower, upper, units.size)


def _reach(units: np.ndarray, tail: float) -> float:
    """Returns how far the true mean may lie above the mean of a sample in the unit range."""
    total, spread, most = units.size, units.std(), units.max()
    rule = 3 * round(log(2 * (1 - tail)) / log(0.05), 12)
    unseen = min(rule / total, 1.0) if np.mean(units == most) > 0.5 else 0.0
    if units.min() == most:
        return unseen
    width = special.stdtrit(total - 1, tail) / sqrt(total - 1)
    return max(unseen, spread * width, spread * _tilted((units - units.mean()) / spread, width))


def _tilted(values: np.ndarray, width: float) -> float:
    """Solves for the highest mean not rejected, tilting a sample of mean 0 and variance 1."""
    gaps, mean_at = values - values.max(), {}

    def excess(tilt):
        weights = np.exp(tilt * gaps)
        weights /= weights.sum()
        mean_at[tilt] = weights @ values
        return mean_at[tilt] - width * sqrt(weights @ (values - mean_at[tilt]) ** 2)

    most = 2 * width
    while excess(most) < 0:
        most *= 2
    return mean_at[brentq(excess, 0.0, most, xtol=1e-12)]


def _score_bound(gains: int, losses: int, *, total: int, width: float) -> float:
    """Solves for the highest difference that the score test does not reject."""
    if gains == total:
        return 1.0

    def excess(difference):
        slope = (2 * total - gains + losses) * difference - gains - losses
        product = losses * difference * (1 - difference)
        losing = (sqrt(max(slope**2 + 8 * total * product, 0.0)) - slope) / (4 * total)
        variance = total * (2 * losing + difference * (1 - difference))
        return (gains - losses - total * difference) ** 2 - width**2 * variance

    # Where all seeds agree, the estimate itself is a spurious root.
    # SciPy's stubs do not know that a number alone comes back without `full_output`.
    root = brentq(excess, (gains - losses) / total + 1e-9, 1.0)
    return float(root)  # pyright: ignore[reportArgumentType]


def _ordered(values: ArrayLike) -> np.ndarray:
    """Sorts seeds, the first axis, with NaN moved to +inf."""
    values = np.asarray(values, dtype=float)
    if values.shape[:1] in ((), (0,)):
        raise ValueError(f"A quantile needs at least one seed. Received: shape={values.shape}")
    return np.sort(np.where(np.isnan(values), np.inf, values), axis=0)


def _ranks(q: ArrayLike, total: int) -> np.ndarray:
    """Returns the ranks, from 1, of the smallest seeds with a share `q` at or below them."""
    # 0.07 * 100 is a little above 7 in floating point, and its rank is 7.
    return np.maximum(np.ceil(np.round(_probability(q) * total, 9)), 1).astype(int)


def _probability(values: ArrayLike) -> np.ndarray:
    """Returns an array of probabilities; raises an error if one is not between 0 and 1."""
    if not np.all((np.asarray(values) >= 0) & (np.asarray(values) <= 1)):
        raise ValueError(f"Probabilities must lie between 0 and 1. Received: {values}")
    return np.asarray(values, dtype=float)
