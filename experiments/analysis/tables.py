"""Computes tidy tables from stored runs.

Figures and reports read these tables and compute nothing themselves. It trains nothing.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from experiments.analysis.baselines import main_metric
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.stats import interim, intervals
from experiments.training import columns
from experiments.training import metrics as measures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.cases.case import Case
    from experiments.runs.store import Store


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
QUANTILE_NAMES = ("q05", "q25", "q50", "q75", "q95")
RATES = ("solved", "diverged", "flat", "one_class", "still_learning")
NUM_SHOWCASE, NUM_SHOWCASE_VARIANT = 16, 4
# Columns of the showcase: the outputs at the inputs of `metrics.curve_inputs`.
CURVE_COLUMNS = tuple(f"p{n:02d}" for n in range(1, measures.NUM_CURVE + 1))
# Metrics that repeat others: their curves are not kept.
EXCLUDED = ("rmse", "skill", "point_", "points_max")


def runs(store: Store) -> pd.DataFrame:
    """Returns the stored rows as a table, one per seed, arm and budget.

    Returns:
        Columns `arm, seed, steps, diverged, solved`, then the metrics (a metric
        that does not apply to an arm is NaN); sorted.

    Raises:
        SuiteError: Rows were made by another version of the case, or by an unknown
            stopping rule.
    """
    for (arm, steps), count in store.stale().items():
        raise SuiteError(
            f"{store.folder} holds rows of an older version of {store.case.name}; "
            f"train them anew with --fresh, or, below results, with: python -m "
            f"reproductions record {store.case.name}. Received: {count} rows of "
            f"{arm} at {steps} steps"
        )
    rule(store)
    return store.frame().drop(columns=["environment", "key"])


def rule(store: Store) -> interim.StoppingRule:
    """Returns the `StoppingRule` of a store.

    Raises:
        SuiteError: The rule is unknown.
    """
    try:
        return interim.from_text(store.stopping_rule)
    except ValueError:
        raise SuiteError(
            f"{store.folder} was made by another stopping rule; update the suite, or start "
            f"over with --fresh. Received: {store.stopping_rule!r}"
        ) from None


def rate(values: np.ndarray | pd.Series, rule: interim.StoppingRule) -> intervals.Interval:
    """Returns the `Interval` of the share of seeds for which a value is true.

    Args:
        values: Booleans, one per seed.
        rule: The `StoppingRule`, which gives the confidence.
    """
    total = len(values)
    return intervals.rate(int(np.sum(values)), total, confidence=rule.confidence(total))


def solve_rate(part: pd.DataFrame, rule: interim.StoppingRule) -> intervals.Interval:
    """Returns the `Interval` of the share of rows that are solved, by a stopping rule."""
    return rate(part["solved"].to_numpy(), rule)


def summary(table: pd.DataFrame, rule: interim.StoppingRule) -> pd.DataFrame:
    """Summarizes runs: a rate or a median for each arm, budget and metric.

    Args:
        table: What `runs` returns.
        rule: The `StoppingRule`.

    Returns:
        Columns `arm, steps, metric, num_seeds, estimate, low, high`: Wilson
        intervals of rates, order-statistic intervals of medians, both at 95% or, under
        repeated analyses, at the confidence of the analysis.
    """
    rows = []
    for (arm, steps), part in table.groupby(["arm", "steps"], sort=True):
        for metric in table.columns[3:]:
            values = part[metric].to_numpy(np.float64)
            if np.isnan(values).all():
                continue
            if metric in RATES:
                found = rate(values, rule)
            else:
                found = intervals.median(values, confidence=rule.confidence(len(part)))
            bounds = (found.num_seeds, found.estimate, found.low, found.high)
            rows.append((arm, steps, metric, *bounds))
    names = ["arm", "steps", "metric", "num_seeds", "estimate", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def curves(store: Store, old: pd.DataFrame | None = None) -> pd.DataFrame:
    """Summarizes the stored traces: quantiles over seeds at each checkpoint.

    Args:
        store: The `Store`.
        old: The table of an earlier call; kept for arms whose traces are gone or cover
            fewer seeds.

    Returns:
        Columns `arm, steps, checkpoint, metric, x, num_seeds, q05, ..., q95`, where
        x is the input of a `prediction` and blank otherwise.
    """
    parts = []
    for arm, steps in store.arms():
        trace = _merged(store, arm, steps)
        part = None
        if old is not None:
            part = old[(old["arm"] == arm) & (old["steps"] == steps)]
            part = part if len(part) else None
        if trace is not None and (part is None or len(trace["seeds"]) >= part["num_seeds"].max()):
            part = _arm_curves(arm, steps, trace)
        if part is not None:
            parts.append(part)
    table = pd.concat(parts, ignore_index=True) if parts else _arm_curves("", 0, None)
    return table[_worth_keeping(table, plans.combinations(store.case))].reset_index(drop=True)


def _worth_keeping(table, combinations):
    """Drops redundant rows, and bands of variants before their end, to keep results small."""
    metric = table["metric"].astype(str)
    part_of_it = metric.str.contains("_from_") & ~metric.str.startswith("mse_")
    excluded = metric.str.startswith(EXCLUDED) | part_of_it
    on_the_way = (metric == "prediction") & (table["checkpoint"] != table["steps"])
    return ~excluded & ~(on_the_way & ~table["arm"].isin(list(combinations)))


def _merged(store, arm, steps):
    """Stacks the traces of an arm, each seed once, in the order of seeds."""
    found = list(store.traces(arm, steps))
    if not found:
        return None
    names = [name for name in found[0] if name != "steps"]
    merged = {name: np.concatenate([t[name] for t in found]) for name in names}
    _, first = np.unique(merged["seeds"], return_index=True)
    merged = {name: values[first] for name, values in merged.items()}
    return merged | {"steps": found[0]["steps"]}


def _arm_curves(arm, steps, trace):
    names = ["arm", "steps", "checkpoint", "metric", "x", "num_seeds"]
    rows = []
    for metric in columns.in_order(set(trace or ()) - {"steps", "seeds", "curve"}):
        for place, checkpoint in enumerate(trace["steps"]):
            values = trace[metric][:, place]
            if np.isnan(values).any():
                continue
            if metric in RATES:
                found = [values.mean()] * len(QUANTILES)
            else:
                found = intervals.quantiles(values, QUANTILES)
            rows.append((arm, steps, checkpoint, metric, "", len(values), *found))
    for place, checkpoint in enumerate(trace["steps"] if trace else ()):
        bands = intervals.quantiles(trace["curve"][:, place], QUANTILES)
        for x, found in zip(measures.curve_inputs(), bands.T, strict=True):
            head = (arm, steps, checkpoint, "prediction", f"{x:.2f}")
            rows.append((*head, len(trace["curve"]), *found))
    return pd.DataFrame(rows, columns=[*names, *QUANTILE_NAMES])


def showcase(store: Store, old: pd.DataFrame | None = None) -> pd.DataFrame:
    """Returns 16 seeds of each combination of fixes, and 4 of each variant, at checkpoints.

    Args:
        store: The `Store`.
        old: The table of an earlier call, kept for arms without traces.

    Returns:
        Columns `arm, steps, seed, checkpoint, loss, p01, ..., p50`: the outputs at
        the 50 inputs of `metrics.curve_inputs`.
    """
    names = ["arm", "steps", "seed", "checkpoint", "loss", *CURVE_COLUMNS]
    rows, kept, combinations = [], [], plans.combinations(store.case)
    for arm, steps in store.arms():
        trace = _merged(store, arm, steps)
        num_shown = NUM_SHOWCASE if arm in combinations else NUM_SHOWCASE_VARIANT
        if trace is None:
            if old is not None:
                kept.append(old[(old["arm"] == arm) & (old["steps"] == steps)])
            continue
        for n, seed in enumerate(trace["seeds"][:num_shown]):
            for place, checkpoint in enumerate(trace["steps"]):
                head = (arm, steps, seed, checkpoint, trace["loss"][n, place])
                rows.append((*head, *trace["curve"][n, place]))
    # An empty table would turn the columns of the others into objects.
    shown = [pd.DataFrame(rows, columns=names)] if rows or not kept else []
    return pd.concat([*shown, *kept], ignore_index=True)


def to_csv(table: pd.DataFrame, digits: int = 6) -> str:
    """Returns a table as CSV text, floats with this number of significant digits.

    Cells are formatted one by one, as column types differ between versions of pandas.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.itertuples(index=False, name=None):
        writer.writerow([_cell(value, digits) for value in row])
    return text.getvalue()


