"""Turns errors that Keras raises because of a setup into one line that names case and arm.

Standard library only. An error that the case's own code raises is a mistake in that code and keeps
its traceback. An error that Keras or TensorFlow raises because of a setting becomes one line.
"""

from __future__ import annotations

import contextlib
import functools
import pathlib
import traceback
from typing import TYPE_CHECKING

from experiments.cases.errors import SuiteError, one_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

FRAMEWORKS = ("keras", "tensorflow", "optree", "ml_dtypes")
LIBRARY = pathlib.Path(__file__).parent.parent


@contextlib.contextmanager
def explained(case: Case, setup: Setup, what: str = "trained") -> Iterator[None]:
    """Turns an error that Keras raises in the block into one line.

    Args:
        case: The case.
        setup: The setup of the arm.
        what: The attempted action, as a participle.

    Raises:
        SuiteError: Keras or TensorFlow raised an error, or the memory did not suffice.
    """
    try:
        yield
    except SuiteError:
        raise
    except Exception as error:
        if not _because_of_a_setting(case, error):
            raise
        raise SuiteError(
            f"{case.name}: the arm {arm_text(case, setup)} cannot be {what}; change its "
            f"setup. Received: {type(error).__name__}: {_first_line(error)}"
        ) from error


def arm_text(case: Case, setup: Setup) -> str:
    """Returns the quoted name of the arm with this setup, or else the setup as text."""
    for name in ("broken", *case.fixes, "fixed", *case.variants):
        if case.arm(name) == setup:
            return f"'{name}'"
    return shown(setup)


def is_own(case: Case, error: BaseException) -> bool:
    """Returns whether the case's own code raised an error."""
    return not isinstance(error, SuiteError) and _places(case, error)[-1] == "case"


def _because_of_a_setting(case, error):
    """Whether a framework raised it, or a library function that the case called."""
    places = _places(case, error)
    by_library = places[-1] == "library" and "case" in places
    # No frame lies below the call: the case's function does not take these arguments.
    by_the_call = isinstance(error, TypeError) and len(places) <= 2
    known = isinstance(error, MemoryError) or places[-1] == "framework"
    return known or by_library or by_the_call


def _places(case, error):
    """The owner of each function in a traceback; the one that raised the error comes last."""
    own = {_file(f) for f in (case.data, case.model, case.inputs, case.by_hand)}
    # A target may be a function of this library; it still belongs to the case.
    target = _file(case.task.target), getattr(case.task.target, "__name__", "")
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        is_own = frame.filename in own or (frame.filename, frame.name) == target
        found.append("case" if is_own else _place(pathlib.Path(frame.filename)))
    # For NumPy and the standard library the caller is responsible.
    return [place for place in found if place != "elsewhere"] or ["elsewhere"]


def _place(path):
    if LIBRARY in path.parents:
        return "library"
    return "framework" if set(path.parts) & set(FRAMEWORKS) else "elsewhere"


def _file(function):
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(getattr(function, "__code__", None), "co_filename", "")


def _first_line(error):
    """The first two lines of an error's text; Keras and TensorFlow add pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return one_line(" ".join(lines[:2])[:300]) or "no reason given"
