"""Random streams: several independent ones for each seed, the same for every arm.

NumPy only. All trainers take their batches from here, so that a seed sees the same samples in the
same order with any trainer, alone or in a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.cases.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

STREAMS = ("data", "weights", "order", "dropout", "test")
STREAM_PASS = 100


def sequence(seed: int, stream: str, *key: int) -> np.random.SeedSequence:
    """Returns the `SeedSequence` of one stream of a seed.

    Args:
        seed: Integer of at least 0.
        stream: One of `STREAMS`.
        *key: Further integers that distinguish draws.
    """
    spawn_key = (STREAMS.index(stream), *key)
    return np.random.SeedSequence(seed, spawn_key=spawn_key)


def generator(seed: int, stream: str, *key: int) -> np.random.Generator:
    """Returns NumPy's `Generator` for one stream of a seed."""
    return np.random.default_rng(sequence(seed, stream, *key))


def draw_seed(seed: int, stream: str, *key: int) -> int:
    """Returns an integer below 2^31, the seed of a Keras initializer."""
    return int(sequence(seed, stream, *key).generate_state(1)[0] >> 1)


def steps_per_pass(setup: Setup) -> int:
    """Returns the batches in a pass: those of an epoch, or 100 of an endless stream."""
    return STREAM_PASS if setup.is_stream else setup.steps_per_epoch


class Batches:
    """The training batches of one seed, drawn pass by pass.

    A *pass* is an epoch of a finite data set (its last batch may be short), or
    100 batches of an endless stream. Passes are drawn whole, so that the draws do not
    depend on the checkpoints.

    Args:
        case: The case.
        setup: The setup of the arm.
        seed: Integer of at least 0.
    """

    # The finite set of the current epoch, set when it is drawn.
    _samples: tuple[np.ndarray, np.ndarray]

    def __init__(self, case: Case, setup: Setup, seed: int):
        self.case, self.setup = case, setup
        self._data = generator(seed, "data")
        self._order = generator(seed, "order")
        self._epoch = 0
        self._drawn_from: Any = None

    def state(self) -> dict[str, Any]:
        """Returns the states of the generators between two passes, as plain values."""
        return {
            "data": self._data.bit_generator.state,
            "order": self._order.bit_generator.state,
            "epoch": self._epoch,
            "samples": self._drawn_from,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores a state, so that the following passes are the same.

        Args:
            state: The result of `state` for the same seed and setup.

        Raises:
            ValueError: The case's `data` draws other samples than when the state was saved.
        """
        self._epoch, self._drawn_from = state["epoch"], state["samples"]
        self._order.bit_generator.state = state["order"]
        if not self.setup.is_stream and self._epoch % self.setup.epochs:
            self._data.bit_generator.state = self._drawn_from
            self._samples = self._draw((self.setup.num_samples,))
            if self._data.bit_generator.state != state["data"]:
                raise ValueError("data() draws otherwise than when the state was saved")
        self._data.bit_generator.state = state["data"]

    def next_pass(self) -> tuple[np.ndarray, np.ndarray]:
        """Draws one pass.

        Returns:
            `(x, y)`, float32, of shapes `(num_samples, num_inputs)` and
            `(num_samples, num_outputs)`, in training order, not split into batches.
        """
        if self.setup.is_stream:
            x, y = self._draw((STREAM_PASS, self.setup.batch_size))
            return x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
        x, y = self.next_samples()
        order = self.next_order()
        return x.take(order, axis=0), y.take(order, axis=0)

    def next_samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the finite data set of the next pass, unshuffled, as `(x, y)`."""
        if self._epoch % self.setup.epochs == 0:
            self._drawn_from = self._data.bit_generator.state
            self._samples = self._draw((self.setup.num_samples,))
        self._epoch += 1
        return self._samples

    def next_order(self) -> np.ndarray:
        """Draws the order of the next pass: indices into the finite set, `(num_samples,)`."""
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


def prepare(case: Case, setup: Setup, x: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Returns the network's input for x; see `Case.inputs`."""
    return x if case.inputs is None else case.inputs(setup, x, sample)


class DropoutMasks:
    """The dropout masks of one seed for one layer: the units kept at each step.

    A unit is kept if a 16-bit draw is at least `rate` times 65536, so the rate is exact to
    within 1/65536.

    Args:
        seed: Integer of at least 0.
        layer: The place of the dropout layer, counted from the output.
        rate: Share of units dropped, 0 <= rate < 1.
    """

    def __init__(self, seed: int, layer: int, rate: float):
        self._random = generator(seed, "dropout", layer)
        self._bound = round(rate * 65536)

    def next_pass(self, num_samples: int, num_units: int) -> np.ndarray:
        """Returns booleans `(num_samples, num_units)`, true for the units kept."""
        draws = np.frombuffer(self._random.bytes(2 * num_samples * num_units), np.uint16)
        return (draws >= self._bound).reshape(num_samples, num_units)

    def state(self) -> Mapping[str, Any]:
        """Returns the state of the generator, as plain values."""
        return self._random.bit_generator.state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores a state that `state` returned."""
        self._random.bit_generator.state = state
