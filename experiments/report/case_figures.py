"""Builds every figure of a case, and the summary figure over all cases.

It combines plots and captions; it computes no statistics and trains nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from experiments.analysis import ablation, baselines, claim_results, tables
from experiments.analysis.baselines import metric_label
from experiments.cases import plans
from experiments.cases.case import Regression
from experiments.report import ablation_plots, captions, figures, plots, verdict_plots
from experiments.report.figure_files import FigureSpec
from experiments.report.style import arm_colours
from experiments.stats import text
from experiments.training import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case

CLASS_LABELS = ("place on the diagonal from (0, ..., 0) to (1, ..., 1)", "last output")
# Height in inches of a row, for plots that grow with their table.
LEVEL_HEIGHT, LINE_HEIGHT, ROW_HEIGHT, HEAD_HEIGHT = 0.92, 0.19, 0.26, 1.0


# The tables that figures are drawn from, where they are read as stored.
NEEDED = ("dissection", "claims", "diagnosis", "curves")


def collect(analysis: Analysis) -> list[FigureSpec]:
    """Returns every `FigureSpec` that an analysis allows, in the order of the report.

    Args:
        analysis: The `Analysis`.
    """
    specs = list(_behaviour(analysis))
    if analysis.is_engine:
        specs += [*_ablation_sections(analysis), *_claims(analysis)]
    return specs


def shown_arms(runs: pd.DataFrame) -> dict[str, int]:
    """Returns `{arm: steps}` of broken and fixed at their longest stored budget."""
    found = runs.groupby("arm")["steps"].max().to_dict()
    chosen = {arm: found[arm] for arm in ("broken", "fixed") if arm in found}
    return chosen or dict(list(found.items())[:2])


def _behaviour(analysis):
    case, chosen = analysis.case, shown_arms(analysis.runs)
    part = _rows_of(analysis.curves, chosen)
    if len(part):
        yield _fit(analysis, part)
        yield _learning_curves(case, part)
    yield _distribution(case, _rows_of(analysis.runs, chosen))


def _rows_of(table, chosen):
    """Returns the rows of the chosen arms at their budgets, in the order of `chosen`."""
    parts = [table[(table["arm"] == a) & (table["steps"] == s)] for a, s in chosen.items()]
    return pd.concat(parts)


def _fit(analysis, part):
    case = analysis.case
    bands = part[(part["metric"] == "prediction") & (part["checkpoint"] == part["steps"])]
    bands = bands.assign(x=bands["x"].astype(float))
    target = pd.DataFrame({"x": metrics.curve_inputs(), "y": metrics.curve_target(case)})
    labels = ("x", "y") if isinstance(case.task, Regression) else CLASS_LABELS

    def draw(theme):
        figure, axes = figures.new_figure(theme=theme)
        names = {"x_label": labels[0], "y_label": labels[1]}
        plots.draw_fit(axes, bands, target, theme=theme, **names)
        return figure

    # Diagnoses rest on the engine's rows alone.
    nothing = pd.DataFrame(columns=["arm", "steps", "holds", "words"])
    diagnosis = analysis.failure_modes if analysis.is_engine else nothing
    words = captions.fit(case, bands, target, diagnosis)
    return FigureSpec("fit", words, draw)


def _learning_curves(case, part):
    metric = baselines.main_metric(case)
    part = part[part["metric"] == metric]
    lines = {"threshold": baselines.threshold(case), "baseline": baselines.baseline(case)}

    def draw(theme):
        figure, axes = figures.new_figure(theme=theme)
        table, log = part.assign(steps=part["checkpoint"]), metric == "mse"
        # The whole label is longer than the axis.
        label = metric_label(case).split(" on")[0]
        plots.draw_learning_curves(axes, table, label, log=log, theme=theme, **lines)
        return figure

    return FigureSpec("learning_curves", captions.learning_curves(case, part), draw)


def _distribution(case, shown):
    metric = baselines.main_metric(case)
    lines = {"threshold": baselines.threshold(case), "baseline": baselines.baseline(case)}

    def draw(theme):
        figure, axes = figures.new_figure(height=3.4, theme=theme)
        label, log = metric_label(case), metric == "mse"
        plots.draw_distribution(axes, shown, metric, label, log=log, theme=theme, **lines)
        return figure

    return FigureSpec("distribution", captions.distribution(case, shown), draw)


def _ablation_sections(analysis):
    case, stored = analysis.case, analysis.ablation
    for number, item in enumerate(analysis.ablations, start=1):
        ending = f"_{number}" if number > 1 else ""
        part = stored[stored["dissection"] == item.name]
        yield _combinations(case, item, f"dissection{ending}")
        yield _shapley(case, item, part[part["kind"] == "shapley"], f"shapley{ending}")


def _combinations(case, item, name):
    table = ablation.combinations_table(item)

    def draw(theme):
        height = HEAD_HEIGHT + LEVEL_HEIGHT * (1 + len(item.fixes)) * theme.font_size / 10
        figure, axes = figures.new_figure(height=height, theme=theme)
        colours = {fix: arm_colours(case, theme)[fix] for fix in item.fixes}
        ablation_plots.draw_combinations(axes, table, colours, theme=theme)
        return figure

    return FigureSpec(name, captions.ablation(case, item, table), draw)


def _shapley(case, item, values, name):
    rates, errors = (
        values[values["quantity"] == quantity].rename(columns={"fixes": "name"})
        for quantity in ("solved", "log_error")
    )
    bounds = ["estimate", "low", "high"]
    words = {"words": [text.points_interval(row) for row in rates.to_dict("records")]}
    left = rates.assign(**(100 * rates[bounds]), **words)
    words = {"words": [text.row_interval(row, text.factor) for row in errors.to_dict("records")]}
    right = errors.assign(**np.exp(errors[bounds]), **words)

    def draw(theme):
        height = (HEAD_HEIGHT + 2.2 * ROW_HEIGHT * len(rates)) * theme.font_size / 10
        figure, *pair = figures.new_figure(2, height=height, theme=theme)
        labels = ("solve rate, in points", "error, as a factor")
        for axes, table, label in zip(pair, (left, right), labels, strict=True):
            log = table is right
            colours = arm_colours(case, theme)
            ablation_plots.draw_intervals(axes, table, colours, label, theme=theme, log=log)
        pair[1].set_yticklabels([])
        return figure

    named = rates.rename(columns={"name": "fixes"})
    return FigureSpec(name, captions.shapley(case, item, named), draw)


def _claims(analysis):
    case, table = analysis.case, analysis.claims.drop_duplicates("claim")
    table = table[table["verdict"] != claim_results.NOT_RUN]
    if not len(table):
        return
    shown = table.rename(columns={"claim": "says"})

    def draw(theme):
        scale = theme.font_size / 10
        height = HEAD_HEIGHT + LINE_HEIGHT * scale * verdict_plots.verdict_height(shown)
        figure, axes = figures.new_figure(height=height, theme=theme)
        verdict_plots.draw_verdicts(axes, shown, theme=theme)
        return figure

    yield FigureSpec("claims", captions.claims(case, table), draw, kept=("png",))


def summary(folders: Mapping[Case, Analysis]) -> FigureSpec:
    """Returns the `FigureSpec` over all cases: effects of single fixes, and claims.

    Args:
        folders: `{case: Analysis}`.
    """
    outcomes = pd.concat([_single_fixes(case, analysis) for case, analysis in folders.items()])
    claims = {
        case.name: analysis.claims.drop_duplicates("claim")["verdict"].value_counts()
        for case, analysis in folders.items()
    }
    counts = pd.DataFrame(claims).T.fillna(0).astype(int)

    def draw(theme):
        return _draw_summary(folders, outcomes, counts, theme)

    return FigureSpec("summary", captions.summary(outcomes, counts), draw)


def _single_fixes(case, analysis):
    """Returns the outcomes of broken, each fix alone and fixed, at their longest budgets."""
    rows = [
        tables.longest(analysis.outcomes, arm) for arm in ("broken", *plans.one_in(case), "fixed")
    ]
    part = pd.concat(rows).drop_duplicates("arm")
    part = part.drop(columns=["low", "high"])
    part = part.rename(columns={"solved_low": "low", "solved_high": "high"})
    return part.assign(case=case.name)


def _draw_summary(folders, outcomes, counts, theme):
    scale = theme.font_size / 10
    heights = HEAD_HEIGHT + ROW_HEIGHT * (len(outcomes) + 2.2 * len(counts)), 1 + 0.3 * len(counts)
    figure, top, bottom = figures.new_rows([scale * height for height in heights], theme=theme)
    colours = {case.name: arm_colours(case, theme) for case in folders}
    verdict_plots.draw_rates(top, outcomes, colours, theme=theme)
    verdict_plots.draw_counts(bottom, counts, theme=theme)
    return figure
