"""Collects the page's arms: the outcome of each, along its checkpoints and seed by seed.

Rows of stored tables become plain values. Numbers keep the digits of their tables; an
infinite one is the text `inf` or `-inf`, and a missing one is `None`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.analysis import baselines, tables
from experiments.analysis.tables import QUANTILE_NAMES
from experiments.stats import text

if TYPE_CHECKING:
    from experiments.analysis.analysis import Analysis

ENDS = ["solved", "diverged"]


def arms(analysis: Analysis) -> dict[str, dict[str, Any]]:
    """Returns every stored arm at its longest budget.

    Args:
        analysis: The `Analysis` of the case.

    Returns:
        `{arm: dict}` in the order of the case. A dict holds the arm's outcome in numbers and
        in words; at its `checkpoints` the quantiles over seeds of the main `metric` and the
        `loss`, and the `bands` (5, 50) of the curve; the showcase `seeds`, and the `symptoms`
        at its end.
    """
    case, shown = analysis.case, {}
    # The page shows the very digits of the file.
    outcomes = tables.outcomes(case, analysis.table("summary"), analysis.rule)
    found = {"curves": analysis.curves, "seeds": analysis.showcase}
    found |= {"diagnosis": analysis.failure_modes}
    for arm in tables.order(case):
        rows: Any = tables.longest(outcomes, arm)
        if len(rows):
            row = rows.to_dict("records")[0]
            at = {name: _of(table, arm, row["steps"]) for name, table in found.items()}
            ends: Any = _of(analysis.runs, arm, row["steps"])[
                ["seed", *ENDS, baselines.main_metric(case)]
            ]
            shown[arm] = _outcome(case, arm, row) | _along(case, at, row["steps"])
            seeds = _picked(at["seeds"], ends.set_index("seed"), shown[arm]["checkpoints"])
            shown[arm] |= {"seeds": seeds, "symptoms": _symptoms(at["diagnosis"])}
    return shown


def _of(table, arm, steps):
    """Returns the rows of one arm at one budget."""
    return table[(table["arm"] == arm) & (table["steps"] == steps)]


def _outcome(case, arm, row):
    """Returns the final outcome of an arm, as numbers and as text."""
    bounds = [row[name] for name in ("solved", "solved_low", "solved_high")]
    median, low, high = (row[name] for name in ("median", "low", "high"))
    return {
        "steps": int(row["steps"]),
        "documented": int(row["documented"]),
        "num_seeds": int(row["num_seeds"]),
        "solved": plain(bounds),
        "rate": text.interval(*bounds),
        "verdict": row["verdict"],
        "verdict_words": text.verdict(row["verdict"], row["more_seeds"], "more seeds would decide"),
        "diverged": plain(row["diverged"]),
        "diverged_words": text.percent(row["diverged"]),
        "median_words": text.interval(
            median, low, high, text.number, digits=4, infinite="infinite"
        ),
    }


def _along(case, at, steps):
    """Returns the measurements at each checkpoint, as quantiles over seeds."""
    curves = at["curves"]
    checkpoints = sorted(int(c) for c in curves["checkpoint"].unique()) or [steps]
    names = {"metric": baselines.main_metric(case), "loss": "loss"}
    found = {name: _quantiles(curves, metric, checkpoints) for name, metric in names.items()}
    for name in ("solved", "diverged"):
        rows = _quantiles(curves, name, checkpoints)
        found[f"{name}_along"] = [row and row[0] for row in rows]
    return {"checkpoints": checkpoints, "bands": _bands(curves, checkpoints)} | found


def _quantiles(curves, metric, checkpoints):
    """Returns the five quantiles at each checkpoint, `None` where there are none."""
    part = curves[curves["metric"] == metric].set_index("checkpoint")[list(QUANTILE_NAMES)]
    return [plain(part.loc[c].to_numpy()) if c in part.index else None for c in checkpoints]


def _bands(curves, checkpoints):
    """Returns five curves of 50 points at each checkpoint, `None` where there are none."""
    part = curves[curves["metric"] == "prediction"]
    part = part.assign(x=part["x"].astype(float)).sort_values(["checkpoint", "x"])
    stored = {c: rows[list(QUANTILE_NAMES)] for c, rows in part.groupby("checkpoint")}
    return [plain(stored[c].to_numpy().T) if c in stored else None for c in checkpoints]


def _picked(part, ends, checkpoints):
    """Returns the showcase seeds: loss and outputs at each checkpoint, and the outcome of each."""
    seeds = {}
    for seed, rows in part.groupby("seed") if len(part) else ():
        rows = rows.set_index("checkpoint").reindex(checkpoints)
        solved, diverged, metric = ends.loc[seed]
        seeds[int(seed)] = {
            "solved": bool(solved),
            "diverged": bool(diverged),
            "metric": plain(metric),
            "loss": plain(rows["loss"].to_numpy()),
            "curve": plain(rows[list(tables.CURVE_COLUMNS)].to_numpy()),
        }
    return seeds


def _symptoms(part):
    """Returns the symptoms of an arm at its end, without `solved`, which the rate states."""
    rows = []
    for row in part.to_dict("records"):
        if row["symptom"] != "solved":
            rows.append(
                {
                    "name": row["symptom"],
                    "words": row["words"],
                    "share": plain([row["estimate"], row["low"], row["high"]]),
                    "share_words": text.row_interval(row),
                    "num_seeds": int(row["num_seeds"]),
                    "holds": row["holds"],
                    "detail": row["detail"] if isinstance(row["detail"], str) else "",
                }
            )
    return rows


def plain(values: Any, digits: int | None = None) -> Any:
    """Returns numbers as JSON can hold them; whole ones become integers.

    Args:
        values: A number, or an array or nested sequence of numbers.
        digits: Significant digits to keep; all of them if `None`.

    Returns:
        A number, or nested lists of them; `None` for NaN, `"inf"` or `"-inf"`.
    """
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, (list, tuple)):
        return [plain(value, digits) for value in values]
    if math.isnan(values):
        return None
    if math.isinf(values):
        return "inf" if values > 0 else "-inf"
    value = float(values) if digits is None else float(f"{values:.{digits}g}")
    return int(value) if value.is_integer() else value
