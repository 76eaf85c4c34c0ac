"""Writes the index page over all reports, and the table of findings in the README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import claim_results
from experiments.cases.errors import SuiteError
from experiments.report.markdown import markdown, picture
from experiments.report.report import outcome_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case
    from experiments.report.figure_files import FigureSpec

HEAD = "# What came of it"
FOOT = (
    "Shares of seeds with Wilson's 95% interval. An arm solves if its interval lies "
    "above 80%. Where an arm was trained at several budgets the longest is shown. "
    "Written by `python -m reproductions report`."
)
# Pages beside the cases' folders: path and content.
BESIDE = {
    "silently/README.md": "what today's Keras does without a word, for those who maintain it",
    "faults.csv": "pairs of faulty and mended programs, for those who study faults",
    "gate/README.md": "whether today's Keras still gives these results, and which faults are "
    "caught",
    "coverage/README.md": "how often the intervals and verdicts used here are right, by simulation",
    "era/README.md": "what the programs did on the software of their time, and how to run it again",
    "benchmark/benchmark.md": "how fast the engine is, and against what",
}


# The markers before and after the findings in the README.
SIGNS = "<!-- findings: python -m reproductions report -->", "<!-- end of findings -->"


def page(folders: Mapping[Case, Analysis], root: Path, spec: FigureSpec) -> str:
    """Returns the page as Markdown.

    Args:
        folders: `{case: Analysis}` of the cases that have runs.
        root: The folder of all results.
        spec: The figure over all cases, as `case_figures.summary` returns it.
    """
    claims = _claims(folders)
    parts = [HEAD, picture(spec.caption, f"figures/{spec.name}.png").rstrip()]
    parts += [markdown(pd.DataFrame([_case_text(*pair) for pair in folders.items()])), FOOT]
    rules = [analysis.rule.text() for analysis in folders.values()]
    parts += list(dict.fromkeys(filter(None, rules)))
    if len(claims):
        parts += ["## What the threads say, and what came of it", markdown(_counts(claims))]
        parts += [markdown(claims)]
    studied = {
        f"{case.name}/studies/README.md": " ".join(grid.asks for grid in found.evidence.grids)
        for case, found in folders.items()
    }
    shown = [
        f"- [{place}]({place}): {words}"
        for place, words in (studied | BESIDE).items()
        if (root / place).exists()
    ]
    parts += ["## Beside the cases", "\n".join(shown)] if shown else []
    return "\n\n".join(parts) + "\n"


def with_findings(readme: str, folders: Mapping[Case, Analysis], spec: FigureSpec) -> str:
    """Returns a text with the findings, a table and a figure, between its two markers.

    Args:
        readme: The text.
        folders: `{case: Analysis}` of the cases that have runs.
        spec: The figure over all cases, as `case_figures.summary` returns it.

    Raises:
        SuiteError: A marker is missing or occurs more than once.
    """
    found = [readme.count(mark) for mark in SIGNS]
    if found != [1, 1]:
        raise SuiteError(
            f"README.md must hold each of the lines {SIGNS} once. Received: {found} times"
        )
    before, rest = readme.split(SIGNS[0])
    _, after = rest.split(SIGNS[1])
    rows = pd.DataFrame([_finding(*pair) for pair in folders.items()])
    shown = picture(spec.caption, f"results/figures/{spec.name}.png")
    return f"{before}{SIGNS[0]}\n{markdown(rows)}\n\n{shown}{SIGNS[1]}{after}"


def _finding(case, analysis):
    words = _case_text(case, analysis)
    columns = ("broken solves", "fixed solves", "which changes mattered")
    return {
        "symptom": case.symptom,
        "case": f"[`{case.name}`](results/{case.name}/report.md)",
        "where asked": linked(case.source),
        **{name: words[name] for name in columns},
    }


def linked(source: str) -> str:
    """Returns the source of a case with its addresses as Markdown links.

    Example:
    >>> linked("example.org/a/1 (part 1)")
    '[example.org/a/1](https://example.org/a/1) (part 1)'
    """
    return re.sub(r"[a-z0-9.-]+\.[a-z]{2,}/[^\s,;()]+", r"[\g<0>](https://\g<0>)", source)


def _case_text(case, analysis):
    words = outcome_table(analysis.outcomes).set_index("arm")
    words = words[~words.index.duplicated(keep="last")]
    solving = [arm for arm in words.index if words.loc[arm, "verdict"] == "solves"]
    return {
        "case": f"[{case.name}]({case.name}/report.md)",
        "what goes wrong": case.shows,
        "broken solves": _rate_text(words, "broken"),
        "fixed solves": _rate_text(words, "fixed"),
        "which changes mattered": analysis.answer,
        "arms that solve": ", ".join(f"`{arm}`" for arm in solving) or "none",
    }


def _rate_text(words, arm):
    if arm not in words.index:
        return "not run"
    return f"{words.loc[arm, 'solved']} of {words.loc[arm, 'seeds']} seeds"


def _claims(folders):
    """Returns a row for every claim of every case: claim, case, by, verdict."""
    parts = []
    for case, analysis in folders.items():
        if len(analysis.claims):
            words = claim_results.text_table(analysis.claims).drop(columns="evidence")
            words.insert(1, "case", f"[{case.name}]({case.name}/report.md)")
            parts.append(words)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _counts(claims):
    """Returns the number of claims by case and verdict."""
    counts = claims.groupby(["case", "verdict"]).size().unstack(fill_value=0)
    total = counts.sum().rename("all")
    counts = pd.concat([counts, total.to_frame().T])
    return counts.rename_axis("case").reset_index(names="case").astype(str)
