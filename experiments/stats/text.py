"""Text of numbers: rates, intervals, verdicts, counts, versions and machines.

It knows no case. It stands in `stats` because analysis tables hold a few texts too, and
`report` is above them. No other module formats these things.
"""

import math

import numpy as np

BOUNDS = ("estimate", "low", "high")
VERSIONS = ("python", "keras", "tensorflow", "numpy")
MACHINE = ("system", "processor", "device")
# Settings have thousands separators from here on.
LONG = 10_000


def missing(value):
    """Returns whether a cell of a table holds no value: `None`, NaN or the `NA` of pandas.

    Example:
    >>> missing(math.nan), missing(0)
    (True, False)
    """
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA is neither equal to itself nor unequal.
        return True


# Numbers.


def number(value, digits=3, *, signed=False, infinite=""):
    """Returns a number with so many significant digits.

    Args:
        value: Number; a missing one is blank.
        digits: Significant digits.
        signed: Whether a plus is written.
        infinite: Word for an infinite number of either sign; `inf` or `-inf` if blank.

    Example:
    >>> number(0.12345), number(2.0, signed=True), number(math.inf, infinite="infinite")
    ('0.123', '+2', 'infinite')
    """
    if missing(value):
        return ""
    if infinite and math.isinf(value):
        return infinite
    return f"{value:{'+' if signed else ''}.{digits}g}"


def fixed(value, digits=2):
    """Returns a number with so many digits after the point; NaN stays `nan`.

    Example:
    >>> fixed(0.125, 1)
    '0.1'
    """
    return f"{value:.{digits}f}"


def percent(share, digits=1, *, signed=False):
    """Returns a share in percent; a missing one is blank.

    Args:
        share: Number, 1 is the whole.
        digits: Digits after the point.
        signed: Whether a plus is written.

    Example:
    >>> percent(0.5), percent(0.05, 0, signed=True)
    ('50.0%', '+5%')
    """
    return "" if missing(share) else f"{share:{'+' if signed else ''}.{digits}%}"


def points(share, digits=1, *, signed=False):
    """Returns a share, or a difference of shares, in percentage points without a unit.

    Args:
        share: Number, 1 is the whole; a missing one is blank.
        digits: Digits after the point.
        signed: Whether a plus is written.

    Example:
    >>> points(0.5), points(0.5, signed=True)
    ('50.0', '+50.0')
    """
    return percent(share, digits, signed=signed).removesuffix("%")


def hundredths(share, digits=3):
    """Returns a share in percentage points with so many significant digits, without a unit.

    Example:
    >>> hundredths(0.0123456), hundredths(1.0)
    ('1.23', '100')
    """
    return "" if missing(share) else number(100 * share, digits)


def factor(log, digits=3):
    """Returns a difference of logarithms as a factor; a missing one is blank.

    Args:
        log: Natural logarithm of the factor.
        digits: Significant digits.

    Example:
    >>> factor(0.0), factor(math.log(0.25))
    ('1', '0.25')
    """
    return "" if missing(log) else number(np.exp(log), digits)


def count(whole, noun="", none=None):
    """Returns a whole number with thousands separators, and what it counts.

    Args:
        whole: Number; the part after its point is dropped.
        noun: What it counts, in the singular.
        none: Word in place of 0.

    Example:
    >>> count(1200), count(1, "seed"), count(2, "seed"), count(0, "alarm", none="no")
    ('1,200', '1 seed', '2 seeds', 'no alarm')
    """
    if none is not None and not whole:
        return f"{none} {noun}".rstrip()
    return f"{int(whole):,}" + f" {noun}{'s' * (whole != 1)}" * bool(noun)


def value(setting):
    """Returns the value of a setting; a whole number from 10,000 on has separators.

    Example:
    >>> value(9999), value(20000), value(True)
    ('9999', '20,000', 'True')
    """
    whole = isinstance(setting, int) and not isinstance(setting, bool)
    return f"{setting:,}" if whole and setting >= LONG else str(setting)


# Intervals.


def interval(estimate, low, high, form=percent, bounds=None, **options):
    """Returns an estimate with its interval, such as `50.0% [40.2%, 59.8%]`.

    Args:
        estimate, low, high: Numbers.
        form: Function from a number to its text.
        bounds: The same for `low` and `high`; `form` if `None`.
        **options: Handed to both functions.

    Returns:
        The text; blank if the estimate is missing.

    Example:
    >>> interval(0.5, 0.25, 0.75, digits=0), interval(1.5, 1, 2, number, fixed, digits=2)
    ('50% [25%, 75%]', '1.5 [1.00, 2.00]')
    """
    if missing(estimate):
        return ""
    bounds = bounds or form
    return f"{form(estimate, **options)} [{bounds(low, **options)}, {bounds(high, **options)}]"


