"""Views of a study: its cells at one length, and what each label comes to on the whole.

Arithmetic on a `GridTable`, for figures and pages that compute nothing.
"""

import functools

from experiments.analysis import tables
from experiments.stats import intervals


class GridSummary:
    """What a page shows of one stored study.

    Args:
        table: The `GridTable`.

    Attributes:
        lengths: The lengths at which cells are read, the longest first; `None` alone
            where each cell has its own.
        missing: The cells that are not stored.

    Raises:
        SuiteError: Lines were made by another version of the case.
    """

    def __init__(self, table):
        self.table, self.grid, self.case = table, table.grid, table.case
        self.lengths = sorted(self.grid.lengths, reverse=True) or [None]
        self.missing = table.missing()
        self._summary, self._configurations, self._averages = table.summary(), {}, {}

    @property
    def unit(self):
        """What a length counts: `"steps"` or `"epochs"`."""
        return "steps" if self.case.arm(self.grid.start).is_stream else "epochs"

    def after(self, length):
        """Returns words that say when a cell is read; none where each has its own length."""
        return "" if length is None else f" after {length:,} {self.unit}"

    def configurations(self, length):
        """Returns every cell at one length.

        Args:
            length: One of `lengths`.

        Returns:
            Table by cell name: `row, column, panel`, its labels on the first axis, on
            the second and on all others; then the columns of `StudyTable.summary`, NaN
            where the cell is missing; then `shade`, how far its median lies from the
            best constant answer (0) to a perfect one (1).
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

    def place(self, configuration):
        """Returns the `(row, column, panel)` of a cell in `configurations`."""
        return tuple(
            self.configurations(self.lengths[0]).loc[configuration, ["row", "column", "panel"]]
        )

    def pattern(self, axis=None, label=None):
        """Returns the pattern of the cells with a label on one axis, or of all cells."""
        return "/".join(label if name == axis else "*" for name in self.grid.axes)

    def average(self, pattern, length):
        """Returns the `Interval` of the share of cells solved, the mean over seeds.

        Args:
            pattern: What `pattern` returns.
            length: One of `lengths`.

        Returns:
            An `Interval`, or `None` if some of the cells are missing.
        """
        values = self.seeds(pattern, length)
        return None if values is None else intervals.mean(values, low=0, high=1)

    def less(self, other, pattern, length):
        """Returns the `Interval` of an average less that of another study, paired by seed.

        Args:
            other: The `GridSummary` of a study with the same cells and seeds.
            pattern, length: As for `average`.
        """
        ours, theirs = (view.seeds(pattern, length) for view in (self, other))
        if ours is None or theirs is None:
            return None
        return intervals.mean(ours - theirs, low=-1, high=1)

    def seeds(self, pattern, length):
        """Returns each seed's share of cells solved, or `None` if some are missing."""
        place = pattern, length
        if place not in self._averages:
            found = None
            if not set(self.missing) & set(self.table.matching(pattern)):
                steps = None if length is None else int(self._at(length)["steps"].iloc[0])
                found = self.table.average(pattern, steps)["solved"].to_numpy()
            self._averages[place] = found
        return self._averages[place]

    def ranked(self, axis):
        """Returns the labels of an axis, the best average at the longest length first.

        Labels of which cells are missing come last.
        """
        found = {}
        for label in self.grid.axes[axis]:
            average = self.average(self.pattern(axis, label), self.lengths[0])
            found[label] = -1.0 if average is None else average.estimate
        return sorted(found, key=found.get, reverse=True)

    def is_counterpart(self, other):
        """Whether another study has the same labels, lengths and number of seeds."""
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
        worst, _ = tables.baseline(self.case)
        perfect = float(tables.main_metric(self.case) == "accuracy")
        return ((medians - worst) / (perfect - worst)).clip(0, 1)
