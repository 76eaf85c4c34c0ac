"""The reference trainer: `compile` and `fit` on one seed at a time, as a Keras user writes it.

It is slow and simple. All other trainers are compared with it. Its batches come from `streams`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.training import checkpoints as training_state
from experiments.training import networks
from experiments.training.metrics import NUM_PROBED, Snapshot
from experiments.training.streams import Batches, steps_per_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.training.metrics import Evaluation


class Trainer:
    """Trains seeds of one arm, one after the other.

    Args:
        case: The case.
        setup: The setup of the arm.
    """

    def __init__(self, case: Case, setup: Setup):
        self.case, self.setup = case, setup

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
        """Trains one seed and yields a snapshot at each checkpoint.

        Args:
            seeds: A list of one integer.
            checkpoints: Increasing numbers of updates.
            evaluation: The evaluation of this seed.
            progress: Called with the number of updates just made.
            saved: See `engine.Trainer.train`.
            keep: See `engine.Trainer.train`.

        Yields:
            A `Snapshot` of this seed at each checkpoint.

        Raises:
            CheckpointError: `saved` belongs to another seed, setup or length.
        """
        run = _Run(self.case, self.setup, seeds, checkpoints)
        begun = run.begin(saved)
        watch = _watch(run.model, checkpoints, evaluation, progress)
        watch.begin(begun)
        yield from watch.take()
        while watch.step < max(checkpoints):
            if keep is not None and watch.step > begun:
                keep(watch.step, lambda: run.state(watch.step))
            run.fit_pass(watch)
            yield from watch.take()


class _Run:
    """One seed in training: its compiled model and its random streams."""

    def __init__(self, case, setup, seeds, checkpoints):
        (self._seed,) = seeds
        self._case, self._setup = case, setup
        self.model = networks.build(case, setup)
        self._fitted = _with_mask_inputs(self.model)
        self._fitted.compile(
            optimizer=self.model.optimizer,
            loss=self.model.loss,
            metrics=["accuracy", networks.rounded_accuracy],
        )
        self._identity = training_state.identity("reference", setup, seeds, checkpoints)
        self._batches = Batches(case, setup, self._seed)
        self._masks = networks.dropout_masks(self.model, self._seed)

    def begin(self, saved):
        """Starts at the first update or at a saved state; returns the number of updates made."""
        if saved is not None:
            return self._restore(*saved)
        weights = networks.starting_weights(self._case, self._setup, self.model, self._seed)
        _assign(self.model.weights, weights)
        return 0

    def _restore(self, arrays, facts):
        step = training_state.saved_step(facts, self._identity, steps_per_pass(self._setup))
        training_state.restore_draws(facts, [self._batches], [self._masks])
        self.model.optimizer.build(self._fitted.trainable_variables)
        for kind, variables in self._variables().items():
            now = [variable.numpy() for variable in variables]
            _assign(variables, training_state.taken(kind, arrays, now))
        return step

    def _variables(self):
        return {"weights": self.model.weights, "optimizer": self.model.optimizer.variables}

    def state(self, step):
        """Returns the state `(arrays, facts)` after a pass that ends at a step."""
        arrays = {}
        for kind, variables in self._variables().items():
            arrays |= training_state.named(kind, [variable.numpy() for variable in variables])
        facts = self._identity | {"step": step}
        return arrays, facts | training_state.draws([self._batches], [self._masks])

    def fit_pass(self, watch):
        """Fits one pass, or less if the callback stops it."""
        x, y = self._batches.next_pass()
        keeps = [mask.next_pass(len(x), units) for mask, units in self._masks]
        self._fitted.fit(
            [x, *keeps] if keeps else x,
            y,
            batch_size=self._setup.batch_size,
            epochs=1,
            shuffle=False,  # The pass comes shuffled, so that all trainers agree.
            callbacks=[watch],
            verbose=0,  # pyright: ignore[reportArgumentType]  # Keras declares str.
        )


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _with_mask_inputs(model):
    """Returns the model; with dropout, a second model that takes the masks as inputs.

    The layers are shared, so that fitting the second model trains the first. With the same
    masks two trainers drop the same units and can be compared step by step.
    """
    import keras

    dropouts = networks.dropout_layers(model)
    if not dropouts:
        return model
    x: Any = keras.Input(model.input_shape[1:])
    inputs = [x]
    for layer in model.layers:
        if layer in dropouts:
            inputs.append(keras.Input(x.shape[1:]))
            scaled = keras.layers.Rescaling(1 / (1 - layer.rate))(inputs[-1])
            x = keras.layers.Multiply()([x, scaled])
        else:
            x = layer(x)
    return keras.Model(inputs, x)


def _watch(model, checkpoints, evaluation, progress) -> Any:
    """Returns the Keras callback that takes a snapshot at each checkpoint."""
    import keras

    layers = networks.hidden_layers(model)
    probe = keras.Model(model.inputs, [*(la.output for la in layers), *model.outputs])

    class Watch(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.step, self._found = 0, []

        def begin(self, step):
            self.step = step
            if progress is not None and step:
                progress(step)
            if step == 0 and 0 in checkpoints:
                self.snapshot({})

        def on_train_batch_end(self, batch, logs=None):
            self.step += 1
            if progress is not None:
                progress(1)
            if self.step in checkpoints:
                self.snapshot(logs)
            if self.step >= max(checkpoints):
                # Keras sets the model before training.
                self.model.stop_training = True  # pyright: ignore[reportOptionalMemberAccess]

        def snapshot(self, logs):
            values = probe([evaluation.inputs[0]], training=False)
            *hidden, outputs = [np.asarray(v)[None] for v in _as_list(values)]
            names = ("loss", "accuracy", "rounded_accuracy")
            self._found.append(
                Snapshot(
                    steps=self.step,
                    outputs=outputs,
                    hidden=[value[:, :NUM_PROBED] for value in hidden],
                    activations=[networks.activation_name(layer) for layer in layers],
                    logs=np.array([[float(logs[n]) for n in names]]) if logs else None,
                )
            )

        def take(self):
            found, self._found = self._found, []
            return found

    return Watch()


def _as_list(values):
    return values if isinstance(values, (list, tuple)) else [values]
