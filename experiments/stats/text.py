"""Text of numbers: rates, intervals, verdicts, counts, versions and machines.

No other module formats these things. The module is in `stats` because tables of `analysis`,
which is below `report`, also hold a few texts.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

BOUNDS = ("estimate", "low", "high")
VERSIONS = ("python", "keras", "tensorflow", "numpy")
MACHINE = ("system", "processor", "device")
# From this value on settings have thousands separators.
LONG = 10_000


def missing(value: Any) -> bool:
    """Returns whether a table cell has no value: `None`, NaN or the `NA` of pandas.

    Example:
    >>> missing(math.nan), missing(0)
    (True, False)
    """
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA is neither equal to itself nor unequal.
        return True


# Numbers.


def number(value: Any, digits: int = 3, *, signed: bool = False, infinite: str = "") -> str:
    """Returns a number with a given number of significant digits.

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


def fixed(value: float, digits: int = 2) -> str:
    """Returns a number with a given number of digits after the point; NaN stays `nan`.

    Example:
    >>> fixed(0.125, 1)
    '0.1'
    """
    return f"{value:.{digits}f}"


def percent(share: Any, digits: int = 1, *, signed: bool = False) -> str:
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


def points(share: Any, digits: int = 1, *, signed: bool = False) -> str:
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


def hundredths(share: Any, digits: int = 3) -> str:
    """Returns a share in percentage points with `digits` significant digits, without a unit.

    Example:
    >>> hundredths(0.0123456), hundredths(1.0)
    ('1.23', '100')
    """
    return "" if missing(share) else number(100 * share, digits)


def factor(log: Any, digits: int = 3) -> str:
    """Returns a difference of logarithms as a factor; a missing one is blank.

    Args:
        log: Natural logarithm of the factor.
        digits: Significant digits.

    Example:
    >>> factor(0.0), factor(math.log(0.25))
    ('1', '0.25')
    """
    return "" if missing(log) else number(np.exp(log), digits)


def count(whole: float, noun: str = "", none: str | None = None) -> str:
    """Returns an integer with thousands separators, followed by a noun.

    Args:
        whole: Number; the part after its point is dropped.
        noun: Noun of the counted things, in the singular.
        none: Word in place of 0.

    Example:
    >>> count(1200), count(1, "seed"), count(2, "seed"), count(0, "alarm", none="no")
    ('1,200', '1 seed', '2 seeds', 'no alarm')
    """
    if none is not None and not whole:
        return f"{none} {noun}".rstrip()
    return f"{int(whole):,}" + f" {noun}{'s' * (whole != 1)}" * bool(noun)


def value(setting: object) -> str:
    """Returns the value of a setting; an integer from 10,000 on has separators.

    Example:
    >>> value(9999), value(20000), value(True)
    ('9999', '20,000', 'True')
    """
    if isinstance(setting, int) and not isinstance(setting, bool) and setting >= LONG:
        return f"{setting:,}"
    return str(setting)


# Intervals.


