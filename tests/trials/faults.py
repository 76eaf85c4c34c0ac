"""What the drift check sees: false alarms by resampling, power by injected faults.

    python -m tests.trials.faults [--seeds 128] [--splits 10000] [--out results/gate]
    python -m tests.trials.faults --cases sum_hinge --faults "rate x2" --out OTHER_FOLDER

Each injected fault is a real check, case by case, the cheapest first, until it is caught, or no
case is left that it could touch; what only the questions about seeds catch is looked for in a
second case. A row is written as soon as it is done; run again, the command resumes from there.
"""

import argparse
import contextlib
import pathlib
import time
from zlib import crc32

import pandas as pd

import reproductions
from experiments.analysis import tables
from experiments.check import drift, sample
from experiments.cli.console import quiet_softmax
from experiments.runs import blocks
from experiments.runs.files import write_whole
from experiments.runs.keys import environment
from experiments.runs.store import Store
from experiments.stats.text import number
from tests.trials import faults_measures, faults_page
from tests.trials.faults_planted import FAULTS, Fault

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "results"
FIRST_SEED = 2_000_000
NUM_CONTROLS = 2
# A fault that the questions about seeds catch is looked for without them in so many cases.
ENOUGH = 2
CONTROLS = tuple(
    Fault(f"control {n}", "nothing is wrong", contextlib.nullcontext)
    for n in range(1, NUM_CONTROLS + 1)
)


def try_fault(fault, stored, seeds, *, num_tests):
    """Plants a fault and runs the check, case by case.

    Args:
        fault: The `Fault`.
        stored: `{case: table of runs}`, the cheapest case first.
        seeds: Whole numbers to train.
        num_tests: Tests of a check of all cases: the family that p-values are adjusted for.

    Returns:
        A dict: one row of `power.csv`.
    """
    start, rows, answers, found = time.perf_counter(), {}, {}, None
    for case, runs in stored.items():
        arms = sample.plan(case, runs)
        if not fault.touches(case, list(arms.values())):
            continue
        with fault.planted(case) as trained:
            pair, asked = drift.sampled(case, runs, seeds, trained=trained)
        rows[case.name], answers[case.name] = pair, asked
        found = drift.compared(rows, answers, num_tests=num_tests)
        if is_caught(found, about_seeds=False) or (is_caught(found) and len(rows) >= ENOUGH):
            break
    head = {"fault": fault.name, "what": fault.what, "cases": ", ".join(rows)}
    made = {"num_seeds": len(seeds), "first_seed": seeds[0]}
    return head | caught(found) | made | {"seconds": time.perf_counter() - start}


def seeds_of(fault, num_seeds):
    """Returns the seeds that a fault is tried on: its own, by its name."""
    first = FIRST_SEED + 1000 * (crc32(fault.name.encode()) % 10_000)
    return list(range(first, first + num_seeds))


def is_caught(found, *, about_seeds=True):
    """Whether a comparison fails; without `about_seeds`, whether it would with them off."""
    failures = (
        found.failures
        if about_seeds
        else found.failures[~found.failures["about_seeds"].astype(bool)]
    )
    return bool(len(failures) or len(found.alarms))


def caught(found):
    """Returns what a comparison says of a fault, as columns of `power.csv`."""
    best = found.table.iloc[0].to_dict() if len(found.table) else {}
    names = ("case", "arm", "metric", "test", "moved", "unit", "p", "p_holm")
    return {
        "caught": is_caught(found),
        "without_seed_questions": is_caught(found, about_seeds=False),
        "by_distribution": bool(len(found.alarms)),
        "questions": ", ".join(dict.fromkeys(found.failures["question"])),
        "alarms": len(found.alarms),
    } | {name: best.get(name) for name in names}


