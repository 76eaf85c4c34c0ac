"""Networks: initial weights keyed by place, what counts as hidden, what Keras logs."""

import functools
import itertools
import sys

import numpy as np
import pytest

import reproductions
from experiments import SuiteError
from experiments.cases import errors, plans
from experiments.training import networks, streams
from experiments.training.networks import build, initial_weights
from tests import toy

keras = networks.load_keras()
layers = keras.layers
CASES = reproductions.names()


def draw(name, arm, seed=3):
    case = reproductions.load(name)
    return initial_weights(build(case, case.arm(arm)), seed)


def sequential(*parts, num_inputs=1):
    return keras.Sequential([keras.Input((num_inputs,)), *parts])


@functools.cache
def pooled(name, arm, num_seeds=100):
    """Returns the draws of each variable over many seeds, one array a variable."""
    case = reproductions.load(name)
    model = build(case, case.arm(arm))
    drawn = zip(*(initial_weights(model, seed) for seed in range(num_seeds)), strict=True)
    return [np.concatenate([w.ravel() for w in variable]) for variable in drawn]


# Initial weights.


@pytest.mark.parametrize("name", CASES)
def test_initial_weights_fit_the_model(name):
    case = reproductions.load(name)
    for setup in plans.combinations(case).values():
        model = build(case, setup)
        found = initial_weights(model, 0)
        shapes = [tuple(variable.shape) for variable in model.trainable_variables]
        assert [weights.shape for weights in found] == shapes
        assert {weights.dtype for weights in found} == {np.dtype("float32")}


