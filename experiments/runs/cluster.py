"""Connection to a Ray cluster, which is joined or started on this machine.

Failures of Ray become errors that the user can correct. Ray is imported only when a
cluster is requested.
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
from collections.abc import Iterator
from typing import Any

from experiments.cases.errors import SuiteError, one_line, shown
from experiments.runs.blocks import num_cores
from experiments.runs.cluster_executor import ClusterExecutor

INSTALL = 'pip install -e ".[cluster]"'
LOCAL = "local"
ADDRESS = re.compile(r"(ray://)?([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})")
LAST_PORT = 2**16 - 1
SECONDS_TO_ANSWER = 10
# Rows and states are small; by default Ray would take a third of the memory.
STORE_BYTES = 256 * 2**20
# This folder holds sockets, and the path of a socket is limited to about 100 characters.
LONGEST_FOLDER = 40
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0"}


@contextlib.contextmanager
def connect(address: str, num_workers: int | None = None) -> Iterator[ClusterExecutor]:
    """Joins a Ray cluster, or starts one on this machine that ends with the context.

    Args:
        address: `local`, `auto` (the cluster that this machine is part of), `host:port`, or
            `ray://host:port` from a machine that is not part of it.
        num_workers: Largest number of jobs in training at once; by default one per core.

    Yields:
        A `ClusterExecutor`.

    Raises:
        SuiteError: Ray is not installed, nothing listens at the address, or the cluster
            cannot be joined.
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
        # This ends a cluster that was started here; a joined one continues.
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def check_address(address: str) -> None:
    """Checks that a text is the address of a cluster.

    Raises:
        SuiteError: The text is no such address.
    """
    found = ADDRESS.fullmatch(address)
    if address not in (LOCAL, "auto") and not (found and 0 < int(found[3]) <= LAST_PORT):
        raise SuiteError(
            "--cluster takes local, auto, or the address of a Ray cluster, such as "
            f"10.0.0.1:6379 or ray://10.0.0.1:10001. Received: {shown(address)}"
        )


def _ray(address: str) -> Any:
    """Returns Ray; environment variables that it reads when imported are set before."""
    for name, value in (SETTINGS | (_own() if address == LOCAL else {})).items():
        os.environ.setdefault(name, value)
    try:
        import ray  # pyright: ignore[reportMissingImports] (optional dependency)
    except ImportError:
        raise SuiteError(f"--cluster needs Ray; install it: {INSTALL}") from None
    return ray


def _folder() -> str | None:
    """Returns a new folder for a local cluster, or `None` for Ray's default folder."""
    folder = tempfile.mkdtemp(prefix="ray-")
    if len(folder) <= LONGEST_FOLDER:
        return folder
    pathlib.Path(folder).rmdir()
    return None


def _join(ray: Any, address: str, folder: str | None, num_workers: int | None) -> None:
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
        # Ray replaced it by its own handler.
        signal.signal(signal.SIGTERM, handler)


def _own() -> dict[str, str]:
    """Returns settings of a local cluster: priority of this process, closed to others."""
    # By default Ray's workers have a lower priority than other processes.
    quick = {"RAY_worker_niceness": str(os.nice(0))} if hasattr(os, "nice") else {}
    if "RAY_AUTH_MODE" in os.environ:
        return quick
    closed = quick | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    # If Ray is imported already, it keeps its mode; recent versions use tokens by default.
    return closed if "ray" in sys.modules else closed | {"RAY_AUTH_MODE": "token"}


def _knock(address: str) -> None:
    """Checks that something listens at an address; Ray itself would try for minutes."""
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


def _cannot_join(address: str, error: Exception) -> str:
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
