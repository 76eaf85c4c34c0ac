"""How often verdicts and effects are wrong, at one number of seeds and under repeated looks.

Verdicts on a rate are summed over all counts of solved seeds, without drawing; effects are
drawn, with the truth at a margin, just inside it and just beyond. Under repeated looks, wrong
is whoever is wrong at any look up to the last, whether one would have stopped before or not.
"""

from bisect import bisect_left, bisect_right
from functools import cache, partial
from itertools import pairwise, product
from zlib import crc32

import numpy as np
import pandas as pd
from scipy import stats

from experiments.stats import effects, interim
from experiments.stats import intervals as statistics
from tests.trials.coverage_truths import FEW, FLOOR, MANY, paired, paired_interval, share

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
        descriptions = np.array(
            [statistics.verdict(statistics.rate(count, size)) for count in counts]
        )
        for rate in rates:
            false = ~np.isin(descriptions, [true_verdict(rate), "undecided"])
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


def effect_table(num_seeds, *, repeats, seed, log=lambda line: None):
    """Simulates the probability of a wrong effect where the truth is at a margin.

    Args:
        num_seeds: Sequence of sample sizes.
        repeats: Integer, samples drawn in each cell.
        seed: Integer, of all draws.
        log: Function that is given a line of progress.

    Returns:
        A table with a row for each rule, truth and number of seeds.
    """
    rows = []
    for rule, name, true, draw_text, asked_from in _effect_truths():
        log(f"effects: {rule}, {name}")
        for size in num_seeds:
            random = np.random.default_rng([seed, size, crc32(f"{rule}: {name}".encode())])
            descriptions = draw_text(random, (repeats, size))
            wrong = sum(word not in (true, "undecided") for word in descriptions)
            head = {"rule": rule, "truth": name, "num_seeds": size}
            rows.append(head | share("wrong", wrong, repeats, seed) | {"asked": size >= asked_from})
    return pd.DataFrame(rows)


def _effect_truths():
    """Yields `(rule, name, true effect, function that draws effects, seeds asked from)`."""
    for rule, name, draw_text, asked_from in _margins():
        for side, true in (("inside", "does nothing"), ("beyond", "helps")):
            yield rule, f"{name}, just {side}", true, draw_text, asked_from


def _margins():
    """Yields what `_effect_truths` does of each truth that lies at a margin."""
    for (first, second), coupled in product(RATE_PAIRS, (False, True)):
        name = f"{first:.2f} against {second:.2f}, {COUPLED[coupled]}"
        draw = paired(first, second, coupled=coupled)
        yield "effect on rate", name, partial(_rate_text, draw), FEW
    for spread, failures in ((0.5, 0.0), (2.0, 0.0), (0.5, 0.03)):
        name = f"spread {spread}, {failures:.0%} failures in each arm"
        draw = partial(error_gains, spread, failures)
        yield "effect on error", name, partial(_error_text, draw), MANY if failures else FEW
    draws = paired(0.55, 0.5, coupled=False), partial(error_gains, 0.5, 0.0)
    yield "effect", "rate and error at the margin", partial(_both_text, *draws), np.inf


def _rate_text(draw, random, size):
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


def _error_text(draw, random, size):
    return [effects.error_effect(found) for found in _error_intervals(draw, random, size)]


def _error_intervals(draw, random, size):
    samples = draw(random, size)
    return [statistics.mean(sample, low=FLOOR, high=-FLOOR) for sample in samples]


def _both_text(draw_rates, draw_errors, random, size):
    rates = _rate_intervals(draw_rates, random, size)
    errors = _error_intervals(draw_errors, random, size)
    return [effects.effect(*pair) for pair in zip(rates, errors, strict=True)]


# Repeated looks.

# Up to how many seeds one looks.
MOST_SEEDS = (256, 1024, 4096)
DRAWN_UP_TO = 1024
FAILS, SOLVES = 0.2, 0.8
DRAWN_RATES = (FAILS - EDGE, FAILS, 0.5, SOLVES, SOLVES + EDGE)
# Whose average number of seeds is shown.
SHOWN_RATES = (0.0, 0.1, 0.15, 0.25, 0.5, 0.75, 0.85, 0.9, 1.0)
SPREADS = ((0.5, 0.0), (2.0, 0.0), (0.5, 0.03))
LOOKS, EVERY, NAIVE = "verdict", "verdict, after every seed", "verdict, each look at 95%"
COLUMNS = ["rule", "truth", "most", "wrong", "low", "high", "repeats", "seed", "asked", "seeds"]


