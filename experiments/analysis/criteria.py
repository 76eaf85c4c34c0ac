"""The verdicts that a plan asks for: what has to be decided before seeds are enough.

Reads `Outcomes`, by the rules of readings and the ledger. Asked for are the solve
rate of every arm; what each fix does alone and last, where the plan holds every combination
of fixes; and the claims of the case all of whose arms are in the plan. What needs a study,
another trainer or the software of the time is not asked for.
"""

import dataclasses
from collections.abc import Callable

from experiments.analysis import claim_results, questions, tables
from experiments.cases import plans
from experiments.cases.case import SuiteError
from experiments.cases.claims import Fact
from experiments.stats import effects, intervals

UNDECIDED = questions.UNDECIDED


@dataclasses.dataclass(frozen=True)
class Criterion:
    """One verdict that is asked for.

    Attributes:
        text: What is asked, as a statement or a name.
        arms: The arms that it compares.
        read: Function from `Outcomes` to `(answer, further seeds or None)`.
    """

    text: str
    arms: tuple
    read: Callable


def criteria(case, evidence, plan):
    """Returns the verdicts that are asked for by a plan, as a list of `Criterion`.

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
    """Yields what each fix does alone and last, of the largest lattice in the plan."""
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
            # A metric that these arms do not have: no end of seeds would answer it.
            return claim_results.NOT_RUN, None
        more_seeds = [one.more_seeds for one in found if one.answer == UNDECIDED]
        return answer, None if None in more_seeds else max(more_seeds, default=None)

    return read


def _arms(case, claim):
    """The arms of a claim, each by the name that plans use."""
    return dict.fromkeys(next(iter(plans.select(case, arm))) for arm in claim.arms)


def _is_within(case, claim, plan):
    """Whether a claim asks seeds, and none but those of the plan at its lengths."""
    tests = [test for test in claim.tests if not isinstance(test, Fact)]
    if not tests or any(":" in arm for arm in claim.arms):
        return False
    if not _arms(case, claim).keys() <= plan.keys():
        return False
    parts = [(test.steps, dataclasses.replace(claim, tests=(test,))) for test in tests]
    return all(
        steps in (None, plan[arm].num_steps) for steps, part in parts for arm in _arms(case, part)
    )
