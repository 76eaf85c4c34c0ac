"""Widths: how many seeds are trained at once, on the cores of a CPU or on a GPU.

Arithmetic on a built model; trains nothing. On a CPU blocks are narrow, for its caches,
and each core trains its own; a GPU trains many blocks side by side, as its memory allows.
"""

import math

import numpy as np

from experiments.training import devices, networks
from experiments.training.metrics import NUM_PROBED
from experiments.training.streams import steps_per_pass

MAX_REPLICAS = 128
MAX_PASS_BYTES = 64 * 2**20
# What the network computes, and the driver itself, come on top of what is counted.
GPU_SHARE = 0.5
# Every pass is drawn on the host, seed by seed: beyond this a GPU would wait for it.
MAX_GPU_REPLICAS = 4096
MAX_GPU_PASS_BYTES = 4 * 2**30
FLOAT = 4


def pass_bytes(model, setup):
    """Returns the bytes of one seed's pass, as the engine trains on it."""
    floats = FLOAT * (model.input_shape[-1] + model.output_shape[-1])
    units = sum(layer.output.shape[-1] for layer in networks.dropout_layers(model))
    return steps_per_pass(setup) * setup.batch_size * (floats + units)


def widest_block(model, setup):
    """Returns how many seeds a core may train at once: bounded by a pass's memory."""
    return int(np.clip(MAX_PASS_BYTES // pass_bytes(model, setup), 2, MAX_REPLICAS))


def replica_bytes(model, setup):
    """Returns the bytes that one more seed takes on a GPU.

    Args:
        model: The arm's compiled `keras.Sequential`.
        setup: The arm's `Setup`.

    Returns:
        Weights and optimizer slots, as they are and as the loop over steps carries them; the
        gradients; a pass of samples; and what all layers put out for the most samples at
        once, a batch's or the exam's, forward and backward.
    """
    weights = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    units = model.input_shape[-1] + sum(layer.output.shape[-1] for layer in model.layers)
    samples = max(setup.batch_size, NUM_PROBED)
    state = 2 * (weights + _slots(model)) + weights
    return FLOAT * (state + 2 * samples * units) + pass_bytes(model, setup)


def _slots(model):
    """Returns how many numbers the optimizer keeps for a model."""
    optimizer = model.optimizer.from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    return sum(math.prod(variable.shape) for variable in optimizer.variables)


def block_of(case, setup, model, num_seeds):
    """Returns the seeds of one whole block: the case's own width, or the widest."""
    return case.block_width or max(2, min(widest_block(model, setup), num_seeds))


def launch(case, setup, model, num_seeds, num_cores):
    """Returns how a run's seeds are shared out.

    Args:
        case: The `Case`.
        setup: The setup that is trained.
        model: Its compiled `keras.Sequential`.
        num_seeds: Seeds to be trained.
        num_cores: Cores that may train.

    Returns:
        `(width, workers)`: seeds trained at once, by each of so many workers. On a GPU one
        worker trains a whole number of the case's blocks at once.
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
    """Returns how many blocks a GPU trains at once: one at least, and none that is empty."""
    fitting = min(
        int(GPU_SHARE * devices.free_memory()) // replica_bytes(model, setup),
        MAX_GPU_PASS_BYTES // pass_bytes(model, setup),
        MAX_GPU_REPLICAS,
    )
    return max(1, min(fitting // block, -(-num_seeds // block)))


def even_width(num_seeds, widest, workers):
    """Returns the width of equal blocks, as many for each worker."""
    rounds = -(-num_seeds // (widest * workers))
    return max(2, -(-num_seeds // (rounds * workers)))
