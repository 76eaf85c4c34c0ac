"""Rates, quantiles, paired differences and means against hand counts and second formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from experiments.stats.intervals import (
    Interval,
    mean,
    median,
    paired_difference,
    quantile,
    quantiles,
    rate,
    seeds_to_decide,
    verdict,
)

NORMAL_WIDTH = 1.959963984540054
counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
samples = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60)
bounded = st.lists(st.integers(0, 12).map(lambda n: n / 12), min_size=1, max_size=60)
outcome_pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def wilson(successes, total):
    """Wilson's interval in closed form, as it stands in a textbook."""
    share, square = successes / total, NORMAL_WIDTH**2
    centre = (share + square / (2 * total)) / (1 + square / total)
    spread = share * (1 - share) / total + square / (4 * total**2)
    half = NORMAL_WIDTH * math.sqrt(spread) / (1 + square / total)
    return centre - half, centre + half


# Rates.


@pytest.mark.parametrize("successes, total", [(0, 200), (1, 3), (16, 32), (29, 32), (200, 200)])
def test_rate_is_wilsons_closed_formula(successes, total):
    interval = rate(successes, total)
    assert (interval.low, interval.high) == pytest.approx(wilson(successes, total), abs=1e-12)


def test_rate_estimate_is_the_share_of_successes():
    assert rate(3, 4).estimate == 0.75


def test_rate_counts_its_seeds():
    assert rate(3, 4).num_seeds == 4


def test_rate_of_no_success_starts_at_zero_and_has_width():
    interval = rate(0, 200)
    assert interval.low == 0.0
    assert interval.high == pytest.approx(NORMAL_WIDTH**2 / (200 + NORMAL_WIDTH**2))


def test_rate_widens_with_confidence():
    assert rate(8, 32, confidence=0.99).high > rate(8, 32).high


def test_rate_takes_numpy_integers():
    assert rate(np.int64(3), np.int32(4)) == rate(3, 4)


@given(counts)
def test_rate_interval_contains_its_estimate_inside_zero_and_one(count):
    interval = rate(*count)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


@given(counts)
def test_rate_rises_with_successes(count):
    successes, total = count
    fewer, more = rate(max(successes - 1, 0), total), rate(successes, total)
    assert fewer.low <= more.low and fewer.high <= more.high


@given(counts)
def test_rate_of_failures_mirrors_the_rate_of_successes(count):
    successes, total = count
    hit, miss = rate(successes, total), rate(total - successes, total)
    assert (hit.low, hit.high) == pytest.approx((1 - miss.high, 1 - miss.low), abs=1e-12)


@pytest.mark.parametrize("successes, total", [(0, 0), (5, 4), (-1, 4), (0, -2)])
def test_rate_refuses_impossible_counts(successes, total):
    with pytest.raises(ValueError, match=f"among seeds. Received: {successes} of {total}"):
        rate(successes, total)


# Quantiles.


def test_quantile_interval_of_six_is_the_extremes():
    # P(all six on one side) = 1/64 on either side, below 2.5 %; five do not suffice.
    assert median([6, 5, 4, 3, 2, 1]) == Interval(3.0, 1.0, 6.0, 6)


def test_quantile_interval_of_five_is_unbounded():
    assert median([1, 2, 3, 4, 5]) == Interval(3.0, -math.inf, math.inf, 5)


def test_median_interval_of_thirty_is_the_tabulated_ranks():
    # Tables of the sign test give the 10th and the 21st value.
    assert median(range(1, 31)) == Interval(15.0, 10.0, 21.0, 30)


def test_high_quantile_of_a_small_sample_is_unbounded_above_only():
    interval = quantile(range(1, 11), 0.9)
    assert interval.estimate == 9.0
    assert interval.low == 7.0
    assert interval.high == math.inf


def test_median_of_equal_values_is_that_value():
    assert median([0.5] * 200) == Interval(0.5, 0.5, 0.5, 200)


def test_nan_counts_as_the_worst_value():
    assert quantile([1.0, math.nan, 2.0], 1.0).estimate == math.inf


