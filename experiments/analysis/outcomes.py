"""Provides the outcomes of each seed for any arm, as claims and ablations need them.

It reads tables of runs, and grids where an arm is a configuration of a grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from experiments.analysis.baselines import error_range, log_errors
from experiments.cases import plans
from experiments.cases.errors import SuiteError, nearest
from experiments.cases.validation import TRAINERS
from experiments.stats import interim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.analysis.grid_table import GridTable
    from experiments.cases.case import Case

ENGINE = TRAINERS[0]


class Outcomes:
    """The stored outcomes of a case: one table for each arm, indexed by seed.

    Args:
        case: The `Case`.
        runs: What `tables.runs` returns.
        rule: The `StoppingRule` of the runs.
        grids: `{grid: GridTable}`.
        trainers: `{trainer: (runs, rule)}` of the rows that other trainers made.

    Attributes:
        span: Float, the logarithm of the largest error over the smallest.
        rule: The `StoppingRule` of the runs.
    """

    def __init__(
        self,
        case: Case,
        runs: pd.DataFrame,
        rule: interim.StoppingRule,
        grids: Mapping[str, GridTable] | None = None,
        trainers: Mapping[str, tuple[pd.DataFrame, interim.StoppingRule]] | None = None,
    ) -> None:
        self.case, self.rule, self.grids = case, rule, grids or {}
        self.span = float(np.diff(np.log(error_range(case)))[0])
        self._parts, self._rules = {}, {}
        for trainer, (rows, its_rule) in {ENGINE: (runs, rule), **(trainers or {})}.items():
            self._rules[trainer] = its_rule
            for (arm, steps), part in rows.groupby(["arm", "steps"]):
                self._parts.setdefault((trainer, arm), {})[int(steps)] = part

    def of(self, arm: str, steps: int | None = None) -> pd.DataFrame:
        """Returns the outcomes of an arm, of a grid's configuration, or of another trainer's arm.

        Args:
            arm: Arm name, fixes in any order; `grid:label/...`; or `trainer:arm`.
            steps: Updates; the longest stored budget if `None`.

        Returns:
            Table indexed by seed, with `solved`, `log_error` and the metrics; `solved`
            is a share in [0, 1] if the arm is a pattern with `*`.

        Raises:
            SuiteError: It is not stored; the message names the command that trains it.
        """
        before, found, configuration = arm.partition(":")
        if found and before not in TRAINERS:
            table = self._grid(before)
            read = table.average if "*" in configuration else table.outcomes
            return self._indexed(read(configuration, steps))
        name = next(iter(plans.select(self.case, configuration or before)))
        return self._indexed(self._rows(before if found else ENGINE, name, steps))

    def rule_of(self, arm: str) -> interim.StoppingRule:
        """Returns the `StoppingRule` of an arm; a grid has a fixed number of seeds."""
        before, found, _ = arm.partition(":")
        return self._rules.get(before, interim.FIXED) if found else self.rule

    def lengths(self, arm: str) -> set[int]:
        """Returns the budgets at which an arm's own runs are stored."""
        return set(self._parts.get((ENGINE, arm), ()))

    def correlations(
        self, pattern: str, metric: str, other: str, steps: int | None = None
    ) -> pd.DataFrame:
        """Computes each seed's rank correlation of two metrics over configurations of a grid.

        Args:
            pattern: `grid:` and labels, `*` matching every label of its axis.
            metric, other: Columns of the grid.
            steps: Updates; each configuration's longest length if `None`.

        Returns:
            Table indexed by seed, with the one column `correlation`: Spearman's, and 0
            if a metric is the same in all configurations.

        Raises:
            SuiteError: The grid, a configuration or a metric is not stored.
        """
        grid, _, configurations = pattern.partition(":")
        table = self._grid(grid)
        parts = [
            table.outcomes(configuration, steps) for configuration in table.matching(configurations)
        ]
        for name in (metric, other):
            for part in parts:
                check_metric(name, part, pattern)
        ranks = [
            stats.rankdata([part[name].to_numpy(np.float64) for part in parts], axis=0)
            for name in (metric, other)
        ]
        centred = [values - values.mean(axis=0) for values in ranks]
        spread = np.sqrt(np.prod([(values**2).sum(axis=0) for values in centred], axis=0))
        products = np.prod(centred, axis=0).sum(axis=0)
        found = np.divide(products, spread, out=np.zeros_like(spread), where=spread > 0)
        return pd.DataFrame({"correlation": found.clip(-1, 1)}, index=parts[0]["seed"])

    def _rows(self, trainer, arm, steps):
        stored = self._parts.get((trainer, arm), {})
        wanted = max(stored, default=None) if steps is None else steps
        if wanted not in stored:
            at = "" if steps is None else f" at {steps:,} steps"
            command = f"python -m reproductions record {self.case.name}"
            command += f" --trainer {trainer}" * (trainer != ENGINE)
            raise SuiteError(
                f"{self.case.name} has no stored runs of arm '{arm}'{at}; train them with: "
                f"{command}. Received: runs at {sorted(stored) or 'no'} steps"
            )
        return stored[wanted]

    def _grid(self, grid):
        if grid not in self.grids:
            raise SuiteError(
                f"{self.case.name} has no stored study '{grid}'; train it with: python -m "
                f"reproductions record {self.case.name} --grids. "
                f"Received: {grid}.{nearest(grid, self.grids)}"
            )
        return self.grids[grid]

    def _indexed(self, rows):
        """Makes the seed the index, and adds the logarithm of the error if it is missing."""
        rows = rows.set_index("seed") if "seed" in rows else rows
        if "log_error" not in rows:
            rows = rows.assign(log_error=log_errors(self.case, rows))
        return rows.sort_index()


def check_metric(metric: str, table: pd.DataFrame, arm: str) -> None:
    """Checks that a metric is stored and applies to an arm, that is, is not all NaN.

    Raises:
        SuiteError: It has no values; the message names metrics that have.
    """
    known = [name for name in table if not table[name].isna().all()]
    if metric not in known:
        raise SuiteError(
            f"A question asks for a metric that is not stored seed by seed; expected one of "
            f"{', '.join(known)}. Received: {metric} of {arm}.{nearest(metric, known)}"
        )