def by_looks(num_seeds):
    """Returns the confidence of repeated looks, see `schedule.confidence`."""
    return interim.REPEATED.confidence(num_seeds)


def naive(num_seeds):
    """Returns the confidence of one who forgets the other looks."""
    return 1 - interim.ALPHA


@cache
def descriptions(num_seeds, confidence):
    """Returns the verdict on each count of solved seeds, as a read-only array.

    Args:
        num_seeds: Integer.
        confidence: Float between 0 and 1.

    Returns:
        Array of `num_seeds + 1` words. Bounds grow with the count, so that four
        searches find the counts at which the verdict turns.
    """
    bounds = cache(partial(statistics.rate, total=num_seeds, confidence=confidence))
    counts = range(num_seeds + 1)
    low, high = ((lambda n: bounds(n).low), (lambda n: bounds(n).high))
    found = np.full(num_seeds + 1, "undecided", dtype="U20")
    inside = bisect_left(counts, FAILS, key=low), bisect_right(counts, SOLVES, key=high)
    found[inside[0] : max(inside)] = "depends on the seed"
    found[: bisect_left(counts, FAILS, key=high)] = "fails"
    found[bisect_right(counts, SOLVES, key=low) :] = "solves"
    found.flags.writeable = False
    return found


def ever_wrong(rate, numbers, confidence):
    """Sums the probability that a verdict is wrong at any of some numbers of seeds.

    Args:
        rate: Float, the true solve rate.
        numbers: Increasing numbers of seeds at which the verdict is read.
        confidence: Function from a number of seeds to the confidence it is read at.

    Returns:
        Float: the probability of all paths of counts that are wrong somewhere.
    """
    right, true = np.ones(1), true_verdict(rate)
    for before, now in pairwise([0, *numbers]):
        new = stats.binom.pmf(np.arange(now - before + 1), now - before, rate)
        is_wrong = ~np.isin(descriptions(now, confidence(now)), [true, "undecided"])
        right = np.where(is_wrong, 0.0, np.convolve(right, new))
    return 1 - float(right.sum())


def mean_seeds(rate, most):
    """Sums how many seeds are used on average, up to the first look that decides.

    Args:
        rate: Float, the true solve rate.
        most: Integer, looks at more seeds are not made.
    """
    going, used = np.ones(1), 0.0
    for before, now in pairwise([0, *interim.analysis_sizes(most)]):
        used += float(going.sum()) * (now - before)
        new = stats.binom.pmf(np.arange(now - before + 1), now - before, rate)
        is_open = descriptions(now, by_looks(now)) == "undecided"
        going = np.where(is_open, np.convolve(going, new), 0.0)
    return used


def exact_table(log=lambda line: None, *, step=0.001, coarse=0.02):
    """Sums how often the verdict on a rate is ever wrong.

    Args:
        log: Function that is given a line of progress.
        step: Float, the step between true rates.
        coarse: Float, that step where the verdict is read after every seed.

    Returns:
        A table with the columns `COLUMNS`, `repeats` being 0; `seeds` are those used on
        average by one who stops at the first look that decides.
    """
    rows = []
    for most, (rule, confidence) in product(MOST_SEEDS, {LOOKS: by_looks, NAIVE: naive}.items()):
        log(f"looks: {rule}, up to {most:,} seeds")
        for rate in verdict_rates(step):
            rows.append(_exact(rule, most, rate, interim.analysis_sizes(most), confidence))
    log(f"looks: {EVERY}")
    for rate in verdict_rates(coarse):
        numbers = range(interim.FIRST_ANALYSIS, DRAWN_UP_TO + 1)
        rows.append(_exact(EVERY, DRAWN_UP_TO, rate, numbers, by_looks))
    return pd.DataFrame(rows, columns=COLUMNS)


def _exact(rule, most, rate, numbers, confidence):
    wrong = round(ever_wrong(rate, numbers, confidence), 6) + 0.0
    seeds = round(mean_seeds(rate, most), 1) if rule == LOOKS else None
    return (rule, f"{rate:.12g}", most, wrong, wrong, wrong, 0, 0, rule != NAIVE, seeds)


