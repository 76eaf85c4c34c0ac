"""Compares newly trained seeds with the committed evidence, in one line of text.

It reads two stores; it trains and writes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.analysis import baselines, tables
from experiments.stats import intervals, text
from experiments.training.columns import PLACE, TAIL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.runs.store import Store


def line(
    case: Case, store: Store, plan: Mapping[str, Setup], seeds: Iterable[int], committed: Store
) -> str:
    """Compares newly trained rows with the committed evidence.

    Args:
        case: The `Case`.
        store: The `Store` with the newly trained rows.
        plan: `{arm: setup}` that was trained.
        seeds: The seeds that were trained.
        committed: The `Store` of the evidence.

    Returns:
        One line of text.
    """
    wanted = [(arm, setup.num_steps, seed) for arm, setup in plan.items() for seed in seeds]
    ours, theirs = (found.frame().set_index(PLACE) for found in (store, committed))
    ours = ours[ours.index.isin(wanted)]
    shared = ours.index[ours.index.isin(theirs.index)]
    pair = ours.loc[shared], theirs.loc[shared]
    if not len(shared):
        words, left = "", set()
    elif _same_environment(*pair, store, committed):
        words, left = _rows_agree(*pair), {place[:2] for place in shared}
    else:
        words, left = _solved_agrees(*pair), set()
    budgets = sorted({place[:2] for place in ours.index} - left)
    medians = [_medians_agree(case, arm, steps, ours, committed) for arm, steps in budgets]
    words = "; ".join(filter(None, [words, *medians]))
    return f"Committed evidence: {words or 'none for these arms and seeds'}."


def _same_environment(ours, theirs, store, committed):
    """Whether rows must be equal byte for byte: same trainer, same environment."""
    pairs = zip(ours["environment"], theirs["environment"], strict=True)
    return store.trainer == committed.trainer and all(
        store.environments[here] == committed.environments[there] for here, there in set(pairs)
    )


def _rows_agree(ours, theirs):
    names = [name for name in {**ours, **theirs} if name not in TAIL]
    # A metric that does not apply, to either, is NaN.
    one, other = (part.reindex(columns=names) for part in (ours, theirs))
    differ = ((one != other) & (one.notna() | other.notna())).any(axis=1)
    words = f"{differ.sum()} differ, first {_first(differ)}" if differ.any() else "all equal"
    return f"{len(ours)} rows compared, {words} (same environment)"


def _solved_agrees(ours, theirs):
    flips = ours["solved"] != theirs["solved"]
    words = f", first {_first(flips)}" if flips.any() else ""
    return (
        f"{len(ours)} rows compared, solved differs in {flips.sum()}{words} "
        "(another environment or trainer)"
    )


def _first(differ):
    arm, steps, seed = differ.idxmax()
    return arm, int(steps), int(seed)


def _medians_agree(case, arm, steps, ours, committed):
    """Compares medians with the committed curve at the same checkpoint."""
    table = tables.stored(committed, "curves.csv")
    if table is None:
        return ""
    metric = baselines.main_metric(case)
    part = table[
        (table["arm"] == arm) & (table["metric"] == metric) & (table["checkpoint"] == steps)
    ]
    if not len(part):
        return ""
    row = part.sort_values("num_seeds").iloc[-1]
    now = intervals.median(ours.loc[(arm, steps), metric].to_numpy())
    inside = now.low <= row["q50"] <= now.high
    words = "agrees" if inside else "differs"
    return (
        f"{arm} at {steps:,} steps {words}: median {metric} "
        f"{text.row_interval(vars(now), text.number)} here, {text.number(row['q50'])} committed"
    )
