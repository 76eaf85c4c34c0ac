"""Tests claims and interventions against the stored seeds, and tabulates the answers.

A claim is supported if all its questions are answered with yes, and contradicted by one clear
no. With `any_of` one clear yes supports it, and only all noes contradict it. Otherwise it depends
on the seed if one answer does, else it is undecided. `questions` states the confidence of each
answer. Under repeated analyses a claim is tested on the seeds that all its arms have, so that
all arms are read at the same analysis.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis.outcomes import check_metric
from experiments.analysis.questions import (
    CONTRADICTED,
    DEPENDS,
    SUPPORTED,
    UNDECIDED,
    other_arm,
    read,
    read_fact,
)
from experiments.cases.claims import Fact, Less, Tracks
from experiments.cases.errors import SuiteError
from experiments.stats import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from experiments.analysis.outcomes import Outcomes
    from experiments.analysis.questions import QuestionResult
    from experiments.cases.claims import Claim, Intervention

UNTESTABLE, NOT_RUN = "cannot be tested", "not run"
ESTIMATES = ("arm", "estimate", "low", "high", "num_seeds")
DETAILS = ("steps", "quantity", "question", "answer", "more_seeds")
CLAIM_COLUMNS = ("claim", "verdict", *ESTIMATES, *DETAILS, "by", "note")
INTERVENTION_COLUMNS = ("arm_explained", "cause", "intervention", "verdict", *ESTIMATES, *DETAILS)
INTERVENTION_COLUMNS += ("note",)
COUNTS = ("num_seeds", "steps", "more_seeds")


def answers(
    tests: Sequence[Any], outcomes: Outcomes, any_of: bool = False
) -> tuple[str, list[QuestionResult]]:
    """Answers the questions of one claim or intervention.

    Args:
        tests: Tests as `claims` defines them.
        outcomes: The `Outcomes` of the case.
        any_of: Whether one yes supports the claim.

    Returns:
        `(verdict, results)`: the joint verdict, and a `QuestionResult` for each question.

    Raises:
        SuiteError: An arm, a budget or a metric is not stored.
    """
    terms = {"parts": len(tests), "together": CONTRADICTED if any_of else SUPPORTED}
    seeds = _at_one_analysis(tests, outcomes)
    found = [_read(test, outcomes, terms, seeds) for test in tests]
    return combined([result.answer for result in found], any_of), found


def combined(found: Iterable[str], any_of: bool = False) -> str:
    """Returns the joint verdict of several answers.

    Args:
        found: The answers.
        any_of: Whether one yes supports, and only all nos contradict.
    """
    single, together = (SUPPORTED, CONTRADICTED) if any_of else (CONTRADICTED, SUPPORTED)
    if all(answer == together for answer in found):
        return together
    return next((word for word in (single, DEPENDS) if word in found), UNDECIDED)


def _at_one_analysis(tests, outcomes):
    """Returns the seeds that all arms have under repeated analyses, else `None`."""
    plain = [test for test in tests if ":" not in getattr(test, "arm", ":")]
    if not plain or not outcomes.rule.is_repeated:
        return None
    found = [table.index for test in plain for table in _tables(test, outcomes)]
    return functools.reduce(pd.Index.intersection, found)


def _read(test, outcomes, terms, seeds):
    """Answers one question from the rows of its arms."""
    if isinstance(test, Fact):
        return read_fact(test)
    terms = terms | {"span": outcomes.span, "rule": outcomes.rule_of(test.arm)}
    if isinstance(test, Tracks):
        metrics = (test.metric, test.with_metric)
        first = outcomes.correlations(test.arm, *metrics, test.steps)
        return read(test, first, **terms)
    tables = _tables(test, outcomes, seeds)
    for table in tables:
        for metric in _metrics(test):
            check_metric(metric, table, test.arm)
    return read(test, *tables, **terms)


def _tables(test, outcomes, seeds=None):
    """Returns the outcomes of a test's arms, of their shared seeds if there are two."""
    tables = [outcomes.of(arm, test.steps) for arm in (test.arm, other_arm(test)) if arm]
    shared = tables[0].index.intersection(tables[-1].index)
    if seeds is not None and ":" not in test.arm:
        shared = shared.intersection(seeds)
    if not len(shared):
        raise SuiteError(
            f"The arms of a comparison share no seed; train both with: python -m "
            f"reproductions record {outcomes.case.name}. Received: {test}"
        )
    return [table.loc[shared] for table in tables]


def _metrics(test):
    """Returns the columns that a test reads, besides what every table has."""
    names = [getattr(test, "metric", "solved")]
    return [*names, test.than] if isinstance(test, Less) else names


