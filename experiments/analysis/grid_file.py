"""Reads and writes grid files: one compact text file for hundreds of configurations.

`<grid>.csv` has a line for each configuration and length. A packed column holds the values of
seeds 0, 1, 2, ... in order, separated by blanks, with `value*count` for runs of equal values;
boolean columns may be a bare string of 0 and 1. Other metrics are stored as `median low high`
over seeds. `<grid>.json` records the environments, the training times and the digests of the
lines.
"""

from __future__ import annotations

import csv
import io
import itertools
import pathlib
from typing import TYPE_CHECKING

import numpy as np

from experiments.analysis import grid_manifest
from experiments.cases import plans
from experiments.cases.errors import SuiteError, shown
from experiments.runs import files, keys
from experiments.runs.files import checksum, write_whole
from experiments.stats import intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import pandas as pd

    from experiments.cases.case import Case
    from experiments.cases.claims import Grid
    from experiments.cases.setups import Setup

HEAD = ("length", "steps", "num_seeds")
TAIL = ("check", "environment", "key")
FLAGS = ("solved", "diverged", "flat", "one_class", "still_learning")
# Columns that `GridTable.summary` adds to the axes.
SUMMARY = ("solved_low", "solved_high", "verdict", "metric", "median", "low", "high")
# The packed columns, with their significant digits.
PACKED = {"mse": 4, "accuracy": 4, "loss": 3, "first_solved": 7}
MEDIANS = ("logged_accuracy", "keras1_accuracy", "gradient_norm", "gradient_first")
MEDIANS += ("gradient_rises", "dead_1", "saturated_1")
KEPT = (*FLAGS, *PACKED, *MEDIANS)


def setups_by_length(case: Case, grid: Grid) -> dict[str, dict[int, Setup]]:
    """Returns the setups of each configuration, one for each length at which it is read.

    Args:
        case: The `Case`.
        grid: The `Grid`.

    Returns:
        `{configuration: {num_steps: setup}}`, the longest of a configuration first.

    Raises:
        ValueError: A shorter length of a configuration is no prefix of its longest.
    """
    found = {}
    for configuration, setup in plans.configurations(case, grid).items():
        lengths = grid.lengths or (getattr(setup, _length_field(setup)),)
        arms = [setup.replace(**{_length_field(setup): length}) for length in lengths]
        found[configuration], *others = plans.runs({arm.num_steps: arm for arm in arms})
        if others:
            raise ValueError(
                f"{grid.name}: a cell's lengths are one run read several times. "
                f"Received: {configuration} with calls={setup.calls}"
            )
    return found


