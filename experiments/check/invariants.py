"""Checks exact invariants of a trainer.

Streams are independent, an epoch uses every sample, and no held-out sample is trained on.

The trainer that trained the sample is checked itself. No stored row is needed, and chance
plays no part. The case's functions are replaced so that only one stream varies:
`by_hand` gives every seed the same initial weights, and `data` gives either the same samples
or, for each seed, one sample many times, so that their order does not matter.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.cases.case import Classification
from experiments.cases.errors import SuiteError
from experiments.stats.text import number
from experiments.training import engine, metrics, networks, streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.training.engine import Trainer

NUM_REPLICAS = 6
HELD = 20_000_000
# Float32 keeps 1 part in 8 million; a stream that varies moves far more.
LEAST_DIFFERENCE = 1e-6


@dataclasses.dataclass(frozen=True)
class InvariantResult:
    """The result of one invariant.

    Attributes:
        question: Its name: `data`, `order`, `updates`, ...
        holds: Whether the invariant holds.
        words: What was found.
        arms: The arms that it was checked on.
        about_seeds: Whether it is about the independence of seeds.
    """

    question: str
    holds: bool
    words: str
    arms: tuple[str, ...] = ()
    about_seeds: bool = False


def ask(trainer: Trainer, seeds: Sequence[int]) -> list[InvariantResult]:
    """Checks every invariant that applies to a trainer's arm.

    Args:
        trainer: An `engine.Trainer`. Only its weights are changed.
        seeds: At least two whole numbers, at most a block's.

    Returns:
        A list of `InvariantResult`.
    """
    case, setup = trainer.case, trainer.setup
    drops = bool(networks.dropout_layers(trainer.program.model))
    found = [_varies(trainer, "data", seeds, data=_one_sample(case), weights=True)]
    if not setup.is_stream and setup.steps_per_epoch > 1:
        found.append(_varies(trainer, "order", seeds, data=_same_samples(case), weights=True))
    if _draws_weights(trainer.program.model):
        found.append(_varies(trainer, "weights", seeds, data=_same_sample(case), at_start=True))
    if drops:
        found.append(_varies(trainer, "dropout", seeds, data=_same_sample(case), weights=True))
    else:
        found.append(_nothing_varies(trainer, seeds))
    found += [_repeats(trainer, seeds), *_evaluation(case, setup, seeds)]
    passes = _fresh if setup.is_stream else _passes
    return [*found, *passes(case, setup, seeds[0])]


def _varies(trainer, stream, seeds, *, data, weights=False, at_start=False):
    """Checks that outcomes differ if only one stream does."""
    found = outcomes(trainer, seeds, data=data, weights=weights, at_start=at_start)
    least = differences(found).min()
    words = f"the two most alike of {len(seeds)} seeds that share all but {stream} differ by"
    return InvariantResult(
        stream, bool(least > LEAST_DIFFERENCE), f"{words} {number(least, 2)}", about_seeds=True
    )


def _nothing_varies(trainer, seeds):
    found = outcomes(trainer, seeds, data=_same_sample(trainer.case), weights=True)
    most = differences(found).max()
    words = f"seeds that share everything differ by up to {number(most, 2)}"
    return InvariantResult("nothing", bool(most <= LEAST_DIFFERENCE), words)


def _repeats(trainer, seeds):
    """Checks that a seed gives the same result whichever seeds are trained beside it."""
    twice, beside = (outcomes(trainer, [seeds[0], other]) for other in seeds[:2])
    found = [np.concatenate([one, other[:1]]) for one, other in zip(twice, beside, strict=True)]
    most = differences(found).max()
    words = f"one seed trained three times, in other company, differs by up to {number(most, 2)}"
    return InvariantResult("repeat", bool(most <= LEAST_DIFFERENCE), words)


def outcomes(
    trainer: Trainer,
    seeds: Sequence[int],
    *,
    data: Callable[..., Any] | None = None,
    weights: bool = False,
    at_start: bool = False,
) -> list[np.ndarray]:
    """Trains seeds for one pass, with some of their streams held fixed.

    Args:
        trainer: An `engine.Trainer`.
        seeds: Whole numbers.
        data: If given, replaces the case's `data`.
        weights: Whether all seeds start from the same weights.
        at_start: Whether to stop before the first update.

    Returns:
        Arrays `(num_seeds, num_values)`: outputs, the gradient's norm and, after training, the
        mean loss of the pass.
    """
    case, setup = trainer.case, trainer.setup
    held = dataclasses.replace(case, data=data or case.data)
    if weights:
        start = networks.starting_weights(case, setup, trainer.program.model, HELD)
        held = dataclasses.replace(held, by_hand=lambda s, drawn: start)
    # All seeds share the test data: outcomes differ by training alone.
    evaluation = metrics.Evaluation(
        dataclasses.replace(case, data=_same_samples(case)), setup, seeds
    )
    end = 0 if at_start else min(streams.steps_per_pass(setup), setup.num_steps)
    with _training(trainer, held):
        (snapshot,) = trainer.train(seeds, [end], evaluation)
    gradient: Any = snapshot.gradient
    parts = [snapshot.outputs.reshape(len(seeds), -1), gradient[:, None]]
    return parts + ([] if snapshot.logs is None else [snapshot.logs[:, :1]])


@contextlib.contextmanager
def _training(trainer, case):
    before, trainer.case = trainer.case, case
    try:
        yield
    finally:
        trainer.case = before


def differences(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the distance of each pair of seeds.

    Args:
        parts: Arrays `(num_seeds, num_values)`.

    Returns:
        `(num_pairs,)`: the largest difference between two seeds, each part in units of its
        own root mean square; infinite where one value is NaN and the other is not.
    """
    first, second = np.triu_indices(len(parts[0]), 1)
    away = np.zeros(len(first))
    for part in parts:
        part = np.asarray(part, np.float64)
        size = np.sqrt(np.mean(part[np.isfinite(part)] ** 2)) if np.isfinite(part).any() else 1.0
        with np.errstate(invalid="ignore"):
            gaps = np.abs(part[first] - part[second]) / (size or 1.0)
        same = (part[first] == part[second]) | (np.isnan(part[first]) & np.isnan(part[second]))
        gaps = np.where(same, 0.0, np.where(np.isnan(gaps), np.inf, gaps))
        away = np.maximum(away, gaps.max(axis=1))
    return away


