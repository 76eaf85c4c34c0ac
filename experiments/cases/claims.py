"""Claims, interventions, grids and historical comparisons, tied to the arms that test them.

A claim names tests of stored runs; `analysis` evaluates them. An arm is named as in its
case; or as `grid:label/label/...`, where `*` averages over all labels of an axis; or as
`trainer:arm` for the rows of another trainer.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from experiments.cases.errors import CaseError, Checked, shown

WHO = ("asker", "answer", "article", "ours")


@dataclasses.dataclass(frozen=True)
class Solves(Checked):
    """Tests that an arm solves: `intervals.verdict` of its solve rate is 'solves'.

    Args:
        arm: Arm name; with `*`, each seed's mean over the matching configurations.
        steps: Updates; the arm's longest stored budget if `None`.
    """

    arm: str
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Fails(Solves):
    """Tests that an arm fails: `intervals.verdict` of its solve rate is 'fails'."""


@dataclasses.dataclass(frozen=True)
class Helps(Checked):
    """Tests that an arm is better than another, over the same seeds.

    Args:
        arm: Arm name.
        than: The arm it is compared with.
        steps: Updates of both; each arm's longest stored budget if `None`.
    """

    arm: str
    than: str
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Harms(Helps):
    """Tests that an arm is worse than another, over the same seeds."""


@dataclasses.dataclass(frozen=True)
class Alike(Helps):
    """Tests that two arms do equally well: the intervals lie within the margins."""


@dataclasses.dataclass(frozen=True)
class NotWorse(Helps):
    """Tests that an arm is not worse than another: alike, or better."""


@dataclasses.dataclass(frozen=True)
class Most(Checked):
    """Tests that most seeds of an arm have a metric in a range, by `intervals.verdict`.

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
    """Tests that few seeds of an arm have a metric in a range."""


@dataclasses.dataclass(frozen=True)
class Some(Most):
    """Tests that more than one seed in a hundred has a metric in a range."""


@dataclasses.dataclass(frozen=True)
class Median(Most):
    """Tests that the median of a metric over seeds lies in a range."""


@dataclasses.dataclass(frozen=True)
class Less(Checked):
    """Tests that one metric is below another in the same run, for most seeds.

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
    """Tests the rank correlation of two metrics over the configurations of a grid.

    The quantity is a seed's rank correlation (Spearman) over the configurations that the
    pattern matches, averaged over seeds. It must lie in the range.

    Args:
        arm: `grid:` and a pattern with `*`.
        metric: A column of the grid.
        with_metric: The other column.
    """

    with_metric: str = ""


@dataclasses.dataclass(frozen=True)
class Fact(Checked):
    """Tests a statement that a closed form decides, without a run.

    Args:
        says: What is computed, one clause.
        value: Function without arguments, returning a number.
        at_least, at_most: The ends of the range in which the statement holds.
    """

    says: str
    value: Callable
    at_least: float | None = None
    at_most: float | None = None


@dataclasses.dataclass(frozen=True)
class Equal(Checked):
    """Tests that a metric is the same in two arms, for most seeds.

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
    """One statement, paraphrased, with the tests that decide it.

    The claim is supported if all tests hold, and contradicted if one clearly fails. With
    `any_of` it is supported if one holds, and contradicted if all clearly fail.

    Args:
        name: The statement's number in the summary of the thread, `"S1"`. Several claims
            may share one statement.
        says: The statement, one sentence.
        by: Who made it: `"asker"`, `"answer"`, `"article"` or `"ours"`.
        tests: The tests.
        untestable: The reason why there are no tests, if there are none.
        note: A remark shown beside the verdict.
        any_of: Whether one test is enough.
    """

    name: str
    says: str
    by: str
    tests: tuple
    untestable: str = ""
    note: str = ""
    any_of: bool = False

    @property
    def arms(self) -> list[str]:
        """The arms that the tests name, each once, in order."""
        return _named(self.tests)


