"""Manifests: what was written is read, and nothing else is."""

import json

import pytest

from experiments.runs import files, manifests


def made():
    manifest = manifests.new("toy", "engine") | {"seeds": {"broken at 8 steps": 3}}
    manifest["environments"].append({"keras": "3.0"})
    manifest["files"]["runs.csv"] = [files.digest("old"), files.digest("new")]
    return manifest


def test_what_is_read_is_what_was_written():
    found = manifests.read(manifests.text(made()).encode())
    assert {name: value for name, value in found.items() if name != "check"} == made()
    assert manifests.text(found) == manifests.text(made())


def test_every_cut_and_every_changed_byte_is_noticed():
    whole = manifests.text(made()).encode()
    for place in range(len(whole) - 1):
        with pytest.raises(ValueError):
            manifests.read(whole[:place])
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        try:
            found = manifests.read(changed)
        except ValueError:
            continue
        # A blank more or less changes nothing that is said, and another format is refused.
        assert found["format"] not in manifests.FORMATS or _said(found) == made()


def _said(found):
    return {name: value for name, value in found.items() if name != "check"}


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b'{"format": 1}', b"9" * 5000, b"\xff"]
)
def test_what_is_no_manifest_is_a_value_error(data):
    with pytest.raises(ValueError):
        manifests.read(data)


def test_a_manifest_of_the_first_format_is_read():
    old = {k: v for k, v in made().items() if k != "files"} | {"format": 1}
    assert manifests.read(json.dumps(old).encode())["files"] == {}


def test_a_manifest_of_a_later_format_says_whose_it_is():
    later = json.dumps(made() | {"format": 9, "stopping_rule": ["other"]}).encode()
    assert manifests.owner(manifests.read(later)) == (9, "toy", "engine")


def test_a_table_may_be_as_before_or_as_after_its_last_write():
    manifest = made()
    assert manifests.fits(manifest, "runs.csv", b"old")
    assert manifests.fits(manifest, "runs.csv", b"new")
    assert not manifests.fits(manifest, "runs.csv", b"other")
    assert not manifests.fits(manifest, "runs.csv", None)
    assert manifests.fits(manifest, "of_somebody_else.csv", b"other")


def test_a_table_that_was_not_there_before_may_be_missing_still():
    manifest = made()
    manifest["files"]["runs.csv"][0] = None
    assert manifests.fits(manifest, "runs.csv", None)
