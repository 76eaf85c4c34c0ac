"""Two-sample tests with conservative p-values, and Holm's adjustment of p-values.

All tests are rank tests, conditional on the pooled values. Ties and infinities therefore
need no special treatment, and many splits of one pool are tested by a few matrix products.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

TESTS = ("share", "location", "scale", "shape")
# Above this share, the share of the most common value tells more than ranks do.
COMMON = 0.5
ALIKE = 0.98


def p_values(values: ArrayLike, members: ArrayLike) -> dict[str, np.ndarray]:
    """Tests, for many splits of one pool of seeds, whether the two groups differ.

    The tests depend on the pool alone, never on the split:

    - two distinct values: their `share`, by Fisher's exact test;
    - one value held by more than half: its `share`, and `shape`;
    - otherwise `location` (Mann-Whitney), `scale` (Ansari-Bradley) and `shape`
      (Kolmogorov-Smirnov), each of which detects differences that the others miss.

    Location and scale are sums of midranks' scores, with the exact mean and variance of a
    random split and a correction for continuity. The scores are bounded and, without ties,
    symmetric, so that the normal distribution has the heavier tail. Shape has the bound
    2 exp(-2 D^2 m n / (m + n)), the first term of Smirnov's series, which ties only lower.

    Args:
        values: Pooled values of both groups, `(num_seeds,)`; they may be infinite.
        members: `(num_splits, num_seeds)`, 1 where a seed is in the sample, otherwise 0;
            all samples have the same size.

    Returns:
        `{test: array (num_splits,)}`, in the order of `TESTS`.

    Raises:
        ValueError: A value is NaN, or a group is empty.

    Example:
    >>> p_values([0, 0, 1, 1], [[1, 1, 0, 0]])["share"].round(3).tolist()
    [0.333]
    """
    values, members = np.asarray(values, np.float64), np.asarray(members, np.float64)
    sizes = members.sum(axis=1)
    if np.isnan(values).any() or not 0 < sizes.min() == sizes.max() < len(values):
        raise ValueError(
            f"Two groups of values without NaN are compared. Received: {np.isnan(values).sum()} "
            f"NaN among {len(values)}, samples of {sizes.min():g} to {sizes.max():g}"
        )
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= 2:
        return {"share": share(values == distinct[-1], members)}
    if counts.max() > COMMON * len(values):
        common = distinct[np.argmax(counts)]
        return {"share": share(values == common, members), "shape": shape(values, members)}
    ranks = stats.rankdata(values)
    edges = np.abs(ranks - (len(values) + 1) / 2)
    found = {"location": score(ranks, members), "scale": score(edges, members)}
    return found | {"shape": shape(values, members)}


def tests_of(values: Sequence[float] | np.ndarray) -> tuple[str, ...]:
    """Returns the names of the tests that `p_values` applies to a pool of values."""
    first = np.arange(len(values)) == 0
    return tuple(p_values(values, first[None, :]))


def share(holds: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Tests whether a property is as common in the sample as outside it (Fisher, exact).

    Args:
        holds: Booleans `(num_seeds,)`: which seeds have the property.
        members: See `p_values`.

    Returns:
        Two-sided p-values `(num_splits,)`: of all tables with these margins, those that are
        no more probable than the one found.
    """
    total, size, num = len(holds), int(members[0].sum()), int(np.sum(holds))
    chance = stats.hypergeom.pmf(np.arange(size + 1), total, num, size)
    # Tables of equal probability differ by floating point.
    table = np.array([chance[chance <= one * (1 + 1e-7)].sum() for one in chance])
    found = np.rint(members @ np.asarray(holds, np.float64)).astype(int)
    return np.minimum(table[found], 1.0)


def score(scores: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Tests the sum of the sample's scores against that of a random split.

    Args:
        scores: `(num_seeds,)`, in steps of at least one half.
        members: See `p_values`.

    Returns:
        Two-sided p-values `(num_splits,)`, by the normal distribution.
    """
    total, size = len(scores), members[0].sum()
    variance = size * (total - size) / (total * (total - 1)) * np.sum((scores - scores.mean()) ** 2)
    if variance == 0:
        return np.ones(len(members))
    away = np.abs(members @ scores - size * scores.mean()) - 0.5
    return 2 * stats.norm.sf(np.maximum(away, 0.0) / np.sqrt(variance))


def shape(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Tests the largest distance between the two groups' distribution functions.

    Args:
        values, members: See `p_values`.

    Returns:
        Upper bounds of p-values `(num_splits,)`.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    size = members[0].sum()
    rest = len(values) - size
    inside = np.cumsum(members[:, order], axis=1)[:, ends]
    distance = np.abs(inside / size - (ends + 1 - inside) / rest).max(axis=1)
    return np.minimum(2 * np.exp(-2 * distance**2 * size * rest / len(values)), 1.0)


def holm(p: ArrayLike, *, num_tests: int | None = None) -> np.ndarray:
    """Adjusts p-values so that any false alarm is as improbable as in a single test.

    Args:
        p: P-values `(..., num_found)`.
        num_tests: If given, the size of the family of tests that these p-values belong to;
            the other p-values of the family count as 1.

    Returns:
        Adjusted p-values of the same shape and order, each at most 1.

    Raises:
        ValueError: The family is smaller than the number of p-values.

    Example:
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, np.float64)
    num_found = p.shape[-1]
    num_tests = num_found if num_tests is None else num_tests
    if num_tests < num_found:
        raise ValueError(f"A family holds its tests. Received: {num_found} of {num_tests}")
    order = np.argsort(p, axis=-1)
    steps = np.take_along_axis(p, order, axis=-1) * (num_tests - np.arange(num_found))
    steps = np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, steps, axis=-1)
    return adjusted


def distinguished(columns: Sequence[np.ndarray] | np.ndarray) -> list[int]:
    """Selects the columns that are not redundant.

    A column is left out if the absolute rank correlation with an earlier one is at least
    `ALIKE`. A constant column is kept, because a fault may change it.

    Args:
        columns: `(num_columns, num_seeds)` without NaN.

    Returns:
        Indices of the selected columns.
    """
    ranks = np.array([stats.rankdata(column) for column in columns]) - (len(columns[0]) + 1) / 2
    lengths = np.linalg.norm(ranks, axis=1)
    kept = []
    for place, (column, length) in enumerate(zip(ranks, lengths, strict=True)):
        others = [k for k in kept if lengths[k] > 0]
        likeness = [abs(ranks[k] @ column) / (lengths[k] * length) for k in others if length > 0]
        if not likeness or max(likeness) < ALIKE:
            kept.append(place)
    return kept
