"""A cluster: units trained by the workers of a Ray cluster, on this machine or on many.

Joins a cluster or starts one, and says what is wrong in words a user can mend. Ray
is imported once it is asked for, and nowhere else.
"""

import contextlib
import logging
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import warnings

from experiments.cases.case import SuiteError
from experiments.cases.errors import one_line, shown
from experiments.runs.blocks import num_cores
from experiments.runs.cluster_executor import ClusterExecutor

INSTALL = 'pip install -e ".[cluster]"'
LOCAL = "local"
ADDRESS = re.compile(r"(ray://)?([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})")
LAST_PORT = 2**16 - 1
SECONDS_TO_ANSWER = 10
# Rows and states are small; by default Ray would take a third of the memory.
STORE_BYTES = 256 * 2**20
# Sockets lie in this folder, and a socket's path has about a hundred letters.
LONGEST_FOLDER = 40
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0"}


@contextlib.contextmanager
def connect(address, num_workers=None):
    """Joins a Ray cluster, or starts one on this machine that ends with the context.

    Args:
        address: `local`, `auto` (the cluster that this machine is part of), `host:port`, or
            `ray://host:port` from a machine that is no part of it.
        num_workers: Units in training at once, at most; by default one a core.

    Yields:
        A `ClusterExecutor`.

    Raises:
        SuiteError: Ray is not installed, nothing listens there, or it cannot be joined.
    """
    check_address(address)
    ray = _ray(address)
    if ray.is_initialized():
        raise SuiteError("This process is part of a Ray cluster already; call `ray.shutdown()`.")
    folder = _folder() if address == LOCAL else None
    try:
        _join(ray, address, folder, num_workers)
        yield ClusterExecutor(ray, num_workers)
    finally:
        # Ends a cluster of our own, and leaves another's as it was.
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def check_address(address):
    """Makes sure that a text names a cluster.

    Raises:
        SuiteError: It does not.
    """
    found = ADDRESS.fullmatch(address)
    if address not in (LOCAL, "auto") and not (found and 0 < int(found[3]) <= LAST_PORT):
        raise SuiteError(
            "--cluster takes local, auto, or the address of a Ray cluster, such as "
            f"10.0.0.1:6379 or ray://10.0.0.1:10001. Received: {shown(address)}"
        )


def _ray(address):
    """Returns Ray; what it reads in the environment as it is imported is set before."""
    for name, value in (SETTINGS | (_own() if address == LOCAL else {})).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise SuiteError(f"--cluster needs Ray; install it: {INSTALL}") from None
    return ray


def _folder():
    """Returns a new folder for a cluster of our own, or `None`: Ray's own place."""
    folder = tempfile.mkdtemp(prefix="ray-")
    if len(folder) <= LONGEST_FOLDER:
        return folder
    pathlib.Path(folder).rmdir()
    return None


def _join(ray, address, folder, num_workers):
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if address == LOCAL:
                size = {"num_cpus": num_workers or num_cores(), "object_store_memory": STORE_BYTES}
                ray.init(LOCAL, include_dashboard=False, _temp_dir=folder, **size, **quiet)
            else:
                _knock(address)
                ray.init(address, **quiet)
    except SuiteError:
        raise
    except Exception as error:
        raise SuiteError(_cannot_join(address, error)) from None
    if callable(handler):
        # Ray put its own in its place.
        signal.signal(signal.SIGTERM, handler)


def _own():
    """Returns settings of a cluster of our own: as quick as we are, and closed to others."""
    # Ray's workers would give way to whatever else runs.
    quick = {"RAY_worker_niceness": str(os.nice(0))} if hasattr(os, "nice") else {}
    if "RAY_AUTH_MODE" in os.environ:
        return quick
    closed = quick | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    # A Ray that is imported already keeps its mode; a recent one locks its own clusters.
    return closed if "ray" in sys.modules else closed | {"RAY_AUTH_MODE": "token"}


def _knock(address):
    """Makes sure that somebody listens: Ray itself would try for minutes."""
    found = ADDRESS.fullmatch(address)
    if not found:
        return
    try:
        place = found[2].strip("[]"), int(found[3])
        socket.create_connection(place, timeout=SECONDS_TO_ANSWER).close()
    except OSError as error:
        start = "" if found[1] else f" --port={found[3]}"
        raise SuiteError(
            f"Nothing answers at {address}; start a cluster there: `ray start --head{start}`. "
            f"Received: {error}"
        ) from None


def _cannot_join(address, error):
    received = one_line(f"{type(error).__name__}: {error}")
    if "ersion mismatch" in received:
        return f"Its nodes have another Ray or Python; {INSTALL} on each. Received: {received}"
    if "path length" in received:
        return f"Ray needs a temporary folder of a short name; set TMPDIR. Received: {received}"
    if address == LOCAL:
        return (
            f"Ray cannot start on this machine; {INSTALL}, or leave --cluster. Received: {received}"
        )
    start = "ray start --head" if address == "auto" else f"ray start --address={address}"
    return f"Cannot join {address}; first make this machine a part: `{start}`. Received: {received}"
