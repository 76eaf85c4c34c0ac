"""How often verdicts and effects are wrong: claims of intervals, put to known truths.

Room 4: verdicts on a rate are summed over all counts of solved seeds, without
drawing; effects are drawn, with the truth at a margin, just inside it and just beyond.
"""

from functools import partial
from itertools import product
from zlib import crc32

import numpy as np
import pandas as pd
from scipy import stats

from experiments import effects, statistics
from experiments.coverage_truths import FEW, FLOOR, MANY, paired, paired_interval, share

MOST = 0.05
# How far just inside and just beyond are from a bar.
EDGE = 1e-9
RATE_PAIRS = ((0.05, 0.0), (0.3, 0.25), (0.55, 0.5), (0.95, 0.9), (1.0, 0.95))
COUPLED = {False: "independent arms", True: "one threshold"}


def verdict_table(num_seeds, rates):
    """Sums the probability of a verdict whose claim about the rate is false.

    Args:
        num_seeds: Sequence of sample sizes.
        rates: Sequence of true solve rates.

    Returns:
        A table with a row for each number of seeds and rate, `repeats` being 0.
    """
    rows = []
    for size in num_seeds:
        counts = np.arange(size + 1)
        words = np.array([statistics.verdict(statistics.rate(count, size)) for count in counts])
        for rate in rates:
            false = ~np.isin(words, [true_verdict(rate), "undecided"])
            wrong = round(float(stats.binom.pmf(counts, size, rate)[false].sum()), 6)
            row = {"rule": "verdict", "truth": f"{rate:.12g}", "num_seeds": size, "wrong": wrong}
            rows.append(row | {"low": wrong, "high": wrong, "repeats": 0, "seed": 0, "asked": True})
    return pd.DataFrame(rows)


def true_verdict(rate):
    """The verdict that no end of seeds would give."""
    return statistics.verdict(statistics.Interval(rate, rate, rate, 0))


def verdict_rates(step=0.001):
    """Returns true rates: a grid, the bars, and the rates just inside and beyond them."""
    edges = [bar + shift for bar in (0.2, 0.8) for shift in (-EDGE, 0, EDGE)]
    return np.unique([*np.round(np.arange(0, 1 + step / 2, step), 9), *edges])


def effect_table(num_seeds, *, repeats, seed, say=lambda line: None):
    """Simulates the probability of a wrong effect where the truth is at a margin.

    Args:
        num_seeds: Sequence of sample sizes.
        repeats: Integer, samples drawn in each cell.
        seed: Integer, of all draws.
        say: Function that is given a line of progress.

    Returns:
        A table with a row for each rule, truth and number of seeds.
    """
    rows = []
    for rule, name, true, draw_words, asked_from in _effect_truths():
        say(f"effects: {rule}, {name}")
        for size in num_seeds:
            random = np.random.default_rng([seed, size, crc32(f"{rule}: {name}".encode())])
            words = draw_words(random, (repeats, size))
            wrong = sum(word not in (true, "undecided") for word in words)
            head = {"rule": rule, "truth": name, "num_seeds": size}
            rows.append(head | share("wrong", wrong, repeats, seed) | {"asked": size >= asked_from})
    return pd.DataFrame(rows)


def _effect_truths():
    """Yields `(rule, name, true effect, function that draws effects, seeds asked from)`."""
    for rule, name, draw_words, asked_from in _margins():
        for side, true in (("inside", "does nothing"), ("beyond", "helps")):
            yield rule, f"{name}, just {side}", true, draw_words, asked_from


def _margins():
    """Yields what `_effect_truths` does of each truth that lies at a margin."""
    for (first, second), coupled in product(RATE_PAIRS, (False, True)):
        name = f"{first:.2f} against {second:.2f}, {COUPLED[coupled]}"
        draw = paired(first, second, coupled=coupled)
        yield "effect on rate", name, partial(_rate_words, draw), FEW
    for spread, failures in ((0.5, 0.0), (2.0, 0.0), (0.5, 0.03)):
        name = f"spread {spread}, {failures:.0%} failures in each arm"
        draw = partial(error_gains, spread, failures)
        yield "effect on error", name, partial(_error_words, draw), MANY if failures else FEW
    draws = paired(0.55, 0.5, coupled=False), partial(error_gains, 0.5, 0.0)
    yield "effect", "rate and error at the margin", partial(_both_words, *draws), np.inf


def _rate_words(draw, random, size):
    return [effects.rate_effect(found) for found in _rate_intervals(draw, random, size)]


def _rate_intervals(draw, random, size):
    """The interval of each sample, computed once for equal samples."""
    found, places = np.unique(draw(random, size), axis=0, return_inverse=True)
    intervals = [paired_interval(sample) for sample in found]
    return [intervals[place] for place in places]


def error_gains(spread, failures, random, size):
    """Draws log errors with a fix less those without, whose mean is at the margin."""
    normal = random.normal(-np.log(effects.ERROR_FACTOR), spread, size)
    signs = random.choice([-1, 0, 1], size, p=[failures, 1 - 2 * failures, failures])
    return normal + 7.0 * signs


def _error_words(draw, random, size):
    return [effects.error_effect(found) for found in _error_intervals(draw, random, size)]


def _error_intervals(draw, random, size):
    samples = draw(random, size)
    return [statistics.mean(sample, low=FLOOR, high=-FLOOR) for sample in samples]


def _both_words(draw_rates, draw_errors, random, size):
    rates = _rate_intervals(draw_rates, random, size)
    errors = _error_intervals(draw_errors, random, size)
    return [effects.effect(*pair) for pair in zip(rates, errors, strict=True)]
