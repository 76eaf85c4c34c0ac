"""Crash points: a run dies before each of its operations on files, one after the other.

Room 14: what is opened for writing, put on the disk, moved, removed or made is counted in a
process of its own, which ends itself before the n-th. Training is played back, so that a run
takes a blink; the store and the reports are the real ones.
"""

import functools
import os
import pathlib
import pickle
import random
import signal
import sys
import tempfile

import pandas as pd

from experiments import durability_small, networks, plans, reports, runner, units, workers
from experiments.blocks import Quiet
from experiments.durability_runs import Run, Watch, ending, prints, rows_of, unequal
from experiments.store import Store

COLUMNS = ("point", "operation", "file", "torn", "rows", "wrong")
TRAINER, ARMS, NUM_SEEDS = "reference", "broken,bend,slow", 2
# Event of Python's audit to the operation, and the places of its paths.
EVENTS = {
    "os.rename": ("move", (0, 1)),
    "os.remove": ("remove", (0,)),
    "os.rmdir": ("remove", (0,)),
    "os.mkdir": ("make", (0,)),
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
SYNC = "put on the disk"


def measure(num=None, seed=0, progress=None):
    """Lets a run die before each operation, and goes on with it.

    Args:
        num: How many points, drawn by chance; all by default.
        seed: Whole number they are drawn from.
        progress: A display with the methods of `Quiet`.

    Returns:
        A table, a row for each point, see `COLUMNS`; `torn` if half of the file had been
        written. `wrong` is blank if the folder could be read, no row was lost, doubled or
        different, and the run that went on ended with the bytes of an undisturbed one.
    """
    progress = progress or Quiet()
    networks.load_keras()
    with tempfile.TemporaryDirectory() as place:
        points = Points(pathlib.Path(place).resolve())
        chosen = list(enumerate(points.operations(), start=1))
        chosen += [(n, one) for n, one in chosen if one[0] == SYNC and _is_file(one[1])]
        if num is not None:
            chosen = random.Random(seed).sample(chosen, min(num, len(chosen)))
        progress.start("crash points", len(chosen))
        rows, seen = [], set()
        for point, (operation, name) in sorted(chosen):
            rows.append(points.crash(point, torn=point in seen) | {"operation": operation})
            rows[-1] |= {"file": name, "torn": point in seen}
            seen.add(point)
            progress.advance(1)
    return pd.DataFrame(rows, columns=COLUMNS)


def _is_file(name):
    return name.endswith(".tmp")


class Points:
    """Runs that die at a point, in folders of their own.

    Args:
        place: Path of a folder.
    """

    def __init__(self, place):
        self.case, self.place = durability_small.make(), place
        self._plan = plans.select(self.case, ARMS)
        # TensorFlow works there, not here: this process is forked again and again.
        self._run(place / "trained", record=place / "news")
        self._news = pickle.loads((place / "news").read_bytes())
        self._run(place / "whole", count=place / "operations")
        self._rows = rows_of(Store(place / "whole", self.case, TRAINER))
        self._prints = prints(place / "whole")
        self._count = 0

    def operations(self):
        """Returns what an undisturbed run does to files: `[(operation, name)]`."""
        return pickle.loads((self.place / "operations").read_bytes())

    def crash(self, point, *, torn=False):
        """Lets a run die before an operation, and goes on with it.

        Args:
            point: Which one, counted from 1.
            torn: Whether the file that is about to be put on the disk is cut in half.

        Returns:
            A dict: `point`, `rows` there after the crash, and what is `wrong`.
        """
        self._count += 1
        folder = self.place / f"run {self._count}"
        watch = Watch(self.case, folder, self._rows, TRAINER)
        died = self._run(folder, point=point, torn=torn)
        rows, wrong = watch.look()
        again = self._run(folder)
        _, later = watch.look()
        names = unequal(folder, self._prints)
        ends = "" if (died, again) == ("SIGKILL", "exit 0") else f"{died}, then {again}"
        files = f"files differ: {', '.join(names[:3])}" if names else ""
        wrong = "; ".join(filter(None, (wrong, later, ends, files)))
        return {"point": point, "rows": rows, "wrong": wrong}

    def _run(self, folder, *, record=None, **counted):
        """Runs in a process of its own; returns how that ended."""
        how = {"record": record, **counted}
        run = Run(functools.partial(self._work, folder, **how), self.place / "log")
        return ending(run.end(), run.said())

    def _work(self, folder, *, record=None, count=None, point=None, torn=False):
        counter = Counter(folder, point, torn)
        store = Store(folder, self.case, TRAINER)
        crew = Recorded if record else functools.partial(Replayed, news=self._news)
        if record:
            units.SECONDS_BETWEEN_STATES = 0.0
        with store.alone():
            seeds = list(range(NUM_SEEDS))
            runner.train(self.case, self._plan, seeds, store, crew=crew)
            reports.write(self.case, store, pictures=False)
        if record:
            record.write_bytes(pickle.dumps(Recorded.news))
        if count:
            counter.stop()
            count.write_bytes(pickle.dumps(counter.operations))


class Recorded(workers.Threads):
    """A crew of one thread whose news are kept."""

    news = []

    def __init__(self, work):
        super().__init__(1)

    def run(self, work, state):
        """Trains units; see `workers`."""
        for unit, kind, value in super().run(work, state):
            self.news.append((unit.name, kind, value))
            yield unit, kind, value


class Replayed:
    """A crew that trains nothing and tells what was heard of each unit before.

    Args:
        work: List of `Unit`.
        news: What `Recorded` kept.
    """

    def __init__(self, work, news):
        self._news = news

    def run(self, work, state):
        """Passes on what was heard of some units; see `workers`."""
        for unit in work:
            state(unit)
            for name, kind, value in self._news:
                if name == unit.name:
                    yield unit, kind, value


class Counter:
    """Counts what this process does to the files below a folder, until it dies of it.

    Args:
        folder: Path of the folder.
        point: Before which operation the process ends itself, counted from 1, or `None`.
        torn: Whether a file that is about to be put on the disk is cut in half then.
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
            operation, places = EVENTS[event]
            self._operation(operation, told[places[-1]])

    def _synced(self, handle):
        path = os.readlink(f"/proc/self/fd/{handle}")
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
