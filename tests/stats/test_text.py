"""The text module: what it writes, and that no other module writes the same by hand."""

import ast
import functools
import math
import pathlib
import re

import numpy as np
import pandas as pd
import pytest

from experiments.stats import text

ROOT = pathlib.Path(__file__).parents[2]
NAN, INF = math.nan, math.inf
MADE = {"python": "3.11", "keras": "3.12", "tensorflow": "2.20", "numpy": "2.3"}
MADE |= {"system": "Linux x86_64", "processor": "a Xeon"}
VERSIONS = "python 3.11, keras 3.12, tensorflow 2.20, numpy 2.3"
SIGNED = {"signed": True}


@pytest.mark.parametrize("value", [None, NAN, np.float32(NAN), pd.NA, pd.NaT])
def test_a_cell_without_a_value_is_missing(value):
    assert text.missing(value)


@pytest.mark.parametrize("value", [0, 0.0, INF, -INF, np.float64(1), "", False])
def test_zero_infinity_and_no_text_are_values(value):
    assert not text.missing(value)


@pytest.mark.parametrize(
    ("value", "options", "words"),
    [
        (0, {}, "0"),
        (1, {}, "1"),
        (0.12345, {}, "0.123"),
        (0.12345, {"digits": 4}, "0.1235"),
        (123456.0, {}, "1.23e+05"),
        (0.5, SIGNED, "+0.5"),
        (-0.5, SIGNED, "-0.5"),
        (INF, {}, "inf"),
        (-INF, {}, "-inf"),
        (INF, {"infinite": "infinite"}, "infinite"),
        (-INF, {"infinite": "infinite"}, "infinite"),
        (2.0, {"infinite": "infinite"}, "2"),
        (NAN, {}, ""),
        (None, {}, ""),
        (pd.NA, {}, ""),
    ],
)
def test_a_number_has_significant_digits(value, options, words):
    assert text.number(value, **options) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0.00"), (1, "1.00"), (1234.567, "1234.57"), (INF, "inf"), (NAN, "nan")],
)
def test_a_fixed_number_has_digits_after_the_point(value, words):
    assert text.fixed(value) == words


@pytest.mark.parametrize(
    ("share", "options", "percent", "points"),
    [
        (0, {}, "0.0%", "0.0"),
        (1, {}, "100.0%", "100.0"),
        (0.1234, {}, "12.3%", "12.3"),
        (0.1234, {"digits": 0}, "12%", "12"),
        (0.1234, SIGNED, "+12.3%", "+12.3"),
        (-0.1234, SIGNED, "-12.3%", "-12.3"),
        (INF, {}, "inf%", "inf"),
        (NAN, {}, "", ""),
        (None, {}, "", ""),
    ],
)
def test_a_share_is_in_percent_or_in_points(share, options, percent, points):
    assert text.percent(share, **options) == percent
    assert text.points(share, **options) == points


@pytest.mark.parametrize(
    ("share", "words"), [(0, "0"), (1, "100"), (0.99951, "100"), (0.0123456, "1.23"), (None, "")]
)
def test_a_share_in_few_letters(share, words):
    assert text.hundredths(share) == words


@pytest.mark.parametrize(
    ("log", "words"),
    [(0, "1"), (1, "2.72"), (math.log(1234), "1.23e+03"), (INF, "inf"), (-INF, "0"), (NAN, "")],
)
def test_a_difference_of_logarithms_is_a_factor(log, words):
    assert text.factor(log) == words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0,), "0"),
        ((999,), "999"),
        ((1200.0,), "1,200"),
        ((1234567,), "1,234,567"),
        ((0, "node"), "0 nodes"),
        ((1, "node"), "1 node"),
        ((2000, "node"), "2,000 nodes"),
        ((0, "alarm", "no"), "no alarm"),
        ((1, "alarm", "no"), "1 alarm"),
    ],
)
def test_a_count_has_separators_and_a_noun(arguments, words):
    assert text.count(*arguments) == words


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (0, "0"),
        (1, "1"),
        (9999, "9999"),
        (10_000, "10,000"),
        (-20_000, "-20000"),
        (True, "True"),
        (0.01, "0.01"),
        (20_000.0, "20000.0"),
        (None, "None"),
        ("relu", "relu"),
    ],
)
def test_long_whole_settings_have_separators(setting, words):
    assert text.value(setting) == words


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((0, 0, 1), {}, "0.0% [0.0%, 100.0%]"),
        ((0.5, 0.25, 0.75), {"digits": 0}, "50% [25%, 75%]"),
        ((0.5, 0.25, 0.75), SIGNED, "+50.0% [+25.0%, +75.0%]"),
        ((INF, 1, INF, text.number), {}, "inf [1, inf]"),
        ((INF, 1, INF, text.number), {"infinite": "infinite"}, "infinite [1, infinite]"),
        ((0.5, 0.25, 0.75, text.hundredths, text.points), {"digits": 1}, "5e+01 [25.0, 75.0]"),
        ((1, NAN, 2, text.number), {}, "1 [, 2]"),
        ((NAN, NAN, NAN), {}, ""),
        ((None, None, None), {}, ""),
    ],
)
def test_an_interval_stands_in_brackets(arguments, options, words):
    assert text.interval(*arguments, **options) == words


