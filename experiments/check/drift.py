"""Compares a fresh sample of seeds, trained with the installed Keras, with the stored rows.

Distributions, verdicts and invariants are compared, never single values. All tests of one
check are one family: by Holm's method the chance that an unchanged suite raises any alarm is
at most `FALSE_ALARMS`. The invariants take no part in it, as chance cannot fail them.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.cases.errors import SuiteError
from experiments.check import comparison
from experiments.check import sample as sampling
from experiments.check.invariants import InvariantResult
from experiments.runs.keys import environment
from experiments.stats import two_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case
    from experiments.runs.blocks import SilentProgress

FALSE_ALARMS = 0.01
NUM_SEEDS = sampling.NUM_SEEDS


@dataclasses.dataclass
class Comparison:
    """The result of a check.

    Attributes:
        table: A row for each case, arm and metric, smallest p-value first: the columns of
            `comparison.moved`, with `p_holm` and `alarm`.
        questions: The invariants: `case, arms, question, holds, words, about_seeds`.
        verdicts: The verdicts of each arm, see `comparison.verdicts`.
        num_seeds: Seeds sampled.
        num_tests: Size of the family that the p-values are adjusted for.
        seconds: Duration of the check.
        versions: `{"sample": environment, case: [environments]}`.
        rows: `{case: (stored rows, sampled rows)}` of the arms compared.
    """

    table: pd.DataFrame
    questions: pd.DataFrame
    verdicts: pd.DataFrame
    num_seeds: int
    num_tests: int
    seconds: float
    versions: dict[str, Any]
    rows: dict[str, tuple[pd.DataFrame, pd.DataFrame]]

    @property
    def alarms(self) -> pd.DataFrame:
        """The rows of `table` that raise an alarm."""
        # Stubs of pandas: a mask keeps a table.
        return self.table[self.table["alarm"]]  # pyright: ignore[reportReturnType]

    @property
    def failures(self) -> pd.DataFrame:
        """The rows of `questions` whose invariant does not hold."""
        # Stubs of pandas: a mask keeps a table.
        failed = ~self.questions["holds"].astype(bool)
        return self.questions[failed]  # pyright: ignore[reportReturnType]

    @property
    def passed(self) -> bool:
        """Whether there is neither an alarm nor a failure."""
        return not len(self.alarms) and not len(self.failures)


def check(
    analyses: Mapping[Case, Analysis],
    *,
    num_seeds: int = NUM_SEEDS,
    first_seed: int = sampling.FIRST_SEED,
    progress: SilentProgress | None = None,
) -> Comparison:
    """Trains a fresh sample of each case and compares it with its stored rows.

    Args:
        analyses: `{case: Analysis of its committed evidence}`.
        num_seeds: Number of seeds to train of each arm.
        first_seed: The first seed. None of the seeds may be stored.
        progress: A display with the methods of `blocks.SilentProgress`.

    Returns:
        A `Comparison`.

    Raises:
        SuiteError: There are too few seeds, some are stored, or no rows are stored.
    """
    start = time.perf_counter()
    stored = {case: analysis.runs for case, analysis in analyses.items()}
    seeds = list(range(first_seed, first_seed + num_seeds))
    _check_seeds(seeds, stored)
    rows, answers = {}, {}
    for case, table in stored.items():
        rows[case.name], answers[case.name] = sampled(case, table, seeds, progress=progress)
    made = {one.case.name: [dict(e) for e in one.store.environments] for one in analyses.values()}
    found = compared(rows, answers)
    seconds = time.perf_counter() - start
    return dataclasses.replace(
        found, seconds=seconds, versions={"sample": environment(), **made}, num_seeds=num_seeds
    )


def _check_seeds(seeds, stored):
    if len(seeds) < 2:
        raise SuiteError(f"check needs --seeds 2 at the least. Received: {len(seeds)}")
    for case, table in stored.items():
        if not len(table):
            raise SuiteError(
                f"{case.name} has no stored rows to compare with; make them with: "
                f"python -m reproductions record {case.name}"
            )
        if table["seed"].between(seeds[0], seeds[-1]).any():
            raise SuiteError(
                f"check trains seeds that are not stored. Received: {seeds[0]} to {seeds[-1]}, "
                f"of which {case.name} stores some"
            )


def sampled(
    case: Case,
    stored: pd.DataFrame,
    seeds: Sequence[int],
    *,
    trained: Case | None = None,
    probes: bool = True,
    progress: SilentProgress | None = None,
) -> tuple[tuple[pd.DataFrame, pd.DataFrame], list[InvariantResult]]:
    """Trains a sample of one case for the arms that have enough stored rows.

    Args:
        case: The `Case`.
        stored: Its table of runs.
        seeds: Whole numbers.
        trained: If given, the `Case` to train in its place.
        probes: Whether to check the invariants of the trainers.
        progress: A display with the methods of `blocks.SilentProgress`.

    Returns:
        `((stored rows, sampled rows), results of the invariants)`.

    Raises:
        SuiteError: No arm has enough stored seeds and is cheap enough.
    """
    arms = sampling.plan(case, stored)
    if not arms:
        raise SuiteError(
            f"{case.name} stores no arm with {sampling.LEAST_STORED} seeds that is quick to "
            f"train; make some with: python -m reproductions record {case.name}"
        )
    requested = sampling.again(trained or case, arms)
    drawn = sampling.draw(trained or case, requested, seeds, probes=probes, progress=progress)
    kept = pd.concat(sampling.kept(stored, arm) for arm in arms)
    return (kept, drawn.rows), drawn.answers


def compared(
    rows: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
    answers: Mapping[str, list[InvariantResult]],
    *,
    num_tests: int | None = None,
) -> Comparison:
    """Compares samples with stored rows.

    Args:
        rows: `{case name: (stored rows, sampled rows)}`.
        answers: `{case name: list of InvariantResult}`.
        num_tests: If given, the size of the family of tests, if more were planned.

    Returns:
        A `Comparison` without seeds, seconds and versions.
    """
    found, verdicts, questions = [], [], []
    for name, pair in rows.items():
        requested = list(answers.get(name, ()))
        for arm, stored in pair[0].groupby("arm", sort=False):
            arm = str(arm)
            sample: Any = pair[1][pair[1]["arm"] == arm] if len(pair[1]) else pair[1]
            requested += _row_results(arm, stored, sample)
            if len(sample):
                found.append(comparison.tests(name, arm, stored, sample))
                verdicts.append(comparison.verdicts(name, arm, stored, sample))
        questions += [{"case": name} | dataclasses.asdict(answer) for answer in requested]
    tests = pd.concat(found) if found else pd.DataFrame(columns=list(comparison.COLUMNS))
    # The number of tests depends on ties, and the sample may have others.
    num_tests = max(num_tests or 0, len(tests))
    tests["p_holm"] = two_samples.holm(tests["p"], num_tests=num_tests)
    return Comparison(
        table=_by_metric(tests, rows),
        questions=pd.DataFrame(questions, columns=["case", *InvariantResult.__dataclass_fields__]),
        verdicts=pd.DataFrame(verdicts),
        num_seeds=0,
        num_tests=num_tests,
        seconds=0.0,
        versions={},
        rows=rows,
    )


def _by_metric(tests, rows):
    """Returns one row for each metric, smallest p-value first."""
    parts = []
    for (name, arm), part in tests.groupby(["case", "arm"], sort=False):
        stored, sample = (side[side["arm"] == arm] for side in rows[name])
        parts.append(comparison.moved(part, stored, sample))
    table = pd.concat(parts) if parts else tests
    table = table.assign(alarm=table["p_holm"] <= FALSE_ALARMS)
    return table.sort_values(["p_holm", "p"], kind="stable", ignore_index=True)


def _row_results(arm, stored, sample):
    """Returns the invariants that rows alone can decide."""
    if not len(sample):
        return []
    requested, made = int(stored["steps"].iloc[0]), sorted(set(sample["steps"]))
    words = f"stored at {requested:,} updates, sampled at {', '.join(f'{n:,}' for n in made)}"
    found = [InvariantResult("budget", made == [requested], words, (arm,))]
    lacking = comparison.same_metrics(stored, sample)
    words = f"the sample lacks {', '.join(lacking)}" if lacking else "the sample has all of them"
    found.append(InvariantResult("metrics", not lacking, words, (arm,)))
    duplicates = comparison.num_duplicates(stored, sample)
    if duplicates is not None:
        words = f"{duplicates:,} of {len(sample):,} sampled rows repeat another"
        found.append(InvariantResult("twins", duplicates == 0, words, (arm,), about_seeds=True))
    return found


def family(stored: Mapping[Case, pd.DataFrame]) -> int:
    """Counts the tests that a check of these cases makes. Nothing is trained.

    Args:
        stored: `{case: table of runs}`.
    """
    return sum(
        comparison.num_tests(sampling.kept(table, arm))
        for case, table in stored.items()
        for arm in sampling.plan(case, table)
    )
