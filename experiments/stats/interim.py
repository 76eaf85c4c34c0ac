"""Interim analyses: at which numbers of seeds they are made, and at which confidence.

Repeated analyses that stop at the first verdict err more often than a single one. So the
k-th analysis may err with a probability of alpha/2^k only. The sum over all analyses stays
below alpha (Bonferroni's inequality), and so does the probability of any wrong verdict.

The manifest of a folder holds the stopping rule of its seeds. A fixed number of seeds may
become repeated analyses later; the reverse is never allowed.
"""

import dataclasses

from experiments.stats.text import percent

FIRST_ANALYSIS = 32
ALPHA = 0.05


def analysis_sizes(most: int) -> list[int]:
    """Returns the numbers of seeds of the interim analyses, up to `most`.

    Args:
        most: Integer.

    Example:
    >>> analysis_sizes(200)
    [32, 64, 128]
    """
    num_analyses = max(0, int(most) // FIRST_ANALYSIS).bit_length()
    return [FIRST_ANALYSIS * 2**k for k in range(num_analyses)]


def last_analysis(num_seeds: int) -> int:
    """Returns the size of the last analysis of at most `num_seeds` seeds; 0 if none is."""
    return max(analysis_sizes(num_seeds), default=0)


def next_analysis(num_seeds: int) -> int:
    """Returns the size of the first analysis of more than `num_seeds` seeds."""
    return 2 * last_analysis(num_seeds) or FIRST_ANALYSIS


def analysis_number(num_seeds: int) -> int:
    """Returns the number, from 1, of the first analysis of at least `num_seeds` seeds.

    Example:
    >>> [analysis_number(num_seeds) for num_seeds in (32, 33, 64, 1024)]
    [1, 2, 2, 6]
    """
    return len(analysis_sizes(num_seeds - 1)) + 1


@dataclasses.dataclass(frozen=True)
class StoppingRule:
    """How the number of seeds was chosen, and the confidence of intervals that follows.

    Attributes:
        name: The rule as text, as a manifest holds it.
        is_repeated: Whether seeds are analysed repeatedly, until there is a verdict.
    """

    name: str
    is_repeated: bool

    def alpha(self, num_seeds: int) -> float:
        """Returns the error probability of an interval over `num_seeds` seeds.

        Returns:
            0.05; under repeated analyses the part of it that this analysis may use.

        Example:
        >>> FIXED.alpha(64), REPEATED.alpha(64)
        (0.05, 0.0125)
        """
        return ALPHA / 2 ** analysis_number(num_seeds) if self.is_repeated else ALPHA

    def confidence(self, num_seeds: int) -> float:
        """Returns the confidence of an interval over `num_seeds` seeds: 1 minus `alpha`."""
        return 1 - self.alpha(num_seeds)

    def price(self, num_seeds: int) -> float:
        """Returns the factor from the exact error of one analysis to that of all analyses.

        Returns:
            2^k at the k-th of repeated analyses, otherwise 1.

        Example:
        >>> REPEATED.price(64)
        4.0
        """
        return ALPHA / self.alpha(num_seeds)

    def coming(self, num_seeds: int, most: int) -> list[tuple[int, float]] | None:
        """Returns the current and the coming analyses, each with its confidence.

        Args:
            num_seeds: The current number of seeds.
            most: The largest number of seeds.

        Returns:
            List of `(number of seeds, confidence)`, the current number first; `None` where
            the number of seeds is fixed, so that any other number may follow.
        """
        if not self.is_repeated:
            return None
        numbers = [num_seeds, *(size for size in analysis_sizes(most) if size > num_seeds)]
        return [(number, self.confidence(number)) for number in numbers]

    def text(self) -> str:
        """Returns what the confidence of intervals means under repeated analyses, or ""."""
        if not self.is_repeated:
            return ""
        return (
            f"The seeds were looked at more than once ({self.name}): every interval is read at "
            f"the confidence of its look, so that {percent(1 - ALPHA, 0)} is that of all looks "
            "together."
        )


FIXED = StoppingRule("a number of seeds fixed beforehand", is_repeated=False)
REPEATED = StoppingRule(
    f"looks at {FIRST_ANALYSIS}, {2 * FIRST_ANALYSIS}, {4 * FIRST_ANALYSIS}, ... seeds, "
    f"with {100 * ALPHA:g}%/2^k of error at the k-th",
    is_repeated=True,
)
RULES = {rule.name: rule for rule in (FIXED, REPEATED)}


def from_text(name: str) -> StoppingRule:
    """Returns the stopping rule of a given name.

    Raises:
        ValueError: There is no such rule.
    """
    if name not in RULES:
        raise ValueError(f"A stopping rule must be one of {tuple(RULES)}. Received: {name!r}")
    return RULES[name]
