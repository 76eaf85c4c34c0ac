"""Shapley values of fixes and their interactions, for each seed; and minimal sets of fixes.

Each seed has an outcome under every set of fixes. Shapley values are linear in these
outcomes, so each seed has its own values, and their mean over seeds has an interval, see
`intervals.mean`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from experiments.stats.intervals import Interval, mean


def shapley(subset_outcomes: ArrayLike) -> np.ndarray:
    """Computes the Shapley value of each fix, for each seed separately.

    The value of a fix is the amount that it adds to the outcome, averaged over all orders in
    which the fixes can be applied (Shapley, 1953).

    Args:
        subset_outcomes: Array of shape `(num_seeds, 2**num_fixes)`: the outcome under each set
            of fixes. Bit `i` of a column's number is set where fix `i` is applied:
            column 0 is the broken arm, the last column the fixed one.

    Returns:
        Array of shape `(num_seeds, num_fixes)`; a row's sum is the amount that all fixes
        add together.

    Raises:
        ValueError: If the columns are not the sets of one or more fixes.

    Example:
    >>> shapley([[0, 0, 0, 1]]).tolist()
    [[0.5, 0.5]]
    """
    outcomes, num_fixes = _subset_outcomes(subset_outcomes)
    return outcomes @ _shapley_weights(num_fixes)


def interactions(subset_outcomes: ArrayLike) -> np.ndarray:
    """Computes the Shapley interaction index of each pair of fixes, for each seed.

    It is the amount that two fixes add together beyond the amounts that each adds alone,
    averaged over the sets of other fixes (Grabisch and Roubens, 1999). It is positive where
    the fixes need each other, negative where one replaces the other.

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
    outcomes, num_fixes = _subset_outcomes(subset_outcomes)
    return np.einsum("sg,gij->sij", outcomes, _interaction_weights(num_fixes))


def attribute(
    subset_outcomes: ArrayLike, *, low: float, high: float, confidence: float = 0.95
) -> dict[tuple[int, ...], Interval]:
    """Estimates Shapley values and interactions as means over seeds.

    Args:
        subset_outcomes: Array of shape `(num_seeds, 2**num_fixes)`, as for `shapley`.
        low: Float, the lowest possible outcome.
        high: Float, the highest possible outcome.
        confidence: Float between 0 and 1, two-sided.

    Returns:
        `{(i,): Interval, ..., (i, j): Interval, ...}`: the fixes by number, then the
        pairs with `i < j`.

    Raises:
        ValueError: If an outcome lies outside the range, or the columns are not the sets of
            fixes.

    Example:
    >>> attribute([[0, 0, 0, 1]] * 60, low=0, high=1)[0, 1]
    Interval(estimate=1.0, low=0.8, high=1.2, num_seeds=60)
    """
    outcomes, num_fixes = _subset_outcomes(subset_outcomes)
    if not np.all((outcomes >= low) & (outcomes <= high)):
        received = f"{outcomes.min()} to {outcomes.max()}"
        raise ValueError(f"Expected outcomes between {low} and {high}. Received: {received}")
    values, pairs, span = shapley(outcomes), interactions(outcomes), high - low
    numbers = range(num_fixes)
    found: dict[tuple[int, ...], Interval] = {
        (i,): _mean(values[:, i], span, confidence) for i in numbers
    }
    return found | {
        (i, j): _mean(pairs[:, i, j], 2 * span, confidence) for i, j in combinations(numbers, 2)
    }


def log_error(values: ArrayLike, best_constant: ArrayLike, *, floor: float = 1e-12) -> np.ndarray:
    """Computes the natural logarithm of errors, capped at the best constant's error.

    Args:
        values: Array of errors; one that is not finite counts as the cap.
        best_constant: Float or array that broadcasts, the error of the best constant.
        floor: Float, the smallest error that counts as more than 0.

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
    """A set of fixes that solves, while no proper subset is known to solve.

    Attributes:
        fixes: Frozenset of fixes.
        certain: Whether every proper subset was tried and fails: no verdict is missing,
            'undecided' or 'depends on the seed'.
    """

    fixes: frozenset[str]
    certain: bool


def minimal_sets(verdicts: Mapping[frozenset[str], str]) -> list[SufficientSet]:
    """Finds the minimal sufficient sets of fixes.

    Args:
        verdicts: `{frozenset of fixes: verdict}`, see `intervals.verdict`.

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


