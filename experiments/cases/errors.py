"""Errors that a user can correct, and the check of the types of dataclass fields.

Messages are one line that is safe to print on a terminal.
"""

import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

LONGEST_LINE = 2000
LONGEST_NAME = 200
LONGEST_VALUE = 500


class SuiteError(Exception):
    """An error that the user can correct; the message is one line and says how."""


class CaseError(SuiteError, ValueError):
    """An error that the author of a case can correct: the case breaks a rule."""


def one_line(message: object) -> str:
    """Returns a message as one line that is safe to print on a terminal.

    Runs of white space become single blanks. Control characters and bytes that are no text
    are escaped. The middle of a very long line is left out.

    Args:
        message: Text, or an object that `str` accepts.
    """
    text = " ".join(str(message).split())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return _shortened(text, LONGEST_LINE)


def shown(value: object) -> str:
    """Returns the `repr` of a value on one line, shortened if it is long.

    Args:
        value: Any object, also one whose `repr` fails.
    """
    try:
        text = one_line(repr(value))
    except Exception as error:
        # A whole number of thousands of digits, or an object of a case's own.
        text = f"{type(value).__name__} ({type(error).__name__})"
    return _shortened(text, LONGEST_VALUE)


def _shortened(text: str, longest: int) -> str:
    half = longest // 2 - 3
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def nearest(name: object, known: Iterable[str]) -> str:
    """Returns ` Did you mean 'x'?` for the closest known name, or `""`."""
    # Comparing two texts costs the product of their lengths; no name is that long.
    close = difflib.get_close_matches(str(name)[:LONGEST_NAME], list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


class Checked:
    """A dataclass that checks, when built, that its fields hold values of their types.

    The annotations are read at run time: a module that defines such a class must not use
    names that are imported for typing only.
    """

    def __post_init__(self) -> None:
        check_kinds(self)


def check_kinds(instance: Any) -> None:
    """Checks that each field of a dataclass holds a value of its annotated type.

    Args:
        instance: A dataclass whose fields are annotated with classes, `|` of them,
            `Callable`, `tuple[X, ...]` or `Mapping[X, Y]`. An integer is accepted as a
            float.

    Raises:
        CaseError: A field does not; the message names field, type and value.
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
def _kinds(owner: type) -> dict[str, Any]:
    hints = typing.get_type_hints(owner)
    return {field.name: hints[field.name] for field in dataclasses.fields(owner)}


def _is_kind(value: Any, kind: Any) -> bool:
    """Returns whether a value, with its items, is of an annotated type."""
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