def test_nan_and_infinity_give_the_same_interval():
    values = list(range(20))
    assert median(values + [math.nan] * 5) == median(values + [math.inf] * 5)


def test_median_is_infinite_when_most_seeds_diverge():
    assert median([1.0, 2.0, math.nan, math.nan, math.nan]).estimate == math.inf


def test_minus_infinity_stays_the_best_value():
    assert quantile([-math.inf, 1.0, 2.0], 0.0).estimate == -math.inf


def test_quantile_rank_survives_rounding():
    assert 0.07 * 100 > 7
    assert quantile(range(1, 101), 0.07).estimate == 7.0


def test_certainty_bounds_nothing():
    interval = median(range(100), confidence=1.0)
    assert (interval.low, interval.high) == (-math.inf, math.inf)


def test_median_interval_covers_the_true_median():
    draws = np.random.default_rng(2016).lognormal(size=(4000, 30))
    intervals = [median(draw) for draw in draws]
    covered = np.mean([interval.low <= 1.0 <= interval.high for interval in intervals])
    assert 0.93 <= covered <= 0.98


@pytest.mark.parametrize("q", [0.05, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("num_seeds", [8, 32, 101])
def test_quantile_interval_has_its_exact_coverage_and_no_spare_rank(q, num_seeds):
    interval = quantile(np.arange(1, num_seeds + 1), q)
    below = stats.binom(num_seeds, q).cdf
    if interval.low > -math.inf:
        assert below(interval.low - 1) <= 0.025 < below(interval.low)
    if interval.high < math.inf:
        assert 1 - below(interval.high - 1) <= 0.025 < 1 - below(interval.high - 2)


@given(samples, st.floats(0, 1))
def test_quantile_interval_contains_its_estimate(values, q):
    interval = quantile(values, q)
    assert interval.low <= interval.estimate <= interval.high


@given(samples, st.randoms(use_true_random=False))
def test_quantile_ignores_the_order_of_seeds(values, random):
    shuffled = random.sample(values, len(values))
    assert quantile(values, 0.25) == quantile(shuffled, 0.25)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_quantiles_are_numpys_inverted_distribution(values):
    shares = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
    expected = np.quantile(values, shares, method="inverted_cdf")
    np.testing.assert_array_equal(quantiles(values, shares), expected)


def test_quantiles_keep_the_trailing_shape():
    assert quantiles(np.zeros((7, 3, 2)), [0.25, 0.5, 0.75, 1.0]).shape == (4, 3, 2)


def test_quantiles_count_nan_as_infinity_in_its_own_column():
    table = quantiles([[1, 10], [2, math.nan], [3, 30]], [0.5, 1.0])
    np.testing.assert_array_equal(table, [[2, 30], [3, math.inf]])


def test_quantiles_leave_their_input_alone():
    values = np.array([3.0, math.nan, 1.0])
    quantiles(values, [0.5])
    np.testing.assert_array_equal(values, [3.0, math.nan, 1.0])


@pytest.mark.parametrize("function", [median, lambda values: quantiles(values, [0.5])])
@pytest.mark.parametrize("values, shape", [([], r"\(0,\)"), (1.0, r"\(\)")])
def test_quantiles_refuse_a_sample_without_seeds(function, values, shape):
    with pytest.raises(ValueError, match=f"at least one seed. Received: shape={shape}"):
        function(values)


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_quantiles_refuse_what_is_no_probability(q):
    with pytest.raises(ValueError, match=f"between 0 and 1. Received: .*{q}"):
        quantiles([1, 2], [q])


def test_confidence_in_per_cent_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1. Received: 95"):
        median([1, 2, 3], confidence=95)


# Verdicts.


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0.81, 1.0, "solves"),
        (0.8, 1.0, "undecided"),
        (0.0, 0.19, "fails"),
        (0.0, 0.2, "undecided"),
        (0.2, 0.8, "depends on the seed"),
        (0.4, 0.6, "depends on the seed"),
        (0.19, 0.5, "undecided"),
        (0.5, 0.81, "undecided"),
        (0.0, 1.0, "undecided"),
    ],
)
def test_verdict_reads_the_whole_interval(low, high, expected):
    assert verdict(Interval(0.5, low, high, 32)) == expected


