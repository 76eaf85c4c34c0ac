"""Size: what a large folder of rows costs to read, to tabulate and to plan from.

Room 18: rows of a real folder, repeated under other seeds until there are enough; each
question is answered in a process of its own, from nothing to the answer.
"""

import collections
import contextlib
import io
import itertools
import json
import multiprocessing
import pathlib
import tempfile
import time

import pandas as pd

from experiments import calibration
from experiments.blocks import Quiet
from experiments.store import Store

COLUMNS = ("asked", "rows", "processor", "clock", "megabytes")
ASKED = "asked.json"
MEGABYTE = 2**20


def measure(store, num=100_000, progress=None):
    """Times what is asked of a folder with many rows.

    Args:
        store: The `Store` with real rows of a case.
        num: How many rows there are to be.
        progress: A display with the methods of `Quiet`.

    Returns:
        A table, a row for each question: `rows` stored, the seconds to the answer of the
        `processor` and by the `clock`, and the process's peak of memory in `megabytes`.
    """
    progress = progress or Quiet()
    progress.start("size", len(QUESTIONS))
    case, found = store.case, []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place) / case.name
        enlarge(store, folder, num)
        for asked in QUESTIONS:
            found.append({"asked": asked} | _answered(asked, case, folder))
            progress.advance(1)
    return pd.DataFrame(found, columns=COLUMNS)


def enlarge(store, folder, num):
    """Writes a folder of many rows, those of a store again and again under other seeds.

    Args:
        store: The `Store`.
        folder: Path of the new folder.
        num: How many rows.
    """
    rows, seeds = store.rows(), {row["seed"] for row in store.rows()}
    step = 1 + max(map(int, seeds))
    many = (
        row | {"seed": str(int(row["seed"]) + round_ * step)}
        for round_ in itertools.count()
        for row in rows
    )
    made, seeds = list(itertools.islice(many, num)), collections.defaultdict(set)
    for row in made:
        if int(row["steps"]) == store.case.arm(row["arm"]).num_steps:
            seeds[row["arm"]].add(int(row["seed"]))
    Store(folder, store.case, store.trainer).add(made, store.environments[0])
    both = sorted(set.intersection(*seeds.values()))
    (folder.parent / ASKED).write_text(json.dumps([sorted(seeds), both]))


def _answered(asked, case, folder):
    """Answers one question in a new process; returns what that cost."""
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe()
    process = context.Process(target=_answer, args=(ours, asked, case, str(folder)))
    process.start()
    ours.close()
    try:
        rows, processor, clock, peak = theirs.recv()
    finally:
        process.join()
    return {"rows": rows, "processor": processor, "clock": clock, "megabytes": peak / MEGABYTE}


def _answer(pipe, asked, case, folder):
    used, start = time.process_time(), time.perf_counter()
    rows = QUESTIONS[asked](case, pathlib.Path(folder))
    took = time.process_time() - used, time.perf_counter() - start
    pipe.send((rows, *took, calibration.peak_memory()))


def _read(case, folder):
    return len(Store(folder, case))


def _runs(case, folder):
    from experiments import tables

    return len(tables.runs(Store(folder, case)))


def _outcomes(case, folder):
    from experiments import tables

    runs = tables.runs(Store(folder, case))
    tables.outcomes(case, tables.summary(runs))
    return len(runs)


def _plan(case, folder):
    """Plans every arm over all seeds that all arms have."""
    from experiments import planner

    store = Store(folder, case)
    arms, seeds = json.loads((folder.parent / ASKED).read_text())
    planner.plan(case, {arm: case.arm(arm) for arm in arms}, seeds, store)
    return len(store)


def _settled(case, folder):
    """Asks which rows are stale, as every run does before it starts."""
    store = Store(folder, case)
    store.stale()
    return len(store)


def _list(case, folder):
    from experiments import commands

    with contextlib.redirect_stdout(io.StringIO()):
        commands.show_list([case])
    return 0


QUESTIONS = {
    "list": _list,
    "store": _read,
    "stale rows": _settled,
    "runs": _runs,
    "outcomes": _outcomes,
    "plan": _plan,
}
