"""The vocabulary of a case: its task, its bar, its evidence and the case itself.

Room 2 of the house: standard library only. A case says *what* is compared;
it trains nothing and knows no file.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from experiments.setups import Fix, Setup, SuiteError, fix, nearest, rival

__all__ = ["Case", "Classification", "Evidence", "Fix", "Regression", "Setup", "Solved"]
__all__ += ["SuiteError", "fix", "nearest", "rival"]

READINGS = ("value", "argmax", "sign", "threshold 0.5")
LENGTH_FIELDS = ("steps", "epochs", "calls")
PROVENANCE = ("quoted", "inferred", "ours")
WORDS = ("lattice", "rivals", "all")
TRAINERS = ("engine", "reference", "numpy")
RESERVED = ("broken", "fixed", *WORDS)


@dataclasses.dataclass(frozen=True)
class Solved:
    """The one bar a run must clear: `metric` at or above `above`."""

    metric: str
    above: float


@dataclasses.dataclass(frozen=True)
class Regression:
    """A curve y = target(x) on [0, 1), examined on x = (i + 0.5) / 1000.

    Args:
        target: Function of an array of x, returning y of the same shape.
        also_from: If given, errors are also taken on the grid's x >= this.
        points: Published x at which squared errors are reported one by one.
        published_mse: The mean squared error that was published for them.
    """

    target: Callable
    also_from: float | None = None
    points: tuple = ()
    published_mse: float | None = None


@dataclasses.dataclass(frozen=True)
class Classification:
    """Two classes, examined on 200 and on 10,000 fresh points of each seed.

    Args:
        target: Function of inputs `(..., num_inputs)`, returning booleans `(...)`:
            whether a point is of class 1. How `data` labels the classes (one-hot,
            0/1, -1/+1) is the setup's affair, how an output is read its `read`.
        num_few: Points in the article's own test.
        num_many: Points in ours.
    """

    target: Callable
    num_few: int = 200
    num_many: int = 10_000


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One line of what `record` keeps under version control.

    Args:
        arms: Arm names or the words `lattice`, `rivals`, `all`, joined by commas.
        num_seeds: Seeds 0 to num_seeds - 1.
        steps: If given, longer arms are cut to this many updates, and say so.
        without: Fixes left out of the word `lattice`.
    """

    arms: str
    num_seeds: int
    steps: int | None = None
    without: tuple = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A failure in public: the broken program, its fixes and their rivals.

    Args:
        name: The case's name: letters, digits and underscores.
        shows: One line: what a person sees go wrong.
        symptom: What that person would type into a search box.
        source: Where the thread stands, in words or as an address.
        data: Function `(setup, rng, size) -> (x, y)`: `x` of shape
            `(*size, num_inputs)`, `y` of shape `(*size, num_outputs)`.
        model: Function `(setup) -> keras.Sequential`, compiled.
        task: `Regression` or `Classification`.
        solved: The bar.
        broken: The program as it was asked about.
        fixes: Name to `fix(...)`; they touch disjoint fields, so that their
            order cannot matter, and together they make the arm `fixed`.
        rivals: Name to `rival(...)`.
        inputs: Optional function `(setup, x, sample) -> x` that prepares what
            the network is given; `sample` holds the x that statistics may be
            taken from (the batch in training, the grid in the exam).
        by_hand: Optional function `(setup, weights) -> weights` that sets initial
            weights by hand: a list of arrays in the order of `model.weights`, as
            drawn, and as training starts from.
        quick_steps: If given, the command line cuts longer arms to this many
            updates unless `--full` is given.
        evidence: What `record` trains.
        reference_arm: The arm whose reference rows `record` keeps.
        plain: What `record --trainer numpy` trains, if anything.
        block_width: Seeds trained at once. XLA may round a sum otherwise in a wider
            stack, so the width is a constant of the case; `None` where a test holds
            that no bit depends on it, and each run may choose.
        provenance: Field to (quoted | inferred | ours, note).
        deviations: What differs from the thread, in order.
        claims: What the thread says, each a `claim(...)` tied to arms.
        certificates: Causes, each a `certificate(...)` tied to an intervention.
        studies: Crossings of options, each a `Study`.
        periods: Arms held against the software of the time, each a `Period`.
        faults: Fix to the class of the fault it mends, in the taxonomy of Humbatova
            et al. (2020).
        silently: What today's Keras does without saying so, each a `Silent` with a script
            below `results/silently`.
        races: Optimizers on a plane through weight space, each a `Race`; of a regression.

    Raises:
        ValueError: A law of the house is broken; the text says which.
    """

    name: str
    shows: str
    symptom: str
    source: str
    data: Callable
    model: Callable
    task: Regression | Classification
    solved: Solved
    broken: Setup
    fixes: Mapping[str, Fix]
    rivals: Mapping[str, Fix] = dataclasses.field(default_factory=dict)
    inputs: Callable | None = None
    by_hand: Callable | None = None
    quick_steps: int | None = None
    evidence: tuple = (Evidence("all", 1000),)
    reference_arm: str = "fixed"
    plain: Evidence | None = None
    block_width: int | None = 16
    provenance: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    deviations: tuple = ()
    claims: tuple = ()
    certificates: tuple = ()
    studies: tuple = ()
    periods: tuple = ()
    faults: Mapping[str, str] = dataclasses.field(default_factory=dict)
    silently: tuple = ()
    races: tuple = ()

    def __post_init__(self):
        _check_names(self)
        _check_fixes(self)
        for name in (*self.fixes, *self.rivals, "fixed"):
            _check_setup(name, self.arm(name))
        _check_setup("broken", self.broken)
        reads = getattr(self.broken, "read", "value") != "value"
        if reads != isinstance(self.task, Classification):
            raise ValueError(
                f"A Classification has a field 'read' other than 'value', a "
                f"Regression none. Received: {self.task}"
            )
        self.arm(self.reference_arm)
        if self.block_width is not None and self.block_width < 2:
            raise ValueError(
                f"block_width must be None or at least 2. Received: {self.block_width}"
            )
        for field, (kind, _) in self.provenance.items():
            if field not in vars(self.broken) or kind not in PROVENANCE:
                raise ValueError(
                    f"Provenance needs a field of the setup and one of "
                    f"{PROVENANCE}. Received: {field}: {kind}"
                )
        _check_evidence(self)
        _check_races(self)

    @property
    def fixed(self):
        """The setup with every fix applied."""
        return self.arm("fixed")

    def arm(self, name):
        """Returns the setup of one arm.

        Args:
            name: `broken`, `fixed`, a rival, or fixes joined by `+`.

        Raises:
            SuiteError: There is no such arm.
        """
        if name == "broken":
            return self.broken
        if name in self.rivals:
            chosen = self.rivals[name]
            return self.arm(chosen.start).replace(**chosen.changes)
        parts = list(self.fixes) if name == "fixed" else name.split("+")
        setup = self.broken
        for part in parts:
            if part not in self.fixes:
                known = ["broken", "fixed", *self.fixes, *self.rivals]
                raise SuiteError(
                    f"{self.name} has no arm '{name}'; expected some of "
                    f"{', '.join(known)}, fixes joined by '+', or the words "
                    f"lattice, rivals, all. Received: {part}."
                    f"{nearest(part, known)}"
                )
            setup = setup.replace(**self.fixes[part].changes)
        return setup

    def why(self, field):
        """Returns `name: why` of the fix that touches a field, or nothing."""
        for name, chosen in self.fixes.items():
            if field in chosen.changes:
                return f"{name}: {chosen.why}"
        return ""


def _check_evidence(case):
    """Makes sure that claims, certificates, studies and periods name what exists."""
    studies = {study.name: study for study in case.studies}
    for item in (*case.claims, *case.certificates, *case.silently):
        for name in item.arms:
            study, found, cell = name.partition(":")
            if not found or study in TRAINERS:
                case.arm(cell or study)
            elif study not in studies or not _is_cell(studies[study], cell):
                raise ValueError(
                    f"{case.name}: a claim names no cell of its studies "
                    f"{list(studies)}. Received: {name}"
                )
    for study in case.studies:
        for axis in study.axes.values():
            for changes in axis.values():
                case.arm(study.start).replace(**changes)
    for period in case.periods:
        case.arm(period.arm)
    strange = set(case.faults) - set(case.fixes)
    if strange:
        raise ValueError(f"Faults are classed by fix. Received: {sorted(strange)}")


def _check_races(case):
    """Makes sure that races name arms, have names of their own, and belong to a regression."""
    names = [race.name for race in case.races]
    if len(set(names)) < len(names):
        raise ValueError(f"Every race has a name of its own. Received: {names}")
    if names and not isinstance(case.task, Regression):
        raise ValueError(f"Only a Regression has races. Received: {case.task}")
    for race in case.races:
        for arm in (race.start, *race.ends):
            case.arm(arm)


def _is_cell(study, cell):
    labels = cell.split("/")
    return len(labels) == len(study.axes) and all(
        label == "*" or label in axis
        for label, axis in zip(labels, study.axes.values(), strict=True)
    )


def _check_names(case):
    for name in (case.name, *case.fixes, *case.rivals):
        if not re.fullmatch(r"[A-Za-z0-9_.]+", name) or name in RESERVED:
            raise ValueError(
                "Names hold letters, digits, '_' and '.', and an arm of yours is "
                f"not called broken or fixed, nor {', '.join(WORDS)}. "
                f"Received: {name!r}"
            )
    if "." in case.name:
        raise ValueError(f"A case's name holds no dot. Received: {case.name!r}")
    for name in case.rivals:
        start = [name]
        while start[-1] in case.rivals:
            start.append(case.rivals[start[-1]].start)
            if start[-1] == name or len(start) > len(case.rivals) + 1:
                raise ValueError(f"Rivals start from each other. Received: {start}")
    both = set(case.fixes) & set(case.rivals)
    if both:
        raise ValueError(f"A fix and a rival share a name. Received: {sorted(both)}")


def _check_fixes(case):
    touched = {}
    for name, chosen in case.fixes.items():
        if not chosen.changes:
            raise ValueError(f"Every fix changes something. Received: '{name}'")
        for field, value in chosen.changes.items():
            if field in touched:
                raise ValueError(
                    f"Fixes touch disjoint fields. Received: '{field}' in "
                    f"'{touched[field]}' and in '{name}'"
                )
            touched[field] = name
            if getattr(case.broken.replace(**{field: value}), field) == getattr(case.broken, field):
                raise ValueError(
                    f"Every field of a fix changes something. Received: "
                    f"'{name}' sets {field}={value!r}, which broken has too"
                )
    if not touched:
        raise ValueError("A case has at least one fix. Received: none")


def _check_setup(name, setup):
    kinds = [hasattr(setup, "steps"), hasattr(setup, "epochs")]
    if sum(kinds) != 1:
        raise ValueError(
            f"A setup has exactly one of the fields steps and epochs. Received "
            f"in arm '{name}': {setup}"
        )
    needed = ["batch_size"] + ["num_samples"] * hasattr(setup, "epochs")
    for field in (*needed, *(f for f in LENGTH_FIELDS if hasattr(setup, f))):
        value = getattr(setup, field, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"Field '{field}' must be a whole number of at least 1. Received "
                f"in arm '{name}': {value!r}"
            )
    if not 0 <= getattr(setup, "validation_split", 0.0) < 1:
        raise ValueError(
            f"Field 'validation_split' must be at least 0 and below 1. Received in "
            f"arm '{name}': {setup.validation_split!r}"
        )
    if getattr(setup, "read", "value") not in READINGS:
        raise ValueError(
            f"Field 'read' must be one of {READINGS}. Received in arm '{name}': {setup.read!r}"
        )
