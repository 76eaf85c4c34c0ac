"""One case on one screen: what breaks it, what mends it, who was right, and how sure we are.

Room 9: stored tables to lines of text; trains nothing, prints nothing. Every number
stands in a table of the case's folder.
"""

import textwrap

import pandas as pd

from experiments.analysis import ablation, failure_modes, rare_failures, tables
from experiments.cases.case import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.stats import interim, intervals, text

WIDTH = 100
HEIGHT = 50
MOST_LISTED = 6
VERDICTS = ("supported", "contradicted", "depends on the seed", "undecided", "cannot be tested")
OURS = "ours"


def explain(case, store):
    """Explains a case from its stored tables.

    Args:
        case: The `Case`.
        store: Its `Store`.

    Returns:
        A text of at most 100 columns and, as far as can be, at most 50 lines: lists are
        cut shorter, and say so, until they fit.

    Raises:
        SuiteError: A table is missing; the text names the command that makes it.
    """
    runs, found = _runs(case, store), _tables(case, store)
    for most in range(MOST_LISTED, 0, -1):
        lines = _lines(case, runs, found, most)
        if len(lines) <= HEIGHT:
            break
    return "\n".join(lines)


def _runs(case, store):
    if not len(store):
        raise SuiteError(
            f"{store.folder} holds no runs; train them with: python -m reproductions record "
            f"{case.name}. Received: no runs.csv"
        )
    return tables.runs(store)


def _tables(case, store):
    """Reads the tables that a case must have, and that of its time if it is there."""
    evidence = find_evidence(case)
    needed = {"claims": evidence.claims, "certificates": evidence.interventions, "dissection": True}
    found = {name: tables.stored(store, f"{name}.csv", ()) for name in (*needed, "era")}
    for name, wanted in needed.items():
        if wanted and found[name] is None:
            raise SuiteError(
                f"{store.folder} lacks {name}.csv; write it with: python -m reproductions "
                f"report {case.name}. Received: no such file"
            )
    return found


def _lines(case, runs, found, most):
    sections = {
        "What breaks it": _breaks(case, runs),
        "What mends it": _mends(case, runs, found["dissection"]),
        "What the thread got right and wrong": _claims(found["claims"], most),
        "Certificates: a cause, and what changed that cause alone": _certificates(
            found["certificates"]
        ),
        "How sure we are": _sure(case, runs, found, most),
        "The software of the time": _era(found["era"]),
    }
    lines = [*_wrapped(f"{case.name}: {case.shows}"), *_wrapped(f"Asked at {case.source}")]
    for title, clauses in sections.items():
        if clauses:
            lines += [title, *(line for clause in clauses for line in _wrapped(clause, "  "))]
    return lines


def _wrapped(text, indent=""):
    inner = indent + " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(text.strip(), WIDTH, initial_indent=inner, subsequent_indent=f"{inner}  ")


def _breaks(case, runs):
    return [_arm(case, runs, "broken")]


def _arm(case, runs, arm):
    """An arm at its longest budget: its verdict, and its symptoms."""
    part = tables.longest(runs, arm)
    if not len(part):
        return f"{arm} was not run."
    words = failure_modes.words(failure_modes.diagnose(case, part), arm)
    return f"{arm} {_verb(_rate(part))} after {part['steps'].iloc[0]:,} updates. {words}"


def _verb(rate):
    verdict = intervals.verdict(rate)
    return f"is {verdict}" if verdict == "undecided" else verdict


def _rate(part):
    confidence = interim.confidence_of(part)
    return intervals.rate(int(part["solved"].sum()), len(part), confidence=confidence)


def _mends(case, runs, table):
    lines = [ablation.answer(case, runs)]
    for row in _first(table, "sufficient"):
        lines.append(
            f"{row['fixes']}: {row['verdict']}, confidence {text.at_least(row['confidence'])}"
        )
    needs = {}
    for row in _first(table, "necessary"):
        needs.setdefault(row["verdict"], []).append(row["fixes"])
    lines += [f"{verdict}, all others made: {', '.join(who)}" for verdict, who in needs.items()]
    return [*lines, _arm(case, runs, "fixed")]


def _first(table, kind):
    """Rows of one kind of the largest dissection, which stands first."""
    if table is None or not len(table):
        return []
    chosen = (table["kind"] == kind) & (table["dissection"] == table["dissection"].iloc[0])
    return table[chosen].to_dict("records")


