"""The reference trainer: what a Keras user would write. Slow, obvious, the truth.

Room 5: `compile`, `fit`, one seed at a time, on the batches of `streams`.
"""

import numpy as np

from experiments import networks
from experiments.measures import NUM_PROBED, Snapshot
from experiments.streams import Batches


class Trainer:
    """Trains seeds of one arm, one after the other.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
    """

    def __init__(self, case, setup):
        self.case, self.setup = case, setup

    def train(self, seeds, checkpoints, exam, progress=None):
        """Trains one seed, stopping to look at each checkpoint.

        Args:
            seeds: A list of one whole number.
            checkpoints: Increasing numbers of updates at which to look.
            exam: The `Exam` of this seed.
            progress: Called with the number of updates just made.

        Yields:
            A `Snapshot` of this seed at each checkpoint.
        """
        (seed,) = seeds
        model = networks.build(self.case, self.setup)
        weights = networks.starting_weights(self.case, self.setup, model, seed)
        for variable, value in zip(model.weights, weights, strict=True):
            variable.assign(value)
        fitted = _with_mask_inputs(model)
        fitted.compile(
            optimizer=model.optimizer,
            loss=model.loss,
            metrics=["accuracy", networks.rounded_accuracy],
        )
        watch = _watch(model, checkpoints, exam, progress)
        if 0 in checkpoints:
            watch.look({})
        batches = Batches(self.case, self.setup, seed)
        masks = networks.dropout_masks(model, seed)
        while watch.step < max(checkpoints):
            x, y = batches.next_pass()
            keeps = [mask.next_pass(len(x), units) for mask, units in masks]
            fitted.fit(
                [x, *keeps] if keeps else x,
                y,
                batch_size=self.setup.batch_size,
                epochs=1,
                shuffle=False,  # The pass comes shuffled, so that all trainers agree.
                callbacks=[watch],
                verbose=0,
            )
            yield from watch.take()
        yield from watch.take()


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


def _watch(model, checkpoints, exam, progress):
    """Returns the Keras callback that looks at the model at each checkpoint."""
    import keras

    layers = networks.hidden_layers(model)
    looker = keras.Model(model.inputs, [*(la.output for la in layers), *model.outputs])

    class Watch(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.step, self._found = 0, []

        def on_train_batch_end(self, batch, logs=None):
            self.step += 1
            if progress is not None:
                progress(1)
            if self.step in checkpoints:
                self.look(logs)
            if self.step >= max(checkpoints):
                self.model.stop_training = True

        def look(self, logs):
            values = looker([exam.inputs[0]], training=False)
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
