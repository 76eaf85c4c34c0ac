"""The fast trainer: it trains many seeds of one plain Keras model at once.

The weights of a block of seeds are stacked on a leading replica axis; `program` compiles the
model for the stack, and this module feeds it the batches of each seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.training import checkpoints as training_state
from experiments.training import networks
from experiments.training.batches import Chunk
from experiments.training.metrics import Snapshot
from experiments.training.program import Program
from experiments.training.streams import Batches, steps_per_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.training.metrics import Evaluation

# In a narrower stack XLA sums the samples of a gradient in another order.
LEAST_GRADIENTS = 32


class Trainer:
    """Trains blocks of seeds of one arm.

    Args:
        case: The case.
        setup: The setup of the arm.
        width: Seeds in a block, at least 2.
    """

    def __init__(self, case: Case, setup: Setup, width: int):
        self.case, self.setup = case, setup
        least = LEAST_GRADIENTS if case.block_width is None else 0
        self.program = Program(networks.build(case, setup), max(width, 2), least)

    def train(
        self,
        seeds: Sequence[int],
        checkpoints: Sequence[int],
        evaluation: Evaluation,
        progress: Callable[[int], object] | None = None,
        *,
        saved: training_state.State | None = None,
        keep: Callable[[int, Callable[[], training_state.State]], object] | None = None,
    ) -> Iterator[Snapshot]:
        """Trains some seeds and yields a snapshot at each checkpoint.

        Args:
            seeds: At most `width` integers. The last one is repeated to fill the block.
            checkpoints: Increasing numbers of updates.
            evaluation: The evaluation of these seeds; its `inputs` are read.
            progress: Called with the number of updates just made, summed over seeds.
            saved: If given, the state `(arrays, facts)` to resume from. Its updates count as
                progress; its checkpoints are not yielded again.
            keep: If given, called between passes as `keep(steps, make)`, after all snapshots
                up to there; `make()` returns the state to resume from.

        Yields:
            A `Snapshot` of these seeds at each checkpoint.

        Raises:
            CheckpointError: `saved` belongs to other seeds, another setup or another length.
        """
        block = _Block(self, seeds, checkpoints)
        begun = block.begin(saved)
        if progress is not None and begun:
            progress(begun * len(seeds))
        inputs = _filled_up(evaluation.inputs, self.program.num_replicas)
        for checkpoint in (c for c in checkpoints if c > begun or not begun):
            while block.step < checkpoint:
                if keep is not None and block.is_between and block.step > begun:
                    keep(block.step, block.state)
                made = block.advance(checkpoint)
                if progress is not None:
                    progress(made * len(seeds))
            yield self._snapshot(block, inputs)

    def _snapshot(self, block, inputs):
        hidden, outputs = self.program.outputs(inputs)
        layers, num_seeds = networks.hidden_layers(self.program.model), block.num_seeds
        return Snapshot(
            steps=block.step,
            outputs=outputs[:num_seeds],
            hidden=[values[:num_seeds] for values in hidden],
            activations=[networks.activation_name(layer) for layer in layers],
            logs=_pass_means(block.chunk, block.logs)[:num_seeds] if block.step else None,
            gradient=self.program.gradient_norms(block.chunk)[:num_seeds],
        )


class _Block:
    """A block of seeds in training: the updates made, and the current pass."""

    # Set when the first pass begins.
    chunk: Chunk

    def __init__(self, trainer, seeds, checkpoints):
        self._trainer, self._seeds, self.num_seeds = trainer, seeds, len(seeds)
        case, setup, model = trainer.case, trainer.setup, trainer.program.model
        self._setup, self._program = setup, trainer.program
        self._identity = training_state.identity("engine", setup, seeds, checkpoints)
        self._streams = [Batches(case, setup, seed) for seed in seeds]
        self._masks = [networks.dropout_masks(model, seed) for seed in seeds]
        self.step, self.logs = 0, []

    @property
    def is_between(self):
        """Whether a pass has ended and the next one is not drawn."""
        return self.step > 0 and self.step % steps_per_pass(self._setup) == 0

    def begin(self, saved):
        """Starts at the first update or at a saved state; returns the number of updates made."""
        if saved is None:
            self._start()
        else:
            self._restore(*saved)
        return self.step

    def _start(self):
        case, model = self._trainer.case, self._program.model
        drawn = [networks.starting_weights(case, self._setup, model, s) for s in self._seeds]
        stacks = [np.stack(values) for values in zip(*drawn, strict=True)]
        self._program.reset([_filled_up(v, self._program.num_replicas) for v in stacks])
        self._next_pass()

    def _restore(self, arrays, facts):
        step = training_state.saved_step(facts, self._identity, steps_per_pass(self._setup))
        training_state.restore_draws(facts, self._streams, self._masks)
        self._program.restore(arrays)
        self.step = step

    def state(self):
        """Returns `(arrays, facts)` to resume from; valid between passes only."""
        facts = self._identity | {"step": self.step}
        return self._program.state(), facts | training_state.draws(self._streams, self._masks)

    def _next_pass(self):
        sizes = self._setup.batch_size, self._program.num_replicas
        self.chunk, self.logs = Chunk(self._streams, self._masks, *sizes), []

    def advance(self, checkpoint):
        """Makes updates up to the checkpoint or the end of the pass; returns their number."""
        if self.is_between:
            self._next_pass()
        place = self.step % steps_per_pass(self._setup)
        stop = min(len(self.chunk), place + checkpoint - self.step)
        self.logs.append(self._program.train(self.chunk, place, stop))
        self.step += stop - place
        return stop - place


def _filled_up(stacked, num_replicas):
    """Repeats the last seed until there are `num_replicas`."""
    return stacked.take(np.minimum(np.arange(num_replicas), len(stacked) - 1), axis=0)


def _pass_means(chunk, logs):
    """Means over the samples of the current pass, as `fit` logs an epoch."""
    logs = np.concatenate(logs).astype(np.float64)
    counts = (chunk.share[: len(logs), 0] > 0).sum(axis=1)
    return np.einsum("s,srl->rl", counts / counts.sum(), logs)
