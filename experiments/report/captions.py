"""Writes figure captions from the tables that the figures draw.

A title states the finding. It computes no statistics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.analysis import baselines, tables
from experiments.cases.case import Regression
from experiments.report.markdown import Caption
from experiments.report.plots import BANDS
from experiments.stats import text
from experiments.stats.text import listed

if TYPE_CHECKING:
    import pandas as pd

    from experiments.analysis.ablation import Ablation
    from experiments.analysis.grid_summary import GridSummary
    from experiments.cases.case import Case

OVER_SEEDS = f"Lines are medians over seeds, bands the {BANDS[1][3]} and the {BANDS[0][3]}."


def fit(case: Case, bands: pd.DataFrame, target: pd.DataFrame, diagnosis: pd.DataFrame) -> Caption:
    """Returns the `Caption` of the predictions of each arm.

    Args:
        case: The `Case`.
        bands: Columns `arm, steps, x, num_seeds, q05, ..., q95`, at the end of each arm.
        target: Columns `x, y`.
        diagnosis: What `failure_modes.diagnose` returns.
    """
    leading = [_leading(arm, diagnosis) for arm in dict.fromkeys(bands["arm"])]
    title = f"{case.name}: {'; '.join(filter(None, leading)) or 'target and prediction'}"
    what = "What the network answers" if isinstance(case.task, Regression) else DIAGONAL
    caption = f"{what}, at the end of training, against the target. {OVER_SEEDS} "
    low, high = target["y"].min(), target["y"].max()
    alt = [f"The target runs from {text.number(low)} to {text.number(high)}."]
    for arm, rows in bands.groupby("arm", sort=False):
        rows = rows.sort_values("x")
        away = np.abs(rows["q50"].to_numpy() - target.sort_values("x")["y"].to_numpy()).max()
        alt.append(
            f"The median of {arm} runs from {text.number(rows['q50'].min())} to "
            f"{text.number(rows['q50'].max())} and is at most {text.number(away)} away from it."
        )
    return Caption(title, caption + arms_text(case, bands), " ".join(alt))


DIAGONAL = (
    "The last output along the diagonal of the inputs, from all at their lowest to all at "
    "their highest"
)


def learning_curves(case: Case, part: pd.DataFrame) -> Caption:
    """Returns the `Caption` of learning curves.

    Args:
        case: The `Case`.
        part: Columns `arm, steps, checkpoint, num_seeds, q05, ..., q95` of the main metric.
    """
    found, alt = [], []
    for arm, rows in reversed(list(part.groupby("arm", sort=False))):
        rows = rows.sort_values("checkpoint")
        cleared = rows.loc[_clears(case, rows["q50"]), "checkpoint"]
        when = f"by update {cleared.iloc[0]:,}" if len(cleared) else "never"
        found.append(f"{'that' if found else 'the median'} of {arm} {when}")
        first, last = rows["q50"].iloc[[0, -1]]
        alt.append(
            f"The median {baselines.main_metric(case)} of {arm} goes from {text.number(first)} to "
            f"{text.number(last)}."
        )
    value, words = baselines.baseline(case)
    threshold, threshold_text = baselines.threshold(case)
    title = f"{case.name}: clearing the bar, {', '.join(found)}"
    caption = (
        f"The {baselines.main_metric(case)} on fresh points, at checkpoints of training. "
        f"{OVER_SEEDS} Lines across: {threshold_text} ({text.number(threshold)}) and {words} "
        f"({text.number(value)}). "
    )
    return Caption(title, caption + arms_text(case, part), " ".join(reversed(alt)))


def distribution(case: Case, shown: pd.DataFrame) -> Caption:
    """Returns the `Caption` of the final values of all seeds.

    Args:
        case: The `Case`.
        shown: Rows of runs, one budget per arm.
    """
    counts, alt, metric = [], [], baselines.main_metric(case)
    for arm, rows in reversed(list(shown.groupby("arm", sort=False))):
        counts.append(f"{rows['solved'].sum():,} of {len(rows):,} seeds of {arm}")
        finite = rows.loc[~rows["diverged"], metric]
        alt.append(
            f"{arm}: {metric} from {text.number(finite.min())} to {text.number(finite.max())}, "
            f"{rows['diverged'].sum():,} diverged."
        )
    title = f"{case.name}: the bar is cleared by {listed(counts)}"
    caption = (
        f"The last {metric} of every seed, a tick each, and how often it is met; one that "
        "diverged is counted at the right. "
    )
    sizes = shown.groupby("arm", sort=False).size()
    shown = shown.drop_duplicates(["arm"]).assign(num_seeds=lambda part: part["arm"].map(sizes))
    return Caption(title, caption + arms_text(case, shown), " ".join(reversed(alt)))


def ablation(case: Case, item: Ablation, combinations: pd.DataFrame) -> Caption:
    """Returns the `Caption` of the combinations of fixes.

    Args:
        case: The `Case`.
        item: The `Ablation`.
        combinations: What `ablation.combinations_table` returns.
    """
    rates = [
        f"{row['arm']} {text.percent(row['solved'])} ({row['verdict']})"
        for row in combinations.to_dict("records")
    ]
    caption = (
        "Every combination of the fixes: the share of seeds that solve. Each line adds one fix. "
        f"A thick edge marks a smallest set that solves. Fixes {item.name}; "
        f"{item.num_seeds:,} seeds, the same under every arm."
    )
    alt = f"Share of seeds that solve under every set of fixes: {', '.join(rates)}."
    return Caption(f"{case.name}: {item.answer}", caption, alt)


def shapley(case: Case, item: Ablation, values: pd.DataFrame) -> Caption:
    """Returns the `Caption` of the Shapley values of the fixes.

    Args:
        case: The `Case`.
        item: The `Ablation`.
        values: Its rows of kind `shapley` on the solve rate.
    """
    rows = values.sort_values("estimate", ascending=False, kind="stable").to_dict("records")
    best = [row for row in rows if row["high"] >= rows[0]["low"]]
    verb = "is" if len(best) == 1 else "are"
    names = listed([row["fixes"] for row in best])
    title = f"{case.name}: {names} {verb} worth most in solve rate"
    if len(best) == len(rows) > 1:
        title = f"{case.name}: {names} are worth the same in solve rate"
    words = [f"{row['fixes']} {text.points_interval(row)}" for row in rows]
    caption = (
        "Shapley values: the mean over seeds of what a fix adds, over every order in which the "
        "fixes can be made, with 95% intervals; on the solve rate in points, and on the error "
        f"as a factor. Fixes {item.name}; {item.num_seeds:,} seeds."
    )
    return Caption(title, caption, f"Points of solve rate: {', '.join(words)}.")


def claims(case: Case, found: pd.DataFrame) -> Caption:
    """Returns the `Caption` of the claims and their verdicts.

    Args:
        case: The `Case`.
        found: Columns `claim, verdict`, one row per claim.
    """
    counts = found["verdict"].value_counts()
    parts = [f"{count} {verdict}" for verdict, count in counts.items()]
    title = f"{case.name}: {len(found)} statements, {listed(parts)}"
    each = [f"{row['claim'].split()[0]} {row['verdict']}" for row in found.to_dict("records")]
    caption = "What the thread says, and what the seeds say of it, by intervals and one rule."
    return Caption(title, caption, f"In order: {', '.join(each)}.")


def grid(view: GridSummary, length: int | None) -> Caption:
    """Returns the `Caption` of a grid at one length.

    Args:
        view: The `GridSummary`.
        length: One of its lengths.
    """
    cells = view.configurations(length)
    solving = (cells["verdict"] == "solves").sum()
    after = view.after(length)
    title = f"{view.case.name}, {view.grid.name}: {solving:,} of {len(cells):,} programs solve"
    best, worst = (cells["solved"].agg(name) for name in ("idxmax", "idxmin"))
    caption = (
        f"{view.grid.asks} Percent of {view.grid.num_seeds:,} seeds that solve{after}, a cell a "
        "program; the documented one, if it is among them, is outlined."
    )
    alt = (
        f"The best is {best} ({text.percent(cells.loc[best, 'solved'])}), the worst {worst} "
        f"({text.percent(cells.loc[worst, 'solved'])})."
    )
    return Caption(title + after, caption, alt)


def summary(outcomes: pd.DataFrame, counts: pd.DataFrame) -> Caption:
    """Returns the `Caption` of the figure over all cases.

    Args:
        outcomes: Columns `case, arm, solved, low, high, num_seeds, verdict`: broken, each
            fix alone, and fixed.
        counts: Claims by case and verdict.
    """
    alone = outcomes[~outcomes["arm"].isin(["broken", "fixed"])]
    enough = alone.loc[alone["verdict"] == "solves", ["arm", "case"]].agg(" of ".join, axis=1)
    first = f"only {listed(list(enough))} is" if len(enough) else "none is"
    number = outcomes["case"].nunique()
    title = f"Of the {len(alone)} fixes for {number} failures {first} enough alone"
    rates = [
        f"{row['case']} {row['arm']} {text.percent(row['solved'])}"
        for row in outcomes.to_dict("records")
    ]
    said = [f"{count} {verdict}" for verdict, count in counts.sum().items()]
    caption = (
        "Share of seeds that solve, with Wilson's 95% interval: the broken program, each fix "
        f"alone, all fixes together. Below, what the threads say: {listed(said)}."
    )
    return Caption(title, caption, f"Share of seeds that solve: {', '.join(rates)}.")


def arms_text(case: Case, part: pd.DataFrame) -> str:
    """Returns the number of seeds drawn of each arm, and their training length, as text.

    Args:
        case: The `Case`.
        part: Table with the columns `arm, steps, num_seeds`.
    """
    found = []
    for arm, rows in part.groupby("arm", sort=False):
        steps = int(rows["steps"].max())
        words = f"{rows['num_seeds'].max():,} seeds of {arm} after {steps:,} updates"
        found.append(words + text.cut(steps, case.arm(arm).num_steps))
    return f"{listed(found)}."


def _leading(arm, diagnosis):
    """Returns the first symptom that most seeds of an arm have, at its longest budget."""
    part = tables.longest(diagnosis, arm)
    part = part[part["holds"] == "most seeds"]
    return f"{arm} seeds {part['words'].iloc[0]}" if len(part) else ""


def _clears(case, values):
    threshold, _ = baselines.threshold(case)
    return values <= threshold if baselines.main_metric(case) == "mse" else values >= threshold
