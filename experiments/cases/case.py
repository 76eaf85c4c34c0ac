"""The vocabulary of a case: its task, its bar and the case itself.

Standard library only. A case says *what* is compared; it trains
nothing and knows no file. What is asked about it is its `Evidence`.
"""

import dataclasses
from collections.abc import Callable, Mapping

from experiments.cases import validation
from experiments.cases.errors import CaseError, Checked, SuiteError, nearest
from experiments.cases.setups import Fix, Setup, fix, rival, variant
from experiments.cases.validation import PROVENANCE, READINGS, TRAINERS, WORDS

__all__ = ["PROVENANCE", "READINGS", "TRAINERS", "Case", "CaseError", "Classification", "Fix"]
__all__ += ["Regression", "Setup", "Solved", "SuiteError", "fix", "nearest", "rival", "variant"]


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


@dataclasses.dataclass(frozen=True, eq=False)
class Case(Checked):
    """A failure in public: the broken program, its fixes and their variants.

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
        variants: Name to `variant(...)`.
        inputs: Optional function `(setup, x, sample) -> x` that prepares what
            the network is given; `sample` holds the x that statistics may be
            taken from (the batch in training, the grid in the exam).
        by_hand: Optional function `(setup, weights) -> weights` that sets initial
            weights by hand: a list of arrays in the order of `model.weights`, as
            drawn, and as training starts from.
        quick_steps: If given, the command line cuts longer arms to this many
            updates unless `--full` is given.
        block_width: Seeds trained at once. XLA may round a sum otherwise in a wider
            stack, so the width is a constant of the case; `None` where a test holds
            that no bit depends on it, and each run may choose.
        rivals: What `variants` was called before.

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
    variants: Mapping[str, Fix] = dataclasses.field(default_factory=dict)
    inputs: Callable | None = None
    by_hand: Callable | None = None
    quick_steps: int | None = None
    block_width: int | None = 16
    rivals: dataclasses.InitVar[Mapping[str, Fix] | None] = None

    def __post_init__(self, rivals):
        if rivals is not None and self.variants:
            raise CaseError("A case has variants or rivals, which are the same. Received: both")
        if rivals is not None:
            object.__setattr__(self, "variants", rivals)
        super().__post_init__()
        validation.check(self, isinstance(self.task, Regression))

    @property
    def fixed(self):
        """The setup with every fix applied."""
        return self.arm("fixed")

    def arm(self, name):
        """Returns the setup of one arm.

        Args:
            name: `broken`, `fixed`, a variant, or fixes joined by `+`.

        Raises:
            SuiteError: There is no such arm.
        """
        if name in self.variants:
            return self._variant(name)
        parts = list(self.fixes) if name == "fixed" else name.split("+")
        setup = self.broken
        for part in parts if name != "broken" else ():
            if part not in self.fixes:
                known = ["broken", "fixed", *self.fixes, *self.variants]
                raise SuiteError(
                    f"{self.name} has no arm '{name}'; expected some of "
                    f"{', '.join(known)}, fixes joined by '+', or the words "
                    f"{', '.join(WORDS)}. Received: {part}."
                    f"{nearest(part, known)}"
                )
            setup = setup.replace(**self.fixes[part].changes)
        return setup

    def _variant(self, name):
        changes = []
        while name in self.variants:
            changes.append(self.variants[name].changes)
            name = self.variants[name].start
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
