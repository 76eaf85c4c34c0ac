"""Memory of a long run: what all of its processes hold, unit after unit.

Room 14: every program of some cases is compiled and trained for an update or two, once by
processes that are replaced, once by threads of one process, which shows that the measure
can see growth; and one program is trained for many units.
"""

import collections
import multiprocessing
import tempfile

import pandas as pd
from scipy import stats

from experiments import plans, runner, workers
from experiments.blocks import Quiet
from experiments.store import Store

COLUMNS = ("way", "unit", "case", "run", "megabytes", "processes")
PROCESSES, THREADS, ONE = "processes", "threads", "one program"
MEGABYTE = 2**20
NUM_SEEDS, NUM_WORKERS, NUM_STEPS = 4, 2, 4
# What is loaded, and first compiled, is no growth.
WARM_UP = 10
CONFIDENCE = 0.95


def measure(cases, num=300, progress=None):
    """Notes the memory of a run after each of its units.

    Args:
        cases: List of `Case`s, trained one after the other with all their arms, cut short.
        num: Units of one program, the first case's broken arm.
        progress: A display with the methods of `Quiet`.

    Returns:
        A table, a row for each way and unit, with the `megabytes` of memory that the run's
        `processes` do not share with others.
    """
    progress, rows = progress or Quiet(), []
    progress.start("memory", 3)
    works = [(case, short(plans.select(case, "all"))) for case in cases]
    one = [(works[0][0], {"broken": works[0][1]["broken"]})]
    for way, jobs, seeds in ((PROCESSES, works, 4), (THREADS, works, 4), (ONE, one, 4 * num)):
        rows += [{"way": way} | row for row in _alone(way, jobs, seeds)]
        progress.advance(1)
    return pd.DataFrame(rows, columns=COLUMNS)


def short(plan):
    """Returns a plan whose arms take few updates each."""
    cut = plans.cut(plan, NUM_STEPS)
    return {a: s if s.is_stream else s.replace(epochs=1) for a, s in cut.items()}


def _alone(way, jobs, num_seeds):
    """Trains in a new process, so that nothing else is in its memory; returns rows."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_train, args=(theirs, way, jobs, num_seeds))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


def _train(pipe, way, jobs, num_seeds):
    import warnings

    warnings.simplefilter("ignore")
    rows = []
    for case, plan in jobs:
        with tempfile.TemporaryDirectory() as folder:
            crew = _Watched.of(way, rows)
            runner.train(case, plan, list(range(num_seeds)), Store(folder, case), crew=crew)
    pipe.send(rows)


class _Watched:
    """A crew whose memory is noted after each unit.

    Args:
        crew: The crew.
        rows: List that rows are added to.
    """

    def __init__(self, crew, rows):
        self._crew, self._rows = crew, rows

    @classmethod
    def of(cls, way, rows):
        """Returns the function that makes the crew of some units."""
        kind = workers.Processes if way == PROCESSES else workers.Threads
        return lambda work: cls(kind(min(NUM_WORKERS, len(work))), rows)

    def run(self, work, state):
        """Trains units; see `workers`."""
        for unit, kind, value in self._crew.run(work, state):
            if kind in ("done", "failed"):
                row = {"unit": len(self._rows) + 1, "case": unit.case.name, "run": unit.run}
                self._rows.append(row | held())
            yield unit, kind, value


def held():
    """Returns the memory that this process and those it started hold alone."""
    import psutil

    found = collections.Counter()
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        try:
            found.update(bytes=process.memory_full_info().uss, processes=1)
        except psutil.Error:
            continue
    return {"megabytes": found["bytes"] / MEGABYTE, "processes": found["processes"]}


def growth(table):
    """Returns a row for each way: how memory grows with units, the first ones left out.

    Args:
        table: What `measure` returns.

    Returns:
        Columns `way, units, first, most, last` in megabytes, and `slope, low, high`:
        megabytes a unit, a straight line through the largest of every ten units (a process
        that is replaced lets go of its memory), with its interval.
    """
    rows = []
    for way, part in table.groupby("way", sort=False):
        warm = part.iloc[WARM_UP:]
        tops = warm.groupby((warm["unit"] - 1) // WARM_UP)["megabytes"].max()
        fit = stats.linregress(tops.index * WARM_UP, tops)
        half = stats.t.ppf((1 + CONFIDENCE) / 2, max(1, len(tops) - 2)) * fit.stderr
        row = {"way": way, "units": len(part), "first": warm["megabytes"].iloc[0]}
        row |= {"most": warm["megabytes"].max(), "last": warm["megabytes"].iloc[-1]}
        rows.append(row | {"slope": fit.slope, "low": fit.slope - half, "high": fit.slope + half})
    return pd.DataFrame(rows)
