"""Writes the tables, the figures and the report of one folder.

It computes no statistics and trains nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import baselines, tables
from experiments.cases.validation import TRAINERS
from experiments.report import case_figures, evidence, figure_files
from experiments.report.markdown import markdown, picture
from experiments.report.story import story
from experiments.report.style import make_theme
from experiments.stats import text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case
    from experiments.report.figure_files import FigureSpec


def write(analysis: Analysis, pictures: bool = True) -> list[Path]:
    """Writes the tables, figures and report of one folder.

    Args:
        analysis: The `Analysis` of the folder.
        pictures: Whether figures are drawn, and the tables that they need are written.

    Returns:
        The paths written, the report first.
    """
    case, store, texts = analysis.case, analysis.store, analysis.texts(pictures)
    store.note(
        setups={a: vars(case.arm(a)) for a in dict.fromkeys(a for a, _ in store.arms())},
        seeds={f"{arm} at {steps} steps": n for (arm, steps), n in analysis.num_seeds.items()},
    )
    shown = case_figures.collect(analysis) if pictures or analysis.is_engine else []
    folder, drawn = store.folder / "figures", []
    for one in shown if pictures else ():
        drawn += figure_files.write(one, folder, make_theme(), one.kept)
    texts["report.md"] = report(analysis, shown)
    written = [store.write_text(name, content) for name, content in texts.items()]
    return [
        store.folder / "report.md",
        *drawn,
        store.folder / "runs.csv",
        *written[: 1 + 2 * pictures],
    ]


def outcome_table(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Returns the outcome of each arm as a table of text.

    Args:
        outcomes: What `tables.outcomes` returns.

    Returns:
        Columns `arm, steps, seeds, solved, verdict, diverged` and the main metric.
    """
    rows = []
    for row in outcomes.to_dict("records"):
        steps = f"{row['steps']:,}" + text.cut(row["steps"], row["documented"])
        rows.append(
            {
                "arm": row["arm"],
                "steps": steps,
                "seeds": f"{row['num_seeds']:,}",
                "solved": text.row_interval(row, names=("solved", "solved_low", "solved_high")),
                "verdict": text.verdict(row["verdict"], row["more_seeds"]),
                "diverged": text.percent(row["diverged"]),
                f"median {row['metric']}": text.row_interval(
                    row, text.number, ("median", "low", "high"), digits=4
                ),
            }
        )
    return pd.DataFrame(rows)


SYMPTOMS = (
    *("loss", "accuracy", "logged_accuracy", "keras1_accuracy", "one_class", "flat"),
    *("output_mean", "dead_1", "dead_2", "saturated_1", "saturated_2"),
)
SYMPTOM_NOTE = (
    "Loss and both logged accuracies are what `fit` would log for the last epoch (of an "
    "endless stream: the last 100 batches at most): `logged_accuracy` by today's Keras, "
    "`keras1_accuracy` by the rounding of Keras 1. `one_class` and `flat` are shares of "
    "seeds, all others medians over seeds; `dead` and `saturated` are shares of a hidden "
    "layer's units, counted from the input. The words are defined in "
    "`experiments/training/metrics.py`."
)


def symptom_text(analysis: Analysis) -> pd.DataFrame:
    """Returns the symptoms of each arm as text; blank if one does not apply."""
    wide = analysis.summary.pivot(index=["arm", "steps"], columns="metric", values="estimate")
    shown = [name for name in SYMPTOMS if name in wide]
    rows = []
    for row in analysis.outcomes.to_dict("records"):
        values = wide.loc[(row["arm"], row["steps"]), shown]
        words = [text.number(value) for value in values]
        rows.append((row["arm"], f"{row['steps']:,}", *words))
    return pd.DataFrame(rows, columns=["arm", "steps", *shown])


def difference_table(case: Case, changed_only: bool = False) -> pd.DataFrame:
    """Returns field, broken, fixed and why as text; equal fields are marked."""
    table = tables.differences(case)
    changed = table["broken"] != table["fixed"]
    if changed_only:
        table, changed = table[changed], changed[changed]
    table = table.assign(fixed=table["fixed"].where(changed, "as broken")).astype(object)
    for column in ("broken", "fixed"):
        table[column] = [text.value(value) for value in table[column]]
    return table


def baseline_text(case: Case) -> str:
    """Returns one line: the score of the best constant, and the threshold."""
    value, words = baselines.baseline(case)
    threshold, threshold_text = baselines.threshold(case)
    metric = baselines.main_metric(case)
    value, threshold = text.number(value, 4), text.number(threshold, 4)
    return f"Yardsticks: {words}, {metric} {value}; {threshold_text}, {metric} {threshold}."


