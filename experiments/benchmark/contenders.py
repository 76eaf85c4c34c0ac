"""The contenders of the benchmark that run on Keras: the engine, its parts, and `fit`.

They have the same methods as the JAX loop: `prepare` takes the time of the first pass, `run` that
of a repetition, `describe` says how it trains, and `weights` returns the trained weights.
"""

from __future__ import annotations

import concurrent.futures
import time
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.training.streams import Batches

if TYPE_CHECKING:
    from experiments.benchmark.workers import Job

    # The description of a network, and its initial weights stacked over seeds.
    Start = tuple[dict[str, Any], list[np.ndarray]]

ARM = "fixed"
PARTS = ("whole", "input and optimizer", "input only")


class Engine:
    """The engine, with blocks, widths and worker threads as the runner chooses them.

    The time is taken from the checkpoint at step 0 to the checkpoint at the end. So it leaves
    out the draw of initial weights, and includes one forward pass over 1,000 points.
    """

    def __init__(self, job: Job):
        from experiments.runs import executor, jobs

        self._job, plan = job, {ARM: job.setup}
        work = jobs.cut(job.case, plan, lambda *_: list(range(job.num_seeds)), "engine")
        self._unit, self._workers = work[0], executor.num_threads(work)
        self._blocks = [list(unit.seeds) for unit in work]
        self._pool = concurrent.futures.ThreadPoolExecutor(self._workers)

    def start(self) -> Start:
        """Returns the network and the initial weights, from which all contenders start.

        Returns:
            `(program, weights)`: the network and its compilation as plain values, and
            the initial weights, stacked over seeds.
        """
        from experiments.training import networks

        model = networks.build(self._job.case, self._job.setup)
        case, setup = self._job.case, self._job.setup
        seeds = range(self._job.num_seeds)
        weights = [networks.starting_weights(case, setup, model, seed) for seed in seeds]
        return _program(model), [np.stack(values) for values in zip(*weights, strict=True)]

    def prepare(self, start: Start | None = None) -> tuple[float, int]:
        """Compiles a program for each worker; returns seconds and updates made."""
        begin = time.perf_counter()
        self._trainers = list(self._pool.map(lambda _: self._make_trainer(), range(self._workers)))
        first = self._blocks[: self._workers]
        spent = time.perf_counter() - begin + self._train(first, 1, compiling=True)
        return spent, sum(map(len, first)) * self._job.steps_per_pass

    def _make_trainer(self) -> Any:
        from experiments.runs import jobs

        return jobs.make_trainer(self._unit)

    def describe(self) -> str:
        """Returns a text that says how wide the blocks are and how many threads train."""
        width, threads = self._trainers[0].program.num_replicas, self._workers
        return f"{width} at once, {threads} thread{'s' * (threads > 1)}"

    def environment(self) -> dict[str, str]:
        """Returns versions and hardware; see `keys.environment`."""
        from experiments.runs import keys
        from experiments.runs.blocks import num_cores

        return keys.environment() | {"cores": str(num_cores())}

    def run(self) -> float:
        """Trains all seeds from their initial weights; returns seconds."""
        blocks, size = self._blocks, self._workers
        rounds = [blocks[i : i + size] for i in range(0, len(blocks), size)]
        return sum(self._train(some, self._job.passes) for some in rounds)

    def weights(self, passes: int) -> list[np.ndarray]:
        """Returns the stacked weights of the first block after a number of passes."""
        self._train(self._blocks[:1], passes)
        return [values[: len(self._blocks[0])] for values in self._trainers[0].program.weights]

    def _train(self, blocks, passes, compiling=False):
        ends = [0, passes * self._job.steps_per_pass]
        pairs = zip(self._trainers, blocks, strict=False)
        snapshots = [
            trainer.train(block, ends, self._evaluation(block)) for trainer, block in pairs
        ]
        begin = time.perf_counter()
        list(self._pool.map(next, snapshots))
        begin = begin if compiling else time.perf_counter()
        list(self._pool.map(next, snapshots))
        return time.perf_counter() - begin

    def _evaluation(self, block) -> Any:
        num_inputs = self._trainers[0].program.model.input_shape[-1]
        return types.SimpleNamespace(inputs=np.zeros((len(block), 1, num_inputs), np.float32))


