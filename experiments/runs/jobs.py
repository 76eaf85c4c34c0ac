"""Units of work: the arms that one run is read for, over one block of seeds.

Cuts a plan into units and trains one; knows neither the store nor who else works.
A unit gives the same rows wherever it is trained, and whoever trains its neighbours.
"""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from experiments.cases import plans
from experiments.runs import files
from experiments.runs.blocks import num_cores, train_block
from experiments.runs.keys import environment, row_key
from experiments.training import checkpoints, error_messages

NUMPY_WIDTH = 50
# A unit that takes longer than this leaves its state behind, again and again.
SECONDS_BETWEEN_CHECKPOINTS = 120.0


@dataclasses.dataclass(frozen=True)
class Job:
    """One run over one block of seeds.

    Attributes:
        case: The `Case`.
        arms: `{arm: setup}` that are read from the run, the longest first.
        seeds: The block's seeds.
        width: Seeds that are trained at once, at least as many.
        trainer: Name of the trainer.
    """

    case: Any
    arms: Mapping[str, Any]
    seeds: tuple
    width: int
    trainer: str

    @property
    def run(self):
        """The name of its run: its arms, joined by equal signs."""
        return " = ".join(self.arms)

    @property
    def name(self):
        """Its arms and seeds in words."""
        first, last = min(self.seeds), max(self.seeds)
        return f"{self.run}, " + (f"seeds {first} to {last}" if last > first else f"seed {first}")

    @property
    def setup(self):
        """The setup that is trained: the longest arm's."""
        return next(iter(self.arms.values()))

    @property
    def program(self):
        """What units share that the same compiled program trains."""
        return self.case.name, self.setup, self.width, self.trainer

    @property
    def num_updates(self):
        """Updates to be made, summed over seeds."""
        return len(self.seeds) * max(setup.num_steps for setup in self.arms.values())

    @property
    def origin(self):
        """What stays the same of it when a run that was stopped goes on, see `origin`."""
        return origin(self.case, self.setup, self.trainer)

    def digest(self):
        """Returns sixteen digits that tell it from other units, and from older versions."""
        keys = {arm: row_key(self.case, setup, self.trainer) for arm, setup in self.arms.items()}
        return files.digest(repr((keys, self.seeds, self.width, environment())))


def origin(case, setup, trainer):
    """Returns sixteen digits of what a run is cut for: what is trained, on which machine."""
    made_on = environment(), num_cores()
    return files.digest(repr((row_key(case, setup, trainer), made_on)))


def cut(case, plan, needed, trainer, *, widths=None):
    """Cuts what is needed of a plan into units.

    Args:
        case: The `Case`.
        plan: `{arm: setup}`.
        needed: Function `(arm, setup) -> list of seeds` that it needs.
        trainer: Name of the trainer.
        widths: `{origin: width}` of runs that were stopped: cut as before, their units go
            on from saved states.

    Returns:
        List of `Job`, run after run.

    Raises:
        SuiteError: The trainer refuses an arm.
    """
    from experiments.training import networks

    found = []
    for arms in plans.runs(plan):
        for part, lacking in _programs(case, arms, _missing(arms, needed)):
            # Only then it is known on what is trained, which tells states of machines apart.
            networks.load_keras()
            width = _width(case, part, len(lacking), trainer)
            if widths:
                setup = next(iter(part.values()))
                width = widths.get(origin(case, setup, trainer), width)
            blocks = [tuple(lacking[i : i + width]) for i in range(0, len(lacking), width)]
            found += [Job(case, part, block, width, trainer) for block in blocks]
    return found


def _missing(arms, needed):
    """Returns `{seed: arms that need it}` for the seeds that any needs, in order."""
    lacks = {}
    for arm, setup in arms.items():
        for seed in needed(arm, setup):
            lacks.setdefault(seed, []).append(arm)
    return dict(sorted(lacks.items()))


def _programs(case, arms, lacks):
    """Splits a run again if its arms' models differ: a schedule may read a length."""
    if not lacks:
        return []
    if len(arms) == 1 or _is_one_program(case, arms):
        return [(arms, list(lacks))]
    alone = [
        ({arm: setup}, [seed for seed, needing in lacks.items() if arm in needing])
        for arm, setup in arms.items()
    ]
    return [(part, seeds) for part, seeds in alone if seeds]


def _is_one_program(case, arms):
    from experiments.training import networks

    return len({networks.description(case, setup) for setup in arms.values()}) == 1


def _width(case, arms, num_seeds, trainer):
    """Returns how many seeds of a run are trained at once; refuses what cannot be."""
    setup = next(iter(arms.values()))
    if trainer == "reference":
        return 1
    if trainer == "numpy":
        from experiments.training import numpy_trainer

        numpy_trainer.Trainer(case, setup)
        return NUMPY_WIDTH
    from experiments.training import engine, networks, stack_size, support

    engine.tensorflow()
    model = networks.build(case, setup)
    support.check_trainable(model)
    width, _ = stack_size.launch(case, setup, model, num_seeds, num_cores())
    networks.check_memory(case, setup, model, width)
    return width


class JobTrainer:
    """Where units are trained: it keeps the program it last compiled.

    A compiled program is never freed by TensorFlow; `num_programs` counts them.
    """

    def __init__(self):
        self.num_programs, self._program, self._trainer = 0, None, None

    def train(self, job, *, advance=None, saved=None, keep=None):
        """Trains a unit.

        Args:
            job: The `Job`.
            advance: Function given the updates made, summed over seeds.
            saved: A state that `keep` was given, to go on from.
            keep: Function given states as bytes, now and then, if it takes long.

        Returns:
            `({arm: (rows, trace)}, environment)`, see `train_block` and `environment`.

        Raises:
            StateError: The saved state is damaged, or another's.
        """
        saved = checkpoints.unpack(saved) if saved is not None else None
        how = {"advance": advance, "saved": saved, "keep": _every_so_often(keep)}
        with error_messages.explained(job.case, job.setup):
            if job.program != self._program:
                self._trainer, self._program = make_trainer(job), job.program
                self.num_programs += 1
            found = train_block(job.case, job.arms, list(job.seeds), self._trainer, **how)
        return found, environment()


def make_trainer(job):
    """Returns a new trainer for the units of one program."""
    if job.trainer == "reference":
        from experiments.training import reference

        return reference.Trainer(job.case, job.setup)
    if job.trainer == "numpy":
        from experiments.training import numpy_trainer

        return numpy_trainer.Trainer(job.case, job.setup)
    from experiments.training import engine

    return engine.Trainer(job.case, job.setup, job.width)


def _every_so_often(keep):
    """Returns what trainers call at every pass, and which makes a state now and then."""
    if keep is None:
        return None
    last = [time.monotonic()]

    def maybe(_, make):
        if time.monotonic() - last[0] >= SECONDS_BETWEEN_CHECKPOINTS:
            keep(checkpoints.pack(*make()))
            last[0] = time.monotonic()

    return maybe
