"""The reference trainer: what a Keras user would write. Slow, obvious, the truth.

`compile`, `fit`, one seed at a time, on the batches of `streams`.
"""

import numpy as np

from experiments.training import checkpoints as training_state
from experiments.training import networks
from experiments.training.metrics import NUM_PROBED, Snapshot
from experiments.training.streams import Batches, steps_per_pass


class Trainer:
    """Trains seeds of one arm, one after the other.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
    """

    def __init__(self, case, setup):
        self.case, self.setup = case, setup

    def train(self, seeds, checkpoints, evaluation, progress=None, *, saved=None, keep=None):
        """Trains one seed, stopping to look at each checkpoint.

        Args:
            seeds: A list of one whole number.
            checkpoints: Increasing numbers of updates at which to look.
            evaluation: The `Evaluation` of this seed.
            progress: Called with the number of updates just made.
            saved: See `engine.Trainer.train`.
            keep: See `engine.Trainer.train`.

        Yields:
            A `Snapshot` of this seed at each checkpoint.

        Raises:
            StateError: `saved` is not of this seed, this setup or this length.
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
    """One seed in training: its model, compiled as a user would, and its draws."""

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
        """Starts at the first update, or where a state was saved; returns which."""
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
        """Returns `(arrays, facts)` to go on from after a pass that ends at a step."""
        arrays = {}
        for kind, variables in self._variables().items():
            arrays |= training_state.named(kind, [variable.numpy() for variable in variables])
        facts = self._identity | {"step": step}
        return arrays, facts | training_state.draws([self._batches], [self._masks])

    def fit_pass(self, watch):
        """Fits one pass, or less where the callback stops it."""
        x, y = self._batches.next_pass()
        keeps = [mask.next_pass(len(x), units) for mask, units in self._masks]
        self._fitted.fit(
            [x, *keeps] if keeps else x,
            y,
            batch_size=self._setup.batch_size,
            epochs=1,
            shuffle=False,  # The pass comes shuffled, so that all trainers agree.
            callbacks=[watch],
            verbose=0,
        )


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _with_mask_inputs(model):
    """Returns the model; with dropout, its twin that reads the masks as inputs.

    The layers are shared, so fitting the twin trains the model. Two trainers that
    drop the same units can be compared step by step.
    """
    import keras

    dropouts = networks.dropout_layers(model)
    if not dropouts:
        return model
    inputs, x = [keras.Input(model.input_shape[1:])], None
    x = inputs[0]
    for layer in model.layers:
        if layer in dropouts:
            inputs.append(keras.Input(x.shape[1:]))
            scaled = keras.layers.Rescaling(1 / (1 - layer.rate))(inputs[-1])
            x = keras.layers.Multiply()([x, scaled])
        else:
            x = layer(x)
    return keras.Model(inputs, x)


def _watch(model, checkpoints, evaluation, progress):
    """Returns the Keras callback that looks at the model at each checkpoint."""
    import keras

    layers = networks.hidden_layers(model)
    looker = keras.Model(model.inputs, [*(la.output for la in layers), *model.outputs])

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
                self.model.stop_training = True

        def snapshot(self, logs):
            values = looker([evaluation.inputs[0]], training=False)
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
