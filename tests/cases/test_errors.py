"""Errors: one line that any screen can bear, whatever it is made of."""

import pickle
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from experiments.cases import errors
from experiments.cases.errors import CaseError, SuiteError

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@given(ANY_TEXT)
def test_a_line_can_be_printed_anywhere(text):
    line = errors.one_line(text)
    assert line.isprintable()
    line.encode("utf-8")
    assert errors.one_line(line) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines,\t and  blanks ", "two lines, and blanks"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("half \ud800", "half \\ud800"),
        ("a\u202eb", "a\\u202eb"),
        ("plain é 日本", "plain é 日本"),
    ],
)
def test_what_cannot_be_printed_is_spelt_out(text, line):
    assert errors.one_line(text) == line


def test_a_long_line_loses_its_middle():
    line = errors.one_line("a" * 50_000 + "b" * 50_000)
    assert len(line) <= errors.LONGEST_LINE
    assert re.fullmatch(r"a+ \.\.\. b+", line)


def test_a_value_that_cannot_say_what_it_is_is_shown_by_its_kind():
    class Mute:
        def __repr__(self):
            raise RuntimeError

    assert errors.shown(Mute()) == "Mute (RuntimeError)"
    assert errors.shown(10**5000) == "int (ValueError)"
    assert errors.shown("\x1b") == "'\\x1b'"


def test_the_nearest_name_of_a_very_long_one_is_found_at_once():
    assert errors.nearest("x" * 10**7, ["broken", "fixed"]) == ""
    assert errors.nearest("brokn", ["broken"]) == " Did you mean 'broken'?"


def test_errors_travel_between_processes():
    for kind in (SuiteError, CaseError):
        found = pickle.loads(pickle.dumps(kind("words")))
        assert (type(found), str(found)) == (kind, "words")
