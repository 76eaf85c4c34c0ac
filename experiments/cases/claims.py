"""The vocabulary of evidence: what a thread says, tied to the arms that test it.

Standard library only. A claim names questions to stored runs; what they
answer is computed in `ledger`. An arm is named as in its case, or as
`grid:label/label/...`, where `*` averages over every label of that axis; rows of
another trainer as `trainer:arm`.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from experiments.cases.errors import CaseError, Checked, shown

WHO = ("asker", "answer", "article", "ours")


@dataclasses.dataclass(frozen=True)
class Solves(Checked):
    """Says that an arm solves: by the one rule on its solve rate.

    Args:
        arm: Arm name; with `*`, the seeds' mean over the cells it matches.
        steps: Updates; the arm's longest stored budget if `None`.
    """

    arm: str
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Fails(Solves):
    """Says that an arm fails: by the one rule on its solve rate."""


@dataclasses.dataclass(frozen=True)
class Helps(Checked):
    """Says that an arm is better than another, over the same seeds.

    Args:
        arm: Arm name.
        than: The arm it is held against.
        steps: Updates of both; each arm's longest stored budget if `None`.
    """

    arm: str
    than: str
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Harms(Helps):
    """Says that an arm is worse than another, over the same seeds."""


@dataclasses.dataclass(frozen=True)
class Alike(Helps):
    """Says that two arms do equally well: the whole difference inside the margins."""


@dataclasses.dataclass(frozen=True)
class NotWorse(Helps):
    """Says that an arm does not fall behind another: at worst alike."""


@dataclasses.dataclass(frozen=True)
class Most(Checked):
    """Says that most seeds of an arm have a metric in a range: the one rule again.

    Args:
        arm: Arm name.
        metric: A column of the runs.
        at_least, at_most: The ends of the range, either or both.
        steps: Updates; the arm's longest stored budget if `None`.
    """

    arm: str
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Few(Most):
    """Says that few seeds of an arm have a metric in a range."""


@dataclasses.dataclass(frozen=True)
class Some(Most):
    """Says that it happens: more than one seed in a hundred has a metric in a range."""


@dataclasses.dataclass(frozen=True)
class Median(Most):
    """Says that the median of a metric over seeds lies in a range."""


@dataclasses.dataclass(frozen=True)
class Less(Checked):
    """Says that one metric is below another in the same run, for most seeds.

    Args:
        arm: Arm name.
        metric, than: Columns of the runs.
        steps: Updates; the arm's longest stored budget if `None`.
    """

    arm: str
    metric: str
    than: str
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Tracks(Most):
    """Says that, over the cells of a grid, one metric falls where another rises.

    The quantity is a seed's rank correlation (Spearman) over the cells its pattern
    matches, averaged over seeds; it lies in the range.

    Args:
        arm: `grid:` and a pattern with `*`.
        metric: A column of the grid.
        with_metric: The other column.
    """

    with_metric: str = ""


@dataclasses.dataclass(frozen=True)
class Fact(Checked):
    """Says what a closed form decides, without a run.

    Args:
        says: What is computed, one clause.
        value: Function without arguments, returning a number.
        at_least, at_most: The ends of the range that bears the statement out.
    """

    says: str
    value: Callable
    at_least: float | None = None
    at_most: float | None = None


@dataclasses.dataclass(frozen=True)
class Equal(Checked):
    """Says that a metric is the same in two arms, for most seeds.

    Args:
        arm, other: Arm names.
        metric: A column of the runs.
        within: The largest relative difference that counts as none.
        steps: Updates of both; each arm's longest stored budget if `None`.
    """

    arm: str
    other: str
    metric: str
    within: float
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Claim(Checked):
    """One statement, in our words, with the questions that decide it.

    All questions must be answered with yes for it to be supported; one clear no
    contradicts it. With `any_of` it is the other way round.

    Args:
        name: The statement's number in the thread's retelling, `"S1"`; several
            claims may take one statement apart.
        says: The statement, one sentence.
        by: Who says so: `"asker"`, `"answer"`, `"article"` or `"ours"`.
        tests: The questions.
        untestable: If there is no question: why not.
        note: What the reader should know beside the verdict.
        any_of: One clear yes supports it; all answers must be no to contradict it.
    """

    name: str
    says: str
    by: str
    tests: tuple
    untestable: str = ""
    note: str = ""
    any_of: bool = False

    @property
    def arms(self):
        """The arms it asks about, each once, in order."""
        return _named(self.tests)


def claim(name, says, *tests, by, untestable="", note="", any_of=False):
    """Returns a `Claim`.

    Raises:
        CaseError: It has neither a question nor a reason, or both.
    """
    if by not in WHO:
        raise CaseError(f"A claim's by must be one of {WHO}. Received: {by!r}")
    if bool(tests) == bool(untestable):
        raise CaseError(
            "A claim has questions, or says why it cannot be tested. Received: "
            f"{name} with {len(tests)} questions and untestable={untestable!r}"
        )
    return Claim(name, says, by, tests, untestable, note, any_of)


@dataclasses.dataclass(frozen=True)
class Intervention(Checked):
    """A cause shown by an intervention that touches only that cause.

    Args:
        arm: The broken arm, or the arm whose rare failures are explained.
        cause: What is wrong with it, one clause.
        by: What the intervention changes, one clause.
        tests: The questions it must answer with yes.
    """

    arm: str
    cause: str
    by: str
    tests: tuple

    @property
    def arms(self):
        """The arms it asks about, each once, in order."""
        return list(dict.fromkeys([self.arm, *_named(self.tests)]))


def intervention(arm, cause, by, *tests):
    """Returns an `Intervention` with at least one question.

    Raises:
        CaseError: It has none.
    """
    if not tests:
        raise CaseError(f"An intervention has questions. Received: none for {cause!r}")
    return Intervention(arm, cause, by, tests)


@dataclasses.dataclass(frozen=True)
class Grid(Checked):
    """A crossing of options from one arm on, trained by `record --grids`.

    Args:
        name: Letters, digits and underscores.
        asks: The question, one line.
        start: The arm that every cell changes.
        axes: Axis name to `{label: {field: value}}`; a cell is called by its labels,
            joined by `/`.
        num_seeds: Seeds 0 to num_seeds - 1 of each cell.
        lengths: Values of the setup's length field (epochs or steps) at which each
            cell is read; the start arm's own if empty.
        documented: Labels of the cell that the thread documents, if any, joined by `/`.
    """

    name: str
    asks: str
    start: str
    axes: Mapping[str, Mapping[str, Mapping[str, Any]]]
    num_seeds: int
    lengths: tuple[int, ...] = ()
    documented: str = ""

    def __post_init__(self):
        super().__post_init__()
        _check_file_names(self.name)
        if self.num_seeds < 1:
            raise CaseError(f"A grid has at least one seed. Received: {self.num_seeds}")


@dataclasses.dataclass(frozen=True)
class Historical(Checked):
    """Rows of the software of the time that one arm is held against.

    Args:
        arm: The arm.
        file: Table below `results/era`, without its ending.
        where: Column to value (or tuple of values): which rows of that table.
        columns: Our metric to their column.
        steps: Updates of ours; the arm's longest stored budget if `None`.
        note: What differs, if anything.
    """

    arm: str
    file: str
    where: Mapping[str, Any]
    columns: Mapping[str, str]
    steps: int | None = None
    note: str = ""

    def __post_init__(self):
        super().__post_init__()
        _check_file_names(self.file)


@dataclasses.dataclass(frozen=True)
class Undocumented(Checked):
    """What today's Keras does without saying so.

    Args:
        title, what: What happens, in one line and in a few.
        script: The script below `results/silently` that shows it, without its ending.
        where, since: Which functions of Keras do it; what Keras 1 did instead.
        shown, metrics: Arms, and columns of the runs, shown side by side.
        tests: Questions that the runs answer.
        backends: Keras backends on which the output of the script is kept.
    """

    title: str
    script: str
    what: str
    where: str
    since: str
    shown: tuple[str, ...]
    metrics: tuple[str, ...]
    tests: tuple
    backends: tuple[str, ...] = ("tensorflow",)

    def __post_init__(self):
        super().__post_init__()
        _check_file_names(self.script, *self.backends)

    @property
    def arms(self):
        """The arms it shows or asks about, each once, in order."""
        return list(dict.fromkeys([*self.shown, *_named(self.tests)]))


@dataclasses.dataclass(frozen=True)
class Race(Checked):
    """Optimizers that descend the true loss on a plane through weight space.

    The plane is the one through three points: the weights that `start` starts from, and
    those that training ends at in two arms that start from the same weights.

    Args:
        name: Letters, digits and underscores.
        says: Whose start it is, a few words.
        start: The arm that is started from.
        ends: Two arms to the updates they are trained for: the first gives the first
            direction, the second the other one.
        optimizers: Label to arguments of `era.optimizer`.
        learning_rate: That of all of them; each one's own if `None`.
        num_steps: Updates that each makes on the plane.
    """

    name: str
    says: str
    start: str
    ends: Mapping[str, int]
    optimizers: Mapping[str, Mapping[str, Any]]
    learning_rate: float | None = None
    num_steps: int = 10_000

    def __post_init__(self):
        super().__post_init__()
        if len(self.ends) != 2 or not self.optimizers or self.num_steps < 1:
            raise CaseError(
                "A race has two ends, at least one optimizer and one update. Received: "
                f"{self.name} with ends {list(self.ends)}, {len(self.optimizers)} optimizers "
                f"and num_steps={self.num_steps}"
            )


def _check_file_names(*names):
    """Makes sure that what becomes the name of a file leaves no folder."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name) or name.strip(".") != name:
            raise CaseError(
                "What names a file holds letters, digits, '_', '-' and '.' between them. "
                f"Received: {shown(name)}"
            )


def _named(tests):
    names = []
    for test in tests:
        names += [getattr(test, "arm", ""), getattr(test, "other", "")]
        names += [test.than] if isinstance(test, Helps) else []
    return list(dict.fromkeys(filter(None, names)))
