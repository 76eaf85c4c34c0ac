"""The number of seeds trained at once, on the cores of a CPU or on a GPU.

Arithmetic on a built model; trains nothing. On a CPU blocks are narrow enough for its caches, and
each core trains blocks of its own. A GPU trains as many blocks at once as its memory allows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.training import devices, networks
from experiments.training.metrics import NUM_PROBED
from experiments.training.streams import steps_per_pass

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

MAX_REPLICAS = 128
MAX_PASS_BYTES = 64 * 2**20
# Intermediate results and the driver need memory beyond what is counted.
GPU_SHARE = 0.5
# The host draws every pass, seed by seed: with more seeds the GPU would wait for it.
MAX_GPU_REPLICAS = 4096
MAX_GPU_PASS_BYTES = 4 * 2**30
FLOAT = 4


def pass_bytes(model: Any, setup: Setup) -> int:
    """Returns the bytes of one seed's pass in the engine, dropout masks included."""
    floats = FLOAT * (model.input_shape[-1] + model.output_shape[-1])
    units = sum(layer.output.shape[-1] for layer in networks.dropout_layers(model))
    return steps_per_pass(setup) * setup.batch_size * (floats + units)


def widest_block(model: Any, setup: Setup) -> int:
    """Returns the most seeds that a core trains at once, bounded by the memory of a pass."""
    return int(np.clip(MAX_PASS_BYTES // pass_bytes(model, setup), 2, MAX_REPLICAS))


def replica_bytes(model: Any, setup: Setup) -> int:
    """Returns the bytes that each additional seed takes on a GPU.

    Args:
        model: The compiled `keras.Sequential` of the arm.
        setup: The setup of the arm.

    Returns:
        The sum of: weights and optimizer slots, twice, as the loop over steps carries a copy;
        the gradients; a pass of samples; the outputs of all layers, forward and backward, for
        a batch or for the evaluation inputs, whichever is larger.
    """
    weights = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    units = model.input_shape[-1] + sum(layer.output.shape[-1] for layer in model.layers)
    samples = max(setup.batch_size, NUM_PROBED)
    state = 2 * (weights + _slots(model)) + weights
    return FLOAT * (state + 2 * samples * units) + pass_bytes(model, setup)


def _slots(model):
    """Returns the number of values in the optimizer's state for a model."""
    optimizer = model.optimizer.from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    return sum(math.prod(variable.shape) for variable in optimizer.variables)


def block_of(case: Case, setup: Setup, model: Any, num_seeds: int) -> int:
    """Returns the seeds of a full block: the case's `block_width`, or else the widest."""
    return case.block_width or max(2, min(widest_block(model, setup), num_seeds))


def launch(case: Case, setup: Setup, model: Any, num_seeds: int, num_cores: int) -> tuple[int, int]:
    """Returns how the seeds of a run are divided among workers.

    Args:
        case: The case.
        setup: The setup of the arm.
        model: Its compiled `keras.Sequential`.
        num_seeds: Seeds to train.
        num_cores: Available cores.

    Returns:
        `(width, workers)`: the seeds that each worker trains at once, and the number of
        workers. On a GPU one worker trains a whole number of the case's blocks at once.
    """
    if devices.gpus():
        block = block_of(case, setup, model, num_seeds)
        return block * _num_blocks(model, setup, block, num_seeds), 1
    width = case.block_width
    if width is None:
        workers = min(num_cores, -(-num_seeds // 2))
        width = even_width(num_seeds, widest_block(model, setup), workers)
    return width, min(num_cores, -(-num_seeds // width))


def _num_blocks(model, setup, block, num_seeds):
    """Returns how many blocks a GPU trains at once: at least one, and no empty ones."""
    fitting = min(
        int(GPU_SHARE * devices.free_memory()) // replica_bytes(model, setup),
        MAX_GPU_PASS_BYTES // pass_bytes(model, setup),
        MAX_GPU_REPLICAS,
    )
    return max(1, min(fitting // block, -(-num_seeds // block)))


def even_width(num_seeds: int, widest: int, workers: int) -> int:
    """Returns the width of equal blocks, of which each worker trains equally many."""
    rounds = -(-num_seeds // (widest * workers))
    return max(2, -(-num_seeds // (rounds * workers)))
