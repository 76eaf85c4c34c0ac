"""Sizes: what a program needs of memory at the least, held against what the machine has.

Arithmetic only. What cannot fit is refused before it is tried: a machine that runs
out of memory kills the process without a word. Only parts that are certain are counted, so
that nothing is refused that would have run.
"""

import math

import psutil

from experiments.cases.errors import SuiteError
from experiments.training.error_messages import arm_text

# A number of a setup below this makes no network that fills a memory.
LARGE = 2000
FLOAT, DOUBLE = 4, 8
# Questions of the exam at which every hidden unit is looked at.
NUM_PROBED = 1000


def memory():
    """Returns the bytes of memory that this machine has."""
    return psutil.virtual_memory().total


def has_large_number(setup):
    """Returns whether a setup holds a number that may make a network too large to build.

    Args:
        setup: The `Setup`; the numbers of its samples and updates do not count.
    """
    lengths = ("steps", "epochs", "calls", "num_samples", "batch_size")
    values = [value for name, value in vars(setup).items() if name not in lengths]
    return any(_is_large(value) for value in values)


def _is_large(value):
    if isinstance(value, tuple):
        return len(value) > LARGE or any(_is_large(item) for item in value)
    return isinstance(value, (int, float)) and value > LARGE


def training_bytes(num_samples, batch_size, num_seeds, *, num_columns, num_weights, num_units):
    """Returns the bytes that training takes at the least.

    Args:
        num_samples: Samples of one seed's pass.
        batch_size: Samples in a batch.
        num_seeds: Seeds trained side by side.
        num_columns: Columns of `x` and `y` together.
        num_weights: Weights of one network, biases too.
        num_units: Units of all its layers together.

    Returns:
        A pass of samples as drawn, as kept and as shuffled, with their order; the weights
        as drawn, as trained, and their gradients; a batch, or the exam, on its way through.
    """
    samples = num_samples * (num_columns * (DOUBLE + 2 * FLOAT) + DOUBLE)
    answers = max(min(batch_size, num_samples), NUM_PROBED) * num_units
    return num_seeds * (samples + FLOAT * (3 * num_weights + answers))


def check(case, setup, model, num_samples, num_seeds):
    """Makes sure that training a model fits into the machine's memory.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
        model: Its built `keras.Sequential`; the values of its weights are not looked at.
        num_samples: Samples of one seed's pass.
        num_seeds: Seeds trained side by side.

    Raises:
        SuiteError: It does not.
    """
    weights = sum(math.prod(variable.shape) for variable in model.weights)
    needed = training_bytes(
        num_samples,
        setup.batch_size,
        num_seeds,
        num_columns=(model.input_shape[-1] or 1) + (model.output_shape[-1] or 1),
        num_weights=weights,
        num_units=sum(layer.output.shape[-1] or 1 for layer in model.layers),
    )
    if needed > memory():
        raise SuiteError(
            f"{case.name}: the arm {arm_text(case, setup)} needs more memory than this machine "
            f"has; make its network, batch_size or num_samples smaller. Received: "
            f"{gigabytes(needed)} at the least, of {gigabytes(memory())}, for {weights:,} "
            f"weights and {num_seeds} seeds at once"
        )


def gigabytes(number):
    """Returns a number of bytes in words."""
    return f"{number / 2**30:,.1f} GiB"
