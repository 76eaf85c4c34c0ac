"""What each fix contributes, seed by seed: Shapley values and their interactions.

A seed's game is its outcome under every set of fixes. Shapley values are
linear in the game, so that each seed has its own and their mean over seeds has an
interval, `statistics.mean`.
"""

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np

from experiments.stats.intervals import mean


def shapley(subset_outcomes):
    """Computes the Shapley value of each fix, for each seed by itself.

    A fix's value is what it adds to the outcome, averaged over all orders in
    which the fixes can be applied (Shapley, 1953).

    Args:
        subset_outcomes: Array of shape `(num_seeds, 2**num_fixes)`: the outcome under each set
            of fixes. Bit `i` of a column's number is set where fix `i` is applied:
            column 0 is the broken arm, the last column the fixed one.

    Returns:
        Array of shape `(num_seeds, num_fixes)`; a row sums to what all fixes add.

    Raises:
        ValueError: If the columns are not the sets of one or more fixes.

    Example:
    >>> shapley([[0, 0, 0, 1]]).tolist()
    [[0.5, 0.5]]
    """
    subset_outcomes, num_fixes = _subset_outcomes(subset_outcomes)
    return subset_outcomes @ _shapley_weights(num_fixes)


def interactions(subset_outcomes):
    """Computes the Shapley interaction index of each pair of fixes, for each seed.

    It is what two fixes add together beyond what each adds alone, averaged over
    the sets of other fixes (Grabisch and Roubens, 1999): positive where they need
    each other, negative where one stands in for the other.

    Args:
        subset_outcomes: Array of shape `(num_seeds, 2**num_fixes)`, as for `shapley`.

    Returns:
        Symmetric array of shape `(num_seeds, num_fixes, num_fixes)` with diagonal 0.

    Raises:
        ValueError: If the columns are not the sets of one or more fixes.

    Example:
    >>> interactions([[0, 1, 1, 1]])[0].tolist()
    [[0.0, -1.0], [-1.0, 0.0]]
    """
    subset_outcomes, num_fixes = _subset_outcomes(subset_outcomes)
    return np.einsum("sg,gij->sij", subset_outcomes, _interaction_weights(num_fixes))


def attribute(subset_outcomes, *, low, high, confidence=0.95):
    """Estimates Shapley values and interactions as means over seeds.

    Args:
        subset_outcomes: Array of shape `(num_seeds, 2**num_fixes)`, as for `shapley`.
        low: Float, the lowest outcome there can be.
        high: Float, the highest outcome there can be.
        confidence: Float between 0 and 1, two-sided.

    Returns:
        `{(i,): Interval, ..., (i, j): Interval, ...}`: the fixes by number, then the
        pairs with `i < j`.

    Raises:
        ValueError: If an outcome lies outside, or the columns are not the sets of fixes.

    Example:
    >>> attribute([[0, 0, 0, 1]] * 60, low=0, high=1)[0, 1]
    Interval(estimate=1.0, low=0.8, high=1.2, num_seeds=60)
    """
    subset_outcomes, num_fixes = _subset_outcomes(subset_outcomes)
    if not np.all((subset_outcomes >= low) & (subset_outcomes <= high)):
        received = f"{subset_outcomes.min()} to {subset_outcomes.max()}"
        raise ValueError(f"Expected outcomes between {low} and {high}. Received: {received}")
    values, pairs, span = shapley(subset_outcomes), interactions(subset_outcomes), high - low
    numbers = range(num_fixes)
    found = {(i,): _mean(values[:, i], span, confidence) for i in numbers}
    return found | {
        (i, j): _mean(pairs[:, i, j], 2 * span, confidence) for i, j in combinations(numbers, 2)
    }


def log_error(values, best_constant, *, floor=1e-12):
    """Computes the natural logarithm of errors, capped at the best constant's error.

    Args:
        values: Array of errors; one that is not finite counts as the cap.
        best_constant: Float or array that broadcasts, the error of the best constant.
        floor: Float, the smallest error that is told from none.

    Returns:
        Float array of the same shape, between `log(floor)` and `log(best_constant)`.

    Raises:
        ValueError: If the best constant's error is not finite and above the floor.

    Example:
    >>> log_error([1.0, 50.0, float("nan")], 1.0).tolist()
    [0.0, 0.0, 0.0]
    """
    values, cap = np.asarray(values, dtype=float), np.asarray(best_constant, dtype=float)
    if not np.all(np.isfinite(cap) & (cap > floor) & (floor > 0)):
        raise ValueError(
            f"Expected the best constant's error above the floor {floor}, and that above 0. "
            f"Received: {best_constant}"
        )
    return np.log(np.clip(np.where(np.isfinite(values), values, cap), floor, cap))


