"""The vocabulary of a case: its task, its bar, its evidence and the case itself.

Room 2 of the house: standard library only. A case says *what* is compared;
it trains nothing and knows no file.
"""

import dataclasses
from collections.abc import Callable, Mapping

from experiments import laws
from experiments.claims import Certificate, Claim, Period, Race, Silent, Study
from experiments.errors import CaseError, Checked, SuiteError, nearest
from experiments.laws import PROVENANCE, READINGS, TRAINERS
from experiments.setups import Fix, Setup, fix, rival

__all__ = ["PROVENANCE", "READINGS", "TRAINERS", "Case", "CaseError", "Classification", "Evidence"]
__all__ += ["Fix", "Regression", "Setup", "Solved", "SuiteError", "fix", "nearest", "rival"]


@dataclasses.dataclass(frozen=True)
class Solved(Checked):
    """The one bar a run must clear: `metric` at or above `above`."""

    metric: str
    above: float


@dataclasses.dataclass(frozen=True)
class Regression(Checked):
    """A curve y = target(x) on [0, 1), examined on x = (i + 0.5) / 1000.

    Args:
        target: Function of an array of x, returning y of the same shape.
        also_from: If given, errors are also taken on the grid's x >= this.
        points: Published x at which squared errors are reported one by one.
        published_mse: The mean squared error that was published for them.
    """

    target: Callable
    also_from: float | None = None
    points: tuple[float, ...] = ()
    published_mse: float | None = None

    def __post_init__(self):
        super().__post_init__()
        places = (*self.points, 0.0 if self.also_from is None else self.also_from)
        if not all(0 <= place < 1 for place in places):
            raise CaseError(
                "A Regression is examined on x from 0 to below 1. Received: "
                f"points={self.points}, also_from={self.also_from}"
            )


@dataclasses.dataclass(frozen=True)
class Classification(Checked):
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

    def __post_init__(self):
        super().__post_init__()
        if min(self.num_few, self.num_many) < 1:
            raise CaseError(
                "A Classification is examined on one point at the least. Received: "
                f"num_few={self.num_few}, num_many={self.num_many}"
            )


@dataclasses.dataclass(frozen=True)
class Evidence(Checked):
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
    without: tuple[str, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if self.num_seeds < 1 or (self.steps is not None and self.steps < 1):
            raise CaseError(
                "Evidence has at least one seed and one update. Received: "
                f"num_seeds={self.num_seeds}, steps={self.steps}"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Case(Checked):
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
        CaseError: A law of the house is broken; the text says which.
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
    evidence: tuple[Evidence, ...] = (Evidence("all", 1000),)
    reference_arm: str = "fixed"
    plain: Evidence | None = None
    block_width: int | None = 16
    provenance: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    deviations: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    studies: tuple[Study, ...] = ()
    periods: tuple[Period, ...] = ()
    faults: Mapping[str, str] = dataclasses.field(default_factory=dict)
    silently: tuple[Silent, ...] = ()
    races: tuple[Race, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        laws.check(self, isinstance(self.task, Regression))

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
        if name in self.rivals:
            return self._rival(name)
        parts = list(self.fixes) if name == "fixed" else name.split("+")
        setup = self.broken
        for part in parts if name != "broken" else ():
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

    def _rival(self, name):
        changes = []
        while name in self.rivals:
            changes.append(self.rivals[name].changes)
            name = self.rivals[name].start
        setup = self.arm(name)
        for changed in reversed(changes):
            setup = setup.replace(**changed)
        return setup

    def why(self, field):
        """Returns `name: why` of the fix that touches a field, or nothing."""
        for name, chosen in self.fixes.items():
            if field in chosen.changes:
                return f"{name}: {chosen.why}"
        return ""
