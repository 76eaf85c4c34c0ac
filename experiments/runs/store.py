"""The store: a folder with the rows, tables, traces and checkpoints of a case and a trainer.

Each row has a row key and a checksum. The rows of a finished job are a small file until they
are merged into `runs.csv`. See `folder` for the manifest and for atomic writes.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.cases.case import Case
from experiments.cases.errors import SuiteError
from experiments.cases.setups import Setup
from experiments.runs import files, manifests, row_text
from experiments.runs.files import write_whole
from experiments.runs.folder import JOBS, PROGRESS, TRACES, Folder
from experiments.runs.keys import row_key
from experiments.training import checkpoints
from experiments.training.columns import metrics_of

ROWS, WIDTHS = "runs.csv", "widths"
# Attempts to read files that another process is replacing at this moment.
MOST_READS = 20


class Store(Folder):
    """The rows, tables and traces of one case in one folder.

    Args:
        folder: Path; the folder is made on the first write.
        case: The `Case`.
        trainer: `"engine"`, `"reference"` or `"numpy"`; a folder holds one trainer's rows.
        fresh: Whether to start over: files of an earlier run of this case are not read, and
            are removed before the first write.

    Attributes:
        metrics: The names of the metrics of the rows, in the order of columns.

    Raises:
        SuiteError: The folder belongs to another case or trainer, has a newer format, is
            damaged, or holds other files.
    """

    metrics: list[str]
    _lines: dict[row_text.Place, row_text.Line]

    def __init__(
        self,
        folder: str | pathlib.Path,
        case: Case,
        trainer: str = "engine",
        fresh: bool = False,
    ) -> None:
        super().__init__(folder, case.name, trainer, fresh)
        self.case, self.trainer = case, trainer
        self.read()

    def __len__(self) -> int:
        return len(self._lines)

    def frame(self) -> pd.DataFrame:
        """Returns all rows as a table sorted by arm, steps and seed, see `columns`."""
        return row_text.table(self.text())

    def text(self) -> str:
        """Returns all rows as the text of `runs.csv`."""
        return row_text.text([self._lines[place] for place in sorted(self._lines)], self.metrics)

    def arms(self) -> list[tuple[str, int]]:
        """Returns the pairs `(arm, steps)` that have rows, sorted."""
        return sorted({(arm, steps) for arm, steps, _ in self._lines})

    def missing(self, arm: str, setup: Setup, seeds: Sequence[int]) -> list[int]:
        """Returns the seeds for which the arm has no current row."""
        now = row_key(self.case, setup, self.trainer)
        found = (self._lines.get((arm, setup.num_steps, seed)) for seed in seeds)
        pairs = zip(seeds, found, strict=True)
        return [seed for seed, line in pairs if line is None or line.key != now]

    def stale(self) -> dict[tuple[str, int], int]:
        """Returns `{(arm, steps): num_rows}` of rows of another version of the case."""
        counts: dict[tuple[str, int], int] = {}
        keys: dict[tuple[str, int], str | None] = {}
        for (arm, steps, _), line in self._lines.items():
            if (arm, steps) not in keys:
                keys[arm, steps] = self._current_key(arm, steps)
            if line.key != keys[arm, steps]:
                counts[arm, steps] = counts.get((arm, steps), 0) + 1
        return counts

    def read(self) -> None:
        """Reads the folder again: another process may have written to it."""
        last = None
        if self._fresh:
            self.take_manifest()
            return self._take([], None)
        for _ in range(MOST_READS):
            # In this order no row is missed: rows move from the jobs' files to `runs.csv`.
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
        # This raises an error that names the damaged line, if there is one.
        row_text.read(path, files.decoded(path, rows or b""))
        raise files.damaged(path, "it is not what the manifest says was written")

    def _take(
        self, jobs: Iterable[dict[row_text.Place, row_text.Line]], rows: bytes | None
    ) -> None:
        """Sets the rows to those of `runs.csv` and of finished jobs."""
        path, self._lines = self.folder / ROWS, {}
        if rows is not None:
            self._lines = row_text.read(path, files.decoded(path, rows))
        for job in jobs:
            self._lines |= job
        kinds = {line.columns for line in self._lines.values()}
        self.metrics = metrics_of(n for columns in kinds for n in columns)

    def _read_jobs(self) -> list[dict[row_text.Place, row_text.Line]]:
        """Reads the files of finished jobs that are not merged yet."""
        found = []
        for path in sorted((self.folder / JOBS).glob("*.csv")):
            data = files.read_bytes(path)
            if data is None:
                continue
            if files.digest(data) != path.stem:
                raise files.damaged(path, "it is not what its name says was written")
            found.append(row_text.read(path, files.decoded(path, data)))
        return found

    def traces(self, arm: str, steps: int) -> Iterator[dict[str, np.ndarray]]:
        """Yields the traces of one arm as dicts of arrays.

        Raises:
            SuiteError: A trace is damaged.
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

    def state(self, name: str) -> bytes | None:
        """Returns the checkpoint of a job as bytes, or `None`."""
        return files.read_bytes(self.checkpoint_path(name))

    def checkpoint_path(self, name: str) -> pathlib.Path:
        """Returns the path of the checkpoint of a job, whether it exists or not."""
        return self.folder / PROGRESS / f"{name}.npz"

    def add(self, rows: pd.DataFrame, environment: dict[str, str]) -> None:
        """Stores rows, replacing those of the same arm, steps and seed.

        Args:
            rows: A table with `arm, seed, steps, diverged, solved`, any metrics and
                `key`, see `columns`.
            environment: Software and hardware of the training, see `keys.environment`.

        Raises:
            SuiteError: The folder holds rows of other Keras or TensorFlow versions.
        """
        self._take_in(rows, environment)
        self.merge()

    def add_job(self, rows: pd.DataFrame, environment: dict[str, str]) -> None:
        """Stores the rows of a finished job in a separate small file, see `add`.

        The rows are on disk when this returns; `merge` moves them to `runs.csv`.
        """
        lines = self._take_in(rows, environment)
        metrics = metrics_of(n for line in lines for n in line.columns)
        text = row_text.text(lines, metrics)
        folder = self.part(JOBS)
        write_whole(folder / f"{files.digest(text)}.csv", text)

    def _take_in(self, rows: pd.DataFrame, environment: dict[str, str]) -> list[row_text.Line]:
        self.begin()
        index = self._environment_index(environment)
        lines = row_text.lines(rows.assign(environment=index))
        self._lines |= lines
        self.metrics = metrics_of({*self.metrics, *rows})
        return [lines[place] for place in sorted(lines)]

    def merge(self) -> None:
        """Moves all rows into `runs.csv` and removes the files of finished jobs."""
        kept = row_text.names(self._lines.values())
        self.metrics = metrics_of(kept)
        merged = sorted((self.folder / JOBS).glob("*.csv"))
        self.replace(ROWS, self.text())
        for path in merged:
            path.unlink()

    @property
    def widths(self) -> dict[str, int]:
        """The widths of unfinished runs, see `jobs.cut`."""
        return self.manifest.get(WIDTHS, {})

    @property
    def is_settled(self) -> bool:
        """Whether there is no interrupted run to be resumed."""
        return not self.widths and not any((self.folder / JOBS).glob("*.csv"))

    def remember(self, widths: dict[str, int]) -> None:
        """Stores the widths of runs, `{origin: width}`, until the runs are finished."""
        if not widths.items() <= self.widths.items():
            self.note(**{WIDTHS: self.widths | widths})

    def settle(self, plan: Mapping[str, Setup], origins: Iterable[str]) -> None:
        """Merges all rows, and removes checkpoints and widths of finished runs.

        Args:
            plan: `{arm: setup}` of which no rows are missing.
            origins: The plan's runs, see `jobs.origin`.
        """
        self.merge()
        # Rows are on disk before the checkpoint of their job is removed.
        checkpoints_left = sorted((self.folder / PROGRESS).glob("*.npz"))
        over = [path for path in checkpoints_left if self._is_over(path, plan)]
        for path in over:
            path.unlink(missing_ok=True)
        if len(over) == len(checkpoints_left) and self.widths.keys() & set(origins):
            kept = self.manifest.pop(WIDTHS)
            left = {name: width for name, width in kept.items() if name not in origins}
            self.note(**({WIDTHS: left} if left else {}))

    def _is_over(self, path: pathlib.Path, plan: Mapping[str, Setup]) -> bool:
        """Returns whether all rows of a checkpoint's seeds, for arms of a plan, are stored."""
        try:
            _, facts = checkpoints.unpack(files.read_bytes(path) or b"")
        except checkpoints.CheckpointError:
            return False
        arms = {arm: s for arm, s in plan.items() if s.to_json() == facts.get("setup")}
        seeds = [int(seed) for seed in facts.get("seeds", ())]
        return bool(arms) and not any(self.missing(arm, s, seeds) for arm, s in arms.items())

    def drop(self, arm: str, steps: int) -> None:
        """Removes the rows of one arm at one number of updates."""
        self._lines = {k: v for k, v in self._lines.items() if k[:2] != (arm, steps)}
        self.merge()

    def add_trace(self, row_key: str, seeds: Sequence[int], trace: dict[str, Any]) -> None:
        """Stores a block's metrics at every checkpoint, outside version control.

        Args:
            row_key: The key of the block's rows.
            seeds: The block's seeds.
            trace: Dict of arrays: `steps` `(num_checkpoints,)`, per metric
                `(num_seeds, num_checkpoints)`, and `curve` with a last axis of 50.
        """
        name = f"{row_key}-{min(seeds)}-{max(seeds)}-{len(seeds)}.npz"
        # The file holds its name, so that a renamed file is detected.
        data = checkpoints.pack({"seeds": np.asarray(seeds), **trace}, {"name": name})
        write_whole(self.part(TRACES) / name, data)

    def save_checkpoint(self, name: str, data: bytes | None) -> None:
        """Replaces the checkpoint of a job; `None` removes it."""
        if data is not None:
            self.part(PROGRESS)
            write_whole(self.checkpoint_path(name), data)
        else:
            self.checkpoint_path(name).unlink(missing_ok=True)

    def _current_key(self, arm: str, steps: int) -> str | None:
        try:
            setup = self.case.arm(arm)
        except SuiteError:
            return None
        if setup.is_stream:
            setup = setup.replace(steps=steps)
        return row_key(self.case, setup, self.trainer)

    def _environment_index(self, environment: dict[str, str]) -> int:
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
