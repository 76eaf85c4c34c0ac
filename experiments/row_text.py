"""Rows as lines of text: what stands in `runs.csv` and in the files of finished units.

Room 2: text in, text out; a line is kept as it was read, and is split when it is asked for.
"""

import typing
import zlib

from experiments import files

HEAD = ("arm", "seed", "steps", "diverged", "solved")
TAIL = ("check", "environment", "key")


class Line(typing.NamedTuple):
    """One row: the names of its columns, and its text.

    Attributes:
        columns: Tuple of names, `HEAD` first and `TAIL` last; shared by the lines of a file.
        text: The cells joined by commas; blank where a metric does not apply.
    """

    columns: tuple
    text: str

    @property
    def row(self):
        """The cells that are not blank, as a dict of strings."""
        pairs = zip(self.columns, self.text.split(","), strict=True)
        return {name: value for name, value in pairs if value != ""}

    @property
    def key(self):
        """The key of what made the row: the last cell."""
        return self.text.rpartition(",")[2]


def line(row, metrics):
    """Returns the `Line` of a row, its checksum put in.

    Args:
        row: Dict of values, as `Store.add` takes them.
        metrics: The names of its metrics, in the order of columns.

    Raises:
        ValueError: A cell would not stand in a line of its own.
    """
    row = {name: files.as_text(value) for name, value in row.items()}
    row["check"] = files.checksum(row)
    columns = (*HEAD, *metrics, *TAIL)
    cells = [row.get(name, "") for name in columns]
    if any(mark in cell for cell in cells for mark in ',"\n\r'):
        raise ValueError(f"Cells hold no comma, quote or line break. Received: {cells}")
    return Line(columns, ",".join(cells))


def place(row):
    """Returns where a row belongs: `(arm, steps, seed)`."""
    return row["arm"], int(row["steps"]), int(row["seed"])


def read(path, text):
    """Returns `{(arm, steps, seed): Line}` of a file's text.

    Raises:
        SuiteError: A line is damaged, cut off or there twice; the error names it.
    """
    header, *lines = text.split("\n")
    columns = tuple(header.split(","))
    ours = columns[: len(HEAD)] == HEAD and columns[-len(TAIL) :] == TAIL
    if not ours or len(set(columns)) < len(columns):
        raise files.damaged(path, "the header is not ours", 1)
    if not lines or lines.pop() != "":
        raise files.damaged(path, "it is cut off", len(lines) + 2)
    found, sums = {}, _Checksums(columns)
    for number, written in enumerate(lines, start=2):
        cells = written.split(",")
        if len(cells) != len(columns) or not sums.fits(cells):
            raise files.damaged(path, "its checksum does not fit", number)
        where = cells[0], int(cells[2]), int(cells[1])
        if where in found:
            raise files.damaged(path, "the row is there twice", number)
        found[where] = Line(columns, written)
    return found


class _Checksums:
    """What `files.checksum` says of many rows with the same columns, in a tenth of the time."""

    def __init__(self, columns):
        ranked = sorted(range(len(columns)), key=columns.__getitem__)
        self._check = columns.index("check")
        self._pairs = [(f"{columns[n]}=", n) for n in ranked if n != self._check]

    def fits(self, cells):
        words = [name + cells[n] for name, n in self._pairs if cells[n]]
        return cells[self._check] == format(zlib.crc32("\n".join(words).encode()), "08x")


def names(lines):
    """Returns the columns that any of the lines has a value in."""
    found, whole = set(), set()
    for columns, cells in lines:
        # A line without a blank has them all; most lines need no second look.
        if ",," in cells:
            found.update(n for n, v in zip(columns, cells.split(","), strict=True) if v)
        else:
            whole.add(columns)
    return found.union(*whole)


def text(lines, metrics):
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
