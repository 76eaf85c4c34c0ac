"""Names, order and types of the columns of rows.

Pandas only; the module reads no file and computes no metric.

A table of rows has one row for each arm, length and seed. The columns of `HEAD` come first, then
the metrics in the order of `in_order`, then those of `TAIL`, which say how the row was made and
may be missing. Metrics are float64: infinite where a run has no finite value, NaN where the metric
does not apply to the arm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD = {"arm": "str", "seed": "int64", "steps": "int64", "diverged": "bool", "solved": "bool"}
TAIL = {"check": "str", "environment": "int64", "key": "str"}
# These columns identify a row within a folder.
PLACE = ["arm", "steps", "seed"]
ORDER = (
    "mse",
    "rmse",
    "max_error",
    "r2",
    "accuracy",
    "accuracy_200",
    "skill",
    "loss",
    "logged_accuracy",
    "keras1_accuracy",
    "majority",
    "calibration_error",
    "share_class_1",
    "one_class",
    "flat",
    "output_mean",
    "output_std",
    "output_mean_first",
    "output_std_first",
    "dead_1",
    "dead_2",
    "saturated_1",
    "saturated_2",
    "first_solved",
    "still_learning",
    "dead_since",
    "gradient_norm",
    "gradient_first",
    "gradient_rises",
)


def in_order(metrics: Iterable[str]) -> list[str]:
    """Returns metric names in the order of tables: known ones first, then others."""
    known = {name: place for place, name in enumerate(ORDER)}
    return sorted(metrics, key=lambda name: (known.get(name, len(ORDER)), name))


def metrics_of(names: Iterable[str]) -> list[str]:
    """Returns the names of the columns that are metrics, in the order of tables."""
    return in_order(set(names) - {*HEAD, *TAIL})


def types(names: Iterable[str]) -> dict[str, str]:
    """Returns `{name: type}` of the named columns, in the order of tables."""
    metrics = dict.fromkeys(metrics_of(names), "float64")
    return {name: kind for name, kind in (HEAD | metrics | TAIL).items() if name in names}


def typed(rows: Any) -> pd.DataFrame:
    """Returns rows as a table with its columns in order and of their types.

    Args:
        rows: Anything that `pandas.DataFrame` accepts: columns by name, or a list of dicts.
    """
    table = pd.DataFrame(rows)
    kinds = types(table)
    # The stubs of pandas allow a Series; a list of columns gives a DataFrame.
    return table[list(kinds)].astype(kinds)  # pyright: ignore[reportReturnType]
