"""The runner: trains the missing rows of a plan with an executor, and stores them.

Only this process writes to the store; executors yield results as events. The rows of a
finished job are on disk before the next event is handled.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from experiments.cases.case import Case
from experiments.cases.errors import SuiteError
from experiments.cases.setups import Setup
from experiments.runs import executor, jobs
from experiments.runs.blocks import SilentProgress
from experiments.runs.jobs import Job
from experiments.runs.keys import row_key
from experiments.runs.store import Store
from experiments.training import checkpoints, devices

NUM_NAMED = 5


class Stopped(KeyboardInterrupt):
    """Training was interrupted by the user; the message says what is kept."""


def train(
    case: Case,
    plan: Mapping[str, Setup],
    seeds: list[int],
    store: Store,
    progress: Any = None,
    *,
    choose_executor: Callable[[list[Job]], Any] = executor.choose_executor,
) -> tuple[int, int]:
    """Trains the rows of a plan that the store does not hold.

    Args:
        case: The `Case`.
        plan: `{arm: setup}`.
        seeds: List of integers.
        store: The `Store`, whose trainer is used.
        progress: A display with the methods of `SilentProgress`.
        choose_executor: Function `jobs -> executor`, see `executor`.

    Returns:
        `(num_trained, num_kept)`: new rows, and rows that were stored already.

    Raises:
        SuiteError: The trainer refuses an arm, before training starts; or jobs could not be
            trained, after all others were.
        Exception: Any other exception of a job, after all other jobs were trained.
        Stopped: Training was interrupted.
    """
    progress = progress or SilentProgress()

    def lacking(arm: str, setup: Setup) -> list[int]:
        return store.missing(arm, setup, seeds)

    # All arms are checked before the first one is trained.
    work = jobs.cut(case, plan, lacking, store.trainer, widths=store.widths)
    num_trained = 0
    if work or not store.is_settled:
        with store.lock(progress.log):
            # Another process may have trained some jobs while this one waited.
            work = [job for job in work if _lacks(store, job)]
            num_trained = _train(case, work, store, progress, choose_executor) if work else 0
            origins = {jobs.origin(case, setup, store.trainer) for setup in plan.values()}
            store.settle(plan, origins)
    return num_trained, len(plan) * len(seeds) - num_trained


def _lacks(store: Store, job: Job) -> bool:
    return any(store.missing(arm, setup, job.seeds) for arm, setup in job.arms.items())


def _train(
    case: Case,
    work: list[Job],
    store: Store,
    progress: Any,
    choose_executor: Callable[[list[Job]], Any],
) -> int:
    """Trains jobs and stores their results; returns the number of rows."""
    totals, started = _totals(work), set()
    failures: dict[str, BaseException] = {}
    counts: collections.Counter[str] = collections.Counter()
    widths = {job.origin: job.width for job in work}
    if work and devices.gpus():
        progress.log(devices.description(work[0].width, case.block_width))
    try:
        for job, kind, value in choose_executor(work).run(work, lambda job: _state(store, job)):
            if kind == "message":
                progress.log(value)
                continue
            if job.run not in started:
                progress.start(job.run, totals[job.run])
                started.add(job.run)
            if kind == "advance":
                progress.advance(value, job.run)
            elif kind == "state":
                store.remember(widths)
                store.save_checkpoint(job.digest(), value)
            elif kind == "failed":
                failures[job.name] = value
            else:
                store.remember(widths)
                counts.update(jobs=1, rows=_keep(case, job, store, *value))
    except KeyboardInterrupt as error:
        raise Stopped(_text(counts, work)) from error
    if failures:
        store.merge()
        raise failure(case, failures)
    return counts["rows"]


def _totals(work: Iterable[Job]) -> collections.Counter[str]:
    totals: collections.Counter[str] = collections.Counter()
    for job in work:
        totals[job.run] += job.num_updates
    return totals


def _state(store: Store, job: Job) -> bytes | None:
    """Returns the checkpoint of a job as bytes, or `None`; raises if it is damaged."""
    data = store.state(job.digest())
    try:
        if data is not None:
            checkpoints.unpack(data)
    except checkpoints.CheckpointError as error:
        path = store.checkpoint_path(job.digest())
        raise SuiteError(
            f"{path} is damaged; remove it, and run again: {job.name} then starts anew. "
            f"Received: {error}"
        ) from None
    return data


def _keep(
    case: Case, job: Job, store: Store, found: Mapping[str, Any], environment: dict[str, str]
) -> int:
    """Stores the missing rows of a job; returns their number."""
    tables = []
    for arm, (rows, trace) in found.items():
        setup = job.arms[arm]
        made_by = row_key(case, setup, store.trainer)
        store.add_trace(made_by, job.seeds, trace)
        lacking = store.missing(arm, setup, job.seeds)
        tables.append(rows[rows["seed"].isin(lacking)].assign(key=made_by))
    new = pd.concat(tables, ignore_index=True)
    store.add_job(new, environment)
    store.save_checkpoint(job.digest(), None)
    return len(new)


def failure(case: Case, failures: Mapping[str, BaseException]) -> BaseException:
    """Returns one exception for the jobs that could not be trained.

    Args:
        case: The `Case`.
        failures: `{name of the job: exception}`.

    Returns:
        The first that is no `SuiteError`, with a note that names its job; otherwise a
        `SuiteError` that names jobs and reasons.
    """
    for name, error in failures.items():
        if not isinstance(error, SuiteError):
            error.add_note(f"while training {case.name}: {name}; what is finished is kept")
            return error
    named = [f"{name} ({error})" for name, error in list(failures.items())[:NUM_NAMED]]
    more = len(failures) - len(named)
    return SuiteError(
        f"{case.name}: {len(failures)} units were not trained, all others are kept; run "
        f"again to try once more. Received: {'; '.join(named)}"
        f"{f'; and {more} more' if more else ''}"
    )


def _text(counts: collections.Counter[str], work: list[Job]) -> str:
    return (
        f"stopped; {counts['jobs']} of {len(work)} units are finished and kept "
        f"({counts['rows']:,} rows), what was in training is dropped or goes on from its "
        "last saved state"
    )