class GridFile:
    """The lines of one grid on disk.

    Args:
        folder: The folder; created at the first write.
        case: The `Case`.
        grid: The `Grid`, one of the case's.

    Attributes:
        setups: What `setups_by_length` returns.
        manifest: The content of `<grid>.json`.

    Raises:
        SuiteError: The files are damaged, or belong to another case or grid.
        ValueError: An axis has the name of a column of the table.
    """

    def __init__(self, folder: str | pathlib.Path, case: Case, grid: Grid) -> None:
        self.folder, self.case, self.grid = pathlib.Path(folder), case, grid
        both = set(grid.axes) & {*HEAD, *KEPT, *TAIL, *SUMMARY}
        if both:
            raise ValueError(f"An axis is called like a column. Received: {sorted(both)}")
        self.setups = setups_by_length(case, grid)
        self.path = self.folder / f"{grid.name}.csv"
        self._manifest_path = self.folder / f"{grid.name}.json"
        self._lines, self._keys = {}, {}
        data = files.read_bytes(self.path)
        self.manifest = self._read_manifest(data is not None)
        if data is not None:
            self._read_lines(data)
        if not grid_manifest.fits(self.manifest, data):
            raise self._damaged(self.path, f"it is not what {self._manifest_path.name} says")

    @property
    def command(self) -> str:
        """The command that trains missing and stale configurations."""
        return f"python -m reproductions record {self.case.name} --grids"

    @property
    def seconds(self) -> float:
        """Training time in seconds, summed over configurations (one core each)."""
        return float(sum(self.manifest["seconds"].values()))

    def missing(self) -> list[str]:
        """Returns the configurations without a current line at one of their lengths."""
        return [
            configuration
            for configuration, arms in self.setups.items()
            if not all(self._is_current(configuration, steps) for steps in arms)
        ]

    def stale(self) -> list[tuple[str, int]]:
        """Returns `(configuration, steps)` of lines that another version of the case made."""
        return [place for place in self._lines if not self._is_current(*place)]

    def check_environment(self, environment: Mapping[str, str]) -> None:
        """Checks that lines of these versions may be added to the stored ones.

        Raises:
            SuiteError: The file holds lines of other Keras or TensorFlow versions.
        """
        for found in self.manifest["environments"]:
            for package in ("keras", "tensorflow"):
                if found[package] != environment[package]:
                    raise SuiteError(
                        f"{self.path} holds lines of {package} {found[package]}; remove it "
                        f"and {self._manifest_path.name}, then: {self.command}. "
                        f"Received: {package} {environment[package]}"
                    )

    def add(
        self,
        configuration: str,
        rows_by_length: Mapping[int, pd.DataFrame],
        environment: dict[str, str],
        seconds: float,
    ) -> None:
        """Adds a trained configuration; `write` writes it to disk.

        Args:
            configuration: Its name.
            rows_by_length: `{num_steps: rows}` for each of its lengths, tables as
                `blocks.train_block` returns them, of seeds 0 to num_seeds - 1.
            environment: The environment of the training, see `keys.environment`.
            seconds: The training time.

        Raises:
            SuiteError: The file holds lines of other Keras or TensorFlow versions.
            ValueError: Lengths or seeds are not those of the grid.
        """
        self.check_environment(environment)
        seeds = list(range(self.grid.num_seeds))
        given = [rows["seed"].tolist() for rows in rows_by_length.values()]
        if set(rows_by_length) != set(self.setups[configuration]) or any(s != seeds for s in given):
            raise ValueError(
                f"Expected all lengths and seeds of {configuration}. Received: {given}"
            )
        environments = self.manifest["environments"]
        if environment not in environments:
            environments.append(environment)
        index = environments.index(environment)
        for steps, rows in rows_by_length.items():
            kept = rows[[name for name in KEPT if name in rows]].astype(float)
            self._lines[configuration, steps] = self._line(configuration, steps, kept, index)
        self.manifest["seconds"][configuration] = round(float(seconds), 2)

    def write(self) -> None:
        """Replaces both files; lines that are no longer part of the grid are dropped."""
        self._lines = {p: self._lines[p] for p in self._places() if p in self._lines}
        seconds = self.manifest["seconds"]
        self.manifest["seconds"] = {c: seconds[c] for c in self.setups if c in seconds}
        self.folder.mkdir(parents=True, exist_ok=True)
        text, before = self._text(), files.read_bytes(self.path)
        # Lines refer to the manifest, so it is written first.
        old, new = None if before is None else files.digest(before), files.digest(text)
        write_whole(self._manifest_path, grid_manifest.text(self.manifest, [old, new]))
        write_whole(self.path, text)
        write_whole(self._manifest_path, grid_manifest.text(self.manifest, [new]))

    def _text(self):
        names = set().union(*self._lines.values())
        header = [*self.grid.axes, *HEAD, *(k for k in KEPT if k in names), *TAIL]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        for line in self._lines.values():
            writer.writerow([line.get(name, "") for name in header])
        return text.getvalue()

    def _places(self):
        return [
            (configuration, steps) for configuration, arms in self.setups.items() for steps in arms
        ]

    def _key(self, configuration, steps):
        """Returns the expected key of a line, or `None` if it is not part of the grid."""
        setup = self.setups.get(configuration, {}).get(steps)
        if setup is not None and (configuration, steps) not in self._keys:
            self._keys[configuration, steps] = keys.row_key(self.case, setup)
        return self._keys.get((configuration, steps))

    def _is_current(self, configuration, steps):
        line = self._lines.get((configuration, steps))
        wanted = (self._key(configuration, steps), str(self.grid.num_seeds))
        return line is not None and (line["key"], line["num_seeds"]) == wanted

    def _line(self, configuration, steps, columns, index):
        setup = self.setups[configuration][steps]
        line = dict(zip(self.grid.axes, configuration.split("/"), strict=True))
        line["length"] = str(getattr(setup, _length_field(setup)))
        line |= {"steps": str(steps), "num_seeds": str(self.grid.num_seeds)}
        for name, values in columns.items():
            line[name] = _configuration_text(name, values)
        line |= {"environment": str(index), "key": self._key(configuration, steps)}
        return line | {"check": checksum(line)}

    def _read_manifest(self, has_lines) -> dict[str, Any]:
        owner = {"case": self.case.name, "study": self.grid.name}
        data = files.read_bytes(self._manifest_path)
        if data is None:
            if has_lines:
                raise self._damaged(self.path, f"{self._manifest_path.name} is missing")
            return owner | {"command": self.command, "environments": [], "seconds": {}}
        try:
            manifest = grid_manifest.read(data)
        except ValueError as error:
            raise self._damaged(self._manifest_path, error) from None
        if not owner.items() <= manifest.items():
            raise self._damaged(self._manifest_path, f"expected {owner}")
        return manifest

    def _read_lines(self, data):
        try:
            header, *lines = csv.reader(io.StringIO(data.decode(), newline=""))
        except (ValueError, csv.Error) as error:
            raise self._damaged(f"{self.path}, line 1", error) from None
        head, rest = [*self.grid.axes, *HEAD], header[len(self.grid.axes) + len(HEAD) :]
        if header != [*head, *(name for name in KEPT if name in rest), *TAIL]:
            raise self._damaged(f"{self.path}, line 1", f"the header is not ours: {shown(header)}")
        for number, values in enumerate(lines, start=2):
            self._read_line(header, values, f"{self.path}, line {number}")

    def _read_line(self, header, values, where):
        line = dict(zip(header, values, strict=False))
        line = {name: value for name, value in line.items() if value != ""}
        if len(values) != len(header) or line.get("check") != checksum(line):
            raise self._damaged(where, "its checksum does not fit")
        place = "/".join(line[name] for name in self.grid.axes), int(line["steps"])
        if place in self._lines:
            raise self._damaged(where, "the cell is there twice")
        self._lines[place] = line

    def _damaged(self, where, why):
        return SuiteError(
            f"{where} is damaged or another study's; restore it (git checkout), or remove "
            f"{self.path.name} and {self._manifest_path.name}, then: {self.command}. "
            f"Received: {why}"
        )


