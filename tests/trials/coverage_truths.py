"""The truths that intervals are put to: distributions of seeds whose answer is known.

A truth's name is the words of its group, a colon, and what tells it from the others of that
group.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from statistics import NormalDist

import numpy as np

from experiments.stats import intervals, shapley

FLOOR = float(np.log(1e-12))
ERROR = {"loc": -7.0, "scale": 0.4}
# From the first on truths with rare outcomes are promised too, from the second on the others.
MANY, FEW = 200, 30
LIKELY, RARE = (0.1, 0.9), ((0.03, 0.97), (0.01, 0.99))
COUPLINGS = {"independent arms": 1.0, "mostly one threshold": 0.1, "one threshold": 0.0}


@dataclass(frozen=True)
class Truth:
    """A distribution of seeds, and what an interval over them should hold.

    Attributes:
        quantity: What is estimated, in words.
        name: The distribution, in words.
        value: The true value.
        draw: Function from a generator and `(num_samples, num_seeds)` to such an array.
        interval: Function from the values of one sample to an `Interval`.
        asked_from: The number of seeds from which coverage is promised, or `None`.
    """

    quantity: str
    name: str
    value: float
    draw: Callable
    interval: Callable
    asked_from: int | None


def truths():
    """Returns all truths, as a list of `Truth`."""
    by_quantity = sorted(_attributions(), key=lambda truth: truth.quantity)
    return [*_rates(), *_medians(), *_paired(), *_means(), *by_quantity]


def discrete(values, shares):
    """Returns a function that draws values by their shares, each sample sorted."""
    values, places = np.unique(np.round(values, 12), return_inverse=True)
    shares = np.bincount(places, weights=shares)
    values, shares = values[shares > 0], shares[shares > 0] / shares.sum()

    def draw(random, size):
        counts = random.multinomial(size[1], shares, size=size[0])
        return np.repeat(np.tile(values, size[0]), counts.ravel()).reshape(size)

    return draw


def paired(first, second, *, coupled):
    """Returns a function that draws one arm's outcomes less those of another.

    Args:
        first: Float, the solve rate of the first arm.
        second: Float, that of the second.
        coupled: Whether one threshold of the seed decides both, else neither knows.
    """
    both = min(first, second) if coupled else first * second
    gain, loss = first - both, second - both
    return discrete([1, -1, 0], [gain, loss, 1 - gain - loss])


def paired_interval(differences):
    """Estimates a paired difference of rates from the seeds' differences."""
    return intervals.paired_difference(differences > 0, differences < 0)


def share(name, hits, repeats, seed):
    """Puts a simulated share, its own Wilson interval, and how it was drawn into columns."""
    found = intervals.rate(hits, repeats)
    bounds = {name: found.estimate, "low": found.low, "high": found.high}
    rounded = {key: round(value, 6) for key, value in bounds.items()}
    return rounded | {"repeats": repeats, "seed": seed}


def failing(share, random, size):
    """Draws logarithms of errors, a share of which is at the cap 0."""
    return np.where(random.random(size) < share, 0.0, random.normal(**ERROR, size=size))


def game_shares(rates, noise):
    """Computes how probable each game of a seed is.

    An arm solves if the seed's own threshold lies below its rate or, with
    probability `noise` and by itself, by a draw of its own.

    Args:
        rates: Array of shape `(num_arms,)`, the solve rate of each arm.
        noise: Float between 0, one threshold for all arms, and 1, independent arms.

    Returns:
        `(games, shares)` of shapes `(2**num_arms, num_arms)` and `(2**num_arms,)`.
    """
    rates = np.asarray(rates)
    subset_outcomes = np.arange(2**rates.size)[:, None] >> np.arange(rates.size) & 1
    shares = np.zeros(len(subset_outcomes))
    for low, high in pairwise(np.unique([0.0, *rates, 1.0])):
        chances = (1 - noise) * (rates >= high) + noise * rates
        shares += (high - low) * np.where(subset_outcomes, chances, 1 - chances).prod(axis=1)
    return subset_outcomes, shares


def arm_rates(num_fixes):
    """Yields `(words, rates of all arms, number of seeds asked)`."""
    members = np.arange(2**num_fixes)[:, None] >> np.arange(num_fixes) & 1
    sizes = members.sum(axis=1)
    reached = {
        "each fix adds as much": sizes / num_fixes,
        "all fixes needed": sizes == num_fixes,
        "any fix suffices": sizes > 0,
        "one fix suffices": members[:, 0],
    }
    for (words, share), (low, high) in product(reached.items(), (LIKELY, *RARE)):
        asked_from = FEW if (low, high) == LIKELY else MANY
        yield f"{words}, rates {low} to {high}", low + (high - low) * share, asked_from
    for rate in (0.1, 0.5, 0.9, 0.97, 0.99):
        yield f"no fix matters, rate {rate}", np.full(2**num_fixes, rate), _asked(rate)


def _asked(*rates):
    """The number of seeds from which solve rates are promised."""
    return FEW if all(LIKELY[0] <= rate <= LIKELY[1] for rate in rates) else MANY


