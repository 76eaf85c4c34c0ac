"""Agreement: whether the seeds just trained bear out the committed evidence.

Room 7: reads two stores; trains nothing, writes nothing.
"""

from experiments import statistics, tables
from experiments.store import TAIL


def line(case, store, plan, seeds, committed):
    """Says whether the rows just trained agree with the committed evidence.

    Args:
        case: The `Case`.
        store: The `Store` that was just trained into.
        plan: `{arm: setup}` that was trained.
        seeds: The seeds that were trained.
        committed: The `Store` of the evidence.

    Returns:
        One line of text.
    """
    wanted = {(arm, setup.num_steps, seed) for arm, setup in plan.items() for seed in seeds}
    ours = {_place(row): row for row in store.rows() if _place(row) in wanted}
    theirs = {_place(row): row for row in committed.rows()}
    shared = [place for place in ours if place in theirs]
    if not shared:
        words, left = "", set()
    elif _same_environment(shared, ours, theirs, store, committed):
        words, left = _rows_agree(shared, ours, theirs), {place[:2] for place in shared}
    else:
        words, left = _solved_agrees(shared, ours, theirs), set()
    budgets = sorted({place[:2] for place in ours} - left)
    medians = [_medians_agree(case, arm, steps, ours, committed) for arm, steps in budgets]
    words = "; ".join(filter(None, [words, *medians]))
    return f"Committed evidence: {words or 'none for these arms and seeds'}."


def _place(row):
    return row["arm"], int(row["steps"]), int(row["seed"])


def _same_environment(shared, ours, theirs, store, committed):
    """Whether equal bytes may be asked for: one trainer, on the same of everything."""
    return store.trainer == committed.trainer and all(
        store.environments[int(ours[place]["environment"])]
        == committed.environments[int(theirs[place]["environment"])]
        for place in shared
    )


def _rows_agree(shared, ours, theirs):
    differ = [p for p in shared if _content(ours[p]) != _content(theirs[p])]
    words = f"{len(differ)} differ, first {differ[0]}" if differ else "all equal"
    return f"{len(shared)} rows compared, {words} (same environment)"


def _solved_agrees(shared, ours, theirs):
    flips = [p for p in shared if ours[p]["solved"] != theirs[p]["solved"]]
    words = f", first {flips[0]}" if flips else ""
    return (
        f"{len(shared)} rows compared, solved differs in {len(flips)}{words} "
        "(another environment or trainer)"
    )


def _content(row):
    return {k: v for k, v in row.items() if k not in TAIL}


def _medians_agree(case, arm, steps, ours, committed):
    """Compares medians with the committed curve at the same checkpoint."""
    table = tables.stored(committed, "curves.csv")
    if table is None:
        return ""
    metric = tables.main_metric(case)
    part = table[
        (table["arm"] == arm) & (table["metric"] == metric) & (table["checkpoint"] == steps)
    ]
    if not len(part):
        return ""
    row = part.sort_values("num_seeds").iloc[-1]
    values = [float(r[metric]) for p, r in ours.items() if p[:2] == (arm, steps)]
    now = statistics.median(values)
    inside = now.low <= row["q50"] <= now.high
    words = "agrees" if inside else "differs"
    return (
        f"{arm} at {steps:,} steps {words}: median {metric} {now.estimate:.3g} "
        f"[{now.low:.3g}, {now.high:.3g}] here, {row['q50']:.3g} committed"
    )
