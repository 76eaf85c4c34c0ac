"""Files: whole or not at all, within bounds, and named when they are damaged."""

import ast
import os
import pathlib

import pytest

from experiments.cases.errors import SuiteError
from experiments.runs import files

ROOT = pathlib.Path(__file__).parents[2]


def test_a_file_and_its_folder_reach_the_disk(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(os.fstat(handle)) or real(handle))
    files.write_whole(tmp_path / "a.csv", "text")
    inodes = [found.st_ino for found in synced]
    assert inodes == [(tmp_path / "a.csv").stat().st_ino, tmp_path.stat().st_ino]


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
        files.decoded(tmp_path / "runs.csv", b"\xff")


def test_a_digest_changes_with_every_bit():
    data = b"arm,seed\n"
    others = {
        files.digest(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        for place in range(len(data))
        for bit in range(8)
    }
    assert len(others | {files.digest(data)}) == 8 * len(data) + 1
    assert files.digest("é") == files.digest("é".encode())


# What is read is data.

# Programs of a case are code: one is folded to a plain script, the other run to be checked.
RUN_CODE = {"folding": {"eval"}, "script_check": {"eval", "exec"}}
# Between the processes of one program, which is transport: no stored result is a pickle.
PASS_ON = {name: {"pickle"} for name in ("executor", "cluster_worker")}
NEVER = ("marshal", "shelve", "dill", "joblib", "yaml", "cloudpickle")


def library():
    """Yields `(name, syntax tree)` of every module."""
    paths = [*(ROOT / "experiments").rglob("*.py"), *(ROOT / "reproductions").rglob("*.py")]
    for path in sorted(paths):
        yield path.stem, ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "module"), [*library()])
def test_nothing_that_is_read_is_ever_run(name, module):
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    named = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    assert named & {"eval", "exec", "__import__"} <= RUN_CODE.get(name, set())
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module).partition(".")[0]
        for node in ast.walk(module)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert imported & {"pickle", *NEVER} <= PASS_ON.get(name, set())
    for call in calls:
        assert ast.unparse(call.func) not in ("pd.read_pickle", "pandas.read_pickle")
        for word in call.keywords:
            if word.arg == "allow_pickle":
                assert ast.unparse(word.value) == "False"
            assert word.arg != "shell", name
        if ast.unparse(call.func).endswith("np.load"):
            assert any(word.arg == "allow_pickle" for word in call.keywords)
