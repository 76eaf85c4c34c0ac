"""Words of Keras 1: losses as they stood, optimizers as they were set, the 5-dim data."""

import math

import numpy as np
import pytest

from experiments import era
from experiments.training import networks

# Name: the settings of the software of the time, as the sources have them.
SETTINGS = {
    "SGD": dict(learning_rate=0.01, momentum=0.0, nesterov=False),
    "RMSprop": dict(learning_rate=0.001, rho=0.9, epsilon=1e-16, momentum=0.0, centered=False),
    "Adam": dict(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8, amsgrad=False),
    "Adagrad": dict(learning_rate=0.01, initial_accumulator_value=0.0, epsilon=1e-16),
    "Adadelta": dict(learning_rate=1.0, rho=0.95, epsilon=1e-8),
    "Adamax": dict(learning_rate=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-8),
    "Nadam": dict(learning_rate=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-8),
}
GRADIENTS = (0.5, -2.0, 1e-3, 0.0, 30.0, -0.7)


@pytest.fixture(scope="module")
def keras():
    return networks.load_keras()


def table(seed, columns, low=-1.0, high=1.0):
    """Returns random labels 0/1 and outputs of 20 samples."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, (20, columns)).astype(np.float32)
    return y, rng.uniform(low, high, (20, columns)).astype(np.float32)


# Literal losses.


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("domain", ["0/1", "-1/+1"])
def test_literal_hinge_is_the_formula_on_the_labels_as_given(keras, columns, domain):
    y, p = table(1, columns, -2, 2)
    y = y if domain == "0/1" else 2 * y - 1
    expected = [
        sum(max(1 - a * b, 0) for a, b in zip(*row, strict=True)) / columns
        for row in zip(y.tolist(), p.tolist(), strict=True)
    ]
    np.testing.assert_allclose(
        np.asarray(era.literal_hinge(y, keras.ops.array(p))), expected, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("label", "output", "loss"),
    [(1, 1, 0), (1, 3, 0), (1, 0.25, 0.75), (1, -1, 2), (-1, -1, 0), (-1, 0.5, 1.5), (0, 0.3, 1)],
)
def test_literal_hinge_by_hand(keras, label, output, loss):
    found = era.literal_hinge(np.array([[label]]), keras.ops.array([[float(output)]]))
    np.testing.assert_allclose(np.asarray(found), [loss])


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_literal_binary_crossentropy_is_the_formula_on_the_outputs(keras, columns):
    y, p = table(2, columns, 0.01, 0.99)
    expected = [
        -sum(math.log(b if a else 1 - b) for a, b in zip(*row, strict=True)) / columns
        for row in zip(y.tolist(), p.tolist(), strict=True)
    ]
    found = era.literal_binary_crossentropy(y, keras.ops.array(p))
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("output", [0.0, 1.0])
def test_literal_binary_crossentropy_clips_where_float32_does(keras, label, output):
    p = np.clip(np.float32(output), np.float32(1e-7), np.float32(1 - 1e-7))
    expected = -np.log(p if label else np.float32(1) - p)
    found = era.literal_binary_crossentropy(np.array([[label]]), keras.ops.array([[output]]))
    np.testing.assert_allclose(np.asarray(found), [expected], rtol=1e-6)


@pytest.mark.parametrize("name", era.LITERAL_LOSSES)
def test_a_literal_loss_has_one_value_a_sample(keras, name):
    y, p = table(3, 2, 0.1, 0.9)
    assert era.loss(name)(y, keras.ops.array(p)).shape == (20,)


def test_todays_hinge_converts_labels_of_zero_and_the_literal_one_does_not(keras):
    y, p = np.array([[0.0], [1.0]]), keras.ops.array([[0.3], [0.3]])
    np.testing.assert_allclose(np.asarray(keras.losses.hinge(y, p)), [1.3, 0.7], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(era.literal_hinge(y, p)), [1.0, 0.7], rtol=1e-6)


def test_both_hinges_agree_on_labels_of_minus_and_plus_one(keras):
    y, p = table(4, 1, -2, 2)
    y, p = 2 * y - 1, keras.ops.array(p)
    todays = np.asarray(keras.losses.hinge(y, p))
    np.testing.assert_allclose(np.asarray(era.literal_hinge(y, p)), todays, rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "moves"), [("binary_crossentropy", True), ("literal_binary_crossentropy", False)]
)
def test_one_softmax_unit_learns_from_todays_loss_only(keras, loss, moves):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "softmax")])
    model.compile(keras.optimizers.SGD(0.5), era.loss(loss))
    before = model.get_weights()[0].copy()
    x, y = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[0.0], [1.0]])
    model.fit(x, y, epochs=1, verbose=0)
    assert (model.get_weights()[0] != before).any() == moves


@pytest.mark.parametrize(
    "name", ["mse", "hinge", "binary_crossentropy", "categorical_crossentropy"]
)
def test_any_other_loss_is_keras_by_its_name(name):
    assert era.loss(name) == name


def test_a_literal_loss_is_found_by_its_name():
    assert era.loss("literal_hinge") is era.literal_hinge
    assert era.loss("literal_binary_crossentropy") is era.literal_binary_crossentropy


# Optimizers.


def test_the_seven_optimizers_are_those_of_the_article():
    assert sorted(era.KERAS_1) == sorted(SETTINGS)
    assert {name: sorted(found) for name, found in era.OPTIMIZERS.items()} == {
        "Keras 1": sorted(SETTINGS),
        "today": sorted(SETTINGS),
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_an_optimizer_has_the_settings_of_its_time(keras, name):
    config = era.optimizer(name).get_config()
    assert type(era.optimizer(name)) is getattr(keras.optimizers, name)
    assert {key: config[key] for key in SETTINGS[name]} == pytest.approx(SETTINGS[name])


@pytest.mark.parametrize("name", SETTINGS)
def test_an_optimizer_clips_nothing_unless_told(keras, name):
    config = era.optimizer(name, clipvalue=None).get_config()
    assert [config[key] for key in ("clipvalue", "clipnorm", "global_clipnorm")] == [None] * 3


@pytest.mark.parametrize("name", SETTINGS)
def test_a_changed_setting_leaves_the_others(keras, name):
    config = era.optimizer(name, learning_rate=0.25, clipvalue=1.0).get_config()
    expected = SETTINGS[name] | dict(learning_rate=0.25, clipvalue=1.0)
    assert {key: config[key] for key in expected} == pytest.approx(expected)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_none_keeps_the_default(keras, name):
    config = era.optimizer(name, learning_rate=None).get_config()
    assert config["learning_rate"] == pytest.approx(SETTINGS[name]["learning_rate"])


def sgd(p, g, t, s):
    return p - 0.01 * g


def rmsprop(p, g, t, s):
    s["a"] = 0.9 * s.get("a", 0) + 0.1 * g * g
    return p - 0.001 * g / (math.sqrt(s["a"]) + 1e-8)


def adagrad(p, g, t, s):
    s["a"] = s.get("a", 0) + g * g
    return p - 0.01 * g / (math.sqrt(s["a"]) + 1e-8)


def adadelta(p, g, t, s):
    s["a"] = 0.95 * s.get("a", 0) + 0.05 * g * g
    move = g * math.sqrt(s.get("d", 0) + 1e-8) / math.sqrt(s["a"] + 1e-8)
    s["d"] = 0.95 * s.get("d", 0) + 0.05 * move * move
    return p - move


def adam(p, g, t, s):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    rate = 0.001 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return p - rate * s["m"] / (math.sqrt(s["v"]) + 1e-8)


def adamax(p, g, t, s):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["u"] = max(0.999 * s.get("u", 0), abs(g))
    return p - 0.002 / (1 - 0.9**t) * s["m"] / (s["u"] + 1e-8)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("SGD", sgd),
        ("RMSprop", rmsprop),
        ("Adagrad", adagrad),
        ("Adadelta", adadelta),
        ("Adam", adam),
        ("Adamax", adamax),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_an_optimizer_steps_by_the_rule_of_keras_1(keras, name, rule, scale):
    variable, place, memory = keras.Variable(1.0), 1.0, {}
    optimizer = era.optimizer(name)
    for step, gradient in enumerate(GRADIENTS, start=1):
        before, start = float(variable), place
        optimizer.apply([keras.ops.array(scale * gradient)], [variable])
        place = rule(place, scale * gradient, step, memory)
        # Rounding of a float32 near 1 is 1.2e-7 at every subtraction.
        assert float(variable) - before == pytest.approx(place - start, rel=2e-3, abs=2e-7)


# The data.


@pytest.mark.parametrize(
    ("point", "above"),
    [
        ([0.5, 0.5, 0.5, 0.5, 0.5], False),
        ([1.0, 1.0, 0.5, 0.0, 0.0], False),
        ([0.5, 0.5, 0.5, 0.5, 0.5 + 2**-40], True),
        ([0.5, 0.5, 0.5, 0.5, 0.5 - 2**-40], False),
        ([0.0] * 5, False),
        ([1.0] * 5, True),
    ],
)
def test_a_sum_of_exactly_two_and_a_half_is_class_0(point, above):
    assert era.sum_exceeds_half(np.array(point)) == above


class Halves:
    """Stands in for a generator: every coordinate is one half."""

    def random(self, size):
        return np.full(size, 0.5)


@pytest.mark.parametrize(
    ("labels", "class_0"), [("0/1", [0]), ("-1/+1", [-1]), ("one-hot", [1, 0])]
)
def test_the_border_is_labelled_class_0(labels, class_0):
    _, y = era.sum_data(labels, Halves(), (3,))
    np.testing.assert_array_equal(y, [class_0] * 3)


@pytest.mark.parametrize(
    ("labels", "zero", "one"),
    [("0/1", [0], [1]), ("-1/+1", [-1], [1]), ("one-hot", [1, 0], [0, 1])],
)
def test_points_are_labelled_by_their_exact_sum(labels, zero, one):
    x, y = era.sum_data(labels, np.random.default_rng(1), (500,))
    expected = [one if math.fsum(point) > 2.5 else zero for point in x.tolist()]
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("size", [(7,), (2, 3)])
def test_points_are_the_generators_own_uniform_draws(size):
    x, _ = era.sum_data("0/1", np.random.default_rng(1), size)
    np.testing.assert_array_equal(x, np.random.default_rng(1).random((*size, 5)))


@pytest.mark.parametrize("labels", era.LABELS)
def test_how_points_are_labelled_leaves_them_where_they_are(labels):
    x, y = era.sum_data(labels, np.random.default_rng(1), (2, 3))
    np.testing.assert_array_equal(x, era.sum_data("0/1", np.random.default_rng(1), (2, 3))[0])
    assert y.shape[:-1] == (2, 3)


def test_half_of_all_points_are_of_class_1():
    _, y = era.sum_data("0/1", np.random.default_rng(1), (40_000,))
    # By symmetry; five deviations of a share of 40,000.
    assert abs(y.mean() - 0.5) < 5 * 0.5 / 200


def test_dimensions_and_threshold_may_be_others():
    x, y = era.sum_data("0/1", np.random.default_rng(1), (500,), num_dimensions=3, threshold=1.0)
    assert x.shape == (500, 3)
    np.testing.assert_array_equal(y[:, 0], [math.fsum(point) > 1.0 for point in x.tolist()])


# What only Keras 1 computed so.


@pytest.mark.parametrize("name", SETTINGS)
def test_the_defaults_of_today_are_keras_own(keras, name):
    made = era.optimizer(name, "today"), getattr(keras.optimizers, name)()
    given, own = (optimizer.get_config() | {"name": ""} for optimizer in made)
    assert given == own


def test_the_literal_hard_sigmoid_by_hand(keras):
    x = np.array([-4.0, -2.5, 0.0, 1.0, 2.5, 4.0], np.float32)
    expected = [0.0, 0.0, 0.5, 0.7, 1.0, 1.0]
    assert np.asarray(era.literal_hard_sigmoid(x)) == pytest.approx(expected)
    assert era.activation("literal_hard_sigmoid") is era.literal_hard_sigmoid
    assert era.activation("relu") == "relu"


def test_the_literal_squared_hinge_by_hand(keras):
    labels, outputs = np.array([[1.0], [-1.0], [0.0]]), np.array([[0.5], [0.5], [0.3]])
    found = np.asarray(era.literal_squared_hinge(labels, outputs.astype(np.float32)))
    assert found == pytest.approx([0.25, 2.25, 1.0])


def test_the_literal_categorical_crossentropy_by_hand(keras):
    labels = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    outputs = np.array([[0.25, 0.75], [0.0, 1.0]], np.float32)
    found = np.asarray(era.literal_categorical_crossentropy(labels, outputs))
    assert found == pytest.approx([-np.log(0.75), -np.log(1e-7)], rel=1e-4)


def test_the_literal_cosine_is_a_mean_over_columns(keras):
    labels = np.array([[0.0, 1.0]], np.float32)
    outputs = np.array([[3.0, 4.0]], np.float32)
    assert np.asarray(era.literal_cosine_similarity(labels, outputs)) == pytest.approx([-0.4])
    todays = keras.losses.get("cosine_similarity")(labels, outputs)
    assert np.asarray(todays) == pytest.approx([-0.8])
