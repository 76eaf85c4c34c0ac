"""What a fix does, read from intervals by one rule, and the confidence behind a verdict.

A difference counts from 0.05 in rate or a factor 1.25 in error; what lies
within a margin is nothing, and what an interval leaves open is undecided.
"""

from math import log

from scipy import stats

RATE_MARGIN = 0.05
ERROR_FACTOR = 1.25


def effect(rate_difference, log_error_difference):
    """Reads what a fix does to solve rate and error together.

    Args:
        rate_difference: `Interval` of the solve rate with the fix less that without.
        log_error_difference: `Interval` of the natural logarithm of the error with the
            fix less that without; lower is better.

    Returns:
        'helps' or 'harms' where one of the two does and the other does not do the
        contrary, 'mixed' where it does, 'does nothing' where neither does anything,
        else 'undecided'.

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


def rate_effect(difference):
    """Reads what a fix does to the solve rate.

    Args:
        difference: `Interval` of the solve rate with the fix less that without.

    Returns:
        'helps', 'harms', 'does nothing' or 'undecided'.

    Example:
    >>> from experiments.stats.intervals import Interval
    >>> rate_effect(Interval(0.0, -0.02, 0.02, 1000))
    'does nothing'
    """
    return _verdict(difference.low, difference.high, RATE_MARGIN)


def error_effect(difference):
    """Reads what a fix does to the error.

    Args:
        difference: `Interval` of the natural logarithm of the error with the fix less
            that without; lower is better.

    Returns:
        'helps', 'harms', 'does nothing' or 'undecided'.

    Example:
    >>> from experiments.stats.intervals import Interval
    >>> error_effect(Interval(-1.0, -1.2, -0.8, 200))
    'helps'
    """
    return _verdict(-difference.high, -difference.low, log(ERROR_FACTOR))


def _verdict(low, high, margin):
    """Reads a gain, larger being better, against its margin."""
    if low > margin:
        return "helps"
    if high < -margin:
        return "harms"
    return "does nothing" if -margin <= low and high <= margin else "undecided"


def confidence_above(successes, total, threshold):
    """Computes the one-sided exact confidence that a rate lies above a bar.

    It is 1 less the binomial probability of as many successes or more at the bar.

    Args:
        successes: Integer, how many seeds succeeded.
        total: Integer, how many seeds were run.
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


def confidence_below(successes, total, threshold):
    """Computes the one-sided exact confidence that a rate lies below a bar.

    It is 1 less the binomial probability of as many successes or fewer at the bar.

    Args:
        successes: Integer, how many seeds succeeded.
        total: Integer, how many seeds were run.
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


def _check(successes, total, threshold):
    """Refuses counts and bars that cannot be."""
    if not 0 <= successes <= total or total == 0 or not 0 <= threshold <= 1:
        raise ValueError(
            "Expected successes among seeds and a bar between 0 and 1. "
            f"Received: {successes} of {total}, bar={threshold}"
        )
