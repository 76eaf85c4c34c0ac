"""When seeds are looked at, and how much error each look may spend.

Whoever looks again and again, and stops where a verdict falls, errs more often than one who
looks once. So the k-th look may err with a probability of alpha/2^k only: the sum over all
looks, however many, stays below alpha (Bonferroni's inequality), and so does the chance of
ever being wrong.

A folder's manifest says by which rule its seeds were chosen. Seeds of a fixed number may be
looked at again and again later; what was looked at never goes back to a fixed number.
"""

from experiments.stats.text import percent

FIRST_LOOK = 32
ALPHA = 0.05
FIXED = "a number of seeds fixed beforehand"
REPEATED = (
    f"looks at {FIRST_LOOK}, {2 * FIRST_LOOK}, {4 * FIRST_LOOK}, ... seeds, "
    f"with {100 * ALPHA:g}%/2^k of error at the k-th"
)
RULES = (FIXED, REPEATED)
ATTRIBUTE = "stopping_rule"


def looks(most):
    """Returns the numbers of seeds at which one looks, up to `most`.

    Args:
        most: Integer.

    Example:
    >>> looks(200)
    [32, 64, 128]
    """
    num_looks = max(0, int(most) // FIRST_LOOK).bit_length()
    return [FIRST_LOOK * 2**k for k in range(num_looks)]


def last_look(num_seeds):
    """Returns the last look that so many seeds allow, or 0 if they are too few for any."""
    return max(looks(num_seeds), default=0)


def next_look(num_seeds):
    """Returns the first look at more seeds than these."""
    return 2 * last_look(num_seeds) or FIRST_LOOK


def number_of(num_seeds):
    """Returns the number, from 1, of the look at so many seeds; between two, of the next.

    Example:
    >>> [number_of(num_seeds) for num_seeds in (32, 33, 64, 1024)]
    [1, 2, 2, 6]
    """
    return len(looks(num_seeds - 1)) + 1


def alpha(rule, num_seeds):
    """Returns the error that an interval over so many seeds may have.

    Args:
        rule: The stopping rule, as a manifest holds it, or `None`: a fixed number.
        num_seeds: Integer.

    Returns:
        Float: 0.05, or under repeated looks the share of it that the look may spend.

    Raises:
        ValueError: There is no such rule.

    Example:
    >>> alpha(FIXED, 64), alpha(REPEATED, 64)
    (0.05, 0.0125)
    """
    if rule not in (None, *RULES):
        raise ValueError(f"A stopping rule must be one of {RULES}. Received: {rule!r}")
    return ALPHA / 2 ** number_of(num_seeds) if rule == REPEATED else ALPHA


def confidence(rule, num_seeds):
    """Returns 1 less `alpha`: the confidence of an interval over so many seeds."""
    return 1 - alpha(rule, num_seeds)


def price(rule, num_seeds):
    """Returns by what the exact error of one look is multiplied, to be that of all looks.

    Args:
        rule: The stopping rule, or `None`.
        num_seeds: Integer.

    Returns:
        2^k at the k-th of repeated looks, else 1.

    Example:
    >>> price(REPEATED, 64)
    4.0
    """
    return ALPHA / alpha(rule, num_seeds)


def rule_of(table):
    """Returns the stopping rule that a table of runs carries, or `None`."""
    return table.attrs.get(ATTRIBUTE)


def alpha_of(table):
    """Returns `alpha` of a table that has a row for each seed."""
    return alpha(rule_of(table), len(table))


def confidence_of(table):
    """Returns `confidence` of a table that has a row for each seed."""
    return confidence(rule_of(table), len(table))


def coming(rule, num_seeds, most):
    """Returns the coming looks, each with its confidence.

    Args:
        rule: The stopping rule, or `None`.
        num_seeds: Integer, the seeds that are there.
        most: Integer, the last number of seeds.

    Returns:
        List of `(number of seeds, confidence)`, the seeds that are there first; `None`
        where the number of seeds is fixed, and any other may be.
    """
    if rule != REPEATED:
        return None
    numbers = [num_seeds, *(look for look in looks(most) if look > num_seeds)]
    return [(number, confidence(rule, number)) for number in numbers]


def words(rule):
    """Says what the confidence of intervals means under repeated looks; else "".

    Args:
        rule: The stopping rule, or `None`.
    """
    if rule != REPEATED:
        return ""
    return (
        f"The seeds were looked at more than once ({REPEATED}): every interval is read at the "
        f"confidence of its look, so that {percent(1 - ALPHA, 0)} is that of all looks together."
    )
