"""Crash points: a run dies before each of its operations on files, and is resumed.

    python -m tests.trials.crash_points [--num N] [--seed S] [--out FILE.csv]

What is opened for writing, synced, moved, removed or made is counted in a process of its own,
which ends itself before the n-th. Training is played back, so that a run takes a blink; the
store and the reports are the real ones.
"""

import functools
import os
import pathlib
import pickle
import random
import signal
import sys
import tempfile
from typing import ClassVar

import pandas as pd

from experiments.analysis.analysis import Analysis
from experiments.cases import plans
from experiments.cases.evidence import find_evidence
from experiments.report import report
from experiments.runs import executor, jobs, runner
from experiments.runs.store import Store
from experiments.training import networks
from tests import toy
from tests.trials import processes
from tests.trials.processes import Run, Watch, prints, rows_of, unequal

COLUMNS = ("point", "operation", "file", "torn", "rows", "wrong")
TRAINER, ARMS, NUM_SEEDS = "reference", "broken,bend,slow", 2
# Event of Python's audit to the operation, and the place of its path.
EVENTS = {
    "os.rename": ("move", 1),
    "os.remove": ("remove", 0),
    "os.rmdir": ("remove", 0),
    "os.mkdir": ("make", 0),
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
SYNC = "sync"


def measure(num=None, seed=0):
    """Lets a run die before each operation, and resumes it.

    Args:
        num: How many points, drawn by chance; all by default.
        seed: Whole number they are drawn from.

    Returns:
        A table, a row for each point, see `COLUMNS`; `torn` if half of the file had been
        written. `wrong` is blank if the folder could be read, no row was lost, doubled or
        different, and the resumed run ended with the bytes of an undisturbed one.
    """
    networks.load_keras()
    with tempfile.TemporaryDirectory() as place:
        points = Points(pathlib.Path(place).resolve())
        operations = points.operations()
        chosen = [(n, *one, False) for n, one in enumerate(operations, start=1)]
        chosen += [
            (n, operation, name, True)
            for n, operation, name, _ in chosen
            if operation == SYNC and name.endswith(".tmp")
        ]
        if num is not None:
            chosen = random.Random(seed).sample(chosen, min(num, len(chosen)))
        rows = [one + points.crash(one[0], torn=one[-1]) for one in sorted(chosen)]
    return pd.DataFrame(rows, columns=COLUMNS)


class Points:
    """Runs that die at a point, in folders of their own.

    Args:
        place: Path of a folder.
    """

    def __init__(self, place):
        self.place, self._plan = place, plans.select(toy.CASE, ARMS)
        # TensorFlow works there, not here: this process is forked again and again.
        self._run(place / "trained", record=place / "message")
        self._news = pickle.loads((place / "message").read_bytes())
        self._run(place / "whole", count=place / "operations")
        self._rows = rows_of(Store(place / "whole", toy.CASE, TRAINER))
        self._prints = prints(place / "whole")
        self._count = 0

    def operations(self):
        """Returns what an undisturbed run does to files: `[(operation, name)]`."""
        return pickle.loads((self.place / "operations").read_bytes())

    def crash(self, point, *, torn=False):
        """Lets a run die before an operation, and resumes it.

        Args:
            point: Which one, counted from 1.
            torn: Whether the file that is about to be synced is cut in half.

        Returns:
            `(rows there after the crash, what is wrong)`.
        """
        self._count += 1
        folder = self.place / f"run {self._count}"
        watch = Watch(toy.CASE, folder, self._rows, TRAINER)
        died = self._run(folder, point=point, torn=torn)
        rows, wrong = watch.look()
        again = self._run(folder)
        _, later = watch.look()
        names = unequal(folder, self._prints)
        ends = "" if (died, again) == ("SIGKILL", "exit 0") else f"{died}, then {again}"
        files = f"files differ: {', '.join(names[:3])}" if names else ""
        return rows, "; ".join(filter(None, (wrong, later, ends, files)))

    def _run(self, folder, **how):
        """Runs in a process of its own; returns how that ended."""
        return Run(functools.partial(self._work, folder, **how), self.place / "log").end()

    def _work(self, folder, *, record=None, count=None, point=None, torn=False):
        counter = Counter(folder, point, torn)
        store = Store(folder, toy.CASE, TRAINER)
        choose_executor = Recorded if record else functools.partial(Replayed, news=self._news)
        if record:
            jobs.SECONDS_BETWEEN_CHECKPOINTS = 0.0
        with store.lock():
            runner.train(
                toy.CASE, self._plan, list(range(NUM_SEEDS)), store, choose_executor=choose_executor
            )
            analysis = Analysis(toy.CASE, find_evidence(toy.CASE), store)
            report.write(analysis, pictures=False)
        if record:
            record.write_bytes(pickle.dumps(Recorded.news))
        if count:
            counter.stop()
            count.write_bytes(pickle.dumps(counter.operations))


class Recorded(executor.ThreadExecutor):
    """An executor with one thread that keeps its events."""

    news: ClassVar[list] = []

    def __init__(self, work):
        super().__init__(1)

    def run(self, work, state):
        """Trains units; see `workers`."""
        for job, kind, value in super().run(work, state):
            self.news.append((job.name, kind, value))
            yield job, kind, value


class Replayed:
    """An executor that trains nothing and repeats the events of an earlier run.

    Args:
        work: List of `Job`.
        news: What `Recorded` kept.
    """

    def __init__(self, work, news):
        self._news = news

    def run(self, work, state):
        """Passes on what was heard of some units; see `workers`."""
        for job in work:
            state(job)
            for name, kind, value in self._news:
                if name == job.name:
                    yield job, kind, value


class Counter:
    """Counts what this process does to the files below a folder, until it dies of it.

    Args:
        folder: Path of the folder.
        point: Before which operation the process ends itself, counted from 1, or `None`.
        torn: Whether a file that is about to be synced is cut in half then.
    """

    def __init__(self, folder, point, torn):
        self.operations, self._folder = [], str(folder)
        self._point, self._torn, self._sync = point, torn, os.fsync
        self._is_counting = True
        os.fsync = self._synced
        sys.addaudithook(self._hear)

    def stop(self):
        """Counts no more."""
        self._is_counting = False

    def _hear(self, event, told):
        if not self._is_counting:
            return
        if event == "open" and isinstance(told[2], int) and told[2] & WRITING:
            self._operation("open", told[0])
        elif event in EVENTS:
            operation, place = EVENTS[event]
            self._operation(operation, told[place])

    def _synced(self, handle):
        path = str(pathlib.Path(f"/proc/self/fd/{handle}").readlink())
        self._operation(SYNC, path, handle)
        self._sync(handle)

    def _operation(self, name, path, handle=None):
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path).startswith(self._folder):
            return
        file = os.path.relpath(path, self._folder).replace(f".{os.getpid()}.", ".")
        self.operations.append((name, file))
        if len(self.operations) == self._point:
            if self._torn:
                os.truncate(handle, os.fstat(handle).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    processes.main(__doc__, measure, None)
