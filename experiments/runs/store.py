"""The store: one folder of plain text for one case and one trainer.

Disk only; trains nothing, computes nothing. A table of rows is written as text
once, and read back once. Rows are keyed by what made them and carry a checksum; the rows of
a finished unit are a small file of their own until they are merged into `runs.csv`; the
manifest says what each table must hold. Files are replaced whole or not at all, and a file
that is damaged, foreign or newer than this code is named, never overwritten.
"""

import numpy as np

from experiments.cases.case import SuiteError
from experiments.runs import files, manifests, row_text
from experiments.runs.files import as_text, checksum, write_whole
from experiments.runs.folder import JOBS, PROGRESS, TRACES, Folder
from experiments.runs.keys import row_key
from experiments.training import checkpoints
from experiments.training.columns import metrics_of

__all__ = ["as_text", "checksum", "write_whole"]

ROWS, WIDTHS = "runs.csv", "widths"
# How often files are read that another process is replacing at this moment.
MOST_READS = 20


class Store(Folder):
    """The rows, tables and traces of one case in one folder.

    Args:
        folder: Where; made on the first write.
        case: The `Case`.
        trainer: `"engine"`, `"reference"` or `"numpy"`; a folder holds one trainer's rows.
        fresh: Start over: read nothing of what an earlier run of this case left there,
            and remove it before the first write.

    Raises:
        SuiteError: The folder is another case's, another trainer's, of a newer
            format, damaged, or holds something else altogether.
    """

    def __init__(self, folder, case, trainer="engine", fresh=False):
        super().__init__(folder, case.name, trainer, fresh)
        self.case, self.trainer = case, trainer
        self.read()

    def __len__(self):
        return len(self._lines)

    def frame(self):
        """Returns all rows as a table sorted by arm, steps and seed: see `columns`."""
        return row_text.table(self.text())

    def text(self):
        """Returns all rows as the text of `runs.csv`."""
        return row_text.text([self._lines[place] for place in sorted(self._lines)], self.metrics)

    def arms(self):
        """Returns the pairs `(arm, steps)` that have rows, sorted."""
        return sorted({(arm, steps) for arm, steps, _ in self._lines})

    def missing(self, arm, setup, seeds):
        """Returns those of the seeds for which the arm has no current row."""
        now = row_key(self.case, setup, self.trainer)
        found = (self._lines.get((arm, setup.num_steps, seed)) for seed in seeds)
        pairs = zip(seeds, found, strict=True)
        return [seed for seed, line in pairs if line is None or line.key != now]

    def stale(self):
        """Returns `{(arm, steps): num_rows}` made by another version of the case."""
        counts, keys = {}, {}
        for (arm, steps, _), line in self._lines.items():
            if (arm, steps) not in keys:
                keys[arm, steps] = self._current_key(arm, steps)
            if line.key != keys[arm, steps]:
                counts[arm, steps] = counts.get((arm, steps), 0) + 1
        return counts

    def read(self):
        """Reads the folder again: another process may have written to it."""
        last = None
        if self._fresh:
            self.take_manifest()
            return self._take([], None)
        for _ in range(MOST_READS):
            # In this order nothing is missed: rows move from the units to `runs.csv`.
            jobs, rows = self._read_jobs(), files.read_bytes(self.folder / ROWS)
            manifest = self.take_manifest()
            if manifest is None:
                return self._take([], None)
            if manifests.fits(self.manifest, ROWS, rows):
                return self._take(jobs, rows)
            if (rows, manifest) == last:
                break
            last = rows, manifest
        path = self.folder / ROWS
        # A line that is damaged is named by its number.
        row_text.read(path, files.decoded(path, rows or b""))
        raise files.damaged(path, "it is not what the manifest says was written")

    def _take(self, jobs, rows):
        """Takes in what was read of finished units and of `runs.csv`."""
        path, self._lines = self.folder / ROWS, {}
        if rows is not None:
            self._lines = row_text.read(path, files.decoded(path, rows))
        for job in jobs:
            self._lines |= job
        kinds = {line.columns for line in self._lines.values()}
        self.metrics = metrics_of(n for columns in kinds for n in columns)

    def _read_jobs(self):
        """Reads the files of finished units that are not merged yet."""
        found = []
        for path in sorted((self.folder / JOBS).glob("*.csv")):
            data = files.read_bytes(path)
            if data is None:
                continue
            if files.digest(data) != path.stem:
                raise files.damaged(path, "it is not what its name says was written")
            found.append(row_text.read(path, files.decoded(path, data)))
        return found

    def traces(self, arm, steps):
        """Yields the kept traces of one arm as dicts of arrays.

        Raises:
            SuiteError: One of them is damaged.
        """
        now = self._current_key(arm, steps)
        for path in sorted((self.folder / TRACES).glob(f"{now}-*.npz")):
            try:
                trace, facts = checkpoints.unpack(files.read_bytes(path) or b"")
                if facts != {"name": path.name}:
                    raise checkpoints.CheckpointError(f"it was written as {facts.get('name')}")
            except checkpoints.CheckpointError as error:
                raise SuiteError(
                    f"{path} is damaged; remove it, and run again. Received: {error}"
                ) from None
            yield trace

    def state(self, name):
        """Returns the saved state of a unit in training as bytes, or `None`."""
        return files.read_bytes(self.checkpoint_path(name))

    def checkpoint_path(self, name):
        """Returns where the saved state of a unit stands, or would stand."""
        return self.folder / PROGRESS / f"{name}.npz"

    def add(self, rows, environment):
        """Stores rows, replacing those of the same arm, steps and seed.

        Args:
            rows: A table with `arm, seed, steps, diverged, solved`, any metrics and
                `key`: see `columns`.
            environment: What they were trained on, see `environment`.

        Raises:
            SuiteError: The folder holds rows of other Keras or TensorFlow versions.
        """
        self._take_in(rows, environment)
        self.merge()

    def add_job(self, rows, environment):
        """Stores the rows of a finished unit in a small file of their own: see `add`.

        A row is on disk when this returns; `merge` moves it to `runs.csv`.
        """
        lines = self._take_in(rows, environment)
        metrics = metrics_of(n for line in lines for n in line.columns)
        text = row_text.text(lines, metrics)
        folder = self.part(JOBS)
        write_whole(folder / f"{files.digest(text)}.csv", text)

    def _take_in(self, rows, environment):
        self.begin()
        index = self._environment_index(environment)
        lines = row_text.lines(rows.assign(environment=index))
        self._lines |= lines
        self.metrics = metrics_of({*self.metrics, *rows})
        return [lines[place] for place in sorted(lines)]

    def merge(self):
        """Moves all rows into `runs.csv`; the files of finished units go."""
        kept = row_text.names(self._lines.values())
        self.metrics = metrics_of(kept)
        merged = sorted((self.folder / JOBS).glob("*.csv"))
        self.replace(ROWS, self.text())
        for path in merged:
            path.unlink()

    @property
    def widths(self):
        """How runs were cut that are not finished: see `units.cut`."""
        return self.manifest.get(WIDTHS, {})

    @property
    def is_settled(self):
        """Whether no run that was stopped left anything to be gone on with."""
        return not self.widths and not any((self.folder / JOBS).glob("*.csv"))

    def remember(self, widths):
        """Keeps how runs are cut, `{origin: width}`, until they are finished."""
        if not widths.items() <= self.widths.items():
            self.note(**{WIDTHS: self.widths | widths})

    def settle(self, plan, origins):
        """Merges all rows, and forgets what was kept of runs that are finished now.

        Args:
            plan: `{arm: setup}` that lacks nothing.
            origins: Names of its runs, see `units.origin`.
        """
        self.merge()
        # A row is on disk before the state of its unit can be removed.
        checkpoints_left = sorted((self.folder / PROGRESS).glob("*.npz"))
        over = [path for path in checkpoints_left if self._is_over(path, plan)]
        for path in over:
            path.unlink(missing_ok=True)
        if len(over) == len(checkpoints_left) and self.widths.keys() & set(origins):
            kept = self.manifest.pop(WIDTHS)
            left = {name: width for name, width in kept.items() if name not in origins}
            self.note(**({WIDTHS: left} if left else {}))

    def _is_over(self, path, plan):
        """Whether a saved state is of seeds that a plan has all rows of."""
        try:
            _, facts = checkpoints.unpack(files.read_bytes(path) or b"")
        except checkpoints.CheckpointError:
            return False
        arms = {arm: s for arm, s in plan.items() if s.to_json() == facts.get("setup")}
        seeds = [int(seed) for seed in facts.get("seeds", ())]
        return bool(arms) and not any(self.missing(arm, s, seeds) for arm, s in arms.items())

    def drop(self, arm, steps):
        """Removes the rows of one arm at one budget."""
        self._lines = {k: v for k, v in self._lines.items() if k[:2] != (arm, steps)}
        self.merge()

    def add_trace(self, row_key, seeds, trace):
        """Keeps a block's values at every checkpoint, outside version control.

        Args:
            row_key: The key of its rows.
            seeds: The block's seeds.
            trace: Dict of arrays: `steps` `(num_checkpoints,)`, per metric
                `(num_seeds, num_checkpoints)`, and `curve` with a last axis of 50.
        """
        name = f"{row_key}-{min(seeds)}-{max(seeds)}-{len(seeds)}.npz"
        # Its name is in it too, lest it stand in another's place.
        data = checkpoints.pack({"seeds": np.asarray(seeds), **trace}, {"name": name})
        write_whole(self.part(TRACES) / name, data)

    def save_checkpoint(self, name, data):
        """Replaces the saved state of a unit in training; `None` removes it."""
        if data is not None:
            self.part(PROGRESS)
            write_whole(self.checkpoint_path(name), data)
        else:
            self.checkpoint_path(name).unlink(missing_ok=True)

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
