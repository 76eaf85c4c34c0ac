"""Functions and settings of Keras 1 and TensorFlow 1 that Keras 3 lacks or changed.

The `data` and `model` of a case use them. Losses and optimizers are Keras's own wherever
Keras still has them.
"""

import functools

import numpy as np

CLIP = 1e-7
# Name: settings of Keras 1.2.2 in the arguments of Keras 3. Where epsilon stood
# outside the square root, a tiny one inside comes to the same.
KERAS_1 = {
    "SGD": {"learning_rate": 0.01},
    "RMSprop": {"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-16},
    "Adam": {"learning_rate": 0.001, "epsilon": 1e-8},
    "Adagrad": {
        "learning_rate": 0.01,
        "initial_accumulator_value": 0.0,
        "epsilon": 1e-16,
    },
    "Adadelta": {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-8},
    "Adamax": {"learning_rate": 0.002, "epsilon": 1e-8},
    "Nadam": {"learning_rate": 0.002, "epsilon": 1e-8},
}
OPTIMIZERS = {"Keras 1": KERAS_1, "today": {name: {} for name in KERAS_1}}


def optimizer(name, defaults="Keras 1", **changes):
    """Returns a Keras optimizer with the defaults of Keras 1.2.2, or of today.

    Args:
        name: `SGD`, `RMSprop`, `Adam`, `Adagrad`, `Adadelta`, `Adamax` or `Nadam`
            (whose momentum schedule today's Keras does not let one set).
        defaults: `"Keras 1"` or `"today"`.
        **changes: Arguments that differ from those defaults; `None` keeps them.

    Returns:
        A `keras.optimizers.Optimizer`.
    """
    import keras

    given = {key: value for key, value in changes.items() if value is not None}
    return getattr(keras.optimizers, name)(**OPTIMIZERS[defaults][name] | given)


def activation(name):
    """Returns the activation of this name: ours if it is literal, else Keras's name."""
    return LITERAL_ACTIVATIONS.get(name, name)


def literal_hard_sigmoid(x):
    """Hard sigmoid of Keras 1: 0.2 x + 0.5, cut to [0, 1]; today's is relu6(x + 3) / 6."""
    from keras import ops

    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


LITERAL_ACTIVATIONS = {"literal_hard_sigmoid": literal_hard_sigmoid}


def loss(name):
    """Returns the loss of this name: ours if it is literal, else Keras's name.

    Args:
        name: A name known to `keras.losses.get`, or one with `literal_` before it, of
            those in `LITERAL_LOSSES`.
    """
    return LITERAL_LOSSES.get(name, name)


def literal_hinge(y_true, y_pred):
    """Hinge on the labels as given: mean of max(1 - y p, 0) over the outputs.

    Today's Keras first turns labels 0/1 into -1/+1.

    Args:
        y_true: Labels `(..., num_outputs)`, as given.
        y_pred: Outputs of the same shape.

    Returns:
        One value a sample, `(...)`.
    """
    from keras import ops

    y_true = ops.cast(y_true, y_pred.dtype)
    return ops.mean(ops.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


def literal_squared_hinge(y_true, y_pred):
    """Squared hinge on the labels as given: mean of max(1 - y p, 0) squared.

    Args and Returns as of `literal_hinge`.
    """
    from keras import ops

    y_true = ops.cast(y_true, y_pred.dtype)
    return ops.mean(ops.square(ops.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


def literal_categorical_crossentropy(y_true, y_pred):
    """Categorical cross-entropy of the outputs themselves, clipped to 1e-7.

    Today's Keras, on TensorFlow, reads the logits behind a softmax output instead.

    Args:
        y_true: One-hot labels `(..., num_outputs)`.
        y_pred: Probabilities of the same shape.

    Returns:
        One value a sample, `(...)`.
    """
    from keras import ops

    y_true = ops.cast(y_true, y_pred.dtype)
    p = y_pred / ops.sum(y_pred, axis=-1, keepdims=True)
    return -ops.sum(y_true * ops.log(ops.clip(p, CLIP, 1.0 - CLIP)), axis=-1)


def literal_cosine_similarity(y_true, y_pred):
    """Minus the mean over columns of the product of both unit vectors.

    Today's Keras takes minus the sum, which SGD's rate feels.

    Args:
        y_true: Labels `(..., num_outputs)`.
        y_pred: Outputs of the same shape.

    Returns:
        One value a sample, `(...)`.
    """
    from keras import ops

    y_true = ops.normalize(ops.cast(y_true, y_pred.dtype), axis=-1)
    return -ops.mean(y_true * ops.normalize(y_pred, axis=-1), axis=-1)


def literal_binary_crossentropy(y_true, y_pred):
    """Binary cross-entropy of the outputs themselves, clipped to 1e-7.

    Today's Keras, on TensorFlow, reaches for the logits behind a softmax output
    and reads them as a sigmoid's.

    Args:
        y_true: Labels 0 or 1, `(..., num_outputs)`.
        y_pred: Probabilities of the same shape.

    Returns:
        One value a sample, `(...)`.
    """
    from keras import ops

    y_true = ops.cast(y_true, y_pred.dtype)
    p = ops.clip(y_pred, CLIP, 1.0 - CLIP)
    bits = y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p)
    return -ops.mean(bits, axis=-1)


LITERAL_LOSSES = {
    "literal_hinge": literal_hinge,
    "literal_squared_hinge": literal_squared_hinge,
    "literal_categorical_crossentropy": literal_categorical_crossentropy,
    "literal_cosine_similarity": literal_cosine_similarity,
    "literal_binary_crossentropy": literal_binary_crossentropy,
}


def sum_above(x, threshold):
    """Returns whether the coordinates of each point add up to more.

    Args:
        x: Points `(..., num_dimensions)`.
        threshold: The sum that is still class 0.

    Returns:
        Booleans `(...)`: whether a point is of class 1.
    """
    return np.sum(x, axis=-1) > threshold


def sum_data(labels, rng, size, num_dimensions=5, threshold=2.5):
    """Draws points uniform in [0, 1)^5, labelled by whether their sum exceeds 2.5.

    Args:
        labels: `"one-hot"`, `"0/1"` or `"-1/+1"`.
        rng: NumPy's `Generator`.
        size: Tuple, the shape of the draw.
        num_dimensions: Coordinates of a point.
        threshold: The sum that is still class 0.

    Returns:
        `(x, y)` of shapes `(*size, num_dimensions)` and `(*size, 1)`, or
        `(*size, 2)` for one-hot labels.
    """
    x = rng.random((*size, num_dimensions))
    ones = sum_above(x, threshold)[..., None].astype(float)
    return x, LABELS[labels](ones)


LABELS = {
    "one-hot": lambda ones: np.concatenate([1.0 - ones, ones], axis=-1),
    "0/1": lambda ones: ones,
    "-1/+1": lambda ones: 2.0 * ones - 1.0,
}

sum_exceeds_half = functools.partial(sum_above, threshold=2.5)
