"""Measures what each fix contributes, from the outcomes under every combination of fixes.

All combinations share their seeds. The tables hold Shapley values, interactions, paired
effects and the smallest combinations that solve, at each stored budget.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from experiments.analysis import tables
from experiments.analysis.baselines import error_range
from experiments.analysis.conclusion import conclude
from experiments.analysis.questions import paired
from experiments.cases import plans
from experiments.stats import effects, intervals
from experiments.stats.interim import StoppingRule
from experiments.stats.shapley import attribute, minimal_sets, necessary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from experiments.analysis.outcomes import Outcomes
    from experiments.cases.case import Case
    from experiments.cases.evidence import Recorded

COLUMNS = ["dissection", "kind", "fixes", "quantity", "estimate", "low", "high"]
COLUMNS += ["num_seeds", "verdict", "confidence"]
SOLVES, FAILS = 0.8, 0.2
THRESHOLDS = {"r2": (0.90, 0.99), "accuracy": (0.85, 0.95)}


@dataclasses.dataclass(frozen=True, eq=False)
class Ablation:
    """The outcomes of the same seeds under every set of fixes.

    Attributes:
        fixes: Names of fixes, in the order of the case.
        budget: Training length of its arms, as text.
        steps: `{arm: updates}`.
        outcomes: `{frozenset of fixes: table}`, indexed by the same seeds. Bit `i` of
            a set's place among them is set where fix `i` is in it.
        error_range: The smallest and the largest error.
        own: As `outcomes`, but with all seeds of each arm: under repeated analyses, arms
            that are decided early have fewer seeds than others.
        rule: The `StoppingRule`.
    """

    fixes: tuple[str, ...]
    budget: str
    steps: dict[str, int]
    outcomes: dict[frozenset[str], pd.DataFrame]
    error_range: tuple[float, float]
    own: dict[frozenset[str], pd.DataFrame]
    rule: StoppingRule

    @property
    def name(self) -> str:
        """Its fixes and its budget as text."""
        return f"{', '.join(self.fixes)}: {self.budget}"

    @property
    def num_seeds(self) -> int:
        """Number of seeds that every arm has."""
        return len(self.outcomes[frozenset()])

    @property
    def span(self) -> float:
        """The largest difference that a logarithm of errors can take."""
        return float(np.diff(np.log(self.error_range))[0])

    @property
    def answer(self) -> str:
        """Which fixes are enough and which are needed, in one line."""
        single = {fix: effects.effect(*self.effect(fix)) for fix in self.fixes}
        return conclude(self.verdicts(), single)

    def subset_outcomes(self, quantity: str) -> np.ndarray:
        """Returns `(num_seeds, 2**num_fixes)`: `"solved"` or `"log_error"` of each set."""
        tables = self.outcomes.values()
        return np.stack([table[quantity].to_numpy(np.float64) for table in tables], axis=1)

    def verdicts(self) -> dict[frozenset[str], str]:
        """Returns `{frozenset of fixes: verdict}` by the verdict rule."""
        return {fixes: intervals.verdict(self.rate(fixes)) for fixes in self.outcomes}

    def rate(self, fixes: Iterable[str]) -> intervals.Interval:
        """Returns the `Interval` of the solve rate under a set of fixes."""
        return tables.solve_rate(self.own[frozenset(fixes)], self.rule)

    def count(self, fixes: Iterable[str]) -> tuple[int, int]:
        """Returns `(successes, total)` of the seeds under a set of fixes."""
        table = self.own[frozenset(fixes)]
        return int(table["solved"].sum()), len(table)

    def error_above(self, fixes: Iterable[str]) -> float:
        """Returns the exact one-sided error probability of "this set of fixes solves"."""
        return self._error(effects.confidence_above, fixes, SOLVES)

    def error_below(self, fixes: Iterable[str], threshold: float) -> float:
        """Returns the exact one-sided error probability of a solve rate below a threshold."""
        return self._error(effects.confidence_below, fixes, threshold)

    def _error(self, confidence, fixes, threshold):
        count = self.count(fixes)
        return (1 - confidence(*count, threshold)) * self.rule.price(count[1])

    def effect(self, fix: str, last: bool = False) -> tuple[intervals.Interval, intervals.Interval]:
        """Returns a fix's paired differences of solve rate and log error.

        Args:
            fix: Name of the fix.
            last: Whether it is added to all others instead of to the broken program.
        """
        before = frozenset(self.fixes) - {fix} if last else frozenset()
        pair = self.own[before | {fix}], self.own[before]
        seeds = pair[0].index.intersection(pair[1].index)
        first, second = (table.loc[seeds] for table in pair)
        confidence = self.rule.confidence(len(seeds))
        return paired(first, second, span=self.span, confidence=confidence)


def budgets(recorded: Iterable[Recorded], outcomes: Outcomes) -> list[Ablation]:
    """Finds the ablations that the stored rows allow.

    Args:
        recorded: What is recorded of the case; lines that name all combinations are tried.
        outcomes: The `Outcomes` of the case.

    Returns:
        List of `Ablation`: most fixes first, then most seeds. An ablation with an arm that
        is not stored is left out, as is one that another with as many seeds contains.
    """
    found = [_ablation(outcomes, line) for line in recorded]
    found = sorted(filter(None, found), key=lambda item: (-len(item.fixes), -item.num_seeds))
    kept = []
    for item in found:
        if not any(_holds(other, item) for other in kept):
            kept.append(item)
    return kept


def _holds(other, item):
    return item.steps.items() <= other.steps.items() and item.num_seeds <= other.num_seeds


def _ablation(stored, line):
    """Builds the ablation of one recorded line, or `None` if an arm is missing."""
    if not plans.holds_combinations(line.arms):
        return None
    case, rule = stored.case, stored.rule
    fixes = tuple(name for name in case.fixes if name not in line.without)
    plan = plans.cut(plans.combinations(case, line.without), line.steps)
    steps = {arm: setup.num_steps for arm, setup in plan.items()}
    if not all(number in stored.lengths(arm) for arm, number in steps.items()):
        return None
    found = {chosen: stored.of(arm, steps[arm]) for chosen, arm in _arms(case, fixes).items()}
    seeds = sorted(set.intersection(*(set(table.index) for table in found.values())))
    if not seeds:
        return None
    shared = {chosen: table.loc[seeds] for chosen, table in found.items()}
    own = found if rule.is_repeated else shared
    return Ablation(fixes, _budget(case, steps), steps, shared, error_range(case), own, rule)


def _arms(case, fixes):
    """Returns `{frozenset of fixes: arm}`, a set's place being its fixes' bits."""
    sets = [
        frozenset(fix for place, fix in enumerate(fixes) if number >> place & 1)
        for number in range(2 ** len(fixes))
    ]
    return {chosen: plans.arm_name(case, chosen) for chosen in sets}


def _budget(case, steps):
    """Returns the training length of the arms as text."""
    longest = max(steps.values())
    if len(set(steps.values())) == 1:
        return f"{longest:,} updates"
    if all(case.arm(arm).num_steps == number for arm, number in steps.items()):
        return "each arm at its documented length"
    return f"longer arms cut to {longest:,} updates"


def combinations_table(item: Ablation) -> pd.DataFrame:
    """Returns a line for each set of fixes of an `Ablation`, fewest fixes first.

    Returns:
        Columns `arm, fixes, num_fixes, num_seeds, solved, low, high, verdict, minimal`:
        `fixes` a frozenset, `minimal` whether it is a smallest set that solves.
    """
    verdicts, rows = item.verdicts(), []
    minimal = {found.fixes for found in minimal_sets(verdicts)}
    for fixes, verdict in verdicts.items():
        rate = item.rate(fixes)
        names = "+".join(name for name in item.fixes if name in fixes) or "broken"
        bounds = (rate.num_seeds, rate.estimate, rate.low, rate.high)
        rows.append((names, fixes, len(fixes), *bounds, verdict, fixes in minimal))
    names = ["arm", "fixes", "num_fixes", "num_seeds", "solved", "low", "high", "verdict"]
    table = pd.DataFrame(rows, columns=[*names, "minimal"])
    return table.sort_values("num_fixes", kind="stable", ignore_index=True)


def table(items: Iterable[Ablation]) -> pd.DataFrame:
    """Tabulates the contribution of every fix, at every budget that the stored rows allow.

    Args:
        items: What `budgets` returns.

    Returns:
        Columns `dissection, kind, fixes, quantity, estimate, low, high, num_seeds,
        verdict, confidence`. The kinds: `shapley` and `interaction` (means over seeds),
        `alone` (a fix on the broken program), `last` (on all other fixes), `sufficient`
        (a minimal set that solves) and `necessary`. `log_error` is a natural
        logarithm, lower is better. A blank means that the column does not apply.
    """
    rows = []
    for item in items:
        found = [*_attributions(item), *_effects(item), *_sufficient(item), *_necessary(item)]
        head = {"dissection": item.name, "num_seeds": item.num_seeds}
        rows += [head | row for row in found]
    return pd.DataFrame(rows, columns=COLUMNS).fillna({"verdict": ""})


def _attributions(item):
    """Yields Shapley values and pairwise interactions."""
    ranges = {"solved": (0.0, 1.0), "log_error": tuple(np.log(item.error_range))}
    for quantity, (low, high) in ranges.items():
        subset_outcomes = np.clip(item.subset_outcomes(quantity), low, high)
        confidence = item.rule.confidence(item.num_seeds)
        found = attribute(subset_outcomes, low=low, high=high, confidence=confidence)
        for places, interval in found.items():
            kind = "shapley" if len(places) == 1 else "interaction"
            fixes = "+".join(item.fixes[place] for place in places)
            yield _row(kind, fixes, quantity) | _bounds(interval)


def _effects(item):
    """Yields the effects of each fix alone, and last."""
    for kind in ("alone", "last"):
        for fix in item.fixes:
            rates, errors = item.effect(fix, last=kind == "last")
            seeds, both = {"num_seeds": rates.num_seeds}, effects.effect(rates, errors)
            yield seeds | _row(kind, fix, "solved", effects.rate_effect(rates)) | _bounds(rates)
            word = effects.error_effect(errors)
            yield seeds | _row(kind, fix, "log_error", word) | _bounds(errors)
            yield seeds | _row(kind, fix, "verdict", both)


def _row(kind, fixes, quantity, verdict=""):
    return {"kind": kind, "fixes": fixes, "quantity": quantity, "verdict": verdict}


def _bounds(interval):
    # What is 0 but for floating point is 0.
    names = ("estimate", "low", "high")
    return {name: round(getattr(interval, name), 12) + 0.0 for name in names}


def _sufficient(item):
    """Yields the minimal sets of fixes that solve."""
    verdicts = item.verdicts()
    for found in minimal_sets(verdicts):
        errors = [item.error_above(found.fixes)]
        smaller = [fixes for fixes in verdicts if fixes < found.fixes]
        word = "minimal"
        if any(verdicts[fixes] == "undecided" for fixes in smaller):
            word = "minimality undecided"
        else:
            errors += [_error_of_not_solving(item, fixes, verdicts) for fixes in smaller]
        names = "+".join(name for name in item.fixes if name in found.fixes) or "broken"
        seeds = {"num_seeds": item.count(found.fixes)[1]}
        yield seeds | _row("sufficient", names, "verdict", word) | {"confidence": _less(errors)}


def _necessary(item):
    """Yields for each fix whether the others solve without it, where all fixes solve."""
    verdicts, everything = item.verdicts(), frozenset(item.fixes)
    if verdicts[everything] != "solves":
        return
    words, error = necessary(verdicts), item.error_above(everything)
    for fix in item.fixes:
        word, rest = words.get(fix) or "can be spared", everything - {fix}
        errors = [error, item.error_above(rest)]
        if word != "can be spared":
            errors = [error, _error_of_not_solving(item, rest, verdicts)]
        confidence = np.nan if word == "undecided" else _less(errors)
        yield _row("necessary", fix, "verdict", word) | {"confidence": confidence}


def _error_of_not_solving(item, fixes, verdicts):
    """Returns the one-sided error of 'fails', or of not solving if it depends on the seed."""
    threshold = FAILS if verdicts[fixes] == "fails" else SOLVES
    return item.error_below(fixes, threshold)


def _less(errors):
    """Returns a joint confidence of all verdicts, by Bonferroni's inequality."""
    return max(0.0, 1 - sum(errors))


