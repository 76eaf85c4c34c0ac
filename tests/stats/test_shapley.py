"""Shapley values and interactions against all orders, axioms and games done by hand."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from experiments.stats.intervals import mean
from experiments.stats.shapley import (
    SufficientSet,
    attribute,
    interactions,
    log_error,
    minimal_sets,
    necessary,
    shapley,
)

outcomes = st.integers(-100, 100).map(float)
subset_outcomes = st.integers(1, 4).flatmap(
    lambda k: arrays(float, st.tuples(st.integers(1, 3), st.just(2**k)), elements=outcomes)
)
games_of_three = arrays(float, (2, 8), elements=outcomes)


def game(function, num_fixes):
    """The game of one seed from a function of the fixes applied."""
    sets = ([i for i in range(num_fixes) if number >> i & 1] for number in range(2**num_fixes))
    return np.array([[float(function(set(fixes))) for fixes in sets]])


def number(fixes):
    """The column of a set of fixes."""
    return sum(2**fix for fix in fixes)


def over_all_orders(row, num_fixes):
    """Shapley values of one seed, one order of the fixes after another."""
    values = np.zeros(num_fixes)
    for order in permutations(range(num_fixes)):
        for place, fix in enumerate(order):
            before = number(order[:place])
            values[fix] += row[before + 2**fix] - row[before]
    return values / math.factorial(num_fixes)


def by_definition(row, num_fixes, i, j):
    """The interaction index of one pair, set by set."""
    rest = [fix for fix in range(num_fixes) if fix not in (i, j)]
    total = 0.0
    for size in range(len(rest) + 1):
        weight = math.factorial(num_fixes - size - 2) * math.factorial(size)
        for others in combinations(rest, size):
            base = number(others)
            gain = row[base + 2**i + 2**j] - row[base + 2**i] - row[base + 2**j] + row[base]
            total += weight * gain / math.factorial(num_fixes - 1)
    return total


def num_fixes_of(table):
    return int(math.log2(table.shape[1]))


# Shapley values.


@pytest.mark.parametrize("num_fixes", [1, 2, 3, 4, 5])
def test_shapley_is_the_average_over_all_orders(num_fixes):
    table = np.random.default_rng(num_fixes).normal(size=(5, 2**num_fixes))
    expected = [over_all_orders(row, num_fixes) for row in table]
    np.testing.assert_allclose(shapley(table), expected, atol=1e-12)


@given(subset_outcomes)
def test_shapley_values_add_up_to_what_all_fixes_add(table):
    np.testing.assert_allclose(shapley(table).sum(axis=1), table[:, -1] - table[:, 0], atol=1e-9)


@given(games_of_three)
def test_a_fix_that_adds_nothing_anywhere_is_worth_nothing(table):
    table = table[:, [0, 0, 2, 2, 4, 4, 6, 6]]
    np.testing.assert_allclose(shapley(table)[:, 0], 0, atol=1e-9)
    np.testing.assert_allclose(interactions(table)[:, 0], 0, atol=1e-9)


@given(games_of_three)
def test_renaming_fixes_renames_their_values(table):
    # Fixes 0 and 1 change places: columns 1 and 2, and 5 and 6.
    swapped = shapley(table[:, [0, 2, 1, 3, 4, 6, 5, 7]])
    np.testing.assert_allclose(swapped, shapley(table)[:, [1, 0, 2]], atol=1e-9)


@given(games_of_three, games_of_three, st.floats(-3, 3))
def test_values_and_interactions_are_linear_in_the_game(first, second, factor):
    for function in (shapley, interactions):
        together = function(first + factor * second)
        np.testing.assert_allclose(together, function(first) + factor * function(second), atol=1e-9)


@given(subset_outcomes)
def test_each_seed_has_its_own_values(table):
    for seed, row in enumerate(table):
        np.testing.assert_allclose(shapley(row[None])[0], shapley(table)[seed], atol=1e-9)


# Interactions.


@pytest.mark.parametrize("num_fixes", [2, 3, 4, 5])
def test_interactions_are_those_of_the_definition(num_fixes):
    table = np.random.default_rng(num_fixes).normal(size=(3, 2**num_fixes))
    found = interactions(table)
    for seed, row in enumerate(table):
        for i, j in combinations(range(num_fixes), 2):
            expected = by_definition(row, num_fixes, i, j)
            assert found[seed, i, j] == pytest.approx(expected, abs=1e-12)


@given(subset_outcomes)
def test_interactions_are_symmetric_with_an_empty_diagonal(table):
    found = interactions(table)
    np.testing.assert_array_equal(found, np.swapaxes(found, 1, 2))
    np.testing.assert_array_equal(np.einsum("sii->si", found), 0)


def test_one_fix_alone_interacts_with_nothing():
    assert interactions([[0, 1]]).tolist() == [[[0.0]]]


@pytest.mark.parametrize(
    ("function", "num_fixes", "value", "pair"),
    [
        (lambda fixes: len(fixes) == 2, 2, 1 / 2, 1),
        (lambda fixes: len(fixes) > 0, 2, 1 / 2, -1),
        # 1 alone, then the other undoes it: 1/2 (1) + 1/2 (-1).
        (lambda fixes: len(fixes) % 2, 2, 0, -2),
        # Of three, a pair gains by the third alone: 0, 1 with weight 1/2 each.
        (lambda fixes: len(fixes) == 3, 3, 1 / 3, 1 / 2),
        (lambda fixes: len(fixes) > 0, 3, 1 / 3, -1 / 2),
        # -2 without the third, +2 with it.
        (lambda fixes: len(fixes) % 2, 3, 1 / 3, 0),
        (lambda fixes: len(fixes), 3, 1, 0),
        # Two of three: alone a pair gains 1, beside the third it loses 1.
        (lambda fixes: len(fixes) >= 2, 3, 1 / 3, 0),
    ],
    ids=["and2", "or2", "xor2", "and3", "or3", "xor3", "sum3", "majority3"],
)
def test_games_done_by_hand(function, num_fixes, value, pair):
    table = game(function, num_fixes)
    np.testing.assert_allclose(shapley(table), [[value] * num_fixes], atol=1e-12)
    expected = pair * (1 - np.eye(num_fixes))
    np.testing.assert_allclose(interactions(table)[0], expected, atol=1e-12)


def test_bit_i_of_a_column_is_fix_i():
    assert shapley(game(lambda fixes: 2 in fixes, 3)).tolist() == [[0.0, 0.0, 1.0]]


@pytest.mark.parametrize("function", [shapley, interactions])
@pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 1), (2, 0), (2, 2, 2)])
def test_what_is_no_game_is_refused(function, shape):
    message = rf"\(num_seeds, 2\*\*num_fixes\). Received: shape=\({', '.join(map(str, shape))}"
    with pytest.raises(ValueError, match=message):
        function(np.zeros(shape))


def test_a_game_with_a_missing_outcome_is_refused():
    with pytest.raises(ValueError, match="finite outcomes .* finite: False"):
        shapley([[0, math.nan]])


# Intervals.


def test_attribute_estimates_the_means_over_seeds():
    table = np.random.default_rng(0).random((40, 8))
    found = attribute(table, low=0, high=1)
    assert list(found) == [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    assert found[1,] == mean(shapley(table)[:, 1], low=-1, high=1)
    assert found[0, 2] == mean(interactions(table)[:, 0, 2], low=-2, high=2)


def test_attribute_scales_its_ranges_with_that_of_the_outcomes():
    found = attribute([[-3.0, -3.0, -3.0, -3.0]] * 60, low=-10, high=0)
    assert (found[0,].low, found[0,].high) == pytest.approx((-1, 1))
    assert (found[0, 1].low, found[0, 1].high) == pytest.approx((-2, 2))


@settings(max_examples=25, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 20), st.sampled_from([2, 4, 8, 16]))))
def test_attribute_takes_every_game_of_outcomes(table):
    for interval in attribute(table, low=0, high=1).values():
        assert interval.low <= interval.estimate <= interval.high
        assert interval.low < interval.high


def test_attribute_refuses_an_outcome_outside():
    with pytest.raises(ValueError, match="between 0 and 1. Received: 0.0 to 2.0"):
        attribute([[0, 2]], low=0, high=1)


# Errors on a log scale.


def test_log_error_is_capped_and_floored():
    found = log_error([math.e**-2, 7.0, 0.0, -1.0], 1.0, floor=1e-6)
    assert found.tolist() == pytest.approx([-2.0, 0.0, math.log(1e-6), math.log(1e-6)])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_error_that_is_not_finite_is_the_cap(value):
    assert log_error([value], 0.5).tolist() == [math.log(0.5)]


def test_each_seed_may_have_a_best_constant_of_its_own():
    assert log_error([9.0, 9.0], np.array([1.0, math.e])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("constant", [0.0, 1e-12, math.nan, math.inf])
def test_log_error_refuses_a_cap_that_is_none(constant):
    with pytest.raises(ValueError, match=f"above the floor 1e-12.* Received: {constant}"):
        log_error([1.0], constant)


# Sets of fixes.


def verdicts(text):
    """Reads `{set of fixes: verdict}` from words such as 'a+b=solves'."""
    pairs = (part.split("=") for part in text.split())
    words = {"depends": "depends on the seed"}
    return {frozenset(k.replace("+", "")): words.get(v, v) for k, v in pairs}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=fails a=fails b=fails a+b=solves", [("ab", True)]),
        ("=fails a=solves b=solves a+b=solves", [("a", True), ("b", True)]),
        ("=fails a=solves b=fails a+b=fails", [("a", True)]),
        ("=fails a=undecided b=fails a+b=solves", [("ab", False)]),
        ("=fails a=fails b=depends a+b=solves", [("ab", False)]),
        ("=fails a=fails a+b=solves", [("ab", False)]),
        ("=solves a=solves", [("", True)]),
        ("=fails a=fails", []),
        ("=fails a=solves b=fails c=fails b+c=solves a+b=solves", [("a", True), ("bc", True)]),
    ],
)
def test_minimal_sets_by_hand(text, expected):
    found = [SufficientSet(frozenset(fixes), certain) for fixes, certain in expected]
    assert minimal_sets(verdicts(text)) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=fails a=fails b=fails a+b=solves", {"a": "necessary", "b": "necessary"}),
        ("=fails a=solves b=fails a+b=solves", {"a": "necessary"}),
        ("=fails a=undecided b=solves a+b=solves", {"b": "undecided"}),
        ("=fails a=depends b=solves a+b=solves", {"b": "depends on the seed"}),
        ("=fails a=solves a+b=solves", {"a": "undecided"}),
        ("=fails a=fails b=fails a+b=fails", {}),
        ("=fails a=fails b=fails a+b=undecided", {}),
    ],
)
def test_necessary_by_hand(text, expected):
    assert necessary(verdicts(text)) == expected