@pytest.mark.parametrize("name", CASES)
def test_the_same_seed_starts_from_the_same_weights(name):
    for one, other in zip(draw(name, "fixed"), draw(name, "fixed"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_initial_weights_do_not_depend_on_what_keras_drew_before():
    first = draw("sum_hinge", "fixed")
    keras.utils.set_random_seed(99)
    for one, other in zip(first, draw("sum_hinge", "fixed"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", CASES)
def test_other_seeds_start_from_other_weights(name):
    firsts = [draw(name, "fixed", seed)[0].tobytes() for seed in range(10)]
    assert len(set(firsts)) == 10


def test_no_two_variables_of_a_network_share_a_draw():
    # Weights and biases of all three layers, all from U[0, 1).
    found = [weights.ravel() for weights in draw("ln_fit", "broken")]
    for one, other in itertools.combinations(found, 2):
        assert not np.isin(one, other).any()


def test_layers_of_one_shape_and_initializer_draw_differently():
    uniform = keras.initializers.RandomUniform(-1, 1, seed=5)
    model = sequential(
        *(layers.Dense(3, kernel_initializer=uniform) for _ in range(3)), num_inputs=3
    )
    one, _, two, _, three, _ = initial_weights(model, 0)
    for first, second in itertools.combinations((one, two, three), 2):
        assert (first != second).all()


def test_a_draw_is_the_initializers_own_at_the_number_of_its_place():
    kernel, _, _, _ = draw("sum_hinge", "fixed", seed=3)
    number = streams.draw_seed(3, "weights", 1, 0)
    expected = keras.initializers.GlorotUniform(seed=number)((5, 20))
    np.testing.assert_array_equal(kernel, np.asarray(expected))


def test_a_bias_is_keyed_by_its_own_place_in_the_layer():
    bias = draw("ln_fit", "broken", seed=3)[5]
    number = streams.draw_seed(3, "weights", 0, 1)
    expected = keras.initializers.RandomUniform(0, 1, seed=number)((1,))
    np.testing.assert_array_equal(bias, np.asarray(expected))


def test_the_output_layer_keeps_its_draw_when_the_neck_goes():
    *_, broken, _ = draw("sin_fit", "broken")
    *_, neck, _ = draw("sin_fit", "neck")
    assert broken.shape == (50, 1)
    np.testing.assert_array_equal(broken, neck)


def test_the_hidden_layer_keeps_its_draw_when_the_neck_goes():
    _, _, broken, _, _, _ = draw("sin_fit", "broken")
    neck, _, _, _ = draw("sin_fit", "neck")
    assert broken.shape == (1, 50)
    np.testing.assert_array_equal(broken, neck)


@pytest.mark.parametrize(
    ("name", "one", "other", "places"),
    [
        # Counted from the output: kernel and bias of a place are -2 and -1, and so on.
        ("ln_fit", "weights", "start", (-2, -4, -6)),
        ("ln_fit", "biases", "broken", (-2, -4, -6)),
        ("ln_fit", "weights", "broken", (-1, -3, -5)),
        ("ln_fit", "biases", "start", (-1, -3, -5)),
        ("ln_fit", "broken", "leaky_0.3", (-1, -2, -3, -4, -5, -6)),
        ("ln_fit", "broken", "dropout", (-1, -2, -3, -4, -5, -6)),
        ("sum_hinge", "broken", "fixed", (-1, -2, -3, -4)),
        ("sum_softmax", "broken", "two_units", (-3, -4)),
    ],
)
def test_a_layer_that_keeps_place_shape_and_initializer_keeps_its_draw(name, one, other, places):
    one, other = draw(name, one), draw(name, other)
    for place in places:
        np.testing.assert_array_equal(one[place], other[place])


@pytest.mark.parametrize(
    ("name", "arm", "place", "limit"),
    [
        # The neck and the hidden layer say uniform, the output layer says nothing.
        ("sin_fit", "broken", 0, 0.05),
        ("sin_fit", "broken", 2, 0.05),
        ("sin_fit", "broken", 4, (6 / 51) ** 0.5),
        ("sum_hinge", "fixed", 0, (6 / 25) ** 0.5),
        ("sum_hinge", "fixed", 2, (6 / 21) ** 0.5),
        ("sum_softmax", "fixed", 2, (6 / 22) ** 0.5),
    ],
)
def test_weights_of_keras_1_are_uniform_between_their_limits(name, arm, place, limit):
    drawn = pooled(name, arm)[place]
    assert np.abs(drawn).max() <= np.float32(limit)
    # 100 draws at least: the chance that none comes within a tenth of an end is 0.005.
    assert drawn.min() < -0.9 * limit
    assert drawn.max() > 0.9 * limit


@pytest.mark.parametrize("place", range(6))
def test_weights_and_biases_of_tensorflow_1_lie_between_0_and_1(place):
    drawn = pooled("ln_fit", "broken")[place]
    assert drawn.min() >= 0
    assert drawn.max() < 1
    # Five deviations of a mean of uniforms.
    assert drawn.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * len(drawn)))


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_truncated_normal_never_goes_beyond_two_deviations(place):
    drawn = pooled("ln_fit", "fixed")[place]
    assert np.abs(drawn).max() <= 0.2
    assert np.abs(drawn).max() > 0.19
    # Of a normal cut at two deviations 0.8796 of the deviation is left.
    assert drawn.std() == pytest.approx(0.08796, rel=5 / np.sqrt(len(drawn)))


@pytest.mark.parametrize("place", [1, 3, 5])
def test_answer_cs_biases_are_a_tenth(place):
    np.testing.assert_array_equal(pooled("ln_fit", "fixed")[place], np.float32(0.1))


@pytest.mark.parametrize("name", ["sin_fit", "sum_softmax", "sum_hinge"])
def test_biases_start_at_zero_where_nothing_else_is_said(name):
    for weights in draw(name, "fixed")[1::2]:
        assert not weights.any()


def test_a_layer_without_bias_has_one_variable():
    model = sequential(layers.Dense(3, use_bias=False), layers.Dense(1))
    assert [w.shape for w in initial_weights(model, 0)] == [(1, 3), (3, 1), (1,)]


def test_layers_without_weights_do_not_count_as_places():
    plain = sequential(layers.Dense(3), layers.Dense(1))
    parted = sequential(layers.Dense(3), layers.ReLU(), layers.Dropout(0.5), layers.Dense(1))
    for one, other in zip(initial_weights(plain, 0), initial_weights(parted, 0), strict=True):
        np.testing.assert_array_equal(one, other)


def test_places_are_counted_from_the_output():
    model = sequential(layers.Dense(3), layers.ReLU(), layers.Dense(2), layers.Dense(1))
    found = [(place, layer.units) for place, layer in networks.weighted_layers(model)]
    assert found == [(2, 3), (1, 2), (0, 1)]


# What a model is made of.


MADE = {
    "two": lambda: (layers.Dense(3, "tanh"), layers.Dense(1)),
    "one": lambda: (layers.Dense(1),),
    "parted": lambda: (layers.Dense(3), layers.ReLU(), layers.Dropout(0.5), layers.Dense(1)),
    "leaky": lambda: (layers.Dense(3), layers.LeakyReLU(), layers.Dense(1)),
    "rescaled": lambda: (layers.Rescaling(2.0), layers.Dense(3, "relu"), layers.Dense(1)),
    "headed": lambda: (layers.Dense(3, "relu"), layers.Dense(1), layers.Activation("tanh")),
    "idle": lambda: (layers.Dropout(0.0), layers.Dense(3), layers.Dropout(0.25), layers.Dense(1)),
    "three": lambda: (layers.Dense(3, "relu"), layers.Dense(2, "sigmoid"), layers.Dense(1)),
}


@pytest.mark.parametrize(
    ("name", "hidden", "activations"),
    [
        ("two", [0], ["tanh"]),
        ("one", [], []),
        ("parted", [1], ["relu"]),
        ("leaky", [1], ["leakyrelu"]),
        ("rescaled", [1], ["relu"]),
        ("headed", [0], ["relu"]),
        ("idle", [1], ["linear"]),
        ("three", [0, 1], ["relu", "sigmoid"]),
    ],
)
def test_hidden_layers_feed_a_further_dense_layer(name, hidden, activations):
    model = sequential(*MADE[name]())
    found = networks.hidden_layers(model)
    assert found == [model.layers[place] for place in hidden]
    assert [networks.activation_name(layer) for layer in found] == activations


@pytest.mark.parametrize(
    ("name", "arm", "activations"),
    [
        ("sin_fit", "broken", ["sigmoid", "sigmoid"]),
        ("sin_fit", "neck", ["sigmoid"]),
        ("sum_softmax", "fixed", ["relu"]),
        ("sum_hinge", "fixed", ["tanh"]),
        ("ln_fit", "broken", ["relu", "relu"]),
        ("ln_fit", "dropout", ["relu", "relu"]),
        ("ln_fit", "one_layer", ["relu"]),
    ],
)
def test_hidden_activations_of_the_cases(name, arm, activations):
    case = reproductions.load(name)
    found = networks.hidden_layers(build(case, case.arm(arm)))
    assert [networks.activation_name(layer) for layer in found] == activations


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda: layers.Dense(1), "linear"),
        (lambda: layers.Dense(1, "relu"), "relu"),
        (lambda: layers.Dense(1, "hard_sigmoid"), "hard_sigmoid"),
        (lambda: layers.Dense(1, keras.activations.softsign), "softsign"),
        (lambda: layers.Activation("tanh"), "tanh"),
        (lambda: layers.ReLU(), "relu"),
        (lambda: layers.Rescaling(2.0), "rescaling"),
    ],
)
def test_activations_by_name(layer, name):
    model = sequential(layer())
    assert networks.activation_name(model.layers[0]) == name


