"""Compares each arm with its results on the software of its time.

It reads `results/era` and tables of runs. The seeds of the two sides are independent and never
paired. The sides are equivalent if 95% intervals show that their solve rates differ by at most
0.10 and their median errors by at most a factor of 2.
"""

from __future__ import annotations

import math
import pathlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import optimize, stats

from experiments.analysis import baselines
from experiments.cases.case import Regression
from experiments.cases.errors import SuiteError
from experiments.stats import intervals as statistics
from experiments.stats.text import fixed, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from experiments.cases.case import Case
    from experiments.cases.claims import Historical

RATE_MARGIN = 0.10
ERROR_FACTOR = 2.0
FEWEST_SEEDS = 20
ERROR_FLOOR, ERROR_CEILING = 1e-12, 1e150
SIDES = (("era", "era_seeds"), ("our", "our_seeds"))
EQUIVALENT, DIFFERS, UNDECIDED, TOO_FEW = "equivalent", "differs", "undecided", "too few"
LOGARITHMS = ("era_median", "our_median", "ratio")
# What has an interval: its column, and what the columns of its ends begin with.
BOUNDED = {"era_rate": "era_rate", "our_rate": "our_rate", "rate_difference": "rate"}
BOUNDED |= {name: name for name in LOGARITHMS} | {"cliffs_delta": "delta"}
ENDS = {name: (f"{prefix}_low", f"{prefix}_high") for name, prefix in BOUNDED.items()}
COLUMNS = ["arm", "steps", "stack", "era_seeds", "our_seeds"]
COLUMNS += [column for name in BOUNDED for column in (name, *ENDS[name])]
COLUMNS += ["ks_p", "rate_verdict", "error_verdict", "verdict", "words", "note"]


def compare(
    case: Case, history: Iterable[Historical], runs: pd.DataFrame, folder: str | pathlib.Path
) -> pd.DataFrame:
    """Compares the arms of a case with the software of their time.

    The error is that of `baselines.main_metric`, for classifiers 1 - accuracy, floored at
    half of one fresh point. It is not capped at the best constant's: the question is
    whether the same happened, and a median needs no cap.

    Args:
        case: The `Case`.
        history: The `Historical`s of its evidence.
        runs: What `tables.runs` returns.
        folder: The folder of the era's tables, `results/era`.

    Returns:
        A row for each `Historical` of the evidence whose arm is among the runs at that
        budget. Differences and the ratio are ours relative to theirs, medians are of the
        error, `cliffs_delta` is above 0 if our errors tend to be larger.

    Raises:
        SuiteError: A table of the era is missing or damaged, or has no such rows.
        ValueError: A period leaves out a metric, or takes a seed twice.
    """
    rows = []
    for historical in history:
        part = runs[runs["arm"] == historical.arm]
        steps = part["steps"].max() if historical.steps is None else historical.steps
        part = part[part["steps"] == steps]
        if len(part):
            stored = _historical_rows(case, historical, folder)
            head = {"arm": historical.arm, "steps": int(steps)}
            head["stack"] = ", ".join(sorted(set(stored["stack"])))
            ours = part["solved"].to_numpy(bool), _errors(case, part)
            theirs = stored["solved"].to_numpy(), _errors(case, stored)
            rows.append(head | compare_sides(ours, theirs) | {"note": historical.note})
    return pd.DataFrame(rows, columns=COLUMNS)


def compare_sides(
    ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]
) -> dict[str, Any]:
    """Compares two independent samples of seeds.

    Args:
        ours: Tuple of a boolean vector, solved, and a vector of errors above 0.
        theirs: The same of the era.

    Returns:
        Dict of the columns from `era_seeds` to `words`.
    """
    intervals = _intervals(ours, theirs)
    found: dict[str, Any] = {"era_seeds": len(theirs[1]), "our_seeds": len(ours[1])}
    for name, (low, high) in ENDS.items():
        values = [getattr(intervals[name], end) for end in ("estimate", "low", "high")]
        values = np.exp(values).tolist() if name in LOGARITHMS else values
        found |= zip((name, low, high), values, strict=True)
    smirnov: Any = stats.ks_2samp(ours[1], theirs[1])
    found["ks_p"] = float(smirnov.pvalue)
    found["rate_verdict"] = verdict_of(intervals["rate_difference"], RATE_MARGIN)
    found["error_verdict"] = verdict_of(intervals["ratio"], math.log(ERROR_FACTOR))
    found["verdict"] = _verdict(found)
    return found | {"words": _text(found)}


