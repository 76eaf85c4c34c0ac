"""What a cluster costs: the same units through one thread and through one worker of Ray.

Room 18: trains and times, alternately, since machines have moods; writes nothing.
"""

import statistics
import time

import pandas as pd

from experiments import cluster, durability_small, plans, units, workers
from experiments.blocks import Quiet

ROUNDS = 3
# So long that a unit's training outweighs its start, as in any run of minutes.
EPOCHS = 5000
RUN_SECONDS = 600.0


def measure(seconds, progress=None):
    """Times units through one thread and through a Ray cluster of one worker.

    Args:
        seconds: How long about, in all.
        progress: A display with the methods of `Quiet`.

    Returns:
        Table of `what`, `seconds`, `ratio`, `rounds`: the start of Ray and of its worker, once
        a run; a unit through each, as medians over rounds, and their ratio, the median of each
        round's own; and what both make of a run of ten minutes.
    """
    progress = progress or Quiet()
    work = _units(_num_units(seconds))
    started = time.monotonic()
    with cluster.connect(cluster.LOCAL, num_workers=1) as crew:
        joined, pairs, firsts = time.monotonic() - started, [], []
        for place in range(ROUNDS):
            progress.say(f"cluster: round {place + 1} of {ROUNDS}, {len(work)} units each way")
            thread, _ = _timed(workers.Threads(1), work)
            ray, first = _timed(crew, work)
            pairs.append((thread, ray))
            firsts.append(first)
    return _table(joined, statistics.median(firsts), pairs)


def _units(number):
    """Returns units that share a program."""
    case = durability_small.make(broken=durability_small.Small(epochs=EPOCHS))
    seeds = list(range(number * case.block_width))
    return units.cut(case, plans.select(case, "bend"), lambda *_: seeds, "engine")


def _num_units(seconds):
    """Returns how many units fill a part of the time; at least two are timed."""
    probe, _ = _timed(workers.Threads(1), _units(3))
    return max(3, 1 + round(seconds / (2 * ROUNDS) / probe))


def _timed(crew, work):
    """Trains units one by one; returns `(seconds a unit, seconds until the first began)`.

    The first unit is left out of the former: it waits for the compiler.
    """
    began, heard, ends = time.monotonic(), None, []
    for _, kind, value in crew.run(work, lambda unit: None):
        if kind == "failed":
            raise value
        if kind in ("advance", "done") and heard is None:
            heard = time.monotonic()
        if kind == "done":
            ends.append(time.monotonic())
    return (ends[-1] - ends[0]) / (len(ends) - 1), heard - began


def _table(joined, first, pairs):
    thread, ray = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(ray / thread for thread, ray in pairs)
    whole = joined + first + RUN_SECONDS * ratio
    rows = [
        ("start of Ray", joined, None),
        ("until its worker's first update", first, None),
        ("a unit through one thread", thread, 1.0),
        ("a unit through one worker of Ray", ray, ratio),
        ("a run of ten minutes through Ray", whole, whole / RUN_SECONDS),
    ]
    table = pd.DataFrame(rows, columns=["what", "seconds", "ratio"])
    return table.assign(rounds=len(pairs))
