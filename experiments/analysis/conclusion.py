"""States the result of an ablation in one line: which fixes suffice and which are needed.

It works from verdicts alone and reads no runs. A set of fixes is enough if it solves. A fix is
needed if every set without it was tried and does not solve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.stats.shapley import minimal_sets
from experiments.stats.text import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBERS = {3: "three", 4: "four", 5: "five", 6: "six"}
MOST_NAMED = 3


def conclude(verdicts: Mapping[frozenset[str], str], single: Mapping[str, str]) -> str:
    """Summarizes the verdicts on all sets of fixes in sentences.

    Args:
        verdicts: `{frozenset of fixes: verdict}` of every set, see
            `intervals.verdict`.
        single: `{fix: effect}` in the order of the case: the effect of each fix alone on the
            broken program, see `effects.effect`.

    Returns:
        One line of one or more sentences.

    Example:
    >>> solves = {frozenset(): "fails", frozenset({"epochs"}): "solves"}
    >>> conclude(solves, {"epochs": "helps"})
    'epochs is needed, and enough.'
    """
    names = list(single)
    minimal = [item.fixes for item in minimal_sets(verdicts)]
    clauses = _enough(minimal, verdicts, names)
    if len(names) > 1 and all(len(fixes) > 1 for fixes in minimal):
        clauses += _single(single)
    first = "; ".join(clauses)
    return " ".join([f"{first}.", *_exceptions(minimal, verdicts, names)])


def _enough(minimal, verdicts, names):
    """Clauses on what is enough, what is needed and what is not."""
    if frozenset() in minimal:
        return ["The broken program solves as it is", "no fix is needed"]
    if not minimal:
        shown = "shown to be enough" if "undecided" in verdicts.values() else "enough"
        what = f"{names[0]} is not" if len(names) == 1 else "No combination of the fixes is"
        return [f"{what} {shown}"]
    needed = [name for name in names if _is_needed(name, verdicts)]
    spared = [name for name in names if not any(name in fixes for fixes in minimal)]
    clauses = _either(minimal, needed, names)
    if len(minimal) == 1:
        clauses = _one(minimal[0], needed, names)
    return clauses + [f"{listed(spared)} {_are(spared)} not needed"] * bool(spared)


def _is_needed(name, verdicts):
    without = [verdict for fixes, verdict in verdicts.items() if name not in fixes]
    return not {"solves", "undecided"} & set(without)


def _one(fixes, needed, names):
    """Clauses where one set of fixes is enough."""
    inside = [name for name in names if name in fixes]
    if len(inside) == 1:
        is_needed = inside == needed
        if len(names) == 1:
            return [f"{inside[0]} is needed, and enough" if is_needed else f"{inside[0]} is enough"]
        return [f"{inside[0]} alone is enough" + ", and needed" * is_needed]
    whole = _all(inside) if len(inside) == len(names) else ""
    if inside == needed:
        return [
            f"{whole} are needed" if whole else f"{listed(inside)} are needed, and together enough"
        ]
    together = f"{whole or listed(inside)} together are enough"
    return [together] + [f"{listed(needed)} {_are(needed)} needed"] * bool(needed)


def _either(minimal, needed, names):
    """Clauses where several sets of fixes are enough."""
    sets = [[name for name in names if name in fixes] for fixes in minimal]
    sets.sort(key=lambda inside: (len(inside), [names.index(name) for name in inside]))
    if all(len(inside) == 1 for inside in sets):
        clause = f"Either {listed([inside[0] for inside in sets], 'or')} alone is enough"
    else:
        words = [listed(i) + (" together" if len(i) > 1 else " alone") for i in sets]
        clause = f"Either {', '.join(words[:-1])}, or {words[-1]}, is enough"
    return [clause] + [f"{listed(needed)} {_are(needed)} needed in any case"] * bool(needed)


def _single(single):
    """Clauses on the effects of single fixes, where none is enough."""
    helps = [name for name, word in single.items() if word == "helps"]
    harms = [name for name, word in single.items() if word == "harms"]
    clauses = [f"{listed(harms)} alone {'harms' if len(harms) == 1 else 'harm'}"] * bool(harms)
    if helps:
        return [f"{listed(helps)} {'helps' if len(helps) == 1 else 'help'} alone", *clauses]
    shown = set(single.values()) <= {"does nothing", "harms"}
    return ["none helps alone" if shown else "none is shown to help alone", *clauses]


def _exceptions(minimal, verdicts, names):
    """Sentences on sets that fail, depend on the seed or are undecided."""
    harmed = [s for s, v in verdicts.items() if v == "fails" and any(m <= s for m in minimal)]
    lucky = [s for s, v in verdicts.items() if v == "depends on the seed"]
    open_sets = [s for s, v in verdicts.items() if v == "undecided"]
    words = []
    if harmed:
        words.append(f"Yet {_sets(harmed, names)} {_verb(harmed, 'fails', 'fail')}.")
    if lucky:
        solve = _verb(lucky, "solves", "solve")
        words.append(f"Whether {_sets(lucky, names)} {solve} depends on the seed.")
    return words + [f"Undecided: {_sets(open_sets, names)}."] * bool(open_sets)


def _sets(sets, names):
    """Lists sets of fixes, small ones first; of many, the first few."""
    ordered = [[name for name in names if name in fixes] for fixes in sets]
    ordered.sort(key=lambda inside: (len(inside), [names.index(name) for name in inside]))
    words = ["+".join(inside) or "broken" for inside in ordered]
    if len(words) > MOST_NAMED + 1:
        words = [*words[:MOST_NAMED], f"{len(words) - MOST_NAMED} more"]
    return listed(words)


def _all(names):
    return "Both" if len(names) == 2 else f"All {NUMBERS.get(len(names), len(names))}"


def _are(names):
    return "is" if len(names) == 1 else "are"


def _verb(items, one, many):
    return one if len(items) == 1 else many
