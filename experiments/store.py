"""The store: one folder of plain text for one case and one trainer.

Room 5: disk only; trains nothing, computes nothing. Rows are keyed by what made
them and carry a checksum, files are replaced whole or not at all, and a file that
is damaged, foreign or newer than this code is named, never overwritten.
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import zlib

from experiments.case import SuiteError
from experiments.keys import row_key
from experiments.measures import in_order

FORMAT = 1
HEAD = ("arm", "seed", "steps", "diverged", "solved")
TAIL = ("check", "environment", "key")
TRACES = ".traces"
# What else a case's folder of results may hold.
OTHERS = ("reference", "numpy", "studies")


class Store:
    """The rows, tables and traces of one case in one folder.

    Args:
        folder: Where; made on the first write.
        case: The `Case`.
        trainer: `"engine"` or `"reference"`; a folder holds one trainer's rows.
        fresh: Start over: remove what an earlier run of this case left there.

    Raises:
        SuiteError: The folder is another case's, another trainer's, of a newer
            format, damaged, or holds something else altogether.
    """

    def __init__(self, folder, case, trainer="engine", fresh=False):
        self.folder, self.case, self.trainer = pathlib.Path(folder), case, trainer
        self._rows, self.metrics = {}, []
        self.manifest = self._new_manifest()
        if (self.folder / "manifest.json").exists():
            self._open(fresh)
        elif self.folder.exists():
            self._check_empty()

    def __len__(self):
        return len(self._rows)

    @property
    def environments(self):
        """The software and hardware that rows were trained on, in words."""
        return self.manifest["environments"]

    def rows(self):
        """Returns all rows as dicts of strings, sorted by arm, steps and seed."""
        return [self._rows[name] for name in sorted(self._rows)]

    def arms(self):
        """Returns the pairs `(arm, steps)` that have rows, sorted."""
        return sorted({(arm, steps) for arm, steps, _ in self._rows})

    def missing(self, arm, setup, seeds):
        """Returns those of the seeds for which the arm has no current row."""
        now = row_key(self.case, setup, self.trainer)
        found = (self._rows.get((arm, setup.num_steps, seed)) for seed in seeds)
        pairs = zip(seeds, found, strict=True)
        return [seed for seed, row in pairs if row is None or row["key"] != now]

    def stale(self):
        """Returns `{(arm, steps): num_rows}` made by another version of the case."""
        counts, keys = {}, {}
        for (arm, steps, _), row in self._rows.items():
            if (arm, steps) not in keys:
                keys[arm, steps] = self._current_key(arm, steps)
            if row["key"] != keys[arm, steps]:
                counts[arm, steps] = counts.get((arm, steps), 0) + 1
        return counts

    def add(self, rows, environment):
        """Stores rows, replacing those of the same arm, steps and seed.

        Args:
            rows: Dicts with `arm`, `seed`, `steps`, `diverged`, `solved`, `key` and
                any metrics.
            environment: What they were trained on, see `environment`.

        Raises:
            SuiteError: The folder holds rows of other Keras or TensorFlow versions.
        """
        index = self._environment_index(environment)
        for row in rows:
            row = {name: as_text(value) for name, value in row.items()}
            row["environment"] = str(index)
            row["check"] = checksum(row)
            place = (row["arm"], int(row["steps"]), int(row["seed"]))
            self._rows[place] = row
        self._write_rows()

    def check_writable(self):
        """Makes sure, without writing, that the folder can be made or written.

        Raises:
            SuiteError: It cannot.
        """
        place = self.folder.absolute()
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise SuiteError(
                f"Cannot write to {self.folder}; name another folder with --out. "
                f"Received: {place} is not a writable folder"
            )

    def drop(self, arm, steps):
        """Removes the rows of one arm at one budget."""
        self._rows = {k: v for k, v in self._rows.items() if k[:2] != (arm, steps)}
        self._write_rows()

    def note(self, **facts):
        """Writes facts into the manifest."""
        self.manifest |= facts
        self._write_manifest()

    def write_text(self, name, text):
        """Replaces one file of the folder, whole or not at all."""
        self._claim()
        write_whole(self.folder / name, text)
        return self.folder / name

    def read_table(self, name):
        """Returns the text of one table, or `None` if it is not there."""
        path = self.folder / name
        return path.read_text() if path.exists() else None

    def add_trace(self, row_key, seeds, trace):
        """Keeps a block's values at every checkpoint, outside version control.

        Args:
            row_key: The key of its rows.
            seeds: The block's seeds.
            trace: Dict of arrays: `steps` `(num_checkpoints,)`, per metric
                `(num_seeds, num_checkpoints)`, and `curve` with a last axis of 50.
        """
        import numpy as np

        self._claim()
        (self.folder / TRACES).mkdir(exist_ok=True)
        name = f"{row_key}-{min(seeds)}-{max(seeds)}-{len(seeds)}.npz"
        buffer = io.BytesIO()
        np.savez_compressed(buffer, seeds=np.asarray(seeds), **trace)
        write_whole(self.folder / TRACES / name, buffer.getvalue())

    def traces(self, arm, steps):
        """Yields the kept traces of one arm as dicts of arrays."""
        import numpy as np

        now = self._current_key(arm, steps)
        for path in sorted((self.folder / TRACES).glob(f"{now}-*.npz")):
            with np.load(path, allow_pickle=False) as found:
                yield dict(found)

    def _current_key(self, arm, steps):
        try:
            setup = self.case.arm(arm)
        except SuiteError:
            return None
        if setup.is_stream:
            setup = setup.replace(steps=steps)
        return row_key(self.case, setup, self.trainer)

    def _environment_index(self, environment):
        for found in self.environments:
            for package in ("keras", "tensorflow"):
                if found[package] != environment[package]:
                    raise SuiteError(
                        f"{self.folder} holds rows of {package} {found[package]}; "
                        f"use another folder with --out, or start over with "
                        f"--fresh. Received: {package} {environment[package]}"
                    )
        if environment not in self.environments:
            self.environments.append(environment)
            self._write_manifest()
        return self.environments.index(environment)

    def _new_manifest(self):
        return {
            "format": FORMAT,
            "case": self.case.name,
            "trainer": self.trainer,
            "stopping_rule": "a number of seeds fixed beforehand",
            "environments": [],
        }

    def _open(self, fresh):
        path = self.folder / "manifest.json"
        try:
            manifest = json.loads(path.read_text())
            owner = manifest["format"], manifest["case"], manifest["trainer"]
            if not all(isinstance(e, dict) for e in manifest["environments"]):
                raise ValueError("environments")
        except (ValueError, KeyError, TypeError) as error:
            if fresh:
                return self._clear()
            raise SuiteError(
                f"{path} is damaged; restore it (git checkout), or start over with "
                f"--fresh. Received: {type(error).__name__}: {error}"
            ) from None
        if owner != (FORMAT, self.case.name, self.trainer):
            raise SuiteError(
                f"{self.folder} is not this run's to write; update the suite or name "
                f"another folder with --out. Received: format {owner[0]} of "
                f"{owner[1]} by {owner[2]}, expected format {FORMAT} of "
                f"{self.case.name} by {self.trainer}"
            )
        if fresh:
            return self._clear()
        self.manifest = manifest
        if (self.folder / "runs.csv").exists():
            self._read_rows()

    def _clear(self):
        for path in self._own_files():
            path.unlink()
        self._write_manifest()

    def _check_empty(self):
        if not self.folder.is_dir():
            raise SuiteError(f"--out must name a folder. Received: {self.folder}")
        names = sorted(path.name for path in self.folder.iterdir())
        strange = [name for name in names if name not in (".gitignore", *OTHERS)]
        if strange:
            raise SuiteError(
                f"{self.folder} holds files that this suite did not write; name an "
                f"empty folder with --out. Received: {strange[0]}"
            )

    def _read_rows(self):
        path = self.folder / "runs.csv"
        try:
            lines = list(csv.reader(io.StringIO(path.read_text(), newline="")))
        except (UnicodeDecodeError, csv.Error) as error:
            raise _damaged(path, 1, error) from None
        if not lines or tuple(lines[0][: len(HEAD)]) != HEAD:
            raise _damaged(path, 1, "the header is not ours")
        header = lines[0]
        self.metrics = [c for c in header if c not in (*HEAD, *TAIL)]
        for number, line in enumerate(lines[1:], start=2):
            row = dict(zip(header, line, strict=False))
            row = {name: value for name, value in row.items() if value != ""}
            if len(line) != len(header) or row.get("check") != checksum(row):
                raise _damaged(path, number, "its checksum does not fit")
            place = (row["arm"], int(row["steps"]), int(row["seed"]))
            if place in self._rows:
                raise _damaged(path, number, "the row is there twice")
            self._rows[place] = row

    def _write_rows(self):
        names = {name for row in self._rows.values() for name in row}
        self.metrics = in_order(names - {*HEAD, *TAIL})
        columns = [*HEAD, *self.metrics, *TAIL]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in self.rows():
            writer.writerow([row.get(column, "") for column in columns])
        self._claim()
        write_whole(self.folder / "runs.csv", text.getvalue())

    def _write_manifest(self):
        self._make()
        text = json.dumps(self.manifest, indent=1, sort_keys=False) + "\n"
        write_whole(self.folder / "manifest.json", text)

    def _claim(self):
        if not (self.folder / "manifest.json").exists():
            self._write_manifest()

    def _make(self):
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SuiteError(
                f"Cannot write to {self.folder}; name another folder with --out. "
                f"Received: {error.strerror}"
            ) from None

    def _own_files(self):
        kinds = ("*.csv", "manifest.json", "report.md", "figures/*", f"{TRACES}/*")
        return [p for kind in kinds for p in self.folder.glob(kind) if p.is_file()]


def _damaged(path, line, why):
    return SuiteError(
        f"{path}, line {line} is damaged; restore the file (git checkout), or start "
        f"over with --fresh. Received: {why}"
    )


def as_text(value):
    """Returns a cell's text: 7 significant digits, truth as 1 or 0."""
    if isinstance(value, str):
        return value
    return format(float(value), ".7g")


def checksum(row):
    """Returns the CRC-32 of a row's cells, blank ones and its own left out."""
    cells = [f"{k}={v}" for k, v in sorted(row.items()) if k != "check" and v != ""]
    return format(zlib.crc32("\n".join(cells).encode()), "08x")


def write_whole(path, content):
    """Writes a file beside its place, then moves it there in one step.

    Raises:
        SuiteError: The place cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SuiteError(
            f"Cannot write {path}; free some space or name another folder with "
            f"--out. Received: {error.strerror}"
        ) from None