def claims_table(claims: Iterable[Claim], outcomes: Outcomes) -> pd.DataFrame:
    """Answers every claim of a case.

    Args:
        claims: The claims of its evidence.
        outcomes: Its `Outcomes`.

    Returns:
        One row for each question, with the columns `CLAIM_COLUMNS`; `verdict` is the
        claim's. A claim that cannot be tested has one row, with the reason as its note. A
        claim whose runs are not stored has one row, with the command that trains them.
    """
    rows = []
    for claim in claims:
        head = {"claim": f"{claim.name} {claim.says}", "by": claim.by, "note": claim.note}
        if claim.untestable:
            reason = " ".join(filter(None, (claim.untestable, claim.note)))
            rows.append(head | {"verdict": UNTESTABLE, "note": reason})
        else:
            rows += _answered(head, claim.tests, outcomes, claim.any_of)
    return _table(rows, CLAIM_COLUMNS)


def interventions_table(interventions: Iterable[Intervention], outcomes: Outcomes) -> pd.DataFrame:
    """Answers every intervention of a case.

    Args:
        interventions: Those of its evidence.
        outcomes: Its `Outcomes`.

    Returns:
        One row for each question, with the columns `INTERVENTION_COLUMNS`; one row if
        the runs are not stored.
    """
    rows = []
    for item in interventions:
        head = {"arm_explained": item.arm, "cause": item.cause, "intervention": item.by}
        rows += _answered(head, item.tests, outcomes)
    return _table(rows, INTERVENTION_COLUMNS)


def _answered(head, tests, outcomes, any_of=False):
    """Returns the lines of one claim or intervention, one for each question."""
    try:
        verdict, results = answers(tests, outcomes, any_of)
    except SuiteError as error:
        return [head | {"verdict": NOT_RUN, "note": str(error)}]
    return [head | {"verdict": verdict} | vars(result) for result in results]


def _table(rows, columns):
    """Builds a table with missing values for blanks and integer counts."""
    table = pd.DataFrame(rows, columns=list(columns))
    return table.astype(dict.fromkeys(COUNTS, "Int64"))


def text_table(table: pd.DataFrame) -> pd.DataFrame:
    """Returns claims or interventions as a table of text.

    Args:
        table: What `claims_table` or `interventions_table` returns.

    Returns:
        One row for each of them, with the columns `claim, says by, verdict, evidence`, or
        `arm, cause, intervention, verdict, evidence`.
    """
    names = {"claim": "claim", "by": "says by"}
    if "cause" in table:
        names = {"arm_explained": "arm", "cause": "cause", "intervention": "intervention"}
    rows = []
    for head, part in table.groupby(list(names), sort=False):
        verdict, records = part["verdict"].iloc[0], part.to_dict("records")
        spoken = verdict in (UNTESTABLE, NOT_RUN)
        evidence = [note_text(records[0])] if spoken else _evidence(records)
        rows.append((*head, verdict, "; ".join(evidence)))
    return pd.DataFrame(rows, columns=[*names.values(), "verdict", "evidence"])


def note_text(row: Mapping[str, Any]) -> str:
    """Returns the note of a row, or ""."""
    return row["note"] if isinstance(row.get("note"), str) else ""


def _evidence(rows):
    """Returns one clause for each question, and the note."""
    clauses = [evidence_text(row) for row in rows]
    if len(rows) > 1:
        clauses = [f"{c} ({row['answer']})" for c, row in zip(clauses, rows, strict=True)]
    return [*clauses, *filter(None, [note_text(rows[0])])]


def evidence_text(row: Mapping[str, Any]) -> str:
    """Returns one answered question as a clause, such as `fixed solves 100.0% [...] of ...`.

    Args:
        row: A row of a table as a mapping.
    """
    arm, quantity = row["arm"], row["quantity"]
    if pd.isna(row["num_seeds"]):
        return f"{quantity}: {text.number(row['estimate'], 4)}"
    seeds = f"{text.count(row['num_seeds'])} seeds"
    at = "" if pd.isna(row["steps"]) else f" after {text.count(row['steps'])} steps"
    if quantity == "solve rate":
        clause = f"{arm} solves {text.row_interval(row)} of {seeds}{at}"
    elif quantity.startswith("share with "):
        have = quantity.removeprefix("share with ")
        clause = f"{text.row_interval(row)} of {seeds} of {arm} have {have}{at}"
    elif quantity.startswith("solve rate less"):
        clause = f"{arm}: {quantity} {text.row_interval(row, signed=True)} over {seeds}{at}"
    else:
        clause = f"{arm}: {quantity} {text.row_interval(row, text.number)} over {seeds}{at}"
    more = row["more_seeds"]
    return clause if pd.isna(more) else f"{clause}, {text.more_seeds(more, 'more would decide')}"