class EnginePart(Engine):
    """One worker of the engine on its first block, with parts of the work left out.

    Args:
        job: The training to time; the block is as wide as in the runner.
        part: One of `PARTS`: `"whole"`; `"input and optimizer"`, where the gradient of each
            step is replaced by a thousandth of the weights; or `"input only"`.
    """

    def __init__(self, job: Job, part: str):
        super().__init__(job)
        self._part, self._blocks, self._workers = part, self._blocks[:1], 1

    def _make_trainer(self):
        trainer = super()._make_trainer()
        if self._part != "whole":
            trainer.program = _cut_program(trainer.program, self._part)
        return trainer


def _cut_program(program, part):
    """Returns a copy of the program without its network, or without any training."""
    from experiments.training.program import Program

    class InputOnly(Program):
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
                # This gradient costs nothing, so that only the network is left out.
                gradients = [1e-3 * variable.value for variable in self._variables]
                self._optimizer.apply(gradients, self._variables)
                return (place + 1,)

            return self._tf.while_loop(lambda place: place < num_steps, step, (0,))

    kind = {"input and optimizer": OptimizerOnly, "input only": InputOnly}[part]
    return kind(program.model, program.num_replicas)


class Fit:
    """Plain `model.fit` of seed 0 on the same batches in the same order.

    The model is compiled without metrics. If batches divide a pass evenly, all passes are one
    array and one long epoch. Both only make `fit` faster. Otherwise each pass is an epoch of
    a Keras data set, as in the program of the case.
    """

    def __init__(self, job: Job):
        from experiments.training import networks

        self._job, self._keras = job, networks.load_keras()
        self._model = networks.build(job.case, job.setup)
        self._model.compile(optimizer=self._model.optimizer, loss=self._model.loss)
        self._model.optimizer.build(self._model.trainable_variables)
        self._slots = [v.numpy() for v in self._model.optimizer.variables]

    def prepare(self, start: Start) -> tuple[float, int]:
        """Fits one pass for the first time; returns seconds and updates made."""
        _, self._weights = start
        return self._fit(1), self._job.steps_per_pass

    def describe(self) -> str:
        """Returns a text that says how many steps are fitted."""
        return f"1 seed, {self._job.passes * self._job.steps_per_pass:,} steps"

    def run(self) -> float:
        """Trains seed 0 from its initial weights; returns seconds."""
        return self._fit(self._job.passes)

    def weights(self, passes: int) -> list[np.ndarray]:
        """Returns the weights after a number of passes, as a stack of one seed."""
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
    """`model.fit` on one generator, which avoids the cost of the end of an epoch."""

    def _given_short(self, served, size):
        batches = (batch for x, y in served for batch in _cut(x, y, size))
        return {"x": batches, "steps_per_epoch": self._job.steps_per_pass}


def _cut(x, y, size):
    """Returns the batches of a pass, of which the last may be short."""
    parts = [slice(start, start + size) for start in range(0, len(x), size)]
    return [(x[part], y[part]) for part in parts]


def _data_set(keras, served, size):
    """Returns a Keras data set in which each pass is one epoch."""
    batches = [_cut(x, y, size) for x, y in served]

    class Passes(keras.utils.PyDataset):
        epoch = -1

        def __len__(self):
            return len(batches[0])

        def __getitem__(self, place):
            return batches[max(self.epoch, 0)][place]

        def on_epoch_begin(self):
            # `on_epoch_end` is too late: Keras may fetch batches before it calls it.
            self.epoch += 1

    return Passes()


def _program(model):
    """Returns the description of a compiled network that the JAX loop needs."""
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
