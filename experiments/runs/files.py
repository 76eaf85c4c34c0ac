"""Files: atomic writes, reads of bounded size, digests and checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from experiments.cases.errors import SuiteError

if TYPE_CHECKING:
    import pathlib

# Larger files are not read into memory; no file of this library is nearly as large.
MOST_BYTES = 512 * 2**20
HELP = "restore the file (git checkout), or start over with --fresh"


def write_whole(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file atomically: to a temporary file, synced to disk, which is then renamed.

    A file that holds the content already is not written.

    Args:
        path: Path of the file; its folder exists.
        content: Text or bytes.

    Raises:
        SuiteError: The file cannot be written.
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
def writing(path: pathlib.Path | str, option: str = "--out") -> Iterator[None]:
    """Converts an `OSError` of the block, which writes below a path, to a `SuiteError`.

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


def holds(path: pathlib.Path, data: bytes) -> bool:
    """Returns whether a path is a file, not a link, of exactly these bytes."""
    with contextlib.suppress(OSError):
        same_size = not path.is_symlink() and path.stat().st_size == len(data)
        return same_size and path.read_bytes() == data
    return False


def _settle(folder: pathlib.Path) -> None:
    """Syncs a folder's list of names to disk."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_temporary(name: str) -> bool:
    """Returns whether a file of this name was left by an interrupted `write_whole`."""
    return name.startswith(".") and name.endswith(".tmp")


def sweep(folder: pathlib.Path) -> None:
    """Removes the temporary files that an interrupted `write_whole` left in a folder."""
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()


def read_bytes(path: pathlib.Path, most: int = MOST_BYTES) -> bytes | None:
    """Returns a file's bytes, or `None` if it does not exist.

    Args:
        path: Path of the file.
        most: Largest size that is accepted, in bytes.

    Raises:
        SuiteError: The path is not a file, too large, or cannot be read.
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


def decoded(path: pathlib.Path, data: bytes) -> str:
    """Returns bytes as text.

    Raises:
        SuiteError: The bytes are not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise damaged(path, error) from None


def damaged(path: pathlib.Path | str, why: object, line: int | None = None) -> SuiteError:
    """Returns the error that names a damaged file, or a line of it, and the remedy."""
    place = f"{path}" if line is None else f"{path}, line {line}"
    return SuiteError(f"{place} is damaged; {HELP}. Received: {why}")


def digest(data: str | bytes) -> str:
    """Returns the first 16 hexadecimal digits of the SHA-256 of some content."""
    data = data.encode() if isinstance(data, str) else data
    return hashlib.sha256(data).hexdigest()[:16]


def as_text(value: Any) -> str:
    """Returns a cell's text: 7 significant digits, Booleans as 1 or 0."""
    if isinstance(value, str):
        return value
    return format(float(value), ".7g")


def checksum(row: Mapping[str, str]) -> str:
    """Returns the CRC-32 of a row's cells without blank ones and without `check`."""
    cells = [f"{k}={v}" for k, v in sorted(row.items()) if k != "check" and v != ""]
    return format(zlib.crc32("\n".join(cells).encode()), "08x")
