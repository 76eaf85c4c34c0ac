"""Streams: one seed's draws, apart from one another, and the same for every arm."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reproductions
from experiments import SuiteError, era
from experiments.training import streams
from experiments.training.streams import STREAMS, Batches, DropoutMasks
from tests import toy

CASES = reproductions.names()
FINITE = [name for name in CASES if not reproductions.load(name).broken.is_stream]
NUM_DRAWS = 20_000
# Independent uniforms correlate by 1 / sqrt(n) or so; five times that is no chance.
NO_CORRELATION = 5 / np.sqrt(NUM_DRAWS)
seeds = st.integers(0, 2**32)


@dataclasses.dataclass(frozen=True)
class Held(toy.Toy):
    validation_split: float = 0.2
    calls: int = 1


def passes(case, setup, seed, count):
    batches = Batches(case, setup, seed)
    return [batches.next_pass() for _ in range(count)]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def order_of(case, setup, seed, count):
    """Returns the places in the data set of the samples of each pass."""

    def numbered(s, rng, size):
        places = np.arange(size[0], dtype=float)[:, None]
        return places, places

    drawn = passes(dataclasses.replace(case, data=numbered), setup, seed, count)
    return [x[:, 0].astype(int).tolist() for x, _ in drawn]


# Sequences.


@given(seed=seeds, stream=st.sampled_from(STREAMS), key=st.lists(st.integers(0, 99), max_size=3))
def test_the_same_seed_stream_and_key_draw_the_same(seed, stream, key):
    first = streams.generator(seed, stream, *key).random(4)
    np.testing.assert_array_equal(first, streams.generator(seed, stream, *key).random(4))


def test_no_two_of_seed_stream_and_key_draw_the_same():
    keys = [(), (0,), (1,), (0, 0), (0, 1), (1, 0)]
    known = list(itertools.product(range(50), STREAMS, keys))
    drawn = {streams.generator(s, name, *key).random() for s, name, key in known}
    assert len(drawn) == len(known)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(STREAMS, 2)))
def test_the_streams_of_a_seed_do_not_correlate(one, other):
    draws = [streams.generator(7, name).random(NUM_DRAWS) for name in (one, other)]
    assert abs(np.corrcoef(draws)[0, 1]) < NO_CORRELATION


@pytest.mark.parametrize("stream", STREAMS)
def test_neighbouring_seeds_do_not_correlate(stream):
    draws = [streams.generator(seed, stream).random(NUM_DRAWS) for seed in (7, 8)]
    assert abs(np.corrcoef(draws)[0, 1]) < NO_CORRELATION


def test_a_stream_is_numpys_seed_sequence_by_its_place():
    for place, name in enumerate(STREAMS):
        theirs = np.random.default_rng(np.random.SeedSequence(11, spawn_key=(place, 2, 3)))
        np.testing.assert_array_equal(streams.generator(11, name, 2, 3).random(3), theirs.random(3))


def test_the_places_of_the_streams_are_those_that_stored_rows_were_drawn_with():
    assert STREAMS == ("data", "weights", "order", "dropout", "test")


def test_an_unknown_stream_is_refused():
    with pytest.raises(ValueError, match="not in tuple"):
        streams.generator(0, "noise")


@given(seed=seeds, place=st.integers(0, 9), index=st.integers(0, 1))
def test_the_seed_of_an_initializer_is_a_whole_number_below_two_to_the_31(seed, place, index):
    number = streams.draw_seed(seed, "weights", place, index)
    assert type(number) is int
    assert 0 <= number < 2**31


def test_the_seeds_of_initializers_differ():
    known = itertools.product(range(500), range(3), range(2))
    drawn = {streams.draw_seed(seed, "weights", *key) for seed, *key in known}
    assert len(drawn) == 3000


# Batches.


@pytest.mark.parametrize("name", CASES)
def test_the_same_seed_has_the_same_batches(name):
    case = reproductions.load(name)
    for one, other in zip(
        passes(case, case.fixed, 4, 2), passes(case, case.fixed, 4, 2), strict=True
    ):
        assert same(one, other)


@pytest.mark.parametrize("name", CASES)
def test_batches_do_not_depend_on_other_seeds(name):
    case = reproductions.load(name)
    alone = passes(case, case.broken, 4, 3)
    others = [Batches(case, case.broken, seed) for seed in (3, 4, 5)]
    among = [[batches.next_pass() for batches in others][1] for _ in range(3)]
    assert all(same(one, other) for one, other in zip(alone, among, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_other_seeds_have_other_batches(name):
    case = reproductions.load(name)
    firsts = [passes(case, case.broken, seed, 1)[0][0].tobytes() for seed in range(20)]
    assert len(set(firsts)) == 20


@pytest.mark.parametrize("name", CASES)
def test_batches_are_float32_columns(name):
    case = reproductions.load(name)
    x, y = passes(case, case.broken, 0, 1)[0]
    assert x.dtype == y.dtype == np.float32
    assert x.ndim == y.ndim == 2
    assert len(x) == len(y)


@settings(max_examples=20)
@given(seed=seeds, few=st.integers(1, 4), many=st.integers(4, 8))
def test_passes_do_not_depend_on_how_many_are_drawn(seed, few, many):
    case = toy.make_stream()
    first, second = (passes(case, case.broken, seed, count) for count in (few, many))
    assert all(same(one, other) for one, other in zip(first, second[:few], strict=True))


def test_a_pass_of_a_stream_holds_a_hundred_batches():
    case = toy.make_stream()
    setup = case.broken.replace(batch_size=7)
    assert streams.steps_per_pass(setup) == 100
    assert len(passes(case, setup, 0, 1)[0][0]) == 700


def test_a_pass_of_a_finite_set_is_an_epoch():
    setup = Held(num_samples=50, validation_split=0.2, batch_size=16)
    assert streams.steps_per_pass(setup) == 3
    assert len(passes(toy.CASE, setup, 0, 1)[0][0]) == 40


def test_no_sample_of_a_stream_comes_twice():
    case = toy.make_stream()
    x = np.concatenate([x for x, _ in passes(case, case.broken, 0, 5)])
    # Of 2,000 float32 draws about 0.1 pairs would meet; a repeated pass is 400.
    assert len(np.unique(x)) > 1990


# Order.


@pytest.mark.parametrize("name", FINITE)
def test_an_epoch_is_a_permutation_of_the_training_samples(name):
    case = reproductions.load(name)
    setup = case.fixed
    for order in order_of(case, setup, 2, 3):
        assert sorted(order) == list(range(setup.num_training_samples))


def test_the_order_is_drawn_from_the_order_stream_and_no_other():
    theirs = np.random.default_rng(np.random.SeedSequence(2, spawn_key=(2,)))
    for order in order_of(toy.CASE, toy.Toy(), 2, 3):
        assert order == theirs.permutation(50).tolist()


@pytest.mark.parametrize("name", FINITE)
def test_every_epoch_has_another_order(name):
    case = reproductions.load(name)
    orders = order_of(case, case.fixed, 2, 10)
    assert len({tuple(order) for order in orders}) == 10


def test_every_sample_may_come_first():
    setup = toy.Toy(num_samples=5, epochs=200)
    firsts = [order[0] for order in order_of(toy.CASE, setup, 0, 200)]
    counts = np.bincount(firsts, minlength=5)
    # 40 each if uniform; the deviation of one count is sqrt(200 * 0.2 * 0.8) = 5.7.
    assert counts.min() >= 15
    assert counts.max() <= 65


def test_x_and_y_are_shuffled_together():
    for x, y in passes(toy.CASE, toy.Toy(), 0, 3):
        np.testing.assert_allclose(y, toy.target(x), atol=1e-6)


@pytest.mark.parametrize("name", ["sum_softmax", "sum_hinge"])
def test_the_last_fifth_of_250_never_trains(name):
    case = reproductions.load(name)
    trained = {place for order in order_of(case, case.fixed, 6, 5) for place in order}
    assert trained == set(range(200))


def test_every_call_draws_fresh_samples_and_keeps_them_for_its_epochs():
    setup = Held(epochs=2, calls=3, validation_split=0.0)
    contents = [frozenset(x.ravel().tolist()) for x, _ in passes(toy.CASE, setup, 1, 6)]
    assert contents[0] == contents[1]
    assert contents[2] == contents[3]
    assert contents[4] == contents[5]
    assert not contents[0] & contents[2] | contents[0] & contents[4] | contents[2] & contents[4]


def test_every_call_of_the_sine_draws_ten_thousand_fresh_samples():
    case = reproductions.load("sin_fit")
    first, second = passes(case, case.arm("calls_10"), 0, 2)
    assert len(first[0]) == len(second[0]) == 10_000
    # Some float32 values meet by chance: 10^8 pairs over 2^24 places give about six.
    assert np.isin(first[0], second[0]).sum() < 50


# Pairing.


def test_broken_and_fixed_sine_see_the_same_samples_in_the_same_order():
    case = reproductions.load("sin_fit")
    (broken,) = passes(case, case.broken, 3, 1)
    assert same(broken, passes(case, case.fixed, 3, 1)[0])


@pytest.mark.parametrize("name", FINITE)
def test_every_arm_of_equal_samples_is_shuffled_alike(name):
    case = reproductions.load(name)
    x, _ = passes(case, case.broken, 3, 1)[0]
    for arm in (*case.fixes, *case.variants, "fixed"):
        np.testing.assert_array_equal(x, passes(case, case.arm(arm), 3, 1)[0][0])


def test_both_tutorials_see_the_same_points_in_the_same_order():
    softmax, hinge = (reproductions.load(name) for name in ("sum_softmax", "sum_hinge"))
    pairs = zip(passes(softmax, softmax.fixed, 3, 3), passes(hinge, hinge.fixed, 3, 3), strict=True)
    for (x, labels), (also_x, signs) in pairs:
        np.testing.assert_array_equal(x, also_x)
        np.testing.assert_array_equal(labels[:, 1] - labels[:, 0], signs[:, 0])


def test_batches_of_50_and_of_500_read_the_same_sequence():
    case = reproductions.load("ln_fit")
    small = np.concatenate([x for x, _ in passes(case, case.broken, 3, 10)])
    (large,) = passes(case, case.broken.replace(batch_size=500), 3, 1)
    np.testing.assert_array_equal(small, large[0])


def test_x_from_another_interval_is_the_same_sequence_moved():
    case = reproductions.load("ln_fit")
    (whole, _), (part, _) = (passes(case, case.arm(a), 3, 1)[0] for a in ("broken", "from_0.01"))
    np.testing.assert_allclose(part, 0.01 + 0.99 * whole.astype(np.float64), rtol=1e-6)
    assert part.min() >= np.float32(0.01)


# The logarithm's data.


class Constant:
    """Stands in for a generator: every draw is the same number."""

    def __init__(self, number):
        self.number = number

    def random(self, size):
        return np.full(size, self.number)


@pytest.mark.parametrize("number", [2.0**-53, 2.0**-30, 0.5, 1 - 2.0**-53])
def test_the_smallest_and_largest_draws_of_float64_stay_finite_in_float32(number):
    case = reproductions.load("ln_fit")
    x, y = case.data(case.broken, Constant(number), (1,))
    assert x.astype(np.float32)[0, 0] > 0
    assert y[0, 0] == pytest.approx(np.log1p(number - 1))
    assert np.isfinite(y.astype(np.float32)).all()


def test_no_x_of_the_logarithm_is_zero_as_float32():
    case = reproductions.load("ln_fit")
    for x, y in passes(case, case.broken.replace(batch_size=10_000), 0, 3):
        assert (x > 0).all()
        assert np.isfinite(y).all()


def test_the_logarithm_is_taken_before_x_is_cast():
    case = reproductions.load("ln_fit")
    ((x, y),) = passes(case, case.broken, 0, 1)
    drawn = streams.generator(0, "data").random((5000, 1))
    np.testing.assert_array_equal(x, drawn.astype(np.float32))
    np.testing.assert_array_equal(y, np.log(drawn).astype(np.float32))
    assert (y != np.log(x)).any()


@pytest.mark.parametrize(
    ("arm", "mean", "deviation"),
    [
        ("broken", 0.5, 12**-0.5),
        ("minus_mean", 0.0, 12**-0.5),
        ("standardise", 0.0, 1.0),
        ("by_batch", 0.0, 1.0),
    ],
)
def test_x_is_prepared_as_the_arm_says(arm, mean, deviation):
    case = reproductions.load("ln_fit")
    x = np.concatenate([x for x, _ in passes(case, case.arm(arm), 0, 4)]).astype(np.float64)
    # 20,000 draws: five deviations of the mean, and as much again for the spread.
    assert x.mean() == pytest.approx(mean, abs=5 * deviation / np.sqrt(len(x)))
    assert x.std() == pytest.approx(deviation, rel=0.03)


def test_standardised_by_batch_means_each_batch_of_50():
    case = reproductions.load("ln_fit")
    ((x, _),) = passes(case, case.arm("by_batch"), 0, 1)
    batches = x.reshape(100, 50).astype(np.float64)
    np.testing.assert_allclose(batches.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(batches.std(axis=1), 1, atol=1e-6)


# Data of the wrong shape.


@pytest.mark.parametrize(
    ("name", "shapes"),
    [("x", ((50,), (50, 1))), ("y", ((50, 1), (50,))), ("x", ((49, 1), (50, 1)))],
)
def test_data_of_another_shape_are_refused_by_name(name, shapes):
    def data(s, rng, size):
        return np.zeros(shapes[0]), np.zeros(shapes[1])

    with pytest.raises(SuiteError, match=rf"toy: data\(\) must return {name} of shape .*Received"):
        Batches(toy.make(data=data), toy.Toy(), 0).next_pass()


# Fresh points.


def test_the_points_of_the_exam_are_none_that_trained():
    case = reproductions.load("sum_hinge")
    trained = passes(case, case.broken, 5, 1)[0][0]
    fresh = era.sum_data("0/1", streams.generator(5, "test"), (10_200,))[0]
    assert not np.isin(fresh.astype(np.float32), trained).all(axis=1).any()


# Dropout.


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.2, 0.5, 0.9])
def test_the_dropout_rate_is_met(rate):
    num = 1_000_000
    kept = DropoutMasks(3, 0, rate).next_pass(1000, 1000).mean()
    # Five deviations of a binomial share, and the 1 / 65536 the masks allow themselves.
    assert abs(kept - (1 - rate)) <= 5 * np.sqrt(rate * (1 - rate) / num) + 1 / 65536


def test_a_rate_of_zero_drops_nothing():
    assert DropoutMasks(3, 0, 0.0).next_pass(200, 200).all()


def test_dropout_masks_have_a_row_a_sample():
    mask = DropoutMasks(3, 0, 0.5).next_pass(7, 3)
    assert mask.shape == (7, 3)
    assert mask.dtype == bool


def test_the_same_dropout_mask_comes_for_the_same_seed_and_place():
    one, other = (DropoutMasks(3, 1, 0.5).next_pass(50, 20) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_dropout_masks_of_passes_seeds_and_places_agree_by_chance_only():
    masks = DropoutMasks(3, 0, 0.5)
    drawn = [masks.next_pass(100, 100), masks.next_pass(100, 100)]
    drawn += [DropoutMasks(*key, 0.5).next_pass(100, 100) for key in ((3, 1), (4, 0))]
    for one, other in itertools.combinations(drawn, 2):
        # Half of 10,000 agree if independent; five deviations are 0.025.
        assert abs((one == other).mean() - 0.5) < 0.025


def test_more_dropout_drops_what_less_dropped_too():
    little, much = (DropoutMasks(3, 0, rate).next_pass(100, 100) for rate in (0.2, 0.5))
    assert not (much & ~little).any()
