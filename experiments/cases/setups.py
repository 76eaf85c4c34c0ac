"""Setups: one complete program as plain values; and the fixes and variants that change it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from experiments.cases.errors import CaseError, Checked, nearest, shown

PLAIN_TYPES = (str, int, float, bool, type(None))
# Limits of a plain value.
MOST_BITS = 1000
LONGEST_TEXT = 10_000
DEEPEST_TUPLE = 20


@dataclasses.dataclass(frozen=True)
class Setup:
    """One complete program: every value that distinguishes it from other programs.

    A case subclasses it with frozen dataclass fields of plain values
    (`str`, `int`, `float`, `bool`, `None` and tuples of them). The library reads the
    fields below. Only the case's own functions read the others.

    - `batch_size`: samples in one update.
    - `epochs` and `num_samples`: a finite data set, shuffled at each epoch; or
      `steps`: an endless stream, a fresh batch at each of `steps` updates.
    - `calls` (optional): how often `fit` is called, each time on fresh samples.
    - `validation_split` (optional): the share of samples, taken from the end
      before shuffling, that never trains.
    - `read` (optional): how an output becomes a prediction: `"value"`, `"argmax"`,
      `"sign"` or `"threshold 0.5"`.

    The seed is never a field: a setup is repeated over seeds.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The fields are those of the case's subclass."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check_plain(field.name, getattr(self, field.name))

    def replace(self, /, **changes: Any) -> Self:
        """Returns a copy with some fields changed.

        Raises:
            CaseError: A field does not exist.
        """
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise CaseError(
                    f"{type(self).__name__} has no field '{name}'; expected one "
                    f"of {known}. Received: {name}.{nearest(name, known)}"
                )
        return dataclasses.replace(self, **changes)

    def to_json(self) -> str:
        """Returns the fields as one line of JSON, in the order of their definition."""
        return json.dumps(dataclasses.asdict(self))

    @property
    def is_stream(self) -> bool:
        """Whether every update sees fresh samples instead of a finite set."""
        return hasattr(self, "steps")

    @property
    def num_training_samples(self) -> int:
        """Samples of a finite set that train: the validation split's part does not."""
        split = getattr(self, "validation_split", 0.0)
        return int(self.num_samples * (1.0 - split))

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one epoch of a finite set; the last batch may be short."""
        return -(-self.num_training_samples // self.batch_size)

    @property
    def num_steps(self) -> int:
        """Updates made in total."""
        if self.is_stream:
            return self.steps
        return getattr(self, "calls", 1) * self.epochs * self.steps_per_epoch


def _check_plain(name: str, value: Any, depth: int = 0) -> None:
    if isinstance(value, tuple) and depth < DEEPEST_TUPLE:
        for item in value:
            _check_plain(name, item, depth + 1)
    elif not isinstance(value, PLAIN_TYPES):
        raise CaseError(
            f"Field '{name}' must hold plain values (str, int, float, bool, None "
            f"or tuples of them). Received: {shown(value)}"
        )
    elif isinstance(value, int) and value.bit_length() > MOST_BITS:
        # Python itself refuses to spell out a number of thousands of digits.
        raise CaseError(
            f"Field '{name}' must hold whole numbers of at most {MOST_BITS:,} bits. Received: "
            f"{value.bit_length():,} bits"
        )
    elif isinstance(value, str) and (len(value) > LONGEST_TEXT or not _is_text(value)):
        raise CaseError(
            f"Field '{name}' must hold text of at most {LONGEST_TEXT:,} characters. Received: "
            f"{len(value):,} characters, {shown(value)}"
        )


def _is_text(value: str) -> bool:
    # A lone surrogate is half a character, which cannot be encoded.
    return not any("\ud800" <= character <= "\udfff" for character in value)


@dataclasses.dataclass(frozen=True)
class Fix(Checked):
    """A change of a setup: why, the changed fields, and the arm that is changed."""

    why: str
    changes: Mapping[str, Any]
    start: str = "broken"


def fix(why: str, **changes: Any) -> Fix:
    """Returns an atomic fix: the smallest change that leaves a running program.

    Args:
        why: One clause, shown beside the change in every table.
        **changes: Field names of the setup and their new values.
    """
    return Fix(why, changes)


def variant(why: str, start: str = "broken", **changes: Any) -> Fix:
    """Returns a variant: another proposal, kept out of the combinations of fixes.

    Args:
        why: One clause, shown beside the change in every table.
        start: The arm it changes: `"broken"`, `"fixed"`, fixes joined by `+`, or
            another variant.
        **changes: Field names of the setup and their new values.
    """
    return Fix(why, changes, start)


# The earlier name, used in older cases.
rival = variant