def _cell(value, digits):
    if isinstance(value, (float, np.floating)):
        return "" if value != value else f"{value:.{digits}g}"
    return "" if value is None or value is pd.NA else value


def from_csv(text: str | None) -> pd.DataFrame | None:
    """Returns the table that `to_csv` wrote, or `None` for `None`."""
    if text is None:
        return None
    keep = {"arm": str, "metric": str, "x": str}
    return pd.read_csv(io.StringIO(text), dtype=keep, na_values=[""], keep_default_na=False)


def stored(
    store: Store, name: str, needed: Sequence[str] = ("arm", "steps", "checkpoint")
) -> pd.DataFrame | None:
    """Returns a derived table of a folder, or `None` if its file is missing.

    Args:
        store: The `Store`.
        name: Name of its file.
        needed: Columns that it must have, with a value in every row.

    Raises:
        SuiteError: The file is damaged.
    """
    try:
        table = from_csv(store.read_table(name))
        if table is not None and not set(needed) <= set(table):
            raise ValueError(f"it lacks some of the columns {tuple(needed)}")
        if table is not None and table[list(needed)].isna().any(axis=None):
            raise ValueError("a row is cut off")
    except (ValueError, UnicodeDecodeError) as error:
        raise SuiteError(
            f"{store.folder / name} is damaged; restore the file (git checkout), or "
            f"remove it and run again. Received: {error}"
        ) from None
    return table


