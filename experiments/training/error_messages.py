"""Reasons: why Keras will not do what a setup says, in one line that names case and arm.

Standard library only. What a case's own code raises is a mistake in that code, and
keeps its traceback; what Keras and TensorFlow raise because of a setting becomes one line.
"""

import contextlib
import functools
import pathlib
import traceback

from experiments.cases.errors import SuiteError, one_line, shown

FRAMEWORKS = ("keras", "tensorflow", "optree", "ml_dtypes")
LIBRARY = pathlib.Path(__file__).parent.parent


@contextlib.contextmanager
def explained(case, setup, what="trained"):
    """Turns what Keras raises in the block into one line.

    Args:
        case: The `Case`.
        setup: The `Setup` of the arm at hand.
        what: What was tried.

    Raises:
        SuiteError: Keras or TensorFlow would not, or the memory did not suffice.
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


def arm_text(case, setup):
    """Returns the name of the arm that has this setup, or else the setup itself."""
    for name in ("broken", *case.fixes, "fixed", *case.variants):
        if case.arm(name) == setup:
            return f"'{name}'"
    return shown(setup)


def is_own(case, error):
    """Returns whether it was a case's own code that raised an error."""
    return not isinstance(error, SuiteError) and _places(case, error)[-1] == "case"


def _because_of_a_setting(case, error):
    """Whether a framework raised it, or a word of this library that the case called."""
    places = _places(case, error)
    by_a_word = places[-1] == "library" and "case" in places
    # Nothing stands below the call: what the case gave cannot be called like this.
    by_the_call = isinstance(error, TypeError) and len(places) <= 2
    known = isinstance(error, MemoryError) or places[-1] == "framework"
    return known or by_a_word or by_the_call


def _places(case, error):
    """What each function on the way to an error belongs to, the one that raised it last."""
    own = {_file(f) for f in (case.data, case.model, case.inputs, case.by_hand)}
    # A target may be a word of this library; the case gave it all the same.
    target = _file(case.task.target), getattr(case.task.target, "__name__", "")
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        is_own = frame.filename in own or (frame.filename, frame.name) == target
        found.append("case" if is_own else _place(pathlib.Path(frame.filename)))
    # NumPy and the standard library are at fault for those who call them.
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
    """What an error says first; Keras and TensorFlow add pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return one_line(" ".join(lines[:2])[:300]) or "no reason given"
