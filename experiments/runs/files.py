"""Files: written whole or not at all, read within bounds, and told apart by a digest.

Disk and bytes only; knows no case and no table.
"""

import contextlib
import hashlib
import os
import zlib

from experiments.cases.errors import SuiteError

# No file of ours comes near it; what is larger is not read into memory.
MOST_BYTES = 512 * 2**20
HELP = "restore the file (git checkout), or start over with --fresh"


def write_whole(path, content):
    """Writes a file beside its place, then moves it there in one step, and onto the disk.

    A file that holds the content already is left alone.

    Args:
        path: Path of the file; its folder exists.
        content: Text or bytes.

    Raises:
        SuiteError: The place cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    if holds(path, data):
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _settle(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SuiteError(
            f"Cannot write {path}; free some space or name another folder with "
            f"--out. Received: {error.strerror}"
        ) from None


@contextlib.contextmanager
def writing(path, option="--out"):
    """Turns what the disk refuses while the block writes below a path into one line.

    Raises:
        SuiteError: A file or folder could not be written.
    """
    try:
        yield
    except OSError as error:
        raise SuiteError(
            f"Cannot write to {path}; free some space or name another place with {option}. "
            f"Received: {error.strerror}"
        ) from None


def holds(path, data):
    """Returns whether a path is a file, not a link, of exactly these bytes."""
    with contextlib.suppress(OSError):
        same_size = not path.is_symlink() and path.stat().st_size == len(data)
        return same_size and path.read_bytes() == data
    return False


def _settle(folder):
    """Makes a folder's list of names last through a power cut."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_temporary(name):
    """Returns whether `write_whole` left a file of this name when it was killed."""
    return name.startswith(".") and name.endswith(".tmp")


def sweep(folder):
    """Removes what `write_whole` left in a folder when it was killed."""
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()


def read_bytes(path, most=MOST_BYTES):
    """Returns a file's bytes, or `None` if it is not there.

    Args:
        path: Path of the file.
        most: The size beyond which it is refused unread.

    Raises:
        SuiteError: It is no file, too large, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise damaged(path, "not a file")
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SuiteError(f"Cannot read {path}. Received: {error.strerror}") from None
    if len(data) > most:
        raise damaged(path, f"more than {most:,} bytes")
    return data


def decoded(path, data):
    """Returns bytes as text.

    Raises:
        SuiteError: They are no UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise damaged(path, error) from None


def damaged(path, why, line=None):
    """Returns the error that names a damaged file, or one line of it, and what to do."""
    place = f"{path}" if line is None else f"{path}, line {line}"
    return SuiteError(f"{place} is damaged; {HELP}. Received: {why}")


def digest(data):
    """Returns sixteen hexadecimal digits that tell contents apart (of SHA-256)."""
    data = data.encode() if isinstance(data, str) else data
    return hashlib.sha256(data).hexdigest()[:16]


def as_text(value):
    """Returns a cell's text: 7 significant digits, truth as 1 or 0."""
    if isinstance(value, str):
        return value
    return format(float(value), ".7g")


def checksum(row):
    """Returns the CRC-32 of a row's cells, blank ones and its own left out."""
    cells = [f"{k}={v}" for k, v in sorted(row.items()) if k != "check" and v != ""]
    return format(zlib.crc32("\n".join(cells).encode()), "08x")
