"""The Keras model of an arm, and the initial weights of one seed.

Keras is first imported by `load_keras`, which checks the backend and configures the GPU. All
trainers use this module.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.cases.errors import SuiteError, shown
from experiments.training import devices, error_messages, memory, shape_checks, streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup


def check_backend() -> None:
    """Makes sure that Keras will run on TensorFlow; imports neither.

    Raises:
        SuiteError: The environment names another backend, or Keras was imported with one.
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


def load_keras() -> Any:
    """Imports and returns Keras on TensorFlow, without TensorFlow's start-up messages."""
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
    """Holds back output to stderr, also of C code; writes it only if the block fails."""
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


def build(case: Case, setup: Setup) -> Any:
    """Returns the compiled, built `keras.Sequential` of one arm.

    Raises:
        SuiteError: `model` returned something else, Keras refuses the setup, data and
            network do not fit together, or training does not fit into the memory.
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
    """Checks the size on a model built in a graph, where weights take no memory."""
    # Keras has imported TensorFlow.
    with sys.modules["tensorflow"].Graph().as_default():
        model = case.model(setup)
        _check_model(case, model)
    check_memory(case, setup, model)


def check_memory(case: Case, setup: Setup, model: Any, num_seeds: int = 1) -> None:
    """Makes sure that training a number of seeds at once fits into the memory.

    Args:
        case: The case.
        setup: The setup of the arm.
        model: Its built model; only the shapes of its weights are read.
        num_seeds: Seeds in a stack. A single seed is trained by plain Keras.

    Raises:
        SuiteError: It does not fit.
    """
    # A stack fills the last batch of a pass, plain Keras leaves it short.
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
        # Keras resolves the name only in training; an unknown name must fail here.
        keras.losses.get(model.loss)
    shapes = (model.input_shape, model.output_shape)
    # Keras declares shapes as optional; a built model has both.
    if any(len(shape) != 2 for shape in shapes):  # pyright: ignore[reportArgumentType]
        raise SuiteError(
            f"{case.name}: model() must take and return arrays of two dimensions. Received: "
            f"{shapes[0]} to {shapes[1]}"
        )


def description(case: Case, setup: Setup) -> str:
    """Returns loss, optimizer and layers of an arm's model as JSON, without names."""
    model = build(case, setup)
    parts = [model.optimizer.get_config(), *(layer.get_config() for layer in model.layers)]
    parts = [{k: v for k, v in part.items() if k != "name"} for part in parts]
    return json.dumps([str(model.loss), *parts], default=str)


def weighted_layers(model: Any) -> list[tuple[int, Any]]:
    """Returns `(place, layer)` of the layers with weights; the output layer has place 0."""
    layers = [layer for layer in model.layers if layer.weights]
    return [(len(layers) - 1 - place, layer) for place, layer in enumerate(layers)]


def initial_weights(model: Any, seed: int) -> list[np.ndarray]:
    """Draws the initial weights of one seed with the model's own initializers.

    A draw is keyed by seed, the layer's place counted from the output, and the
    variable. So a layer with the same place, shape and initializer in two arms has the
    same weights in both.

    Args:
        model: A built `keras.Sequential`.
        seed: Integer of at least 0.

    Returns:
        A list of NumPy arrays in the order of `model.weights`.

    Raises:
        SuiteError: A weight has no initializer that could be seeded.
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


def starting_weights(case: Case, setup: Setup, model: Any, seed: int) -> list[np.ndarray]:
    """Returns the weights at step 0: the drawn ones, as changed by the case's `by_hand`.

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
        # A Keras initializer with an integer seed returns the same draw at each call.
        initializer = initializer.from_config(config | {"seed": number})
    with devices.on_cpu():
        return initializer(shape, dtype="float32").numpy()


def dropout_layers(model: Any) -> list[Any]:
    """Returns the dropout layers with a rate above 0, in order."""
    import keras

    dropouts = [la for la in model.layers if isinstance(la, keras.layers.Dropout)]
    return [layer for layer in dropouts if layer.rate > 0]


def dropout_masks(model: Any, seed: int) -> list[tuple[streams.DropoutMasks, int]]:
    """Returns `(DropoutMasks, num_units)` for each of `dropout_layers`, in order."""
    layers = dropout_layers(model)
    return [
        (
            streams.DropoutMasks(seed, len(layers) - 1 - place, layer.rate),
            layer.output.shape[-1],
        )
        for place, layer in enumerate(layers)
    ]


def hidden_layers(model: Any) -> list[Any]:
    """Returns the layers whose outputs feed a further Dense layer, in order.

    A dropout layer between the two is skipped, as it does nothing in inference mode.
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


def activation_name(layer: Any) -> str:
    """Returns the name of a layer's activation, `linear` if it has none."""
    activation = getattr(layer, "activation", None)
    if activation is not None:
        return getattr(activation, "__name__", type(activation).__name__)
    if layer.trainable_variables:
        return "linear"
    return type(layer).__name__.lower()


def accuracies(model: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns the accuracies that Keras 3 and Keras 1 log during training.

    Returns:
        `(Keras 3's, Keras 1's)`: functions of labels and outputs of shape
        `(..., num_outputs)`, returning 0 or 1 for each sample. For several columns both
        compare argmax with argmax. For one column that of Keras 3 reads p > 0.5 as class 1;
        that of Keras 1 compares the rounded output with the label.
    """
    import keras

    if model.output_shape[-1] > 1:
        return keras.metrics.categorical_accuracy, keras.metrics.categorical_accuracy

    def todays(y_true, y_pred):
        found = keras.metrics.binary_accuracy(y_true, y_pred)
        # Keras declares the result of some backends as optional.
        return found[..., 0]  # pyright: ignore[reportOptionalSubscript]

    return todays, rounded_accuracy


def rounded_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns the accuracy of Keras 1: the share of rounded outputs equal to the labels."""
    from keras import ops

    equal = ops.equal(ops.cast(y_true, y_pred.dtype), ops.round(y_pred))
    return ops.mean(ops.cast(equal, "float32"), axis=-1)
