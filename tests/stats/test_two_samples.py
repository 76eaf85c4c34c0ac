"""The gate's tests of two groups: right against SciPy, conservative, blind to nothing."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.stats import two_samples
from experiments.stats.two_samples import distinguished, holm, p_values


def split(first, second):
    """The pool of two groups, and the one split that parts them."""
    pool = np.concatenate([first, second])
    return pool, (np.arange(len(pool)) < len(first))[None, :]


def compared(first, second):
    return {test: float(p[0]) for test, p in p_values(*split(first, second)).items()}


def random_splits(num_splits, num_seeds, size, seed=0):
    places = np.argsort(np.random.default_rng(seed).random((num_splits, num_seeds)), axis=1)
    members = np.zeros((num_splits, num_seeds))
    np.put_along_axis(members, places[:, :size], 1.0, axis=1)
    return members


def normal(seed, size, shift=0.0, scale=1.0):
    return shift + scale * np.random.default_rng(seed).standard_normal(size)


# Against SciPy.


@pytest.mark.parametrize("counts", [(0, 10), (3, 10), (10, 0), (7, 20)])
def test_a_share_is_tested_as_fisher_does(counts):
    first, second = np.arange(12) < counts[0], np.arange(30) < counts[1]
    table = [[counts[0], 12 - counts[0]], [counts[1], 30 - counts[1]]]
    expected = stats.fisher_exact(table).pvalue
    found = two_samples.share(*split(first, second))
    assert found[0] == pytest.approx(expected)


@pytest.mark.parametrize("digits", [None, 1, 0])
def test_location_is_tested_as_mann_and_whitney_do_with_and_without_ties(digits):
    first, second = normal(1, 40, 0.5), normal(2, 200)
    if digits is not None:
        first, second = first.round(digits), second.round(digits)
    expected = stats.mannwhitneyu(first, second, method="asymptotic").pvalue
    assert compared(first, second)["location"] == pytest.approx(expected)


def test_scale_is_tested_as_ansari_and_bradley_do():
    first, second = normal(1, 60, scale=1.5), normal(2, 200)
    expected = stats.ansari(first, second).pvalue
    assert expected <= compared(first, second)["scale"] <= 1.02 * expected


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.6, 1.0])
def test_shape_is_never_below_the_exact_p_of_kolmogorov_and_smirnov(shift):
    first, second = normal(1, 50, shift), normal(2, 300)
    exact = stats.ks_2samp(first, second, method="exact").pvalue
    assert exact <= compared(first, second)["shape"] <= max(2 * exact, 1.0)


def test_every_split_of_a_small_pool_bears_out_the_p_of_location():
    pool = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    chosen = list(itertools.combinations(range(8), 4))
    members = np.array([[place in one for place in range(8)] for one in chosen])
    p = p_values(pool, members)["location"]
    sums = np.abs(members @ pool - 18)
    exact = np.array([(sums >= one).mean() for one in sums])
    np.testing.assert_allclose(p, exact, atol=0.035)
    assert (p >= exact)[exact < 0.06].all()


# Conservative, with ties and infinities too.


POOLS = {
    "normal": normal(0, 300),
    "skewed": np.exp(2 * normal(0, 300)),
    "few values": np.random.default_rng(0).integers(0, 5, 300).astype(float),
    "half of them equal": np.where(np.arange(300) < 145, 0.0, normal(0, 300)),
    "most of them equal": np.where(np.arange(300) < 270, 0.0, normal(0, 300)),
    "two values": (np.arange(300) < 40).astype(float),
    "a third infinite": np.where(np.arange(300) < 100, np.inf, normal(0, 300)),
}


@pytest.mark.parametrize("name", POOLS)
def test_random_splits_are_suspected_no_oftener_than_said(name):
    members = random_splits(8_000, 300, 40)
    for test, p in p_values(POOLS[name], members).items():
        for level in (0.1, 0.01, 0.001):
            slack = 4 * np.sqrt(level / len(p))
            assert np.mean(p <= level) <= 1.1 * level + slack, (test, level)


def test_one_pool_of_many_splits_is_each_split_by_itself():
    members = random_splits(5, 60, 20)
    together = p_values(POOLS["few values"][:60], members)
    for place, one in enumerate(members):
        for test, p in p_values(POOLS["few values"][:60], one[None]).items():
            assert p[0] == together[test][place]


def test_equal_infinities_are_one_value():
    few = [np.inf] * 10 + [1.0, 2.0, 3.0]
    many = [np.inf] * 100 + [1.0, 2.0, 3.0] * 10
    assert min(compared(few, many).values()) > 0.9
    assert compared([np.inf] * 20 + [1, 2], [1, 2, 3] * 20)["shape"] < 1e-6


# Blind to nothing.


def test_each_test_sees_what_it_is_for():
    still = normal(2, 1000)
    assert compared(normal(1, 64, 0.8), still)["location"] < 1e-6
    assert compared(normal(1, 64, 0.8), still)["scale"] > 0.01
    assert compared(normal(1, 64, scale=3), still)["scale"] < 1e-6
    assert compared(normal(1, 64, scale=3), still)["location"] > 0.01
    # Two narrow humps at the quartiles: middle and middle half are as they were.
    humps = np.sign(normal(3, 128)) * (0.6745 + normal(4, 128, scale=0.05))
    assert compared(humps, still)["shape"] < min(1e-3, compared(humps, still)["location"])


def test_a_common_value_is_counted():
    first, second = [0.0] * 40 + list(range(1, 25)), [0.0] * 990 + list(range(1, 11))
    found = compared(first, second)
    assert set(found) == {"share", "shape"}
    assert found["share"] < 1e-12


@pytest.mark.parametrize("values", [[1.0] * 9, [0.0, 1.0] * 5])
def test_of_two_values_or_one_only_the_share_is_compared(values):
    assert two_samples.tests_of(values) == ("share",)


@pytest.mark.parametrize(
    "values, members", [([1.0, np.nan], [[1, 0]]), ([1.0, 2.0], [[1, 1]]), ([1.0, 2.0], [[0, 0]])]
)
def test_no_group_may_be_empty_and_no_value_unknown(values, members):
    with pytest.raises(ValueError, match="Two groups of values without NaN are compared"):
        p_values(values, members)


# Many tests at once.


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(0, 5))
def test_holms_rule_step_by_step(p, more):
    found, adjusted = holm(p, num_tests=len(p) + more), np.zeros(len(p))
    worst = 0.0
    for step, place in enumerate(np.argsort(p, kind="stable")):
        worst = max(worst, p[place] * (len(p) + more - step))
        adjusted[place] = min(worst, 1.0)
    np.testing.assert_allclose(found, adjusted)


def test_a_family_holds_its_tests():
    with pytest.raises(ValueError, match="Received: 2 of 1"):
        holm([0.1, 0.2], num_tests=1)


def test_columns_that_repeat_others_are_left_out():
    values = normal(0, 50)
    other = normal(1, 50)
    columns = np.array([values, np.exp(values), -values, np.ones(50), other, np.zeros(50)])
    assert distinguished(columns) == [0, 3, 4, 5]
