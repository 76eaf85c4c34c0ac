"""Hostile input: command lines and settings that nobody should write, and what comes of them.

Room 18: each must run, or say what is wrong in one line; nothing is written outside the
folder that was named. Lines run in this process, with training and drawing held back: what
is past all checks counts as run.
"""

import contextlib
import functools
import io
import os
import pathlib
import sys
import tempfile
import unittest.mock

import pandas as pd

from experiments import (
    cli,
    commands,
    durability_settings,
    durability_small,
    explain,
    gallery,
    plates,
    script_parts,
)
from experiments.blocks import Quiet
from experiments.durability_fence import Fence
from experiments.durability_settings import ESCAPED, RAN, REFUSED
from experiments.durability_words import Words

COLUMNS = ("kind", "tried", "came_of", "says")
# How each ends that the user stops, and the parts of all lines that are of each kind.
CODES = (1, 2, 130, 143)
SHARES = {"case": 0.35, "suite": 0.45, "setting": 0.12, "case field": 0.08}
# What is expensive, and stands behind every check.
HELD_BACK = (
    *("experiments.runner.train", "experiments.studies.record", "experiments.slices.record"),
    *("experiments.race.record", "experiments.gate.sampled", "experiments.replay.train"),
    *("experiments.reports.write", "experiments.study_pages.write"),
    *("experiments.silently.refresh", "experiments.commands.write_index"),
    *("experiments.store.Store.merge", "experiments.store.Store.drop"),
    *("experiments.planner.plan", "experiments.cluster._join"),
    "experiments.cluster._folder",
)
# What costs much and says the same each time, is done once.
COSTLY = {
    "gallery.read": gallery.read,
    "explain.explain": explain.explain,
    "script_parts.parts": script_parts.parts,
}
# What is to be drawn and written, in few words.
PLATE = plates.Plate("figure", None, None)
FOUND = {
    "gallery.collect": [PLATE],
    "gallery.summary": PLATE,
    "study_pages.stored_views": [],
    "page.html": "a page",
}


class Reached(BaseException):
    """A line is past all its checks."""


def measure(num=5000, seed=0, progress=None):
    """Tries hostile command lines and settings.

    Args:
        num: How many.
        seed: Whole number they are made from.
        progress: A display with the methods of `Quiet`.

    Returns:
        A table, a row for each: `kind`, `tried`, `came_of` (ran, one line, the case's own
        traceback, escaped) and `says`. Nothing should have escaped.
    """
    import reproductions

    progress = progress or Quiet()
    counts = {kind: round(num * share) for kind, share in SHARES.items()}
    counts["case"] += num - sum(counts.values())
    rows = command_lines(counts["case"], counts["suite"], seed, progress)
    progress.start("settings", counts["setting"] + counts["case field"])
    small, known = durability_small.make(), [reproductions.load(n) for n in reproductions.names()]
    for kind in ("setting", "case field"):
        for tried in durability_settings.made(kind, counts[kind], seed, [small, *known]):
            rows.append((kind, *tried))
            progress.advance(1)
    return pd.DataFrame(rows, columns=COLUMNS)


def command_lines(num_case, num_suite, seed, progress):
    """Tries lines of one case, and over all cases; returns rows of `COLUMNS`."""
    import reproductions
    from experiments import networks

    networks.load_keras()
    small, rows = durability_small.make(), []
    arms = ["broken", "fixed", *small.fixes, *small.variants, "lattice", "all"]
    with tempfile.TemporaryDirectory() as folder, world(pathlib.Path(folder)) as fence:
        words = Words(seed, reproductions.names(), arms, places(pathlib.Path(folder)))
        progress.start("command lines", num_case + num_suite)
        for _ in range(num_case):
            rows.append(
                _tried("case", functools.partial(cli.main, small), words.case_line(), fence)
            )
            progress.advance(1)
        for _ in range(num_suite):
            rows.append(_tried("suite", cli.suite, words.suite_line(), fence))
            progress.advance(1)
    return rows


def places(folder):
    """Makes files and folders of every sort to name with `--out`; returns their names."""
    (folder / "empty").mkdir()
    (folder / "theirs").mkdir()
    (folder / "theirs" / "thesis.txt").write_text("three years of work")
    (folder / "file").write_text("")
    (folder / "link").symlink_to(folder / "empty")
    (folder / "nowhere").symlink_to(folder / "not there")
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    made = [str(path) for path in sorted(folder.iterdir())]
    made += ["new", "new/below", "new/../other", "a.html", "new/b.py", "file/below", "pipe/below"]
    devices = [f"{os.sep}dev/{name}" for name in ("null", "full", "zero", "stdin")]
    return [*made, *devices, f"{os.sep}proc/self/mem", "x" * 256]


@contextlib.contextmanager
def world(folder):
    """A world in which lines are tried: what is expensive held back, all writing fenced."""
    with contextlib.ExitStack() as stack:
        for name in HELD_BACK:
            stack.enter_context(unittest.mock.patch(name, side_effect=Reached))
        stored = functools.cache(commands.results_store)
        for module in ("commands", "publishing"):
            stack.enter_context(unittest.mock.patch(f"experiments.{module}.results_store", stored))
        for name, function in COSTLY.items():
            once = functools.lru_cache(maxsize=None)(function)
            stack.enter_context(unittest.mock.patch(f"experiments.{name}", once))
        for name in ("plates", "animations"):
            stack.enter_context(unittest.mock.patch(f"experiments.{name}.write", _drawn))
        for name, found in FOUND.items():
            stack.enter_context(unittest.mock.patch(f"experiments.{name}", return_value=found))
        alone = unittest.mock.patch("experiments.folder.Folder.alone", _unlocked)
        stack.enter_context(alone)
        # Some steps up from here are still inside the fence.
        inner = folder / "inner" / "inner" / "inner"
        inner.mkdir(parents=True)
        stack.enter_context(contextlib.chdir(inner))
        yield stack.enter_context(Fence(folder))


def _unlocked(*_):
    """In place of a lock, which would be a file: nobody else is here."""
    return contextlib.nullcontext()


def _drawn(*given):
    """In place of drawing: makes the folder that the pictures would be written to."""
    (folder,) = [value for value in given if isinstance(value, pathlib.Path)]
    folder.mkdir(parents=True, exist_ok=True)
    return [folder]


def _tried(kind, run, words, fence):
    """Runs one line and judges what came of it."""
    came_of, says = judged(functools.partial(run, words))
    if fence.crossed:
        came_of, says = ESCAPED, f"outside: {fence.crossed.pop()}"
        fence.crossed.clear()
    return kind, repr(words)[:500], came_of, says


def judged(run):
    """Runs a command of this process.

    Args:
        run: Function without arguments that exits.

    Returns:
        `(came of it, what it said)`: it ran, said one line that can be printed and ended
        with a code of `CODES`, or escaped.
    """
    error, out = io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            run()
    except Reached:
        return RAN, "past all checks"
    except SystemExit as end:
        return _judged(end.code, error.getvalue())
    except BaseException as escaped:
        place = sys.exc_info()[2]
        while place.tb_next is not None:
            place = place.tb_next
        where = f"{pathlib.Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
        return ESCAPED, f"{type(escaped).__name__} at {where}: {escaped}"[:300]
    return ESCAPED, "it did not exit"


def _judged(code, text):
    if code == 0:
        return RAN, text[:300]
    lines = text.splitlines()
    told = len(lines) == 1 and lines[0].startswith("Error: ") and lines[0].isprintable()
    return (REFUSED if told and code in CODES else ESCAPED), f"{code}: {text[:300]}"