def power(stored, faults, *, num_seeds, path, log):
    """Plants every fault that the file has no row of.

    Args:
        stored: `{case: table of runs}`, the cheapest case first.
        faults: Sequence of `Fault`, the controls last.
        num_seeds: Seeds of each check.
        path: `power.csv`.
        log: Function that is given a line of progress.

    Returns:
        The table of all rows.
    """
    num_tests = drift.family(stored)
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["fault", "num_seeds"])
    rows = done[done["num_seeds"] == num_seeds].to_dict("records")
    have = {row["fault"] for row in rows}
    planned = {fault.name: place for place, fault in enumerate(faults)}
    for fault in faults:
        if fault.name in have:
            continue
        seeds = seeds_of(fault, num_seeds)
        rows.append(try_fault(fault, stored, seeds, num_tests=num_tests))
        rows = [row for row in rows if row["fault"] in planned]
        rows.sort(key=lambda row: planned[row["fault"]])
        write_whole(path, tables.to_csv(pd.DataFrame(rows), 4))
        log(_line(next(row for row in rows if row["fault"] == fault.name)))
    return pd.read_csv(path)


def reach(stored, table, path, log):
    """Measures how far beyond its power each fault lies that was not caught."""
    num_tests, clean = drift.family(stored), {}
    done = pd.read_csv(path).to_dict("records") if path.exists() else []
    missed = list(table.loc[~table["caught"].astype(bool), "fault"])
    rows = [row for row in done if row["fault"] in missed]
    for fault in FAULTS:
        if fault.name in missed and fault.name not in {row["fault"] for row in rows}:
            rows.append(faults_measures.reach(fault, stored, clean, num_tests=num_tests))
            write_whole(path, tables.to_csv(pd.DataFrame(rows), 4))
            log(f"{fault.name}: {rows[-1]['seeds_needed']:,.0f} seeds needed")


def _work(case, runs):
    """Samples that a check of a case trains on."""
    setups = sample.plan(case, runs).values()
    return sum(setup.num_steps * setup.batch_size for setup in setups)


def _line(row):
    words = "caught" if row["caught"] else "not caught"
    by = row["questions"] or f"{row['arm']} {row['metric']}"
    p = "" if row["p_holm"] is None else f", adjusted p {number(row['p_holm'], 2)}"
    return f"{row['fault']}: {words}, {by}{p}, {row['seconds']:.0f} s"


def main(arguments=None):
    """Runs the command: resamples, plants, writes, and prints its progress."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=drift.NUM_SEEDS, help="seeds of each check")
    parser.add_argument("--splits", type=int, default=10_000, help="splits of stored seeds")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS / "gate")
    parser.add_argument("--cases", nargs="*", default=reproductions.names(), help="of all cases")
    parser.add_argument("--faults", nargs="*", help="names of faults; default: all, and controls")
    given = parser.parse_args(arguments)
    start = time.perf_counter()

    def log(line):
        print(f"{time.perf_counter() - start:5.0f} s  {line}", flush=True)

    given.out.mkdir(parents=True, exist_ok=True)
    faults_page.note(given.out, environment())
    stored = {}
    for name in given.cases:
        case = reproductions.load(name)
        stored[case] = tables.runs(Store(RESULTS / name, case))
    stored = {case: stored[case] for case in sorted(stored, key=lambda c: _work(c, stored[c]))}
    sizes = {"num_seeds": given.seeds, "log": log}
    alarms = faults_measures.false_alarms(stored, num_splits=given.splits, **sizes)
    write_whole(given.out / "false_alarms.csv", tables.to_csv(alarms, 4))
    faults = [f for f in (*FAULTS, *CONTROLS) if given.faults is None or f.name in given.faults]
    with quiet_softmax():
        found = power(stored, faults, path=given.out / "power.csv", **sizes)
        reach(stored, found, given.out / "reach.csv", log)
    faults_page.write(given.out)
    log(f"wrote {given.out}, on {blocks.num_cores()} cores")


if __name__ == "__main__":
    main()
