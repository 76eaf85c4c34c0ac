"""Checks that the engine trains a compiled model exactly as `fit` does; trains nothing.

The engine is exact if layers, loss and optimizer treat the replicas of a stack independently.
Every other model is refused with an error that names the layer or option.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from experiments.cases.errors import SuiteError
from experiments.training import networks

if TYPE_CHECKING:
    from collections.abc import Callable

ELEMENTWISE_LAYERS = ("Activation", "ReLU", "LeakyReLU", "ELU", "Rescaling")
ELEMENTWISE_OPTIMIZERS = (
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "AdamW",
    "Ftrl",
    "Lion",
    "Nadam",
    "RMSprop",
    "SGD",
)


def check_trainable(model: Any) -> None:
    """Makes sure that a model can be trained exactly on stacked replicas.

    Raises:
        SuiteError: A layer, optimizer, loss or option would differ from `fit` on a stack.
    """
    for layer in model.layers:
        _check_layer(layer)
    _check_optimizer(model.optimizer)
    _check_loss(model)


def _refuse(what, received) -> NoReturn:
    raise SuiteError(
        f"The engine cannot train {what} exactly on stacked seeds; run this arm "
        f"with --trainer reference. Received: {received}"
    )


def _check_layer(layer):
    kind = type(layer).__name__
    if type(layer).__module__.split(".")[0] != "keras":
        _refuse("a layer that is not Keras's own", kind)
    if kind not in ("Dense", "Dropout", *ELEMENTWISE_LAYERS):
        _refuse("this layer", kind)
    if layer.compute_dtype != "float32" or layer.variable_dtype != "float32":
        _refuse("this precision", f"{kind} in {layer.compute_dtype}")
    if not layer.trainable:
        _refuse("a frozen layer", layer.name)
    for option in ("kernel_constraint", "bias_constraint", "activity_regularizer"):
        if getattr(layer, option, None) is not None:
            _refuse(f"a layer with {option}", layer.name)
    for option in ("kernel_regularizer", "bias_regularizer"):
        chosen = type(getattr(layer, option, None)).__name__
        if chosen not in ("NoneType", "L1", "L2", "L1L2"):
            _refuse(f"a layer with this {option}", chosen)
    if getattr(layer, "noise_shape", None) is not None:
        _refuse("a dropout with noise_shape", layer.name)
    if getattr(layer, "lora_enabled", False):
        _refuse("a layer with LoRA", layer.name)
    _probe_activation(layer)


def _check_optimizer(optimizer):
    kind = type(optimizer).__name__
    own = type(optimizer).__module__.split(".")[0] == "keras"
    if not own or kind not in ELEMENTWISE_OPTIMIZERS:
        _refuse("with this optimizer (it is not known to work weight by weight)", kind)
    for option in ("clipnorm", "global_clipnorm", "gradient_accumulation_steps"):
        if getattr(optimizer, option, None) is not None:
            _refuse(f"with {option}", f"{kind}({option}={getattr(optimizer, option)})")
    if optimizer.use_ema or optimizer.loss_scale_factor is not None:
        _refuse("with use_ema or loss_scale_factor", kind)


def _check_loss(model):
    import keras

    loss = keras.losses.get(model.loss) if isinstance(model.loss, str) else model.loss
    name = getattr(loss, "name", None) or getattr(loss, "__name__", repr(loss))
    if not callable(loss):
        _refuse("several outputs or losses", type(loss).__name__)
    if isinstance(loss, keras.losses.Loss) and loss.reduction != "sum_over_batch_size":
        _refuse("with this loss reduction", f"{name}(reduction={loss.reduction!r})")
    weights = model.get_compile_config().get("loss_weights")
    if weights is not None:
        _refuse("with loss_weights", str(weights))
    labels, outputs = _probe_values(model.output_shape[-1])
    try:
        whole = np.asarray(unreduced_loss(model)(labels, outputs))
        parts = [
            np.asarray(unreduced_loss(model)(a, b)) for a, b in zip(labels, outputs, strict=True)
        ]
    except (ValueError, TypeError) as error:
        _refuse("with this loss on stacked outputs", f"{name}: {error}")
    if whole.shape != outputs.shape[:2] or not np.allclose(whole, parts, rtol=1e-5, equal_nan=True):
        _refuse("with this loss (it mixes samples)", name)


def _probe_values(num_outputs):
    """Two replicas of four samples: labels and outputs inside (0, 1)."""
    rng = np.random.default_rng(0)
    outputs = rng.uniform(0.1, 0.9, (2, 4, num_outputs)).astype(np.float32)
    labels = np.eye(max(num_outputs, 2), dtype=np.float32)[rng.integers(0, 2, (2, 4))]
    return labels[..., :num_outputs], outputs


def _probe_activation(layer):
    activation = getattr(layer, "activation", None)
    if activation is None:
        return
    # `Dense(True)` is a layer of one unit.
    _, values = _probe_values(int(getattr(layer, "units", 4)))
    whole = np.asarray(activation(values))
    parts = [np.asarray(activation(part)) for part in values]
    if whole.shape != values.shape or not np.allclose(whole, parts, rtol=1e-6):
        _refuse("this activation (it mixes samples)", networks.activation_name(layer))


def unreduced_loss(model: Any) -> Callable[..., Any]:
    """Returns the model's loss as a function that returns one value for each sample."""
    import keras

    loss = keras.losses.get(model.loss) if isinstance(model.loss, str) else model.loss
    # `check_trainable` refuses a loss that cannot be called.
    return loss.call if isinstance(loss, keras.losses.Loss) else loss  # pyright: ignore[reportReturnType]
