"""The injected faults of the drift check: each a named change of the program or the trainer.

`Fault.planted(case)` is a context manager around the case to train; where a fault cannot touch
a case, `Fault.touches` says so, by what the case and its checked arms are, never by its name.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from experiments import era
from experiments.cases.case import Classification
from experiments.training import networks
from tests.trials.faults_planting import (
    shared,
    with_broken,
    with_layers,
    with_loss,
    with_optimizer,
    with_orders,
    with_property,
    with_rounded_products,
    with_rounded_weights,
    with_samples,
    with_seeds,
    with_setup_in_model,
    with_shares,
    with_start,
    with_state_kept,
    with_state_reset,
    with_unseeded_weights,
    without_second_pass,
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


def in_text(module, class_name, **config):
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
    return {"kernel_initializer": in_text("initializers", "GlorotNormal")} if uniform else {}


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


@dataclasses.dataclass(frozen=True)
class Fault:
    """One planted fault.

    Attributes:
        name: Its name.
        what: What is wrong, in words.
        planted: Context manager: given a `Case`, around the case to train.
        touches: Function `(case, setups) -> bool`: whether it could change a case's rows.
    """

    name: str
    what: str
    planted: Callable
    touches: Callable = lambda case, setups: True


FAULTS = (
    # The optimizer.
    Fault("rate x2", "twice the learning rate", rate(2.0)),
    Fault("rate x1.2", "1.2 times the learning rate", rate(1.2)),
    Fault("rate x1.05", "1.05 times the learning rate", rate(1.05)),
    Fault("rate x1.02", "1.02 times the learning rate", rate(1.02)),
    Fault("rate decayed", "the rate over 1 + 0.001 x updates", with_optimizer(decayed)),
    Fault("momentum", "momentum 0.9", option(momentum=0.9), optimizer_has("momentum")),
    Fault("epsilon 1e-3", "epsilon 1e-3", option(epsilon=1e-3), optimizer_has("epsilon")),
    Fault(
        "epsilon of today",
        "epsilon 1e-7, today's default",
        option(epsilon=1e-7),
        optimizer_has("epsilon"),
    ),
    Fault(
        "second moment",
        "the average of squares forgets ten times as fast (0.99), or a tenth (RMSprop)",
        option(beta_2=0.99, rho=0.99),
        optimizer_has("beta_2", "rho"),
    ),
    Fault("clipping", "gradient components cut at 1", option(clipvalue=1.0), is_curve),
    Fault("weight decay 0.1", "decoupled weight decay 0.1", option(weight_decay=0.1)),
    Fault("weight decay 0.004", "decoupled weight decay 0.004", option(weight_decay=0.004)),
    Fault(
        "state reset",
        "the optimizer's averages forgotten at each pass",
        with_state_reset(),
        optimizer_has("beta_2", "rho"),
    ),
    Fault("state kept", "the optimizer is not reset between blocks", with_state_kept()),
    # The loss.
    Fault(
        "wrong loss",
        "absolute for squared, squared hinge for hinge, else squared",
        with_loss(other_loss),
    ),
    Fault(
        "loss summed",
        "a batch's losses added up, not averaged",
        with_shares(lambda share: share * share.shape[-1]),
    ),
    Fault(
        "short batch light",
        "the short last batch divided by a full one's size",
        with_shares(lambda share: (share > 0) / share.shape[-1]),
        ends_short,
    ),
    Fault(
        "literal loss",
        "a loss of the outputs themselves, where Keras reads logits",
        with_setup_in_model(lambda s: {"loss": f"literal_{s.loss}"}),
        has_literal,
    ),
    Fault(
        "penalty",
        "L2 penalty 0.01 on every kernel",
        dense(kernel_regularizer=in_text("regularizers", "L2", l2=0.01)),
    ),
    # The network.
    Fault("no biases", "no layer has biases", dense(use_bias=False)),
    Fault(
        "biases of 1",
        "biases start at 1, not 0",
        dense(bias_initializer=in_text("initializers", "Ones")),
    ),
    Fault("start x2", "initial kernels twice as large", kernels(2.0)),
    Fault("start x1.2", "initial kernels 1.2 times as large", kernels(1.2)),
    Fault(
        "normal start",
        "Glorot's uniform initial kernels replaced by his normal ones",
        with_layers(normal_start),
        starts_uniform,
    ),
    Fault(
        "wrong activation",
        "hidden tanh for relu or sigmoid, relu for tanh",
        with_layers(other_bend),
        bends_in_dense,
    ),
    Fault("half the units", "half as many hidden units", fewer_units(0.5)),
    Fault("a unit less", "one unit less in each hidden layer of two or more", fewer_units(1.0)),
    Fault(
        "dropout rate",
        "dropout 0.4 for 0.5",
        with_layers(lambda c, kind, last: {"rate": 0.4} if c.get("rate") else {}),
        drops,
    ),
    # Precision.
    Fault("float16 weights", "weights kept in float16", with_rounded_weights("float16")),
    Fault("float16 products", "computed in float16", with_rounded_products("float16")),
    Fault("bfloat16 products", "computed in bfloat16", with_rounded_products("bfloat16")),
    # The samples.
    Fault("labels swapped", "each class has the other's label", with_samples(swapped), is_classes),
    Fault("labels noisy", "one label in 20 swapped", with_samples(some_swapped), is_classes),
    Fault("targets noisy", "normal noise of deviation 0.1 on y", with_samples(noisy), is_curve),
    Fault(
        "inputs shrunk", "x times 0.95, y as it was", with_samples(lambda x, y, rng: (0.95 * x, y))
    ),
    Fault(
        "leak",
        "the exam is drawn from the training stream",
        with_seeds(lambda seed, name: (seed, "data" if name == "test" else name)),
        is_classes,
    ),
    # Passes and lengths.
    Fault(
        "split ignored",
        "the validation split trains too",
        with_property("num_training_samples", lambda s: s.num_samples),
        splits_off,
    ),
    Fault("half the batch", "half the batch size", with_broken(half_batch)),
    Fault("pass skipped", "one pass less than counted", without_second_pass(), is_finite),
    Fault(
        "short batch dropped",
        "the short last batch never trains",
        with_shares(no_last_batch),
        ends_short,
    ),
    Fault(
        "replacement",
        "samples drawn with replacement",
        with_orders(lambda b, order: order[b._order.integers(len(order), size=len(order))]),
        is_finite,
    ),
    Fault(
        "unshuffled",
        "every pass in the order of drawing",
        with_orders(lambda b, order: np.arange(len(order))),
        is_finite,
    ),
    Fault(
        "shuffled once",
        "every pass in the order of the first",
        with_orders(in_first_order),
        is_finite,
    ),
    # Seeds.
    Fault("unseeded weights", "initial weights drawn without the seed", with_unseeded_weights()),
    Fault("one data set", "one data stream for all seeds", shared("data")),
    Fault("one start", "one draw of initial weights for all seeds", shared("weights")),
    Fault("one order", "one batch order for all seeds", shared("order"), is_finite),
    Fault("one mask", "one stream of dropout masks for all seeds", shared("dropout"), drops),
    Fault("one exam", "one set of test points for all seeds", shared("test"), is_classes),
    Fault("one seed", "one seed for all", with_seeds(lambda seed, name: (0, name))),
    Fault(
        "seeds repeat", "every 100 seeds repeat", with_seeds(lambda seed, name: (seed % 100, name))
    ),
)
