"""The benchmark's contenders that run on Keras: the engine, its parts, and `fit`.

Each answers the same questions as the JAX loop: how long the first pass
takes (`prepare`), how long a repetition takes (`run`), how it trains (`describe`)
and where its weights are (`weights`).
"""

import concurrent.futures
import time
import types

import numpy as np

from experiments.training.streams import Batches

ARM = "fixed"
PARTS = ("whole", "input and optimizer", "input only")


class Engine:
    """The product: blocks, widths and worker threads as the runner chooses them.

    The clock runs from the look at step 0 to the look at the end, so it leaves out
    drawing the initial weights and counts one forward pass over 1,000 points.
    """

    def __init__(self, job):
        from experiments.runs import executor, jobs

        self._job, plan = job, {ARM: job.setup}
        work = jobs.cut(job.case, plan, lambda *_: list(range(job.num_seeds)), "engine")
        self._unit, self._workers = work[0], executor.num_threads(work)
        self._blocks = [list(unit.seeds) for unit in work]
        self._pool = concurrent.futures.ThreadPoolExecutor(self._workers)

    def start(self):
        """Returns what the other contenders start from.

        Returns:
            `(program, weights)`: the network and its compilation in plain words, and
            the initial weights, stacked over seeds.
        """
        from experiments.training import networks

        model = networks.build(self._job.case, self._job.setup)
        case, setup = self._job.case, self._job.setup
        seeds = range(self._job.num_seeds)
        weights = [networks.starting_weights(case, setup, model, seed) for seed in seeds]
        return _program(model), [np.stack(values) for values in zip(*weights, strict=True)]

    def prepare(self, start=None):
        """Compiles a program for each worker; returns seconds and updates made."""
        begin = time.perf_counter()
        self._trainers = list(self._pool.map(lambda _: self._make_trainer(), range(self._workers)))
        first = self._blocks[: self._workers]
        spent = time.perf_counter() - begin + self._train(first, 1, compiling=True)
        return spent, sum(map(len, first)) * self._job.steps_per_pass

    def _make_trainer(self):
        from experiments.runs import jobs

        return jobs.make_trainer(self._unit)

    def describe(self):
        """Returns the blocks in words."""
        width, threads = self._trainers[0].program.num_replicas, self._workers
        return f"{width} at once, {threads} thread{'s' * (threads > 1)}"

    def environment(self):
        """Returns versions and hardware, see `keys.environment`."""
        from experiments.runs import keys
        from experiments.runs.blocks import num_cores

        return keys.environment() | {"cores": str(num_cores())}

    def run(self):
        """Trains all seeds from their start; returns seconds."""
        blocks, size = self._blocks, self._workers
        rounds = [blocks[i : i + size] for i in range(0, len(blocks), size)]
        return sum(self._train(some, self._job.passes) for some in rounds)

    def weights(self, passes):
        """Returns the first block's stacked weights after so many passes."""
        self._train(self._blocks[:1], passes)
        return [values[: len(self._blocks[0])] for values in self._trainers[0].program.weights]

    def _train(self, blocks, passes, compiling=False):
        ends = [0, passes * self._job.steps_per_pass]
        pairs = zip(self._trainers, blocks, strict=False)
        looks = [trainer.train(block, ends, self._evaluation(block)) for trainer, block in pairs]
        begin = time.perf_counter()
        list(self._pool.map(next, looks))
        begin = begin if compiling else time.perf_counter()
        list(self._pool.map(next, looks))
        return time.perf_counter() - begin

    def _evaluation(self, block):
        num_inputs = self._trainers[0].program.model.input_shape[-1]
        return types.SimpleNamespace(inputs=np.zeros((len(block), 1, num_inputs), np.float32))


class EnginePart(Engine):
    """One worker of the engine, on its first block, with a part taken out.

    Args:
        job: What to train; the block is as wide as the runner would make it.
        part: One of `PARTS`: `"whole"`; `"input and optimizer"`, where each step updates
            the weights by a thousandth of themselves in place of a gradient; or `"input
            only"`.
    """

    def __init__(self, job, part):
        super().__init__(job)
        self._part, self._blocks, self._workers = part, self._blocks[:1], 1

    def _make_trainer(self):
        trainer = super()._make_trainer()
        if self._part != "whole":
            trainer.program = _cut_program(trainer.program, self._part)
        return trainer


