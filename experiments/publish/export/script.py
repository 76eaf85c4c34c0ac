"""Writes one arm of a case as a plain Keras and NumPy script.

Nothing is trained or printed.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import textwrap
from typing import TYPE_CHECKING

from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.publish.export import script_parts
from experiments.publish.export.script_parts import metric_name
from experiments.runs.keys import row_key

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.runs.store import Store

WIDTH = 88


@dataclasses.dataclass(frozen=True)
class Program:
    """One arm as a program, in parts.

    Attributes:
        arm: The arm's name.
        story: Paragraphs: the failure, the changes, the success rate.
        parts: Title to code, in order: functions, data, model, training, exam.
    """

    arm: str
    story: tuple[str, ...]
    parts: dict[str, str]

    @property
    def text(self) -> str:
        """The program as one script."""
        spoken = "\n\n".join(_paragraph(text, WIDTH) for text in self.story)
        spoken = spoken.replace("\\", "\\\\").replace('"' * 3, "'" * 3)
        before, *after = self.parts.values()
        gap = "\n\n\n" if _has_functions(before) else "\n\n"
        return f'"""{spoken}\n"""\n\n{before}{gap}' + "\n\n".join(after) + "\n"


def script(
    case: Case,
    arm: str = "broken",
    *,
    seed: int = 0,
    steps: int | None = None,
    store: Store | None = None,
) -> str:
    """Returns one arm as a script that needs only Keras and NumPy.

    Args:
        case: The `Case`.
        arm: `broken`, `fixed`, a variant, or fixes joined by `+`.
        seed: Whole number of at least 0, written into the script.
        steps: If given, a longer program is cut to about this many updates, to whole epochs
            and at least one; its description then says so.
        store: The `Store` of committed rows, for the share of seeds that succeed. The share is
            left out without current rows of this arm and length.

    Returns:
        The script's text. The script trains the network, prints its last loss and the case's
        metric, and says whether the metric reaches the threshold.

    Raises:
        SuiteError: There is no such arm, or it cannot be written as a plain script.
    """
    return program(case, arm, seed=seed, steps=steps, store=store).text


def difference(
    case: Case,
    arm: str = "broken",
    against: str = "fixed",
    *,
    seed: int = 0,
    steps: int | None = None,
    store: Store | None = None,
) -> str:
    """Returns the differences between the scripts of two arms, as a unified diff.

    Args and Raises as of `script`; `against` is the other arm.
    """
    first, second = (
        script(case, name, seed=seed, steps=steps, store=store).splitlines(keepends=True)
        for name in (arm, against)
    )
    names = f"{case.name} {arm}", f"{case.name} {against}"
    return "".join(difflib.unified_diff(first, second, names[0], names[1]))


def program(
    case: Case,
    arm: str = "broken",
    *,
    seed: int = 0,
    steps: int | None = None,
    store: Store | None = None,
) -> Program:
    """Returns one arm as a `Program`; see `script`.

    Raises:
        SuiteError: There is no such arm, the seed or the steps are invalid, or the arm cannot
            be written as a plain script.
    """
    for name, value, least in (("seed", seed, 0), ("steps", steps, 1)):
        if value is not None and (not isinstance(value, int) or value < least):
            raise SuiteError(
                f"--{name} must be a whole number of at least {least}. Received: {value}"
            )
    arm, whole = _one(case, arm)
    setup = whole if steps is None else shortened(whole, steps)
    story = tuple(
        filter(None, (*_story(case, arm), _rate(case, arm, setup, store), _cut(setup, whole)))
    )
    return Program(arm, story, script_parts.parts(case, setup, seed))


def shortened(setup: Setup, steps: int) -> Setup:
    """Returns a setup that makes at most about so many updates, and at least one epoch.

    Args:
        setup: The `Setup`.
        steps: Maximum number of updates.
    """
    if setup.is_stream:
        return setup.replace(steps=min(setup.steps, steps))
    epochs = min(setup.epochs, max(1, steps // setup.steps_per_epoch))
    changes = {"epochs": epochs}
    if hasattr(setup, "calls"):
        calls = max(1, steps // (epochs * setup.steps_per_epoch))
        changes["calls"] = min(setup.calls, calls)
    return setup.replace(**changes)


def _one(case, arm):
    """Returns the one arm of a plan, by its own name."""
    plan = plans.select(case, arm)
    if len(plan) > 1:
        raise SuiteError(
            f"One program is one arm; name it, as in --arm broken. Received: {arm}, "
            f"{len(plan)} arms"
        )
    return next(iter(plan.items()))


# The description of the program.


def _story(case, arm):
    """Returns the failure, its source, and the changes."""
    changed = _changes(case, arm)
    words = {"broken": "This is the broken program.", "fixed": "This is the fixed program."}
    which = words.get(arm, "This is a variant.")
    if changed:
        which += " Changes to the broken one:\n" + "\n".join(f"- {why}" for why in changed)
    return case.shows, f"Source: {case.source}.", which


def _changes(case, arm):
    """Returns the reason of each change, from broken on."""
    if arm in case.variants:
        return [*_changes(case, case.variants[arm].start), f"{arm}: {case.variants[arm].why}"]
    names = {"broken": (), "fixed": case.fixes}.get(arm, arm.split("+"))
    return [f"{name}: {case.fixes[name].why}" for name in names]


def _rate(case, arm, setup, store):
    """Returns a sentence on how many of the stored seeds succeed, or an empty text."""
    if store is None:
        return ""
    rows = store.frame()
    rows = rows[(rows["arm"] == arm) & (rows["steps"] == setup.num_steps)]
    if set(rows["key"]) != {row_key(case, setup, store.trainer)}:
        return ""
    solved = rows["solved"].sum()
    bar = f"{metric_name(case)} of at least {case.solved.above:g}"
    return f"Of {len(rows):,} runs with different seeds, {solved:,} reached an {bar}."


def _cut(setup, whole):
    if setup.num_steps == whole.num_steps:
        return ""
    return f"Cut short: {setup.num_steps:,} of {whole.num_steps:,} updates."


def _paragraph(text, width):
    """Returns a filled paragraph; the items of a list keep their own lines."""
    lines = text.splitlines()
    indents = ["  " if line.startswith("- ") else "" for line in lines]
    filled = [
        textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False)
        for line, indent in zip(lines, indents, strict=True)
    ]
    return "\n".join(filled)


def _has_functions(code):
    return any(isinstance(part, ast.FunctionDef) for part in ast.parse(code).body)
