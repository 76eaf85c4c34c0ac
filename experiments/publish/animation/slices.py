"""Records the outputs of one seed of a classification on a plane of its inputs during training.

The seed is trained as its stored rows were, and its outputs are read at more points. Writes
one table and prints nothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from experiments.analysis import tables
from experiments.cases.case import Classification
from experiments.cases.errors import SuiteError
from experiments.publish.animation import frames
from experiments.runs import blocks
from experiments.runs.keys import row_key
from experiments.runs.store import Store
from experiments.training import streams
from experiments.training.columns import PLACE

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.runs.blocks import SilentProgress
    from experiments.training.metrics import Snapshot

DIGITS = 3


class RecordingTrainer:
    """A trainer that also records outputs on a slice; it yields the trainer's own snapshots.

    Args:
        trainer: A trainer of one run.
        inputs: Inputs of the network on the slice: `(num_points, num_inputs)`, float32.

    Attributes:
        seen: Checkpoint to outputs on the slice, `(num_seeds, num_points, num_outputs)`.
    """

    def __init__(self, trainer: Any, inputs: np.ndarray) -> None:
        self.trainer, self.inputs, self.seen = trainer, inputs, {}

    def train(
        self,
        seeds: Sequence[int],
        checkpoints: Sequence[int],
        evaluation: Any,
        progress: Callable[..., None] | None = None,
        **saving: Any,
    ) -> Iterator[Snapshot]:
        """Trains as the wrapped trainer does; see `engine.Trainer.train`."""
        extra = np.broadcast_to(self.inputs, (len(seeds), *self.inputs.shape))
        wider = _Questions(np.concatenate([evaluation.inputs, extra], axis=1))
        num_asked = evaluation.inputs.shape[1]
        for snapshot in self.trainer.train(seeds, checkpoints, wider, progress, **saving):
            self.seen[snapshot.steps] = snapshot.outputs[:, num_asked:]
            yield dataclasses.replace(snapshot, outputs=snapshot.outputs[:, :num_asked])


@dataclasses.dataclass(frozen=True)
class _Questions:
    """The part of an `Evaluation` that a trainer reads."""

    inputs: np.ndarray


def record(
    case: Case, folder: pathlib.Path, progress: SilentProgress | None = None
) -> list[pathlib.Path]:
    """Trains the showcase seed again and stores its slices as `slice.csv`.

    Args:
        case: The `Case`.
        folder: The case's folder of results, with its stored runs.
        progress: A display with the methods of `blocks.SilentProgress`.

    Returns:
        A list of the paths written; empty for a regression, whose curves are stored already.

    Raises:
        SuiteError: The case has one input only, or the seed's outcome is not the stored one.
    """
    if not isinstance(case.task, Classification):
        return []
    store, progress = Store(folder, case), progress or blocks.SilentProgress()
    seed, table, parts = frames.showcase_seed(case, store), tables.runs(store), []
    for arm in frames.arms(case):
        steps = int(tables.longest(table, arm)["steps"].iloc[0])
        progress.start(f"{arm}, seed {seed}", steps)
        setup = frames.setup_at(case, arm, steps)
        trained, seen = watch(case, arm, setup, seed=seed, progress=progress)
        frames.check_stored(case, store, trained)
        parts.append(_lines(case, setup, trained, seen))
    text = tables.to_csv(pd.concat(parts, ignore_index=True), DIGITS)
    return [store.write_text(frames.SLICE, text)]


def watch(
    case: Case, arm: str, setup: Setup, *, seed: int, progress: SilentProgress | None = None
) -> tuple[pd.DataFrame, dict[int, np.ndarray]]:
    """Trains one seed of an arm and records its slice.

    Args:
        case: The `Case`.
        arm: Arm name.
        setup: Its `Setup`.
        seed: Whole number of at least 0.
        progress: A display with the methods of `blocks.SilentProgress`.

    Returns:
        `(trained, {checkpoint: margins (21, 21)})`: the table of its row, and its slices.
    """
    from experiments.training import engine

    # The block width of the evidence, so that results can be bitwise equal.
    trainer = engine.Trainer(case, setup, case.block_width or 2)
    trainer = RecordingTrainer(trainer, prepared(case, setup, seed))
    advance = None if progress is None else progress.advance
    trained, trace = blocks.train_block(case, {arm: setup}, [seed], trainer, advance)[arm]
    square = (frames.NUM_SLICE, frames.NUM_SLICE)
    return trained, {
        int(at): margins(trainer.seen[at][0], setup.read).reshape(square) for at in trace["steps"]
    }


def prepared(case: Case, setup: Setup, seed: int) -> np.ndarray:
    """Returns the inputs of the network on the slice, `(441, num_inputs)`, float32.

    Statistics of a case's `inputs` are those of its evaluation: the seed's own test points.

    Raises:
        SuiteError: The network has one input only.
    """
    task: Any = case.task
    num = task.num_many + task.num_few
    sample = case.data(setup, streams.generator(seed, "test"), (num,))[0]
    if sample.shape[-1] < 2:
        raise SuiteError(
            f"A slice needs two inputs; leave {case.name} out of: python -m reproductions "
            "record --animations. Received: one input"
        )
    points = frames.slice_points(sample.shape[-1]).reshape(-1, sample.shape[-1])
    return np.asarray(streams.prepare(case, setup, points, sample), np.float32)


def margins(outputs: np.ndarray, how: str) -> np.ndarray:
    """Returns the signed distance of outputs from the border between the classes.

    Args:
        outputs: Array `(..., num_outputs)`.
        how: How outputs become classes, see `Setup.read`.

    Returns:
        Array `(...)`: above 0 is class 1; NaN where an output is not finite. With argmax it is
        the output of class 1 minus the largest other.
    """
    outputs = np.asarray(outputs, np.float64)
    if how != "argmax":
        found = outputs[..., -1] - {"sign": 0.0, "threshold 0.5": 0.5}[how]
    elif outputs.shape[-1] == 1:
        # The argmax of a single output is always class 0.
        found = np.full(outputs.shape[:-1], -1.0)
    else:
        found = outputs[..., 1] - np.delete(outputs, 1, axis=-1).max(axis=-1)
    return np.where(np.isfinite(outputs).all(axis=-1), found, np.nan)


def _lines(case, setup, trained, seen):
    """Returns the slices of one arm as a table, a row for each checkpoint."""
    (head,) = trained[PLACE].to_dict("records")
    lines = [
        head | {"checkpoint": at} | dict(zip(frames.slice_columns(), values.ravel(), strict=True))
        for at, values in seen.items()
    ]
    return pd.DataFrame(lines).assign(key=row_key(case, setup))