def test_verdict_takes_other_margins():
    assert verdict(Interval(0.9, 0.85, 0.95, 32), solves=0.9) == "undecided"


@pytest.mark.parametrize("successes, expected", [(32, "solves"), (0, "fails"), (28, "undecided")])
def test_verdict_of_thirty_two_seeds(successes, expected):
    assert verdict(rate(successes, 32)) == expected


# Paired differences.


def pairs(*, both=0, gains=0, losses=0, neither=0):
    """Two outcome vectors with these counts of seeds."""
    first = [True] * (both + gains) + [False] * (losses + neither)
    second = [True] * both + [False] * gains + [True] * losses + [False] * neither
    return np.array(first), np.array(second)


def score_statistic(gains, losses, *, total, difference):
    """Tango's statistic, its nuisance share found by maximising the likelihood."""

    same = total - gains - losses

    def loss(losing):
        shares = [losing + difference, losing, 1 - 2 * losing - difference]
        return -float(stats.multinomial.logpmf([gains, losses, same], total, shares))

    bounds = (max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
    losing = optimize.minimize_scalar(loss, bounds=bounds, options={"xatol": 1e-12}).x
    variance = total * (2 * losing + difference - difference**2)
    return (gains - losses - total * difference) / math.sqrt(variance)


def test_paired_difference_is_first_less_second():
    assert paired_difference(*pairs(both=1, gains=2, neither=1)).estimate == 0.5


def test_paired_difference_matches_the_published_example():
    # Airway reactivity before and after a transplant, 21 children: 1 and 7 discordant
    # pairs; the asymptotic score interval in the literature is -0.517 to -0.026.
    interval = paired_difference(*pairs(both=1, gains=1, losses=7, neither=12))
    assert (interval.low, interval.high) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("gains, losses, total", [(7, 1, 21), (5, 5, 30), (20, 3, 32)])
def test_paired_bounds_are_where_the_score_test_stops_rejecting(gains, losses, total):
    interval = paired_difference(*pairs(both=total - gains - losses, gains=gains, losses=losses))
    for bound, expected in [(interval.low, NORMAL_WIDTH), (interval.high, -NORMAL_WIDTH)]:
        found = score_statistic(gains, losses, total=total, difference=bound)
        assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("both", [0, 15, 30])
def test_paired_difference_of_agreeing_seeds_has_the_width_of_wilsons_zero(both):
    interval = paired_difference(*pairs(both=both, neither=30 - both))
    assert interval.estimate == 0.0
    assert interval.high == pytest.approx(rate(0, 30).high, abs=1e-9)
    assert interval.high == -interval.low > 3 / 30


def test_paired_difference_of_opposite_seeds_ends_at_one():
    interval = paired_difference(*pairs(gains=30))
    assert interval.estimate == interval.high == 1.0
    assert interval.low < 0.9


@pytest.mark.parametrize("gain", [0.0, 0.03, 0.1, 0.5])
def test_paired_difference_covers_the_truth_at_thirty_seeds(gain):
    random = np.random.default_rng(775)
    first, second = (random.random((1000, 30)) < 0.03, random.random((1000, 30)) < 0.03)
    forced = random.random((1000, 30)) < gain
    seeds = zip(first, second, forced, strict=True)
    intervals = [paired_difference(a | f, b & ~f) for a, b, f in seeds]
    truth = gain + (1 - gain) * 0.03 - 0.03 * (1 - gain)
    assert np.mean([i.low <= truth <= i.high for i in intervals]) >= 0.93


@settings(deadline=None)
@given(outcome_pairs)
def test_paired_interval_contains_its_estimate_and_has_width(outcomes):
    interval = paired_difference(*zip(*outcomes, strict=True))
    assert -1 <= interval.low <= interval.estimate <= interval.high <= 1
    assert interval.high - interval.low > 1 / len(outcomes)


@settings(deadline=None)
@given(outcome_pairs, st.randoms(use_true_random=False))
def test_paired_difference_ignores_the_order_of_seeds(outcomes, random):
    shuffled = random.sample(outcomes, len(outcomes))
    expected = paired_difference(*zip(*outcomes, strict=True))
    assert paired_difference(*zip(*shuffled, strict=True)) == expected


@settings(deadline=None)
@given(outcome_pairs)
def test_paired_difference_swaps_sign_with_its_arms(outcomes):
    first, second = zip(*outcomes, strict=True)
    forward, backward = paired_difference(first, second), paired_difference(second, first)
    assert (forward.low, forward.high) == (-backward.high, -backward.low)


@pytest.mark.parametrize(
    "first, second", [([], []), ([True], [True, False]), ([0.5], [1.0]), ([math.nan], [1.0])]
)
def test_paired_difference_refuses_what_is_not_paired_truth(first, second):
    with pytest.raises(ValueError, match="Expected paired vectors of truth values. Received: "):
        paired_difference(first, second)


@pytest.mark.parametrize(
    ("successes", "total", "more"),
    # 16 of 16 is the first whole sample whose Wilson interval lies above 0.8.
    [(4, 4, 12), (200, 200, 0), (0, 200, 0), (100, 200, 0)],
)
def test_seeds_to_decide_by_hand(successes, total, more):
    assert seeds_to_decide(rate(successes, total)) == more


def test_a_rate_on_the_border_is_never_decided():
    assert seeds_to_decide(rate(80, 100), most=10_000) is None


# Means of a known range.


def student(values):
    """Student's interval of a mean, from scipy."""
    return stats.ttest_1samp(values, 0).confidence_interval(0.95)


@pytest.mark.parametrize(
    ("value", "total", "expected"),
    [
        (0.0, 60, (-0.1, 0.1)),
        (0.0, 3000, (-0.002, 0.002)),
        (0.95, 60, (0.85, 1.0)),
        (-1.0, 60, (-1.0, -0.9)),
        (0.5, 1, (-1.0, 1.0)),
    ],
)
def test_where_all_seeds_agree_the_mean_reaches_three_over_n_of_the_range(value, total, expected):
    interval = mean([value] * total, low=-1, high=1)
    assert (interval.estimate, interval.num_seeds) == (value, total)
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_seeds_that_differ_by_floating_point_alone_agree():
    interval = mean([0.1 + 0.2, 0.3] * 30, low=0, high=1)
    assert (interval.low, interval.high) == pytest.approx((0.25, 0.35))


def test_mean_of_seeds_that_agree_but_one_reaches_as_far_on_the_unseen_side():
    interval = mean([0.0] * 59 + [0.5], low=-1, high=1)
    assert interval.low == pytest.approx(0.5 / 60 - 3 * 2 / 60)


@pytest.mark.parametrize("successes", [1, 6, 30])
def test_mean_of_outcomes_ends_where_the_score_test_stops_rejecting(successes):
    values = [1.0] * successes + [0.0] * (200 - successes)
    share, high = successes / 200, mean(values, low=0, high=1).high
    statistic = (high - share) / math.sqrt(high * (1 - high) / 199)
    assert statistic == pytest.approx(stats.t(199).ppf(0.975))


@pytest.mark.parametrize("total", [30, 100, 1000])
def test_mean_of_normal_values_is_hardly_wider_than_students(total):
    draws = np.random.default_rng(7).normal(-7, 0.4, (50, total))
    intervals = [mean(draw, low=-28, high=0) for draw in draws]
    bounds = [student(draw) for draw in draws]
    ratios = [(i.high - i.low) / (b.high - b.low) for i, b in zip(intervals, bounds, strict=True)]
    assert np.mean(ratios) < (1.1 if total < 100 else 1.02)
    assert max(ratios) < (1.3 if total < 100 else 1.1)


@settings(deadline=None)
@given(bounded)
def test_mean_interval_contains_its_estimate_and_students_inside_the_range(values):
    interval = mean(values, low=0, high=1)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    assert interval.low < interval.high
    assert interval.estimate == pytest.approx(np.mean(values))
    if np.std(values) > 0:
        bounds = student(values)
        assert interval.low <= max(bounds.low, 0) + 1e-9
        assert interval.high >= min(bounds.high, 1) - 1e-9


@settings(deadline=None)
@given(bounded, st.floats(-30, 30), st.floats(0.01, 30))
def test_mean_moves_and_scales_with_its_values(values, shift, scale):
    plain = mean(values, low=0, high=1)
    moved = mean(shift + scale * np.array(values), low=shift, high=shift + scale)
    expected = [shift + scale * bound for bound in (plain.estimate, plain.low, plain.high)]
    assert [moved.estimate, moved.low, moved.high] == pytest.approx(expected, abs=1e-6 * scale)


@settings(deadline=None)
@given(bounded)
def test_mean_of_mirrored_values_is_mirrored(values):
    plain, mirrored = mean(values, low=0, high=1), mean(1 - np.array(values), low=0, high=1)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((plain.low, plain.high), abs=1e-9)


@settings(deadline=None)
@given(bounded, st.randoms(use_true_random=False))
def test_mean_ignores_the_order_of_seeds(values, random):
    shuffled = random.sample(values, len(values))
    assert mean(values, low=0, high=1) == mean(shuffled, low=0, high=1)


def test_mean_widens_with_confidence():
    values = np.arange(60) / 60
    assert mean(values, low=0, high=1, confidence=0.99).high > mean(values, low=0, high=1).high


@pytest.mark.parametrize("name", ["lognormal", "failures", "rare", "shapley"])
def test_mean_covers_the_truth(name):
    random, size = np.random.default_rng(26), (400, 200)
    normal = random.normal(-7, 0.4, size)
    # Of a game of two, half and nothing, the other way round one time in twenty.
    steps = random.choice([-0.5, 0, 0.5, 1], size, p=[0.05, 0.55, 0.2, 0.2])
    rows = {
        "lognormal": (0.05 * random.lognormal(size=size) - 7, 0.05 * math.exp(0.5) - 7, -28, 0),
        "failures": (np.where(random.random(size) < 0.03, 0, normal), -7 * 0.97, -28, 0),
        "rare": ((random.random(size) < 0.99) * 1.0, 0.99, 0, 1),
        "shapley": (steps, 0.275, -1, 1),
    }
    draws, truth, low, high = rows[name]
    intervals = [mean(draw, low=low, high=high) for draw in draws]
    assert np.mean([i.low <= truth <= i.high for i in intervals]) >= 0.93


@pytest.mark.parametrize(
    ("values", "low", "high", "received"),
    [
        ([], 0, 1, r"\[\]"),
        (0.5, 0, 1, r"\[0.5\]"),
        ([[0.5, 0.5]], 0, 1, r"\[0.5 0.5\]"),
        ([0.5, 1.5], 0, 1, r"\[0.5 1.5\]"),
        ([-0.5, 0.5], 0, 1, r"\[-0.5  0.5\]"),
        ([0.5, math.nan], 0, 1, r"\[0.5 nan\]"),
        ([0.5], 0.5, 0.5, r"\[0.5\]"),
    ],
)
def test_mean_refuses_what_lies_outside_its_range(values, low, high, received):
    message = f"Expected a vector between {low} and {high}. Received: {received}"
    with pytest.raises(ValueError, match=message):
        mean(values, low=low, high=high)


def test_the_rule_of_three_asks_for_more_at_higher_confidence():
    equal = [0.5] * 100
    usual = mean(equal, low=0, high=1)
    strict = mean(equal, low=0, high=1, confidence=0.99)
    assert usual.high - usual.estimate == pytest.approx(0.03)
    # Unseen in 100 seeds with 1% left: at most a share of -log(0.01) / 100.
    assert strict.high - strict.estimate == pytest.approx(0.046, abs=1e-3)
