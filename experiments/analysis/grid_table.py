"""Computes outcomes and estimates from a grid file: per seed, per group and in summary.

It trains nothing.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from experiments.analysis import baselines, tables
from experiments.analysis.baselines import log_errors
from experiments.analysis.grid_file import (
    FLAGS,
    HEAD,
    KEPT,
    MEDIANS,
    PACKED,
    SUMMARY,
    GridFile,
    unpack,
)
from experiments.cases.errors import SuiteError, nearest
from experiments.runs.files import write_whole
from experiments.stats import intervals


class GridTable(GridFile):
    """The stored outcomes of one grid.

    Args:
        folder: The folder; created at the first write.
        case: The `Case`.
        grid: The `Grid`, one of the case's.

    Raises:
        SuiteError: The files are damaged, or belong to another case or grid.
        ValueError: An axis has the name of a column of the table.
    """

    def outcomes(self, configuration: str, steps: int | None = None) -> pd.DataFrame:
        """Returns the outcomes of one configuration, one row per seed.

        Args:
            configuration: Its name.
            steps: Updates; its longest length if `None`.

        Returns:
            Columns `seed, solved, diverged`, then the packed metrics that the configuration has.

        Raises:
            SuiteError: There is no such configuration, or it is not stored, or stale.
        """
        line = self._found(configuration, steps)
        names = [name for name in (*FLAGS, *PACKED) if name in line]
        values = {name: unpack(line[name], name in FLAGS) for name in names}
        table = pd.DataFrame({"seed": np.arange(int(line["num_seeds"])), **values})
        return table.astype({"solved": bool, "diverged": bool})

    def estimate(
        self, configuration: str, metric: str, steps: int | None = None
    ) -> intervals.Interval:
        """Returns the `Interval` of a rate or a median over the seeds of one configuration.

        Args:
            configuration: Its name.
            metric: One of `KEPT`.
            steps: Updates; its longest length if `None`.

        Raises:
            SuiteError: The configuration, or the metric in it, is not stored.
        """
        line = self._found(configuration, steps)
        if metric not in line or metric not in KEPT:
            kept = [name for name in KEPT if name in line]
            raise SuiteError(
                f"{self.path} does not keep that metric of {configuration}; expected one of "
                f"{', '.join(kept)}. Received: {metric}.{nearest(metric, kept)}"
            )
        if metric in MEDIANS:
            estimate, low, high = map(float, line[metric].split())
            return intervals.Interval(estimate, low, high, int(line["num_seeds"]))
        values = unpack(line[metric], metric in FLAGS)
        if metric in FLAGS:
            return intervals.rate(int(values.sum()), len(values))
        return intervals.median(values)

    def average(self, pattern: str, steps: int | None = None) -> pd.DataFrame:
        """Returns each seed's mean over a group of configurations, for paired comparisons.

        Args:
            pattern: Labels joined by `/`; a `*` matches every label of its axis.
            steps: Updates; each configuration's longest length if `None`.

        Returns:
            Columns `seed, solved, log_error`: the share of configurations solved, and the
            mean of `shapley.log_error`.

        Raises:
            SuiteError: No configuration matches, or one is not stored, or stale.
        """
        parts = [self.outcomes(configuration, steps) for configuration in self.matching(pattern)]
        return pd.DataFrame(
            {
                "seed": parts[0]["seed"],
                "solved": np.mean([part["solved"] for part in parts], axis=0),
                "log_error": np.mean([log_errors(self.case, part) for part in parts], axis=0),
            }
        )

    def matching(self, pattern: str) -> list[str]:
        """Returns the configurations that match a pattern.

        Raises:
            SuiteError: None matches.
        """
        wanted = pattern.split("/")
        found = []
        for configuration in self.setups:
            labels = configuration.split("/")
            pairs = itertools.zip_longest(wanted, labels)
            if all(want in ("*", label) for want, label in pairs):
                found.append(configuration)
        if not found:
            raise SuiteError(
                f"Study {self.grid.name} of {self.case.name} has cells such as "
                f"{next(iter(self.setups))}. Received: {pattern}."
                f"{nearest(pattern, self.setups)}"
            )
        return found

    def summary(self) -> pd.DataFrame:
        """Returns one row for each stored configuration and length, in the order of the grid.

        Returns:
            The axes, then `length, steps, num_seeds, solved, solved_low, solved_high,
            verdict, metric, median, low, high, diverged`: Wilson's interval of the
            solve rate, the order-statistic interval of the main metric's median.

        Raises:
            SuiteError: Lines are stale.
        """
        self._check_current()
        names = [*self.grid.axes, *HEAD, "solved", *SUMMARY, "diverged"]
        places = [place for place in self._places() if place in self._lines]
        return pd.DataFrame([self._summary_line(*place) for place in places], columns=names)

    def write_summary(self) -> None:
        """Writes `summary` to `<grid>_summary.csv`, with six digits."""
        path = self.folder / f"{self.grid.name}_summary.csv"
        write_whole(path, tables.to_csv(self.summary()))

    def _summary_line(self, configuration, steps):
        line, metric = self._lines[configuration, steps], baselines.main_metric(self.case)
        head = {name: line[name] for name in self.grid.axes}
        head |= {name: int(line[name]) for name in HEAD}
        rate, median = (
            self.estimate(configuration, "solved", steps),
            self.estimate(configuration, metric, steps),
        )
        return head | {
            "solved": rate.estimate,
            "solved_low": rate.low,
            "solved_high": rate.high,
            "verdict": intervals.verdict(rate),
            "metric": metric,
            "median": median.estimate,
            "low": median.low,
            "high": median.high,
            "diverged": self.estimate(configuration, "diverged", steps).estimate,
        }

    def _check_current(self):
        stale = self.stale()
        if stale:
            raise SuiteError(
                f"{self.path} holds lines of an older version of {self.case.name}; train "
                f"them anew with: {self.command}. Received: {len(stale)} stale lines, the "
                f"first of {stale[0][0]} at {stale[0][1]:,} steps"
            )

    def _found(self, configuration, steps):
        if "*" in configuration or configuration not in self.setups:
            self.matching(configuration)
        steps = max(self.setups[configuration]) if steps is None else steps
        if not self._is_current(configuration, steps):
            there = "a stale line" if (configuration, steps) in self._lines else "no line"
            raise SuiteError(
                f"{self.path} lacks {configuration} at {steps:,} steps (expected one of "
                f"{list(self.setups[configuration])}); train it with: {self.command}. "
                f"Received: {there}"
            )
        return self._lines[configuration, steps]