def interval(
    estimate: Any,
    low: Any,
    high: Any,
    form: Callable[..., str] = percent,
    bounds: Callable[..., str] | None = None,
    **options: Any,
) -> str:
    """Returns an estimate with its interval, such as `50.0% [40.2%, 59.8%]`.

    Args:
        estimate, low, high: Numbers.
        form: Function from a number to its text.
        bounds: The same for `low` and `high`; `form` if `None`.
        **options: Passed to both functions.

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


def row_interval(
    row: Mapping[str, Any],
    form: Callable[..., str] = percent,
    names: Sequence[str] = BOUNDS,
    **options: Any,
) -> str:
    """Returns the interval of a row of a table, see `interval`.

    Args:
        row: Mapping from columns to values.
        form: Function from a number to its text.
        names: Columns of the estimate, of the low and of the high bound.
        **options: Passed to `interval`.

    Example:
    >>> row_interval({"estimate": 0.5, "low": 0.25, "high": 0.75}, digits=0)
    '50% [25%, 75%]'
    """
    estimate, low, high = (row[name] for name in names)
    return interval(estimate, low, high, form, **options)


def spread(
    middle: Any, low: Any, high: Any, form: Callable[..., str] = number, **options: Any
) -> str:
    """Returns a number with its range, such as `2 (1 to 3)`.

    Args:
        middle, low, high: Numbers.
        form: Function from a number to its text.
        **options: Passed to `form`.

    Example:
    >>> spread(2, 1, 3)
    '2 (1 to 3)'
    """
    middle, low, high = (form(one, **options) for one in (middle, low, high))
    return f"{middle} ({low} to {high})"


def points_interval(row: Mapping[str, Any]) -> str:
    """Returns a difference of solve rates in points with its interval.

    Example:
    >>> points_interval({"estimate": 0.5, "low": 0.25, "high": 0.75})
    '+50.0 [+25.0, +75.0]'
    """
    return row_interval(row, points, signed=True)


# Verdicts.


def confidence(share: float) -> str:
    """Returns a confidence that is never rounded up to 100%.

    Example:
    >>> confidence(0.97), confidence(0.9999)
    ('97.0%', 'above 99.9%')
    """
    return "above 99.9%" if share > 0.999 else percent(share)


def at_least(share: Any) -> str:
    """Returns a confidence rounded down, so that it never becomes 100%.

    Example:
    >>> at_least(0.9719), at_least(1.0), at_least(None)
    ('at least 97.1%', 'at least 99.9%', 'unknown')
    """
    if missing(share):
        return "unknown"
    return f"at least {percent(min(math.floor(1000 * share), 999) / 1000)}"


def more_seeds(number_of_seeds: Any, words: str = "more seeds") -> str:
    """Returns how many more seeds an undecided verdict is likely to need.

    Args:
        number_of_seeds: Number; missing where no number would decide.
        words: Text after the number.

    Example:
    >>> more_seeds(1200), more_seeds(None)
    ('about 1,200 more seeds', 'no number of seeds would decide')
    """
    if missing(number_of_seeds):
        return "no number of seeds would decide"
    return f"about {count(number_of_seeds)} {words}"


def verdict(word: str, number_of_seeds: Any, words: str = "more seeds") -> str:
    """Returns a verdict; an undecided one with the number of further seeds it needs.

    Args:
        word: Verdict, see `intervals.verdict`.
        number_of_seeds, words: See `more_seeds`.

    Example:
    >>> verdict("solves", None), verdict("undecided", 64)
    ('solves', 'undecided (about 64 more seeds)')
    """
    return word if word != "undecided" else f"{word} ({more_seeds(number_of_seeds, words)})"


def cut(steps: int, documented: int) -> str:
    """Returns a remark on an arm that was trained for fewer updates than documented.

    Example:
    >>> cut(100, 2000), cut(2000, 2000)
    (' (cut; documented 2,000)', '')
    """
    return f" (cut; documented {documented:,})" if steps < documented else ""


# Lists, versions and machines.


def listed(items: Iterable[str], last: str = "and") -> str:
    """Returns words joined by commas, the last two by `last`.

    Example:
    >>> listed("abc"), listed("ab", "or")
    ('a, b and c', 'a or b')
    """
    items = list(items)
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def versions(made: Mapping[str, str], names: Iterable[str] = VERSIONS) -> str:
    """Returns the versions of an environment that are known.

    Args:
        made: Environment, see `keys.environment`.
        names: Packages, in this order.

    Example:
    >>> versions({"keras": "3.12", "python": "3.11"})
    'python 3.11, keras 3.12'
    """
    return ", ".join(f"{name} {made[name]}" for name in names if name in made)


def machine(made: Mapping[str, str], names: Iterable[str] = MACHINE, separator: str = ", ") -> str:
    """Returns the machine of an environment, as far as it is known.

    Args:
        made: Environment, see `keys.environment`; `cores`, if given, precede the processor.
        names: Parts of the environment, in this order.
        separator: Text between the parts.

    Example:
    >>> machine({"system": "Linux", "processor": "a Xeon", "cores": "2"})
    'Linux, 2 cores of a Xeon'
    """
    cores = {"processor": f"{made['cores']} cores of "} if "cores" in made else {}
    return separator.join(f"{cores.get(name, '')}{made[name]}" for name in names if name in made)


def environment(
    made: Mapping[str, str],
    packages: Iterable[str] = VERSIONS,
    hardware: Iterable[str] = MACHINE,
    separator: str = ", ",
) -> str:
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
