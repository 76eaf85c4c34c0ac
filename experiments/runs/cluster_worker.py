"""The part of a cluster's node: what it would train with, and a desk that trains units.

Knows benches and news; knows nothing of Ray, which only carries calls and bytes.
"""

import functools
import importlib.util
import itertools
import pathlib
import pickle
import platform
import queue
import threading
import warnings

from experiments.runs import files
from experiments.runs.executor import ProgressEvents, outcome, sendable
from experiments.runs.jobs import JobTrainer
from experiments.runs.keys import PACKAGES, version

SOURCES = "version of the suite"
ROOT = pathlib.Path(__file__).parent.parent
# Rows depend on these packages, and on what `experiments` itself names.
TRAINING = ("cases", "stats", "training", "runs")
ABSENT = "missing"
# Rows travel as tables of pandas.
VERSIONS = (*PACKAGES, "pandas")
MEND = 'run `git pull` and `pip install -e ".[cluster]"` there'


def facts(modules):
    """Returns what rows may depend on here, in words and digests.

    Args:
        modules: Names of the modules that a case's functions stand in.

    Returns:
        `{name: text}`: versions, a digest of the sources that train, and one of each module.
    """
    versions = {name: version(name) for name in VERSIONS}
    ours = {"Python": platform.python_version(), SOURCES: files.digest(repr(sources()))}
    return ours | versions | {name: _digest_of(name) for name in modules}


@functools.cache
def sources(root: pathlib.Path = ROOT) -> dict[str, str]:
    """Returns `{path: source}` of every module that rows depend on.

    They are read once in a process, as its modules are.

    Args:
        root: The folder of the package `experiments`.
    """
    folders = [(root / package).rglob("*.py") for package in TRAINING]
    paths = sorted([root / "__init__.py", *itertools.chain(*folders)])
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def _digest_of(module):
    """Returns a digest of a module's file, or that there is none."""
    try:
        found = importlib.util.find_spec(module)
        origin = getattr(found, "origin", None)
        return files.digest(pathlib.Path(origin).read_bytes()) if origin else ABSENT
    except (ImportError, ValueError, AttributeError, TypeError, OSError):
        return ABSENT


def refusal(node, theirs, ours):
    """Returns why a node takes no part, on one line, or nothing.

    Args:
        node: The node's name.
        theirs: What `facts` returned there; empty where this suite is not found.
        ours: What it returned here.
    """
    if not theirs:
        return f"{node} takes no part: it has not this suite, or an older one; {MEND}"
    # Patches of Python change no row; Ray itself refuses any other difference.
    differences = [
        f"{name} {theirs.get(name, ABSENT)}, not {value}" if name in VERSIONS else f"another {name}"
        for name, value in ours.items()
        if name != "Python" and theirs.get(name) != value
    ]
    return (
        f"{node} takes no part: it has {' and '.join(differences)}; {MEND}" if differences else ""
    )


class RemoteWorker:
    """Trains the units that it is given, one at a time, on a bench that keeps its program."""

    def __init__(self):
        warnings.filterwarnings("ignore", message="You are using a softmax over axis")
        self._job_trainer, self._received = JobTrainer(), queue.SimpleQueue()

    def give(self, data, saved):
        """Begins to train a unit.

        Args:
            data: The `Job` as bytes of pickle.
            saved: A state to go on from, or `None`.
        """
        threading.Thread(target=self._work, args=(data, saved), daemon=True).start()

    def receive(self):
        """Returns the next news, as a list of `(kind, value)`; waits until there is one."""
        received = [self._received.get()]
        while not self._received.empty():
            received.append(self._received.get())
        return received

    def _work(self, data, saved):
        events = ProgressEvents(self._received.put)
        try:
            ended = sendable(*outcome(self._job_trainer, pickle.loads(data), saved, events.send))
        except BaseException as error:
            # A case may end its thread, by `sys.exit`; nobody would hear of it.
            ended = "failed", RuntimeError(f"{type(error).__name__}: {error}")
        events.flush()
        self._received.put(ended)