def _rates():
    for rate in (0.01, 0.03, 0.1, 0.2, 0.5, 0.8, 0.9, 0.97, 0.99):
        draw, interval = discrete([0, 1], [1 - rate, rate]), _rate_interval
        yield Truth("rate", f"solve rate: {rate}", rate, draw, interval, _asked(rate))


def _rate_interval(outcomes):
    return intervals.rate(int(outcomes.sum()), outcomes.size)


def _medians():
    def diverging(random, size):
        return np.where(random.random(size) < 0.03, np.inf, random.normal(**ERROR, size=size))

    def normal(random, size):
        return random.normal(**ERROR, size=size)

    def lognormal(random, size):
        return random.lognormal(size=size)

    middle = NormalDist(ERROR["loc"], ERROR["scale"]).inv_cdf(0.5 / 0.97)
    rows = {
        "normal": (ERROR["loc"], normal),
        "lognormal": (1.0, lognormal),
        "normal, 3% diverged": (middle, diverging),
        "normal, 60% at the cap": (0.0, partial(failing, 0.6)),
    }
    for name, (value, draw) in rows.items():
        yield Truth("median", f"errors: {name}", value, draw, intervals.median, FEW)


def _paired():
    pairs = [(0.5, 0.5), (0.9, 0.1), (0.9, 0.5), (0.9, 0.9), (0.1, 0.1), (0.55, 0.5)]
    pairs += [(0.97, 0.97), (0.99, 0.99), (0.99, 0.97), (0.97, 0.5), (0.99, 0.01)]
    for (first, second), coupled in product(pairs, (False, True)):
        group = "one threshold" if coupled else "independent arms"
        yield Truth(
            *("paired difference of rates", f"{group}: {first} against {second}"),
            *(first - second, paired(first, second, coupled=coupled)),
            *(paired_interval, _asked(first, second)),
        )


def _means():
    """Outcomes, and logarithms of errors between the floor and the cap 0."""
    for rate in (0.1, 0.5, 0.9, 0.97, 0.99):
        draw = discrete([0, 1], [1 - rate, rate])
        yield _mean(f"outcomes 0 and 1: rate {rate}", rate, draw, _asked(rate), low=0, high=1)
    for name, (value, draw, asked_from) in _smooth().items():
        yield _mean(f"smooth log errors: {name}", value, draw, asked_from)
    for share, asked_from in {0.01: None, 0.03: MANY, 0.1: MANY, 0.5: FEW}.items():
        value, name = ERROR["loc"] * (1 - share), f"{share:.0%} at the cap"
        draw = partial(failing, share)
        yield _mean(f"log errors with failures: {name}", value, draw, asked_from)

    def difference(random, size):
        return failing(0.03, random, size) - failing(0.03, random, size)

    name = "log errors with failures: difference of two arms, 3% at the cap in each"
    yield _mean(name, 0.0, difference, MANY, high=-FLOOR)


def _mean(name, value, draw, asked_from, *, low=FLOOR, high=0.0):
    interval = partial(intervals.mean, low=low, high=high)
    return Truth("mean", name, value, draw, interval, asked_from)


def _smooth():
    def skewed(random, size, *, scale):
        return np.minimum(0.05 * random.lognormal(0, scale, size) - 7, 0)

    def heavy(random, size):
        return np.clip(0.4 * random.standard_t(5, size) - 7, -14, 0)

    return {
        "normal": (ERROR["loc"], lambda random, size: random.normal(**ERROR, size=size), FEW),
        "uniform": (-7.0, lambda random, size: random.uniform(-8, -6, size), FEW),
        "Student's of 5 degrees": (-7.0, heavy, FEW),
        "exponential": (-6.7, lambda random, size: random.exponential(0.3, size) - 7, FEW),
        "lognormal, scale 0.5": (0.05 * np.exp(0.125) - 7, partial(skewed, scale=0.5), FEW),
        "lognormal, scale 1": (0.05 * np.exp(0.5) - 7, partial(skewed, scale=1.0), MANY),
    }


def _attributions():
    """Shapley values of a fix, and interactions of a pair, of 0/1 games."""
    for num_fixes in (2, 3, 4):
        subset_outcomes = np.arange(2 ** (2**num_fixes))[:, None] >> np.arange(2**num_fixes) & 1
        values = shapley.shapley(subset_outcomes)[:, 0]
        pairs = shapley.interactions(subset_outcomes)[:, 0, 1]
        for (words, rates, asked_from), coupling in product(arm_rates(num_fixes), COUPLINGS):
            _, shares = game_shares(rates, COUPLINGS[coupling])
            name = f"{words}: {num_fixes} fixes, {coupling}"
            for quantity, found, span in (("Shapley value", values, 1), ("interaction", pairs, 2)):
                interval = partial(intervals.mean, low=-span, high=span)
                value, draw = float(shares @ found), discrete(found, shares)
                yield Truth(quantity, name, value, draw, interval, asked_from)