def row_interval(row, form=percent, names=BOUNDS, **options):
    """Returns the interval of a row of a table, see `interval`.

    Args:
        row: Mapping from columns to values.
        form: Function from a number to its text.
        names: Columns of the estimate, of the low and of the high bound.
        **options: Handed on to `interval`.

    Example:
    >>> row_interval({"estimate": 0.5, "low": 0.25, "high": 0.75}, digits=0)
    '50% [25%, 75%]'
    """
    return interval(*(row[name] for name in names), form, **options)


def spread(middle, low, high, form=number, **options):
    """Returns a number with the lowest and the highest it may be, such as `2 (1 to 3)`.

    Args:
        middle, low, high: Numbers.
        form: Function from a number to its text.
        **options: Handed to `form`.

    Example:
    >>> spread(2, 1, 3)
    '2 (1 to 3)'
    """
    middle, low, high = (form(one, **options) for one in (middle, low, high))
    return f"{middle} ({low} to {high})"


def points_interval(row):
    """Returns a difference of solve rates in points with its interval.

    Example:
    >>> points_interval({"estimate": 0.5, "low": 0.25, "high": 0.75})
    '+50.0 [+25.0, +75.0]'
    """
    return row_interval(row, points, signed=True)


# Verdicts.


def confidence(share):
    """Returns a confidence that never rounds up to certainty.

    Example:
    >>> confidence(0.97), confidence(0.9999)
    ('97.0%', 'above 99.9%')
    """
    return "above 99.9%" if share > 0.999 else percent(share)


def at_least(share):
    """Returns a confidence rounded down, so that certainty is never claimed.

    Example:
    >>> at_least(0.9719), at_least(1.0), at_least(None)
    ('at least 97.1%', 'at least 99.9%', 'unknown')
    """
    if missing(share):
        return "unknown"
    return f"at least {percent(min(math.floor(1000 * share), 999) / 1000)}"


def more_seeds(number_of_seeds, words="more seeds"):
    """Returns how many more seeds an open question is likely to need.

    Args:
        number_of_seeds: Number; missing where no number would decide.
        words: What stands behind the number.

    Example:
    >>> more_seeds(1200), more_seeds(None)
    ('about 1,200 more seeds', 'no number of seeds would decide')
    """
    if missing(number_of_seeds):
        return "no number of seeds would decide"
    return f"about {count(number_of_seeds)} {words}"


def verdict(word, number_of_seeds, words="more seeds"):
    """Returns a verdict, and how many more seeds would end an open one.

    Args:
        word: As `intervals.verdict` returns it.
        number_of_seeds, words: See `more_seeds`.

    Example:
    >>> verdict("solves", None), verdict("undecided", 64)
    ('solves', 'undecided (about 64 more seeds)')
    """
    return word if word != "undecided" else f"{word} ({more_seeds(number_of_seeds, words)})"


def cut(steps, documented):
    """Returns a remark on an arm that was trained for fewer updates than documented.

    Example:
    >>> cut(100, 2000), cut(2000, 2000)
    (' (cut; documented 2,000)', '')
    """
    return f" (cut; documented {documented:,})" if steps < documented else ""


# Lists, versions and machines.


def listed(items, last="and"):
    """Returns words joined as in a sentence.

    Example:
    >>> listed("abc"), listed("ab", "or")
    ('a, b and c', 'a or b')
    """
    items = list(items)
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def versions(made, names=VERSIONS):
    """Returns the versions of an environment that are known.

    Args:
        made: Environment, see `keys.environment`.
        names: Packages, in this order.

    Example:
    >>> versions({"keras": "3.12", "python": "3.11"})
    'python 3.11, keras 3.12'
    """
    return ", ".join(f"{name} {made[name]}" for name in names if name in made)


def machine(made, names=MACHINE, separator=", "):
    """Returns the machine of an environment, as far as it is known.

    Args:
        made: Environment, see `keys.environment`; `cores`, if there, is told with the processor.
        names: What is told, in this order.
        separator: What stands between.

    Example:
    >>> machine({"system": "Linux", "processor": "a Xeon", "cores": "2"})
    'Linux, 2 cores of a Xeon'
    """
    cores = {"processor": f"{made['cores']} cores of "} if "cores" in made else {}
    return separator.join(f"{cores.get(name, '')}{made[name]}" for name in names if name in made)


def environment(made, packages=VERSIONS, hardware=MACHINE, separator=", "):
    """Returns an environment in one line: versions, then the machine.

    Args:
        made: Environment, see `keys.environment`.
        packages, hardware, separator: See `versions` and `machine`.

    Example:
    >>> environment({"python": "3.11", "system": "Linux", "processor": "a Xeon"})
    'python 3.11; Linux, a Xeon'
    """
    parts = versions(made, packages), machine(made, hardware, separator)
    return "; ".join(filter(None, parts))
