"""A results folder: its owner, its manifest and tables, and the lock for writing.

Files are replaced atomically, and the digests of tables are in the manifest. A file that is
damaged, not of this suite or newer than this code raises an error and is never overwritten.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, Self

from experiments.cases.errors import SuiteError
from experiments.runs import files, locks, manifests
from experiments.runs.files import write_whole

TABLE = ".csv"
JOBS, PROGRESS, TRACES, FIGURES = ".units", ".progress", ".traces", "figures"
# Further names that a case's results folder may hold.
OTHERS = (".gitignore", locks.NAME, "reference", "numpy", "studies")


class Folder:
    """A folder with a manifest, for one case and one trainer.

    Args:
        folder: Path; the folder is made on the first write.
        case_name: Name of the case.
        trainer: Name of the trainer; a folder holds one trainer's rows.
        fresh: Whether to start over: files of an earlier run of this case are not read, and
            are removed before the first write.

    Attributes:
        manifest: The manifest as a dict, see `manifests`.
    """

    def __init__(
        self, folder: str | pathlib.Path, case_name: str, trainer: str, fresh: bool = False
    ) -> None:
        self.folder, self._fresh = pathlib.Path(folder), fresh
        self._owner, self._held = (case_name, trainer), False
        self.manifest: dict[str, Any] = manifests.new(*self._owner)

    @property
    def environments(self) -> list[dict[str, str]]:
        """The software and hardware that rows were trained on, see `keys.environment`."""
        return self.manifest["environments"]

    @property
    def stopping_rule(self) -> str:
        """The name of the stopping rule by which the number of seeds was chosen."""
        return self.manifest["stopping_rule"]

    def read(self) -> None:
        """Reads the folder again: another process may have written to it."""
        self.take_manifest()

    def take_manifest(self) -> bytes | None:
        """Reads the manifest.

        Returns:
            The manifest's bytes, or `None` if there is none, or if it is not used because
            of `fresh`.

        Raises:
            SuiteError: The manifest is damaged, of another case or trainer, or newer than
                this code; or there is none, and the folder holds other files.
        """
        self.manifest = manifests.new(*self._owner)
        data = files.read_bytes(self._manifest_path)
        if data is None:
            self._check_empty()
            return None
        try:
            found = manifests.read(data)
        except ValueError as error:
            if self._fresh:
                return None
            raise files.damaged(self._manifest_path, error) from None
        self._check_owner(manifests.owner(found))
        if self._fresh:
            return None
        self.manifest = found
        return data

    def read_table(self, name: str) -> str | None:
        """Returns the text of one table, or `None` if it does not exist.

        Raises:
            SuiteError: The table is not as it was written.
        """
        path = self.folder / name
        data = files.read_bytes(path)
        if data is None:
            return None
        if not manifests.fits(self.manifest, name, data):
            self.read()
            data = files.read_bytes(path)
        if not manifests.fits(self.manifest, name, data):
            raise files.damaged(path, "it is not what the manifest says was written")
        return None if data is None else files.decoded(path, data)

    @contextlib.contextmanager
    def lock(self, log: Callable[[str], object] | None = None) -> Iterator[Self]:
        """Prevents other processes from writing to the folder while the block runs.

        The folder is read again once it is locked, and temporary files of interrupted
        writes are removed.

        Args:
            log: Function that receives one line if this process has to wait.

        Raises:
            SuiteError: The folder cannot be written or locked.
        """
        if self._held:
            yield self
            return
        self.check_writable()
        self._make()
        with locks.locked(self.folder, log):
            self._held = True
            try:
                self.read()
                for part in (".", FIGURES, JOBS, PROGRESS, TRACES):
                    files.sweep(self.folder / part)
                yield self
            finally:
                self._held = False

    def note(self, **facts: Any) -> None:
        """Writes facts into the manifest, unless it holds them already."""
        self.begin()
        self.manifest |= facts
        if not manifests.agrees(files.read_bytes(self._manifest_path), self.manifest):
            self._write_manifest()

    def write_text(self, name: str, text: str) -> pathlib.Path:
        """Replaces one file of the folder atomically; returns its path."""
        if name.endswith(TABLE):
            self.replace(name, text)
        else:
            self.part(".")
            write_whole(self.folder / name, text)
        return self.folder / name

    def begin(self) -> None:
        """Removes files of an earlier run before the first write, if `fresh` was given."""
        if not self._fresh:
            return
        for path in self._own_files():
            path.unlink(missing_ok=True)
        self._fresh, self.manifest = False, manifests.new(*self._owner)
        self._write_manifest()

    def check_writable(self) -> None:
        """Checks, without writing, that the folder can be made or written.

        Raises:
            SuiteError: The folder cannot be made or written.
        """
        place = self.folder.absolute()
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise SuiteError(
                f"Cannot write to {self.folder}; name another folder with --out. "
                f"Received: {place} is not a writable folder"
            )

    @property
    def _manifest_path(self) -> pathlib.Path:
        return self.folder / manifests.NAME

    def _check_owner(self, found: tuple[Any, Any, Any]) -> None:
        owner = manifests.FORMAT, *self._owner
        if found[0] not in manifests.FORMATS or found[1:] != owner[1:]:
            raise SuiteError(
                f"{self.folder} is not this run's to write; update the suite or name "
                f"another folder with --out. Received: format {found[0]} of "
                f"{found[1]} by {found[2]}, expected format {owner[0]} of "
                f"{owner[1]} by {owner[2]}"
            )

    def _check_empty(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise SuiteError(f"--out must name a folder. Received: {self.folder}")
        there = self.folder.iterdir() if self.folder.exists() else ()
        names = sorted(path.name for path in there)
        strange = [n for n in names if n not in OTHERS and not files.is_temporary(n)]
        if strange:
            raise SuiteError(
                f"{self.folder} holds files that this suite did not write; name an "
                f"empty folder with --out. Received: {strange[0]}"
            )

    def replace(self, name: str, text: str) -> None:
        """Replaces a table; until then the manifest holds the digests of both versions."""
        self.begin()
        path, known = self.folder / name, self.manifest["files"]
        before, now = files.read_bytes(path), files.digest(text)
        if before != text.encode():
            old = None if before is None else files.digest(before)
            known[name] = [old, now]
            self._write_manifest()
            write_whole(path, text)
        # Format 1 has no digests: an unchanged table gets its digest with the next change.
        if known.setdefault(name, [now]) != [now]:
            known[name] = [now]
            self._write_manifest()

    def _write_manifest(self) -> None:
        self._make()
        write_whole(self._manifest_path, manifests.text(self.manifest))

    def part(self, name: str) -> pathlib.Path:
        """Returns a subfolder, which is made if it does not exist."""
        self.begin()
        if not self._manifest_path.exists():
            self._write_manifest()
        return self._make(self.folder / name)

    def _make(self, folder: pathlib.Path | None = None) -> pathlib.Path:
        folder = folder or self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SuiteError(
                f"Cannot write to {folder}; name another folder with --out. "
                f"Received: {error.strerror}"
            ) from None
        if folder.is_symlink() and folder != self.folder:
            raise SuiteError(
                f"{folder} leads out of the folder of results; remove it. "
                f"Received: a link to {folder.resolve()}"
            )
        return folder

    def _own_files(self) -> list[pathlib.Path]:
        parts = [f"{part}/*" for part in (FIGURES, TRACES, JOBS, PROGRESS)]
        kinds = ("*.csv", "report.md", *parts)
        return [p for kind in kinds for p in self.folder.glob(kind) if p.is_file()]
