"""Places: where a command may write is checked before anything is done."""

import contextlib
import os
import pathlib

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from experiments.cases.errors import SuiteError
from experiments.cli import paths
from experiments.runs import files

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@given(ANY_TEXT)
@settings(max_examples=200)
def test_any_text_is_a_place_or_refused(text):
    for kind in (paths.folder, paths.file):
        with contextlib.suppress(SuiteError):
            assert isinstance(kind(text), pathlib.Path)


@pytest.mark.parametrize("text", ["", " ", "a\x00b", "a\nb", "\x1b[31m", "\udcff", "x" * 300])
def test_what_is_no_name_is_no_place(text):
    for kind in (paths.folder, paths.file):
        with pytest.raises(SuiteError, match="--out must be"):
            kind(text)


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    refused = [
        (paths.folder, "file", "must name a folder"),
        (paths.folder, "pipe", "must name a folder"),
        (paths.folder, "loop", "leads nowhere"),
        (paths.file, "loop", "leads nowhere"),
        (paths.file, "pipe", "must name a file"),
        (paths.file, ".", "must name a file"),
        (paths.file, "file/below", "in a folder"),
    ]
    for kind, name, words in refused:
        with pytest.raises(SuiteError, match=words):
            kind(str(tmp_path / name))
    assert paths.file(str(tmp_path / "new")) == tmp_path / "new"
    assert paths.folder(str(tmp_path / "new/er")) == tmp_path / "new/er"


def test_what_the_disk_refuses_is_one_line(tmp_path):
    refused = pytest.raises(SuiteError, match="Cannot write to out.*No such file")
    with refused, files.writing("out"):
        (tmp_path / "not" / "there").write_text("")
