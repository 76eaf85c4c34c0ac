"""A trainer in plain NumPy, which shows whether a result depends on the framework.

Forward pass, backward pass and update are written by hand for a small family of networks: Dense
and ReLU layers, mean squared error, gradient descent at a constant rate. Only initial weights are
drawn by Keras, so that all trainers start from the same weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from experiments.cases.errors import SuiteError
from experiments.training import checkpoints as training_state
from experiments.training import networks
from experiments.training.metrics import NUM_PROBED, Snapshot
from experiments.training.streams import Batches, steps_per_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.training.metrics import Evaluation

LOSSES = ("mse", "mean_squared_error")


class Trainer:
    """Trains several seeds of one arm at once.

    Args:
        case: The case.
        setup: The setup of the arm.

    Raises:
        SuiteError: The arm does not belong to the family.
    """

    def __init__(self, case: Case, setup: Setup):
        self.case, self.setup = case, setup
        self.model = networks.build(case, setup)
        _check_compiled(self.model)
        self._rate = np.float32(self.model.optimizer.learning_rate)
        self._kinds = [kind for kind in map(_kind, self.model.layers) if kind]

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
            seeds: Integers of at least 0.
            checkpoints: Increasing numbers of updates.
            evaluation: The evaluation of these seeds.
            progress: Called with the number of updates of each checkpoint before they are
                made, summed over seeds.
            saved: See `engine.Trainer.train`.
            keep: See `engine.Trainer.train`.

        Yields:
            A `Snapshot` of these seeds at each checkpoint.

        Raises:
            CheckpointError: `saved` belongs to other seeds, another setup or another length.
        """
        whose = training_state.identity("numpy", self.setup, seeds, checkpoints)
        streams = [Batches(self.case, self.setup, seed) for seed in seeds]
        weights, begun = self._starting_weights(seeds), 0
        if saved is not None:
            weights, begun = self._restored(saved, whose, streams, weights)
        step, batches, logs, sizes, counted = begun, [], [], [], 0
        for checkpoint in (c for c in checkpoints if c > begun or not begun):
            if progress is not None:
                progress((checkpoint - counted) * len(seeds))
                counted = checkpoint
            while step < checkpoint:
                if not batches:
                    if keep is not None and step > begun:
                        keep(step, lambda at=step: _state(whose, at, streams, weights))
                    batches, logs, sizes = self._cut(streams), [], []
                sizes.append(batches[0][0].shape[1])
                logs.append(self._update(weights, *batches.pop(0)))
                step += 1
            yield self._snapshot(step, weights, evaluation, step and np.average(logs, 0, sizes))

    def _starting_weights(self, seeds):
        drawn = [networks.starting_weights(self.case, self.setup, self.model, s) for s in seeds]
        return [np.stack(values).astype(np.float32) for values in zip(*drawn, strict=True)]

    def _restored(self, saved, whose, streams, weights):
        """Returns the saved weights and step, and restores the streams."""
        arrays, facts = saved
        step = training_state.saved_step(facts, whose, steps_per_pass(self.setup))
        training_state.restore_draws(facts, streams, [[] for _ in streams])
        return [w.copy() for w in training_state.taken("weights", arrays, weights)], step

    def _cut(self, streams):
        """Returns a pass of all seeds as batches `(x, y)`, of which the last may be short."""
        x, y = (np.stack(v) for v in zip(*(s.next_pass() for s in streams), strict=True))
        size = self.setup.batch_size
        return [(x[:, i : i + size], y[:, i : i + size]) for i in range(0, x.shape[1], size)]

    def _forward(self, x, weights):
        """Returns the input of each layer, then the outputs."""
        values, place = [x], 0
        for kind in self._kinds:
            if kind == "dense":
                kernel, bias = weights[place], weights[place + 1]
                values.append(values[-1] @ kernel + bias[:, None, :])
                place += 2
            else:
                values.append(np.maximum(values[-1], 0))
        return values

    def _update(self, weights, x, y):
        """Makes one update in place; returns loss and both accuracies, before it."""
        *inputs, outputs = self._forward(x, weights)
        slope = (outputs - y) * np.float32(2 / y[0].size)
        place = len(weights)
        for kind, given in zip(self._kinds[::-1], inputs[::-1], strict=True):
            if kind == "relu":
                slope = slope * (given > 0)
                continue
            place -= 2
            kernel, bias = weights[place], weights[place + 1]
            steps = given.swapaxes(1, 2) @ slope, slope.sum(axis=1)
            slope = slope @ kernel.swapaxes(1, 2)
            kernel -= self._rate * steps[0]
            bias -= self._rate * steps[1]
        errors = ((outputs - y) ** 2).mean(axis=(1, 2))
        todays = ((outputs > 0.5) == y).mean(axis=(1, 2))
        return np.stack([errors, todays, (np.round(outputs) == y).mean(axis=(1, 2))], axis=1)

    def _snapshot(self, step, weights, evaluation, logs):
        places = [self.model.layers.index(la) for la in networks.hidden_layers(self.model)]
        kept = [n for n, layer in enumerate(self.model.layers) if _kind(layer)]
        values = self._forward(evaluation.inputs, weights)
        layers = networks.hidden_layers(self.model)
        return Snapshot(
            steps=step,
            outputs=values[-1],
            hidden=[values[1 + kept.index(place)][:, :NUM_PROBED] for place in places],
            activations=[networks.activation_name(layer) for layer in layers],
            logs=logs if step else None,
        )


def _state(whose, step, streams, weights):
    """Returns the state `(arrays, facts)` after `step` updates."""
    arrays = training_state.named("weights", [values.copy() for values in weights])
    return arrays, whose | {"step": step} | training_state.draws(streams, [[] for _ in streams])


def _refuse(what, received) -> NoReturn:
    raise SuiteError(
        f"The plain NumPy trainer knows Dense and ReLU layers, mean squared error and "
        f"gradient descent at a constant rate; run this arm with --trainer engine. "
        f"Received: {what} {received}"
    )


def _kind(layer):
    """Returns `dense`, `relu`, or `""` for a dropout layer of rate 0."""
    name, config = type(layer).__name__, layer.get_config()
    if name == "Dropout" and layer.rate == 0:
        return ""
    relu = name == "ReLU" and not config["negative_slope"] and not config["threshold"]
    if relu and config["max_value"] is None:
        return "relu"
    plain = name == "Dense" and layer.use_bias and networks.activation_name(layer) == "linear"
    if plain and layer.kernel_regularizer is None and layer.bias_regularizer is None:
        return "dense"
    return _refuse("layer", f"{name} ({networks.activation_name(layer)})")


def _check_compiled(model):
    optimizer = model.optimizer.get_config()
    name = type(model.optimizer).__name__
    more = ("momentum", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema")
    if name != "SGD" or any(optimizer.get(option) for option in more):
        _refuse("optimizer", f"{name} with {[o for o in more if optimizer.get(o)]}")
    if not isinstance(optimizer["learning_rate"], float):
        _refuse("optimizer", "SGD with a schedule")
    if model.loss not in LOSSES:
        _refuse("loss", model.loss)