@pytest.mark.parametrize(("name", "places"), [("two", []), ("parted", [2]), ("idle", [2])])
def test_dropout_layers_are_those_that_drop(name, places):
    model = sequential(*MADE[name]())
    assert networks.dropout_layers(model) == [model.layers[place] for place in places]


def test_dropout_masks_are_keyed_by_place_from_the_output():
    model = sequential(layers.Dense(4), layers.Dropout(0.5), layers.Dense(3), layers.Dropout(0.25))
    (first, num_first), (second, num_second) = networks.dropout_masks(model, 7)
    assert (num_first, num_second) == (4, 3)
    expected = streams.DropoutMasks(7, 1, 0.5), streams.DropoutMasks(7, 0, 0.25)
    for ours, theirs in zip((first, second), expected, strict=True):
        np.testing.assert_array_equal(ours.next_pass(50, 4), theirs.next_pass(50, 4))


# Building.


def returning(make):
    return toy.make(model=lambda s: make())


def test_a_model_that_is_not_compiled_is_refused():
    with pytest.raises(SuiteError, match=r"toy: model\(\) must compile what it returns"):
        build(returning(lambda: sequential(layers.Dense(1))), toy.Toy())


def test_a_model_without_an_input_is_refused():
    with pytest.raises(SuiteError, match="starts with keras.Input. Received: Sequential"):
        build(returning(lambda: keras.Sequential([layers.Dense(1)])), toy.Toy())


