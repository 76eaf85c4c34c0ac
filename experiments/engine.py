"""The fast trainer: many seeds of one plain Keras model at once.

Room 6: the only module that imports TensorFlow. The weights of a block of seeds
are stacked on a leading replica axis, the network's own activations and loss
run on the stacked tensors, Keras's own optimizer updates the stacked variables,
and the loop over steps runs inside one function compiled by XLA. What cannot be
trained exactly that way is refused by name.

Only a Dense layer's affine part is spelled out here (a batched matmul in place
of one per replica); everything else is called, not copied. As head and loss meet
in one graph, a softmax output keeps its logits for the cross-entropies, just as
it does in `fit`.
"""

import contextlib

import numpy as np

from experiments import networks
from experiments.exactness import check_trainable, unreduced_loss
from experiments.measures import NUM_PROBED, Snapshot
from experiments.streams import STREAM_PASS, Batches, steps_per_pass

MAX_REPLICAS = 128
MAX_PASS_BYTES = 64 * 2**20
SHORT_PASS = 1000
NUM_GRADIENT_BATCHES = 10
# In a narrower stack XLA adds the samples of a gradient up in another order.
LEAST_GRADIENTS = 32


def tensorflow():
    """Imports TensorFlow, one thread a function: blocks are what runs in parallel."""
    networks.load_keras()
    import tensorflow as tf

    tf.get_logger().addFilter(_is_news)
    # Where TensorFlow already runs it keeps its threads: that costs speed, not bits.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
    return tf


def _is_news(record):
    # Every program is traced once; TensorFlow takes their number for retracing.
    return "triggered tf.function retracing" not in record.getMessage()


