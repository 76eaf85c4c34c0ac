"""Kills: a run is ended at random instants, again and again, and is gone on with to its end.

Room 18: half of the instants are drawn over the time that a run takes, half over the moments
at which it begins to write. What stands in the folder in the end is held against an
undisturbed run's, byte for byte; what stands there in between may not lose a row.
"""

import contextlib
import functools
import pathlib
import random
import signal
import tempfile

import pandas as pd

from experiments import cli, durability_small, units
from experiments.blocks import Quiet
from experiments.durability_runs import Run, Watch, ending, prints, rows_of, unequal
from experiments.store import Store

COLUMNS = (
    *("run", "kill", "processes", "signal", "drawn_over", "seconds", "place", "ended", "rows"),
    *("states", "wrong"),
)
SIGNALS = {signal.SIGKILL: 0.6, signal.SIGTERM: 0.2, signal.SIGINT: 0.2}
TIME, WRITES = "time", "writes"
NUM_SEEDS = 16
# Among so many runs one is of two processes on one folder.
ONE_IN = 4
ARMS = "broken,fixed"
FINISHED, GOOD = "finished", "exit 0"


def case_of(block_width):
    """Returns a small case, long enough that units leave states behind."""
    small = durability_small.make()
    broken = small.broken.replace(epochs=60)
    longer = small.fixes["longer"]
    fixes = small.fixes | {"longer": type(longer)(longer.why, {"epochs": 150})}
    return durability_small.make(broken=broken, fixes=fixes, block_width=block_width)


def measure(num=200, seed=0, progress=None):
    """Kills runs at random instants.

    Args:
        num: How many kills at least; the last run goes on to its end.
        seed: Whole number that instants and signals are drawn from.
        progress: A display with the methods of `Quiet`.

    Returns:
        A table, a row for each kill and for each end of a run, see `COLUMNS`; `wrong` is
        blank if no row is lost, doubled or different, and in the end no file.
    """
    from experiments import engine, networks, reports  # noqa: F401

    networks.load_keras()
    progress = progress or Quiet()
    progress.start("kills", num)
    rows = []
    with tempfile.TemporaryDirectory() as place, _states_at_every_pass():
        trial = Trial(pathlib.Path(place), random.Random(seed))
        while sum(row["kill"] != FINISHED for row in rows) < num:
            for row in trial.run():
                rows.append(row)
                progress.advance(row["kill"] != FINISHED)
    return pd.DataFrame(rows, columns=COLUMNS)


@contextlib.contextmanager
def _states_at_every_pass():
    before, units.SECONDS_BETWEEN_STATES = units.SECONDS_BETWEEN_STATES, 0.05
    try:
        yield
    finally:
        units.SECONDS_BETWEEN_STATES = before


class Trial:
    """Runs in folders of their own below one place, each disturbed until it ends.

    Args:
        place: Path of a folder.
        rng: A `random.Random`.
    """

    def __init__(self, place, rng):
        self._place, self._rng, self._count = place, rng, 0
        # The suite's own width of a block, and a case's.
        self._undisturbed = [Undisturbed(case_of(width), place) for width in (4, None)]

    def run(self):
        """Yields a row for each kill of the next run, and for its end."""
        self._count += 1
        whole = self._undisturbed[self._count % 2]
        folder = self._place / f"run {self._count}"
        watch, kill, ended = Watch(whole.case, folder, whole.rows), 0, ""
        both = self._count % ONE_IN == 0
        head = {"run": self._count, "processes": 1 + both}
        while not ended:
            kill += 1
            runs = [whole.start(folder, str(n)) for n in range(1 + both)]
            row, ended = self._kill(runs[0], whole, watch)
            if not ended:
                yield head | {"kill": kill} | row
            others = [ending(run.end(), run.said()) for run in runs[1:]]
            ended = next((words for words in others if words != GOOD), ended or "".join(others))
        yield head | {"kill": FINISHED, "ended": ended} | _finished(folder, watch, whole, ended)

    def _kill(self, victim, whole, watch):
        """Kills a run, unless it ends before; returns what came of it, and how it ended."""
        drawn = self._rng.choice((TIME, WRITES))
        number = self._rng.choices(list(SIGNALS), SIGNALS.values())[0]
        share = self._rng.random() ** 1.5
        if drawn == TIME:
            ended = victim.wait(lambda run: run.seconds >= share * whole.seconds)
        else:
            ended = victim.wait(lambda run: run.num_writes >= 1 + share * whole.num_writes)
        row = {"seconds": round(victim.seconds, 3), "place": victim.place}
        code = victim.end(None if ended else number)
        row |= {"signal": signal.Signals(number).name, "drawn_over": drawn}
        words = ending(code, victim.said())
        rows, wrong = watch.look()
        row |= {"ended": words, "states": victim.num_resumed, "rows": rows, "wrong": wrong}
        return row, words if ended or words == GOOD else ""


class Undisturbed:
    """A run that nobody disturbs: what all others are held against.

    Args:
        case: The `Case`.
        place: Path of a folder for its files.
    """

    def __init__(self, case, place):
        self.case, self._place = case, place
        folder = place / f"undisturbed {case.block_width}"
        run = self.start(folder, "undisturbed")
        run.end()
        self.seconds, self.num_writes, self.said = run.seconds, run.num_writes, run.said()
        self.rows, self.prints = rows_of(Store(folder, case)), prints(folder)

    def start(self, folder, name):
        """Starts the command of this run in a process of its own."""
        words = ["--seeds", f"0-{NUM_SEEDS - 1}", "--arms", ARMS, "--full", "--no-progress"]
        command = functools.partial(cli.main, self.case, [*words, "--out", str(folder)])
        return Run(command, self._place / f"{name}.log")


def _finished(folder, watch, whole, ended):
    rows, wrong = watch.look()
    names = unequal(folder, whole.prints)
    if ended != GOOD:
        wrong = wrong or f"it ended with {ended}"
    if rows != len(whole.rows):
        wrong = wrong or f"{rows} rows of {len(whole.rows)}"
    if names:
        wrong = wrong or f"{len(names)} files differ: {', '.join(names[:3])}"
    return {"rows": rows, "wrong": wrong}