def test_what_is_no_model_is_refused():
    with pytest.raises(SuiteError, match="must return a compiled keras.Sequential.*Received: dict"):
        build(returning(dict), toy.Toy())


@pytest.mark.parametrize("name", CASES)
def test_the_model_of_a_case_trains_by_plain_fit(name):
    case = reproductions.load(name)
    x, y = streams.Batches(case, case.broken, 0).next_pass()
    history = build(case, case.broken).fit(x[:20], y[:20], epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


# The backend.


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_another_backend_is_refused_with_the_words_that_mend_it(backend, monkeypatch):
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(SuiteError, match=f"KERAS_BACKEND=tensorflow. Received: {backend}"):
        networks.check_backend()


@pytest.mark.parametrize("backend", ["", "tensorflow"])
def test_no_backend_means_tensorflow(backend, monkeypatch):
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    networks.check_backend()
    assert networks.os.environ["KERAS_BACKEND"] == "tensorflow"


# What `fit` counts and logs.


@pytest.mark.parametrize(
    ("num_samples", "split", "batch_size"),
    [(250, 0.2, 32), (10, 0.25, 4), (10, 0.1, 3)],
)
def test_fit_trains_as_many_samples_in_as_many_steps_as_a_setup_says(
    num_samples, split, batch_size
):
    from tests.cases.test_case import Finite

    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(self.params["steps"])

    model = sequential(layers.Dense(1))
    model.compile("sgd", "mse")
    x = np.zeros((num_samples, 1))
    model.fit(x, x, batch_size, validation_split=split, callbacks=[Watch()], verbose=0)
    fields = dict(num_samples=num_samples, validation_split=split, batch_size=batch_size)
    assert seen == [Finite(**fields).steps_per_epoch]


LABELS = np.random.default_rng(1).integers(0, 2, (40, 1)).astype("float32")
LOGGED = {
    "sigmoid, 0/1": ("sigmoid", "binary_crossentropy", LABELS),
    "tanh, -1/+1": ("tanh", "hinge", 2 * LABELS - 1),
    "linear, any": (None, "mse", LABELS * 1.7 - 0.3),
    "one softmax": ("softmax", "binary_crossentropy", LABELS),
    "two softmax": ("softmax", "categorical_crossentropy", np.hstack([1 - LABELS, LABELS])),
    "two sigmoid": ("sigmoid", "binary_crossentropy", np.hstack([1 - LABELS, LABELS])),
    "two linear": (None, "mse", np.hstack([1 - LABELS, LABELS])),
}


@pytest.mark.parametrize("kind", LOGGED)
def test_the_accuracy_is_what_fit_logs(kind):
    activation, loss, y = LOGGED[kind]
    x = np.random.default_rng(2).normal(size=(40, 3)).astype("float32")
    model = sequential(layers.Dense(y.shape[1], activation), num_inputs=3)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=16, epochs=1, verbose=0).history
    todays, keras_1 = networks.accuracies(model)
    outputs = model(x)
    for found in (todays(y, outputs), keras_1(y, outputs)):
        assert found.shape == (40,)
        assert set(np.unique(found)) <= {0, 1}
    assert np.mean(todays(y, outputs)) == pytest.approx(history["accuracy"][0], abs=1e-6)


