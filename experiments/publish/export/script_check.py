"""Checks a script against its case: the same data, network, loss and outputs.

It runs the parts of a script, but never its training.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.cases.errors import SuiteError
from experiments.publish.export.layout import number
from experiments.publish.export.model_code import bare, is_idle
from experiments.publish.export.source import COUNT, Source, Written
from experiments.training import networks, streams

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

NUM_DRAWN = 64
WITHIN = 1e-6


@dataclasses.dataclass(frozen=True)
class Pieces:
    """The parts of a script that come from a case, as text.

    Args:
        source: The `Source` that holds functions and imports.
        model: The lines that build and compile `model`.
        data: The function that draws samples.
        target: Expression of the target function.
        inputs: The function that prepares x, if it changes anything.
        by_hand: The function that sets initial weights, if it changes anything.
    """

    source: Source
    model: str
    data: Written
    target: str
    inputs: Written | None = None
    by_hand: Written | None = None

    def draw(self, count: int) -> str:
        """Returns the call that draws so many samples."""
        parameters = self.data.parameters
        return self.data.call(*(number(count) if p == COUNT else "rng" for p in parameters))

    def prepared(self, x: str) -> str:
        """Returns the expression of the network's inputs for x."""
        return x if self.inputs is None else self.inputs.call(x)


def prepares(case: Case, setup: Setup) -> bool:
    """Returns whether a case's `inputs` change anything under a setup."""
    x, _ = _drawn(case, setup)
    return not np.array_equal(np.asarray(streams.prepare(case, setup, x, x)), x)


def starts_by_hand(case: Case, setup: Setup, model: Any) -> bool:
    """Returns whether a case's `by_hand` changes anything under a setup."""
    drawn = networks.initial_weights(model, 0)
    pairs = zip(networks.starting_weights(case, setup, model, 0), drawn, strict=True)
    return any(not np.array_equal(one, other) for one, other in pairs)


def check(case: Case, setup: Setup, model: Any, pieces: Pieces) -> None:
    """Checks that the parts of a script do what the case does.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
        model: Its built model.
        pieces: The `Pieces`.

    Raises:
        SuiteError: They do not; the text names the part that differs.
    """
    made = _run(case, pieces)
    x, y = _drawn(case, setup)
    made |= {"rng": np.random.default_rng(0), "drawn": x}
    _same(case, "data()", _value(made, pieces.draw(NUM_DRAWN)), (x, y))
    prepared = streams.prepare(case, setup, x, x)
    _same(case, "inputs()", [_value(made, pieces.prepared("drawn"))], [prepared])
    truth = np.asarray(case.task.target(x))
    _same(case, "the target", [_value(made, f"{pieces.target}(drawn)")], [truth])
    if described(made["model"]) != described(model):
        _refuse(case, "model()")
    outputs = np.asarray(model(np.asarray(prepared, np.float32)))
    _same(case, "the loss", *([_loss(one, y, outputs)] for one in (made["model"], model)))
    if pieces.by_hand is not None:
        made["drawn"] = networks.initial_weights(model, 0)
        weights = networks.starting_weights(case, setup, model, 0)
        _same(case, "by_hand()", _value(made, pieces.by_hand.call("drawn")), weights)


def described(model: Any) -> tuple[Any, ...]:
    """Returns a description that identifies a compiled model, without names and idle layers.

    Args:
        model: A built, compiled `keras.Sequential`.

    Returns:
        A tuple of plain values: the input's shape, and the configurations of the layers and
        the optimizer. A constant schedule counts as its rate.
    """
    layers = [(type(la).__name__, la.get_config()) for la in model.layers if not is_idle(la)]
    optimizer = model.optimizer.get_config() | {"learning_rate": _rates(model.optimizer)}
    parts = [*layers, (type(model.optimizer).__name__, optimizer)]
    return tuple(model.input_shape), *((kind, repr(bare(config))) for kind, config in parts)


def _rates(optimizer):
    """Returns an optimizer's learning rate after several numbers of updates."""
    import keras

    rate = optimizer.get_config()["learning_rate"]
    if isinstance(rate, dict):
        schedule = keras.saving.deserialize_keras_object(rate)
        return [float(schedule(step)) for step in (0, 1, 10, 1000, 1_000_000)]
    return [float(rate)] * 5


def _drawn(case, setup):
    x, y = case.data(setup, np.random.default_rng(0), (NUM_DRAWN,))
    return np.asarray(x), np.asarray(y)


def _run(case, pieces):
    """Returns the names that the functions and the model of a script define."""
    made = {}
    parts = ["import keras", "import numpy as np", *sorted(pieces.source.imports)]
    code = "\n\n".join([*parts, *pieces.source.functions, pieces.model])
    try:
        exec(compile(code, f"<script of {case.name}>", "exec"), made)
    except Exception as error:
        _refuse(case, f"a script that ends in {type(error).__name__}: {error}")
    return made


def _value(made, expression):
    try:
        return eval(expression, made)
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


def _loss(model, y, outputs):
    import keras

    loss: Any = keras.losses.get(model.loss)
    return np.asarray(loss(y, outputs))


def _same(case, what, found, wanted):
    """Checks that arrays are equal."""
    found, wanted = [np.asarray(one) for one in found], [np.asarray(one) for one in wanted]
    same = [one.shape for one in found] == [other.shape for other in wanted]
    pairs = zip(found, wanted, strict=same)
    if not same or not all(np.allclose(*pair, WITHIN, WITHIN, equal_nan=True) for pair in pairs):
        _refuse(case, what)


def _refuse(case, what):
    raise SuiteError(
        f"{case.name}: its plain script would do something else than the case, so that none is "
        f"written; write this part more plainly, then export again. Received: {what}"
    )
