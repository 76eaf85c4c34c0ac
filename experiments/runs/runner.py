"""The runner: plan x seeds, less what is stored, through a crew, into the store.

Knows units and the store; knows no case, draws nothing, prints nothing. A
finished unit is on disk before the next is announced, and this process alone writes: whoever
trains, wherever, only tells.
"""

import collections

import pandas as pd

from experiments.cases.case import SuiteError
from experiments.runs import executor, jobs
from experiments.runs.blocks import SilentProgress
from experiments.runs.keys import row_key
from experiments.training import checkpoints, devices

NUM_NAMED = 5


class Stopped(KeyboardInterrupt):
    """Training was stopped from outside; the text says what is kept."""


def train(case, plan, seeds, store, progress=None, *, choose_executor=executor.choose_executor):
    """Trains what the store lacks.

    Args:
        case: The `Case`.
        plan: `{arm: setup}`.
        seeds: List of whole numbers.
        store: The `Store`, whose trainer is used.
        progress: A display with the methods of `SilentProgress`.
        choose_executor: Function `jobs -> executor`: chooses what trains them, see `executor`.

    Returns:
        `(num_trained, num_kept)`: rows made now, and rows that were there already.

    Raises:
        SuiteError: The trainer refuses an arm, before anything is trained; or units could
            not be trained, in the end, once all others are.
        Exception: What else a unit raised, in the end.
        Stopped: Training was interrupted.
    """
    progress = progress or SilentProgress()

    def lacking(arm, setup):
        return store.missing(arm, setup, seeds)

    # All of them first: a refusal comes before anything is trained.
    work = jobs.cut(case, plan, lacking, store.trainer, widths=store.widths)
    num_trained = 0
    if work or not store.is_settled:
        with store.lock(progress.log):
            # Another process may have trained some of them while this one waited.
            work = [job for job in work if _lacks(store, job)]
            num_trained = _train(case, work, store, progress, choose_executor) if work else 0
            origins = {jobs.origin(case, setup, store.trainer) for setup in plan.values()}
            store.settle(plan, origins)
    return num_trained, len(plan) * len(seeds) - num_trained


def _lacks(store, job):
    return any(store.missing(arm, setup, job.seeds) for arm, setup in job.arms.items())


def _train(case, work, store, progress, choose_executor):
    """Trains units, keeping what is heard of each; returns the number of rows."""
    totals, started, failures, counts = _totals(work), set(), {}, collections.Counter()
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


def _totals(work):
    totals = collections.Counter()
    for job in work:
        totals[job.run] += job.num_updates
    return totals


def _state(store, job):
    """Returns the saved state of a unit as bytes, or `None`; refuses a damaged one."""
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


def _keep(case, job, store, found, environment):
    """Stores the rows of a unit that were missing; returns how many."""
    new = []
    for arm, (rows, trace) in found.items():
        setup = job.arms[arm]
        made_by = row_key(case, setup, store.trainer)
        store.add_trace(made_by, job.seeds, trace)
        lacking = store.missing(arm, setup, job.seeds)
        new.append(rows[rows["seed"].isin(lacking)].assign(key=made_by))
    new = pd.concat(new, ignore_index=True)
    store.add_job(new, environment)
    store.save_checkpoint(job.digest(), None)
    return len(new)


def failure(case, failures):
    """Returns one exception for the units that could not be trained.

    Args:
        case: The `Case`.
        failures: `{name of the unit: exception}`.

    Returns:
        The first that is a bug, with a note that names its unit; else a `SuiteError` that
        names units and reasons.
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


def _text(counts, work):
    return (
        f"stopped; {counts['jobs']} of {len(work)} units are finished and kept "
        f"({counts['rows']:,} rows), what was in training is dropped or goes on from its "
        "last saved state"
    )
