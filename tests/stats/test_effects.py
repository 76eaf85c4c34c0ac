"""Effects by hand cases of the one rule, and exact confidences against closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.effects import (
    ERROR_FACTOR,
    RATE_MARGIN,
    confidence_above,
    confidence_below,
    effect,
    error_effect,
    rate_effect,
)
from experiments.stats.intervals import Interval

FACTOR = math.log(ERROR_FACTOR)
RATE = {
    "helps": (0.06, 0.5),
    "harms": (-0.5, -0.06),
    "does nothing": (-0.04, 0.04),
    "undecided": (0.04, 0.06),
}
# Differences of error: below 0 is better.
ERROR = {
    "helps": (-2.0, -0.3),
    "harms": (0.3, 2.0),
    "does nothing": (-0.2, 0.2),
    "undecided": (-0.3, 0.3),
}


def interval(low, high):
    """An interval with these bounds; nothing else of it is read."""
    return Interval((low + high) / 2, low, high, 200)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        *((*bounds, word) for word, bounds in RATE.items()),
        (RATE_MARGIN, 1.0, "undecided"),
        (-RATE_MARGIN, RATE_MARGIN, "does nothing"),
        (-1.0, -RATE_MARGIN, "undecided"),
        (-1.0, 1.0, "undecided"),
    ],
)
def test_rate_effect_reads_the_whole_interval(low, high, expected):
    assert rate_effect(interval(low, high)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        *((*bounds, word) for word, bounds in ERROR.items()),
        (-1.0, -FACTOR, "undecided"),
        (-FACTOR, FACTOR, "does nothing"),
        (FACTOR, 1.0, "undecided"),
    ],
)
def test_error_effect_counts_less_as_better(low, high, expected):
    assert error_effect(interval(low, high)) == expected


@pytest.mark.parametrize(
    ("rate", "error", "expected"),
    [
        ("helps", "helps", "helps"),
        ("helps", "does nothing", "helps"),
        ("helps", "undecided", "helps"),
        ("does nothing", "helps", "helps"),
        ("undecided", "helps", "helps"),
        ("harms", "harms", "harms"),
        ("harms", "does nothing", "harms"),
        ("undecided", "harms", "harms"),
        ("helps", "harms", "mixed"),
        ("harms", "helps", "mixed"),
        ("does nothing", "does nothing", "does nothing"),
        ("does nothing", "undecided", "undecided"),
        ("undecided", "does nothing", "undecided"),
        ("undecided", "undecided", "undecided"),
    ],
)
def test_effect_joins_rate_and_error(rate, error, expected):
    assert effect(interval(*RATE[rate]), interval(*ERROR[error])) == expected


# Confidences.


@pytest.mark.parametrize(("total", "bar"), [(1, 0.8), (16, 0.8), (200, 0.2)])
def test_where_all_or_none_solve_the_confidence_is_a_power(total, bar):
    assert confidence_above(total, total, bar) == pytest.approx(1 - bar**total)
    assert confidence_below(0, total, bar) == pytest.approx(1 - (1 - bar) ** total)


@pytest.mark.parametrize(("successes", "total", "bar"), [(3, 5, 0.8), (28, 32, 0.8), (4, 30, 0.2)])
def test_confidence_above_is_less_by_the_sum_of_the_tail(successes, total, bar):
    tail = sum(
        math.comb(total, count) * bar**count * (1 - bar) ** (total - count)
        for count in range(successes, total + 1)
    )
    assert confidence_above(successes, total, bar) == pytest.approx(1 - tail)


@given(
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.05, 0.95),
)
def test_confidence_below_mirrors_confidence_above(count, bar):
    successes, total = count
    mirrored = confidence_above(total - successes, total, 1 - bar)
    assert confidence_below(successes, total, bar) == pytest.approx(mirrored, abs=1e-12)


def test_confidence_above_rises_with_successes():
    found = [confidence_above(successes, 32, 0.8) for successes in range(33)]
    assert found == sorted(found)
    assert found[0] == 0.0


@pytest.mark.parametrize("function", [confidence_above, confidence_below])
@pytest.mark.parametrize("arguments", [(0, 0, 0.8), (5, 4, 0.8), (-1, 4, 0.8), (1, 4, 80)])
def test_confidences_refuse_impossible_counts_and_bars(function, arguments):
    successes, total, bar = arguments
    received = f"Received: {successes} of {total}, bar={bar}"
    with pytest.raises(ValueError, match=f"a bar between 0 and 1. {received}"):
        function(*arguments)