def report(analysis: Analysis, shown: Iterable[FigureSpec]) -> str:
    """Returns the report of one folder as Markdown.

    Args:
        analysis: The `Analysis` of the folder.
        shown: The figures, as `case_figures.collect` returns them.
    """
    case, known = analysis.case, analysis.evidence
    variants = [(n, f.start, f.changes, f.why) for n, f in case.variants.items()]
    variants = pd.DataFrame(variants, columns=["rival", "starts from", "changes", "why"])
    variants["changes"] = [
        ", ".join(f"{k}={text.value(v)}" for k, v in changes.items())
        for changes in variants["changes"]
    ]
    pictures = _pictures(analysis, shown)
    parts = [
        f"# {case.name}: {case.shows}",
        *filter(None, [evidence.answer(analysis) if analysis.is_engine else ""]),
        *filter(None, [story(analysis) if analysis.is_engine else ""]),
        f"Source: {case.source}.",
        "## Broken against fixed",
        markdown(difference_table(case)),
        *pictures["fit"],
        "## Outcome",
        markdown(outcome_table(analysis.outcomes)),
        baseline_text(case),
        "Rates are shares of seeds with Wilson's 95% interval, medians carry their "
        "95% order-statistic interval. A run that diverged counts as not solved.",
        *filter(None, [analysis.rule.text()]),
        *filter(None, [_sensitivity(analysis)]),
        *pictures["distribution"],
        *pictures["learning_curves"],
        *pictures["films"],
        *_published(analysis),
        *(_evidence(analysis, pictures) if analysis.is_engine else []),
        "## Symptoms, and what Keras logs",
        markdown(symptom_text(analysis)),
        SYMPTOM_NOTE,
    ]
    if len(variants):
        parts += ["## Rivals", markdown(variants)]
    if known.provenance:
        rows = [(k, *v) for k, v in known.provenance.items()]
        table = pd.DataFrame(rows, columns=["field", "provenance", "note"])
        counts = table["provenance"].value_counts()
        words = ", ".join(f"{n} {kind}" for kind, n in counts.items())
        parts += ["## Where the constants come from", f"{words}.", markdown(table)]
    if known.deviations:
        numbered = [f"{n}. {words}" for n, words in enumerate(known.deviations, start=1)]
        parts += ["## What differs from the thread", "\n".join(numbered)]
    parts += ["## How this was made", _made(case, analysis.store)]
    return "\n\n".join(parts) + "\n"


def _sensitivity(analysis):
    return evidence.sensitivity_text(analysis.sensitivity) if analysis.is_engine else ""


ANIMATIONS = ("twins", "race")
# The figures below each heading of the evidence.
PLACES = {
    "What each fix is worth": ("dissection", "shapley"),
    "What the thread says, and what came of it": ("claims",),
}


def _evidence(analysis, pictures):
    for heading, parts in evidence.sections(analysis):
        yield f"## {heading}"
        for place in PLACES.get(heading, ()):
            yield from pictures[place]
        yield from (part if isinstance(part, str) else markdown(part) for part in parts)


def _pictures(analysis, shown):
    """Returns the figures of a report as Markdown, by the prefix of their name."""
    found = {name: [] for name in ("fit", "learning_curves", "distribution", "dissection")}
    found |= {"shapley": [], "claims": [], "films": []}
    for spec in shown if analysis.is_engine else ():
        kind = next(name for name in found if spec.name.startswith(name))
        found[kind].append(picture(spec.caption, f"figures/{spec.name}.png").rstrip())
    found["films"] += _animations(analysis.store.folder / "figures")
    return found


def _animations(folder):
    """Yields the animations that a separate command wrote, each with its text."""
    for name in ANIMATIONS:
        path = folder / f"{name}.md"
        if path.exists() and (folder / f"{name}.gif").exists():
            words = path.read_text(encoding="utf-8").rstrip()
            yield words.replace(f"]({name}.gif)", f"](figures/{name}.gif)")


def _made(case, store):
    lines = [f"- {text.environment(made)}" for made in store.environments]
    command = f"python -m reproductions record {case.name}"
    if store.trainer != TRAINERS[0]:
        command += f" --trainer {store.trainer}"
    return f"`{command}`, trainer `{store.trainer}`, on:\n\n" + "\n".join(lines)


def _published(analysis):
    """Returns the section on the published points, if the case has any."""
    case, runs = analysis.case, analysis.runs
    value = getattr(case.task, "published_mse", None)
    if value is None or not (runs["arm"] == "fixed").any():
        return []
    num = len(case.task.points)
    words = f"The thread prints squared errors at {num} points; their mean is {text.number(value)}."
    reached = tables.first_reaching(analysis.curves, "points_mse", value)
    if reached:
        words += (
            f" The fixed arm's median over {reached.num_seeds} seeds is first at or "
            f"below it at the checkpoint of {reached.checkpoint:,} steps "
            f"({text.number(reached.median)})."
        )
    met = tables.share_at_or_below(runs, "points_mse", value, analysis.rule)
    words += (
        f" After {met.steps:,} steps "
        f"{text.interval(met.estimate, met.low, met.high)} of {met.num_seeds} seeds meet it."
    )
    return [f"## The {num} published points", words]
