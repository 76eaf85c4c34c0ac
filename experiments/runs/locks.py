"""Locks: one process writes to a folder at a time; the others wait with a word.

The lock ends with its process, however that ends; knows no store.
"""

import contextlib

import filelock

from experiments.cases.errors import SuiteError

NAME = ".lock"
SECONDS_BETWEEN_TRIES = 0.5


@contextlib.contextmanager
def locked(folder, log=None):
    """Holds a folder's lock for as long as the block runs.

    Args:
        folder: Path of the folder, which exists.
        log: Function given one line if another process holds the lock, before this one
            waits for it.

    Raises:
        SuiteError: The place has no locks, or none can be made there.
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