def necessary(verdicts: Mapping[frozenset[str], str]) -> dict[str, str]:
    """Finds the fixes without which the others do not solve.

    Args:
        verdicts: `{frozenset of fixes: verdict}`, the set of all fixes included.

    Returns:
        `{fix: word}`, sorted by fix; empty unless all fixes together solve. The word is
        'necessary' where all fixes but this one fail; 'depends on the seed' or 'undecided'
        where that is their verdict. A fix without which the others solve is left out.

    Example:
    >>> necessary({frozenset(): "fails", frozenset({"epochs"}): "solves"})
    {'epochs': 'necessary'}
    """
    everything = frozenset[str]().union(*verdicts)
    if verdicts.get(everything) != "solves":
        return {}
    rest = {fix: verdicts.get(everything - {fix}, "undecided") for fix in sorted(everything)}
    words = {"fails": "necessary"}
    return {fix: words.get(word, word) for fix, word in rest.items() if word != "solves"}


def _all_subsets_fail(fixes: frozenset[str], verdicts: Mapping[frozenset[str], str]) -> bool:
    """Returns whether each proper subset was tried and fails."""
    sizes = range(len(fixes))
    subsets = (frozenset(part) for size in sizes for part in combinations(fixes, size))
    return all(verdicts.get(subset) == "fails" for subset in subsets)


def _subset_outcomes(subset_outcomes: ArrayLike) -> tuple[np.ndarray, int]:
    """Returns outcomes as an array, with their number of fixes."""
    outcomes = np.asarray(subset_outcomes, dtype=float)
    num_fixes = outcomes.shape[-1].bit_length() - 1 if outcomes.ndim == 2 else 0
    is_finite = np.isfinite(outcomes).all()
    if num_fixes < 1 or outcomes.shape[1] != 2**num_fixes or not is_finite:
        raise ValueError(
            "Expected finite outcomes of shape (num_seeds, 2**num_fixes). "
            f"Received: shape={outcomes.shape}, finite: {is_finite}"
        )
    return outcomes, num_fixes


def _mean(values: np.ndarray, span: float, confidence: float) -> Interval:
    """Estimates a mean of differences of at most `span`."""
    return mean(values, low=-span, high=span, confidence=confidence)


def _memberships(num_fixes: int) -> np.ndarray:
    """Returns which fixes each set holds: Boolean array `(2**num_fixes, num_fixes)`."""
    return (np.arange(2**num_fixes)[:, None] >> np.arange(num_fixes) & 1).astype(bool)


def _order_weights(num_players: int) -> np.ndarray:
    """Returns the share of orders in which given players, and no others, precede another."""
    sizes = range(num_players)
    orders = [factorial(size) * factorial(num_players - 1 - size) for size in sizes]
    return np.array(orders) / factorial(num_players)


def _shapley_weights(num_fixes: int) -> np.ndarray:
    """Returns the weights `(2**num_fixes, num_fixes)` of the outcomes in each fix's value."""
    members = _memberships(num_fixes)
    others = members.sum(axis=1, keepdims=True) - members
    return np.where(members, 1, -1) * _order_weights(num_fixes)[others]


def _interaction_weights(num_fixes: int) -> np.ndarray:
    """Returns the weights `(2**num_fixes, num_fixes, num_fixes)` of outcomes in each index."""
    members = _memberships(num_fixes)
    first, second = members[:, :, None], members[:, None, :]
    others = members.sum(axis=1)[:, None, None] - first.astype(int) - second
    # Both fixes of a pair are one player among the rest; the diagonal is no pair.
    weights = _order_weights(max(num_fixes - 1, 1))[np.clip(others, 0, max(num_fixes - 2, 0))]
    return np.where(first == second, 1, -1) * weights * ~np.eye(num_fixes, dtype=bool)
