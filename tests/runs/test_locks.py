"""Locks: one writer a folder; the second waits and says so."""

import pathlib
import subprocess
import sys
import threading

import pytest

from experiments.cases.errors import SuiteError
from experiments.runs import locks

ROOT = pathlib.Path(__file__).parents[2]
HOLD = """
import pathlib, sys
from experiments.runs import locks
with locks.locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_free_folder_is_held_without_a_word(tmp_path):
    said = []
    with locks.locked(tmp_path, said.append):
        pass
    assert said == []


@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_second_process_waits_with_a_word_until_the_first_ends(tmp_path, end):
    first, said = holder(tmp_path), []

    def hear(words):
        said.append(words)
        # However the first one ends, its lock ends with it.
        ending = first.stdin.close if end == "close" else first.kill
        threading.Timer(0.2, ending).start()

    with locks.locked(tmp_path, hear):
        pass
    first.wait()
    assert len(said) == 1
    assert str(tmp_path) in said[0] and "waiting" in said[0]


def test_a_folder_that_cannot_be_locked_is_one_clear_line(tmp_path):
    (tmp_path / locks.NAME).mkdir()
    with pytest.raises(SuiteError, match="Cannot lock .*--out"), locks.locked(tmp_path):
        pass
