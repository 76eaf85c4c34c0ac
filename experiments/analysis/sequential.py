"""Trains up to 32, 64, 128, ... seeds until every verdict is decided.

It evaluates the criteria of a plan on its stored rows and has more seeds trained where they are
undecided; `criteria` defines them.

A criterion is evaluated at the last analysis that all its arms have reached. The arms of an
undecided criterion are trained up to the next one. So the seeds of an arm depend only on the
stored rows of the arms it is compared with, not on the order of training: an interrupted run
resumes to the same rows as one that was not interrupted.

A folder may change from a fixed number of seeds to repeated analyses. Its rows are then always
read at the confidence of their analysis, and never again at 95%. It does not change back: a
fixed number of seeds added later is read at the confidence of the next analysis.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis.criteria import UNDECIDED, list_criteria
from experiments.analysis.outcomes import Outcomes
from experiments.cases.errors import SuiteError
from experiments.stats import interim, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from experiments.analysis.analysis import Analysis
    from experiments.cases.setups import Setup

MOST_SEEDS = 1024
COLUMNS = ["question", "arms", "num_seeds", "answer", "decided_at", "more_seeds"]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of sequential training.

    Attributes:
        table: Columns `question, arms, num_seeds, answer, decided_at, more_seeds`, a row
            for each criterion: the seeds it was evaluated at, the analysis from which on it
            is decided, and how many more seeds an undecided one is likely to need.
        stopped: Why no more seeds were trained, one clause.
    """

    table: pd.DataFrame
    stopped: str

    def text(self) -> pd.DataFrame:
        """Returns the table as text."""
        rows = []
        for row in self.table.to_dict("records"):
            decided = "" if pd.isna(row["decided_at"]) else f"{text.count(row['decided_at'])} seeds"
            shown = {"verdict on": row["question"], "arms": row["arms"]}
            shown |= {"seeds": f"{row['num_seeds']:,}", "answer": row["answer"]}
            rows.append(shown | {"decided at": decided or _more_text(row["more_seeds"])})
        return pd.DataFrame(rows)


def _more_text(more):
    return "not yet" if pd.isna(more) else f"not yet ({text.more_seeds(more)})"


def until(
    analysis: Analysis,
    plan: Mapping[str, Setup],
    train: Callable[[Mapping[str, Setup], list[int]], object],
    *,
    most_seeds: int = MOST_SEEDS,
    seconds: float | None = None,
) -> Outcome:
    """Trains more seeds until every criterion of a plan is decided.

    Args:
        analysis: The `Analysis` of the folder to train into. Its rows are from now on read at
            the confidence of repeated analyses.
        plan: `{arm: setup}`.
        train: Function `(plan, seeds)` that trains those that the store lacks.
        most_seeds: The largest number of seeds of an analysis.
        seconds: Time limit, or `None`: an analysis that is not likely to be reached in that
            time is not started; the first always is.

    Returns:
        An `Outcome`.

    Raises:
        SuiteError: `most_seeds` is below the first analysis, rows are stale, or `train` did
            not store its rows.
    """
    if interim.FIRST_ANALYSIS > most_seeds:
        raise SuiteError(
            f"The first look is at {interim.FIRST_ANALYSIS} seeds; allow as many or more. "
            f"Received: at most {most_seeds} seeds"
        )
    store = analysis.store
    if store.stopping_rule != interim.REPEATED.name:
        store.note(stopping_rule=interim.REPEATED.name)
    criteria, clock = list_criteria(analysis.case, analysis.evidence, plan), _Clock(seconds)
    analyses = _Analyses(analysis.anew(), plan)
    while (step := analyses.next(criteria)) is not None:
        target, arms = step
        work = analyses.work(target, arms)
        if stopped := _ending(target, work, most_seeds, clock):
            break
        train({arm: setup for arm, setup in plan.items() if arm in arms}, list(range(target)))
        clock.add(work)
        analyses = _Analyses(analysis.anew(), plan)
        _check_there(store, analyses, target, arms)
    else:
        stopped = "every verdict is decided"
    return Outcome(analyses.table(criteria), stopped)