def _intervals(ours, theirs):
    """The estimates with their intervals, by column; those of `LOGARITHMS` are logarithms."""
    found = {"cliffs_delta": dominance(ours[1], theirs[1])}
    for who, (solved, errors) in (("our", ours), ("era", theirs)):
        found[f"{who}_rate"] = statistics.rate(int(np.sum(solved)), len(solved))
        found[f"{who}_median"] = statistics.median(np.log(errors))
    found["rate_difference"] = difference(found["our_rate"], found["era_rate"])
    return found | {"ratio": difference(found["our_median"], found["era_median"])}


def difference(first: statistics.Interval, second: statistics.Interval) -> statistics.Interval:
    """Estimates the difference of two independent quantities from their own intervals.

    The distances from the estimates to the limits are combined as a root of squares. For
    Wilson's intervals this is Newcombe's hybrid score interval (1998, method 10), for any
    others the method of variance estimates recovery (Zou and Donner, 2008). So medians
    keep their exact order-statistic intervals.

    Args:
        first: `Interval`.
        second: `Interval` of other seeds.

    Returns:
        An `Interval` of the first minus the second, with the seeds of the smaller side.

    Example:
    >>> found = difference(statistics.rate(56, 70), statistics.rate(48, 80))
    >>> round(found.low, 4), round(found.high, 4)
    (0.0524, 0.3339)
    """
    estimate = first.estimate - second.estimate
    below = math.hypot(first.estimate - first.low, second.high - second.estimate)
    above = math.hypot(first.high - first.estimate, second.estimate - second.low)
    num_seeds = min(first.num_seeds, second.num_seeds)
    return statistics.Interval(estimate, estimate - below, estimate + above, num_seeds)


def dominance(
    first: np.ndarray | Sequence[float], second: np.ndarray | Sequence[float]
) -> statistics.Interval:
    """Estimates Cliff's delta of two independent samples.

    It is the probability that a value of the first exceeds one of the second, minus the
    probability that it falls below. The interval is Newcombe's (2006, method 5), a score
    interval of the area under the curve, never of width 0.

    Args:
        first: Vector of values.
        second: Vector of values of other seeds.

    Returns:
        An `Interval` inside [-1, 1], with the seeds of the smaller side.

    Example:
    >>> dominance([2.0, 3.0], [1.0, 2.0]).estimate
    0.75
    """
    ordered, total = np.sort(second), len(first) * len(second)
    less = np.searchsorted(ordered, first, side="left").sum()
    at_most = np.searchsorted(ordered, first, side="right").sum()
    area = float(less + at_most) / (2 * total)
    low = 1 - _area_bound(1 - area, len(first), len(second))
    high = _area_bound(area, len(first), len(second))
    estimate, low, high = (2 * value - 1 for value in (area, low, high))
    return statistics.Interval(estimate, low, high, min(len(first), len(second)))


def _area_bound(area, num_first, num_second):
    """Solves for the largest area under the curve that the score test does not reject."""
    if area == 1.0:
        return 1.0
    width, others = stats.norm.ppf(0.975), (num_first + num_second) / 2 - 1

    def excess(value):
        spread = 1 + others * ((1 - value) / (2 - value) + value / (1 + value))
        variance = value * (1 - value) * spread / (num_first * num_second)
        return (value - area) ** 2 - width**2 * variance

    # At an area of 0 the estimate itself is a spurious root.
    root: Any = optimize.brentq(excess, area + 1e-12, 1.0)
    return float(root)


def verdict_of(interval: statistics.Interval, margin: float) -> str:
    """Compares a difference with its margin.

    Args:
        interval: `Interval` of the difference.
        margin: The largest difference that counts as equivalent.

    Returns:
        'equivalent' or 'differs' where the whole interval lies within the margin or
        beyond it, else 'undecided'.

    Example:
    >>> verdict_of(statistics.Interval(0.0, -0.05, 0.05, 100), 0.1)
    'equivalent'
    """
    if interval.low > margin or interval.high < -margin:
        return DIFFERS
    return EQUIVALENT if -margin <= interval.low and interval.high <= margin else UNDECIDED


