"""The gate's false alarms: stored seeds split at random into reference and sample, many times.

Room 10: no training; the very tests and the very rule of a check. Each case's seeds are split
once for all its arms and metrics, so that what hangs together stays together.
"""

import numpy as np
import pandas as pd

from experiments import gate_compare, gate_sample, gate_statistics, statistics
from experiments.gate import FALSE_ALARMS

LEVELS = (0.001, 0.005, FALSE_ALARMS, 0.05, 0.1)
CHUNK = 500


def table(stored, *, num_seeds, num_splits, seed=0, say=lambda line: None):
    """Counts how often a split of stored seeds would raise an alarm.

    Args:
        stored: `{case: table of runs}`.
        num_seeds: Seeds of a check's sample.
        num_splits: How many splits.
        seed: Whole number, of all splits.
        say: Function that is given a line of progress.

    Returns:
        Columns `scope, level, num_tests, alarms, splits, rate, low, high` (Wilson, 95%):
        the suite by Holm's rule, and each case on its own by it.
    """
    found = {}
    for case, runs in stored.items():
        say(f"false alarms: {case.name}")
        found[case.name] = _case_p(case, runs, num_seeds, num_splits, seed)
    families = {"suite": np.concatenate(list(found.values()))} | found
    rows = [line for scope, p in families.items() for line in _lines(scope, p)]
    return pd.DataFrame(rows)


def _lines(scope, p):
    # Holm's first step decides whether there is any alarm.
    least = p.min(axis=0) * len(p)
    for level in LEVELS:
        rate = statistics.rate(int(np.sum(least <= level)), len(least))
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
    arms = gate_sample.plan(case, runs)
    parts = {arm: gate_sample.kept(runs, arm).sort_values("seed") for arm in arms}
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
    columns = (part[name].to_numpy(np.float64) for name in gate_compare.metrics(part))
    tested = (gate_statistics.p_values(column, members) for column in columns)
    return np.concatenate([np.stack(list(one.values())) for one in tested])
