"""Trains one seed again and compares it with its stored row.

It returns text and prints nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import baselines, symptoms
from experiments.cases import plans
from experiments.runs import blocks
from experiments.runs.files import as_text
from experiments.runs.keys import row_key
from experiments.stats import text
from experiments.training.columns import PLACE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.runs.store import Store

LONGEST = 10_000
SHOWN = ("loss", "output_mean", "output_std", "share_class_1", "gradient_norm")
LAYERS = ("dead_", "saturated_")


def replay(
    case: Case,
    seed: int,
    arms: str = "broken,fixed",
    *,
    store: Store | None = None,
    trainer: str = "engine",
    longest: int = LONGEST,
) -> str:
    """Trains one seed again and reports its outcome.

    Args:
        case: The `Case`.
        seed: Whole number of at least 0.
        arms: Arms, as `plans.select` reads them.
        store: The `Store` of committed rows to compare with, if any.
        trainer: `"engine"` or `"reference"`.
        longest: Updates that arms on an endless stream are cut to.

    Returns:
        A text: for each arm a table of its metrics at the checkpoints, the diagnosis of the
        seed, and whether its row equals the committed one.

    Raises:
        SuiteError: There is no such arm.
    """
    found = []
    for arm, setup in plans.cut(plans.select(case, arms), longest).items():
        trained, trace = train(case, arm, setup, seed, trainer)
        table = along(case, trace).to_string(index=False)
        lines = [_diagnosis(case, arm, trained), _agreement(case, setup, trained, store)]
        found.append("\n".join([_title(case, arm, setup, seed), table, *lines]))
    return "\n\n".join(found)


def train(
    case: Case, arm: str, setup: Setup, seed: int, trainer: str = "engine"
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Trains one seed of an arm.

    Args:
        case: The `Case`.
        arm: Arm name.
        setup: Its `Setup`.
        seed: Whole number of at least 0.
        trainer: `"engine"` or `"reference"`.

    Returns:
        `(table of its row, trace)`: see `blocks.train_block`.
    """
    if trainer == "reference":
        from experiments.training import reference

        made = reference.Trainer(case, setup)
    else:
        from experiments.training import engine

        # The width of the committed runs, so that the results can be bitwise equal.
        made = engine.Trainer(case, setup, case.block_width or 2)
    return blocks.train_block(case, {arm: setup}, [seed], made)[arm]


def along(case: Case, trace: Mapping[str, Any]) -> pd.DataFrame:
    """Returns the metrics at the checkpoints as a table of text.

    Args:
        case: The `Case`.
        trace: The trace of one seed, see `blocks.train_block`.

    Returns:
        A row for each checkpoint: `steps`, the main metric, loss, outputs, the shares of
        dead and of saturated units of each hidden layer, the gradient's norm, `solved`.
    """
    names = [baselines.main_metric(case), *SHOWN]
    names += [name for name in trace if name.startswith(LAYERS) and name != "dead_since"]
    columns = {"steps": [f"{steps:,}" for steps in trace["steps"]]}
    for name in (name for name in dict.fromkeys(names) if name in trace):
        columns[name] = [text.number(value) for value in trace[name][0]]
    columns["solved"] = ["yes" if value else "no" for value in trace["solved"][0]]
    return pd.DataFrame(columns)


def _title(case, arm, setup, seed):
    cut = text.cut(setup.num_steps, case.arm(arm).num_steps)
    return f"{case.name}, seed {seed}: {arm}, {setup.num_steps:,} updates{cut}"


def _diagnosis(case, arm, trained):
    """Returns the symptoms of the seed as text."""
    (names,) = symptoms.of_each(case, arm, trained)
    return f"Diagnosis: {', '.join(names) or 'no symptom'}."


def _agreement(case, setup, trained, store):
    """Whether the row equals the committed one of the same program, whatever its arm's name."""
    same = _committed(case, setup, trained, store)
    if not len(same):
        return "There is no committed row of this program and seed to hold it against."
    there = same.iloc[0].dropna().map(as_text)
    here = trained.iloc[0].map(as_text)
    names = [name for name in here.index if name in there and name not in PLACE]
    other = [name for name in names if here[name] != there[name]]
    if not other:
        return f"Its row equals the committed one in all {len(names)} values."
    shown = [f"{name} {here[name]} for {there[name]}" for name in other[:3]]
    return f"Its row differs in {len(other)} of {len(names)} values: {', '.join(shown)}."


def _committed(case, setup, trained, store):
    """The stored rows of the same program and seed."""
    if store is None:
        return trained[:0]
    rows, made_by = store.frame(), row_key(case, setup, store.trainer)
    return rows[(rows["key"] == made_by) & rows["seed"].isin(trained["seed"])]
