"""Places that fail a run: a full disk, a folder not to be written, a clock set back, a move.

Room 18: the command runs into the obstacle, must say one clear line or get by, and is run
again once the obstacle is gone; then the folder is held against an undisturbed run's.
"""

import contextlib
import functools
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import pandas as pd

from experiments import cli, networks, reports, runner
from experiments.blocks import Quiet
from experiments.durability_points import (
    ARMS,
    NUM_SEEDS,
    TRAINER,
    Counter,
    Points,
    Replayed,
)
from experiments.durability_runs import Run, Watch, ending, unequal

COLUMNS = ("obstacle", "met_at", "ended", "says", "rows", "wrong")
NOBODY = 65534
YEARS = 10 * 365.25 * 24 * 3600
PAGE, ROOMY = 4096, 2**26
SMALLEST_FILE = 300
GOOD, FULL, UNWRITABLE = "exit 0", "full disk", "folder not writable"
HERE = pathlib.Path(__file__).resolve().parent


def measure(num=8, seed=0, progress=None):
    """Puts obstacles in a run's way.

    Args:
        num: How many times each, at instants drawn by chance.
        seed: Whole number that these are drawn from.
        progress: A display with the methods of `Quiet`.

    Returns:
        A table, a row for each try: the `obstacle`, what it was `met_at`, how the command
        `ended`, what it `says`, `rows` there then, and what is `wrong` in the end: blank if
        no row was lost and the same command, run again without the obstacle, ended with the
        bytes of an undisturbed run.
    """
    progress, rng, rows = progress or Quiet(), random.Random(seed), []
    networks.load_keras()
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name).resolve()
        # Another user has to come as far as the folder.
        place.chmod(0o755)
        tries = Tries(place)
        possible = {FULL: can_mount(place), UNWRITABLE: can_be_nobody()}
        chosen = [obstacle for obstacle in OBSTACLES if possible.get(obstacle, True)]
        progress.start("places", num * len(chosen))
        for obstacle in chosen:
            for _ in range(num):
                rows.append({"obstacle": obstacle} | OBSTACLES[obstacle](tries, rng))
                progress.advance(1)
    return pd.DataFrame(rows, columns=COLUMNS)


def can_be_nobody():
    """Returns whether another user than root comes as far as this Python and its packages.

    Permissions bind that user, as they do not bind root.
    """
    folders = [pathlib.Path(sys.prefix), *pathlib.Path(sys.prefix).parents, HERE, *HERE.parents]
    return os.getuid() != 0 or all(f.stat().st_mode & 0o005 == 0o005 for f in folders)


