"""Jobs: one training run over one block of seeds, from which some arms are read.

A plan is cut into jobs, and a job is trained here. The rows of a job depend neither on the
process that trains it nor on other jobs.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from experiments.cases import plans
from experiments.cases.case import Case
from experiments.cases.setups import Setup
from experiments.runs import files
from experiments.runs.blocks import State, num_cores, train_block
from experiments.runs.keys import environment, row_key
from experiments.training import checkpoints, error_messages

NUMPY_WIDTH = 50
SECONDS_BETWEEN_CHECKPOINTS = 120.0

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Found = dict[str, tuple[pd.DataFrame, dict[str, np.ndarray]]]
    Keep = Callable[[int, Callable[[], State]], None]


@dataclasses.dataclass(frozen=True)
class Job:
    """One run over one block of seeds.

    Attributes:
        case: The `Case`.
        arms: `{arm: setup}` that are read from the run, the longest first.
        seeds: The block's seeds.
        width: Number of seeds that are trained at once; at least that of `seeds`.
        trainer: Name of the trainer.
    """

    case: Case
    arms: Mapping[str, Setup]
    seeds: tuple[int, ...]
    width: int
    trainer: str

    @property
    def run(self) -> str:
        """The name of the run: its arms, joined by equal signs."""
        return " = ".join(self.arms)

    @property
    def name(self) -> str:
        """The arms and seeds as text."""
        first, last = min(self.seeds), max(self.seeds)
        return f"{self.run}, " + (f"seeds {first} to {last}" if last > first else f"seed {first}")

    @property
    def setup(self) -> Setup:
        """The setup that is trained: the longest arm's."""
        return next(iter(self.arms.values()))

    @property
    def program(self) -> tuple[str, Setup, int, str]:
        """The identity of the compiled program; jobs with an equal one share the program."""
        return self.case.name, self.setup, self.width, self.trainer

    @property
    def num_updates(self) -> int:
        """Updates to be made, summed over seeds."""
        return len(self.seeds) * max(setup.num_steps for setup in self.arms.values())

    @property
    def origin(self) -> str:
        """The identity of the run when it is resumed, see the function `origin`."""
        return origin(self.case, self.setup, self.trainer)

    def digest(self) -> str:
        """Returns 16 digits that identify the job, the version of its case and the machine."""
        keys = {arm: row_key(self.case, setup, self.trainer) for arm, setup in self.arms.items()}
        return files.digest(repr((keys, self.seeds, self.width, environment())))


def origin(case: Case, setup: Setup, trainer: str) -> str:
    """Returns 16 digits that identify a run by its row key and the machine."""
    made_on = environment(), num_cores()
    return files.digest(repr((row_key(case, setup, trainer), made_on)))


def cut(
    case: Case,
    plan: Mapping[str, Setup],
    needed: Callable[[str, Setup], list[int]],
    trainer: str,
    *,
    widths: Mapping[str, int] | None = None,
) -> list[Job]:
    """Cuts the missing rows of a plan into jobs.

    Args:
        case: The `Case`.
        plan: `{arm: setup}`.
        needed: Function `(arm, setup) -> seeds` whose rows are missing.
        trainer: Name of the trainer.
        widths: `{origin: width}` of interrupted runs. They are cut as before, so that
            their jobs resume from checkpoints.

    Returns:
        List of `Job`, run after run.

    Raises:
        SuiteError: The trainer refuses an arm.
    """
    from experiments.training import networks

    found = []
    for arms in plans.runs(plan):
        for part, lacking in _programs(case, arms, _missing(arms, needed)):
            # `origin` depends on the devices, which are known once Keras is loaded.
            networks.load_keras()
            width = _width(case, part, len(lacking), trainer)
            if widths:
                setup = next(iter(part.values()))
                width = widths.get(origin(case, setup, trainer), width)
            blocks = [tuple(lacking[i : i + width]) for i in range(0, len(lacking), width)]
            found += [Job(case, part, block, width, trainer) for block in blocks]
    return found