def claim(
    name: str,
    says: str,
    *tests: Checked,
    by: str,
    untestable: str = "",
    note: str = "",
    any_of: bool = False,
) -> Claim:
    """Returns a `Claim`.

    Raises:
        CaseError: `by` is unknown, or there are neither tests nor a reason, or both.
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
    """A cause of a failure, shown by an intervention that changes only that cause.

    Args:
        arm: The broken arm, or the arm whose rare failures are explained.
        cause: What is wrong with the arm, one clause.
        by: What the intervention changes, one clause.
        tests: The tests that must hold.
    """

    arm: str
    cause: str
    by: str
    tests: tuple

    @property
    def arms(self) -> list[str]:
        """The explained arm and the arms that the tests name, each once, in order."""
        return list(dict.fromkeys([self.arm, *_named(self.tests)]))


def intervention(arm: str, cause: str, by: str, *tests: Checked) -> Intervention:
    """Returns an `Intervention` with at least one test.

    Raises:
        CaseError: There are no tests.
    """
    if not tests:
        raise CaseError(f"An intervention has questions. Received: none for {cause!r}")
    return Intervention(arm, cause, by, tests)


@dataclasses.dataclass(frozen=True)
class Grid(Checked):
    """A grid of configurations that change one arm, trained by `record --grids`.

    Args:
        name: Letters, digits and underscores.
        asks: The question that the grid answers, one line.
        start: The arm that every configuration changes.
        axes: Axis name to `{label: {field: value}}`. A configuration's name is its labels,
            joined by `/`.
        num_seeds: Seeds 0 to num_seeds - 1 of each configuration.
        lengths: Values of the setup's length field (epochs or steps) at which each
            configuration is evaluated; the start arm's own if empty.
        documented: Labels of the configuration that the thread documents, joined by `/`.
    """

    name: str
    asks: str
    start: str
    axes: Mapping[str, Mapping[str, Mapping[str, Any]]]
    num_seeds: int
    lengths: tuple[int, ...] = ()
    documented: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_file_names(self.name)
        if self.num_seeds < 1:
            raise CaseError(f"A grid has at least one seed. Received: {self.num_seeds}")


@dataclasses.dataclass(frozen=True)
class Historical(Checked):
    """Rows of the original software that one arm is compared with.

    Args:
        arm: The arm.
        file: Table below `results/era`, without its suffix.
        where: Column to value (or tuple of values): the rows of that table.
        columns: Metric of this library to column of that table.
        steps: Updates of the arm; its longest stored budget if `None`.
        note: What differs, if anything.
    """

    arm: str
    file: str
    where: Mapping[str, Any]
    columns: Mapping[str, str]
    steps: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_file_names(self.file)


@dataclasses.dataclass(frozen=True)
class Undocumented(Checked):
    """Undocumented behaviour of the current Keras.

    Args:
        title, what: What happens, in one line and in a few.
        script: The script below `results/silently` that shows it, without its suffix.
        where, since: The functions of Keras that do it; what Keras 1 did instead.
        shown, metrics: Arms and columns of the runs that are shown side by side.
        tests: Tests of the runs.
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

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_file_names(self.script, *self.backends)

    @property
    def arms(self) -> list[str]:
        """The arms that are shown or that the tests name, each once, in order."""
        return list(dict.fromkeys([*self.shown, *_named(self.tests)]))


@dataclasses.dataclass(frozen=True)
class Race(Checked):
    """Optimizers that descend the true loss on a plane through weight space.

    The plane passes through three points: the initial weights of `start`, and the final
    weights of two arms that have the same initial weights.

    Args:
        name: Letters, digits and underscores.
        says: Description of the initial weights, a few words.
        start: The arm whose initial weights are used.
        ends: The two other arms to the updates they are trained for; the first gives the
            first direction, the second the other one.
        optimizers: Label to arguments of `era.optimizer`.
        learning_rate: Learning rate of all optimizers; each one's default if `None`.
        num_steps: Updates that each optimizer makes on the plane.
    """

    name: str
    says: str
    start: str
    ends: Mapping[str, int]
    optimizers: Mapping[str, Mapping[str, Any]]
    learning_rate: float | None = None
    num_steps: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.ends) != 2 or not self.optimizers or self.num_steps < 1:
            raise CaseError(
                "A race has two ends, at least one optimizer and one update. Received: "
                f"{self.name} with ends {list(self.ends)}, {len(self.optimizers)} optimizers "
                f"and num_steps={self.num_steps}"
            )


def _check_file_names(*names: str) -> None:
    """Checks that names of files cannot lead out of a folder."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name) or name.strip(".") != name:
            raise CaseError(
                "What names a file holds letters, digits, '_', '-' and '.' between them. "
                f"Received: {shown(name)}"
            )


def _named(tests: tuple) -> list[str]:
    names: list[str] = []
    for test in tests:
        names += [getattr(test, "arm", ""), getattr(test, "other", "")]
        names += [test.than] if isinstance(test, Helps) else []
    return list(dict.fromkeys(filter(None, names)))