def can_mount(place):
    """Returns whether a small disk can be mounted below a folder."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError), small_disk(place, PAGE):
        return True
    return False


@contextlib.contextmanager
def small_disk(place, num_bytes):
    """Mounts a disk of so many bytes in memory; gives its path."""
    path = place / "disk"
    path.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", path)
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True, capture_output=True)


def _mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


class Tries(Points):
    """Runs of the command, with an obstacle or without, in folders of their own.

    Args:
        place: Path of a folder.
    """

    def folder(self):
        """Returns the path of a new folder, which is not there yet."""
        self._count += 1
        return self.place / f"run {self._count}"

    def half(self, rng):
        """Returns a folder whose run was killed, and before which operation."""
        folder, operations = self.folder(), self.operations()
        point = rng.randint(1, len(operations))
        self.command(folder, point=point)
        return folder, " ".join(operations[point - 1])

    def command(self, folder, *, before=None, point=None):
        """Runs the command; returns how it ended, and what it said of an error.

        Args:
            folder: What `--out` names.
            before: Function that is called in its process first.
            point: Before which operation on files it dies, counted from 1.
        """
        work = functools.partial(self._command, folder, before=before, point=point)
        run = Run(work, self.place / "log")
        ended = ending(run.end(), run.said())
        told = [line for line in run.said() if line.startswith("Error: ")]
        return ended, " ".join(told).replace(str(folder), "FOLDER")

    def _command(self, folder, *, before, point):
        runner.train = functools.partial(
            runner.train, crew=functools.partial(Replayed, news=self._news)
        )
        write = reports.write
        reports.write = lambda case, store, *_: write(case, store, pictures=False)
        if point is not None:
            Counter(folder, point, torn=False)
        if before is not None:
            before()
        words = ["--arms", ARMS, "--seeds", str(NUM_SEEDS), "--trainer", TRAINER]
        cli.main(self.case, [*words, "--no-progress", "--out", str(folder)])

    def outcome(self, folder, met_at, ended, says, *, then=None):
        """Runs the command again, and returns a row of the table.

        Args:
            folder: Where the obstacle was met.
            met_at: In words.
            ended: How the command ended there.
            says: What it said.
            then: Where it is run again; the same folder by default.
        """
        then = then or folder
        watch = Watch(self.case, folder, self._rows, TRAINER)
        rows, wrong = watch.look()
        again, more = self.command(then)
        _, later = Watch(self.case, then, self._rows, TRAINER).look()
        names = unequal(then, self._prints)
        clear = "" if ended == GOOD or "one line" in ended or ended == "SIGKILL" else ended
        ends = "" if again == GOOD else f"again: {again} {more}"
        other = f"files differ: {', '.join(names[:3])}" if names else ""
        wrong = "; ".join(filter(None, (wrong, later, clear, ends, other)))
        row = {"met_at": met_at, "ended": ended, "says": says, "rows": rows}
        return row | {"wrong": wrong}


def full_disk(tries, rng):
    """A disk that fills up during the run, and has room later."""
    size = PAGE * rng.randint(1, 26)
    with small_disk(tries.place, size) as disk:
        folder = disk / "run"
        ended, says = tries.command(folder)
        _mount("-o", f"remount,size={ROOMY}", disk)
        return tries.outcome(folder, f"{size:,} bytes", ended, says)


def no_large_files(tries, rng):
    """Writing fails beyond a size of files, as on a full disk or under a quota."""
    folder, most = tries.folder(), int(SMALLEST_FILE * 2 ** rng.uniform(0, 4))
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
    ended, says = tries.command(folder, before=limit)
    return tries.outcome(folder, f"files beyond {most:,} bytes", ended, says)


def not_writable(tries, rng):
    """A folder that the user may read, but not write."""
    folder, met_at = tries.half(rng)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o555)
    before = functools.partial(os.setuid, NOBODY) if os.getuid() == 0 else None
    ended, says = tries.command(folder, before=before)
    folder.chmod(0o755)
    return tries.outcome(folder, met_at, ended, says)


def clock_set_back(tries, rng):
    """A clock that jumps back, and files that are newer than now."""
    folder, met_at = tries.half(rng)
    later = time.time() + YEARS
    for path in folder.rglob("*"):
        os.utime(path, (later, later))
    ended, says = tries.command(folder, before=_set_back)
    return tries.outcome(folder, met_at, ended, says)


def _set_back():
    """The clock of this process loses a year at every third look at it."""
    now, looks = time.time, iter(range(10**9))
    time.time = lambda: now() - YEARS / 10 * (next(looks) // 3)


def moved(tries, rng):
    """A folder that is moved while nothing runs."""
    folder, met_at = tries.half(rng)
    there = tries.folder()
    if folder.exists():
        shutil.move(folder, there)
    ended, says = tries.command(there)
    return tries.outcome(there, met_at, ended, says)


def linked(tries, rng):
    """A folder that is a link to another, reached by both names."""
    folder, met_at = tries.half(rng)
    folder.mkdir(exist_ok=True)
    link = tries.folder()
    link.symlink_to(folder)
    ended, says = tries.command(link)
    return tries.outcome(link, met_at, ended, says, then=folder)


OBSTACLES = {
    FULL: full_disk,
    "files too large": no_large_files,
    UNWRITABLE: not_writable,
    "clock set back": clock_set_back,
    "folder moved": moved,
    "folder is a link": linked,
}
