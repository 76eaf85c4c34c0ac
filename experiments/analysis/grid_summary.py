"""Summarizes a grid for figures and pages: its configurations at one length, and averages.

Figures and pages read a `GridSummary` and compute nothing themselves.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from experiments.analysis import baselines
from experiments.stats import intervals

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from experiments.analysis.grid_table import GridTable


class GridSummary:
    """The content of a page on one stored grid.

    Args:
        table: The `GridTable`.

    Attributes:
        lengths: The lengths at which configurations are read, the longest first; `[None]`
            if each configuration has its own.
        missing: The configurations that are not stored.

    Raises:
        SuiteError: Lines were made by another version of the case.
    """

    def __init__(self, table: GridTable) -> None:
        self.table, self.grid, self.case = table, table.grid, table.case
        self.lengths = sorted(self.grid.lengths, reverse=True) or [None]
        self.missing = table.missing()
        self._summary, self._configurations, self._averages = table.summary(), {}, {}

    @property
    def unit(self) -> str:
        """The unit of lengths: `"steps"` or `"epochs"`."""
        return "steps" if self.case.arm(self.grid.start).is_stream else "epochs"

    def after(self, length: int | None) -> str:
        """Returns the length as a text such as ` after 10 epochs`; "" for `None`."""
        return "" if length is None else f" after {length:,} {self.unit}"

    def configurations(self, length: int | None) -> pd.DataFrame:
        """Returns every configuration at one length.

        Args:
            length: One of `lengths`.

        Returns:
            Table by configuration name: `row, column, panel`, its labels on the first axis, on
            the second and on all others; then the columns of `GridTable.summary`, NaN if
            the configuration is missing; then `shade`, the position of its median between
            the best constant answer (0) and a perfect one (1).
        """
        if length not in self._configurations:
            axes, found = list(self.grid.axes), self._at(length)
            found = found.set_index(found[axes].agg("/".join, axis=1)).drop(columns=axes)
            found = found.reindex(list(self.table.setups))
            labels = [[*configuration.split("/"), ""] for configuration in found.index]
            found["row"], found["column"] = (
                [configuration[n] for configuration in labels] for n in (0, 1)
            )
            found["panel"] = ["/".join(configuration[2:-1]) for configuration in labels]
            found["shade"] = self._shade(found["median"])
            self._configurations[length] = found
        return self._configurations[length]

    def place(self, configuration: str) -> tuple[str, str, str]:
        """Returns the `(row, column, panel)` of a configuration in `configurations`."""
        return tuple(
            self.configurations(self.lengths[0]).loc[configuration, ["row", "column", "panel"]]
        )

    def pattern(self, axis: str | None = None, label: str | None = None) -> str:
        """Returns the pattern of configurations with a label on one axis, or of all."""
        return "/".join(
            label if label is not None and name == axis else "*" for name in self.grid.axes
        )

    def average(self, pattern: str, length: int | None) -> intervals.Interval | None:
        """Returns the `Interval` of the mean share of configurations solved, over seeds.

        Args:
            pattern: What `pattern` returns.
            length: One of `lengths`.

        Returns:
            An `Interval`, or `None` if some of the configurations are missing.
        """
        values = self.seeds(pattern, length)
        return None if values is None else intervals.mean(values, low=0, high=1)

    def less(
        self, other: GridSummary, pattern: str, length: int | None
    ) -> intervals.Interval | None:
        """Returns the `Interval` of an average minus that of another grid, paired by seed.

        Args:
            other: The `GridSummary` of a grid with the same configurations and seeds.
            pattern, length: As for `average`.
        """
        ours, theirs = (view.seeds(pattern, length) for view in (self, other))
        if ours is None or theirs is None:
            return None
        return intervals.mean(ours - theirs, low=-1, high=1)

    def seeds(self, pattern: str, length: int | None) -> np.ndarray | None:
        """Returns each seed's share of configurations solved, or `None` if some are missing."""
        place = pattern, length
        if place not in self._averages:
            found = None
            if not set(self.missing) & set(self.table.matching(pattern)):
                steps = None if length is None else int(self._at(length)["steps"].iloc[0])
                found = self.table.average(pattern, steps)["solved"].to_numpy()
            self._averages[place] = found
        return self._averages[place]

    def ranked(self, axis: str) -> list[str]:
        """Returns the labels of an axis, the best average at the longest length first.

        Labels with missing configurations come last.
        """
        found = {}
        for label in self.grid.axes[axis]:
            average = self.average(self.pattern(axis, label), self.lengths[0])
            found[label] = -1.0 if average is None else average.estimate
        return sorted(found, key=found.__getitem__, reverse=True)

    def is_counterpart(self, other: GridSummary) -> bool:
        """Whether another grid has the same labels, lengths and number of seeds."""
        return self._form == other._form

    @functools.cached_property
    def _form(self):
        axes = [(name, *axis) for name, axis in self.grid.axes.items()]
        return axes, self.lengths, self.grid.num_seeds

    def _at(self, length):
        if length is None:
            return self._summary
        return self._summary[self._summary["length"] == length]

    def _shade(self, medians):
        worst, _ = baselines.baseline(self.case)
        perfect = float(baselines.main_metric(self.case) == "accuracy")
        return ((medians - worst) / (perfect - worst)).clip(0, 1)
