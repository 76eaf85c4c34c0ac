"""Checks on two samples that data, inputs, target and network of a case have matching shapes.

NumPy only; trains nothing. Without these checks a mismatch would fail inside a compiled program,
with an error that names neither function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.cases.case import Classification
from experiments.cases.errors import SuiteError, shown

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

NUM_TRIED = 2
# Points of the evaluation grid of a regression.
NUM_POINTS = 1000


def check(case: Case, setup: Setup, num_inputs: int | None, num_outputs: int | None) -> None:
    """Makes sure that data, inputs and target return arrays of the expected shapes.

    Args:
        case: The case.
        setup: The setup of the arm.
        num_inputs: Columns of the network's input; `None` if any number will do.
        num_outputs: Columns of the network's output; `None` if any number will do.

    Raises:
        SuiteError: A shape differs; the text names the function and the shapes.
    """
    # The samples of a stream have two leading axes.
    size = (1, NUM_TRIED) if setup.is_stream else (NUM_TRIED,)
    found = case.data(setup, np.random.default_rng(0), size)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise SuiteError(f"{case.name}: data() must return (x, y). Received: {shown(found)}")
    x, y = (_numbers(case, f"data()'s {name}", v) for name, v in zip("xy", found, strict=True))
    for name, values in (("x", x), ("y", y)):
        if values.ndim != len(size) + 1 or values.shape[:-1] != size:
            raise SuiteError(
                f"{case.name}: data() must return {name} of shape (*size, columns); for "
                f"size={size} that is {(*size, 'columns')}. Received: {values.shape}"
            )
    _check_columns(case, "y", y.shape[-1], "returns", num_outputs)
    _check_target(case, x)
    if case.inputs is not None:
        given = x
        # Two samples may have no spread to be scaled by.
        with np.errstate(all="ignore"):
            x = _numbers(case, "inputs()", case.inputs(setup, x, x))
        if x.ndim != given.ndim or x.shape[:-1] != given.shape[:-1]:
            raise SuiteError(
                f"{case.name}: inputs() must return x of shape (*size, columns). Received: "
                f"{x.shape} for {given.shape}"
            )
    _check_columns(case, "x", x.shape[-1], "takes", num_inputs)


def _check_columns(case, name, columns, does, expected):
    if expected is not None and columns != expected:
        raise SuiteError(
            f"{case.name}: {name} has {columns} columns, the network {does} {expected}; make "
            f"data(), inputs() and model() agree. Received: {columns} and {expected}"
        )


def _check_target(case, x):
    """Checks that the target has one value for each point of the evaluation set."""
    if isinstance(case.task, Classification):
        what, shape = "target(x) of a Classification", x.shape[:-1]
    else:
        x = (np.arange(NUM_POINTS) + 0.5) / NUM_POINTS
        what, shape = "target(x) of a Regression", x.shape
    found = _numbers(case, what, case.task.target(x)).shape
    if found != shape:
        raise SuiteError(f"{case.name}: {what} must be of shape {shape}. Received: {found}")


def _numbers(case, what, values):
    """Returns values as an array of numbers; raises a `SuiteError` if they are none."""
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise SuiteError(
            f"{case.name}: {what} must be an array of numbers. Received: {error}"
        ) from None
    if found.dtype.kind not in "biuf":
        raise SuiteError(
            f"{case.name}: {what} must be an array of numbers. Received: {shown(values)}"
        )
    return found