def _claims(table, most):
    if table is None:
        return []
    table, lines = table.drop_duplicates(["claim", "by"]), []
    for verdict in VERDICTS:
        part = table[table["verdict"] == verdict]
        if len(part):
            counts = part["by"].value_counts(sort=False)
            who = ", ".join(f"{by} {count:,}" for by, count in counts.items())
            lines += [f"{verdict}: {len(part):,} ({who})", *_listed(part[part["by"] != OURS], most)]
    return lines


def _listed(part, most):
    """The thread's own statements, a line each."""
    rows = part.to_dict("records")
    lines = [_short(f"{row['claim']} ({row['by']})") for row in rows[:most]]
    rest = ", ".join(dict.fromkeys(row["claim"].split()[0] for row in rows[most:]))
    return lines + [f"  and {rest}"] * bool(rest)


def _short(text, indent="  "):
    return indent + textwrap.shorten(text, WIDTH - 2 - len(indent), placeholder=" ...")


def _certificates(table):
    if table is None:
        return []
    rows = table.drop_duplicates(["arm_explained", "cause", "intervention"]).to_dict("records")
    words = "{verdict}: {cause} ({arm_explained}; {intervention})"
    return [_short(words.format(**row), "") for row in rows]


def _sure(case, runs, found, most):
    return [
        *_seeds(runs),
        *_weakest(found["dissection"]),
        *_undecided_arms(runs, most),
        *_undecided_claims(found["claims"], most),
        *_flips(case, runs, most),
        *_rare(case, runs),
    ]


def _seeds(runs):
    counts = runs.groupby(["arm", "steps"]).size()
    lines = [
        f"{counts[arm, steps]:,} of {arm} at {steps:,} updates"
        for arm, steps in counts.index
        if arm in ("broken", "fixed")
    ]
    each = " to ".join(f"{count:,}" for count in sorted({counts.min(), counts.max()}))
    return [f"Seeds: {'; '.join([*lines, f'{each} of each arm'])}."]


def _weakest(table):
    rows = [row for kind in ("sufficient", "necessary") for row in _first(table, kind)]
    rows = [row for row in rows if not pd.isna(row["confidence"])]
    if not rows:
        return []
    row = min(rows, key=lambda row: row["confidence"])
    sure = text.at_least(row["confidence"])
    return [f"Least sure: {row['fixes']} {row['verdict']}, confidence {sure}."]


def _undecided_arms(runs, most):
    lines = []
    for (arm, steps), part in runs.groupby(["arm", "steps"]):
        rate = _rate(part)
        if intervals.verdict(rate) == "undecided":
            more = tables.seeds_to_decide(rate, interim.rule_of(part))
            lines.append(f"{arm} at {steps:,} updates ({text.more_seeds(more)})")
    return [f"Undecided: {_cut(lines, most)}."] if lines else []


def _cut(words, most):
    rest = f" and {len(words) - most:,} more" * (len(words) > most)
    return ", ".join(words[:most]) + rest


def _undecided_claims(table, most):
    if table is None:
        return []
    rows = table[(table["verdict"] == "undecided") & (table["answer"] == "undecided")]
    words = []
    for row in rows.to_dict("records"):
        more = "" if pd.isna(row["more_seeds"]) else f" ({text.more_seeds(row['more_seeds'])})"
        words.append(f"{row['claim'].split()[0]}, {row['question']}{more}")
    return [f"Open questions: {_cut(words, most)}."] if words else []


def _flips(case, runs, most):
    table = ablation.flips(case, runs)
    bars = " or ".join(f"{bar:g}" for bar in sorted(set(table["bar"])))
    if not bars:
        return []
    flipped = table[table["flips"].astype(bool)]
    if not len(flipped):
        return [f"No verdict changes with the bar at {bars} in place of {case.solved.above:g}."]
    return [
        f"With the bar at {bar:g} in place of {case.solved.above:g}, {verdict}: "
        f"{_cut(list(dict.fromkeys(part['arm'])), most)}."
        for (bar, verdict), part in flipped.groupby(["bar", "verdict"])
    ]


def _rare(case, runs):
    failing = rare_failures.rare_failures(case, runs, "fixed")
    if not len(failing):
        return []
    total = int(((runs["arm"] == "fixed") & (runs["steps"] == failing["steps"].iloc[0])).sum())
    command = rare_failures.command(case, "fixed", failing)
    return [f"Rare failures of fixed: {len(failing):,} of {total:,} seeds; see {command}"]


def _era(table):
    if table is None or not len(table):
        return []
    return [
        f"{verdict}: {', '.join(dict.fromkeys(part['arm']))}"
        for verdict, part in table.groupby("verdict", sort=False)
    ]