def test_the_interval_of_a_row_is_that_of_its_columns():
    row = {"estimate": 0.5, "low": 0.25, "high": 0.75, "median": 2.0}
    assert text.row_interval(row) == "50.0% [25.0%, 75.0%]"
    assert text.row_interval(pd.Series(row), text.number, ("median", "low", "high")) == (
        "2 [0.25, 0.75]"
    )
    assert text.row_interval({"estimate": 0.0, "low": 0.0, "high": INF}, text.factor) == (
        "1 [1, inf]"
    )
    assert text.points_interval(row) == "+50.0 [+25.0, +75.0]"


def test_a_spread_stands_in_text():
    assert text.spread(2, 1, 3) == "2 (1 to 3)"
    assert text.spread(0.5, 0, 1, text.percent, digits=2) == "50.00% (0.00% to 100.00%)"


@pytest.mark.parametrize(
    ("share", "words", "at_least"),
    [
        (1.0, "above 99.9%", "at least 99.9%"),
        (0.99999, "above 99.9%", "at least 99.9%"),
        (0.97, "97.0%", "at least 97.0%"),
        (0.9719, "97.2%", "at least 97.1%"),
        (0.0, "0.0%", "at least 0.0%"),
    ],
)
def test_a_confidence_never_rounds_up_to_certainty(share, words, at_least):
    assert text.confidence(share) == words
    assert text.at_least(share) == at_least


@pytest.mark.parametrize("share", [None, NAN, pd.NA])
def test_a_confidence_that_is_missing_is_unknown(share):
    assert text.at_least(share) == "unknown"


@pytest.mark.parametrize("number", [None, NAN, pd.NA])
def test_an_open_verdict_that_no_number_would_end_says_so(number):
    assert text.more_seeds(number) == "no number of seeds would decide"
    assert text.verdict("undecided", number) == "undecided (no number of seeds would decide)"


def test_an_open_verdict_says_how_many_more_seeds():
    assert text.verdict("solves", None) == text.verdict("solves", 3) == "solves"
    assert text.verdict("undecided", 1200.0) == "undecided (about 1,200 more seeds)"
    words = "more seeds would decide"
    assert text.verdict("undecided", 1, words) == "undecided (about 1 more seeds would decide)"


@pytest.mark.parametrize(
    ("steps", "documented", "words"),
    [(100, 2000, " (cut; documented 2,000)"), (2000, 2000, ""), (0, 1, " (cut; documented 1)")],
)
def test_an_arm_that_was_cut_says_so(steps, documented, words):
    assert text.cut(steps, documented) == words


def test_words_are_listed_as_in_a_sentence():
    found = [text.listed(""), text.listed("a"), text.listed("ab"), text.listed("abc", "or")]
    assert found == ["", "a", "a and b", "a, b or c"]


def test_an_environment_is_told_as_far_as_it_is_known():
    assert text.environment(MADE) == f"{VERSIONS}; Linux x86_64, a Xeon"
    assert text.environment(MADE | {"device": "a GPU"}).endswith("a Xeon, a GPU")
    assert text.environment(MADE | {"cores": "2"}).endswith("; Linux x86_64, 2 cores of a Xeon")
    assert text.environment(MADE, ("keras",), ("system", "processor"), "; ") == (
        "keras 3.12; Linux x86_64; a Xeon"
    )
    assert text.environment({"system": "Linux"}) == text.machine({"system": "Linux"}) == "Linux"
    assert text.environment({}) == text.versions({}) == ""


# No other module writes these by hand.

INTERVAL = re.compile(r"\[\0[^\0]*\0, \0[^\0]*\0\]")
# A line on what was trained, not on what would decide.
MORE_SEEDS = {"cli/training_commands.py"}


@functools.cache
def formatted():
    """Returns `(module, line, template)` of each f-string; a number is its format within \\0."""
    found = []
    for path in sorted((ROOT / "experiments").rglob("*.py")):
        name = path.relative_to(ROOT / "experiments").as_posix()
        if name != "stats/text.py":
            found += [(name, *one) for one in templates(ast.parse(path.read_text("utf-8")))]
    return found


def templates(tree):
    specs = {node.format_spec for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node not in specs:
            yield node.lineno, "".join(map(part, node.values))


def part(node):
    if isinstance(node, ast.Constant):
        return node.value
    return f"\0{ast.unparse(node.format_spec) if node.format_spec else ''}\0"


def by_hand(is_wrong):
    return [f"{name}:{line}" for name, line, template in formatted() if is_wrong(name, template)]


def test_the_forms_are_found_where_they_are_written_by_hand():
    code = 'f"{share:.1%} [{low:.3g}, {high}]", f"{n} more seeds", f"{100 * x:+.1f} points"'
    found = [template for _, template in templates(ast.parse(code))]
    assert [bool(INTERVAL.search(one)) for one in found] == [True, False, False]
    assert ["%'\0" in one for one in found] == [True, False, False]


def test_no_other_module_formats_an_interval():
    assert by_hand(lambda _, template: INTERVAL.search(template)) == []


def test_no_other_module_formats_a_percentage():
    assert by_hand(lambda _, template: "%'\0" in template) == []


def test_no_other_module_says_how_many_more_seeds():
    assert by_hand(lambda name, template: "more seeds" in template and name not in MORE_SEEDS) == []
