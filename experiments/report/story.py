"""Summarizes a case in one paragraph: the failure, its fixes, its causes and its claims.

It formats tables of evidence and computes no statistics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.analysis import claim_results, failure_modes, tables
from experiments.stats.text import listed

if TYPE_CHECKING:
    from experiments.analysis.analysis import Analysis


def story(analysis: Analysis) -> str:
    """Summarizes a case in one paragraph.

    Args:
        analysis: The `Analysis`.

    Returns:
        A paragraph of text.
    """
    case = analysis.case
    sentences = [
        f"{case.shows.rstrip('.')}; people search for it as: {case.symptom}.",
        *(_arm(analysis.failure_modes, arm) for arm in ("broken", "fixed")),
        *(item.answer for item in analysis.ablations[:1]),
        *_causes(analysis.interventions),
        *_statements(analysis.claims),
    ]
    return " ".join(filter(None, sentences))


def _arm(table, arm):
    """Describes the outcome of an arm at its longest stored budget."""
    part = tables.longest(table, arm)
    if not len(part):
        return ""
    steps = int(part["steps"].iloc[0])
    whose = "As it was asked about" if arm == "broken" else "With every fix"
    words = failure_modes.description(part, arm)
    return f"{whose}, after {steps:,} updates, {words[0].lower()}{words[1:]}"


def _causes(table):
    causes = table.loc[table["verdict"] == "supported", "cause"]
    if len(causes):
        words = "; ".join(dict.fromkeys(causes))
        yield f"Interventions that touch nothing else show why: {words}."


def _statements(table):
    counts = table.drop_duplicates("claim").loc[
        lambda part: part["verdict"] != claim_results.NOT_RUN
    ]
    counts = counts["verdict"].value_counts()
    if len(counts):
        words = listed(f"{count} {verdict}" for verdict, count in counts.items())
        yield f"Of {counts.sum()} statements on it {words}."
