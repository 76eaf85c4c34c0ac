"""Damage: files of results, cut off or changed in every way, and what their readers make of it.

Room 18: each must give just what the undamaged file gave, or one line that names a file and
says what to do; and the file stays as it is, for whoever can mend it.
"""

import concurrent.futures
import functools
import pathlib
import random
import tempfile
import types

import pandas as pd

from experiments import (
    durability_small,
    evidence_file,
    explain,
    gallery,
    page_data,
    plans,
    reports,
    runner,
    states,
    studies,
    tables,
)
from experiments.blocks import Quiet
from experiments.case import SuiteError
from experiments.claims import Fails, Grid, Solves, claim, intervention
from experiments.durability_changes import CHANGES
from experiments.errors import one_line
from experiments.folder import PROGRESS, TRACES, UNITS
from experiments.store import Store
from experiments.study_table import StudyTable

COLUMNS = ("file", "change", "came_of", "says")
SAME, REFUSED, ESCAPED = "the same", "one line", "escaped"
SILENT = "another result, silently"
# Files of at most so many bytes are cut at every byte, larger ones at fewer places.
EVERY_BYTE, MOST_CUTS = 8192, 500
# Every so many changes the readers of all tables together are asked, which takes long.
ALL_TOGETHER = 200
MENDS = ("restore", "remove", "start over", "run again", "record", "report", "name an")
NUM_SEEDS = 4
STATE = "0123456789abcdef"


def measure(num=10_000, seed=0, progress=None, *, most_cuts=MOST_CUTS, quick=False):
    """Damages the files of a small folder of results, and reads them.

    Args:
        num: How many changes by chance, beside all cuts.
        seed: Whole number they are made from.
        progress: A display with the methods of `Quiet`.
        most_cuts: Of each file but the small ones, and of those too where it is fewer.
        quick: Whether the folder has rows of one arm and little else.

    Returns:
        A table, a row for each: `file`, `change`, `came_of` (the same, one line, escaped, or
        another result, silently) and `says`.
    """
    progress, rng = progress or Quiet(), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(pathlib.Path(folder) / "small", quick)
        cuts = [(path, cut) for path in shelf.paths for cut in _cuts(shelf, path, most_cuts)]
        progress.start("damage", len(cuts) + num)
        rows = []
        for path, length in cuts:
            damaged = {path: shelf.contents[path][:length]}
            rows.append(shelf.tried(f"cut to {length} bytes", damaged))
            progress.advance(1)
        for number in range(num):
            damage = shelf.damage(rng)
            rows.append(shelf.tried(*damage, everything=number % ALL_TOGETHER == 0))
            progress.advance(1)
    return pd.DataFrame(rows, columns=COLUMNS)


