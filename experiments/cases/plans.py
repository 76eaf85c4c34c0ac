"""Plans: which arms to train. A plan is `{arm name: setup}`, computed, never typed.

Reads a case, returns dicts; trains nothing.
"""

import dataclasses
import itertools

from experiments.cases.case import SuiteError
from experiments.cases.validation import ALIASES, WORDS


def combinations(case, without=()):
    """Returns every combination of the fixes, from none to all.

    Args:
        case: The `Case`.
        without: Fixes to leave out.

    Returns:
        `{arm: setup}` of 2^k arms; no fixes is `broken`, all is `fixed`.
    """
    names = [name for name in case.fixes if name not in without]
    plan = {}
    for size in range(len(names) + 1):
        for chosen in itertools.combinations(names, size):
            arm = arm_name(case, chosen)
            plan[arm] = case.arm(arm)
    return plan


def arm_name(case, fixes):
    """Returns the name of the arm with these fixes, in the case's order."""
    ordered = [name for name in case.fixes if name in fixes]
    if len(ordered) == len(case.fixes):
        return "fixed"
    return "+".join(ordered) or "broken"


def fixes_of(case, arm):
    """Returns the fixes that an arm of the lattice has, in the case's order."""
    if arm == "fixed":
        return tuple(case.fixes)
    return tuple(name for name in case.fixes if name in arm.split("+"))


def variants(case):
    """Returns `{arm: setup}` of other people's fixes and our own questions."""
    return {name: case.arm(name) for name in case.variants}


def select(case, words, *, without=()):
    """Returns the plan that a list of words asks for.

    Args:
        case: The `Case`.
        words: Arm names or the words `combinations` (of the fixes), `variants`, `all`, joined
            by commas. Fixes joined by `+` may stand in any order.
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


def holds_combinations(words):
    """Returns whether arms in words, see `select`, include all combinations of the fixes."""
    return not {"combinations", "all"}.isdisjoint(_text(words))


def _text(text):
    words = [word.strip() for word in text.split(",")]
    return [ALIASES.get(word, word) for word in words if word]


def cut(plan, steps):
    """Returns the plan with every longer arm cut to so many updates.

    Only an endless stream can be cut anywhere; finite arms are left alone.
    """
    if steps is None:
        return dict(plan)
    return {
        arm: setup.replace(steps=min(setup.steps, steps)) if setup.is_stream else setup
        for arm, setup in plan.items()
    }


def configurations(case, grid):
    """Returns the crossing of a study's options, at the start arm's length.

    Args:
        case: The `Case`.
        grid: The `Grid`.

    Returns:
        `{cell: setup}`; a cell is called by its labels, joined by `/`, in the order of
        the axes, the last one fastest.

    Raises:
        ValueError: Two axes, or an axis and the lengths, set the same field, or a
            label holds one of the signs that part and match labels.
    """
    start = case.arm(grid.start)
    _check_axes(grid, "steps" if start.is_stream else "epochs")
    plan = {}
    for labels in itertools.product(*grid.axes.values()):
        chosen = zip(grid.axes.values(), labels, strict=True)
        changes = {field: value for axis, label in chosen for field, value in axis[label].items()}
        plan["/".join(labels)] = start.replace(**changes)
    return plan


def _check_axes(grid, length):
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


def one_in(case):
    """Returns broken, and broken with each single fix."""
    names = [arm_name(case, {name}) for name in case.fixes]
    return {"broken": case.broken} | {name: case.arm(name) for name in names}


def one_out(case):
    """Returns fixed, and fixed without each single fix."""
    names = [arm_name(case, set(case.fixes) - {name}) for name in case.fixes]
    return {"fixed": case.fixed} | {name: case.arm(name) for name in names}


def runs(plan):
    """Groups the arms of a plan that one training run serves.

    Arms that differ only in how long they train, and whose shorter budget is a
    prefix of the longer one, are one run read at several checkpoints.

    Args:
        plan: `{arm: setup}`.

    Returns:
        A list of `{arm: setup}`, the longest arm of each first.
    """
    groups = {}
    for arm, setup in plan.items():
        groups.setdefault(_shape(setup), {})[arm] = setup
    ordered = [
        sorted(group.items(), key=lambda item: -item[1].num_steps) for group in groups.values()
    ]
    return [dict(group) for group in ordered]


def _shape(setup):
    """Everything but the length; fewer epochs before a second call is no prefix."""
    field = "steps" if setup.is_stream else "epochs"
    if getattr(setup, "calls", 1) > 1:
        field = "calls"
    return repr((type(setup), dataclasses.asdict(setup) | {field: None}))