@dataclass(frozen=True)
class SufficientSet:
    """A set of fixes that solves, while none of its proper subsets is known to.

    Attributes:
        fixes: Frozenset of fixes.
        certain: Whether every proper subset was tried and fails: none is undecided,
            depends on the seed or is missing.
    """

    fixes: frozenset
    certain: bool


def minimal_sets(verdicts):
    """Finds the minimal sufficient sets of fixes.

    Args:
        verdicts: `{frozenset of fixes: verdict}`, verdicts as `statistics.verdict` reads them.

    Returns:
        List of `SufficientSet`, smaller sets first.

    Example:
    >>> minimal_sets({frozenset(): "fails", frozenset({"epochs"}): "solves"})
    [SufficientSet(fixes=frozenset({'epochs'}), certain=True)]
    """
    solving = [fixes for fixes, verdict in verdicts.items() if verdict == "solves"]
    minimal = [fixes for fixes in solving if not any(other < fixes for other in solving)]
    found = [SufficientSet(fixes, _all_subsets_fail(fixes, verdicts)) for fixes in minimal]
    return sorted(found, key=lambda item: (len(item.fixes), sorted(item.fixes)))


def necessary(verdicts):
    """Finds the fixes without which the others do not solve.

    Args:
        verdicts: `{frozenset of fixes: verdict}`; it holds the set of all fixes.

    Returns:
        `{fix: word}` in order of name, for a set of fixes that solves, else empty. The
        word is 'necessary' where all fixes but this one fail, 'depends on the seed' or
        'undecided' where that is their verdict; a fix that can be spared is left out.

    Example:
    >>> necessary({frozenset(): "fails", frozenset({"epochs"}): "solves"})
    {'epochs': 'necessary'}
    """
    everything = frozenset().union(*verdicts)
    if verdicts.get(everything) != "solves":
        return {}
    rest = {fix: verdicts.get(everything - {fix}, "undecided") for fix in sorted(everything)}
    words = {"fails": "necessary"}
    return {fix: words.get(word, word) for fix, word in rest.items() if word != "solves"}


def _all_subsets_fail(fixes, verdicts):
    """Whether each proper subset was tried, and fails."""
    sizes = range(len(fixes))
    subsets = (frozenset(part) for size in sizes for part in combinations(fixes, size))
    return all(verdicts.get(subset) == "fails" for subset in subsets)


def _subset_outcomes(subset_outcomes):
    """Reads games as an array, with their number of fixes."""
    subset_outcomes = np.asarray(subset_outcomes, dtype=float)
    num_fixes = subset_outcomes.shape[-1].bit_length() - 1 if subset_outcomes.ndim == 2 else 0
    if (
        num_fixes < 1
        or subset_outcomes.shape[1] != 2**num_fixes
        or not np.isfinite(subset_outcomes).all()
    ):
        raise ValueError(
            "Expected finite outcomes of shape (num_seeds, 2**num_fixes). "
            f"Received: shape={subset_outcomes.shape}, finite: {np.isfinite(subset_outcomes).all()}"
        )
    return subset_outcomes, num_fixes


def _mean(values, span, confidence):
    """Estimates a mean of differences of at most `span`."""
    return mean(values, low=-span, high=span, confidence=confidence)


def _memberships(num_fixes):
    """Which fixes each set holds, as a Boolean array `(2**num_fixes, num_fixes)`."""
    return (np.arange(2**num_fixes)[:, None] >> np.arange(num_fixes) & 1).astype(bool)


def _order_weights(num_players):
    """The share of orders in which given players, and no others, precede a given one."""
    sizes = range(num_players)
    orders = [factorial(size) * factorial(num_players - 1 - size) for size in sizes]
    return np.array(orders) / factorial(num_players)


def _shapley_weights(num_fixes):
    """Weights `(2**num_fixes, num_fixes)` of the outcomes in each fix's value."""
    members = _memberships(num_fixes)
    others = members.sum(axis=1, keepdims=True) - members
    return np.where(members, 1, -1) * _order_weights(num_fixes)[others]


def _interaction_weights(num_fixes):
    """Weights `(2**num_fixes, num_fixes, num_fixes)` of the outcomes in each pair's index."""
    members = _memberships(num_fixes)
    first, second = members[:, :, None], members[:, None, :]
    others = members.sum(axis=1)[:, None, None] - first.astype(int) - second
    # Both fixes of a pair are one player among the rest; the diagonal is no pair.
    weights = _order_weights(max(num_fixes - 1, 1))[np.clip(others, 0, max(num_fixes - 2, 0))]
    return np.where(first == second, 1, -1) * weights * ~np.eye(num_fixes, dtype=bool)
