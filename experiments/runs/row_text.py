"""Rows as lines of text, as in `runs.csv` and in the files of finished jobs.

Tables are converted to lines, and text to tables. A line that was read is kept unchanged.
"""

import io
import pathlib
import typing
import zlib
from collections.abc import Iterable, Sequence

import pandas as pd

from experiments.runs import files
from experiments.training.columns import HEAD, PLACE, TAIL, metrics_of, types

# Later versions read every number exactly, and warn of the option.
ROUNDS = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
EXACTLY: dict[str, typing.Any] = {"float_precision": "round_trip"} if ROUNDS else {}


# An arm, its updates and a seed.
Place = tuple[str, int, int]


class Line(typing.NamedTuple):
    """One row: the names of its columns, and its text.

    Attributes:
        columns: Tuple of names, in the order of `columns`; shared by the lines of a file.
        text: The cells joined by commas; blank where a metric does not apply.
    """

    columns: tuple[str, ...]
    text: str

    @property
    def row(self) -> dict[str, str]:
        """The cells that are not blank, as a dict of strings."""
        pairs = zip(self.columns, self.text.split(","), strict=True)
        return {name: value for name, value in pairs if value != ""}

    @property
    def key(self) -> str:
        """The row key: the last cell."""
        return self.text.rpartition(",")[2]


def lines(table: pd.DataFrame) -> dict[Place, Line]:
    """Returns `{(arm, steps, seed): Line}` of a table of rows, with checksums.

    Args:
        table: Rows with all columns but `check`, see `columns`.

    Raises:
        ValueError: A cell holds a comma, a quote or a line break.
    """
    table = table.assign(check="")
    found: dict[typing.Any, Line] = {}
    names = tuple(types(table))
    columns, sums = [_cells(table[name]) for name in names], _Checksums(names)
    places = zip(*(table[name].tolist() for name in PLACE), strict=True)
    for place, cells in zip(places, map(list, zip(*columns, strict=True)), strict=True):
        cells[sums.place] = sums.of(cells)
        if any(mark in cell for cell in cells for mark in ',"\n\r'):
            raise ValueError(f"Cells hold no comma, quote or line break. Received: {cells}")
        found[place] = Line(names, ",".join(cells))
    return found


def _cells(values: typing.Any) -> list[str]:
    """Returns a column's values as text; NaN, where a metric does not apply, is blank."""
    if values.dtype.kind not in "fb":
        return [str(value) for value in values]
    return ["" if value != value else files.as_text(value) for value in values]


def table(text: str) -> pd.DataFrame:
    """Returns the text of a file as a table of rows, without checksums, see `columns`."""
    kinds = types(text[: text.index("\n")].split(","))
    del kinds["check"]
    flags = [name for name, kind in kinds.items() if kind == "bool"]
    found = pd.read_csv(
        io.StringIO(text),
        usecols=list(kinds),
        dtype=kinds | dict.fromkeys(flags, "int8"),
        keep_default_na=False,
        na_values={name: ["", "nan"] for name in metrics_of(kinds)},
        **EXACTLY,
    )
    return found.astype(kinds)


def read(path: pathlib.Path, text: str) -> dict[Place, Line]:
    """Returns `{(arm, steps, seed): Line}` of a file's text.

    Raises:
        SuiteError: A line is damaged, cut off or duplicate; the error names it.
    """
    header, *lines = text.split("\n")
    columns = tuple(header.split(","))
    ours = columns[: len(HEAD)] == (*HEAD,) and columns[-len(TAIL) :] == (*TAIL,)
    if not ours or len(set(columns)) < len(columns):
        raise files.damaged(path, "the header is not ours", 1)
    if not lines or lines.pop() != "":
        raise files.damaged(path, "it is cut off", len(lines) + 2)
    found: dict[Place, Line] = {}
    sums = _Checksums(columns)
    for number, written in enumerate(lines, start=2):
        cells = written.split(",")
        if len(cells) != len(columns) or cells[sums.place] != sums.of(cells):
            raise files.damaged(path, "its checksum does not fit", number)
        where = cells[0], int(cells[2]), int(cells[1])
        if where in found:
            raise files.damaged(path, "the row is there twice", number)
        found[where] = Line(columns, written)
    return found


class _Checksums:
    """Computes `files.checksum` of many rows with the same columns, in a tenth of the time."""

    def __init__(self, columns: Sequence[str]) -> None:
        ranked = sorted(range(len(columns)), key=columns.__getitem__)
        self.place = columns.index("check")
        self._pairs = [(f"{columns[n]}=", n) for n in ranked if n != self.place]

    def of(self, cells: Sequence[str]) -> str:
        words = [name + cells[n] for name, n in self._pairs if cells[n]]
        return format(zlib.crc32("\n".join(words).encode()), "08x")


def names(lines: Iterable[Line]) -> set[str]:
    """Returns the columns in which any of the lines has a value."""
    found: set[str] = set()
    whole: set[tuple[str, ...]] = set()
    for columns, cells in lines:
        # A line without blank cells has all its columns; most lines are not split.
        if ",," in cells:
            found.update(n for n, v in zip(columns, cells.split(","), strict=True) if v)
        else:
            whole.add(columns)
    return found.union(*whole)


def text(lines: Iterable[Line], metrics: Iterable[str]) -> str:
    """Returns the text of a file.

    Args:
        lines: `Line`s in order.
        metrics: The names of the metrics, in the order of columns.
    """
    columns = (*HEAD, *metrics, *TAIL)
    parts = [",".join(columns)]
    for found in lines:
        if found.columns == columns:
            parts.append(found.text)
        else:
            row = found.row
            parts.append(",".join(row.get(name, "") for name in columns))
    return "\n".join([*parts, ""])
