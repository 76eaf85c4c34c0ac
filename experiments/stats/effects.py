"""The effect of a fix, read from intervals, and the confidence of a verdict.

A fix helps or harms where the whole interval lies beyond the margin: 0.05 in solve rate, a
factor of 1.25 in error. It does nothing where the whole interval lies within the margins.
Otherwise the effect is undecided.
"""

from math import log

from scipy import stats

from experiments.stats.intervals import Interval

RATE_MARGIN = 0.05
ERROR_FACTOR = 1.25


def effect(rate_difference: Interval, log_error_difference: Interval) -> str:
    """Returns the effect of a fix on solve rate and error together.

    Args:
        rate_difference: `Interval` of the solve rate with the fix minus that without.
        log_error_difference: `Interval` of the natural logarithm of the error with the
            fix minus that without; lower is better.

    Returns:
        'helps' or 'harms' where that is the effect on one of the two, and the effect on the
        other is not the opposite; 'mixed' where the effects are opposite; 'does nothing'
        where that is the effect on both; otherwise 'undecided'.

    Example:
    >>> from experiments.stats.intervals import Interval
    >>> effect(Interval(0.5, 0.4, 0.6, 200), Interval(0.0, -0.3, 0.3, 200))
    'helps'
    """
    found = {rate_effect(rate_difference), error_effect(log_error_difference)}
    if found >= {"helps", "harms"}:
        return "mixed"
    for decided in ("helps", "harms"):
        if decided in found:
            return decided
    return "does nothing" if found == {"does nothing"} else "undecided"


def rate_effect(difference: Interval) -> str:
    """Returns the effect of a fix on the solve rate.

    Args:
        difference: `Interval` of the solve rate with the fix minus that without.

    Returns:
        'helps', 'harms', 'does nothing' or 'undecided'.

    Example:
    >>> from experiments.stats.intervals import Interval
    >>> rate_effect(Interval(0.0, -0.02, 0.02, 1000))
    'does nothing'
    """
    return _verdict(difference.low, difference.high, RATE_MARGIN)


def error_effect(difference: Interval) -> str:
    """Returns the effect of a fix on the error.

    Args:
        difference: `Interval` of the natural logarithm of the error with the fix minus
            that without; lower is better.

    Returns:
        'helps', 'harms', 'does nothing' or 'undecided'.

    Example:
    >>> from experiments.stats.intervals import Interval
    >>> error_effect(Interval(-1.0, -1.2, -0.8, 200))
    'helps'
    """
    return _verdict(-difference.high, -difference.low, log(ERROR_FACTOR))


def _verdict(low: float, high: float, margin: float) -> str:
    """Compares the interval of a gain, larger being better, with its margin."""
    if low > margin:
        return "helps"
    if high < -margin:
        return "harms"
    return "does nothing" if -margin <= low and high <= margin else "undecided"


def confidence_above(successes: int, total: int, threshold: float) -> float:
    """Computes the one-sided exact confidence that a rate lies above a threshold.

    It is 1 minus the binomial probability of as many successes or more at the threshold.

    Args:
        successes: Integer, number of seeds that succeeded.
        total: Integer, number of seeds that were run.
        threshold: Float between 0 and 1.

    Returns:
        Float between 0 and 1.

    Raises:
        ValueError: If there are no seeds, or fewer seeds than successes.

    Example:
    >>> confidence_above(1, 1, 0.75)
    0.25
    """
    _check(successes, total, threshold)
    return float(stats.binom.cdf(successes - 1, total, threshold))


def confidence_below(successes: int, total: int, threshold: float) -> float:
    """Computes the one-sided exact confidence that a rate lies below a threshold.

    It is 1 minus the binomial probability of as many successes or fewer at the threshold.

    Args:
        successes: Integer, number of seeds that succeeded.
        total: Integer, number of seeds that were run.
        threshold: Float between 0 and 1.

    Returns:
        Float between 0 and 1.

    Raises:
        ValueError: If there are no seeds, or fewer seeds than successes.

    Example:
    >>> confidence_below(0, 1, 0.25)
    0.25
    """
    _check(successes, total, threshold)
    return float(stats.binom.sf(successes, total, threshold))


def _check(successes: int, total: int, threshold: float) -> None:
    """Raises an error for impossible counts and thresholds."""
    if not 0 <= successes <= total or total == 0 or not 0 <= threshold <= 1:
        raise ValueError(
            "Expected successes among seeds and a bar between 0 and 1. "
            f"Received: {successes} of {total}, bar={threshold}"
        )