def drawn_table(*, repeats, seed, log=lambda line: None):
    """Draws how often verdicts and effects are ever wrong, the truth being at a margin.

    Args:
        repeats: Integer, sequences of seeds drawn for each truth.
        seed: Integer, of all draws; those of a truth do not depend on the others.
        log: Function that is given a line of progress.

    Returns:
        A table with the columns `COLUMNS`.
    """
    rows = []
    for rule, name, draw, read, truths, is_asked in _drawn():
        log(f"looks: {rule}, {name}")
        random = np.random.default_rng([seed, crc32(f"{rule}: {name}".encode())])
        found = ever_said(draw, read, random, repeats)
        for ending, true in truths.items():
            wrong = sum(bool(said - {true, "undecided"}) for said in found)
            head = {"rule": rule, "truth": name + ending, "most": DRAWN_UP_TO, "asked": is_asked}
            rows.append(head | share("wrong", wrong, repeats, seed))
    return pd.DataFrame(rows, columns=COLUMNS)


def ever_said(draw, read, random, repeats):
    """Draws sequences of seeds and collects what is said of each at any look.

    Args:
        draw: Function from a generator and `(repeats, number of seeds)` to seeds.
        read: Function from the seeds of one sequence and a confidence to a word.
        random: The generator.
        repeats: Integer.

    Returns:
        List of sets of words, one for each sequence.
    """
    looks, said = interim.analysis_sizes(DRAWN_UP_TO), [set() for _ in range(repeats)]
    # Blocks are drawn apart: within one, a draw may be sorted.
    blocks = [draw(random, (repeats, now - before)) for before, now in pairwise([0, *looks])]
    seeds = np.concatenate(blocks, axis=1)
    for look in looks:
        for words_, sample in zip(said, seeds[:, :look], strict=True):
            words_.add(read(sample, by_looks(look)))
    return said


def _drawn():
    """Yields `(rule, truth, draw, read, {ending of its name: what is true}, is asked)`."""
    for rate in DRAWN_RATES:
        draw = partial(_outcomes, rate)
        yield f"{LOOKS}, drawn", f"{rate:.12g}", draw, _verdict, {"": true_verdict(rate)}, True
    sides = {", just inside": "does nothing", ", just beyond": "helps"}
    for (first, second), coupled in product(RATE_PAIRS, (False, True)):
        name = f"{first:.2f} against {second:.2f}, {COUPLED[coupled]}"
        draw = paired(first, second, coupled=coupled)
        yield "effect on rate", name, draw, _rate_effect, sides, True
    for spread, failures in SPREADS:
        name = f"spread {spread}, {failures:.0%} failures in each arm"
        draw = partial(error_gains, spread, failures)
        # Rare failures are promised from more seeds on than the first look has.
        yield "effect on error", name, draw, _error_effect, sides, not failures


def _outcomes(rate, random, size):
    return random.random(size) < rate


def _verdict(sample, confidence):
    return str(descriptions(len(sample), confidence)[int(sample.sum())])


def _rate_effect(sample, confidence):
    return _effect_of_counts(
        int((sample > 0).sum()), int((sample < 0).sum()), len(sample), confidence
    )


@cache
def _effect_of_counts(gains, losses, total, confidence):
    places = np.arange(total)
    arms = places < gains, (gains <= places) & (places < gains + losses)
    return effects.rate_effect(statistics.paired_difference(*arms, confidence=confidence))


def _error_effect(sample, confidence):
    found = statistics.mean(sample, low=FLOOR, high=-FLOOR, confidence=confidence)
    return effects.error_effect(found)


def looks_table(*, repeats, seed, log=lambda line: None):
    """Finds how often one who looks again and again is ever wrong.

    Args:
        repeats: Integer, sequences of seeds drawn for each truth.
        seed: Integer, of all draws.
        log: Function that is given a line of progress.

    Returns:
        The rows of `exact_table` and of `drawn_table`, and whether each is rare enough.
    """
    tables = [exact_table(log), drawn_table(repeats=repeats, seed=seed, log=log)]
    table = pd.concat(tables, ignore_index=True)
    return table.assign(reached=table["high"] <= MOST)
