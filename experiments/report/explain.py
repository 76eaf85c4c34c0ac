"""Summarizes a case on one screen: what fails, what fixes it, its claims, and their certainty.

It formats stored tables as lines of text; it trains and prints nothing. Every number is also in
a table of the case's folder.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import failure_modes, rare_failures, tables
from experiments.stats import intervals, text

if TYPE_CHECKING:
    from experiments.analysis.analysis import Analysis

WIDTH = 100
HEIGHT = 50
MOST_LISTED = 6
VERDICTS = ("supported", "contradicted", "depends on the seed", "undecided", "cannot be tested")
OURS = "ours"


def explain(analysis: Analysis) -> str:
    """Explains a case from its stored tables.

    Args:
        analysis: The `Analysis` of its stored tables.

    Returns:
        A text of at most 100 columns and, if possible, at most 50 lines: lists are cut
        until it fits, and state what was cut.

    Raises:
        SuiteError: A table is missing; the message names the command that makes it.
    """
    requested = {
        "claims": analysis.evidence.claims,
        "certificates": analysis.evidence.interventions,
    }
    analysis.need("dissection", "diagnosis", *(name for name in requested if requested[name]))
    for most in range(MOST_LISTED, 0, -1):
        lines = _lines(analysis, most)
        if len(lines) <= HEIGHT:
            break
    return "\n".join(lines)


def _lines(analysis, most):
    case, causes = analysis.case, _interventions(analysis.interventions)
    sections = {
        "What breaks it": [_arm(analysis, "broken")],
        "What mends it": _mends(analysis),
        "What the thread got right and wrong": _claims(analysis.claims, most),
        "Certificates: a cause, and what changed that cause alone": causes,
        "How sure we are": _sure(analysis, most),
        "The software of the time": _history(analysis.history),
    }
    lines = [*_wrapped(f"{case.name}: {case.shows}"), *_wrapped(f"Asked at {case.source}")]
    for title, clauses in sections.items():
        if clauses:
            lines += [title, *(line for clause in clauses for line in _wrapped(clause, "  "))]
    return lines


def _wrapped(text, indent=""):
    inner = indent + " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(text.strip(), WIDTH, initial_indent=inner, subsequent_indent=f"{inner}  ")


def _arm(analysis, arm):
    """Returns the verdict and the symptoms of an arm at its longest budget."""
    part = tables.longest(analysis.runs, arm)
    if not len(part):
        return f"{arm} was not run."
    words = failure_modes.description(analysis.failure_modes, arm)
    rate = tables.solve_rate(part, analysis.rule)
    return f"{arm} {_verb(rate)} after {part['steps'].iloc[0]:,} updates. {words}"


def _verb(rate):
    verdict = intervals.verdict(rate)
    return f"is {verdict}" if verdict == "undecided" else verdict


def _mends(analysis):
    table, lines = analysis.ablation, [analysis.answer]
    for row in _first(table, "sufficient"):
        lines.append(
            f"{row['fixes']}: {row['verdict']}, confidence {text.at_least(row['confidence'])}"
        )
    needs = {}
    for row in _first(table, "necessary"):
        needs.setdefault(row["verdict"], []).append(row["fixes"])
    lines += [f"{verdict}, all others made: {', '.join(who)}" for verdict, who in needs.items()]
    return [*lines, _arm(analysis, "fixed")]


def _first(table, kind):
    """Returns the rows of one kind of the largest ablation, which comes first."""
    if not len(table):
        return []
    chosen = (table["kind"] == kind) & (table["dissection"] == table["dissection"].iloc[0])
    return table[chosen].to_dict("records")


def _claims(table, most):
    table, lines = table.drop_duplicates(["claim", "by"]), []
    for verdict in VERDICTS:
        part = table[table["verdict"] == verdict]
        if len(part):
            counts = part["by"].value_counts(sort=False)
            who = ", ".join(f"{by} {count:,}" for by, count in counts.items())
            lines += [f"{verdict}: {len(part):,} ({who})", *_listed(part[part["by"] != OURS], most)]
    return lines


def _listed(part, most):
    """Returns the claims as lines, and the names of those that are cut."""
    rows = part.to_dict("records")
    lines = [_short(f"{row['claim']} ({row['by']})") for row in rows[:most]]
    rest = ", ".join(dict.fromkeys(row["claim"].split()[0] for row in rows[most:]))
    return lines + [f"  and {rest}"] * bool(rest)


def _short(text, indent="  "):
    return indent + textwrap.shorten(text, WIDTH - 2 - len(indent), placeholder=" ...")


def _interventions(table):
    rows = table.drop_duplicates(["arm_explained", "cause", "intervention"]).to_dict("records")
    words = "{verdict}: {cause} ({arm_explained}; {intervention})"
    return [_short(words.format(**row), "") for row in rows]


def _sure(analysis, most):
    return [
        *_seeds(analysis.runs),
        *_weakest(analysis.ablation),
        *_undecided_arms(analysis, most),
        *_undecided_claims(analysis.claims, most),
        *_flips(analysis, most),
        *_rare(analysis),
    ]


def _seeds(runs):
    counts = runs.groupby(["arm", "steps"]).size()
    lines = [
        f"{counts[arm, steps]:,} of {arm} at {steps:,} updates"
        for arm, steps in counts.index
        if arm in ("broken", "fixed")
    ]
    each = " to ".join(f"{count:,}" for count in sorted({counts.min(), counts.max()}))
    return [f"Seeds: {'; '.join([*lines, f'{each} of each arm'])}."]


def _weakest(table):
    rows = [row for kind in ("sufficient", "necessary") for row in _first(table, kind)]
    rows = [row for row in rows if not pd.isna(row["confidence"])]
    if not rows:
        return []
    row = min(rows, key=lambda row: row["confidence"])
    sure = text.at_least(row["confidence"])
    return [f"Least sure: {row['fixes']} {row['verdict']}, confidence {sure}."]


def _undecided_arms(analysis, most):
    lines = []
    for (arm, steps), part in analysis.runs.groupby(["arm", "steps"]):
        rate = tables.solve_rate(part, analysis.rule)
        if intervals.verdict(rate) == "undecided":
            more = tables.seeds_to_decide(rate, analysis.rule)
            lines.append(f"{arm} at {steps:,} updates ({text.more_seeds(more)})")
    return [f"Undecided: {_cut(lines, most)}."] if lines else []


def _cut(words, most):
    rest = f" and {len(words) - most:,} more" * (len(words) > most)
    return ", ".join(words[:most]) + rest


def _undecided_claims(table, most):
    rows = table[(table["verdict"] == "undecided") & (table["answer"] == "undecided")]
    words = []
    for row in rows.to_dict("records"):
        more = "" if pd.isna(row["more_seeds"]) else f" ({text.more_seeds(row['more_seeds'])})"
        words.append(f"{row['claim'].split()[0]}, {row['question']}{more}")
    return [f"Open questions: {_cut(words, most)}."] if words else []


def _flips(analysis, most):
    case, table = analysis.case, analysis.sensitivity
    thresholds = " or ".join(f"{threshold:g}" for threshold in sorted(set(table["bar"])))
    if not thresholds:
        return []
    flipped = table[table["flips"].astype(bool)]
    if not len(flipped):
        return [
            f"No verdict changes with the bar at {thresholds} in place of {case.solved.above:g}."
        ]
    return [
        f"With the bar at {threshold:g} in place of {case.solved.above:g}, {verdict}: "
        f"{_cut(list(dict.fromkeys(part['arm'])), most)}."
        for (threshold, verdict), part in flipped.groupby(["bar", "verdict"])
    ]


def _rare(analysis):
    case, runs = analysis.case, analysis.runs
    failing = rare_failures.rare_failures(case, runs, "fixed", analysis.rule)
    if not len(failing):
        return []
    total = int(((runs["arm"] == "fixed") & (runs["steps"] == failing["steps"].iloc[0])).sum())
    command = rare_failures.command(case, "fixed", failing)
    return [f"Rare failures of fixed: {len(failing):,} of {total:,} seeds; see {command}"]


def _history(table):
    if table is None or not len(table):
        return []
    return [
        f"{verdict}: {', '.join(dict.fromkeys(part['arm']))}"
        for verdict, part in table.groupby("verdict", sort=False)
    ]
