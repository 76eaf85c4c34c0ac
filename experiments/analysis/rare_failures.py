"""Finds the seeds that fail under an arm that solves, and what they have in common.

Initial conditions are described by metrics taken before the first update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import baselines, history, symptoms, tables
from experiments.stats import intervals, text

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.stats.interim import StoppingRule

SHOWN = ("loss", "share_class_1", "one_class", "flat", "output_mean", "output_std")
STARTS = ("output_mean_first", "output_std_first", "gradient_first")
ENDS = ("gradient_norm", "dead_since", "still_learning", "first_solved")
COMPARED = ["metric", "failing", "solved", "num_failing", "num_solved", "delta", "low", "high"]
COMPARED += ["tells"]
# An output of one column is of class 1 above this; starts may lie on either side of it.
CENTRE = {"sign": 0.0, "threshold 0.5": 0.5}
LISTED = 40


def rare_failures(case: Case, runs: pd.DataFrame, arm: str, rule: StoppingRule) -> pd.DataFrame:
    """Finds the unsolved seeds of an arm that solves, at its longest budget.

    Args:
        case: The `Case`.
        runs: What `tables.runs` returns.
        arm: Arm name.
        rule: The `StoppingRule`.

    Returns:
        A row for each: `arm, steps, seed, kind`, the main metric, and the stored metrics of
        the start and the end; `kind` joins its symptoms. Empty if the verdict on the arm
        is not "solves".
    """
    part = tables.longest(runs, arm)
    main = baselines.main_metric(case)
    stored = [name for name in (*SHOWN, *STARTS, *ENDS) if name in part]
    columns = ["arm", "steps", "seed", "kind", main, *stored]
    failing = part[~part["solved"].to_numpy(bool)]
    if not solves(part, rule) or not len(failing):
        return pd.DataFrame(columns=columns)
    kinds = [", ".join(names) for names in symptoms.of_each(case, arm, failing)]
    return failing.assign(kind=kinds)[columns].reset_index(drop=True)


def solves(part: pd.DataFrame, rule: StoppingRule) -> bool:
    """Whether the verdict on the rows of one arm is "solves"."""
    return bool(len(part)) and intervals.verdict(tables.solve_rate(part, rule)) == "solves"


def compare(case: Case, runs: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Compares the failing seeds of an arm with the solved ones.

    Args:
        case: The `Case`.
        runs: What `tables.runs` returns.
        arm: Arm name.

    Returns:
        Columns `metric, failing, solved, num_failing, num_solved, delta, low, high,
        tells`: the medians of both, Cliff's delta (above 0 if the failing ones tend to be
        larger) with its interval, and whether the interval excludes 0.
    """
    part, rows = tables.longest(runs, arm), []
    good = part["solved"].to_numpy(bool)
    for metric in (name for name in (*STARTS, *ENDS, "loss") if name in part):
        failing, solved = part.loc[~good, metric], part.loc[good, metric]
        if len(failing) and len(solved) and not part[metric].isna().any():
            delta = history.dominance(failing.to_numpy(), solved.to_numpy())
            medians = (intervals.median(values).estimate for values in (failing, solved))
            tells = not delta.low <= 0 <= delta.high
            counts = len(failing), len(solved)
            bounds = delta.estimate, delta.low, delta.high
            rows.append((metric, *medians, *counts, *bounds, tells))
    return pd.DataFrame(rows, columns=COMPARED)


def description(case: Case, runs: pd.DataFrame, arm: str, rule: StoppingRule) -> str:
    """Describes which seeds of an arm fail, what they share, and how to replay one.

    Args:
        case: The `Case`.
        runs: What `tables.runs` returns.
        arm: Arm name.
        rule: The `StoppingRule`.

    Returns:
        Markdown: a paragraph, or "" if the arm does not solve or no seed fails.
    """
    failing = rare_failures(case, runs, arm, rule)
    if not len(failing):
        return ""
    part = tables.longest(runs, arm)
    share = tables.rate(~part["solved"].to_numpy(bool), rule)
    rate = text.interval(share.estimate, share.low, share.high)
    table = compare(case, runs, arm)
    sentences = [
        f"{len(failing):,} of {len(part):,} seeds of `{arm}` are not solved ({rate}).",
        *_groups(failing),
        _classes(failing),
        _starts(table),
        _mirror(case, arm, failing, part) if _distinguishes(table, "output_mean_first") else "",
        _stuck(table),
        f"Replay one: `{command(case, arm, failing)}`.",
    ]
    return " ".join(filter(None, sentences))


