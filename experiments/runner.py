"""The runner: plan x seeds, less what is stored, through a trainer, into the store.

Room 7: knows runs, blocks and workers; knows no case, draws nothing, prints
nothing. A unit of work is one run (all arms that are read from it) x one block of
seeds; each worker thread compiles its own program and trains unit after unit.
"""

import concurrent.futures
import os
import threading

import numpy as np

from experiments import measures, plans
from experiments.keys import environment, row_key

NUMPY_WIDTH = 50


class Quiet:
    """A progress display that shows nothing; the interface of all others."""

    def start(self, name, total):
        """A run begins: `total` updates, summed over seeds, are to be made."""

    def advance(self, updates):
        """So many more updates, summed over seeds, are done."""


def train(case, plan, seeds, store, progress=None):
    """Trains what the store lacks.

    Args:
        case: The `Case`.
        plan: `{arm: setup}`.
        seeds: List of whole numbers.
        store: The `Store`, whose trainer is used.
        progress: A display with the methods of `Quiet`.

    Returns:
        `(num_trained, num_kept)`: rows made now, and rows that were there already.

    Raises:
        SuiteError: The trainer refuses an arm, before anything is trained.
    """
    progress = progress or Quiet()
    work = []
    for arms in plans.runs(plan):
        work += _programs(case, arms, _missing(store, arms, seeds))
    # All of them first: a refusal comes before anything is trained.
    pools = [_trainer(case, arms, len(needed), store.trainer) for arms, needed in work]
    num_trained = 0
    for (arms, needed), pool in zip(work, pools, strict=True):
        progress.start(" = ".join(arms), _total(arms, needed))
        num_trained += _train_run(case, arms, needed, pool, store, progress)
    return num_trained, len(plan) * len(seeds) - num_trained


def _programs(case, arms, needed):
    """Splits a run again if its arms' models differ: a schedule may read a length."""
    if not needed:
        return []
    if len(arms) == 1:
        return [(arms, needed)]
    from experiments import networks

    found = {arm: networks.description(case, setup) for arm, setup in arms.items()}
    if len(set(found.values())) == 1:
        return [(arms, needed)]
    alone = [
        ({arm: setup}, {seed: [arm] for seed, lacks in needed.items() if arm in lacks})
        for arm, setup in arms.items()
    ]
    return [(arms, needed) for arms, needed in alone if needed]


def _missing(store, arms, seeds):
    """Returns `{seed: arms that lack its row}` for the seeds that lack any."""
    lacks = {}
    for arm, setup in arms.items():
        for seed in store.missing(arm, setup, seeds):
            lacks.setdefault(seed, []).append(arm)
    return dict(sorted(lacks.items()))


def _total(arms, needed):
    return len(needed) * max(setup.num_steps for setup in arms.values())


def _train_run(case, arms, needed, pool, store, progress):
    make_trainer, width, workers = pool
    seeds = list(needed)
    blocks = [seeds[i : i + width] for i in range(0, len(seeds), width)]
    local, stop, num_rows = threading.local(), threading.Event(), 0

    def advance(updates):
        if stop.is_set():
            raise KeyboardInterrupt
        progress.advance(updates)

    def unit(block):
        if not hasattr(local, "trainer"):
            local.trainer = make_trainer()
        return train_block(case, arms, block, local.trainer, advance)

    with concurrent.futures.ThreadPoolExecutor(workers) as threads:
        futures = {threads.submit(unit, block): block for block in blocks}
        try:
            for future in concurrent.futures.as_completed(futures):
                num_rows += _keep(case, arms, needed, store, future.result())
        except BaseException:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    return num_rows


def _trainer(case, arms, num_seeds, kind):
    """Returns a maker of trainers, a block's width and the number of workers."""
    setup = next(iter(arms.values()))
    if kind == "reference":
        from experiments import reference

        return lambda: reference.Trainer(case, setup), 1, 1
    if kind == "numpy":
        from experiments import plain

        plain.Trainer(case, setup)
        return lambda: plain.Trainer(case, setup), NUMPY_WIDTH, num_cores()
    from experiments import engine, exactness, networks

    engine.tensorflow()
    model = networks.build(case, setup)
    exactness.check_trainable(model)
    width = case.block_width
    if width is None:
        widest = engine.widest_block(model, setup)
        width = _even_width(num_seeds, widest, min(num_cores(), -(-num_seeds // 2)))
    workers = min(num_cores(), -(-num_seeds // width))
    return lambda: engine.Trainer(case, setup, width), width, workers


def _even_width(num_seeds, widest, workers):
    """Returns the width of equal blocks, as many for each worker."""
    rounds = -(-num_seeds // (widest * workers))
    return max(2, -(-num_seeds // (rounds * workers)))


def num_cores():
    """Returns the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def train_block(case, arms, block, trainer, advance=None):
    """Trains one block of seeds once and reads every arm from it.

    Args:
        case: The `Case`.
        arms: `{arm: setup}` of one run, the longest first.
        block: List of seeds.
        trainer: A trainer of the run's setup.
        advance: Called with the updates made, summed over seeds.

    Returns:
        `{arm: (rows, trace)}`, see `Store.add` and `Store.add_trace`.
    """
    exam = measures.Exam(case, next(iter(arms.values())), block)
    ends = {arm: setup.num_steps for arm, setup in arms.items()}
    series = set(measures.checkpoints(max(ends.values())))
    looks = sorted(series | set(ends.values()))
    measured, curves = {}, {}
    for snapshot in trainer.train(block, looks, exam, advance):
        measured[snapshot.steps] = exam.measure(snapshot)
        curves[snapshot.steps] = exam.curve(snapshot)
    found = {}
    for arm, setup in arms.items():
        end = ends[arm]
        marks = [s for s in looks if s == end or (s < end and s in series)]
        rows = _rows(arm, block, end, measured[end] | exam.history(marks, measured))
        found[arm] = rows, _trace(marks, measured, curves)
    return found


def _rows(arm, block, steps, measured):
    return [
        {"arm": arm, "seed": str(seed), "steps": str(steps)}
        | {name: values[place] for name, values in measured.items()}
        for place, seed in enumerate(block)
    ]


def _trace(marks, measured, curves):
    """Stacks what was measured along checkpoints; blank at step 0 is NaN."""
    trace = {"steps": np.array(marks)}
    num_seeds = len(curves[marks[0]])
    blank = np.full(num_seeds, np.nan)
    # An error beyond float32 is as good as infinite.
    with np.errstate(over="ignore"):
        for name in measured[marks[-1]]:
            values = [measured[mark].get(name, blank) for mark in marks]
            trace[name] = np.stack(values, axis=1).astype(np.float32)
        trace["curve"] = np.stack([curves[m] for m in marks], axis=1).astype(np.float32)
    return trace


def _keep(case, arms, needed, store, found):
    """Stores the rows that were missing; returns how many."""
    new = []
    for arm, (rows, trace) in found.items():
        made_by = row_key(case, arms[arm], store.trainer)
        store.add_trace(made_by, [int(row["seed"]) for row in rows], trace)
        new += [row | {"key": made_by} for row in rows if arm in needed[int(row["seed"])]]
    store.add(new, environment())
    return len(new)
