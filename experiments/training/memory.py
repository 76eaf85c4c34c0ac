"""A lower bound of the memory that training needs, compared with the memory of the machine.

Arithmetic only. A setup that cannot fit is refused before it is built, because a machine that runs
out of memory kills the process without an error message. Only certain parts are counted, so that
no setup is refused that would have run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import psutil

from experiments.cases.errors import SuiteError
from experiments.training.error_messages import arm_text

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

# No network of smaller numbers fills the memory.
LARGE = 2000
FLOAT, DOUBLE = 4, 8
# Evaluation inputs on which hidden units are evaluated.
NUM_PROBED = 1000


def memory() -> int:
    """Returns the bytes of memory of this machine."""
    return psutil.virtual_memory().total


def has_large_number(setup: Setup) -> bool:
    """Returns whether a setup holds a number that may make a network too large to build.

    Numbers of samples and of updates do not count.
    """
    lengths = ("steps", "epochs", "calls", "num_samples", "batch_size")
    values = [value for name, value in vars(setup).items() if name not in lengths]
    return any(_is_large(value) for value in values)


def _is_large(value):
    if isinstance(value, tuple):
        return len(value) > LARGE or any(_is_large(item) for item in value)
    return isinstance(value, (int, float)) and value > LARGE


def training_bytes(
    num_samples: int,
    batch_size: int,
    num_seeds: int,
    *,
    num_columns: int,
    num_weights: int,
    num_units: int,
) -> int:
    """Returns a lower bound of the bytes that training takes.

    Args:
        num_samples: Samples in a pass of one seed.
        batch_size: Samples in a batch.
        num_seeds: Seeds trained at once.
        num_columns: Columns of `x` and `y` together.
        num_weights: Weights of one network, including biases.
        num_units: Units of all its layers together.

    Returns:
        The sum of: a pass of samples as drawn, as stored and as shuffled, with its order;
        the weights as drawn and as trained, and their gradients; the outputs of all layers
        for a batch or for the evaluation inputs, whichever is larger.
    """
    samples = num_samples * (num_columns * (DOUBLE + 2 * FLOAT) + DOUBLE)
    outputs = max(min(batch_size, num_samples), NUM_PROBED) * num_units
    return num_seeds * (samples + FLOAT * (3 * num_weights + outputs))


def check(case: Case, setup: Setup, model: Any, num_samples: int, num_seeds: int) -> None:
    """Makes sure that training a model fits into the machine's memory.

    Args:
        case: The case.
        setup: The setup of the arm.
        model: Its built `keras.Sequential`; only the shapes of its weights are read.
        num_samples: Samples in a pass of one seed.
        num_seeds: Seeds trained at once.

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


def gigabytes(number: float) -> str:
    """Returns a number of bytes as text in GiB."""
    return f"{number / 2**30:,.1f} GiB"