def _groups(failing):
    """A sentence for each kind, the commonest first, with its seeds."""
    for kind, count in failing["kind"].value_counts().items():
        seeds = failing.loc[failing["kind"] == kind, "seed"].tolist()
        listed = ", ".join(str(seed) for seed in seeds[:LISTED])
        listed += f" and {len(seeds) - LISTED} more" * (len(seeds) > LISTED)
        yield f"{count:,}: {kind or 'no symptom'} (seed{'s' * (count > 1)} {listed})."


def _classes(failing):
    """Which class they all end in, if they end in one."""
    if "one_class" not in failing or not (failing["one_class"] == 1).any():
        return ""
    shares = failing.loc[failing["one_class"] == 1, "share_class_1"]
    ones, total = int((shares == 1).sum()), len(shares)
    return (
        f"Of the {total:,} that choose one class for all, {total - ones:,} choose class 0 and "
        f"{ones:,} class 1."
    )


def _starts(table):
    """What they started from, where that tells them from the solved seeds."""
    distinguishing = table[table["metric"].isin(STARTS) & table["tells"].astype(bool)]
    clauses = [
        f"`{row['metric']}` is {text.fixed(row['failing'])} in the median against "
        f"{text.fixed(row['solved'])} "
        f"(Cliff's delta {text.row_interval(row, text.fixed, ('delta', 'low', 'high'))})"
        for row in distinguishing.to_dict("records")
    ]
    return f"They start otherwise: {'; '.join(clauses)}." if clauses else ""


def _distinguishes(table, metric):
    return bool(table.loc[table["metric"] == metric, "tells"].any())


def _stuck(table):
    """Whether they end with less of a gradient than the solved seeds."""
    for row in table[table["metric"] == "gradient_norm"].to_dict("records"):
        if row["high"] < 0:
            return (
                f"They end stuck: `gradient_norm` is {text.number(row['failing'], 2)} in the "
                f"median against {text.number(row['solved'], 2)}."
            )
    return ""


def _mirror(case, arm, failing, part):
    """Whether seeds that start as far on the other side fail too."""
    centre = CENTRE.get(getattr(case.arm(arm), "read", ""))
    if centre is None or "output_mean_first" not in part:
        return ""
    offsets = failing["output_mean_first"] - centre
    middle = intervals.median(offsets).estimate
    side, other = ("below", "above") if middle < 0 else ("above", "below")
    same = int(((offsets < 0) == (middle < 0)).sum())
    starts = part["output_mean_first"] - centre
    mirrored = part[starts <= -middle] if middle > 0 else part[starts >= -middle]
    lost = int((~mirrored["solved"].to_numpy(bool)).sum())
    return (
        f"{same:,} of these {len(failing):,} start with their mean output {side} {centre:g}; of "
        f"the {len(mirrored):,} seeds that start at least as far {other} it as the median of "
        f"these lies {side}, {lost:,} fail."
    )


def command(case: Case, arm: str, failing: pd.DataFrame) -> str:
    """Returns the command that replays a seed of the commonest kind.

    Args:
        case: The `Case`.
        arm: Arm name.
        failing: What `rare_failures` returns, not empty.
    """
    commonest = failing["kind"].value_counts().index[0]
    seed = failing.loc[failing["kind"] == commonest, "seed"].iloc[0]
    arms = "" if arm in ("broken", "fixed") else f" --arms {arm}"
    return f"python -m reproductions explain {case.name} --seed {seed}{arms}"