def _verdict(found):
    parts = {found["rate_verdict"], found["error_verdict"]}
    if found["era_seeds"] < FEWEST_SEEDS:
        return TOO_FEW
    if DIFFERS in parts:
        return DIFFERS
    return EQUIVALENT if parts == {EQUIVALENT} else UNDECIDED


def _text(found):
    """Summarizes a comparison in one sentence."""
    counts = [(round(found[f"{who}_rate"] * found[n]), found[n]) for who, n in SIDES]
    text = "solved by {:,} of {:,} seeds then and {:,} of {:,} now".format(*counts[0], *counts[1])
    text += f"; the median error now is {number(found['ratio'])} times theirs"
    if found["verdict"] == TOO_FEW:
        return f"{text}; {found['era_seeds']} seeds are too few to say more."
    text += f" ({number(found['ratio_low'])} to {number(found['ratio_high'])})"
    return f"{text}{_conclusion(found)}{_tendency(found)}."


def _conclusion(found):
    if found["verdict"] == EQUIVALENT:
        return "; the two agree"
    parts = {"solve rate": found["rate_verdict"], "error": found["error_verdict"]}
    named = " and ".join(key for key in parts if parts[key] == found["verdict"])
    if found["verdict"] == DIFFERS:
        return f"; they differ in {named}"
    return f", which leaves the {named} open"


def _tendency(found):
    """Reports a significant difference even if it is within the margins."""
    if found["delta_low"] <= 0 <= found["delta_high"]:
        return ""
    side = "larger" if found["cliffs_delta"] > 0 else "smaller"
    return f"; our errors tend to be {side} (Cliff's delta {fixed(found['cliffs_delta'])})"


def _historical_rows(case, historical, folder):
    """Reads the rows of a `Historical`: `stack`, `solved`, `diverged` and its metrics."""
    needed = {case.solved.metric, baselines.main_metric(case)}
    if not needed <= set(historical.columns):
        raise ValueError(
            f"{case.name}: a Historical maps {sorted(needed)} to columns of the era. "
            f"Received: {historical.columns}"
        )
    path = pathlib.Path(folder) / f"{historical.file}.csv"
    rows = _chosen(_read(path, historical), historical, path)
    # No row of the era is without a finite error.
    found = rows[["stack"]].assign(diverged=False)
    for metric, column in historical.columns.items():
        found[metric] = _numbers(rows[column], path)
    return found.assign(solved=found[case.solved.metric] >= case.solved.above)


def _read(path, historical):
    """Reads a table of the era, every cell as it is written."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise _refusal(path, "is missing", "no such file") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise _refusal(path, "is damaged", error) from None
    missing = {"seed", "stack", *historical.where, *historical.columns.values()} - set(table)
    if missing:
        raise _refusal(path, "is damaged", f"no columns {sorted(missing)}")
    return table


def _chosen(table, historical, path):
    """Selects the rows of a `Historical`, each seed once."""
    rows = table
    for column, wanted in historical.where.items():
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        rows = rows[rows[column].isin([str(value) for value in wanted])]
    if not len(rows):
        raise _refusal(path, f"has no rows for arm '{historical.arm}'", f"where {historical.where}")
    if rows["seed"].duplicated().any():
        raise ValueError(
            f"A Historical takes each seed once: name one stack and one checkpoint. "
            f"Received: {historical.where}"
        )
    return rows


def _numbers(cells, path):
    try:
        return cells.astype(np.float64)
    except ValueError as error:
        raise _refusal(path, "is damaged", f"{error} in column {cells.name}") from None


def _refusal(path, trouble, received):
    return SuiteError(
        f"{path} {trouble}; restore it with: git checkout {path}, or make its rows anew with "
        f"regenerate.py, as the README.md beside it says. Received: {received}"
    )


def _errors(case, rows):
    """Errors of a case's runs; one that diverged has the ceiling."""
    values = rows[baselines.main_metric(case)].to_numpy(np.float64)
    floor = ERROR_FLOOR
    if not isinstance(case.task, Regression):
        values, floor = 1.0 - values, 0.5 / case.task.num_many
    wild = rows["diverged"].to_numpy(bool) | np.isnan(values)
    return np.where(wild, ERROR_CEILING, np.clip(values, floor, ERROR_CEILING))