def answer(items: Sequence[Ablation]) -> str:
    """Returns in one line which fixes are enough and which are needed.

    Args:
        items: What `budgets` returns.
    """
    return items[0].answer if items else "Not every combination of the fixes was run."


def flips(case: Case, runs: pd.DataFrame, rule: StoppingRule) -> pd.DataFrame:
    """Recomputes each arm's verdict with a lower and a higher threshold.

    Args:
        case: The `Case`.
        runs: What `tables.runs` returns.
        rule: The `StoppingRule`.

    Returns:
        Columns `arm, steps, bar, verdict, flips`: `flips` is whether the verdict
        differs from that at the case's own threshold. Empty unless the threshold is on R2 or
        on accuracy.
    """
    metric, rows = case.solved.metric, []
    for (arm, steps), part in runs.groupby(["arm", "steps"]):
        own = _verdict_at(part, metric, case.solved.above, rule)
        for threshold in THRESHOLDS.get(metric, ()):
            verdict = _verdict_at(part, metric, threshold, rule)
            rows.append((arm, steps, threshold, verdict, verdict != own))
    places = tables.order(case)
    rows.sort(key=lambda row: (places.get(row[0], len(places)), *row[:3]))
    return pd.DataFrame(rows, columns=["arm", "steps", "bar", "verdict", "flips"])


def _verdict_at(part, metric, threshold, rule):
    solved = (part[metric] >= threshold) & ~part["diverged"].astype(bool)
    return intervals.verdict(tables.rate(solved, rule))
