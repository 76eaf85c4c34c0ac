"""When seeds are looked at, and how much error each look may spend.

Whoever looks again and again, and stops where a verdict falls, errs more often than one who
looks once. So the k-th look may err with a probability of alpha/2^k only: the sum over all
looks, however many, stays below alpha (Bonferroni's inequality), and so does the chance of
ever being wrong.

A folder's manifest says by which rule its seeds were chosen. Seeds of a fixed number may be
looked at again and again later; what was looked at never goes back to a fixed number.
"""

import dataclasses

from experiments.stats.text import percent

FIRST_ANALYSIS = 32
ALPHA = 0.05


def analysis_sizes(most):
    """Returns the numbers of seeds at which one looks, up to `most`.

    Args:
        most: Integer.

    Example:
    >>> looks(200)
    [32, 64, 128]
    """
    num_analyses = max(0, int(most) // FIRST_ANALYSIS).bit_length()
    return [FIRST_ANALYSIS * 2**k for k in range(num_analyses)]


def last_analysis(num_seeds):
    """Returns the last look that so many seeds allow, or 0 if they are too few for any."""
    return max(analysis_sizes(num_seeds), default=0)


def next_analysis(num_seeds):
    """Returns the first look at more seeds than these."""
    return 2 * last_analysis(num_seeds) or FIRST_ANALYSIS


def analysis_number(num_seeds):
    """Returns the number, from 1, of the look at so many seeds; between two, of the next.

    Example:
    >>> [number_of(num_seeds) for num_seeds in (32, 33, 64, 1024)]
    [1, 2, 2, 6]
    """
    return len(analysis_sizes(num_seeds - 1)) + 1


@dataclasses.dataclass(frozen=True)
class StoppingRule:
    """By what rule the number of seeds was chosen, and how sure an interval must be for it.

    Attributes:
        name: The rule as a manifest holds it.
        is_repeated: Whether seeds are looked at repeatedly, until a verdict falls.
    """

    name: str
    is_repeated: bool

    def alpha(self, num_seeds: int) -> float:
        """Returns the error that an interval over so many seeds may have.

        Returns:
            0.05, or under repeated looks the share of it that the look may spend.

        Example:
        >>> FIXED.alpha(64), REPEATED.alpha(64)
        (0.05, 0.0125)
        """
        return ALPHA / 2 ** analysis_number(num_seeds) if self.is_repeated else ALPHA

    def confidence(self, num_seeds: int) -> float:
        """Returns 1 less `alpha`: the confidence of an interval over so many seeds."""
        return 1 - self.alpha(num_seeds)

    def price(self, num_seeds: int) -> float:
        """Returns by what the exact error of one look is multiplied, to be that of all looks.

        Returns:
            2^k at the k-th of repeated looks, else 1.

        Example:
        >>> REPEATED.price(64)
        4.0
        """
        return ALPHA / self.alpha(num_seeds)

    def coming(self, num_seeds: int, most: int) -> list[tuple[int, float]] | None:
        """Returns the coming looks, each with its confidence.

        Args:
            num_seeds: The seeds that are there.
            most: The last number of seeds.

        Returns:
            List of `(number of seeds, confidence)`, the seeds that are there first; `None`
            where the number of seeds is fixed, and any other may be.
        """
        if not self.is_repeated:
            return None
        numbers = [num_seeds, *(size for size in analysis_sizes(most) if size > num_seeds)]
        return [(number, self.confidence(number)) for number in numbers]

    def text(self) -> str:
        """Says what the confidence of intervals means under repeated looks; else ""."""
        if not self.is_repeated:
            return ""
        return (
            f"The seeds were looked at more than once ({self.name}): every interval is read at "
            f"the confidence of its look, so that {percent(1 - ALPHA, 0)} is that of all looks together."
        )


FIXED = StoppingRule("a number of seeds fixed beforehand", is_repeated=False)
REPEATED = StoppingRule(
    f"looks at {FIRST_ANALYSIS}, {2 * FIRST_ANALYSIS}, {4 * FIRST_ANALYSIS}, ... seeds, "
    f"with {100 * ALPHA:g}%/2^k of error at the k-th",
    is_repeated=True,
)
RULES = {rule.name: rule for rule in (FIXED, REPEATED)}


def from_text(name: str) -> StoppingRule:
    """Returns the rule that a manifest names.

    Raises:
        ValueError: There is no such rule.
    """
    if name not in RULES:
        raise ValueError(f"A stopping rule must be one of {tuple(RULES)}. Received: {name!r}")
    return RULES[name]
