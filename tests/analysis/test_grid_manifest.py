"""The manifest of a study comes back, and a changed fact of it is noticed."""

import json

import pytest

from experiments.analysis import grid_manifest

FACTS = {"case": "toy", "study": "grid", "command": "c", "environments": [], "seconds": {"a": 1.5}}


def test_a_studys_manifest_comes_back():
    found = grid_manifest.read(grid_manifest.text(FACTS, ["d"]).encode())
    assert FACTS.items() <= found.items()
    assert grid_manifest.fits(found, None) is False


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.5", "1.6"),
        ('"format": 2', '"format": 1'),
        ('"check"', '"chuck"'),
        ('"digests"', '"digest"'),
        ("1.5", "NaN"),
        ("toy", "\\ud800"),
    ],
)
def test_a_changed_fact_of_a_studys_manifest_is_noticed(old, new):
    text = grid_manifest.text(FACTS, ["d"])
    assert old in text
    with pytest.raises(ValueError):
        grid_manifest.read(text.replace(old, new, 1).encode())


def test_a_studys_manifest_from_before_there_were_digests_is_read():
    first = {"format": 1} | FACTS
    assert grid_manifest.read(json.dumps(first).encode()) == first
    assert grid_manifest.fits(first, b"anything")
    with pytest.raises(ValueError, match="check"):
        grid_manifest.read(json.dumps(first | {"more": 1}).encode())
