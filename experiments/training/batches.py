"""One pass of training batches for a block of seeds, stacked as the engine needs them.

NumPy only. The samples come from `streams`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.training.streams import STREAM_PASS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.training.streams import Batches, DropoutMasks

SHORT_PASS = 1000


class Chunk:
    """The batches of one pass for a block of seeds, the input of `Program.train`.

    Args:
        streams: One `Batches` for each seed.
        masks: The result of `networks.dropout_masks` for each seed.
        batch_size: Samples in a batch.
        num_replicas: If given, the last seed is repeated until there are so many replicas.

    Attributes:
        x: `(num_steps, num_replicas, batch_size, num_inputs)`, float32.
        y: `(num_steps, num_replicas, batch_size, num_outputs)`, float32.
        share: `(num_steps, 1, batch_size)`, float32: the weight of a sample in the mean of
            its batch. The copies that fill a short last batch have weight 0.
        masks: One array `(num_steps, num_replicas, batch_size, units)` for each dropout layer.
    """

    def __init__(
        self,
        streams: Sequence[Batches],
        masks: Sequence[Sequence[tuple[DropoutMasks, int]]],
        batch_size: int,
        num_replicas: int | None = None,
    ):
        setup = streams[0].setup
        self.is_stream = setup.is_stream
        num_samples = STREAM_PASS * batch_size if setup.is_stream else setup.num_training_samples
        order = np.append(np.arange(num_samples), np.zeros(-num_samples % batch_size, int))
        self._cut = (len(order) // batch_size, batch_size)
        if not setup.is_stream and num_samples <= SHORT_PASS:
            self.x, self.y = self._gather(streams)
        else:
            passes = zip(*(stream.next_pass() for stream in streams), strict=True)
            self.x, self.y = (self._stack(arrays, order) for arrays in passes)
        kept = (
            [mask.next_pass(num_samples, units) for mask, units in layer]
            for layer in zip(*masks, strict=True)
        )
        self.masks = tuple(self._stack(arrays, order) for arrays in kept)
        valid = (np.arange(len(order)) < num_samples).reshape(self._cut)
        share = valid / valid.sum(axis=1, keepdims=True)
        self.share = share.astype(np.float32)[:, None, :]
        self._widen(len(streams), num_replicas or len(streams))

    def _stack(self, arrays, order):
        if len(order) > len(arrays[0]):
            arrays = [array[order] for array in arrays]
        return np.stack([array.reshape(*self._cut, -1) for array in arrays], axis=1)

    def _gather(self, streams):
        """Gathers a short pass of all seeds at once, with the result of `_stack` in fewer calls."""
        samples = zip(*(stream.next_samples() for stream in streams), strict=True)
        x, y = (np.stack(arrays) for arrays in samples)
        orders = np.stack([stream.next_order() for stream in streams])
        fill = np.prod(self._cut) - orders.shape[1]
        orders = np.concatenate([orders, np.repeat(orders[:, :1], fill, axis=1)], axis=1)
        orders += len(x[0]) * np.arange(len(streams))[:, None]
        places = orders.reshape(-1, *self._cut).transpose(1, 0, 2)
        return [array.reshape(-1, array.shape[-1]).take(places, axis=0) for array in (x, y)]

    def _widen(self, num_streams, num_replicas):
        """Repeats the last seed until there are `num_replicas`."""
        if num_replicas > num_streams:
            places = np.minimum(np.arange(num_replicas), num_streams - 1)
            self.x, self.y = (array.take(places, axis=1) for array in (self.x, self.y))
            self.masks = tuple(mask.take(places, axis=1) for mask in self.masks)

    def __len__(self) -> int:
        return len(self.x)
