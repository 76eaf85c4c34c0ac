"""Scripts: one arm of a case as a plain program of Keras and NumPy.

A case and an arm to text; trains nothing, prints nothing.
"""

import ast
import dataclasses
import difflib
import textwrap

from experiments.cases import plans
from experiments.cases.case import SuiteError
from experiments.publish.export import script_parts
from experiments.publish.export.script_parts import metric_name
from experiments.runs.keys import row_key

WIDTH = 88


@dataclasses.dataclass(frozen=True)
class Program:
    """One arm as a program, in parts.

    Attributes:
        arm: The arm's name.
        story: Paragraphs: what goes wrong, what was changed, how often it succeeds.
        parts: Title to code, in order: functions, data, model, training, exam.
    """

    arm: str
    story: tuple
    parts: dict

    @property
    def text(self):
        """The program as one script."""
        spoken = "\n\n".join(_paragraph(text, WIDTH) for text in self.story)
        spoken = spoken.replace("\\", "\\\\").replace('"' * 3, "'" * 3)
        before, *after = self.parts.values()
        gap = "\n\n\n" if _has_functions(before) else "\n\n"
        return f'"""{spoken}\n"""\n\n{before}{gap}' + "\n\n".join(after) + "\n"


def script(case, arm="broken", *, seed=0, steps=None, store=None):
    """Returns one arm as a script that needs only Keras and NumPy.

    Args:
        case: The `Case`.
        arm: `broken`, `fixed`, a variant, or fixes joined by `+`.
        seed: Whole number of at least 0, written into the script.
        steps: If given, a longer program is cut to about this many updates, to whole epochs
            at least, and says so.
        store: The `Store` of committed rows, for the share of seeds that succeed; without
            current rows of this arm and length nothing is said of it.

    Returns:
        The script's text. Run, it trains the network, prints its last loss and the case's
        metric, and says whether that clears the bar.

    Raises:
        SuiteError: There is no such arm, or it cannot be written as a plain script.
    """
    return program(case, arm, seed=seed, steps=steps, store=store).text


def difference(case, arm="broken", against="fixed", *, seed=0, steps=None, store=None):
    """Returns what tells the scripts of two arms apart, as a unified diff.

    Args and Raises as of `script`; `against` is the other arm.
    """
    names = [f"{case.name} {name}" for name in (arm, against)]
    texts = [
        script(case, name, seed=seed, steps=steps, store=store).splitlines(keepends=True)
        for name in (arm, against)
    ]
    return "".join(difflib.unified_diff(*texts, *names))


def program(case, arm="broken", *, seed=0, steps=None, store=None):
    """Returns one arm as a `Program`; see `script`.

    Raises:
        SuiteError: There is no such arm, the seed or the steps are no such numbers, or the
            arm cannot be written as a plain script.
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


def shortened(setup, steps):
    """Returns a setup that makes about so many updates at most, at least one epoch.

    Args:
        setup: The `Setup`.
        steps: Updates.
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
    """The one arm that is asked for, by its own name."""
    plan = plans.select(case, arm)
    if len(plan) > 1:
        raise SuiteError(
            f"One program is one arm; name it, as in --arm broken. Received: {arm}, "
            f"{len(plan)} arms"
        )
    return next(iter(plan.items()))


# What is said of the program.


def _story(case, arm):
    """What goes wrong, where it was asked, and what was changed."""
    changed = _changes(case, arm)
    words = {"broken": "This is the broken program.", "fixed": "This is the fixed program."}
    which = words.get(arm, "This is a variant.")
    if changed:
        which += " Changes to the broken one:\n" + "\n".join(f"- {why}" for why in changed)
    return case.shows, f"Source: {case.source}.", which


def _changes(case, arm):
    """Why each thing was changed, from broken on."""
    if arm in case.variants:
        return [*_changes(case, case.variants[arm].start), f"{arm}: {case.variants[arm].why}"]
    names = {"broken": (), "fixed": case.fixes}.get(arm, arm.split("+"))
    return [f"{name}: {case.fixes[name].why}" for name in names]


def _rate(case, arm, setup, store):
    """How many of the stored seeds succeed, or nothing."""
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
    """A paragraph in lines; one that lists things keeps a line for each."""
    lines = text.splitlines()
    indents = ["  " if line.startswith("- ") else "" for line in lines]
    filled = [
        textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False)
        for line, indent in zip(lines, indents, strict=True)
    ]
    return "\n".join(filled)


def _has_functions(code):
    return any(isinstance(part, ast.FunctionDef) for part in ast.parse(code).body)
