"""Places: where a command may write, as a person named it; checked before anything is done.

Names and the disk's answers; writes nothing.
"""

import os
import pathlib
import unicodedata

from experiments.cases.errors import SuiteError

# In bytes. Names of ours come behind a path, and endings of ours behind a name.
LONGEST_PART, LONGEST_PATH = 200, 3000
# Control characters, halves of characters, ends of lines and paragraphs.
NO_NAME = ("Cc", "Cs", "Zl", "Zp")


def folder(text, option="--out"):
    """Returns the path of a folder that an option names; it need not be there.

    Args:
        text: What was typed.
        option: The option's name.

    Raises:
        SuiteError: It is no name of a folder.
    """
    path = _path(text, option)
    if _answer(path.exists, text, option) and not path.is_dir():
        raise _refusal(option, "must name a folder", text)
    return path


def file(text, option="--out"):
    """Returns the path of a file that an option names; it need not be there.

    Args:
        text: What was typed.
        option: The option's name.

    Raises:
        SuiteError: It is no name of a file, but of a folder or a device, say.
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
    """What the disk says of a path, or that it says nothing."""
    try:
        return ask()
    except OSError as error:
        raise _refusal(option, f"cannot be looked at ({error.strerror})", text) from None


def _refusal(option, wanted, text):
    return SuiteError(f"{option} {wanted}. Received: {text}")