@pytest.mark.parametrize(
    ("label", "output", "right"),
    [
        (1, 0.51, 1),
        (1, 0.5, 0),
        (0, 0.5, 1),
        (0, 0.49, 1),
        (-1, -0.51, 1),
        (-1, -0.5, 0),
        (-1, 0.51, 0),
        (1, 1.51, 0),
        (0, -0.3, 1),
    ],
)
def test_keras_1_compares_the_rounded_output_with_the_label(label, output, right):
    found = networks.rounded_accuracy(np.array([[label]]), keras.ops.array([[output]]))
    np.testing.assert_array_equal(np.asarray(found), [right])


def test_with_labels_of_minus_one_todays_accuracy_is_right_about_class_1_only():
    todays, _ = networks.accuracies(sequential(layers.Dense(1, "tanh")))
    y = np.array([[-1.0], [-1.0], [1.0], [1.0]])
    p = keras.ops.array([[-0.9], [0.9], [-0.9], [0.9]])
    np.testing.assert_array_equal(np.asarray(todays(y, p)), [0, 0, 0, 1])


def test_two_columns_are_compared_by_their_largest():
    todays, keras_1 = networks.accuracies(sequential(layers.Dense(2)))
    y = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    p = keras.ops.array([[0.4, 0.3], [0.4, 0.3], [-2.0, -1.0]])
    for found in (todays(y, p), keras_1(y, p)):
        np.testing.assert_array_equal(np.asarray(found), [1, 0, 1])


def test_a_frozen_layer_is_seeded_too():
    def model(s):
        network = toy.model(s)
        network.layers[0].trainable = False
        return network

    case = toy.make(model=model)
    drawn = [networks.initial_weights(build(case, toy.Toy()), 3) for _ in range(2)]
    assert len(drawn[0]) == 4
    for one, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one, other)


# Weights set by hand.


def test_weights_set_by_hand_replace_those_drawn():
    case = toy.make(by_hand=lambda s, weights: [0 * weights[0] + 3, *weights[1:]])
    model = build(case, case.broken)
    drawn = initial_weights(model, 1)
    first, *rest = networks.starting_weights(case, case.broken, model, 1)
    assert (first == 3).all()
    assert first.dtype == np.float32
    for one, other in zip(rest, drawn[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_set_by_hand_keep_their_shapes():
    case = toy.make(by_hand=lambda s, weights: weights[:-1])
    with pytest.raises(SuiteError, match=r"by_hand\(\) must return arrays of shapes .*Received"):
        networks.starting_weights(case, case.broken, build(case, case.broken), 0)


@pytest.mark.parametrize("arm", ["routed", "start_5", "next_steep"])
def test_a_neck_set_by_hand_is_half_open_in_the_middle(arm):
    case = reproductions.load("sin_fit")
    setup = case.arm(arm)
    kernel, bias, *_ = networks.starting_weights(case, setup, build(case, setup), 0)
    assert kernel[0, 0] / 2 + bias[0] == pytest.approx(0)
    assert kernel[0, 0] == setup.by_hand[1]


def test_a_solution_set_by_hand_runs_through_one_unit():
    case = reproductions.load("ln_fit")
    setup = case.arm("routed")
    _, _, second, _, last, _ = networks.starting_weights(case, setup, build(case, setup), 0)
    assert np.flatnonzero(second.any(axis=0)).tolist() == [0]
    assert np.flatnonzero(last).tolist() == [0]


def test_a_layer_closed_by_hand_never_opens():
    case = reproductions.load("ln_fit")
    setup = case.arm("dead")
    w1, b1, w2, b2, _, _ = networks.starting_weights(case, setup, build(case, setup), 0)
    x = np.linspace(0, 1, 101)[:, None]
    assert (np.maximum(x @ w1 + b1, 0) @ w2 + b2 < 0).all()


def test_a_backend_with_control_characters_is_one_line(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "\x1b[31mjax")
    monkeypatch.setattr(networks.sys, "modules", {})
    with pytest.raises(SuiteError) as caught:
        networks.check_backend()
    assert "\\x1b[31mjax" in errors.one_line(caught.value)
