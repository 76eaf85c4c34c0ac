"""What a run survives, measured: kills, bad places, damage, and what all that costs.

    python -m experiments.durability [kills|points|...|all] [--num N] [--seed S] [--out FOLDER]

Room 19: a command of its own. Each part writes one table as soon as it is done, and the page
is written from all tables that are there; `all` runs the parts whose table is not there yet.
Kills are added to those of other seeds.
"""

import argparse
import pathlib
import time

import pandas as pd

import reproductions
from experiments import (
    durability_cluster,
    durability_damage,
    durability_hostile,
    durability_kills,
    durability_memory,
    durability_overhead,
    durability_page,
    durability_places,
    durability_points,
    durability_size,
    files,
    plans,
    tables,
)
from experiments.blocks import Quiet
from experiments.keys import environment
from experiments.screen import quiet_softmax
from experiments.store import Store

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALL, CLUSTER_SECONDS = "all", 120
# Long units of one program, and short ones of another: the case, its arms and its seeds.
WORKS = {
    "few long units": ("sin_fit", "fixed", 512),
    "many short units": ("sum_hinge", "all", 256),
}


def kills(num, seed, progress):
    """Kills at random instants."""
    return durability_kills.measure(num or 200, seed, progress)


def points(num, seed, progress):
    """Crashes before each operation on files."""
    return durability_points.measure(num, seed, progress)


def places(num, seed, progress):
    """Obstacles of the place."""
    return durability_places.measure(num or 8, seed, progress)


def overhead(num, seed, progress):
    """Time that durability costs; nothing is drawn."""
    works = {}
    for name, (case_name, arms, num_seeds) in WORKS.items():
        case = reproductions.load(case_name)
        works[name] = case, plans.select(case, arms), num_seeds
    return durability_overhead.measure(works, num or 3, progress)


def memory(num, seed, progress):
    """Memory after each unit of a long run; nothing is drawn."""
    return durability_memory.measure(_cases(), num or 300, progress)


def size(num, seed, progress):
    """Time and memory of a large folder; nothing is drawn."""
    stores = [Store(ROOT / "results" / case.name, case) for case in _cases()]
    return durability_size.measure(max(stores, key=len), num or 100_000, progress)


def damage(num, seed, progress):
    """Files that are damaged, counted by what comes of it."""
    found = durability_damage.measure(num or 10_000, seed, progress)
    return durability_page.counted(found, "file", "came_of")


def hostile(num, seed, progress):
    """Hostile input, counted by what comes of it."""
    found = durability_hostile.measure(num or 5000, seed, progress)
    return durability_page.counted(found, "kind", "came_of")


def cluster(num, seed, progress):
    """What a cluster of one adds; nothing is drawn."""
    return durability_cluster.measure(num or CLUSTER_SECONDS, progress)


# What is found anew is added to what is there.
GROWING = ("kills",)
PARTS = {
    part.__name__: part
    for part in (kills, points, places, overhead, memory, size, damage, hostile, cluster)
}


def _cases():
    return [reproductions.load(name) for name in reproductions.names()]


class Spoken(Quiet):
    """A display that prints a line now and then."""

    def __init__(self):
        self._done, self._total, self._last = 0, 0, 0.0

    def start(self, name, total):
        """Begins to count anew."""
        self._done, self._total = 0, total
        self.say(f"{name}: {total:,}")

    def advance(self, updates, name=None):
        """Counts on."""
        self._done += updates
        if time.monotonic() - self._last > 10:
            self.say(f"{self._done:,} of {self._total:,}")

    def say(self, words):
        """Prints a line."""
        self._last = time.monotonic()
        print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)


def record(part, folder, *, num=None, seed=0, progress=None):
    """Measures one part and writes its table, and what it was made on.

    Args:
        part: One of `PARTS`.
        folder: Path of the folder.
        num: How many; the part's own number by default.
        seed: Whole number that what is drawn is drawn from.
        progress: A display with the methods of `Quiet`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    path = folder / f"{part}.csv"
    with quiet_softmax():
        table = PARTS[part](num, seed, progress or Quiet())
    if part in GROWING and path.exists():
        have = pd.read_csv(path)
        table["run"] += have["run"].max()
        table = pd.concat([have, table])
    files.write_whole(path, tables.to_csv(table, 4))
    made = {"rows": len(table), "seed": seed, "seconds": round(time.perf_counter() - start)}
    durability_page.note(folder, part, made | environment(), added=part in GROWING)
    durability_page.write(folder)


def main(arguments=None):
    """Runs the command: measures, writes, and prints its progress."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", nargs="?", default=ALL, choices=[*PARTS, ALL])
    parser.add_argument("--num", type=int, help="how many; each part has a number of its own")
    parser.add_argument("--seed", type=int, default=0, help="what is drawn is drawn from it")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "results" / "durability")
    given = parser.parse_args(arguments)
    missing = [part for part in PARTS if not (given.out / f"{part}.csv").exists()]
    for part in missing if given.part == ALL else [given.part]:
        record(part, given.out, num=given.num, seed=given.seed, progress=Spoken())
        print(f"wrote {given.out / part}.csv")
    durability_page.write(given.out)
    print(f"wrote {given.out / 'README.md'}")


if __name__ == "__main__":
    main()
