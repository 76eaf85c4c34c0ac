"""Corruption: files of results are damaged at random, and read.

    python -m tests.trials.corruption [--num 2000] [--seed S] [--out FILE.csv]

Each reader must give just what the undamaged file gave, or one line that names a file, and the
damaged file stays as it is for whoever can mend it.
"""

import pathlib
import random
import tempfile

import pandas as pd

from experiments.analysis import tables
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.runs import runner
from experiments.runs.store import Store
from tests import toy
from tests.trials import processes

COLUMNS = ("file", "change", "came_of", "wrong")
SAME, REFUSED = "the same", "refused"


def _at(rng, data):
    return rng.randrange(len(data))


def _flip(rng, data):
    place = _at(rng, data)
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _delete(rng, data):
    place = _at(rng, data)
    return data[:place] + data[place + rng.choice((1, 10, 100)) :]


def _zero(rng, data):
    place = _at(rng, data)
    return data[:place] + bytes(min(512, len(data) - place)) + data[place + 512 :]


def _repeat_line(rng, data):
    lines = data.split(b"\n")
    return b"\n".join([*lines, rng.choice(lines)])


CHANGES = {
    "cut": lambda rng, data: data[: _at(rng, data)],
    "a bit flipped": _flip,
    "bytes deleted": _delete,
    "bytes zeroed": _zero,
    "a line repeated": _repeat_line,
    "something appended": lambda rng, data: data + rng.choice((b"x", b"}", b"\x00" * 100, data)),
    "not text": lambda rng, data: data[: len(data) // 2] + b"\xff\xfe" + data[len(data) // 2 :],
    "merged by hand": lambda rng, data: b"<<<<<<< HEAD\n" + data + b"=======\n" + data,
    "emptied": lambda rng, data: b"",
    "deeply nested": lambda rng, data: b"[" * 200_000,
}


def measure(num=2000, seed=0):
    """Damages the files of a small folder of results, and reads them.

    Args:
        num: How many changes.
        seed: Whole number they are drawn from.

    Returns:
        A table, a row for each change, see `COLUMNS`.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place) / "toy"
        _fill(folder)
        paths = sorted(p for p in folder.rglob("*") if p.suffix in (".csv", ".json", ".npz"))
        names, expected, rows = [path.name for path in paths], _read(folder), []
        for _ in range(num):
            path, change = rng.choice(paths), rng.choice(list(CHANGES))
            whole = path.read_bytes()
            damaged = CHANGES[change](rng, whole)
            path.write_bytes(damaged)
            came_of, wrong = _judged(folder, names, expected)
            if path.read_bytes() != damaged:
                wrong = "the damaged file was written over"
            path.write_bytes(whole)
            rows.append((str(path.relative_to(folder)), change, came_of, wrong))
    return pd.DataFrame(rows, columns=COLUMNS)


def _fill(folder):
    """Trains a few rows, merges some of them, and writes a table."""
    store = Store(folder, toy.CASE, "numpy")
    runner.train(toy.CASE, plans.select(toy.CASE, "broken"), [0, 1, 2, 3], store)
    store.write_text(
        "summary.csv", tables.to_csv(tables.summary(tables.runs(store), tables.rule(store)))
    )
    store.add_job(store.frame()[:1].assign(seed=9), store.environments[0])


def _read(folder):
    """Reads all that the store holds, as text."""
    store = Store(folder, toy.CASE, "numpy")
    traces = [trace for arm in store.arms() for trace in store.traces(*arm)]
    arrays = [{name: value.tolist() for name, value in trace.items()} for trace in traces]
    facts = store.environments, store.stopping_rule, store.stale()
    return repr((store.text(), store.read_table("summary.csv"), arrays, facts))


def _judged(folder, names, expected):
    """Reads a damaged folder; returns what came of it, and what is wrong with that or `""`."""
    try:
        return SAME, "" if _read(folder) == expected else "another result, silently"
    except SuiteError as error:
        text = str(error)
        is_clear = text.isprintable() and any(name in text for name in [*names, folder.name])
        return REFUSED, "" if is_clear else f"unclear: {text[:300]}"
    except Exception as error:
        return "escaped", f"{type(error).__name__}: {error}"[:300]


if __name__ == "__main__":
    processes.main(__doc__, measure, 2000)
