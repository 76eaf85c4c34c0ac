"""What the planted faults change, and which cases each could touch.

Room 8: small functions that `gate_faults` lists by name. A question of touch is put to
`(case, setups)`, the arms that are checked, and knows no case by name.
"""

import numpy as np

from experiments import era, networks
from experiments.case import Classification
from experiments.gate_planting import (
    with_layers,
    with_optimizer,
    with_setup_in_model,
    with_start,
)

OTHER_BEND = {"relu": "tanh", "tanh": "relu", "sigmoid": "tanh"}


def is_finite(case, setups):
    """Whether no arm trains on an endless stream."""
    return not any(setup.is_stream for setup in setups)


def is_classes(case, setups):
    """Whether the case puts points into classes."""
    return isinstance(case.task, Classification)


def is_curve(case, setups):
    """Whether the case fits a curve."""
    return not is_classes(case, setups)


def splits_off(case, setups):
    """Whether some arm keeps a part of its samples from training."""
    return any(getattr(setup, "validation_split", 0) for setup in setups)


def drops(case, setups):
    """Whether some arm drops units."""
    return any(networks.dropout_layers(networks.build(case, setup)) for setup in setups)


def ends_short(case, setups):
    """Whether some arm's passes end in a short batch."""
    return is_finite(case, setups) and any(s.num_training_samples % s.batch_size for s in setups)


def optimizer_has(*options):
    """Returns whether an arm's optimizer has one of these options, as a question."""

    def touches(case, setups):
        configs = [networks.build(case, setup).optimizer.get_config() for setup in setups]
        return any(set(options) & set(config) for config in configs)

    return touches


def starts_uniform(case, setups):
    """Whether a layer's initial kernel is Glorot's uniform one."""
    layers = [la for s in setups for la in networks.build(case, s).layers]
    kinds = [type(getattr(layer, "kernel_initializer", None)).__name__ for layer in layers]
    return "GlorotUniform" in kinds


def bends_in_dense(case, setups):
    """Whether a hidden Dense layer has an activation that `other_bend` exchanges."""
    layers = [la for s in setups for la in networks.build(case, s).layers[:-1]]
    return any(networks.activation_name(la) in OTHER_BEND for la in layers if la.weights)


def has_literal(case, setups):
    """Whether a loss of the case has a literal twin in `era`."""
    return any(f"literal_{s.loss}" in era.LITERAL_LOSSES for s in setups if hasattr(s, "loss"))


def rate(factor):
    """Returns the planter of a learning rate so many times as high."""
    return with_optimizer(lambda c: {"learning_rate": factor * c["learning_rate"]})


def decayed(config):
    """Returns the change to a learning rate over 1 + 0.001 times the updates made."""
    import keras

    schedule = keras.optimizers.schedules.InverseTimeDecay(config["learning_rate"], 1, 1e-3)
    return {"learning_rate": keras.saving.serialize_keras_object(schedule)}


def in_words(module, class_name, **config):
    """Returns the config that Keras keeps of one of its objects."""
    parts = {"module": f"keras.{module}", "class_name": class_name, "config": config}
    return parts | {"registered_name": None}


def option(**changes):
    """Returns the planter of optimizer options, where the optimizer has them."""
    return with_optimizer(lambda c: {k: v for k, v in changes.items() if k in c})


def dense(**changes):
    """Returns the planter of settings of all Dense layers."""
    return with_layers(lambda config, kind, is_last: changes if kind == "Dense" else {})


def other_bend(config, kind, is_last):
    """Returns the change of a hidden layer's activation to another."""
    bend = config.get("activation")
    return {"activation": OTHER_BEND[bend]} if bend in OTHER_BEND and not is_last else {}


def normal_start(config, kind, is_last):
    """Returns the change of a uniform initializer to the normal one of the same variance."""
    uniform = config.get("kernel_initializer", {}).get("class_name") == "GlorotUniform"
    return {"kernel_initializer": in_words("initializers", "GlorotNormal")} if uniform else {}


def kernels(factor):
    """Returns the planter of initial kernels so many times as large."""
    return with_start(lambda value: value * factor if value.ndim > 1 else value)


def swapped(x, y, rng):
    """Returns samples of which each class has the other's label."""
    return x, y.min() + y.max() - y


def some_swapped(x, y, rng):
    """Returns samples of which one in 20 has the other class's label."""
    wrong = rng.random((*y.shape[:-1], 1)) < 0.05
    return x, np.where(wrong, y.min() + y.max() - y, y)


def noisy(x, y, rng):
    """Returns samples with normal noise of deviation 0.1 on y."""
    return x, y + 0.1 * rng.standard_normal(y.shape)


def in_first_order(batches, order):
    """Returns the order of a seed's first pass, at every pass."""
    batches.first_order = getattr(batches, "first_order", order)
    return batches.first_order


def other_loss(loss):
    """Returns the name of another loss."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", "")
    return {"mse": "mae", "hinge": "squared_hinge"}.get(name, "mse")


def fewer_units(share):
    """Returns the planter of hidden layers with a share of their units, one less at least."""
    return with_setup_in_model(lambda s: {"hidden": tuple(_cut(n, share) for n in s.hidden)})


def _cut(number, share):
    return max(1, min(number - 1, round(number * share)))


def half_batch(setup):
    """Returns the change to half the batch size."""
    return {"batch_size": setup.batch_size // 2}


def no_last_batch(share):
    """Returns shares of which a short batch has none."""
    return share * (share > 0).all(axis=-1, keepdims=True)
