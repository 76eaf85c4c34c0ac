"""Formats the results of an `Analysis` as the evidence sections of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import claim_results, failure_modes, rare_failures
from experiments.analysis.logged_metrics import MEANINGLESS, loss_misleads
from experiments.stats import text

if TYPE_CHECKING:
    from experiments.analysis.analysis import Analysis


def answer(analysis: Analysis) -> str:
    """Returns the first line: which fixes are enough, and at which budget."""
    found = analysis.ablations
    if not found:
        return ""
    budget = f"({found[0].name}, {found[0].num_seeds:,} seeds)"
    return f"**{found[0].answer}** {budget}"


def ablation_text(table: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, pd.DataFrame, list[str]]]:
    """Returns the tables of text for each ablation: the contribution of every fix.

    Args:
        table: What `ablation.table` returns.

    Returns:
        `{name of the ablation: (table of fixes, table of pairs, sets that solve)}`.
    """
    found = {}
    for name, part in table.groupby("dissection", sort=False):
        # Under repeated analyses some arms have more seeds; this is what all arms share.
        heading = f"{name}, {part['num_seeds'].min():,} seeds"
        fixes = part.loc[part["kind"] == "shapley", "fixes"].unique()
        rows = [_fix_text(part, fix) for fix in fixes]
        pairs = part[part["kind"] == "interaction"]
        pairs = [_pair_text(pairs, fixes) for fixes in pairs["fixes"].unique()]
        found[heading] = pd.DataFrame(rows), pd.DataFrame(pairs), _sufficient_text(part)
    return found


def _fix_text(part, fix):
    own = part[part["fixes"] == fix]
    needed = own[own["kind"] == "necessary"]
    words = {"fix": fix} | _value_text(own[own["kind"] == "shapley"], "Shapley value")
    for kind in ("alone", "last"):
        verdicts = own[(own["kind"] == kind) & (own["quantity"] == "verdict")]["verdict"]
        words[kind] = ", ".join(verdicts)
    confidence = [_confidence(row) for row in needed.to_dict("records")]
    return words | {"needed": "; ".join(confidence) or "the whole does not solve"}


def _pair_text(pairs, fixes):
    return {"pair": fixes} | _value_text(pairs[pairs["fixes"] == fixes], "interaction")


def _value_text(rows, title):
    """Returns two cells: on the solve rate in points, on the error as a factor."""
    found = {}
    for row in rows.to_dict("records"):
        if row["quantity"] == "solved":
            found[f"{title}, solve rate (points)"] = text.points_interval(row)
        else:
            found[f"{title}, error (factor)"] = text.row_interval(row, text.factor)
    return found


def _sufficient_text(part):
    rows = part[part["kind"] == "sufficient"].to_dict("records")
    return [f"`{row['fixes']}` solves, {_confidence(row)}" for row in rows]


def _confidence(row):
    if pd.isna(row["confidence"]):
        return row["verdict"]
    return f"{row['verdict']} (confidence {text.confidence(row['confidence'])})"


def sensitivity_text(table: pd.DataFrame) -> str:
    """States which verdicts change with another threshold, or that none does."""
    turned = table[table["flips"].astype(bool)].to_dict("records")
    clauses = [
        f"at a bar of {row['bar']:g} `{row['arm']}` ({row['steps']:,} steps): {row['verdict']}"
        for row in turned
    ]
    thresholds = " and ".join(f"{threshold:g}" for threshold in sorted(table["bar"].unique()))
    if not len(table):
        return ""
    return f"With the bar at {thresholds}: {'; '.join(clauses) or 'no verdict turns'}."


def history_text(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the comparison with historical software as text, one row per arm and stack."""
    return pd.DataFrame(
        {
            "arm": table["arm"],
            "steps": [f"{steps:,}" for steps in table["steps"]],
            "stack": table["stack"],
            "era seeds": table["era_seeds"],
            "our seeds": table["our_seeds"],
            "verdict": table["verdict"],
            "in words": [_joined(w, n) for w, n in zip(table["words"], table["note"], strict=True)],
        }
    )


def _joined(words, note):
    return f"{words} Note: {note}." if isinstance(note, str) and note else words


