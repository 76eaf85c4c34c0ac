"""Times the engine on a GPU and on the CPU, and `fit` on both.

Each device is timed in a process of its own, because TensorFlow decides once a process whether it
sees a GPU. Without a GPU only the CPU is timed, and the text says so.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import os
import statistics
import time
import types
from typing import TYPE_CHECKING, cast

import numpy as np

from experiments.benchmark.contenders import ARM, Fit
from experiments.benchmark.tables import number
from experiments.runs.blocks import num_cores
from experiments.training import devices, networks, stack_size
from experiments.training.streams import Batches, steps_per_pass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from experiments.benchmark.workers import Job

REPLICAS = (16, 64, 256, 1024, 4096)
NO_GPU = "There is no GPU on this machine, or TensorFlow sees none: the CPU was timed alone."


@dataclasses.dataclass(frozen=True)
class Timing:
    """The speed of one trainer on one device.

    Attributes:
        case: The name of the case, whose fixed arm is trained.
        device: The name of the GPU, or `"CPU"`.
        trainer: `"engine"` or `"fit"`.
        num_seeds: Seeds trained at once, by all workers together.
        seeds_per_second: One number for each repetition; a seed counts with all its updates.
    """

    case: str
    device: str
    trainer: str
    num_seeds: int
    seeds_per_second: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the repetitions."""
        return statistics.median(self.seeds_per_second)


def measure(
    case_name: str,
    replicas: Iterable[int] = REPLICAS,
    *,
    passes: int = 3,
    repetitions: int = 3,
) -> list[Timing]:
    """Times the fixed arm of a case on the CPU and, if there is one, on the GPU.

    Args:
        case_name: Name of the case.
        replicas: Numbers of seeds to train at once.
        passes: Passes over the data in one repetition.
        repetitions: Timings of each, after one pass that compiles.

    Returns:
        The timings, those of the CPU first.
    """
    found = []
    for hidden in (True, False) if devices.may_be_found() else (True,):
        # A forked process would share the state of TensorFlow.
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(
            1, context, initializer=_set_out, initargs=(hidden,)
        ) as process:
            target = process.submit(_time_here, case_name, tuple(replicas), passes, repetitions)
            timings = target.result()
        # A driver is no proof of a GPU: the second process may have timed the CPU again.
        found += timings if hidden or timings[0].device != "CPU" else []
    return found


def lines(timings: Sequence[Timing]) -> list[str]:
    """Returns one line of text for each trainer on each device, then their ratios.

    Args:
        timings: The result of `measure`.
    """
    best = {}
    for timing in timings:
        place = timing.device, timing.trainer
        if place not in best or timing.median > best[place].median:
            best[place] = timing
    lines = [_line(timing) for timing in best.values()]
    gpus = [timing for (device, _), timing in best.items() if device != "CPU"]
    return lines + ([_ratios(gpus[0].device, best)] if gpus else [NO_GPU])


def _line(timing):
    what = f"{timing.case}, {timing.trainer} on {timing.device}"
    return f"{what}: {number(timing.median)} seeds a second, {timing.num_seeds:,} at once."


def _ratios(gpu, best):
    ours = best[gpu, "engine"].median
    to_cpu, to_fit = ours / best["CPU", "engine"].median, ours / best[gpu, "fit"].median
    return (
        f"On {gpu} the engine trains {number(to_cpu)} times as many seeds a second as on the "
        f"CPU's cores, and {number(to_fit)} times as many as model.fit on the same GPU."
    )


def _set_out(hidden):
    """Hides the GPUs from a process that trains on the CPU."""
    if hidden:
        os.environ.update(dict.fromkeys(("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), "-1"))


def _time_here(case_name, replicas, passes, repetitions):
    import reproductions

    networks.load_keras()
    case, device = reproductions.load(case_name), devices.name() or "CPU"
    setup = case.arm(ARM)
    whole, found = setup.num_steps / (passes * steps_per_pass(setup)), []
    runs = [("engine", num, _engine(case, setup, num)) for num in replicas]
    for trainer, num, run in [*runs, ("fit", 1, _fit(case, setup, passes))]:
        run(1)
        spent = [_seconds(run, passes) for _ in range(repetitions)]
        speed = tuple(num / (whole * seconds) for seconds in spent)
        found.append(Timing(case_name, device, trainer, num, speed))
    return found


def _seconds(run, passes):
    begin = time.perf_counter()
    run(passes)
    return time.perf_counter() - begin


def _engine(case, setup, num_seeds):
    """Returns a function that draws and trains a number of passes of some seeds."""
    from experiments.training import program

    program.tensorflow()
    model, width, workers = networks.build(case, setup), num_seeds, 1
    if not devices.gpus():
        width, workers = stack_size.launch(case, setup, model, num_seeds, num_cores())
    blocks = [range(i, min(i + width, num_seeds)) for i in range(0, num_seeds, width)]
    programs = [_program(case, setup, width) for _ in range(workers)]
    pool = concurrent.futures.ThreadPoolExecutor(workers)

    def work(place, passes):
        for block in blocks[place::workers]:
            _train(programs[place], case, setup, block, passes)

    return lambda passes: list(pool.map(work, range(workers), [passes] * workers))


def _program(case, setup, width):
    from experiments.training import engine

    program = engine.Trainer(case, setup, width).program
    weights = networks.starting_weights(case, setup, program.model, 0)
    # With weights of zero the arithmetic would take another time than in training.
    program.reset([np.stack([values] * program.num_replicas) for values in weights])
    return program


def _train(program, case, setup, seeds, passes):
    from experiments.training import engine

    streams = [Batches(case, setup, seed) for seed in seeds]
    masks = [networks.dropout_masks(program.model, seed) for seed in seeds]
    for _ in range(passes):
        chunk = engine.Chunk(streams, masks, setup.batch_size, program.num_replicas)
        program.train(chunk, 0, len(chunk))


def _fit(case, setup, passes):
    """Returns a function that fits seed 0 for a number of passes."""
    model = networks.build(case, setup)
    weights = networks.starting_weights(case, setup, model, 0)
    start = {}, [np.asarray(values)[None] for values in weights]
    job = types.SimpleNamespace(case=case, setup=setup, passes=passes)
    job.steps_per_pass = steps_per_pass(setup)
    # `Fit` reads these four attributes of a job only.
    fit = Fit(cast("Job", job))
    return lambda passes: fit.prepare(start) if passes == 1 else fit.run()
