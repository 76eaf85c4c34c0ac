"""Chooses the arms that are checked and trains a fresh sample of seeds of each.

The engine trains block by block, as a job of the `runner` does, one run on each thread. The
invariants of each run's trainer are checked as well. The rows are kept in memory.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.cases import plans
from experiments.check import invariants
from experiments.runs import blocks
from experiments.runs.files import as_text
from experiments.training import columns, networks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.check.invariants import InvariantResult
    from experiments.runs.blocks import SilentProgress

FIRST_SEED = 1_000_000
NUM_SEEDS = 128
# An arm is checked if it has so many stored seeds and trains on no more samples than this.
LEAST_STORED = 200
MOST_SAMPLES = 2_000_000
WIDTH = 64


@dataclasses.dataclass
class Sample:
    """A fresh sample of one case.

    Attributes:
        rows: Table `arm, seed, steps, diverged, solved, ...`, rounded as stored rows are.
        answers: A list of `InvariantResult`.
    """

    rows: pd.DataFrame
    answers: list[InvariantResult]


def plan(case: Case, stored: pd.DataFrame) -> dict[str, Setup]:
    """Chooses the arms to check: the stored combinations of fixes, and one arm with dropout.

    Args:
        case: The `Case`.
        stored: Its table of runs, as of `tables.runs`.

    Returns:
        `{arm: setup}`, each at its longest budget that has enough seeds and is cheap enough.
    """
    chosen = {}
    for arm, steps in budgets(stored).items():
        setup = case.arm(arm)
        setup = setup.replace(steps=steps) if setup.is_stream else setup
        if steps * setup.batch_size <= MOST_SAMPLES:
            chosen[arm] = setup
    combinations = {arm: chosen[arm] for arm in plans.combinations(case) if arm in chosen}
    return combinations | _dropout_arm(case, combinations, chosen)


def again(case: Case, arms: Mapping[str, Setup]) -> dict[str, Setup]:
    """Returns the arms of a plan as another case defines them, with the same stream lengths."""
    setups = {arm: case.arm(arm) for arm in arms}
    return {
        arm: setup.replace(steps=arms[arm].steps) if setup.is_stream else setup
        for arm, setup in setups.items()
    }


def budgets(stored: pd.DataFrame) -> dict[str, int]:
    """Returns `{arm: steps}`: each arm's longest budget that has enough seeds."""
    counts: Any = stored.groupby(["arm", "steps"]).size()
    return {arm: int(steps) for arm, steps in sorted(counts[counts >= LEAST_STORED].index)}


def kept(stored: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Returns the stored rows of an arm that a sample is compared with."""
    # Stubs of pandas: a mask keeps a table.
    found: Any = stored[(stored["arm"] == arm) & (stored["steps"] == budgets(stored)[arm])]
    return found


def _dropout_arm(case, combinations, chosen):
    """Returns the first arm with dropout, if no combination has it; `{}` if there is none."""
    for arm, setup in [*combinations.items(), *chosen.items()]:
        if networks.dropout_layers(networks.build(case, setup)):
            return {arm: setup}
    return {}


def draw(
    case: Case,
    arms: Mapping[str, Setup],
    seeds: Sequence[int],
    *,
    probes: bool = True,
    progress: SilentProgress | None = None,
) -> Sample:
    """Trains a sample.

    Args:
        case: The `Case`.
        arms: `{arm: setup}`.
        seeds: Whole numbers, at least two.
        probes: Whether to check the invariants of `invariants.ask` as well.
        progress: A display with the methods of `blocks.SilentProgress`.

    Returns:
        A `Sample`.
    """
    progress = progress or blocks.SilentProgress()
    runs = [run for group in plans.runs(arms) for run in _of_one_model(case, group)]
    total = sum(max(setup.num_steps for setup in run.values()) for run in runs)
    progress.start(case.name, total * len(seeds))
    stop = threading.Event()

    def advance(updates):
        if stop.is_set():
            raise KeyboardInterrupt
        progress.advance(updates)

    with concurrent.futures.ThreadPoolExecutor(blocks.num_cores()) as threads:
        jobs = [threads.submit(_draw_run, case, r, seeds, probes, advance) for r in runs]
        try:
            found = [job.result() for job in jobs]
        except BaseException:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    rows = [part for parts, _ in found for part in parts]
    return Sample(_rounded(rows), [answer for _, answers in found for answer in answers])


def _of_one_model(case, arms):
    """Splits a run whose arms' models differ: a schedule may depend on the length."""
    models = {networks.description(case, setup) for setup in arms.values()}
    return [arms] if len(models) == 1 else [{arm: setup} for arm, setup in arms.items()]


def _draw_run(case, arms, seeds, probes, advance):
    """Trains one run; returns `(tables of rows, answers)`."""
    setup = next(iter(arms.values()))
    made = invariants.trainable(case, setup, case.block_width or WIDTH)
    if made[0] is None:
        return [], [dataclasses.replace(made[1], arms=tuple(arms))]
    trainer = made[0]
    width = trainer.program.num_replicas
    answers, rows = [], []
    if probes:
        requested = invariants.ask(trainer, seeds[: min(invariants.NUM_REPLICAS, width)])
        answers = [dataclasses.replace(answer, arms=tuple(arms)) for answer in requested]
    for start in range(0, len(seeds), width):
        block = seeds[start : start + width]
        found = blocks.train_block(case, arms, block, trainer, advance)
        rows += [part for part, _ in found.values()]
        updates = invariants.updates(trainer, setup.num_steps, arms)
        if start == 0 or not updates.holds:
            answers.append(updates)
    return rows, answers


def _rounded(parts) -> Any:
    """Joins tables of rows, rounded as the store rounds them, so that ties are the same."""
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    for name in columns.metrics_of(table):
        table[name] = [float(as_text(value)) for value in table[name]]
    return columns.typed(table)