def _cut_program(program, part):
    """Returns the program's twin without its network, or without all training."""
    from experiments.training import engine

    class InputOnly(engine.Program):
        def train(self, batches, start, stop):
            return np.zeros((stop - start, self.num_replicas, 3), np.float32)

    class OptimizerOnly(InputOnly):
        def __init__(self, model, num_replicas):
            super().__init__(model, num_replicas)
            self._update = self._tf.function(self._updates, jit_compile=True, autograph=False)

        def train(self, batches, start, stop):
            self._update(self._tf.constant(stop - start))
            return super().train(batches, start, stop)

        def _updates(self, num_steps):
            def step(place):
                # A gradient at hand: the network is what is left out.
                gradients = [1e-3 * variable.value for variable in self._variables]
                self._optimizer.apply(gradients, self._variables)
                return (place + 1,)

            return self._tf.while_loop(lambda place: place < num_steps, step, (0,))

    kind = {"input and optimizer": OptimizerOnly, "input only": InputOnly}[part]
    return kind(program.model, program.num_replicas)


class Fit:
    """Plain `model.fit` of seed 0, given the same batches in the same order.

    Compiled without metrics, and where batches divide a pass evenly all passes are
    given as one array and one long epoch; both only make it faster. Where they do not,
    a pass is an epoch of a Keras data set, as an epoch is in the case's program.
    """

    def __init__(self, job):
        from experiments.training import networks

        self._job, self._keras = job, networks.load_keras()
        self._model = networks.build(job.case, job.setup)
        self._model.compile(optimizer=self._model.optimizer, loss=self._model.loss)
        self._model.optimizer.build(self._model.trainable_variables)
        self._slots = [v.numpy() for v in self._model.optimizer.variables]

    def prepare(self, start):
        """Makes the first fit, of one pass; returns seconds and updates made."""
        _, self._weights = start
        return self._fit(1), self._job.steps_per_pass

    def describe(self):
        """Returns how it trains, in words."""
        return f"1 seed, {self._job.passes * self._job.steps_per_pass:,} steps"

    def run(self):
        """Trains seed 0 from its start; returns seconds."""
        return self._fit(self._job.passes)

    def weights(self, passes):
        """Returns the weights after so many passes, as a stack of one."""
        self._fit(passes)
        return [variable.numpy()[None] for variable in self._model.trainable_variables]

    def _fit(self, passes):
        for variable, values in zip(self._model.trainable_variables, self._weights, strict=True):
            variable.assign(values[0])
        for variable, value in zip(self._model.optimizer.variables, self._slots, strict=True):
            variable.assign(value)
        given = self._given(passes)
        begin = time.perf_counter()
        self._model.fit(**given, shuffle=False, verbose=0)
        return time.perf_counter() - begin

    def _given(self, passes):
        batches, size = Batches(self._job.case, self._job.setup, 0), self._job.setup.batch_size
        served = [batches.next_pass() for _ in range(passes)]
        if len(served[0][0]) % size:
            return self._given_short(served, size) | {"epochs": passes}
        x, y = (np.concatenate(parts) for parts in zip(*served, strict=True))
        return {"x": x, "y": y, "batch_size": size}

    def _given_short(self, served, size):
        return {"x": _data_set(self._keras, served, size)}


class FitStream(Fit):
    """`model.fit` served by one generator, which spares it the ends of epochs."""

    def _given_short(self, served, size):
        batches = (batch for each in served for batch in _cut(*each, size))
        return {"x": batches, "steps_per_epoch": self._job.steps_per_pass}


def _cut(x, y, size):
    """Returns the batches of a pass; the last may be short."""
    parts = [slice(start, start + size) for start in range(0, len(x), size)]
    return [(x[part], y[part]) for part in parts]


def _data_set(keras, served, size):
    """Returns a Keras data set that serves each pass as one epoch."""
    batches = [_cut(*each, size) for each in served]

    class Passes(keras.utils.PyDataset):
        epoch = -1

        def __len__(self):
            return len(batches[0])

        def __getitem__(self, place):
            return batches[max(self.epoch, 0)][place]

        def on_epoch_begin(self):
            # The end is too late: Keras may read ahead before it says so.
            self.epoch += 1

    return Passes()


def _program(model):
    """Says what the JAX loop needs to know of a compiled network."""
    from experiments.training import networks

    activations = []
    for layer in model.layers:
        name = networks.activation_name(layer)
        if layer.trainable_variables:
            activations.append(name)
        elif name != "dropout":
            activations[-1] = name
    config, optimizer = model.optimizer.get_config(), model.optimizer
    wanted = ("beta_1", "beta_2", "epsilon")
    settings = {name: float(config[name]) for name in wanted if name in config}
    return {
        "activations": activations,
        "loss": model.loss,
        "optimizer": type(optimizer).__name__,
        "settings": settings | {"learning_rate": float(optimizer.learning_rate)},
    }
