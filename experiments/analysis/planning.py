"""Estimates what a run would cost and decide, before it is started.

It counts the stored rows, times a few steps of some programs and scales the others. It keeps
nothing that it trains. TensorFlow is not imported if no row is missing.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import calibration, tables
from experiments.analysis.forecast import (
    COMMITTED,
    ESTIMATED,
    HERE,
    MEASURED,
    NOTHING,
    NOWHERE,
    UNTIMED,
    Forecast,
    headline,
    text_tables,
)
from experiments.cases import plans
from experiments.runs import executor, jobs
from experiments.runs.blocks import num_cores
from experiments.stats import intervals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.runs.store import Store

__all__ = ["headline", "text_tables"]

SECONDS = 20.0
MOST_MEASURED = 3
# Factors of the lowest and highest estimate, for a run that was timed and for another.
SURE, UNSURE = (0.7, 1.5), (0.4, 2.5)
# Seconds until a new process has loaded TensorFlow.
PROCESS_SECONDS = 6.0
RUN_COLUMNS = ["run", "asked", "current", "stale", "missing", "updates", "seconds", "low", "high"]
RUN_COLUMNS += ["program", "memory", "how"]
ARM_COLUMNS = ["arm", "steps", "seeds", "solved", "verdict", "needs", "known_from"]


def plan(
    case: Case,
    plan: Mapping[str, Setup],
    seeds: Sequence[int],
    store: Store,
    *,
    evidence: Store | None = None,
    seconds: float = SECONDS,
) -> Forecast:
    """Estimates the cost of a run.

    Args:
        case: The `Case`.
        plan: `{arm: setup}`.
        seeds: List of whole numbers.
        store: The `Store`, whose trainer would be used.
        evidence: The `Store` of committed results, or `None`. It indicates how many seeds
            arms that this folder lacks are likely to need.
        seconds: Approximate time for timing steps; 0 for none.

    Returns:
        A `Forecast`.

    Raises:
        SuiteError: The trainer refuses an arm.
    """
    lacking = {arm: store.missing(arm, setup, seeds) for arm, setup in plan.items()}
    work = []
    if any(lacking.values()):
        work = jobs.cut(
            case, plan, lambda arm, setup: lacking[arm], store.trainer, widths=store.widths
        )
    costs = _costs(work, seconds)
    stale, rows = store.stale(), []
    for arms in plans.runs(plan):
        rows += _run_rows(arms, len(seeds), lacking, stale, costs)
    runs = pd.DataFrame(rows, columns=RUN_COLUMNS)
    arms = pd.DataFrame(_arm_rows(plan, store, evidence), columns=ARM_COLUMNS)
    timed = all(how != UNTIMED for how in runs["how"])
    return Forecast(
        runs,
        arms,
        _clock(runs, work) if timed else None,
        _memory(runs, work),
        num_cores(),
    )


def _costs(work, seconds):
    """Returns `{arms of a program: (its jobs, Cost or None)}`."""
    groups = {}
    for job in work:
        groups.setdefault(tuple(job.arms), []).append(job)
    sizes = {name: _size(group[0]) for name, group in groups.items()} if seconds else {}
    measured = _measured(groups, sizes, seconds)
    known = [(sizes[name], cost) for name, cost in measured.items()]
    return {
        name: (
            group,
            measured.get(name) or (calibration.scaled(known, sizes[name]) if known else None),
        )
        for name, group in groups.items()
    }


def _size(job):
    """Returns the weights of a run's network times the samples of a block's update."""
    from experiments.training import networks

    weights = networks.build(job.case, job.setup).count_params()
    return weights * job.setup.batch_size * job.width


def _measured(groups, sizes, seconds):
    """Times the program with most work, that with the smallest update, and then by work."""
    if not seconds or not groups:
        return {}
    work = {
        name: sizes[name] * sum(u.num_updates for u in all_jobs_) / all_jobs_[0].width
        for name, all_jobs_ in groups.items()
    }
    by_work = sorted(groups, key=work.__getitem__, reverse=True)
    chosen = dict.fromkeys([by_work[0], min(groups, key=sizes.__getitem__), *by_work[1:]])
    found, start = {}, time.perf_counter()
    for name in list(chosen)[:MOST_MEASURED]:
        # Compiling takes as long as timing steps, and cannot be interrupted.
        if not found or time.perf_counter() - start < seconds * 2 / 3:
            found[name] = calibration.measure(groups[name][0], seconds / (2 * MOST_MEASURED))
    return found


def _run_rows(arms, num_seeds, lacking, stale, costs):
    """Yields a row for each program of a run; one if nothing is missing."""
    parts = [name for name in costs if set(name) <= set(arms)]
    rest = [arm for arm in arms if not any(arm in name for name in parts)]
    for name in [*parts, *([tuple(rest)] if rest else [])]:
        missing = sum(len(lacking[arm]) for arm in name)
        requested = num_seeds * len(name)
        old = sum(stale.get((arm, arms[arm].num_steps), 0) for arm in name)
        head = (" = ".join(name), requested, requested - missing, old, missing)
        yield (*head, *_cost_cells({arm: arms[arm] for arm in name}, *costs.get(name, ((), None))))


def _cost_cells(arms, group, cost):
    updates = sum(job.num_updates for job in group)
    if not group:
        return updates, 0.0, 0.0, 0.0, 0.0, 0.0, NOTHING
    if cost is None:
        return updates, math.nan, math.nan, math.nan, math.nan, math.nan, UNTIMED
    num_checkpoints, longest = (
        len(calibration.checkpoints_of(arms)),
        max(s.num_steps for s in arms.values()),
    )
    seconds = cost.seconds(len(group), num_checkpoints, longest)
    low, high = SURE if cost.is_measured else UNSURE
    memory = math.nan if cost.memory is None else cost.memory
    how = MEASURED if cost.is_measured else ESTIMATED
    return updates, seconds, low * seconds, high * seconds, cost.program, memory, how


def _chosen_executor(work):
    """Returns the number of workers, and whether they are processes."""
    choose_executor = executor.choose_executor(work)
    return min(choose_executor.num_workers, len(work)), isinstance(
        choose_executor, executor.ProcessExecutor
    )


def _clock(runs, work):
    """Returns the expected elapsed seconds, the lowest and the highest."""
    if not work:
        return 0.0, 0.0, 0.0
    num_workers, are_processes = _chosen_executor(work)
    counts = {}
    for job in work:
        counts[job.run] = counts.get(job.run, 0) + 1
    compiled = sum(
        row.program * min(num_workers, counts[row.run])
        for row in runs.itertuples()
        if row.run in counts
    )
    # Threads of one process build and trace one after the other.
    fixed = compiled
    if are_processes:
        fixed = compiled / num_workers
        fixed += PROCESS_SECONDS * math.ceil(len(counts) / executor.MOST_PROGRAMS)
    # Threads of plain NumPy mostly wait for each other.
    at_once = 1 if work[0].trainer == "numpy" and not are_processes else num_workers
    rounds = [runs[name].sum() / at_once for name in ("seconds", "low", "high")]
    least, most = SURE
    return rounds[0] + fixed, rounds[1] + least * fixed, rounds[2] + most * fixed


def _memory(runs, work):
    """Returns the expected peak in bytes: this process, and the programs of all workers."""
    base = calibration.peak_memory()
    kept = runs.loc[runs["how"].isin([MEASURED, ESTIMATED]), "memory"].dropna()
    if not work or base is None or not len(kept):
        return base
    num_workers, are_processes = _chosen_executor(work)
    if are_processes:
        return base + num_workers * (base + kept.nlargest(executor.MOST_PROGRAMS).sum())
    # What was timed here is part of the base already.
    timed = runs.loc[runs["how"] == MEASURED, "memory"].sum()
    return base - timed + num_workers * kept.sum()


def _arm_rows(plan, store, evidence):
    """Yields the stored seeds of each arm, and how many its verdict is likely to need."""
    here, rule = _current(store), tables.rule(store)
    there = _current(evidence) if evidence is not None else {}
    for arm, setup in plan.items():
        place = arm, setup.num_steps
        if place in here:
            found, num_seeds = tables.solve_rate(here[place], rule), len(here[place])
            more = tables.seeds_to_decide(found, rule)
            needs = None if more is None else num_seeds + more
            yield (*place, num_seeds, found.estimate, intervals.verdict(found), needs, HERE)
        elif place in there:
            needs = _needed(float(there[place]["solved"].mean()), rule)
            yield (*place, 0, math.nan, "", needs, COMMITTED)
        else:
            yield (*place, 0, math.nan, "", _needed(0.0, rule), NOWHERE)


def _needed(share, rule):
    """Returns the seeds at which a share of successes is likely to be decided."""
    more = tables.seeds_to_decide(intervals.Interval(share, 0.0, 1.0, 1), rule)
    return None if more is None else 1 + more


def _current(store):
    """Returns `{(arm, steps): rows}` of the current rows."""
    old = store.stale()
    found = store.frame().groupby(["arm", "steps"])
    return {place: part for place, part in found if place not in old}
