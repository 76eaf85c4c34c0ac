"""Checks the paths that a user names for output, before anything is done.

It reads names and the state of the disk, and writes nothing.
"""

from __future__ import annotations

import os
import pathlib
import unicodedata

from experiments.cases.errors import SuiteError

# In bytes, with room for the names and suffixes that commands append.
LONGEST_PART, LONGEST_PATH = 200, 3000
# Control characters, surrogates, separators of lines and paragraphs.
NO_NAME = ("Cc", "Cs", "Zl", "Zp")


def folder(text: str, option: str = "--out") -> pathlib.Path:
    """Returns the path of a folder that an option names; it need not exist.

    Args:
        text: The value of the option.
        option: The option's name.

    Raises:
        SuiteError: The value is no usable name of a folder.
    """
    path = _path(text, option)
    if _answer(path.exists, text, option) and not path.is_dir():
        raise _refusal(option, "must name a folder", text)
    return path


def file(text: str, option: str = "--out") -> pathlib.Path:
    """Returns the path of a file that an option names; it need not exist.

    Args:
        text: The value of the option.
        option: The option's name.

    Raises:
        SuiteError: The value is no usable name of a file, or names a folder or a device.
    """
    path = _path(text, option)
    if not path.name or (_answer(path.exists, text, option) and not path.is_file()):
        raise _refusal(option, "must name a file", text)
    if _answer(path.parent.exists, text, option) and not path.parent.is_dir():
        raise _refusal(option, "must name a file in a folder", text)
    return path


def _path(text, option):
    if not text.strip() or any(unicodedata.category(character) in NO_NAME for character in text):
        raise _refusal(option, "must be a name that can be printed", repr(text))
    path = pathlib.Path(text)
    parts = [len(os.fsencode(part)) for part in path.parts]
    if max(parts, default=0) > LONGEST_PART or sum(parts) + len(parts) > LONGEST_PATH:
        wanted = f"must be at most {LONGEST_PATH:,} bytes long, {LONGEST_PART} between two slashes"
        raise _refusal(option, wanted, text)
    if path.is_symlink() and not _answer(path.exists, text, option):
        raise _refusal(option, "must not be a link that leads nowhere", text)
    return path


def _answer(ask, text, option):
    """Returns what a query of the file system returns; refuses the path if the query fails."""
    try:
        return ask()
    except OSError as error:
        raise _refusal(option, f"cannot be looked at ({error.strerror})", text) from None


def _refusal(option, wanted, text):
    return SuiteError(f"{option} {wanted}. Received: {text}")
