"""Locks: one process writes to a folder at a time; the others wait and log a message.

The operating system releases a lock when its process ends, however it ends.
"""

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import filelock

from experiments.cases.errors import SuiteError

NAME = ".lock"
SECONDS_BETWEEN_TRIES = 0.5


@contextlib.contextmanager
def locked(folder: pathlib.Path, log: Callable[[str], object] | None = None) -> Iterator[None]:
    """Holds a folder's lock while the block runs.

    Args:
        folder: Path of the folder, which exists.
        log: Function that receives one line if this process has to wait for the lock.

    Raises:
        SuiteError: The file system has no locks, or none can be made there.
    """
    lock = filelock.FileLock(folder / NAME)
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            if log is not None:
                log(f"another run is writing to {folder}; waiting until it ends (Ctrl-C gives up)")
            lock.acquire(poll_interval=SECONDS_BETWEEN_TRIES)
    except (OSError, NotImplementedError) as error:
        raise SuiteError(
            f"Cannot lock {folder} for this run alone; name a folder on another disk with "
            f"--out. Received: {error}"
        ) from None
    try:
        yield
    finally:
        lock.release()
