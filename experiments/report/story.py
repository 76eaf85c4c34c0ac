"""The story of a case in a paragraph: what failed, what mends it, why, what was said.

Room 10: composes words from tables of evidence; computes no statistic.
"""

from experiments.analysis import ablation, claim_results, failure_modes, tables
from experiments.stats.text import listed


def story(case, runs, found):
    """Tells a case in one paragraph.

    Args:
        case: The `Case`.
        runs: What `tables.runs` returns.
        found: What `evidence.gather` returns.

    Returns:
        A paragraph of text.
    """
    sentences = [
        f"{case.shows.rstrip('.')}; people search for it as: {case.symptom}.",
        *(_arm(found["diagnosis"], arm) for arm in ("broken", "fixed")),
        *(item.answer for item in ablation.budgets(case, runs)[:1]),
        *_causes(found["certificates"]),
        *_statements(found["claims"]),
    ]
    return " ".join(filter(None, sentences))


def _arm(table, arm):
    """What becomes of an arm, at its longest stored budget."""
    part = tables.longest(table, arm)
    if not len(part):
        return ""
    steps = int(part["steps"].iloc[0])
    whose = "As it was asked about" if arm == "broken" else "With every fix"
    words = failure_modes.words(part, arm)
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
