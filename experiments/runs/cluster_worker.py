"""The worker on a node of a cluster: it reports versions and sources, and trains jobs.

Ray, which transports calls and bytes, is not imported here.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import pathlib
import pickle
import platform
import queue
import threading
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from experiments.runs import files
from experiments.runs.executor import ProgressEvents, outcome, sendable
from experiments.runs.jobs import JobTrainer
from experiments.runs.keys import PACKAGES, version

SOURCES = "version of the suite"
ROOT = pathlib.Path(__file__).parent.parent
# Rows depend on these packages, and on `experiments/__init__.py`.
TRAINING = ("cases", "stats", "training", "runs")
ABSENT = "missing"
# Rows are sent as pandas tables.
VERSIONS = (*PACKAGES, "pandas")
MEND = 'run `git pull` and `pip install -e ".[cluster]"` there'


def facts(modules: Iterable[str]) -> dict[str, str]:
    """Returns everything on this node that rows may depend on, as versions and digests.

    Args:
        modules: Names of the modules that define a case's functions.

    Returns:
        `{name: text}`: versions, a digest of the library's sources, and one of each module.
    """
    versions = {name: version(name) for name in VERSIONS}
    ours = {"Python": platform.python_version(), SOURCES: files.digest(repr(sources()))}
    return ours | versions | {name: _digest_of(name) for name in modules}


@functools.cache
def sources(root: pathlib.Path = ROOT) -> dict[str, str]:
    """Returns `{path: source}` of every module that rows depend on.

    The files are read once per process, like its modules.

    Args:
        root: The folder of the package `experiments`.
    """
    folders = [(root / package).rglob("*.py") for package in TRAINING]
    paths = sorted([root / "__init__.py", *itertools.chain(*folders)])
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def _digest_of(module: str) -> str:
    """Returns a digest of a module's file, or `ABSENT`."""
    try:
        found = importlib.util.find_spec(module)
        origin = getattr(found, "origin", None)
        return files.digest(pathlib.Path(origin).read_bytes()) if origin else ABSENT
    except (ImportError, ValueError, AttributeError, TypeError, OSError):
        return ABSENT


def refusal(node: str, theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Returns the reason why a node is refused, on one line, or `""`.

    Args:
        node: The node's name.
        theirs: The result of `facts` on the node; empty if the suite is missing there.
        ours: The result of `facts` on this machine.
    """
    if not theirs:
        return f"{node} takes no part: it has not this suite, or an older one; {MEND}"
    # Patch releases of Python change no rows; Ray itself refuses other differences.
    differences = [
        f"{name} {theirs.get(name, ABSENT)}, not {value}" if name in VERSIONS else f"another {name}"
        for name, value in ours.items()
        if name != "Python" and theirs.get(name) != value
    ]
    return (
        f"{node} takes no part: it has {' and '.join(differences)}; {MEND}" if differences else ""
    )


class RemoteWorker:
    """Trains jobs, one at a time, in a thread of the node's process."""

    def __init__(self) -> None:
        warnings.filterwarnings("ignore", message="You are using a softmax over axis")
        self._job_trainer = JobTrainer()
        self._received: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def give(self, data: bytes, saved: bytes | None) -> None:
        """Starts to train a job.

        Args:
            data: The pickled `Job`.
            saved: A checkpoint to resume from, or `None`.
        """
        threading.Thread(target=self._work, args=(data, saved), daemon=True).start()

    def receive(self) -> list[tuple[str, Any]]:
        """Waits for progress events, and returns all that are there as `(kind, value)`."""
        received = [self._received.get()]
        while not self._received.empty():
            received.append(self._received.get())
        return received

    def _work(self, data: bytes, saved: bytes | None) -> None:
        events = ProgressEvents(self._received.put)
        try:
            ended = sendable(*outcome(self._job_trainer, pickle.loads(data), saved, events.send))
        except BaseException as error:
            # A case may end its thread by `sys.exit`, which would otherwise go unnoticed.
            ended = "failed", RuntimeError(f"{type(error).__name__}: {error}")
        events.flush()
        self._received.put(ended)
