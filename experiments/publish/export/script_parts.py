"""Writes the code of a script in parts: functions, data, model, training, evaluation.

Nothing is run but the checks of the code. The model's lines come from the built model, and
the functions from the case's own source with all settings filled in. Both are checked
against the case before they are returned.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from typing import TYPE_CHECKING

from experiments.cases.case import Regression
from experiments.cases.errors import SuiteError
from experiments.publish.export import layout, script_check
from experiments.publish.export.model_code import model_lines
from experiments.publish.export.source import COUNT, Source
from experiments.training import metrics, networks

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

METRICS = {"r2": "R2", "accuracy": "accuracy"}
READ = {
    "argmax": "np.argmax(outputs, axis=-1) == 1",
    "sign": "outputs[:, -1] > 0",
    "threshold 0.5": "outputs[:, -1] > 0.5",
}
# Names that a script assigns itself, so that no function may have them.
TAKEN = ("SEED", "accuracy", "answers", "batches", "chosen", "grid", "history", "keras", "loss")
TAKEN += ("model", "np", "ops", "outputs", "r2", "rng", "truth", "verdict", "x", "x_test", "y")
PER_EPOCH = 1000


def parts(case: Case, setup: Setup, seed: int) -> dict[str, str]:
    """Returns the code of one arm as `{title: code}`, in order.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
        seed: Whole number of at least 0.

    Raises:
        SuiteError: It cannot be written as a plain script.
    """
    model = networks.build(case, setup)
    pieces = _pieces(case, setup, model)
    script_check.check(case, setup, model, pieces)
    imports = layout.imports({"import keras", "import numpy as np", *pieces.source.imports})
    functions = [*pieces.source.functions, *([_stream(setup, pieces)] if setup.is_stream else [])]
    functions = [layout.tidy(text) for text in functions]
    return {
        "functions": "\n\n\n".join([f"{imports}\n\nSEED = {seed}", *functions]),
        "data": "\n".join(_data(case, setup, pieces)),
        "model": "\n".join(_model(pieces)),
        "training": "\n".join(_training(setup, pieces)),
        "exam": "\n".join(_evaluation(case, setup, pieces)),
    }


def metric_name(case: Case) -> str:
    """Returns the name of the metric that decides whether a case is solved.

    Raises:
        SuiteError: A script cannot measure it.
    """
    kind = "r2" if isinstance(case.task, Regression) else "accuracy"
    if case.solved.metric != kind:
        raise SuiteError(
            f"{case.name}: a script is judged by R2 or, of classes, by accuracy; change "
            f"Solved to use one of them. Received: {case.solved.metric}"
        )
    return METRICS[kind]


def _pieces(case, setup, model):
    """Returns the parts that come from the case, as text: functions, model, and their names."""
    source = Source(case.name, TAKEN)
    lines = model_lines(model, source)
    names = list(inspect.signature(case.data).parameters)
    size = ast.Tuple([ast.Name(COUNT, ast.Load())], ast.Load())
    data = source.write(case.data, {names[0]: setup, names[2]: size}, role="data")
    target = source.reference(case.task.target, "target")
    pieces = script_check.Pieces(source, layout.tidy(lines), data, target)
    if case.inputs is not None and script_check.prepares(case, setup):
        setup_name, x, sample = inspect.signature(case.inputs).parameters
        known = {setup_name: setup, sample: ast.Name(x, ast.Load())}
        pieces = dataclasses.replace(pieces, inputs=source.write(case.inputs, known, role="inputs"))
    if case.by_hand is not None and script_check.starts_by_hand(case, setup, model):
        known = {next(iter(inspect.signature(case.by_hand).parameters)): setup}
        hand = source.write(case.by_hand, known, role="by_hand")
        pieces = dataclasses.replace(pieces, by_hand=hand)
    return pieces


def _data(case, setup, pieces):
    lines = ["keras.utils.set_random_seed(SEED)", "rng = np.random.default_rng(SEED)"]
    if not setup.is_stream and not _is_called_again(setup):
        lines += _drawn(setup, pieces)
    if not isinstance(case.task, Regression):
        lines.append(f"x_test, _ = {pieces.draw(case.task.num_many)}")
    return lines


def _is_called_again(setup):
    """Returns whether `fit` is called more than once, each time on new samples."""
    return getattr(setup, "calls", 1) > 1


def _drawn(setup, pieces):
    """Returns the lines that draw samples and prepare the network's inputs."""
    prepared = [f"x = {pieces.prepared('x')}"] if pieces.inputs is not None else []
    return [f"x, y = {pieces.draw(setup.num_samples)}", *prepared]


def _stream(setup, pieces):
    """Returns the endless stream as a generator."""
    return "\n".join(
        [
            "def batches():",
            '    """A fresh batch at each step, without end."""',
            "    while True:",
            f"        x, y = {pieces.draw(setup.batch_size)}",
            f"        yield {pieces.prepared('x')}, y",
        ]
    )


def _model(pieces):
    by_hand = pieces.by_hand
    hand = f"model.set_weights({by_hand.call('model.get_weights()')})" if by_hand else ""
    return filter(None, [pieces.model, hand])


def _training(setup, pieces):
    lines = [_fit(setup)]
    if _is_called_again(setup):
        body = [f"    {line}" for line in (*_drawn(setup, pieces), *lines)]
        lines = [f"for _ in range({layout.number(setup.calls)}):", *body]
    lines.append('loss = history.history["loss"][-1]')
    return [*lines, 'print(f"loss in the last epoch: {loss:.4g}")']


def _fit(setup):
    if setup.is_stream:
        per_epoch = setup.steps if setup.steps % PER_EPOCH else PER_EPOCH
        first = "batches()"
        arguments = {"steps_per_epoch": per_epoch, "epochs": setup.steps // per_epoch}
        # Keras cannot shuffle a generator, and warns unless shuffling is off.
        arguments |= {"shuffle": False}
    else:
        first = "x, y"
        arguments = {"batch_size": setup.batch_size, "epochs": setup.epochs}
        split = getattr(setup, "validation_split", 0.0)
        arguments |= {"validation_split": split} if split else {}
    given = ", ".join(f"{k}={layout.number(v)}" for k, v in arguments.items())
    return f"history = model.fit({first}, {given}, verbose=0)"


def _evaluation(case, setup, pieces):
    name, above = case.solved.metric, case.solved.above
    evaluation = (
        _curve_evaluation if isinstance(case.task, Regression) else _classification_evaluation
    )
    sentence = f"{metric_name(case)} {{{name}:.3f}}, at least {above} is asked for: {{verdict}}"
    return [
        *evaluation(setup, pieces),
        f'verdict = "solved" if {name} >= {above} else "not solved"',
        f'print(f"{sentence}")',
    ]


def _curve_evaluation(setup, pieces):
    num = metrics.NUM_PROBED
    return [
        f"grid = (np.arange({num})[:, None] + 0.5) / {num}",
        f"truth = {pieces.target}(grid)",
        f"answers = model.predict({pieces.prepared('grid')}, verbose=0)",
        "r2 = 1 - np.mean((answers - truth) ** 2) / np.var(truth)",
    ]


def _classification_evaluation(setup, pieces):
    return [
        f"outputs = model.predict({pieces.prepared('x_test')}, verbose=0)",
        f"chosen = {READ[setup.read]}",
        f"accuracy = np.mean(chosen == {pieces.target}(x_test))",
    ]
