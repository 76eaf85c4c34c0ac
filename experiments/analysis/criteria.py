"""Lists the verdicts that must be decided before a plan has enough seeds.

They are the solve rate of every arm; the effect of each fix alone and last, where the plan
holds every combination of fixes; and the claims of the case whose arms are all in the plan.
Claims that need a grid, another trainer or historical results are left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from experiments.analysis import claim_results, questions, tables
from experiments.cases import plans
from experiments.cases.claims import Fact
from experiments.cases.errors import SuiteError
from experiments.stats import effects, intervals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.analysis.outcomes import Outcomes
    from experiments.cases.case import Case
    from experiments.cases.evidence import Evidence
    from experiments.cases.setups import Setup

UNDECIDED = questions.UNDECIDED


@dataclasses.dataclass(frozen=True)
class Criterion:
    """One verdict that must be decided.

    Attributes:
        text: The criterion as a statement or a name.
        arms: The arms that it compares.
        read: Function from `Outcomes` to `(answer, further seeds or None)`.
    """

    text: str
    arms: tuple[str, ...]
    read: Callable[[Outcomes], tuple[str, int | None]]


def list_criteria(case: Case, evidence: Evidence, plan: Mapping[str, Setup]) -> list[Criterion]:
    """Returns the verdicts that a plan must decide.

    Args:
        case: The `Case`.
        evidence: Its `Evidence`.
        plan: `{arm: setup}`.
    """
    rates = [Criterion(f"solve rate of {arm}", (arm,), _rate(arm)) for arm in plan]
    claims = [
        Criterion(f"claim {claim.name}: {claim.says}", tuple(_arms(case, claim)), _claim(claim))
        for claim in evidence.claims
        if claim.tests and _is_within(case, claim, plan)
    ]
    return [*rates, *_effects(case, evidence.recorded, plan), *claims]


def _rate(arm):
    def read(outcomes):
        found = tables.solve_rate(outcomes.of(arm), outcomes.rule)
        more = tables.seeds_to_decide(found, outcomes.rule)
        return intervals.verdict(found), more

    return read


def _effects(case, recorded, plan):
    """Yields the effects of each fix alone and last, for the largest ablation in the plan."""
    sets_left_out = [(), *(line.without for line in recorded)]
    found = (
        without
        for without in sets_left_out
        if plans.combinations(case, without).keys() <= plan.keys()
    )
    without = next(found, None)
    fixes = [fix for fix in case.fixes if fix not in (without or ())]
    for fix in fixes if without is not None else ():
        rest = [name for name in fixes if name != fix]
        pairs = {"alone": ([fix], [])} | ({"last": (fixes, rest)} if rest else {})
        for kind, sets in pairs.items():
            pair = tuple(plans.arm_name(case, names) for names in sets)
            yield Criterion(f"{fix}, {kind}", pair, _effect(*pair))


def _effect(arm, than):
    def read(outcomes):
        first, second = outcomes.of(arm), outcomes.of(than)
        seeds = first.index.intersection(second.index)
        first, second = first.loc[seeds], second.loc[seeds]
        confidence = outcomes.rule.confidence(len(seeds))
        pair = questions.paired(first, second, span=outcomes.span, confidence=confidence)
        return effects.effect(*pair), None

    return read


def _claim(claim):
    def read(outcomes):
        try:
            answer, found = claim_results.answers(claim.tests, outcomes, claim.any_of)
        except SuiteError:
            # These arms lack a metric: no number of seeds would answer the claim.
            return claim_results.NOT_RUN, None
        undecided = [one.more_seeds for one in found if one.answer == UNDECIDED]
        more_seeds = [more for more in undecided if more is not None]
        return answer, max(more_seeds, default=None) if more_seeds == undecided else None

    return read


def _arms(case, claim):
    """Returns the arms of a claim by the names that plans use."""
    return dict.fromkeys(next(iter(plans.select(case, arm))) for arm in claim.arms)


def _is_within(case, claim, plan):
    """Whether a claim needs seeds, and only those of the plan at its lengths."""
    tests = [test for test in claim.tests if not isinstance(test, Fact)]
    if not tests or any(":" in arm for arm in claim.arms):
        return False
    if not _arms(case, claim).keys() <= plan.keys():
        return False
    parts = [(test.steps, dataclasses.replace(claim, tests=(test,))) for test in tests]
    return all(
        steps in (None, plan[arm].num_steps) for steps, part in parts for arm in _arms(case, part)
    )
