"""Runs in a process of their own that are ended, and what they leave in their folder.

A forked process starts at once, with all that this one has imported; TensorFlow may have been
imported, but must not have worked yet.
"""

import argparse
import collections
import functools
import multiprocessing
import os
import pathlib
import signal
import sys
import time

from experiments.cases.errors import SuiteError
from experiments.runs import files, locks
from experiments.runs.store import Store

CONTEXT = multiprocessing.get_context("fork")
WRITES = ("save_checkpoint", "add_trace", "add_job", "merge")
SECONDS_TO_END = 300.0


class Run:
    """Some work in a process of its own.

    Args:
        work: Function without arguments.
        log: Path of the file that takes what it says.

    Attributes:
        num_writes: How often it has called a method of the store in `WRITES`, or a report.
        num_resumed: How many units went on from a saved state.
    """

    def __init__(self, work, log):
        self._writes, self._resumed = (CONTEXT.RawValue("i", 0) for _ in range(2))
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
        self._count()
        work()

    def _count(self):
        from experiments.report import report as reports

        for name in WRITES:
            setattr(Store, name, self._counted(getattr(Store, name)))
        reports.write = self._counted(reports.write)
        found = Store.state

        def state(store, name):
            data = found(store, name)
            self._resumed.value += data is not None
            return data

        Store.state = state

    def _counted(self, function):
        @functools.wraps(function)
        def counted(*args, **options):
            self._writes.value += 1
            return function(*args, **options)

        return counted

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
        """Sends a signal, if one is given, waits for the end, and returns it in words."""
        if number is not None:
            os.kill(self._process.pid, number)
        self._process.join(SECONDS_TO_END)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
            return "did not end"
        return ending(self._process.exitcode, self._log.read_text(errors="replace"))


def ending(code, text):
    """Returns how a run ended, in words: a clear line counts, a traceback does not."""
    if "Traceback" in text:
        return f"traceback, exit {code}"
    if code < 0:
        return signal.Signals(-code).name
    errors = [line for line in text.splitlines() if line.startswith("Error: ")]
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


def rows_of(store):
    """Returns the rows of a store as comparable texts: neither order nor blanks count."""
    return [repr(sorted(row.dropna().items())) for _, row in store.frame().iterrows()]


class Watch:
    """What a folder's rows must be, and never cease to be.

    Args:
        case: The `Case`.
        folder: Path of the folder, which need not exist.
        expected: What `rows_of` says of an undisturbed run.
        trainer: Name of the trainer.
    """

    def __init__(self, case, folder, expected, trainer="engine"):
        self._case, self._folder, self._trainer = case, folder, trainer
        self._expected, self._kept = collections.Counter(expected), collections.Counter()

    def look(self):
        """Reads the folder; returns the number of rows, and what is wrong or `""`."""
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


def main(doc, measure, num, arguments=None):
    """Runs a trial's command: measures, prints what is wrong, and exits with 1 if anything is.

    Args:
        doc: The trial's docstring.
        measure: Function `(num, seed)` that returns a table with a column `wrong`, text.
        num: How many, by default; `None` for all.
        arguments: Those of the command line by default.
    """
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--num", type=int, default=num, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="what is drawn is drawn from it")
    parser.add_argument("--out", type=pathlib.Path, help="write the table to this CSV file")
    given = parser.parse_args(arguments)
    table = measure(given.num, given.seed)
    if given.out:
        files.write_whole(given.out, table.to_csv(index=False, lineterminator="\n"))
    wrong = table[table["wrong"] != ""]
    print(f"{len(table)} tried, {len(wrong)} went wrong")
    if len(wrong):
        print(wrong.to_string())
    sys.exit(int(len(wrong) > 0))
