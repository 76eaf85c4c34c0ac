"""Errors: what a person can mend, as one line; and whether values are of the stated kinds.

Standard library only; all that is told of a mistake is spelt here, once.
"""

import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Callable, Mapping

LONGEST_LINE = 2000
LONGEST_NAME = 200
LONGEST_VALUE = 500


class SuiteError(Exception):
    """What the user can mend: one line, naming the command that mends it."""


class CaseError(SuiteError, ValueError):
    """What the author of a case can mend: a law of the house that the case breaks."""


def one_line(message):
    """Returns a message as one line that is safe on any screen.

    Blanks and line breaks become single blanks, what cannot be printed (control
    characters, which a terminal would obey, and bytes that are no text) is spelt out, and
    the middle of a very long line is left out.

    Args:
        message: Text, or anything that can be made text.
    """
    text = " ".join(str(message).split())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return _shortened(text, LONGEST_LINE)


def shown(value):
    """Returns a value as it is written in code, on one line and not too long.

    Args:
        value: Anything, even what cannot say what it is.
    """
    try:
        text = one_line(repr(value))
    except Exception as error:
        # A whole number of thousands of digits, or an object of a case's own.
        text = f"{type(value).__name__} ({type(error).__name__})"
    return _shortened(text, LONGEST_VALUE)


def _shortened(text, longest):
    half = longest // 2 - 3
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def nearest(name, known):
    """Returns ` Did you mean 'x'?` for the closest known name, or nothing."""
    # How alike two texts are costs the product of their lengths; no name is that long.
    close = difflib.get_close_matches(str(name)[:LONGEST_NAME], list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


class Checked:
    """A dataclass whose fields hold, from the start, values of the kinds they state."""

    def __post_init__(self):
        check_kinds(self)


def check_kinds(instance):
    """Makes sure that each field of a dataclass holds a value of the kind it states.

    Args:
        instance: A dataclass whose fields are annotated with classes, `|` of them,
            `Callable`, `tuple[X, ...]` or `Mapping[X, Y]`; a whole number will do for a
            float.

    Raises:
        CaseError: One does not; the text names field, kind and value.
    """
    for name, kind in _kinds(type(instance)).items():
        value = getattr(instance, name)
        if not _is_kind(value, kind):
            wanted = getattr(kind, "__name__", kind) if isinstance(kind, type) else kind
            words = re.sub(r"\b(?:experiments|collections)\.(?:\w+\.)+", "", str(wanted))
            raise CaseError(
                f"Field '{name}' of a {type(instance).__name__} must be of the kind {words}. "
                f"Received: {shown(value)}"
            )


@functools.cache
def _kinds(owner):
    hints = typing.get_type_hints(owner)
    return {field.name: hints[field.name] for field in dataclasses.fields(owner)}


def _is_kind(value, kind):
    """Whether a value is of an annotated kind, its items too."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is typing.Any:
        return True
    if origin in (types.UnionType, typing.Union):
        return any(_is_kind(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, tuple) and all(_is_kind(item, parts[0]) for item in value)
    if origin is Mapping:
        pairs = value.items() if isinstance(value, Mapping) else [(object, object)]
        return all(_is_kind(k, parts[0]) and _is_kind(v, parts[1]) for k, v in pairs)
    if kind is Callable:
        return callable(value)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)
