"""Damage: a file that is not what was written is named, kept, and never believed."""

import json
import random

import pytest

from experiments import durability_changes, durability_damage, study_manifest
from experiments.case import SuiteError
from experiments.durability_damage import ESCAPED, REFUSED, SAME, SILENT, Shelf


def unharmed(found):
    return found[~found["came_of"].isin([SAME, REFUSED])][["file", "change", "came_of", "says"]]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("shelf") / "small", quick=True)


def test_a_small_folder_cut_and_changed_is_read_right_or_refused():
    found = durability_damage.measure(300, 1, most_cuts=60, quick=True)
    assert not len(unharmed(found)), unharmed(found).to_string()
    assert set(found["came_of"]) == {SAME, REFUSED}
    kinds = {"runs.csv", "manifest.json", "summary.csv", ".units", ".traces", ".progress"}
    assert {name.split("/")[0] for name in found["file"]} == kinds
    assert found["change"].nunique() > len(durability_changes.CHANGES)


@pytest.mark.parametrize("name", ["runs.csv", "manifest.json"])
def test_a_file_cut_at_any_byte_is_refused(shelf, name):
    (path,) = [path for path in shelf.paths if path.name == name]
    whole = shelf.contents[path]
    # The last byte of the manifest is a line's end, which says nothing.
    for length in range(0, len(whole) - 1, 1 + len(whole) // 1500):
        _, _, came_of, says = shelf.tried("cut", {path: whole[:length]})
        assert came_of == REFUSED, f"{length}: {says}"
        assert name in says


def test_every_bit_of_a_row_counts(shelf):
    (path,) = [path for path in shelf.paths if path.name == "runs.csv"]
    whole, rng = shelf.contents[path], random.Random(3)
    for place in rng.sample(range(len(whole)), 300):
        damaged = whole[:place] + bytes([whole[place] ^ 1 << rng.randrange(8)]) + whole[place + 1 :]
        assert shelf.tried("a bit", {path: damaged})[2] == REFUSED


def test_files_exchanged_are_refused(shelf):
    for one in shelf.others():
        for other in shelf.others():
            if one != other:
                damaged = {one: shelf.contents[other], other: shelf.contents[one]}
                assert shelf.tried("exchanged", damaged)[2] == REFUSED, (one, other)


def test_the_undamaged_file_is_the_same_and_stays(shelf):
    for path in shelf.paths:
        assert shelf.tried("nothing", {path: shelf.contents[path]}, everything=True)[2] == SAME
        assert path.read_bytes() == shelf.contents[path]


# That the judge can say no.


def test_a_reader_that_believes_a_wrong_number_is_found_out(shelf, monkeypatch):
    monkeypatch.setattr("experiments.manifests.fits", lambda *_: True)
    (path,) = [path for path in shelf.paths if path.name == "summary.csv"]
    changed = shelf.contents[path].replace(b"0", b"1", 1)
    assert shelf.tried("a number", {path: changed})[2] == SILENT


def test_a_reader_that_raises_is_found_out(shelf, monkeypatch):
    def read(*_):
        raise RecursionError("deep")

    monkeypatch.setattr("experiments.manifests.read", read)
    path = shelf.paths[0]
    assert shelf.tried("x", {path: b"x"})[2:] == (ESCAPED, "RecursionError: deep")


def test_a_message_that_names_no_file_is_found_out(shelf, monkeypatch):
    def read(*_):
        raise SuiteError("something is damaged; restore it")

    monkeypatch.setattr("experiments.manifests.read", read)
    assert shelf.tried("x", {shelf.paths[0]: b"x"})[2] == ESCAPED


@pytest.mark.parametrize("name", durability_changes.CHANGES)
def test_a_change_changes_bytes_and_takes_any(name):
    change, rng = durability_changes.CHANGES[name], random.Random(0)
    data = b"arm,seed\nbroken,0\nbroken,12.5\n"
    assert sum(change(rng, data) != data for _ in range(20)) >= 10
    for odd in (b"", b"\xff\x00", b"\n"):
        assert isinstance(change(rng, odd), bytes)


# The manifest of a study.

FACTS = {"case": "toy", "study": "grid", "command": "c", "environments": [], "seconds": {"a": 1.5}}


def test_a_studys_manifest_comes_back():
    found = study_manifest.read(study_manifest.text(FACTS, ["d"]).encode())
    assert FACTS.items() <= found.items()
    assert study_manifest.fits(found, None) is False


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
    text = study_manifest.text(FACTS, ["d"])
    assert old in text
    with pytest.raises(ValueError):
        study_manifest.read(text.replace(old, new, 1).encode())


def test_a_studys_manifest_from_before_there_were_digests_is_read():
    first = {"format": 1} | FACTS
    assert study_manifest.read(json.dumps(first).encode()) == first
    assert study_manifest.fits(first, b"anything")
    with pytest.raises(ValueError, match="check"):
        study_manifest.read(json.dumps(first | {"more": 1}).encode())


@pytest.mark.slow
def test_a_whole_folder_cut_and_changed_is_read_right_or_refused():
    found = durability_damage.measure(3000, 2, most_cuts=100)
    assert not len(unharmed(found)), unharmed(found).to_string()
    for table in ("claims.csv", "curves.csv", "seeds.csv", "studies/grid.csv", "studies/grid.json"):
        assert table in set(found["file"])
