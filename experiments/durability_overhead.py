"""Overhead: what it costs that a run is kept on disk while it trains.

Room 14: the same units are trained by the same crew, once with a store, saved states and
traces, once with all results dropped; the two take turns, in one process each time.
"""

import contextlib
import functools
import math
import tempfile
import time
import unittest.mock

import pandas as pd

from experiments import runner, units, workers
from experiments.blocks import Quiet, num_cores
from experiments.store import Store

COLUMNS = (
    *("work", "round", "first", "units", "rows", "dropped_seconds", "kept_seconds"),
    *("dropped_processor", "kept_processor", "store_seconds"),
)
# The methods of a store that write, each counted without those it calls.
WRITING = ("remember", "save_state", "add_trace", "add_unit", "merge", "settle")
TEN_MINUTES = 600.0
# Far more often than usual: a side takes less than a minute, and is to save some too.
SECONDS_BETWEEN_STATES = 2.0


def measure(works, num=3, progress=None):
    """Times training that is kept against training that is dropped.

    Args:
        works: `{name: (case, plan, number of seeds)}`.
        num: How many rounds; which of the two comes first takes turns.
        progress: A display with the methods of `Quiet`.

    Returns:
        A table, a row for each work and round: seconds by the clock and of all processors,
        and `store_seconds`, by the clock, that the driver spent writing.
    """
    progress, rows = progress or Quiet(), []
    progress.start("overhead", len(works) * num)
    for round_ in range(num):
        for name, work in works.items():
            order = (dropped, kept) if round_ % 2 == 0 else (kept, dropped)
            row = {"work": name, "round": round_, "first": order[0].__name__}
            for side in order:
                row |= side(*work)
            rows.append(row)
            progress.advance(1)
    return pd.DataFrame(rows, columns=COLUMNS)


def dropped(case, plan, num_seeds):
    """Trains and keeps nothing; returns what it took."""
    rows = 0
    with mock_states(math.inf), watch() as took:
        work = units.cut(case, plan, lambda *_: list(range(num_seeds)), "engine")
        for _, kind, value in workers.crew(work).run(work, lambda _: None):
            if kind == "done":
                rows += sum(len(made) for made, _ in value[0].values())
    return {"rows": rows, "units": len(work)} | _named(took, "dropped")


def kept(case, plan, num_seeds):
    """Trains and keeps everything; returns what it took."""
    writing = [0.0]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(mock_states(SECONDS_BETWEEN_STATES))
        stack.enter_context(timed_writes(writing))
        took = stack.enter_context(watch())
        num_rows, _ = runner.train(case, plan, list(range(num_seeds)), Store(folder, case))
    return {"rows": num_rows, "store_seconds": writing[0]} | _named(took, "kept")


def _named(took, side):
    return {f"{side}_seconds": took[0], f"{side}_processor": took[1]}


def mock_states(seconds):
    """While it lasts, saved states are so many seconds apart."""
    return unittest.mock.patch.object(units, "SECONDS_BETWEEN_STATES", seconds)


@contextlib.contextmanager
def watch():
    """Times a block: gives a list of seconds by the clock, and of all processors."""
    took, start, used = [], time.perf_counter(), time.process_time()
    yield took
    took += [time.perf_counter() - start, time.process_time() - used]


@contextlib.contextmanager
def timed_writes(writing):
    """Adds the seconds that stores spend writing to the first place of a list."""
    inside = []

    def timed(function):
        @functools.wraps(function)
        def counted(*args, **options):
            inside.append(function)
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                inside.pop()
                writing[0] += 0.0 if inside else time.perf_counter() - start

        return counted

    with contextlib.ExitStack() as stack:
        for name in WRITING:
            replaced = timed(getattr(Store, name))
            stack.enter_context(unittest.mock.patch.object(Store, name, replaced))
        yield


def summary(table):
    """Returns a row for each work: medians and ranges of what durability costs.

    Args:
        table: What `measure` returns.

    Returns:
        Columns `work, rounds, units, rows, seconds`, medians of a side that is kept;
        `processor`, `processor_low` and `processor_high`, the share by which a kept side took
        more of the processors; `clock`, `clock_low` and `clock_high`, the same by the clock;
        `store`, the share of a kept side that is spent writing, and `seconds_of_ten_minutes`,
        that share of ten minutes.
    """
    rows = []
    for work, part in table.groupby("work", sort=False):
        row = {"work": work, "rounds": len(part), "units": part["units"].iloc[0]}
        row |= {"rows": part["rows"].iloc[0], "seconds": part["kept_seconds"].median()}
        for name, kind in (("processor", "processor"), ("clock", "seconds")):
            more = part[f"kept_{kind}"] / part[f"dropped_{kind}"] - 1
            row |= {name: more.median(), f"{name}_low": more.min(), f"{name}_high": more.max()}
        row["store"] = (part["store_seconds"] / part["kept_seconds"]).median()
        row |= {"seconds_of_ten_minutes": TEN_MINUTES * row["store"], "cores": num_cores()}
        rows.append(row)
    return pd.DataFrame(rows)
