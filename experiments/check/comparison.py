"""Compares stored rows with sampled rows: one test for each metric of each arm.

A metric is compared if every stored row has it and no earlier metric carries the same
information. Both rules read the stored rows alone. Nothing is trained here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from experiments.analysis.tables import EXCLUDED
from experiments.stats import intervals as statistics
from experiments.stats import two_samples
from experiments.training.columns import HEAD, metrics_of

SEEN = ("diverged", "solved")
COLUMNS = ("case", "arm", "steps", "metric", "test", "p")
# The middle half of a normal distribution is so many standard deviations wide.
MIDDLE_HALF = 1.349


def metrics(part: pd.DataFrame) -> list[str]:
    """Chooses the metrics of one arm that are compared.

    Args:
        part: The arm's stored rows.

    Returns:
        Names in the order of tables: the metrics that every stored row has, without those that
        repeat others by name (`tables.EXCLUDED`) or by rank (`two_samples.distinguished`).
    """
    known = [*SEEN, *metrics_of(part.columns)]
    known = [name for name in known if not (name.startswith(EXCLUDED) or "_from_" in name)]
    known = [name for name in known if not bool(part[name].isna().any())]
    columns = part[known].to_numpy(np.float64).T
    return [known[place] for place in two_samples.distinguished(columns)]


def num_tests(part: pd.DataFrame) -> int:
    """Counts the tests of one arm, from its stored rows."""
    columns = (part[name].to_numpy(np.float64) for name in metrics(part))
    return sum(len(two_samples.tests_of(column)) for column in columns)


def tests(case_name: str, arm: str, stored: pd.DataFrame, sample: pd.DataFrame) -> pd.DataFrame:
    """Tests every metric of one arm.

    Args:
        case_name: Name of the case.
        arm: Name of the arm.
        stored: The arm's stored rows, at one budget.
        sample: The arm's sampled rows.

    Returns:
        A table of `COLUMNS` with a row for each metric and test. A metric that the sample
        lacks is left out, see `same_metrics`.
    """
    rows = []
    for name in metrics(stored):
        if not lacks(sample, name):
            found = _p_values(stored[name], sample[name])
            head = (case_name, arm, int(stored["steps"].iloc[0]), name)
            rows += [(*head, test, float(p[0])) for test, p in found.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _p_values(stored, sample):
    pooled = np.concatenate([stored, sample]).astype(np.float64)
    members = np.arange(len(pooled)) >= len(stored)
    return two_samples.p_values(pooled, members[None, :])


def lacks(sample: pd.DataFrame, metric: str) -> bool:
    """Returns whether some sampled row lacks the metric."""
    return metric not in sample or bool(sample[metric].isna().any())


def moved(table: pd.DataFrame, stored: pd.DataFrame, sample: pd.DataFrame) -> pd.DataFrame:
    """Measures how far each tested metric moved.

    Args:
        table: Rows of `tests` of one arm, with the adjusted p-values `p_holm`.
        stored: The arm's stored rows.
        sample: The arm's sampled rows.

    Returns:
        A table with a row for each metric: its strongest test, `num_stored, num_sample`,
        estimates with 95% intervals (`stored, stored_low, stored_high, sample, ...`: medians,
        or rates where `unit` is `points`), how far it `moved` in units of `unit`, `p, p_holm`.
        If one value of a metric is common, the metric moves in percentage points of that
        value's share. Any other metric moves in stored spreads (interquartile range over
        1.349), and `spread_ratio` is the sample's spread over the stored one.
    """
    strongest = table.loc[table.groupby("metric", sort=False)["p"].idxmin()]
    lines = []
    for _, row in strongest.iterrows():
        values = [part[row["metric"]].to_numpy(np.float64) for part in (stored, sample)]
        lines.append(row.to_dict() | _movement(*values))
    return pd.DataFrame(lines)


def _movement(stored, sample):
    common, ratio = common_value(stored, sample), float("nan")
    if common is None:
        found = [statistics.median(values) for values in (stored, sample)]
        with np.errstate(invalid="ignore"):
            away = np.subtract(found[1].estimate, found[0].estimate)
        size, unit = spread(stored), "spreads"
        away = float(away / size) if size > 0 else float("nan")
        ratio = spread(sample) / size if size > 0 else float("nan")
    else:
        found = [statistics.rate(int(np.sum(v == common)), len(v)) for v in (stored, sample)]
        away, unit = 100 * (found[1].estimate - found[0].estimate), "points"
    line = {"num_stored": len(stored), "num_sample": len(sample)}
    for name, interval in zip(("stored", "sample"), found, strict=True):
        bounds = (interval.estimate, interval.low, interval.high)
        line |= dict(zip((name, f"{name}_low", f"{name}_high"), bounds, strict=True))
    return line | {"value": common, "moved": away, "unit": unit, "spread_ratio": ratio}


def common_value(stored: np.ndarray, sample: np.ndarray) -> float | None:
    """Returns the value whose share is compared, or `None` if medians are compared."""
    distinct, counts = np.unique(np.concatenate([stored, sample]), return_counts=True)
    if len(distinct) <= 2:
        return float(distinct[-1])
    most = np.argmax(counts)
    return float(distinct[most]) if counts[most] > two_samples.COMMON * counts.sum() else None


def spread(values: np.ndarray) -> float:
    """Returns the interquartile range over 1.349, or 0 if it is not finite."""
    low, high = statistics.quantiles(values, [0.25, 0.75])
    return float(high - low) / MIDDLE_HALF if np.isfinite([low, high]).all() else 0.0


def verdicts(
    case_name: str, arm: str, stored: pd.DataFrame, sample: pd.DataFrame
) -> dict[str, Any]:
    """Compares the verdicts of one arm, stored against sampled.

    Returns:
        A dict `case, arm, steps, stored, sample, stored_verdict, sample_verdict, p, words`.
        p is that of Fisher's test for the two rates. A changed verdict raises no alarm of its
        own: the rates are tested with all other metrics.
    """
    rates = [statistics.rate(int(np.sum(p["solved"])), len(p)) for p in (stored, sample)]
    both_verdicts = [statistics.verdict(rate) for rate in rates]
    p = _p_values(stored["solved"].astype(float), sample["solved"].astype(float))["share"][0]
    head = {"case": case_name, "arm": arm, "steps": int(stored["steps"].iloc[0])}
    return head | {
        "stored": rates[0].estimate,
        "sample": rates[1].estimate,
        "stored_verdict": both_verdicts[0],
        "sample_verdict": both_verdicts[1],
        "p": float(p),
        "words": _verdict_text(both_verdicts, rates),
    }


def _verdict_text(both_verdicts, rates):
    if both_verdicts[0] == both_verdicts[1]:
        return "the same"
    if "undecided" in both_verdicts:
        return f"too few seeds to say: {rates[1].num_seeds} against {rates[0].num_seeds}"
    apart = rates[0].high < rates[1].low or rates[1].high < rates[0].low
    return "flipped" if apart else "flipped, but the rates agree"


def same_metrics(stored: pd.DataFrame, sample: pd.DataFrame) -> list[str]:
    """Returns the metrics that stored rows have and sampled rows lack, a list of names."""
    return [name for name in metrics(stored) if lacks(sample, name)]


def num_duplicates(stored: pd.DataFrame, sample: pd.DataFrame) -> int | None:
    """Counts the sampled rows that repeat another row, stored or sampled, in every metric.

    Returns:
        A count, or `None` if stored rows repeat each other, so that the count means nothing.
    """
    shared = [c for c in stored if c in sample and c not in list(HEAD)[:3]]
    parts = [part[shared].astype(np.float64) for part in (stored, sample)]
    if parts[0].duplicated().any():
        return None
    return int(pd.concat(parts).duplicated().sum())