def differences(case: Case) -> pd.DataFrame:
    """Returns the fields of broken and fixed: `field, broken, fixed, why`."""
    rows = []
    for field, before in vars(case.broken).items():
        after = getattr(case.fixed, field)
        rows.append((field, before, after, case.why(field)))
    return pd.DataFrame(rows, columns=["field", "broken", "fixed", "why"])


def outcomes(case: Case, summarised: pd.DataFrame, rule: interim.StoppingRule) -> pd.DataFrame:
    """Returns one row per arm and budget, with its verdict and the main metric.

    Args:
        case: The `Case`.
        summarised: What `summary` returns.
        rule: The `StoppingRule`.

    Returns:
        Columns `arm, steps, documented, num_seeds, solved, solved_low, solved_high,
        verdict, more_seeds, diverged, metric, median, low, high`; in the order of the
        case. `more_seeds` is how many more would decide an undecided verdict.
    """
    names, rows = order(case), []
    for (arm, steps), part in summarised.groupby(["arm", "steps"], sort=False):
        found = part.set_index("metric")
        solved, bar = found.loc["solved"], found.loc[main_metric(case)]
        interval = intervals.Interval(
            solved["estimate"], solved["low"], solved["high"], int(solved["num_seeds"])
        )
        rows.append(
            {
                "arm": arm,
                "steps": steps,
                "documented": case.arm(arm).num_steps,
                "num_seeds": int(solved["num_seeds"]),
                "solved": solved["estimate"],
                "solved_low": solved["low"],
                "solved_high": solved["high"],
                "verdict": intervals.verdict(interval),
                "more_seeds": seeds_to_decide(interval, rule),
                "diverged": found.loc["diverged", "estimate"],
                "metric": main_metric(case),
                "median": bar["estimate"],
                "low": bar["low"],
                "high": bar["high"],
            }
        )
    rows.sort(key=lambda row: (names.get(row["arm"], len(names)), row["steps"]))
    return pd.DataFrame(rows)


def seeds_to_decide(interval: intervals.Interval, rule: interim.StoppingRule) -> int | None:
    """Estimates how many more seeds would decide an undecided verdict.

    Args:
        interval: An `Interval` of a rate.
        rule: The `StoppingRule`; under repeated analyses the result is up to an analysis.

    Returns:
        See `intervals.seeds_to_decide`.
    """
    sizes = rule.coming(interval.num_seeds, intervals.MOST_SEEDS)
    return intervals.seeds_to_decide(interval, sizes=sizes)


def order(case: Case) -> dict[str, int]:
    """Returns the position of each arm: broken, fixed, combinations, variants."""
    names = ["broken", "fixed", *plans.combinations(case), *case.variants]
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def longest(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Returns the rows of one arm at its longest stored budget; empty if it is not stored."""
    part = table[table["arm"] == arm]
    return part[part["steps"] == part["steps"].max()]


@dataclasses.dataclass(frozen=True)
class Reached:
    """The first checkpoint at which a median reached a value."""

    checkpoint: int
    median: float
    num_seeds: int


def first_reaching(
    curve_table: pd.DataFrame, metric: str, value: float, arm: str = "fixed"
) -> Reached | None:
    """Finds the first checkpoint at which an arm's median is at or below a value.

    Args:
        curve_table: What `curves` returns.
        metric: A metric for which lower is better.
        value: The value to reach.
        arm: The arm; its longest budget is read.

    Returns:
        A `Reached`, or `None` if it never does.
    """
    part = longest(curve_table[curve_table["metric"] == metric], arm).sort_values("checkpoint")
    part = part[part["q50"] <= value]
    if not len(part):
        return None
    row = part.iloc[0]
    return Reached(int(row["checkpoint"]), float(row["q50"]), int(row["num_seeds"]))


@dataclasses.dataclass(frozen=True)
class Share(intervals.Interval):
    """A share of seeds with its interval, and the budget it was read at."""

    steps: int


def share_at_or_below(
    table: pd.DataFrame, metric: str, value: float, rule: interim.StoppingRule, arm: str = "fixed"
) -> Share:
    """Returns the `Share` of an arm's seeds at or below a value at its longest budget."""
    part = longest(table, arm)
    found = rate(part[metric] <= value, rule)
    return Share(**vars(found), steps=int(part["steps"].iloc[0]))