def widest_block(model, setup):
    """Returns how many seeds may be trained at once: bounded by a pass's memory."""
    steps = steps_per_pass(setup)
    floats = 4 * (model.input_shape[-1] + model.output_shape[-1])
    units = sum(layer.output.shape[-1] for layer in networks.dropout_layers(model))
    size = steps * setup.batch_size * (floats + units)
    return int(np.clip(MAX_PASS_BYTES // size, 2, MAX_REPLICAS))


class Program:
    """One model compiled for a fixed number of replicas.

    Args:
        model: The compiled `keras.Sequential` of an arm.
        num_replicas: Seeds stacked, at least 2: XLA rounds a lone replica's
            products otherwise than a stack's.
        least_gradients: Gradients are taken of so many replicas at least, the last one
            repeated, so that their bits do not depend on a width that may be chosen.

    Raises:
        SuiteError: The model cannot be trained exactly this way.
    """

    def __init__(self, model, num_replicas, least_gradients=0):
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

    def reset(self, weights):
        """Starts over from stacked weights, with fresh optimizer slots.

        Args:
            weights: Arrays of shape `(num_replicas, *variable shape)`.
        """
        for variable, value in zip(self._variables, weights, strict=True):
            variable.assign(value)
        for variable, value in zip(self._optimizer.variables, self._start, strict=True):
            variable.assign(value)

    @property
    def weights(self):
        """The stacked weights as NumPy arrays."""
        return [variable.numpy() for variable in self._variables]

    @property
    def num_updates(self):
        """How many updates the optimizer counts since the last reset."""
        return int(self._optimizer.iterations)

    def train(self, batches, start, stop):
        """Makes the updates `start` to `stop - 1` of a chunk of batches.

        Args:
            batches: A `Chunk`.
            start: First step.
            stop: The step after the last.

        Returns:
            Float32 array `(stop - start, num_replicas, 3)`: loss, today's
            accuracy and Keras 1's, each before its update.
        """
        bounds = self._tf.constant(start), self._tf.constant(stop)
        logs = self._train(batches.x, batches.y, batches.share, batches.masks, *bounds)
        return logs.numpy()[start:stop]

    def gradient_norms(self, batches):
        """Returns the L2 norm of each replica's gradient, `(num_replicas,)`.

        It is the gradient of the loss that `fit` lowers, without dropout, as a mean over
        the batches of a pass; of an endless stream's pass, over the first ten.

        Args:
            batches: A `Chunk`.
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

    def outputs(self, x):
        """Evaluates the network, in inference mode.

        Args:
            x: Float32 array `(num_replicas, num_samples, num_inputs)`.

        Returns:
            `(hidden, outputs)`: hidden outputs on the first 1,000 samples, a list
            of `(num_replicas, 1000, units)`; outputs on all samples.
        """
        num_samples = x.shape[1]
        x = np.pad(x, ((0, 0), (0, -num_samples % NUM_PROBED), (0, 0)), mode="edge")
        hidden, outputs = None, []
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
        """Repeats the last replica until there are as many as gradients are taken of."""
        fill = self._num_gradients - self.num_replicas
        return self._tf.concat([value, self._tf.repeat(value[-1:], fill, axis=0)], axis=0)

    def _flat_gradients(self, x, y, share):
        tf = self._tf
        x, y, *values = map(self._filled, (x, y, *(v.value for v in self._variables)))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            losses = tf.reduce_sum(self._loss(y, self._forward(x, values, [])[-1]) * share, axis=-1)
            # Penalties are no mean over samples: a part of the batches has its part of them.
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
                    x = x * self._tf.cast(masks.pop(0), x.dtype) / (1 - layer.rate)
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
                    # A mapped penalty would fall back to a loop, at thirty times the cost.
                    parts = self._tf.unstack(stacked)
                    total += self._tf.stack([penalty(part) for part in parts])
        return total


class Chunk:
    """One pass of a block's batches, ready for `Program.train`.

    Args:
        streams: The seeds' `Batches`.
        masks: For each seed what `networks.dropout_masks` returns.
        batch_size: Samples in a batch.
        num_replicas: If given, the last seed is repeated to fill so many.

    Attributes:
        x: `(num_steps, num_replicas, batch_size, num_inputs)`, float32.
        y: `(num_steps, num_replicas, batch_size, num_outputs)`, float32.
        share: `(num_steps, 1, batch_size)`: a sample's share of its batch's mean; 0
            for the copies that fill a short last batch.
        masks: For each dropout layer `(num_steps, num_replicas, batch_size, units)`.
    """

    def __init__(self, streams, masks, batch_size, num_replicas=None):
        setup = streams[0].setup
        self.is_stream = setup.is_stream
        num_samples = STREAM_PASS * batch_size if setup.is_stream else setup.num_training_samples
        order = np.append(np.arange(num_samples), np.zeros(-num_samples % batch_size, int))
        self._cut = (len(order) // batch_size, batch_size)
        if not setup.is_stream and num_samples <= SHORT_PASS:
            self.x, self.y = self._gather(streams)
        else:
            passes = zip(*(stream.next_pass() for stream in streams), strict=True)
            self.x, self.y = (self._stack(arrays, order) for arrays in passes)
        kept = (
            [mask.next_pass(num_samples, units) for mask, units in layer]
            for layer in zip(*masks, strict=True)
        )
        self.masks = tuple(self._stack(arrays, order) for arrays in kept)
        valid = (np.arange(len(order)) < num_samples).reshape(self._cut)
        share = valid / valid.sum(axis=1, keepdims=True)
        self.share = share.astype(np.float32)[:, None, :]
        self._widen(len(streams), num_replicas or len(streams))

    def _stack(self, arrays, order):
        if len(order) > len(arrays[0]):
            arrays = [array[order] for array in arrays]
        return np.stack([array.reshape(*self._cut, -1) for array in arrays], axis=1)

    def _gather(self, streams):
        """Gathers a short pass of all seeds at once: what `_stack` does, in fewer calls."""
        samples = zip(*(stream.next_samples() for stream in streams), strict=True)
        x, y = (np.stack(arrays) for arrays in samples)
        orders = np.stack([stream.next_order() for stream in streams])
        fill = np.prod(self._cut) - orders.shape[1]
        orders = np.concatenate([orders, np.repeat(orders[:, :1], fill, axis=1)], axis=1)
        orders += len(x[0]) * np.arange(len(streams))[:, None]
        places = orders.reshape(-1, *self._cut).transpose(1, 0, 2)
        return [array.reshape(-1, array.shape[-1]).take(places, axis=0) for array in (x, y)]

    def _widen(self, num_streams, num_replicas):
        """Repeats the last seed for the replicas that fill a block."""
        if num_replicas > num_streams:
            places = np.minimum(np.arange(num_replicas), num_streams - 1)
            self.x, self.y = (array.take(places, axis=1) for array in (self.x, self.y))
            self.masks = tuple(mask.take(places, axis=1) for mask in self.masks)

    def __len__(self):
        return len(self.x)


class Trainer:
    """Trains blocks of seeds of one arm.

    Args:
        case: The `Case`.
        setup: The arm's `Setup`.
        width: Seeds in a block, at least 2.
    """

    def __init__(self, case, setup, width):
        self.case, self.setup = case, setup
        tensorflow()
        least = LEAST_GRADIENTS if case.block_width is None else 0
        self.program = Program(networks.build(case, setup), max(width, 2), least)

    def train(self, seeds, checkpoints, exam, progress=None):
        """Trains some seeds, stopping to look at each checkpoint.

        Args:
            seeds: At most `width` whole numbers; fewer are filled up with the last.
            checkpoints: Increasing numbers of updates at which to look.
            exam: The `Exam` of these seeds.
            progress: Called with the number of updates just made.

        Yields:
            A `Snapshot` of these seeds at each checkpoint.
        """
        num_seeds, program = len(seeds), self.program
        model, fill = program.model, program.num_replicas - num_seeds
        weights = [networks.starting_weights(self.case, self.setup, model, s) for s in seeds]
        weights += [weights[-1]] * fill
        program.reset([np.stack(values) for values in zip(*weights, strict=True)])
        streams = [Batches(self.case, self.setup, seed) for seed in seeds]
        masks = [networks.dropout_masks(model, seed) for seed in seeds]
        inputs = np.concatenate([exam.inputs, *[exam.inputs[-1:]] * fill])
        sizes = self.setup.batch_size, program.num_replicas
        step, chunk, logs = 0, Chunk(streams, masks, *sizes), []
        for checkpoint in checkpoints:
            while step < checkpoint:
                place = step % steps_per_pass(self.setup)
                if place == 0 and step > 0:
                    chunk, logs = Chunk(streams, masks, *sizes), []
                stop = min(len(chunk), place + checkpoint - step)
                logs.append(program.train(chunk, place, stop))
                step += stop - place
                if progress is not None:
                    progress((stop - place) * num_seeds)
            yield self._look(step, inputs, chunk, logs, num_seeds)

    def _look(self, step, inputs, chunk, logs, num_seeds):
        hidden, outputs = self.program.outputs(inputs)
        layers = networks.hidden_layers(self.program.model)
        names = [networks.activation_name(layer) for layer in layers]
        return Snapshot(
            steps=step,
            outputs=outputs[:num_seeds],
            hidden=[values[:num_seeds] for values in hidden],
            activations=names,
            logs=_pass_means(chunk, logs)[:num_seeds] if step else None,
            gradient=self.program.gradient_norms(chunk)[:num_seeds],
        )


def _pass_means(chunk, logs):
    """Means over the samples of the current pass, as `fit` logs an epoch."""
    logs = np.concatenate(logs).astype(np.float64)
    counts = (chunk.share[: len(logs), 0] > 0).sum(axis=1)
    return np.einsum("s,srl->rl", counts / counts.sum(), logs)