def _missing(
    arms: Mapping[str, Setup], needed: Callable[[str, Setup], list[int]]
) -> dict[int, list[str]]:
    """Returns `{seed: arms that need it}`, sorted by seed."""
    lacks: dict[int, list[str]] = {}
    for arm, setup in arms.items():
        for seed in needed(arm, setup):
            lacks.setdefault(seed, []).append(arm)
    return dict(sorted(lacks.items()))


def _programs(
    case: Case, arms: Mapping[str, Setup], lacks: Mapping[int, list[str]]
) -> list[tuple[Mapping[str, Setup], list[int]]]:
    """Splits a run if its arms' models differ: a learning rate schedule may read a length."""
    if not lacks:
        return []
    if len(arms) == 1 or _is_one_program(case, arms):
        return [(arms, list(lacks))]
    alone: list[tuple[Mapping[str, Setup], list[int]]] = [
        ({arm: setup}, [seed for seed, needing in lacks.items() if arm in needing])
        for arm, setup in arms.items()
    ]
    return [(part, seeds) for part, seeds in alone if seeds]


def _is_one_program(case: Case, arms: Mapping[str, Setup]) -> bool:
    from experiments.training import networks

    return len({networks.description(case, setup) for setup in arms.values()}) == 1


def _width(case: Case, arms: Mapping[str, Setup], num_seeds: int, trainer: str) -> int:
    """Returns how many seeds of a run are trained at once; raises if it cannot be trained."""
    setup = next(iter(arms.values()))
    if trainer == "reference":
        return 1
    if trainer == "numpy":
        from experiments.training import numpy_trainer

        numpy_trainer.Trainer(case, setup)
        return NUMPY_WIDTH
    from experiments.training import networks, program, stack_size, support

    program.tensorflow()
    model = networks.build(case, setup)
    support.check_trainable(model)
    width, _ = stack_size.launch(case, setup, model, num_seeds, num_cores())
    networks.check_memory(case, setup, model, width)
    return width


class JobTrainer:
    """Trains jobs, one after the other, and keeps the program that was compiled last.

    A compiled program is never freed by TensorFlow; `num_programs` counts them.
    """

    def __init__(self) -> None:
        self.num_programs, self._program, self._trainer = 0, None, None

    def train(
        self,
        job: Job,
        *,
        advance: Callable[[int], object] | None = None,
        saved: bytes | None = None,
        keep: Callable[[bytes], object] | None = None,
    ) -> tuple[Found, dict[str, str]]:
        """Trains a job.

        Args:
            job: The `Job`.
            advance: Function that receives the updates made, summed over seeds.
            saved: A checkpoint that `keep` received, to resume from.
            keep: Function that receives checkpoints as bytes, every two minutes.

        Returns:
            `({arm: (rows, trace)}, environment)`, see `train_block` and `environment`.

        Raises:
            CheckpointError: The checkpoint is damaged, or of another job.
        """
        state = checkpoints.unpack(saved) if saved is not None else None
        how: Any = {"advance": advance, "saved": state, "keep": _every_so_often(keep)}
        with error_messages.explained(job.case, job.setup):
            if job.program != self._program:
                self._trainer, self._program = make_trainer(job), job.program
                self.num_programs += 1
            found = train_block(job.case, job.arms, list(job.seeds), self._trainer, **how)
        return found, environment()


def make_trainer(job: Job) -> Any:
    """Returns a new trainer for the jobs of one program."""
    if job.trainer == "reference":
        from experiments.training import reference

        return reference.Trainer(job.case, job.setup)
    if job.trainer == "numpy":
        from experiments.training import numpy_trainer

        return numpy_trainer.Trainer(job.case, job.setup)
    from experiments.training import engine

    return engine.Trainer(job.case, job.setup, job.width)


def _every_so_often(keep: Callable[[bytes], object] | None) -> Keep | None:
    """Returns a function to call at every pass; it makes a checkpoint every two minutes."""
    if keep is None:
        return None
    last = [time.monotonic()]

    def maybe(_: int, make: Callable[[], State]) -> None:
        if time.monotonic() - last[0] >= SECONDS_BETWEEN_CHECKPOINTS:
            keep(checkpoints.pack(*make()))
            last[0] = time.monotonic()

    return maybe
