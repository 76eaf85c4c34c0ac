"""Trains the configurations of grids in worker processes and stores each as it finishes.

It prints nothing.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import pathlib
import signal
import time
import warnings
from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis.grid_table import GridTable
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.runs import blocks, keys
from experiments.training import engine, networks, program, stack_size, support

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

FOLDER = "studies"
# A compiled program is never freed, about 50 MB each: workers are replaced in time.
CONFIGURATIONS_PER_WORKER = 20
SECONDS_BETWEEN_WRITES = 5.0
NUM_NAMED = 5


def record(
    case: Case,
    folder: str | pathlib.Path,
    *,
    progress: Any = None,
    workers: int | None = None,
    make_pool: Callable[[int], concurrent.futures.Executor] | None = None,
) -> dict[str, int]:
    """Trains the missing configurations of a case's grids, and writes their summaries.

    Args:
        case: The `Case`.
        folder: The case's folder of results; grids are stored in `studies` below it.
        progress: A display with the methods of `blocks.SilentProgress`; it counts configurations.
        workers: Number of processes; one per core if `None`.
        make_pool: See `train`.

    Returns:
        `{grid: number of configurations trained now}`.

    Raises:
        SuiteError: Some configurations could not be trained (raised once all others are);
            or a table is damaged (raised before anything is trained).
    """
    folder = pathlib.Path(folder) / FOLDER
    found = [GridTable(folder, case, grid) for grid in find_evidence(case).grids]
    trained, failures = {}, {}
    for table in found:
        counted, failed = train(table, workers=workers, progress=progress, make_pool=make_pool)
        trained[table.grid.name] = counted
        failures |= {
            f"{table.grid.name}:{configuration}": error for configuration, error in failed.items()
        }
        table.write()
        table.write_summary()
    if failures:
        raise failure(case, failures)
    return trained


def failure(case: Case, failures: Mapping[str, SuiteError]) -> SuiteError:
    """Returns one `SuiteError` that names the configurations that could not be trained.

    Args:
        case: The `Case`.
        failures: `{name of the configuration: SuiteError}`.
    """
    named = [f"{name} ({error})" for name, error in list(failures.items())[:NUM_NAMED]]
    more = len(failures) - len(named)
    return SuiteError(
        f"{case.name}: {len(failures)} cells were not trained; take them out of the study. "
        f"Received: {'; '.join(named)}{f'; and {more} more' if more else ''}"
    )


def pool(workers: int) -> concurrent.futures.ProcessPoolExecutor:
    """Returns an executor of new processes, one core each."""
    return concurrent.futures.ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_prepare_worker
    )


def _prepare_worker():
    # Ctrl-C reaches every process of the terminal: workers exit without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warnings.filterwarnings("ignore", message="You are using a softmax over axis")


def train(
    table: GridTable,
    *,
    workers: int | None = None,
    progress: Any = None,
    make_pool: Callable[[int], concurrent.futures.Executor] | None = None,
) -> tuple[int, dict[str, SuiteError]]:
    """Trains the missing configurations of a grid, in any order.

    A failing configuration does not stop the others. The table is written every few
    seconds, and also when this function is interrupted.

    Args:
        table: The `GridTable`.
        workers: Number of processes; one per core if `None`.
        progress: A display with the methods of `blocks.SilentProgress`; it counts configurations.
        make_pool: Function `(workers) -> concurrent.futures.Executor`; `pool` if `None`.

    Returns:
        `(num_trained, {configuration: SuiteError})`: the latter are refused by the engine.

    Raises:
        SuiteError: The table holds lines of other versions, or a process was ended.
        Exception: Any other error of a configuration, once all others are trained.
    """
    progress, lacking = progress or blocks.SilentProgress(), table.missing()
    if not lacking:
        return 0, {}
    table.check_environment(keys.environment())
    workers = min(workers or blocks.num_cores(), len(lacking))
    progress.start(f"{table.case.name}: {table.grid.name}", len(lacking))
    failures, size = {}, workers * CONFIGURATIONS_PER_WORKER
    try:
        for start in range(0, len(lacking), size):
            with (make_pool or pool)(workers) as executor:
                failures |= _train_some(table, lacking[start : start + size], executor, progress)
    except concurrent.futures.BrokenExecutor:
        raise SuiteError(
            "A worker process was ended from outside, perhaps for want of memory; finished "
            f"cells are kept, go on with: {table.command}. Received: {workers} workers"
        ) from None
    finally:
        table.write()
    for configuration, error in failures.items():
        if not isinstance(error, SuiteError):
            error.add_note(f"while training {table.grid.name}:{configuration}")
            raise error
    return len(lacking) - len(failures), failures


def _train_some(table, configurations, executor, progress):
    """Trains some configurations; returns `{configuration: exception}` of those that failed."""
    failures, written, environment = {}, time.monotonic(), keys.environment()
    case, num_seeds = table.case, table.grid.num_seeds
    futures = {
        executor.submit(
            train_configuration, case, table.setups[configuration], num_seeds
        ): configuration
        for configuration in configurations
    }
    try:
        for future in concurrent.futures.as_completed(futures):
            error, configuration = future.exception(), futures[future]
            if isinstance(error, concurrent.futures.BrokenExecutor):
                raise error
            if error is None:
                rows, seconds = future.result()
                table.add(configuration, rows, environment, seconds)
            else:
                failures[configuration] = error
            if time.monotonic() - written > SECONDS_BETWEEN_WRITES:
                table.write()
                written = time.monotonic()
            progress.advance(1)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    return failures


def train_configuration(
    case: Case, arms: Mapping[int, Setup], num_seeds: int
) -> tuple[dict[int, pd.DataFrame], float]:
    """Trains one configuration, in blocks of equal width, and reads it at all its lengths.

    Args:
        case: The `Case`.
        arms: `{num_steps: setup}`, the longest first.
        num_seeds: Seeds 0 to num_seeds - 1.

    Returns:
        `({num_steps: rows}, seconds)`, rows as `blocks.train_block` returns them.

    Raises:
        SuiteError: The engine refuses the configuration, or its model depends on the length.
    """
    program.tensorflow()
    started = time.perf_counter()
    longest = next(iter(arms.values()))
    model = networks.build(case, longest)
    support.check_trainable(model)
    if len({networks.description(case, setup) for setup in arms.values()}) > 1:
        raise SuiteError(
            "A cell is one run read at several lengths, but here the model depends on the "
            f"length. Received: {longest}"
        )
    width = _even_width(num_seeds, stack_size.widest_block(model, longest))
    trainer, seeds = engine.Trainer(case, longest, width), list(range(num_seeds))
    parts = {steps: [] for steps in arms}
    for start in range(0, num_seeds, width):
        block = seeds[start : start + width]
        for steps, (part, _) in blocks.train_block(case, arms, block, trainer).items():
            parts[steps].append(part)
    rows = {steps: pd.concat(found, ignore_index=True) for steps, found in parts.items()}
    return rows, time.perf_counter() - started


def _even_width(num_seeds, widest):
    """Returns the width of equal blocks; it depends on the configuration only.

    If rounding depends on the width, rows may differ in the last bits from those of an arm.
    """
    num_blocks = -(-num_seeds // widest)
    return -(-num_seeds // num_blocks)
