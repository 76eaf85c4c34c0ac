"""Kills: a run is ended at random instants, again and again, and resumed to its end.

    python -m tests.trials.kills [--num 200] [--seed S] [--out FILE.csv]

Half of the instants are drawn over the time that a run takes, half over the moments at which
it begins to write. What stands in the folder in the end is held against an undisturbed run's,
byte for byte; what stands there in between may not lose a row. In every fourth run two
processes work on one folder.
"""

import functools
import pathlib
import random
import signal
import tempfile
from unittest import mock

import pandas as pd

from experiments import fix
from experiments.cli import app
from experiments.runs import jobs
from experiments.runs.store import Store
from experiments.training import networks
from tests import toy
from tests.trials import processes
from tests.trials.processes import Run, Watch, prints, rows_of, unequal

COLUMNS = ("run", "kill", "processes", "signal", "seconds", "ended", "rows", "states", "wrong")
SIGNALS = {signal.SIGKILL: 0.6, signal.SIGTERM: 0.2, signal.SIGINT: 0.2}
WORDS = ("--seeds", "0-15", "--arms", "broken,fixed", "--full", "--no-progress")
# Among so many runs one is of two processes on one folder.
ONE_IN = 4
FINISHED, GOOD = "finished", "exit 0"


def measure(num=200, seed=0):
    """Kills runs at random instants.

    Args:
        num: How many kills at least; the last run is resumed to its end.
        seed: Whole number that instants and signals are drawn from.

    Returns:
        A table, a row for each kill and for each end of a run, see `COLUMNS`; `wrong` is
        blank if no row is lost, doubled or different, and in the end no file.
    """
    from experiments.training import engine  # noqa: F401

    networks.load_keras()
    rows, rng = [], random.Random(seed)
    states = mock.patch.object(jobs, "SECONDS_BETWEEN_CHECKPOINTS", 0.05)
    with tempfile.TemporaryDirectory() as folder, states:
        place = pathlib.Path(folder)
        # The library's own width of a block, and a case's.
        undisturbed = [Undisturbed(place, width) for width in (4, None)]
        for count in range(1, 1 + num):
            rows += _run(undisturbed[count % 2], place / f"run {count}", count, rng)
            if sum(row["kill"] != FINISHED for row in rows) >= num:
                break
    return pd.DataFrame(rows, columns=COLUMNS)


class Undisturbed:
    """A run that nobody disturbs: what all others are held against.

    Args:
        place: Path of a folder for its files.
        block_width: That of the toy case, trained long enough that units leave states behind.
    """

    def __init__(self, place, block_width):
        fixes = toy.CASE.fixes | {"longer": fix("too few updates", epochs=150)}
        self.case = toy.make(broken=toy.Toy(epochs=60), fixes=fixes, block_width=block_width)
        self._place = place
        folder = place / f"undisturbed {block_width}"
        run = self.start(folder)
        if (ended := run.end()) != GOOD:
            raise RuntimeError(f"the undisturbed run ended with {ended}")
        self.seconds, self.num_writes = run.seconds, run.num_writes
        self.rows, self.prints = rows_of(Store(folder, self.case)), prints(folder)

    def start(self, folder, name="0"):
        """Starts the command of this run in a process of its own."""
        command = functools.partial(app.main, self.case, [*WORDS, "--out", str(folder)])
        return Run(command, self._place / f"{name}.log")


def _run(whole, folder, count, rng):
    """Kills a run again and again until it ends; yields a row for each kill and for the end."""
    watch, kill, ended, both = Watch(whole.case, folder, whole.rows), 0, "", count % ONE_IN == 0
    head = {"run": count, "processes": 1 + both}
    while not ended:
        kill += 1
        victim, *others = [whole.start(folder, str(n)) for n in range(1 + both)]
        row, ended = _kill(victim, whole, watch, rng)
        if not ended:
            yield head | {"kill": kill} | row
        for words in [other.end() for other in others]:
            ended = words if words != GOOD or not ended else ended
    yield head | {"kill": FINISHED, "ended": ended} | _finished(folder, watch, whole, ended)


def _kill(victim, whole, watch, rng):
    """Kills a run, unless it ends before; returns what came of it, and how it ended or `""`."""
    over_time, share = rng.random() < 0.5, rng.random() ** 1.5
    number = rng.choices(list(SIGNALS), SIGNALS.values())[0]
    if over_time:
        is_over = victim.wait(lambda run: run.seconds >= share * whole.seconds)
    else:
        is_over = victim.wait(lambda run: run.num_writes >= 1 + share * whole.num_writes)
    seconds = round(victim.seconds, 3)
    words = victim.end(None if is_over else number)
    rows, wrong = watch.look()
    row = {"signal": number.name, "seconds": seconds, "ended": words}
    row |= {"states": victim.num_resumed, "rows": rows, "wrong": wrong}
    return row, words if is_over or words == GOOD else ""


def _finished(folder, watch, whole, ended):
    rows, wrong = watch.look()
    names = unequal(folder, whole.prints)
    found = {
        wrong: wrong,
        f"it ended with {ended}": ended != GOOD,
        f"{rows} rows of {len(whole.rows)}": rows != len(whole.rows),
        f"{len(names)} files differ: {', '.join(names[:3])}": names,
    }
    return {"rows": rows, "wrong": "; ".join(words for words, is_so in found.items() if is_so)}


if __name__ == "__main__":
    processes.main(__doc__, measure, 200)
