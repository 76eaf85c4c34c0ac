"""A case: its task, its threshold, the broken setup and the fixes.

A case describes what is compared. It trains nothing and reads no file. The claims about
it, the grids and the recorded runs are in its `Evidence`.
"""

import dataclasses
from collections.abc import Callable, Mapping

from experiments.cases import validation
from experiments.cases.errors import CaseError, Checked, SuiteError, nearest
from experiments.cases.setups import Fix, Setup
from experiments.cases.validation import WORDS


@dataclasses.dataclass(frozen=True)
class Solved(Checked):
    """The threshold of a solved run: `metric` is at or above `above`."""

    metric: str
    above: float


@dataclasses.dataclass(frozen=True)
class Regression(Checked):
    """A curve y = target(x) on [0, 1), evaluated on x = (i + 0.5) / 1000.

    Args:
        target: Function of an array of x, returning y of the same shape.
        also_from: If given, errors are also computed on the grid's x >= this.
        points: Published x at which squared errors are reported one by one.
        published_mse: The mean squared error that was published for these points.
    """

    target: Callable
    also_from: float | None = None
    points: tuple[float, ...] = ()
    published_mse: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        places = (*self.points, 0.0 if self.also_from is None else self.also_from)
        if not all(0 <= place < 1 for place in places):
            raise CaseError(
                "A Regression is examined on x from 0 to below 1. Received: "
                f"points={self.points}, also_from={self.also_from}"
            )


@dataclasses.dataclass(frozen=True)
class Classification(Checked):
    """Two classes, evaluated on 200 and on 10,000 fresh points of each seed.

    Args:
        target: Function of inputs `(..., num_inputs)`, returning booleans `(...)`:
            whether a point is of class 1. The setup chooses how `data` labels the
            classes (one-hot, 0/1, -1/+1); its field `read` says how an output is read.
        num_few: Points in the article's own test set.
        num_many: Points in this library's test set.
    """

    target: Callable
    num_few: int = 200
    num_many: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.num_few, self.num_many) < 1:
            raise CaseError(
                "A Classification is examined on one point at the least. Received: "
                f"num_few={self.num_few}, num_many={self.num_many}"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Case(Checked):
    """A documented failure: the broken program, its fixes and their variants.

    Args:
        name: The case's name: letters, digits and underscores.
        shows: What visibly goes wrong, one line.
        symptom: What a user with this failure would type into a search box.
        source: Where the thread was published, as text or as an address.
        data: Function `(setup, rng, size) -> (x, y)`: `x` of shape
            `(*size, num_inputs)`, `y` of shape `(*size, num_outputs)`.
        model: Function `(setup) -> keras.Sequential`, compiled.
        task: `Regression` or `Classification`.
        solved: The threshold.
        broken: The program as it was published.
        fixes: Name to `fix(...)`. Fixes change disjoint fields, so that their order
            cannot matter. All of them together make the arm `fixed`.
        variants: Name to `variant(...)`.
        inputs: Optional function `(setup, x, sample) -> x` that prepares the inputs
            of the network. Statistics may be computed from `sample`: the batch in
            training, the evaluation set in an evaluation.
        by_hand: Optional function `(setup, weights) -> weights` that sets initial
            weights by hand. It receives the initialized weights and returns those that
            training starts from, both as lists of arrays in the order of `model.weights`.
        quick_steps: If given, the command line cuts longer arms to this many
            updates unless `--full` is given.
        block_width: Seeds trained at once. XLA may round a sum differently in a wider
            stack, so the width is a constant of the case. `None` lets each run choose; a
            test must then show that no bit of the results depends on the width.
        rivals: The earlier name of `variants`.

    Raises:
        CaseError: The case breaks a rule of `validation`; the message names it.
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

    def __post_init__(self, rivals: Mapping[str, Fix] | None) -> None:
        if rivals is not None and self.variants:
            raise CaseError("A case has variants or rivals, which are the same. Received: both")
        if rivals is not None:
            object.__setattr__(self, "variants", rivals)
        super().__post_init__()
        validation.check(self, isinstance(self.task, Regression))

    @property
    def fixed(self) -> Setup:
        """The setup with every fix applied."""
        return self.arm("fixed")

    def arm(self, name: str) -> Setup:
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

    def _variant(self, name: str) -> Setup:
        changes = []
        while name in self.variants:
            changes.append(self.variants[name].changes)
            name = self.variants[name].start
        setup = self.arm(name)
        for changed in reversed(changes):
            setup = setup.replace(**changed)
        return setup

    def why(self, field: str) -> str:
        """Returns `name: why` of the fix that changes a field, or `""`."""
        for name, chosen in self.fixes.items():
            if field in chosen.changes:
                return f"{name}: {chosen.why}"
        return ""
