"""Diagnoses each arm: which symptoms its seeds show, and how often.

A symptom holds in most seeds where the interval of its share lies above 0.8, in few seeds where
it lies below 0.2, and otherwise in some.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import symptoms, tables
from experiments.stats import intervals, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from experiments.cases.case import Case
    from experiments.stats.interim import StoppingRule

COLUMNS = ["arm", "steps", "symptom", "words", "estimate", "low", "high"]
COLUMNS += ["num_seeds", "holds", "detail"]
HOLDS = {"solves": "most seeds", "fails": "few seeds"}


def diagnose(case: Case, runs: pd.DataFrame, rule: StoppingRule) -> pd.DataFrame:
    """Diagnoses every stored arm.

    Args:
        case: The `Case`.
        runs: What `tables.runs` returns.
        rule: The `StoppingRule`.

    Returns:
        Columns `arm, steps, symptom, words, estimate, low, high, num_seeds, holds,
        detail`, a row for each symptom that applies to an arm, in the order of the case:
        the share of seeds that have it with Wilson's interval; `holds` is "most seeds",
        "some seeds" or "few seeds"; `detail` describes the seeds that have it.
    """
    rows = []
    for (arm, steps), part in runs.groupby(["arm", "steps"]):
        rows += [{"arm": arm, "steps": steps} | row for row in _symptoms(case, arm, part, rule)]
    places = tables.order(case)
    rows.sort(key=lambda row: (places.get(row["arm"], len(places)), row["steps"]))
    return pd.DataFrame(rows, columns=COLUMNS)


def _symptoms(case, arm, part, rule):
    found, setup = symptoms.found(case, arm, part, rule), case.arm(arm)
    for item in symptoms.SYMPTOMS:
        if item.name in found:
            has = found[item.name]
            share = tables.rate(has, rule)
            holds = HOLDS.get(intervals.verdict(share), "some seeds")
            detail = item.detail(case, setup, part[has]) if has.any() else ""
            head = {"symptom": item.name, "words": item.phrase}
            yield head | vars(share) | {"holds": holds, "detail": detail}


def description(table: pd.DataFrame, arm: str, steps: int | None = None) -> str:
    """Describes the symptoms of an arm in a sentence.

    Args:
        table: What `diagnose` returns.
        arm: Arm name.
        steps: Updates; the arm's longest budget if `None`.

    Returns:
        A sentence on the symptoms that hold in most or some seeds; "" if the arm is not
        stored.
    """
    part = table[table["arm"] == arm]
    part = part[part["steps"] == (part["steps"].max() if steps is None else steps)]
    if not len(part):
        return ""
    num_seeds, shown = part["num_seeds"].iloc[0], part[part["holds"] != "few seeds"]
    names = symptoms.without_implied(shown["symptom"].tolist())
    clauses = [clause(row) for row in shown.to_dict("records") if row["symptom"] in names]
    return f"Of {num_seeds:,} seeds {'; '.join(clauses) or 'few have any symptom'}."


def clause(row: Mapping[str, Any]) -> str:
    """Returns a row of `diagnose` as a clause, such as `all solve it`.

    Args:
        row: The row as a mapping.
    """
    detail = row["detail"] if isinstance(row["detail"], str) else ""
    count = {0: "none", 1: "all"}.get(row["estimate"], text.row_interval(row))
    return f"{count} {row['words']}" + f" ({detail})" * bool(detail)
