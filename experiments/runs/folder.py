"""A folder of ours: whose it is, what its tables must hold, and who may write to it.

Disk only; knows no row. Tables are replaced whole, their digests in the manifest;
what is damaged, foreign or newer than this code is named, never overwritten.
"""

import contextlib
import os
import pathlib

from experiments.cases.errors import SuiteError
from experiments.runs import files, locks, manifests
from experiments.runs.files import write_whole

TABLE = ".csv"
JOBS, PROGRESS, TRACES, FIGURES = ".units", ".progress", ".traces", "figures"
# What else a case's folder of results may hold.
OTHERS = (".gitignore", locks.NAME, "reference", "numpy", "studies")


class Folder:
    """A folder with a manifest, for one case and one trainer.

    Args:
        folder: Where; made on the first write.
        case_name: Name of the case.
        trainer: Name of the trainer; a folder holds one trainer's rows.
        fresh: Start over: read nothing of what an earlier run of this case left there,
            and remove it before the first write.

    Attributes:
        manifest: What is known of the folder, a dict of plain facts.
    """

    def __init__(self, folder, case_name, trainer, fresh=False):
        self.folder, self._fresh = pathlib.Path(folder), fresh
        self._owner, self._held = (case_name, trainer), False
        self.manifest = manifests.new(*self._owner)

    @property
    def environments(self):
        """The software and hardware that rows were trained on, in words."""
        return self.manifest["environments"]

    @property
    def stopping_rule(self):
        """By what rule the number of seeds was chosen, in words."""
        return self.manifest["stopping_rule"]

    def read(self):
        """Reads the folder again: another process may have written to it."""
        self.take_manifest()

    def take_manifest(self):
        """Reads the manifest.

        Returns:
            Its bytes, or `None` where there is none, or nothing of it counts.

        Raises:
            SuiteError: It is damaged, another case's or trainer's, or newer than this
                code; or there is none, and the folder holds something else.
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

    def read_table(self, name):
        """Returns the text of one table, or `None` if it is not there.

        Raises:
            SuiteError: It is not what was written.
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
        return files.decoded(path, data)

    @contextlib.contextmanager
    def lock(self, log=None):
        """Keeps other processes from writing to the folder while the block runs.

        What they wrote until then is read; what a killed one left half-written goes.

        Args:
            log: Function given one line if this process has to wait.

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

    def note(self, **facts):
        """Writes facts into the manifest, unless it says them already."""
        self.begin()
        self.manifest |= facts
        if not manifests.agrees(files.read_bytes(self._manifest_path), self.manifest):
            self._write_manifest()

    def write_text(self, name, text):
        """Replaces one file of the folder, whole or not at all."""
        if name.endswith(TABLE):
            self.replace(name, text)
        else:
            self.part(".")
            write_whole(self.folder / name, text)
        return self.folder / name

    def begin(self):
        """Removes, before the first write of a fresh start, what an earlier run left."""
        if not self._fresh:
            return
        for path in self._own_files():
            path.unlink(missing_ok=True)
        self._fresh, self.manifest = False, manifests.new(*self._owner)
        self._write_manifest()

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

    @property
    def _manifest_path(self):
        return self.folder / manifests.NAME

    def _check_owner(self, found):
        owner = manifests.FORMAT, *self._owner
        if found[0] not in manifests.FORMATS or found[1:] != owner[1:]:
            raise SuiteError(
                f"{self.folder} is not this run's to write; update the suite or name "
                f"another folder with --out. Received: format {found[0]} of "
                f"{found[1]} by {found[2]}, expected format {owner[0]} of "
                f"{owner[1]} by {owner[2]}"
            )

    def _check_empty(self):
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

    def replace(self, name, text):
        """Replaces a table; until it is, the manifest holds the old one's digest too."""
        self.begin()
        path, known = self.folder / name, self.manifest["files"]
        before, now = files.read_bytes(path), files.digest(text)
        if before != text.encode():
            old = None if before is None else files.digest(before)
            known[name] = [old, now]
            self._write_manifest()
            write_whole(path, text)
        # Format 1 has no digests: an unchanged table gets its own with the next change.
        if known.setdefault(name, [now]) != [now]:
            known[name] = [now]
            self._write_manifest()

    def _write_manifest(self):
        self._make()
        write_whole(self._manifest_path, manifests.text(self.manifest))

    def part(self, name):
        """Returns a folder within the folder, made if it is not there."""
        self.begin()
        if not self._manifest_path.exists():
            self._write_manifest()
        return self._make(self.folder / name)

    def _make(self, folder=None):
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

    def _own_files(self):
        parts = [f"{part}/*" for part in (FIGURES, TRACES, JOBS, PROGRESS)]
        kinds = ("*.csv", "report.md", *parts)
        return [p for kind in kinds for p in self.folder.glob(kind) if p.is_file()]
