"""Ways to plant a fault: a case that trains another model, or a part of the trainer exchanged.

Each function returns a planter, which takes a `Case` and is a context manager around the case
to train.
"""

import contextlib
import dataclasses
from unittest import mock

import numpy as np

from experiments.cases.setups import Setup
from experiments.training import engine, networks, streams


def _planter(change):
    """Makes a planter of a function from a case to the case to train."""

    @contextlib.contextmanager
    def plant(case):
        yield change(case)

    return plant


def with_optimizer(change):
    """Trains by another optimizer: `change` is given its config and returns what to change.

    Args:
        change: Function `(config) -> dict`; `learning_rate` is a number in what it is given.
    """

    def exchanged(network):
        optimizer = network.optimizer
        config = optimizer.get_config()
        changes = change(config | {"learning_rate": float(optimizer.learning_rate)})
        network.compile(type(optimizer).from_config(config | changes), network.loss)
        return network

    return with_model(exchanged)


def with_loss(change):
    """Trains on another loss: `change` is given the loss and returns one."""

    def exchanged(network):
        network.compile(network.optimizer, change(network.loss))
        return network

    return with_model(exchanged)


def with_layers(change):
    """Trains other layers: `change` is given a layer's config, its class, and whether it is last.

    Args:
        change: Function `(config, class_name, is_last) -> dict` of what to change.
    """

    def exchanged(network):
        import keras

        config = network.get_config()
        for place, layer in enumerate(config["layers"], start=1):
            is_last = place == len(config["layers"])
            layer["config"] |= change(layer["config"], layer["class_name"], is_last)
        other = keras.Sequential.from_config(config)
        other.compile(network.optimizer, network.loss)
        return other

    return with_model(exchanged)


def with_model(change):
    """Trains another model: `change` is given the compiled one and returns one."""
    return _planter(lambda case: dataclasses.replace(case, model=lambda s: change(case.model(s))))


def with_setup_in_model(change):
    """Builds the model of another setup: `change` is given the setup and returns fields."""
    return _planter(
        lambda case: dataclasses.replace(case, model=lambda s: case.model(s.replace(**change(s))))
    )


def with_broken(change):
    """Trains another setup throughout: `change` is given `broken` and returns fields."""
    return _planter(
        lambda case: dataclasses.replace(case, broken=case.broken.replace(**change(case.broken)))
    )


def with_samples(change):
    """Trains on other samples: `change` is given `(x, y, rng)` and returns `(x, y)`."""

    def changed(case):
        def data(s, rng, size):
            return change(*case.data(s, rng, size), rng)

        return dataclasses.replace(case, data=data)

    return _planter(changed)


def with_start(change):
    """Starts from other weights: `change` is given an array as drawn and returns one."""

    def changed(case):
        def by_hand(s, weights):
            drawn = [change(np.asarray(value)) for value in weights]
            return drawn if case.by_hand is None else case.by_hand(s, drawn)

        return dataclasses.replace(case, by_hand=by_hand)

    return _planter(changed)


def patched(*exchanges):
    """Exchanges parts of the trainer.

    Args:
        *exchanges: `(owner, name, make)`: the attribute `name` of `owner` becomes what `make`
            returns, given what it was.
    """

    @contextlib.contextmanager
    def plant(case):
        with contextlib.ExitStack() as stack:
            for owner, name, make in exchanges:
                made = make(vars(owner)[name])
                stack.enter_context(mock.patch.object(owner, name, made))
            yield case

    return plant


def with_seeds(change):
    """Draws from other seeds: `change` is given `(seed, stream)` and returns `(seed, stream)`."""

    def make(sequence):
        def drawn(seed, stream, *key):
            return sequence(*change(seed, stream), *key)

        return drawn

    return patched((streams, "sequence", make))


def shared(*names):
    """Draws the streams of these names from one seed for all."""
    return with_seeds(lambda seed, stream: (0 if stream in names else seed, stream))


def with_orders(change):
    """Trains in another order: `change` is given a seed's `Batches` and its own next order."""

    def make(next_order):
        return lambda batches: change(batches, next_order(batches))

    return patched((streams.Batches, "next_order", make))


def with_shares(change):
    """Weighs samples otherwise: `change` is given a chunk's `share` and returns one."""

    def make(init):
        def made(chunk, *args, **kwargs):
            init(chunk, *args, **kwargs)
            chunk.share = change(chunk.share).astype(np.float32)

        return made

    return patched((engine.Chunk, "__init__", make))


def without_second_pass():
    """Serves the second pass of each training but makes none of its updates."""

    def make(train):
        def made(program, batches, start, stop):
            if start == 0:
                program.num_passes = getattr(program, "num_passes", 0) + 1
            if program.num_passes != 2:
                return train(program, batches, start, stop)
            return np.zeros((stop - start, program.num_replicas, 3), np.float32)

        return made

    def restart(reset):
        def made(program, weights):
            program.num_passes = 0
            reset(program, weights)

        return made

    return patched((engine.Program, "train", make), (engine.Program, "reset", restart))


def with_state_reset():
    """Forgets the optimizer's averages at the start of each pass, not its count of updates."""

    def make(train):
        def made(program, batches, start, stop):
            if start == 0:
                for variable, value in zip(
                    program._optimizer.variables, program._start, strict=True
                ):
                    if variable.ndim:
                        variable.assign(value)
            return train(program, batches, start, stop)

        return made

    return patched((engine.Program, "train", make))


def with_state_kept():
    """Starts a block with the optimizer as the last block left it."""

    def make(reset):
        def made(program, weights):
            for variable, value in zip(program._variables, weights, strict=True):
                variable.assign(value)

        return made

    return patched((engine.Program, "reset", make))


def with_rounded_weights(kind):
    """Keeps weights in a narrower type: they are rounded after each update."""

    def make(step):
        def made(program, *args):
            logs = step(program, *args)
            for variable in program._variables:
                narrow = program._tf.cast(variable.value, kind)
                variable.assign(program._tf.cast(narrow, "float32"))
            return logs

        return made

    return patched((engine.Program, "_step", make))


def with_rounded_products(kind):
    """Computes in a narrower type: inputs and weights are rounded on their way in."""

    def make(forward):
        def made(program, x, values, masks):
            tf = program._tf
            values = [tf.cast(tf.cast(v, kind), "float32") for v in values]
            return forward(program, tf.cast(tf.cast(x, kind), "float32"), values, masks)

        return made

    return patched((engine.Program, "_forward", make))


def with_unseeded_weights():
    """Draws initial weights from an initializer that nobody seeded."""

    def make(draw):
        return lambda initializer, shape, number: draw(
            initializer, shape, int(np.random.default_rng().integers(2**31))
        )

    return patched((networks, "_draw", make))


def with_property(name, get):
    """Exchanges a property of every setup."""
    return patched((Setup, name, lambda before: property(get)))