def metric_text(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the metric check as text: logged against true values."""
    rows = []
    for row in table.to_dict("records"):
        shown = {"arm": row["arm"], "steps": f"{row['steps']:,}", "metric": row["metric"]}
        shown |= {name: text.number(row[name]) for name in ("logged", "true")}
        names = ("difference", "low", "high")
        shown["difference"] = text.row_interval(row, text.number, names)
        rows.append(shown | {"seeds": f"{row['num_seeds']:,}", "verdict": row["verdict"]})
    return pd.DataFrame(rows)


def sections(analysis: Analysis) -> list[tuple[str, list[str | pd.DataFrame]]]:
    """Returns the evidence sections of a report, as `[(heading, [part, ...])]`.

    A part is a text or a table of text.

    Args:
        analysis: The `Analysis`.
    """
    logged = _metrics(analysis.case, analysis.runs, analysis.logged_metrics)
    parts = [
        ("What is wrong with each arm", _diagnoses(analysis.failure_modes)),
        ("What each fix is worth", _ablation_sections(analysis.ablation)),
        ("What the thread says, and what came of it", _answered(analysis.claims)),
        ("Causes, each shown by touching nothing else", _answered(analysis.interventions)),
        ("Rare failures", _rare(analysis)),
        ("What Keras logs, and what is true", logged),
    ]
    if analysis.history is not None:
        parts.append(("Held against the software of the time", [history_text(analysis.history)]))
    kept = [(heading, [part for part in found if len(part)]) for heading, found in parts]
    return [(heading, found) for heading, found in kept if found]


def _answered(table):
    """Returns the answers, and the number of claims on arms that this folder lacks."""
    lacking = table["verdict"] == claim_results.NOT_RUN
    words: list[str | pd.DataFrame] = [claim_results.text_table(table[~lacking])]
    if lacking.any():
        words.append(f"{lacking.sum():,} more ask for arms that were not run here.")
    return words


def _rare(analysis):
    """Returns the rare failures of the fixed arm, if it is stored."""
    case, runs = analysis.case, analysis.runs
    stored = (runs["arm"] == "fixed").any()
    return [rare_failures.description(case, runs, "fixed", analysis.rule)] if stored else []


def _diagnoses(table):
    lines = [f"- `{arm}`: {failure_modes.description(table, arm)}" for arm in table["arm"].unique()]
    return ["\n".join(lines)]


ABLATION_NOTE = (
    "Shapley values and interactions are means over seeds of each seed's own game, with "
    "their 95% interval; an error's factor below 1 is a gain. Alone: on the broken program; "
    "last: on all other fixes. A difference counts from 5 points of solve rate or a factor "
    "of 1.25 in error on. A confidence is 1 less the exact one-sided errors of the verdicts "
    "it rests on."
)


def _ablation_sections(table):
    parts = []
    for heading, (fixes, pairs, sufficient) in ablation_text(table).items():
        parts += [f"### {heading}", fixes, pairs]
        parts.append("Smallest sets that solve: " + ("; ".join(sufficient) or "none") + ".")
    return [*parts, ABLATION_NOTE] if parts else []


METRIC_NOTE = (
    "Medians over seeds. The logged accuracy is over the training samples of the last "
    "epoch, the true one over fresh points. *A lie*: they differ by more than 0.05 and the "
    "formula marks down answers that are all right; *other points*: they differ, but the "
    "formula is right."
)


def _metrics(case, runs, table):
    if not len(table):
        return []
    misleading_rows = []
    for (arm, _), part in runs.groupby(["arm", "steps"]):
        misleading = loss_misleads(case, case.arm(arm), part) if "flat" in part else None
        if misleading is not None and misleading.any():
            misleading_rows.append(
                f"`{arm}` in {text.percent(misleading.mean())} of {len(part):,} seeds"
            )
    if set(table["verdict"]) == {MEANINGLESS}:
        return [_meaningless(table["logged"])]
    words = f"{LOSS_MISLEADS}: {'; '.join(misleading_rows)}." if misleading_rows else ""
    return [metric_text(table), words, METRIC_NOTE]


def _meaningless(logged):
    return (
        "Accuracy means nothing for a regression: over all arms the medians of what is logged "
        f"run from {text.number(logged.min(), 2)} to {text.number(logged.max(), 2)}, whether an "
        "arm solves or fails."
    )


LOSS_MISLEADS = (
    "A loss that lies, for it falls below what any one answer to all can cost, though every "
    "answer is the same"
)
