"""How far beyond the gate's power a fault lies: the same seeds trained with it and without.

Room 10: pairs of rows in, one line a fault out. Pairs show a shift that two groups of
different seeds could not.
"""

import math

import numpy as np
from scipy import stats

from experiments import gate, gate_compare, gate_sample

FIRST_SEED = 15_000_000
NUM_SEEDS = 64


def line(fault, stored, clean, *, num_tests):
    """Trains the same seeds with a fault, and without it where that is not done yet.

    Args:
        fault: A `gate_faults.Fault`.
        stored: `{case: table of runs}`.
        clean: `{case name: rows without a fault}`; what it lacks is added.
        num_tests: Tests of a check of all cases.

    Returns:
        A dict: `fault`, the `share_changed` of rows, and of what moved most `case, arm, metric`,
        by how many stored spreads it `moved`, and the `seeds_needed`.
    """
    found, changed, seeds = [], [], list(range(FIRST_SEED, FIRST_SEED + NUM_SEEDS))
    for case, runs in stored.items():
        arms = gate_sample.plan(case, runs)
        if not fault.touches(case, list(arms.values())):
            continue
        if case.name not in clean:
            clean[case.name] = gate_sample.draw(case, arms, seeds, probes=False).rows
        with fault.planted(case) as trained:
            faulty = gate_sample.draw(trained, arms, seeds, probes=False).rows
        for arm in arms:
            sides = [rows[rows["arm"] == arm] for rows in (clean[case.name], faulty)]
            kept = gate_sample.kept(runs, arm)
            changed.append(share_changed(*sides))
            for metric, moved in moves(kept, *sides).items():
                needed = seeds_needed(moved, len(kept), num_tests)
                parts = (case.name, arm, metric, moved, needed)
                found.append(
                    dict(
                        zip(("case", "arm", "metric", "moved", "seeds_needed"), parts, strict=True)
                    )
                )
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
    for name in gate_compare.metrics(stored):
        size = gate_compare.spread(stored[name].to_numpy(np.float64))
        if size > 0 and not gate_compare.lacks(faulty, name):
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
    bar = stats.norm.isf(gate.FALSE_ALARMS / num_tests / 2)
    effective = math.inf if moved == 0 else (bar / moved) ** 2 * math.pi / 3
    if effective >= num_stored:
        return math.inf
    return float(math.ceil(effective * num_stored / (num_stored - effective)))