def _same_samples(case):
    return lambda s, rng, size: case.data(s, np.random.default_rng(HELD), size)


def _one_sample(case):
    def data(s, rng, size):
        parts = case.data(s, rng, (1,))
        return tuple(np.broadcast_to(part[0], (*size, part.shape[-1])) for part in parts)

    return data


def _same_sample(case):
    one = _one_sample(case)
    return lambda s, rng, size: one(s, np.random.default_rng(HELD), size)


def _draws_weights(model):
    """Returns whether an initializer is random; one without a seed is not."""
    initializers = (
        getattr(layer, f"{variable.name}_initializer", None)
        for _, layer in networks.weighted_layers(model)
        for variable in layer.weights
    )
    return any("seed" in one.get_config() for one in initializers if one is not None)


def _evaluation(case, setup, seeds):
    """Checks that each seed has test points of its own and trained on none of them."""
    if not isinstance(case.task, Classification):
        return []
    num = case.task.num_many + case.task.num_few
    points = metrics.Evaluation(case, setup, seeds).inputs[:, :num].astype(np.float64)
    least = differences([points.reshape(len(seeds), -1)]).min()
    words = f"the test points most alike of {len(seeds)} seeds differ by {number(least, 2)}"
    found = [InvariantResult("test points", bool(least > 0), words, about_seeds=True)]
    shared = 0
    for seed, requested in zip(seeds, points, strict=True):
        samples: Any = streams.Batches(case, setup, seed).next_samples()
        x, _ = samples
        shared += _num_shared(x.astype(np.float64), requested)
    return [
        *found,
        InvariantResult("leak", shared == 0, f"{shared:,} training samples are in the exam"),
    ]


def _num_shared(first, second):
    return len(set(map(bytes, first)) & set(map(bytes, second)))


def _passes(case, setup, seed):
    """Checks that a pass holds every training sample once, in an order of its own."""
    samples: Any = streams.Batches(case, setup, seed).next_samples()
    x, y = samples
    num = setup.num_training_samples
    batches = streams.Batches(case, setup, seed)
    passes = [_trained_on(engine.Chunk([batches], [[]], setup.batch_size, 2)) for _ in range(2)]
    # With a single epoch the second pass has samples of its own.
    checked = passes[: min(setup.epochs, 2)]
    once = all(np.array_equal(_sorted(p), _sorted((x[:num], y[:num]))) for p in checked)
    words = f"a pass of {len(passes[0][0]):,} samples" + (" holds" if once else " does not hold")
    found = [InvariantResult("pass", once, f"{words} each of {num:,} once")]
    orders = [x[:num], passes[0][0], passes[1][0]]
    repeated = any(np.array_equal(orders[n], orders[k]) for n, k in ((0, 1), (0, 2), (1, 2)))
    words = "an order is repeated" if repeated else "no order is repeated"
    return [*found, InvariantResult("shuffle", not repeated or num == 1, f"in two passes {words}")]


def _fresh(case, setup, seed):
    """Checks that two passes of an endless stream have no sample in common."""
    batches = streams.Batches(case, setup, seed)
    shared = _num_shared(batches.next_pass()[0], batches.next_pass()[0])
    # Of so many float32 numbers some are equal by chance.
    few = shared <= streams.STREAM_PASS * setup.batch_size // 10
    return [InvariantResult("fresh", few, f"two passes of the stream share {shared:,} samples")]


def _trained_on(chunk):
    """The samples of a chunk that count, replica 0, in order."""
    counts = chunk.share[:, 0].reshape(-1) > 0
    return [part[:, 0].reshape(-1, part.shape[-1])[counts] for part in (chunk.x, chunk.y)]


def _sorted(part):
    rows = np.concatenate(part, axis=1)
    return rows[np.lexsort(rows.T)]


def updates(trainer: Trainer, requested: int, arms: Iterable[str]) -> InvariantResult:
    """Checks that the optimizer counted as many updates as the arm makes."""
    # The count is the optimizer's own; the trainer's count is what is checked.
    made = trainer.program.num_updates
    return InvariantResult(
        "updates", made == requested, f"{made:,} updates made of {requested:,}", tuple(arms)
    )


def trainable(
    case: Case, setup: Setup, width: int
) -> tuple[Trainer, None] | tuple[None, InvariantResult]:
    """Returns `(trainer, None)`, or `(None, InvariantResult)` if the engine refuses the arm."""
    try:
        return engine.Trainer(case, setup, width), None
    except SuiteError as error:
        return None, InvariantResult("trainable", False, str(error))
