"""Rows as text: read is what was written, and a damaged line is named by its number."""

import pytest

from experiments.cases.errors import SuiteError
from experiments.runs import files, row_text
from experiments.training import columns


def row(seed, **metrics):
    head = {"arm": "broken", "seed": seed, "steps": 8, "diverged": False, "solved": True}
    return head | metrics | {"environment": 0, "key": "0123456789ab"}


def lines(*rows):
    return [line for one in rows for line in row_text.lines(columns.typed([one])).values()]


def test_rows_read_are_rows_written():
    written = lines(row(1, mse=0.1, r2=1 / 3), row(2, mse=float("inf")))
    found = row_text.read("a", row_text.text(written, ["mse", "r2"]))
    assert [line.row for line in found.values()] == [line.row for line in written]
    assert list(found) == [("broken", 8, 1), ("broken", 8, 2)]


def test_a_checksum_is_that_of_the_files_module():
    (line,) = lines(row(1, mse=0.1))
    cells = line.row
    assert cells["check"] == files.checksum(cells)
    assert row_text.read("a", row_text.text([line], ["mse", "r2"]))


def test_the_key_is_the_last_cell():
    (line,) = lines(row(1, mse=0.1))
    assert line.key == line.row["key"] == "0123456789ab"


def test_a_column_without_values_is_no_column():
    written = lines(row(1, mse=0.1), row(2, mse=0.2))
    wide = row_text.read("a", row_text.text(written, ["mse", "r2"])).values()
    assert row_text.names(wide) - {*columns.HEAD, *columns.TAIL} == {"mse"}
    assert "r2" in row_text.names([*wide, *lines(row(3, mse=0.3, r2=0.5))])


@pytest.mark.parametrize("cell", ["a,b", 'a"b', "a\nb", "a\rb"])
def test_a_cell_that_would_break_its_line_is_refused(cell):
    with pytest.raises(ValueError, match="no comma, quote or line break"):
        lines(row(1) | {"arm": cell})


def test_every_cut_is_noticed():
    whole = row_text.text(lines(row(1, mse=0.1), row(2, mse=0.2)), ["mse"])
    header = whole.index("\n") + 1
    ends = {header, whole.index("\n", header) + 1, len(whole)}
    for length in range(len(whole)):
        if length in ends:
            # Whole lines fewer: only the digest of the file tells.
            assert row_text.read("a", whole[:length]) is not None
        else:
            with pytest.raises(SuiteError, match=r"a, line \d+ is damaged"):
                row_text.read("a", whole[:length])


def test_a_line_that_is_there_twice_is_named():
    text = row_text.text(lines(row(1), row(1)), [])
    with pytest.raises(SuiteError, match="a, line 3 is damaged.*twice"):
        row_text.read("a", text)


def test_a_header_that_names_a_column_twice_is_refused():
    text = row_text.text(lines(row(1, mse=0.1)), ["mse", "mse"])
    with pytest.raises(SuiteError, match="header is not ours"):
        row_text.read("a", text)
