"""The columns of rows: their names, their order and their types, from training to tables.

Pandas only; reads no file, measures nothing.

A table of rows has one row for each arm, budget and seed. `HEAD` comes first, then the
metrics in the order of `in_order`, then what `TAIL` says of who made the row, as far as it is
known. Metrics are float64: infinite where a run has no finite value, NaN where the
metric does not apply to the arm.
"""

import pandas as pd

HEAD = {"arm": "str", "seed": "int64", "steps": "int64", "diverged": "bool", "solved": "bool"}
TAIL = {"check": "str", "environment": "int64", "key": "str"}
# What tells one row of a folder from another.
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


def in_order(metrics):
    """Returns metric names in the order of tables: known ones first, then others."""
    known = {name: place for place, name in enumerate(ORDER)}
    return sorted(metrics, key=lambda name: (known.get(name, len(ORDER)), name))


def metrics_of(names):
    """Returns those of some columns' names that are metrics, in the order of tables."""
    return in_order(set(names) - {*HEAD, *TAIL})


def types(names):
    """Returns `{name: type}` of some columns, in the order of tables."""
    metrics = dict.fromkeys(metrics_of(names), "float64")
    return {name: kind for name, kind in (HEAD | metrics | TAIL).items() if name in names}


def typed(rows):
    """Returns rows as a table with these columns, in their order and of their types.

    Args:
        rows: What `pandas.DataFrame` takes: columns by name, or dicts.
    """
    table = pd.DataFrame(rows)
    kinds = types(table)
    return table[list(kinds)].astype(kinds)
