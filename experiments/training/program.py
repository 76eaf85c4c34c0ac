"""One model, compiled for a stack of replicas.

This is the only module that imports TensorFlow. The network's own activations and loss run on the
stacked tensors, Keras's own optimizer updates the stacked variables, and the loop over steps runs
inside one function compiled by XLA. A model that cannot be trained exactly this way is refused
with an error that names the layer or option.

Only the affine part of a Dense layer is written here, as one batched matmul in place of one matmul
a replica; everything else is called, not copied. Since output layer and loss are in one graph, a
softmax output keeps its logits for the cross-entropies, just as in `fit`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.training import checkpoints as training_state
from experiments.training import networks
from experiments.training.metrics import NUM_PROBED
from experiments.training.support import check_trainable, unreduced_loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.training.batches import Chunk

NUM_GRADIENT_BATCHES = 10


def tensorflow() -> Any:
    """Imports and returns TensorFlow, with one thread a function: blocks run in parallel."""
    networks.load_keras()
    import tensorflow as tf

    tf.get_logger().addFilter(_is_progress)
    # Once TensorFlow runs its threads cannot be set. That costs speed and changes no bit.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
    return tf


def _is_progress(record):
    # Every program is traced once; TensorFlow mistakes many programs for retracing.
    return "triggered tf.function retracing" not in record.getMessage()


class Program:
    """One model compiled for a fixed number of replicas.

    Args:
        model: The compiled `keras.Sequential` of an arm.
        num_replicas: Stacked seeds, at least 2: XLA rounds the products of a single replica
            differently from those of a stack.
        least_gradients: Least number of replicas in the computation of gradients. The last
            replica is repeated to reach it, so that no bit depends on the chosen width.

    Raises:
        SuiteError: The model cannot be trained exactly this way.
    """

    def __init__(self, model: Any, num_replicas: int, least_gradients: int = 0):
        self._tf = tensorflow()
        check_trainable(model)
        import keras

        self.model, self.num_replicas = model, num_replicas
        self._num_gradients = max(num_replicas, least_gradients)
        self._variables = [
            keras.Variable(np.zeros((num_replicas, *v.shape), np.float32), name=v.name)
            for v in model.trainable_variables
        ]
        self._optimizer = model.optimizer.from_config(model.optimizer.get_config())
        self._optimizer.build(self._variables)
        self._start = [v.numpy() for v in self._optimizer.variables]
        self._loss = unreduced_loss(model)
        self._accuracies = networks.accuracies(model)
        compiled = {"jit_compile": True, "autograph": False}
        self._train = self._tf.function(self._train_steps, **compiled)
        self._outputs = self._tf.function(self._forward_all, **compiled)
        self._gradients = self._tf.function(self._flat_gradients, **compiled)

    def reset(self, weights: Sequence[np.ndarray]) -> None:
        """Sets the stacked weights, and the optimizer to its initial state.

        Args:
            weights: Arrays of shape `(num_replicas, *variable shape)`.
        """
        self._assign(weights, self._start)

    def _assign(self, weights, slots):
        variables = [*self._variables, *self._optimizer.variables]
        for variable, value in zip(variables, [*weights, *slots], strict=True):
            variable.assign(value)

    @property
    def weights(self) -> list[np.ndarray]:
        """The stacked weights as NumPy arrays."""
        return [variable.numpy() for variable in self._variables]

    def state(self) -> dict[str, np.ndarray]:
        """Returns weights and optimizer state of all replicas as `{name: array}`."""
        slots = [variable.numpy() for variable in self._optimizer.variables]
        return training_state.named("weights", self.weights) | training_state.named(
            "optimizer", slots
        )

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restores the state that `state` returned.

        Raises:
            CheckpointError: The arrays belong to another program.
        """
        weights = training_state.taken("weights", arrays, self.weights)
        self._assign(weights, training_state.taken("optimizer", arrays, self._start))

    @property
    def num_updates(self) -> int:
        """The updates that the optimizer has counted since the last reset."""
        return int(self._optimizer.iterations)

    def train(self, batches: Chunk, start: int, stop: int) -> np.ndarray:
        """Makes the updates `start` to `stop - 1` of a chunk of batches.

        Args:
            batches: The chunk.
            start: First step.
            stop: The step after the last.

        Returns:
            Float32 array `(stop - start, num_replicas, 3)`: the loss and the two accuracies
            of `networks.accuracies`, each before its update.
        """
        bounds = self._tf.constant(start), self._tf.constant(stop)
        logs = self._train(batches.x, batches.y, batches.share, batches.masks, *bounds)
        return logs.numpy()[start:stop]

    def gradient_norms(self, batches: Chunk) -> np.ndarray:
        """Returns the L2 norm of each replica's gradient, `(num_replicas,)`.

        The gradient is that of the loss that `fit` minimizes, without dropout. It is the mean
        over the batches of a pass; for an endless stream, over the first ten of them.
        """
        num = min(NUM_GRADIENT_BATCHES, len(batches)) if batches.is_stream else len(batches)
        part = max(1, NUM_PROBED // batches.x.shape[2])
        total = 0.0
        for start in range(0, num, part):
            x, y, share = (
                np.concatenate(array[start : min(start + part, num)], axis=1)
                for array in (batches.x, batches.y, batches.share)
            )
            total = total + self._gradients(x, y, share / np.float32(num)).numpy()
        return np.linalg.norm(total, axis=1)[: self.num_replicas]

    def outputs(self, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Evaluates the network in inference mode.

        Args:
            x: Float32 array `(num_replicas, num_samples, num_inputs)`.

        Returns:
            `(hidden, outputs)`: a list of the hidden layers' outputs on the first 1,000
            samples, each `(num_replicas, 1000, units)`; the outputs on all samples.
        """
        num_samples = x.shape[1]
        x = np.pad(x, ((0, 0), (0, -num_samples % NUM_PROBED), (0, 0)), mode="edge")
        hidden, outputs = [], []
        for part in np.split(x, x.shape[1] // NUM_PROBED, axis=1):
            *values, output = self._outputs(part)
            hidden = hidden or [value.numpy() for value in values]
            outputs.append(output.numpy())
        return hidden, np.concatenate(outputs, axis=1)[:, :num_samples]

    def _train_steps(self, x, y, share, masks, start, stop):
        tf = self._tf

        def step(i, logs):
            log = self._step(x[i], y[i], share[i], [mask[i] for mask in masks])
            return i + 1, logs.write(i, log)

        logs = tf.TensorArray(tf.float32, x.shape[0], element_shape=(self.num_replicas, 3))
        _, logs = tf.while_loop(lambda i, _: i < stop, step, (start, logs))
        return logs.stack()

    def _step(self, x, y, share, masks):
        tf = self._tf
        values = [tf.convert_to_tensor(v.value) for v in self._variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            outputs = self._forward(x, values, masks)[-1]
            losses = tf.reduce_sum(self._loss(y, outputs) * share, axis=-1)
            losses += self._penalties(values)
            total = tf.reduce_sum(losses)
        self._optimizer.apply(tape.gradient(total, values), self._variables)
        logs = [tf.reduce_sum(f(y, outputs) * share, axis=-1) for f in self._accuracies]
        return tf.stack([losses, *logs], axis=-1)

    def _filled(self, value):
        """Repeats the last replica until there are `_num_gradients`."""
        fill = self._num_gradients - self.num_replicas
        return self._tf.concat([value, self._tf.repeat(value[-1:], fill, axis=0)], axis=0)

    def _flat_gradients(self, x, y, share):
        tf = self._tf
        x, y, *values = map(self._filled, (x, y, *(v.value for v in self._variables)))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            losses = tf.reduce_sum(self._loss(y, self._forward(x, values, [])[-1]) * share, axis=-1)
            # Penalties are no mean over samples: each part of the batches has its share of them.
            losses += self._penalties(values) * tf.reduce_sum(share, axis=-1)
        gradients = tape.gradient(losses, values)
        return tf.concat([tf.reshape(g, (self._num_gradients, -1)) for g in gradients], axis=1)

    def _forward_all(self, x):
        values = [variable.value for variable in self._variables]
        return self._forward(x, values, [])

    def _forward(self, x, values, masks):
        """Returns the hidden layers' outputs, then the network's."""
        import keras

        values, masks = list(values), list(masks)
        hidden, kept = networks.hidden_layers(self.model), []
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Dense):
                x = self._tf.matmul(x, values.pop(0))
                if layer.use_bias:
                    x = x + values.pop(0)[:, None, :]
                x = layer.activation(x)
            elif isinstance(layer, keras.layers.Dropout):
                if masks and layer.rate > 0:
                    # Keras declares the result of an activation as an object.
                    dtype = x.dtype  # pyright: ignore[reportAttributeAccessIssue]
                    x = x * self._tf.cast(masks.pop(0), dtype) / (1 - layer.rate)
            else:
                x = layer.call(x)
            kept += [x] * (layer in hidden)
        return [*kept, x]

    def _penalties(self, values):
        """Returns each replica's regularization penalty, zero where there is none."""
        places = {id(v): n for n, v in enumerate(self.model.trainable_variables)}
        total = 0.0
        for _, layer in networks.weighted_layers(self.model):
            for variable in layer.trainable_variables:
                penalty = getattr(layer, f"{variable.name}_regularizer", None)
                if penalty is not None:
                    stacked = values[places[id(variable)]]
                    # `vectorized_map` would fall back to a loop, which takes thirty times as long.
                    parts = self._tf.unstack(stacked)
                    total += self._tf.stack([penalty(part) for part in parts])
        return total
