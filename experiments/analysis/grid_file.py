"""Study files: crossings of hundreds of cells in one compact file of plain text.

Disk only; trains nothing. `<study>.csv` has a line for each cell and length. A
packed column holds the values of seeds 0, 1, 2, ... in order, joined by blanks, with
`value*count` where neighbours are equal; truths may be a bare string of 0 and 1. The
other metrics are kept as `median low high` over seeds.
`<study>.json` says what made the lines, in what time, and, by digests, what they must hold.
"""

import csv
import io
import itertools
import pathlib

import numpy as np

from experiments.analysis import grid_manifest
from experiments.cases import plans
from experiments.cases.case import SuiteError
from experiments.cases.errors import shown
from experiments.runs import files, keys
from experiments.runs.store import checksum, write_whole
from experiments.stats import intervals

HEAD = ("length", "steps", "num_seeds")
TAIL = ("check", "environment", "key")
FLAGS = ("solved", "diverged", "flat", "one_class", "still_learning")
# What `StudyTable.summary` adds to the axes.
SUMMARY = ("solved_low", "solved_high", "verdict", "metric", "median", "low", "high")
# With the significant digits that are kept of each.
PACKED = {"mse": 4, "accuracy": 4, "loss": 3, "first_solved": 7}
MEDIANS = ("logged_accuracy", "keras1_accuracy", "gradient_norm", "gradient_first")
MEDIANS += ("gradient_rises", "dead_1", "saturated_1")
KEPT = (*FLAGS, *PACKED, *MEDIANS)


def setups_by_length(case, grid):
    """Returns each cell's setups, one for each length at which it is read.

    Args:
        case: The `Case`.
        grid: The `Grid`.

    Returns:
        `{cell: {num_steps: setup}}`, the longest of a cell first.

    Raises:
        ValueError: A cell's shorter lengths are no prefix of its longest.
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
    """The lines of one study on disk.

    Args:
        folder: Where; made on the first write.
        case: The `Case`.
        grid: The `Grid`, one of the case's.

    Attributes:
        setups: What `readings` returns: the cells that are asked for.
        manifest: What stands in `<study>.json`.

    Raises:
        SuiteError: The files are damaged, or another case's or study's.
        ValueError: An axis is called like a column of the table.
    """

    def __init__(self, folder, case, grid):
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
    def command(self):
        """The command that trains what is missing or stale."""
        return f"python -m reproductions record {self.case.name} --grids"

    @property
    def seconds(self):
        """Seconds that training took, summed over cells: of one core, where each had one."""
        return float(sum(self.manifest["seconds"].values()))

    def missing(self):
        """Returns the cells that lack a current line at any of their lengths."""
        return [
            configuration
            for configuration, arms in self.setups.items()
            if not all(self._is_current(configuration, steps) for steps in arms)
        ]

    def stale(self):
        """Returns the `(cell, steps)` whose lines another version of the case made."""
        return [place for place in self._lines if not self._is_current(*place)]

    def check_environment(self, environment):
        """Makes sure that lines of these versions may join those that are there.

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

    def add(self, configuration, rows_by_length, environment, seconds):
        """Takes in a trained cell; `write` puts it on disk.

        Args:
            configuration: Cell name.
            rows_by_length: `{num_steps: rows}` for each of the cell's lengths, tables as
                `blocks.train_block` returns them, of seeds 0 to num_seeds - 1.
            environment: What they were trained on, see `keys.environment`.
            seconds: How long that took.

        Raises:
            SuiteError: The file holds lines of other Keras or TensorFlow versions.
            ValueError: Lengths or seeds are not those of the study.
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

    def write(self):
        """Replaces the files whole; lines that the study no longer asks for go."""
        self._lines = {p: self._lines[p] for p in self._places() if p in self._lines}
        seconds = self.manifest["seconds"]
        self.manifest["seconds"] = {c: seconds[c] for c in self.setups if c in seconds}
        self.folder.mkdir(parents=True, exist_ok=True)
        text, before = self._text(), files.read_bytes(self.path)
        # A line points into the manifest, which is therefore there first.
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
        """The key that a line should have, or `None` if the study asks for none such."""
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

    def _read_manifest(self, has_lines):
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


def pack(values, digits=4, flags=False):
    """Returns the values of all seeds as one text.

    Args:
        values: Numbers, one a seed.
        digits: Significant digits.
        flags: Whether they are truths, which may stand without blanks.

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


def unpack(text, flags=False):
    """Returns the values that `pack` wrote as an array of floats."""
    if flags and not set(text) & set("* "):
        return np.array([float(value) for value in text])
    pairs = [part.partition("*")[::2] for part in text.split()]
    return np.repeat([float(v) for v, _ in pairs], [int(count or 1) for _, count in pairs])


def _short(value, num_digits=4):
    """So many significant digits, without the zeros that say nothing."""
    digits, exponent, power = format(float(value), f".{num_digits}g").partition("e")
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    if digits.startswith("0."):
        digits = digits[1:]
    return sign + digits + exponent + (str(int(power)) if power else "")
