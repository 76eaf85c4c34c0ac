"""The drift check's false alarms, by resampling, and how many seeds a missed fault would need.

False alarms: stored seeds are split at random into reference and sample; the very tests and
the very rule of a check. Each case's seeds are split once for all its arms and metrics, so that
what hangs together stays together. Reach: the same seeds are trained with a fault and without.
Pairs show a shift that two groups of different seeds could not.
"""

import math

import numpy as np
import pandas as pd
from scipy import stats

from experiments.check import comparison, drift
from experiments.check import sample as sampling
from experiments.stats import intervals, two_samples

LEVELS = (0.001, 0.005, drift.FALSE_ALARMS, 0.05, 0.1)
CHUNK = 500


def false_alarms(stored, *, num_seeds, num_splits, seed=0, log=lambda line: None):
    """Counts how often a split of stored seeds would raise an alarm.

    Args:
        stored: `{case: table of runs}`.
        num_seeds: Seeds of a check's sample.
        num_splits: How many splits.
        seed: Whole number, of all splits.
        log: Function that is given a line of progress.

    Returns:
        Columns `scope, level, num_tests, alarms, splits, rate, low, high` (Wilson, 95%):
        the suite by Holm's rule, and each case on its own by it.
    """
    found = {}
    for case, runs in stored.items():
        log(f"false alarms: {case.name}")
        found[case.name] = _case_p(case, runs, num_seeds, num_splits, seed)
    families = {"suite": np.concatenate(list(found.values()))} | found
    rows = [line for scope, p in families.items() for line in _lines(scope, p)]
    return pd.DataFrame(rows)


def _lines(scope, p):
    # Holm's first step decides whether there is any alarm.
    least = p.min(axis=0) * len(p)
    for level in LEVELS:
        rate = intervals.rate(int(np.sum(least <= level)), len(least))
        yield {
            "scope": scope,
            "level": level,
            "num_tests": len(p),
            "alarms": int(np.sum(least <= level)),
            "splits": len(least),
            "rate": rate.estimate,
            "low": rate.low,
            "high": rate.high,
        }


def _case_p(case, runs, num_seeds, num_splits, seed):
    """P-values of every test of a case for every split, `(num_tests, num_splits)`."""
    arms = sampling.plan(case, runs)
    parts = {arm: sampling.kept(runs, arm).sort_values("seed") for arm in arms}
    shared = sorted(set.intersection(*(set(part["seed"]) for part in parts.values())))
    size = sample_size(len(shared), num_seeds)
    random = np.random.default_rng([seed, len(shared), num_seeds])
    found = []
    for start in range(0, num_splits, CHUNK):
        rows = min(CHUNK, num_splits - start)
        ranks = np.argsort(random.random((rows, len(shared))), axis=1)
        chosen = np.asarray(shared)[ranks[:, :size]]
        found.append(np.concatenate([_arm_p(part, chosen) for part in parts.values()]))
    return np.concatenate(found, axis=1)


def sample_size(num_stored, num_seeds):
    """Returns how many of the stored seeds play the sample: its share of a check's seeds."""
    return max(1, round(num_stored * num_seeds / (num_stored + num_seeds)))


def _arm_p(part, chosen):
    places = np.searchsorted(part["seed"].to_numpy(), chosen)
    members = np.zeros((len(chosen), len(part)))
    np.put_along_axis(members, places, 1.0, axis=1)
    columns = (part[name].to_numpy(np.float64) for name in comparison.metrics(part))
    tested = (two_samples.p_values(column, members) for column in columns)
    return np.concatenate([np.stack(list(one.values())) for one in tested])


# Reach.

FIRST_SEED = 15_000_000
NUM_SEEDS = 64


def reach(fault, stored, clean, *, num_tests):
    """Trains the same seeds with a fault, and without it where that is not done yet.

    Args:
        fault: A `faults_planted.Fault`.
        stored: `{case: table of runs}`.
        clean: `{case name: rows without a fault}`; what it lacks is added.
        num_tests: Tests of a check of all cases.

    Returns:
        A dict: `fault`, the `share_changed` of rows, and of what moved most `case, arm, metric`,
        by how many stored spreads it `moved`, and the `seeds_needed`.
    """
    found, changed, seeds = [], [], list(range(FIRST_SEED, FIRST_SEED + NUM_SEEDS))
    for case, runs in stored.items():
        arms = sampling.plan(case, runs)
        if not fault.touches(case, list(arms.values())):
            continue
        if case.name not in clean:
            clean[case.name] = sampling.draw(case, arms, seeds, probes=False).rows
        with fault.planted(case) as trained:
            faulty = sampling.draw(trained, arms, seeds, probes=False).rows
        for arm in arms:
            sides = [rows[rows["arm"] == arm] for rows in (clean[case.name], faulty)]
            kept = sampling.kept(runs, arm)
            changed.append(share_changed(*sides))
            for metric, moved in moves(kept, *sides).items():
                needed = seeds_needed(moved, len(kept), num_tests)
                where = {"case": case.name, "arm": arm, "metric": metric}
                found.append(where | {"moved": moved, "seeds_needed": needed})
    best = min(found, key=lambda one: (one["seeds_needed"], -abs(one["moved"])))
    return {"fault": fault.name, "share_changed": float(np.mean(changed))} | best


def share_changed(clean, faulty):
    """Returns the share of seeds of which any metric differs."""
    names = [name for name in clean if name in faulty and name not in ("arm", "seed", "steps")]
    first, second = (
        side.sort_values("seed")[names].to_numpy(np.float64) for side in (clean, faulty)
    )
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    return float(np.mean(~same.all(axis=1)))


def moves(stored, clean, faulty):
    """Returns how far each metric's pairs moved, where stored seeds spread.

    Args:
        stored: An arm's stored rows.
        clean, faulty: Its rows of the same seeds, without a fault and with it.

    Returns:
        `{metric: median of the paired differences in stored spreads}`.
    """
    found = {}
    for name in comparison.metrics(stored):
        size = comparison.spread(stored[name].to_numpy(np.float64))
        if size > 0 and not comparison.lacks(faulty, name):
            values = [side.sort_values("seed")[name].to_numpy() for side in (clean, faulty)]
            with np.errstate(invalid="ignore"):
                gaps = np.nan_to_num(values[1] - values[0])
            found[name] = float(np.median(gaps)) / size
    return found


def seeds_needed(moved, num_stored, num_tests):
    """Returns how many fresh seeds a check would need to see a shift half of the time.

    Mann-Whitney's statistic of two normal groups, one shifted by so many standard deviations
    d, has the mean d sqrt(3 / pi) sqrt(m n / (m + n)) in its own units (Lehmann); it must
    reach the quantile of the first step of Holm's rule.

    Args:
        moved: The shift, in standard deviations.
        num_stored: m, the stored seeds.
        num_tests: Tests of the family.

    Returns:
        n, rounded up; infinite where no number is enough beside so few stored seeds.

    Example:
    >>> seeds_needed(1.0, 1000, 1)
    8.0
    """
    bar = stats.norm.isf(drift.FALSE_ALARMS / num_tests / 2)
    effective = math.inf if moved == 0 else (bar / moved) ** 2 * math.pi / 3
    if effective >= num_stored:
        return math.inf
    return float(math.ceil(effective * num_stored / (num_stored - effective)))
