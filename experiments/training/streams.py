"""Randomness: one seed, many independent streams, the same for every arm.

NumPy only. Both trainers read their batches here, so that a seed sees
the same samples in the same order whoever trains it, alone or in a block.
"""

import numpy as np

from experiments.cases.case import SuiteError

STREAMS = ("data", "weights", "order", "dropout", "test")
STREAM_PASS = 100


def sequence(seed, stream, *key):
    """Returns the `SeedSequence` of one stream of a seed.

    Args:
        seed: Whole number of at least 0.
        stream: One of `STREAMS`.
        *key: Further whole numbers that tell draws apart.
    """
    spawn_key = (STREAMS.index(stream), *key)
    return np.random.SeedSequence(seed, spawn_key=spawn_key)


def generator(seed, stream, *key):
    """Returns NumPy's `Generator` for one stream of a seed."""
    return np.random.default_rng(sequence(seed, stream, *key))


def draw_seed(seed, stream, *key):
    """Returns one whole number below 2^31 to seed a Keras initializer with."""
    return int(sequence(seed, stream, *key).generate_state(1)[0] >> 1)


def steps_per_pass(setup):
    """Returns the batches in one pass: an epoch, or 100 of an endless stream."""
    return STREAM_PASS if setup.is_stream else setup.steps_per_epoch


class Batches:
    """One seed's batches, served in passes; the same for both trainers.

    A *pass* is an epoch of a finite data set (its last batch may be short), or
    100 batches of an endless stream. Passes are drawn whole, so that nothing
    depends on where a trainer stops to look.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
        seed: Whole number of at least 0.
    """

    def __init__(self, case, setup, seed):
        self.case, self.setup = case, setup
        self._data = generator(seed, "data")
        self._order = generator(seed, "order")
        self._epoch = 0
        self._samples, self._drawn_from = None, None

    def state(self):
        """Returns where the draws stand between two passes, as plain values."""
        return {
            "data": self._data.bit_generator.state,
            "order": self._order.bit_generator.state,
            "epoch": self._epoch,
            "samples": self._drawn_from,
        }

    def restore(self, state):
        """Goes on where the draws of a twin stood: the passes to come are the same.

        Args:
            state: What `state` returned, of the same seed and setup.

        Raises:
            ValueError: The finite set is not drawn as it was then.
        """
        self._epoch, self._drawn_from = state["epoch"], state["samples"]
        self._order.bit_generator.state = state["order"]
        if not self.setup.is_stream and self._epoch % self.setup.epochs:
            self._data.bit_generator.state = self._drawn_from
            self._samples = self._draw((self.setup.num_samples,))
            if self._data.bit_generator.state != state["data"]:
                raise ValueError("data() draws otherwise than when the state was saved")
        self._data.bit_generator.state = state["data"]

    def next_pass(self):
        """Draws one pass.

        Returns:
            `(x, y)`, float32, of shapes `(num_samples, num_inputs)` and
            `(num_samples, num_outputs)`, in training order, not cut in batches.
        """
        if self.setup.is_stream:
            x, y = self._draw((STREAM_PASS, self.setup.batch_size))
            return x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
        x, y = self.next_samples()
        order = self.next_order()
        return x.take(order, axis=0), y.take(order, axis=0)

    def next_samples(self):
        """Returns the finite set that the next pass is drawn from, as `(x, y)`."""
        if self._epoch % self.setup.epochs == 0:
            self._drawn_from = self._data.bit_generator.state
            self._samples = self._draw((self.setup.num_samples,))
        self._epoch += 1
        return self._samples

    def next_order(self):
        """Draws the order of the next pass: places in the finite set, `(num_samples,)`."""
        return self._order.permutation(self.setup.num_training_samples)

    def _draw(self, size):
        x, y = self.case.data(self.setup, self._data, size)
        for name, values in (("x", x), ("y", y)):
            if np.ndim(values) != len(size) + 1 or np.shape(values)[:-1] != size:
                raise SuiteError(
                    f"{self.case.name}: data() must return {name} of shape "
                    f"(*size, columns); for size={size} that is "
                    f"{(*size, 'columns')}. Received: {np.shape(values)}"
                )
        x = prepare(self.case, self.setup, x, x)
        return np.asarray(x, np.float32), np.asarray(y, np.float32)


def prepare(case, setup, x, sample):
    """Returns what the network is given for x; see `Case.inputs`."""
    return x if case.inputs is None else case.inputs(setup, x, sample)


class DropoutMasks:
    """One seed's dropout masks: which units stay, at every step.

    A unit stays if a 16-bit draw is at least `rate`; so a rate is met to within
    1/65536.

    Args:
        seed: Whole number of at least 0.
        layer: The dropout layer's place, counted from the output.
        rate: Share of units dropped, 0 <= rate < 1.
    """

    def __init__(self, seed, layer, rate):
        self._random = generator(seed, "dropout", layer)
        self._bound = round(rate * 65536)

    def next_pass(self, num_samples, num_units):
        """Returns booleans of shape `(num_samples, num_units)`."""
        draws = np.frombuffer(self._random.bytes(2 * num_samples * num_units), np.uint16)
        return (draws >= self._bound).reshape(num_samples, num_units)

    def state(self):
        """Returns where the draws stand, as plain values."""
        return self._random.bit_generator.state

    def restore(self, state):
        """Goes on where the draws of a twin stood."""
        self._random.bit_generator.state = state
