"""Networks: a case's plain Keras model, and one seed's initial weights for it.

The first that imports Keras. Both trainers start from here.
"""

import contextlib
import importlib
import json
import os
import sys
import tempfile

import numpy as np

from experiments.cases.case import SuiteError
from experiments.cases.errors import shown
from experiments.training import devices, error_messages, memory, shape_checks, streams


def check_backend():
    """Makes sure that Keras will run on TensorFlow; imports neither.

    Raises:
        SuiteError: Another backend stands in the environment, or Keras was loaded
            with one.
    """
    requested = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if "keras" in sys.modules:
        requested = sys.modules["keras"].config.backend()
    if requested != "tensorflow":
        raise SuiteError(
            "The suite trains on Keras's TensorFlow backend; run again with "
            f"KERAS_BACKEND=tensorflow. Received: {requested}"
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"


def load_keras():
    """Imports and returns Keras on TensorFlow, without the latter's greetings."""
    check_backend()
    if "keras" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        devices.settle_environment()
        with _stderr_held_back():
            importlib.import_module("keras")
    devices.prepare()
    return sys.modules["keras"]


@contextlib.contextmanager
def _stderr_held_back():
    """Keeps what C code writes to stderr; shows it only if the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, contextlib.ExitStack() as stack:
        screen = os.dup(2)
        stack.callback(os.close, screen)
        os.dup2(held.fileno(), 2)
        stack.callback(os.dup2, screen, 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(screen, held.read())
            raise


def build(case, setup):
    """Returns the compiled, built `keras.Sequential` of one arm.

    Raises:
        SuiteError: `model` returned something else, Keras refuses the setup, data and
            network do not fit together, or they do not fit into the machine's memory.
    """
    load_keras()
    with error_messages.explained(case, setup, "built"):
        if memory.has_large_number(setup):
            _check_size(case, setup)
        model = case.model(setup)
        _check_model(case, model)
    check_memory(case, setup, model)
    with error_messages.explained(case, setup, "given samples"):
        shape_checks.check(case, setup, model.input_shape[-1], model.output_shape[-1])
    return model


def _check_size(case, setup):
    """Builds the network in a graph, where its weights are shapes and take no memory."""
    # Keras on this backend has imported it.
    with sys.modules["tensorflow"].Graph().as_default():
        model = case.model(setup)
        _check_model(case, model)
    check_memory(case, setup, model)


def check_memory(case, setup, model, num_seeds=1):
    """Makes sure that training so many seeds side by side fits into the memory.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
        model: Its built model; the values of its weights are not looked at.
        num_seeds: Seeds in a stack; one alone is trained by plain Keras.

    Raises:
        SuiteError: It does not.
    """
    # A stack fills up the last batch of a pass, plain Keras leaves it short.
    num_samples = streams.steps_per_pass(setup) * setup.batch_size
    if num_seeds == 1 and not setup.is_stream:
        num_samples = setup.num_samples
    memory.check(case, setup, model, num_samples, num_seeds)


def _check_model(case, model):
    import keras

    if not isinstance(model, keras.Sequential) or not model.built:
        raise SuiteError(
            f"{case.name}: model() must return a compiled keras.Sequential that "
            f"starts with keras.Input. Received: {type(model).__name__}"
        )
    if getattr(model, "optimizer", None) is None:
        raise SuiteError(f"{case.name}: model() must compile what it returns.")
    if isinstance(model.loss, str):
        # Keras looks a name up when it trains, which is too late to say so.
        keras.losses.get(model.loss)
    if len(model.input_shape) != 2 or len(model.output_shape) != 2:
        raise SuiteError(
            f"{case.name}: model() must take and return arrays of two dimensions. Received: "
            f"{model.input_shape} to {model.output_shape}"
        )


def description(case, setup):
    """Returns an arm's model in words: layers, optimizer and loss, without names."""
    model = build(case, setup)
    parts = [model.optimizer.get_config(), *(layer.get_config() for layer in model.layers)]
    parts = [{k: v for k, v in part.items() if k != "name"} for part in parts]
    return json.dumps([str(model.loss), *parts], default=str)


def weighted_layers(model):
    """Returns the layers that have weights, each with its place from the output."""
    layers = [layer for layer in model.layers if layer.weights]
    return [(len(layers) - 1 - place, layer) for place, layer in enumerate(layers)]


def initial_weights(model, seed):
    """Draws one seed's initial weights with the model's own initializers.

    A draw is keyed by seed, the layer's place counted from the output, and the
    variable; so a layer that keeps its place, shape and initializer keeps its
    draw from arm to arm.

    Args:
        model: A built `keras.Sequential`.
        seed: Whole number of at least 0.

    Returns:
        A list of NumPy arrays in the order of `model.weights`.

    Raises:
        SuiteError: A weight of a layer has no initializer that could be seeded.
    """
    weights = []
    for place, layer in weighted_layers(model):
        for index, variable in enumerate(layer.weights):
            initializer = getattr(layer, f"{variable.name}_initializer", None)
            if initializer is None:
                raise SuiteError(
                    f"Initial weights are drawn from the seed, so a weight needs an "
                    f"initializer of its layer. Received: {variable.name} of "
                    f"{type(layer).__name__}"
                )
            number = streams.draw_seed(seed, "weights", place, index)
            weights.append(_draw(initializer, variable.shape, number))
    return weights


def starting_weights(case, setup, model, seed):
    """Returns what a seed's training starts from: as drawn, then as set by hand.

    Raises:
        SuiteError: `by_hand` returned arrays of other shapes.
    """
    weights = initial_weights(model, seed)
    if case.by_hand is None:
        return weights
    shapes = [np.shape(value) for value in weights]
    given = case.by_hand(setup, list(weights))
    try:
        weights = [np.asarray(value, np.float32) for value in given]
    except (TypeError, ValueError):
        weights = []
    if [value.shape for value in weights] != shapes:
        found = [np.shape(value) for value in weights] or shown(given)
        raise SuiteError(
            f"{case.name}: by_hand() must return arrays of shapes {shapes}. Received: {found}"
        )
    return weights


def _draw(initializer, shape, number):
    config = initializer.get_config()
    if "seed" in config:
        # A Keras initializer with an int seed repeats one draw, so each call
        # needs an initializer of its own.
        initializer = initializer.from_config(config | {"seed": number})
    with devices.on_cpu():
        return initializer(shape, dtype="float32").numpy()


def dropout_layers(model):
    """Returns the dropout layers that drop anything, in order."""
    import keras

    dropouts = [la for la in model.layers if isinstance(la, keras.layers.Dropout)]
    return [layer for layer in dropouts if layer.rate > 0]


def dropout_masks(model, seed):
    """Returns `(DropoutMasks, num_units)` for each layer that drops, in order."""
    layers = dropout_layers(model)
    return [
        (
            streams.DropoutMasks(seed, len(layers) - 1 - place, layer.rate),
            layer.output.shape[-1],
        )
        for place, layer in enumerate(layers)
    ]


def hidden_layers(model):
    """Returns the layers whose outputs feed a further Dense layer, in order.

    A dropout between the two is passed over: it is idle outside training.
    """
    import keras

    found, last = [], None
    for layer in model.layers:
        is_dense = isinstance(layer, keras.layers.Dense)
        if is_dense and last is not None:
            found.append(last)
        if is_dense or (last and not isinstance(layer, keras.layers.Dropout)):
            last = layer
    return found


def activation_name(layer):
    """Returns a layer's activation in lower case, `linear` if it has none."""
    activation = getattr(layer, "activation", None)
    if activation is not None:
        return getattr(activation, "__name__", type(activation).__name__)
    if layer.trainable_variables:
        return "linear"
    return type(layer).__name__.lower()


def accuracies(model):
    """Returns the two accuracies that Keras logs during training.

    Returns:
        `(today's, Keras 1's)`: functions of labels and outputs of shape
        `(..., num_outputs)`, returning 0 or 1 for each sample. Both choose by
        shape: several columns mean argmax against argmax; for one column today's
        reads p > 0.5 as 0/1, Keras 1's compares the rounded output with the
        label.
    """
    import keras

    if model.output_shape[-1] > 1:
        return (keras.metrics.categorical_accuracy,) * 2
    todays = keras.metrics.binary_accuracy
    return lambda y_true, y_pred: todays(y_true, y_pred)[..., 0], rounded_accuracy


def rounded_accuracy(y_true, y_pred):
    """Returns Keras 1's accuracy of one column: rounded output equal to label."""
    from keras import ops

    equal = ops.equal(ops.cast(y_true, y_pred.dtype), ops.round(y_pred))
    return ops.mean(ops.cast(equal, "float32"), axis=-1)
