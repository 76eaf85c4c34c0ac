"""Tabulates faults and their repairs over all cases, for research on faults.

Each line is a pair of a broken and a fixed program. A case assigns each of its fixes a class of
the taxonomy of real faults in deep learning systems of Humbatova et al. (2020). The class names
are theirs; the assignment is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import failure_modes, tables
from experiments.stats import intervals
from experiments.stats.shapley import minimal_sets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case

DOCUMENTED = "each arm at its documented length"
TOP_CLASSES = ("Model", "Tensors & Inputs", "Training", "GPU Usage", "API")
COLUMNS = ["pair", "kind", "fix", "fault_class", "symptom", "diagnosis"]
RATE = ("solve_rate", "low", "high", "num_seeds")
COLUMNS += [f"{side}_{name}" for side in ("broken", "fixed") for name in RATE]
COLUMNS += ["verdict", "minimal", "minimal_fix", "budget"]


def table(found: Mapping[Case, Analysis]) -> pd.DataFrame:
    """Lists every pair of broken and fixed programs, with the fault that separates them.

    Args:
        found: `{case: Analysis}`.

    Returns:
        For each case, and each budget at which all combinations of its fixes are stored,
        a line for all fixes together (`kind` is "pair", or "set of fixes" where some of
        the case's were left out), for each fix alone ("one fix") and for each other set
        of fixes that is enough and minimal ("set of fixes"). Where no such budget is the
        documented one, a further "pair" is, with the seeds that each side has.
        `fix` joins names by `+`, `fault_class` joins the classes of several by "; ";
        `diagnosis` describes the measured symptoms of the broken program. `verdict` is that
        of the fixed one, `minimal` whether its set is enough and no smaller one is, and
        `minimal_fix` joins all such sets by " or ". Rates have Wilson's interval of 95%.
    """
    rows = []
    for case, analysis in found.items():
        lines = [line for item in analysis.ablations for line in _lines(analysis, item)]
        for steps, line in [*_documented(analysis), *lines]:
            head = {"pair": case.name, "symptom": case.symptom}
            head["diagnosis"] = failure_modes.description(analysis.failure_modes, "broken", steps)
            rows.append(head | line)
    return pd.DataFrame(rows, columns=COLUMNS)


def _documented(analysis):
    """Yields the pair at its documented lengths, if it is stored and in no ablation."""
    case, runs = analysis.case, analysis.runs
    wanted = {"broken": case.broken.num_steps, "fixed": case.fixed.num_steps}
    if any(wanted.items() <= item.steps.items() for item in analysis.ablations):
        return
    parts = {arm: runs[(runs["arm"] == arm) & (runs["steps"] == n)] for arm, n in wanted.items()}
    if all(map(len, parts.values())):
        rates = {arm: tables.solve_rate(part, analysis.rule) for arm, part in parts.items()}
        row = {"kind": "pair", "fix": "+".join(case.fixes), "budget": DOCUMENTED}
        row |= {"minimal": "", "minimal_fix": ""}
        faults = fault(analysis.evidence.faults, case.fixes)
        row |= {"fault_class": faults} | _rate("broken", rates["broken"])
        row["verdict"] = intervals.verdict(rates["fixed"])
        yield wanted["broken"], row | _rate("fixed", rates["fixed"])


def _lines(analysis, item):
    """Yields the rows of one ablation, each with the updates of its broken side."""
    case, faults = analysis.case, analysis.evidence.faults
    verdicts = item.verdicts()
    minimal = [one.fixes for one in minimal_sets(verdicts)]
    words = {"minimal_fix": " or ".join(_joined(item, fixes) for fixes in minimal)}
    words |= {"budget": item.budget} | _rate("broken", item.rate(()))
    for fixes, kind in _sets(case, item, minimal).items():
        row = {"kind": kind, "fix": _joined(item, fixes), "fault_class": fault(faults, fixes)}
        row |= {"verdict": verdicts[fixes], "minimal": "yes" if fixes in minimal else "no"}
        yield item.steps["broken"], row | words | _rate("fixed", item.rate(fixes))


def _sets(case, item, minimal):
    """Returns `{set of fixes: kind}`, each set once: all, each alone, the minimal ones."""
    whole = "pair" if len(item.fixes) == len(case.fixes) else "set of fixes"
    sets = {frozenset(item.fixes): whole}
    for fixes in (frozenset([name]) for name in item.fixes):
        sets.setdefault(fixes, "one fix")
    for fixes in minimal:
        sets.setdefault(fixes, "set of fixes")
    return {fixes: kind for fixes, kind in sets.items() if fixes}


def fault(faults: Mapping[str, str], fixes: Collection[str]) -> str:
    """Returns the classes of the faults that some fixes repair, each once, joined by "; ".

    Args:
        faults: Fix to the class of the fault it repairs.
        fixes: Names of fixes.
    """
    found = "; ".join(words for name, words in faults.items() if name in fixes)
    return "; ".join(dict.fromkeys(found.split("; ")))


def _joined(item, fixes):
    return "+".join(name for name in item.fixes if name in fixes) or "broken"


def _rate(side, rate):
    """The solve rate of one side with its interval, as columns."""
    values = (rate.estimate, rate.low, rate.high, rate.num_seeds)
    return {f"{side}_{name}": value for name, value in zip(RATE, values, strict=True)}