def _ending(target, work, most_seeds, clock):
    """Returns why the next analysis is not made; "" if it is."""
    if target > most_seeds:
        return f"no look is left up to {most_seeds:,} seeds"
    if not clock.allows(work):
        return f"the next look, at {target:,} seeds, does not fit in {clock.seconds:g} s"
    return ""


def _check_there(store, analyses, target, arms):
    lacking = sorted(arm for arm in arms if analyses.levels[arm] < target)
    if lacking:
        raise SuiteError(
            f"{store.folder} lacks rows that were to be trained; run again to train them. "
            f"Received: {lacking[0]} without some of its first {target:,} seeds"
        )


class _Clock:
    """Estimates whether there is time for more work."""

    def __init__(self, seconds):
        self.seconds, self._start, self._work = seconds, time.monotonic(), 0

    def add(self, work):
        self._work += work

    def allows(self, work):
        spent = time.monotonic() - self._start
        if self.seconds is None or not self._work:
            return True
        return spent + spent * work / self._work <= self.seconds


class _Analyses:
    """The stored rows of a plan, and the criteria evaluated on them."""

    def __init__(self, analysis, plan):
        self._analysis, self._plan, runs = analysis, plan, analysis.runs
        lengths = runs["arm"].map({arm: setup.num_steps for arm, setup in plan.items()})
        self._runs, self._outcomes = runs[runs["steps"] == lengths], {}
        seeds = {arm: set(part["seed"]) for arm, part in self._runs.groupby("arm")}
        self._counts = {arm: _leading(seeds.get(arm, ())) for arm in plan}
        self.levels = {arm: interim.last_analysis(n) for arm, n in self._counts.items()}

    def work(self, target, arms):
        """Returns the updates needed to train arms up to an analysis."""
        lacking = {arm: max(0, target - self.levels[arm]) for arm in arms}
        return sum(num * self._plan[arm].num_steps for arm, num in lacking.items())

    def level(self, criterion):
        """Returns the last analysis that all arms of a criterion have reached, or 0."""
        return min(self.levels[arm] for arm in criterion.arms)

    def next(self, criteria):
        """Returns the next analysis and the arms that need it; `None` if all is decided."""
        found = [criterion for criterion in criteria if not self._is_decided(criterion)]
        if not found:
            return None
        lowest = min(map(self.level, found))
        arms = {arm for one in found if self.level(one) == lowest for arm in one.arms}
        return interim.next_analysis(lowest), arms

    def _is_decided(self, criterion):
        level = self.level(criterion)
        if not level or self.answer(criterion, level)[0] == UNDECIDED:
            return False
        # Further seeds were stored before: reports read them too, so they count.
        whole = min(self._counts[arm] for arm in criterion.arms) == level
        return whole or self.answer(criterion)[0] != UNDECIDED

    def answer(self, criterion, num_seeds=None):
        """Evaluates a criterion on the first seeds, or on all."""
        if num_seeds not in self._outcomes:
            part = self._runs
            part = part if num_seeds is None else part[part["seed"] < num_seeds]
            found = Outcomes(self._analysis.case, part, self._analysis.rule)
            self._outcomes[num_seeds] = found
        return criterion.read(self._outcomes[num_seeds])

    def table(self, criteria):
        """Returns what is decided: see `Outcome`."""
        return pd.DataFrame([self._row(criterion) for criterion in criteria], columns=COLUMNS)

    def _row(self, criterion):
        head, level = (criterion.text, ", ".join(criterion.arms)), self.level(criterion)
        if not level:
            return (*head, 0, UNDECIDED, None, interim.FIRST_ANALYSIS)
        answer, more = self.answer(criterion, level)
        if answer == UNDECIDED or not self._is_decided(criterion):
            return (*head, level, UNDECIDED, None, more)
        analyses, since = interim.analysis_sizes(level), level
        while analyses and self.answer(criterion, analyses[-1])[0] != UNDECIDED:
            since = analyses.pop()
        return (*head, level, answer, since, None)


def _leading(seeds):
    """Counts the seeds 0, 1, 2, ... up to the first gap."""
    count = 0
    while count in seeds:
        count += 1
    return count