def _cuts(shelf, path, most):
    """Lengths to cut a file to: all of them, or evenly spread."""
    size = len(shelf.contents[path])
    small = size <= EVERY_BYTE and most >= MOST_CUTS
    return range(0, size, 1 if small else -(-size // most))


def case():
    """Returns the small case with claims and a study, so that it has every kind of table."""
    axes = {
        "unit": {"line": {"activation": "linear"}, "bend": {"activation": "tanh"}},
        "rate": {"slow": {"learning_rate": 0.01}, "quick": {"learning_rate": 0.5}},
    }
    return durability_small.make(
        claims=(claim("A1", "A bend is needed.", Fails("broken"), Solves("bend"), by="answer"),),
        interventions=(intervention("broken", "no bend", "a bend", Solves("bend")),),
        grids=(Grid("grid", "Which unit at which rate?", "broken", axes, NUM_SEEDS),),
    )


class Shelf:
    """A folder of results, and what its readers say of it undamaged.

    Args:
        folder: Path, where it is made by training.
        quick: Whether it has rows of one arm and little else, trained in plain NumPy.

    Attributes:
        paths: The files that are read, sorted.
        contents: `{path: bytes}` of them.
    """

    def __init__(self, folder, quick=False):
        self.folder, self.case, self._quick = folder, case(), quick
        self._fill(self._store())
        kinds = ("*.csv", "manifest.json", f"{TRACES}/*", f"{UNITS}/*", f"{PROGRESS}/*")
        # Of a study's files these two are read; its summary is for people.
        kinds += ("studies/grid.csv", "studies/grid.json")
        found = [path for kind in kinds for path in sorted(folder.glob(kind)) if path.is_file()]
        self.paths = [path for path in found if path.suffix in (".csv", ".json", ".npz")]
        self.contents = {path: path.read_bytes() for path in self.paths}
        readers = {path: self.reader(path) for path in self.paths}
        # As text: numbers that are none are not equal.
        self._expected = {path: repr(reader()) for path, reader in readers.items()}
        self._all = self.read_all()

    def _store(self):
        return Store(self.folder, self.case, "numpy" if self._quick else "engine")

    def _fill(self, store):
        plan = plans.select(self.case, "broken" if self._quick else "all")
        runner.train(self.case, plan, list(range(NUM_SEEDS)), store)
        if self._quick:
            store.write_text("summary.csv", tables.to_csv(tables.summary(tables.runs(store))))
        else:
            reports.write(self.case, store)
            threads = concurrent.futures.ThreadPoolExecutor
            studies.record(self.case, self.folder, workers=1, make_pool=threads)
        unit = [row for row in store.rows() if row["seed"] == "0"][:2]
        made = store.environments[0]
        store.add_unit([{**row, "seed": "9"} for row in unit], made)
        store.save_state(STATE, next(iter((self.folder / TRACES).iterdir())).read_bytes())

    def reader(self, path):
        """Returns the function that reads a file as the suite does, and says what it read."""
        kinds = {".traces": self._traces, ".progress": self._state, "studies": self._study}
        if path.parent.name in kinds:
            return kinds[path.parent.name]
        if path.name in ("runs.csv", "manifest.json") or path.parent.name == UNITS:
            return self._rows
        return functools.partial(self._table, path.name)

    def _rows(self):
        store = self._store()
        return store.rows(), store.environments, store.stopping_rule, store.stale()

    def _table(self, name):
        found = tables.stored(self._store(), name, ())
        return None if found is None else found.to_csv()

    def _traces(self):
        store = self._store()
        found = [trace for where in store.arms() for trace in store.traces(*where)]
        return [{n: (v.dtype, v.tolist()) for n, v in trace.items()} for trace in found]

    def _state(self):
        unit = types.SimpleNamespace(digest=lambda: STATE, name="a unit")
        arrays, facts = states.unpack(runner._state(self._store(), unit))
        return {name: value.tolist() for name, value in arrays.items()}, facts

    def _study(self):
        (study,) = evidence_file.find(self.case).grids
        table = StudyTable(self.folder / "studies", self.case, study)
        outcomes = [table.outcomes(cell).to_csv() for cell in table.readings]
        return outcomes, table.seconds, table.manifest["environments"]

    def read_all(self):
        """Reads everything that the suite's commands read of a folder, one after the other."""
        store = self._store()
        if self._quick:
            return repr([self._rows(), self._traces(), self._state()])
        told = [explain.explain(self.case, store), page_data.case_data(self.case, store)]
        found = gallery.read(store)
        told += [tables.summary(found.runs).to_csv(), found.curves.to_csv()]
        return repr([*told, self._rows(), self._traces(), self._state(), self._study()])

    def damage(self, rng):
        """Returns what was changed, in words, and `{path: bytes}` of the files changed."""
        name = rng.choice(list(CHANGES))
        path, other = rng.choice(self.paths), rng.choice(self.others())
        damaged = {path: CHANGES[name](rng, self.contents[path])}
        if rng.random() < 0.03:
            path = rng.choice(self.others())
            name, damaged = "exchanged", {path: self.contents[other], other: self.contents[path]}
        if all(data == self.contents[path] for path, data in damaged.items()):
            return self.damage(rng)
        return name, damaged

    def others(self):
        """The files that may change places: whose a state is, is asked when it is gone on from."""
        return [path for path in self.paths if path.parent.name != PROGRESS]

    def tried(self, change, damaged, everything=False):
        """Puts damaged files in their places, reads them, and judges; returns a row."""
        for path, data in damaged.items():
            path.write_bytes(data)
        path = next(iter(damaged))
        try:
            found = self._judged(path, everything)
            if any(place.read_bytes() != data for place, data in damaged.items()):
                found = ESCAPED, "the damaged file was changed"
        finally:
            for place in damaged:
                place.write_bytes(self.contents[place])
        return str(path.relative_to(self.folder)), change, *found

    def _judged(self, path, everything):
        try:
            same = repr(self.reader(path)()) == self._expected[path]
            if same and everything:
                same = self.read_all() == self._all
        except SuiteError as error:
            names = [path.name for path in self.paths] + [f"{self.folder} "]
            return (REFUSED if _is_plain(str(error), names) else ESCAPED), str(error)[:300]
        except BaseException as error:
            return ESCAPED, f"{type(error).__name__}: {error}"[:300]
        return (SAME if same else SILENT), ""


def _is_plain(text, names):
    """Whether a message is one line that names a file, or the folder, and what to do."""
    named = any(name in text for name in names)
    return text == one_line(text) and named and any(word in text for word in MENDS)
