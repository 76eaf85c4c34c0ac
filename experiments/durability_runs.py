"""Runs that are ended: a command in a process of its own, where it is, and what it leaves.

Room 13: forks, signals and reads; knows no command. A forked process starts at once, with all
that this one has imported; TensorFlow may have been imported, but must not have worked yet.
"""

import collections
import functools
import multiprocessing
import os
import signal
import time

from experiments import files, locks
from experiments.case import SuiteError
from experiments.store import Store

CONTEXT = multiprocessing.get_context("fork")
OUTSIDE, TRAINING = "starting or ending", "training"
# Where a run is, by the method of the store that it is in.
PLACES = {
    "save_state": "saving a state",
    "add_trace": "keeping traces",
    "add_unit": "storing a unit",
    "merge": "merging",
}
REPORTING = "writing tables, figures and report"
ALL_PLACES = (OUTSIDE, TRAINING, *PLACES.values(), REPORTING)
SECONDS_TO_END = 60.0


class Run:
    """Some work in a process of its own.

    Args:
        work: Function without arguments.
        log: Path of the file that takes what it says.

    Attributes:
        place: Where it is, one of `ALL_PLACES`.
        num_writes: How often it has come to write something.
        num_resumed: How many units went on from a saved state.
    """

    def __init__(self, work, log):
        self._place, self._writes, self._resumed = (CONTEXT.RawValue("i", 0) for _ in range(3))
        self._log, self._begun = log, time.monotonic()
        log.write_bytes(b"")
        self._process = CONTEXT.Process(target=self._live, args=(work,))
        self._process.start()

    def _live(self, work):
        said = os.open(self._log, os.O_WRONLY)
        os.dup2(said, 1)
        os.dup2(said, 2)
        # Whoever starts a process in the background may have it ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._mark_places()
        work()

    def _mark_places(self):
        from experiments import reports, runner

        for name, place in PLACES.items():
            setattr(Store, name, self._marked(getattr(Store, name), place))
        reports.write = self._marked(reports.write, REPORTING)
        runner.train = self._marked(runner.train, TRAINING)
        found = Store.state

        def state(store, name):
            data = found(store, name)
            self._resumed.value += data is not None
            return data

        Store.state = state

    def _marked(self, function, place):
        @functools.wraps(function)
        def marked(*args, **options):
            before, self._place.value = self._place.value, ALL_PLACES.index(place)
            self._writes.value += place not in (OUTSIDE, TRAINING)
            try:
                return function(*args, **options)
            finally:
                self._place.value = before

        return marked

    @property
    def place(self):
        return ALL_PLACES[self._place.value]

    @property
    def num_writes(self):
        return self._writes.value

    @property
    def num_resumed(self):
        return self._resumed.value

    @property
    def seconds(self):
        """Since it was started."""
        return time.monotonic() - self._begun

    def wait(self, until):
        """Waits until the run has ended, or a function of it is true; returns whether it has."""
        while self._process.is_alive() and not until(self):
            time.sleep(0.0005)
        return not self._process.is_alive()

    def end(self, number=None):
        """Sends a signal, if one is given, and waits for the end.

        Returns:
            The exit code; of a signal that was not caught, less than 0.
        """
        if number is not None:
            os.kill(self._process.pid, number)
        self._process.join(SECONDS_TO_END)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
            return None
        return self._process.exitcode

    def said(self):
        """Returns what it said, line by line."""
        return self._log.read_text(errors="replace").splitlines()


def ending(code, lines):
    """Returns how a run ended, in words: a clear line counts, a traceback does not."""
    errors = [line for line in lines if line.startswith("Error: ")]
    if any(line.startswith("Traceback") for line in lines):
        return f"traceback, exit {code}"
    if code is None:
        return "did not end"
    if code < 0:
        return signal.Signals(-code).name
    return f"exit {code}" + (", one line" if code and len(errors) == 1 else "")


def prints(folder):
    """Returns `{name: digest}` of all files below a folder, but for the lock."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    kept = [path for path in paths if path.name != locks.NAME]
    return {str(path.relative_to(folder)): files.digest(path.read_bytes()) for path in kept}


def unequal(folder, expected):
    """Returns the names of files that are missing, too many, or other than expected."""
    found = prints(folder)
    names = found.keys() | expected.keys()
    return sorted(name for name in names if found.get(name) != expected.get(name))


class Watch:
    """What a folder's rows must be, and never cease to be.

    Args:
        case: The `Case`.
        folder: Path of the folder, which need not exist.
        expected: `{line of runs.csv}` of an undisturbed run.
        trainer: Name of the trainer.
    """

    def __init__(self, case, folder, expected, trainer="engine"):
        self._case, self._folder, self._trainer = case, folder, trainer
        self._expected, self._kept = collections.Counter(expected), collections.Counter()

    def look(self):
        """Reads the folder as any reader would.

        Returns:
            `(rows there, what is wrong)`: text, blank if nothing is.
        """
        try:
            store = Store(self._folder, self._case, self._trainer)
        except SuiteError as error:
            return 0, str(error).replace(str(self._folder), "the folder")
        rows = collections.Counter(rows_of(store))
        wrong = {
            "lost": self._kept - rows,
            "different": rows - self._expected,
            "doubled": collections.Counter([row for row, count in rows.items() if count > 1]),
        }
        self._kept = rows
        words = [f"{counts.total()} rows {name}" for name, counts in wrong.items() if counts]
        return rows.total(), "; ".join(words)


def rows_of(store):
    """Returns the rows of a store as comparable texts: neither order nor blanks count."""
    return [repr(sorted(row.dropna().items())) for _, row in store.frame().iterrows()]
