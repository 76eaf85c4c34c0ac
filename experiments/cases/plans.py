"""Plans: the arms to train, as `{arm name: setup}`.

Plans are computed from a case: all combinations of its fixes, its variants, single fixes,
or the configurations of a grid.
"""

import dataclasses
import itertools
from collections.abc import Collection, Mapping
from typing import Any

from experiments.cases.case import Case
from experiments.cases.claims import Grid
from experiments.cases.errors import SuiteError
from experiments.cases.setups import Setup
from experiments.cases.validation import ALIASES, WORDS


def combinations(case: Case, without: Collection[str] = ()) -> dict[str, Setup]:
    """Returns every combination of the fixes, from none to all.

    Args:
        case: The `Case`.
        without: Fixes to leave out.

    Returns:
        `{arm: setup}` of 2^k arms; `broken` has no fix, `fixed` has all.
    """
    names = [name for name in case.fixes if name not in without]
    plan = {}
    for size in range(len(names) + 1):
        for chosen in itertools.combinations(names, size):
            arm = arm_name(case, chosen)
            plan[arm] = case.arm(arm)
    return plan


def arm_name(case: Case, fixes: Collection[str]) -> str:
    """Returns the name of the arm with these fixes, in the case's order."""
    ordered = [name for name in case.fixes if name in fixes]
    if len(ordered) == len(case.fixes):
        return "fixed"
    return "+".join(ordered) or "broken"


def fixes_of(case: Case, arm: str) -> tuple[str, ...]:
    """Returns the fixes of an arm that combines fixes, in the case's order."""
    if arm == "fixed":
        return tuple(case.fixes)
    return tuple(name for name in case.fixes if name in arm.split("+"))


def variants(case: Case) -> dict[str, Setup]:
    """Returns `{arm: setup}` of the case's variants."""
    return {name: case.arm(name) for name in case.variants}


def select(case: Case, words: str, *, without: Collection[str] = ()) -> dict[str, Setup]:
    """Returns the plan of some arms, as named on the command line.

    Args:
        case: The `Case`.
        words: Arm names or the words `combinations` (of the fixes), `variants`, `all`, joined
            by commas. Fixes joined by `+` may be in any order.
        without: Fixes to leave out of the combinations.

    Raises:
        SuiteError: A word is no arm of the case.
    """
    plan = {}
    for word in _text(words):
        if word in ("combinations", "all"):
            plan |= combinations(case, without)
        if word in ("variants", "all"):
            plan |= variants(case)
        if word not in WORDS:
            setup = case.arm(word)
            known = word in case.variants or word in ("broken", "fixed")
            plan[word if known else arm_name(case, word.split("+"))] = setup
    if not plan:
        raise SuiteError(
            f"No arms were named; expected for example --arms broken,fixed. Received: {words!r}"
        )
    return plan


def holds_combinations(words: str) -> bool:
    """Returns whether `words`, see `select`, include all combinations of the fixes."""
    return not {"combinations", "all"}.isdisjoint(_text(words))


def _text(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    return [ALIASES.get(word, word) for word in words if word]


def cut(plan: Mapping[str, Setup], steps: int | None) -> dict[str, Setup]:
    """Returns the plan with every longer arm cut to `steps` updates.

    Only an endless stream can be cut anywhere; arms with a finite data set are unchanged.
    """
    if steps is None:
        return dict(plan)
    return {
        arm: setup.replace(steps=min(setup.steps, steps)) if setup.is_stream else setup
        for arm, setup in plan.items()
    }


def configurations(case: Case, grid: Grid) -> dict[str, Setup]:
    """Returns the configurations of a grid, at the start arm's length.

    Args:
        case: The `Case`.
        grid: The `Grid`.

    Returns:
        `{configuration: setup}`; a configuration's name is its labels, joined by `/`, in
        the order of the axes. The last axis varies fastest.

    Raises:
        ValueError: Two axes, or an axis and the lengths, set the same field; or a label is
            empty, or holds `/` or `*`.
    """
    start = case.arm(grid.start)
    _check_axes(grid, "steps" if start.is_stream else "epochs")
    plan = {}
    for labels in itertools.product(*grid.axes.values()):
        chosen = zip(grid.axes.values(), labels, strict=True)
        changes = {field: value for axis, label in chosen for field, value in axis[label].items()}
        plan["/".join(labels)] = start.replace(**changes)
    return plan


def _check_axes(grid: Grid, length: str) -> None:
    touched = {length: "lengths"} if grid.lengths else {}
    for name, axis in grid.axes.items():
        fields = {field for changes in axis.values() for field in changes}
        for field in sorted(fields & set(touched)):
            raise ValueError(
                f"{grid.name}: axes touch disjoint fields. Received: '{field}' in "
                f"'{touched[field]}' and in '{name}'"
            )
        for label in axis:
            if not label or set(label) & set("/*"):
                raise ValueError(
                    f"{grid.name}: a label holds neither '/' nor '*'. Received: {label!r}"
                )
        touched |= dict.fromkeys(fields, name)


def one_in(case: Case) -> dict[str, Setup]:
    """Returns `{arm: setup}` of `broken`, and of `broken` with each single fix."""
    names = [arm_name(case, {name}) for name in case.fixes]
    return {"broken": case.broken} | {name: case.arm(name) for name in names}


def one_out(case: Case) -> dict[str, Setup]:
    """Returns `{arm: setup}` of `fixed`, and of `fixed` without each single fix."""
    names = [arm_name(case, set(case.fixes) - {name}) for name in case.fixes]
    return {"fixed": case.fixed} | {name: case.arm(name) for name in names}


def runs(plan: Mapping[Any, Setup]) -> list[dict[Any, Setup]]:
    """Groups the arms of a plan that share one training run.

    Arms that differ only in how long they train share a run if the shorter training is a
    prefix of the longer one. The run is then evaluated at several checkpoints.

    Args:
        plan: `{arm: setup}`.

    Returns:
        A list of `{arm: setup}`, the longest arm of each first.
    """
    groups: dict[str, dict[Any, Setup]] = {}
    for arm, setup in plan.items():
        groups.setdefault(_shape(setup), {})[arm] = setup
    ordered = [
        sorted(group.items(), key=lambda item: -item[1].num_steps) for group in groups.values()
    ]
    return [dict(group) for group in ordered]


def _shape(setup: Setup) -> str:
    """Returns all fields but the length; fewer epochs before a second call are no prefix."""
    field = "steps" if setup.is_stream else "epochs"
    if getattr(setup, "calls", 1) > 1:
        field = "calls"
    return repr((type(setup), dataclasses.asdict(setup) | {field: None}))
