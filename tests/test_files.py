"""Files: whole or not at all, within bounds, and named when they are damaged."""

import os

import pytest

from experiments import files
from experiments.errors import SuiteError


def test_a_file_and_its_folder_reach_the_disk(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(os.fstat(handle)) or real(handle))
    files.write_whole(tmp_path / "a.csv", "text")
    inodes = [found.st_ino for found in synced]
    assert inodes == [os.stat(tmp_path / "a.csv").st_ino, os.stat(tmp_path).st_ino]


def test_a_file_that_holds_the_content_already_is_left_alone(tmp_path):
    place, link = tmp_path / "a.csv", tmp_path / "b.csv"
    files.write_whole(place, "text")
    before = place.stat()
    files.write_whole(place, "text")
    assert place.stat() == before
    link.symlink_to(place)
    files.write_whole(link, "text")
    assert not link.is_symlink()


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    (tmp_path / ".a.csv.123.tmp").write_text("half")
    for kept in (".gitignore", "a.tmp", "a.csv"):
        (tmp_path / kept).write_text("mine")
    assert files.is_temporary(".a.csv.123.tmp")
    files.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", "a.csv", "a.tmp"]


def test_a_file_that_is_not_there_is_nothing(tmp_path):
    assert files.read_bytes(tmp_path / "a") is None
    (tmp_path / "b").write_text("")
    assert files.read_bytes(tmp_path / "b" / "below") is None


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert files.read_bytes(tmp_path / "a", most=5) == b"12345"
    with pytest.raises(SuiteError, match="more than 4 bytes"):
        files.read_bytes(tmp_path / "a", most=4)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(SuiteError, match="not a file"):
        files.read_bytes(tmp_path / "a")


def test_bytes_that_are_no_text_are_damage(tmp_path):
    with pytest.raises(SuiteError, match=r"runs\.csv is damaged.*utf-8"):
        files.as_words(tmp_path / "runs.csv", b"\xff")


def test_a_digest_changes_with_every_bit():
    data = b"arm,seed\n"
    others = {
        files.digest(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        for place in range(len(data))
        for bit in range(8)
    }
    assert len(others | {files.digest(data)}) == 8 * len(data) + 1
    assert files.digest("é") == files.digest("é".encode())