def _length_field(setup):
    return "steps" if setup.is_stream else "epochs"


def _configuration_text(name, values):
    if name not in MEDIANS:
        return pack(values, PACKED.get(name, 1), flags=name in FLAGS)
    found = intervals.median(values)
    return " ".join(_short(value) for value in (found.estimate, found.low, found.high))


def pack(values: Iterable[float], digits: int = 4, flags: bool = False) -> str:
    """Packs the values of all seeds into one text.

    Args:
        values: Numbers, one per seed.
        digits: Significant digits.
        flags: Whether they are booleans, which may be written without blanks.

    Example:
    >>> pack([0.95, 0.95, 12345, float("inf")])
    '.95*2 1.234e4 inf'
    >>> pack([1, 0, 1], flags=True)
    '101'
    """
    texts = [_short(value, digits) for value in values]
    runs = [(text, len(list(group))) for text, group in itertools.groupby(texts)]
    packed = " ".join(text if count == 1 else f"{text}*{count}" for text, count in runs)
    return min(packed, "".join(texts), key=len) if flags else packed


def unpack(text: str, flags: bool = False) -> np.ndarray:
    """Returns the values that `pack` wrote as an array of floats."""
    if flags and not set(text) & set("* "):
        return np.array([float(value) for value in text])
    pairs = [part.partition("*")[::2] for part in text.split()]
    return np.repeat([float(v) for v, _ in pairs], [int(count or 1) for _, count in pairs])


def _short(value, num_digits=4):
    """Formats a number with these significant digits, without redundant zeros."""
    digits, exponent, power = format(float(value), f".{num_digits}g").partition("e")
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    if digits.startswith("0."):
        digits = digits[1:]
    return sign + digits + exponent + (str(int(power)) if power else "")
