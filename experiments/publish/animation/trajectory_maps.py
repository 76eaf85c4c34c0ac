"""Draws optimizer races: the loss surface, the optimizers' paths on it, and their losses.

It draws what `trajectory_table` returns and computes no outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.patheffects
import numpy as np

from experiments.analysis import baselines
from experiments.cases.evidence import find_evidence
from experiments.publish.animation import trajectory_table
from experiments.publish.animation.canvas import EDGE, LINE, SMALL, Canvas, mixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.cases.case import Case
    from experiments.report.style import Theme

COLUMNS, GAP = 2, 0.34
TOP, HEAD, LEFT, FOOT, ROW, END = 0.46, 0.22, 0.3, 0.42, 0.16, 0.48
NAMES, DIGITS = 0.25, 0.22
NUM_LEVELS = 12
# The shares of the text's colour at the lowest and at the highest loss.
LOWEST, HIGHEST = 0.02, 0.5
NEAREST_TICKS = 0.11


class TrajectoryMaps:
    """The maps of all races of a case, redrawn at every step.

    Args:
        case: The `Case`.
        surfaces: What `trajectory_table.read` returns.
        theme: The `Theme`.
    """

    def __init__(
        self, case: Case, surfaces: Mapping[str, trajectory_table.LossSurface], theme: Theme
    ) -> None:
        self.case, self.theme = case, theme
        races = find_evidence(case).races
        num_columns = min(COLUMNS, len(races))
        width = (theme.inches - 2 * EDGE - (num_columns - 1) * GAP) / num_columns
        labels = max((race.optimizers for race in races), key=len)
        self.colours = dict(zip(labels, _colours(theme, len(labels)), strict=True))
        tall = min(width - LEFT, 0.5 * theme.inches)
        cell = HEAD + tall + FOOT + ROW * len(labels) + GAP / 2
        num_rows = -(-len(races) // num_columns)
        self.canvas, self._drawn = (
            Canvas(theme, TOP + num_rows * cell + END + LINE * len(LEGEND)),
            [],
        )
        seed = next(iter(surfaces.values())).seed
        self.canvas.text(EDGE, EDGE, f"{case.name}, seed {seed}", weight="bold")
        for n, race in enumerate(races):
            left = EDGE + n % num_columns * (width + GAP)
            box = left, TOP + n // num_columns * cell, width, tall
            self._drawn.append(_Race(self, race, surfaces[race.name], box))
        bottom = TOP + num_rows * cell
        self._clock = self.canvas.clock(bottom, max(race.num_steps for race in races))
        self.canvas.legend(bottom + 0.38, LEGEND)

    def picture(self, step: int) -> np.ndarray:
        """Returns the picture at a step."""
        for race in self._drawn:
            race.show(step)
        self._clock.show(step)
        return self.canvas.picture()


LEGEND = (
    "ground: the true loss on a slice of weight space, by its logarithm, stronger where higher",
    "○ start   × where training ended   outlined: solved   ticks: distance in weight space",
)


def _colours(theme, num):
    """Returns a colour for each optimizer; the original program's, the first, is that of broken."""
    known = [theme.broken, *theme.fixes, theme.fixed]
    return [known[n % len(known)] for n in range(num)]


class _Race:
    """One race: its map above, and a row for each optimizer below."""

    def __init__(self, maps, race, surface, box):
        self._surface, self._theme = surface, maps.theme
        self._threshold = baselines.threshold(maps.case)[0]
        left, top, width, tall = box
        maps.canvas.text(left, top - 0.02, f"from {race.says}", 0.85, weight="bold")
        place = left + LEFT, top + HEAD, width - LEFT, tall
        axes = maps.canvas.axes(*place)
        self._draw_surface(axes)
        self._draw_points(axes)
        style = dict(linewidth=1.8, solid_joinstyle="round", zorder=4)
        dot = dict(marker="o", markersize=6, markeredgecolor=maps.theme.background, zorder=6)
        # The first optimizer is drawn last: where paths coincide, it lies on top.
        names = list(reversed(surface.paths))
        self._lines = {n: axes.plot([], [], color=maps.colours[n], **style)[0] for n in names}
        self._heads = {n: axes.plot([], [], color=maps.colours[n], **dot)[0] for n in names}
        place = left, top + HEAD + tall + FOOT, width
        self._rows = _Rows(maps, surface, self._threshold, place)

    def show(self, step):
        """Draws every path up to a step."""
        num = int(np.searchsorted(self._surface.steps, step, side="right"))
        for name, path in self._surface.paths.items():
            a, b = trajectory_table.scaled(path[:num, :2], self._surface.unit).T
            self._lines[name].set_data(a, b)
            self._heads[name].set_data(a[-1:], b[-1:])
        self._rows.show({name: path[num - 1, 2] for name, path in self._surface.paths.items()})

    def _draw_surface(self, axes):
        surface, theme = self._surface, self._theme
        a, b = (trajectory_table.scaled(axis, surface.unit) for axis in (surface.a, surface.b))
        highest = np.log10(max(loss for *_, loss in surface.points.values())) + 1
        heights = np.nan_to_num(np.log10(surface.losses), nan=np.inf, posinf=highest + 1)
        levels = np.linspace(heights.min(), highest, NUM_LEVELS + 1)
        shares = np.linspace(LOWEST, HIGHEST, NUM_LEVELS + 1)
        tones = [mixed(theme.ink, theme.background, share) for share in shares]
        axes.contourf(a, b, heights, levels, colors=tones, extend="max")
        if heights.min() < np.log10(self._threshold):
            style = dict(colors=[theme.fixed], linewidths=1.6, linestyles="-")
            axes.contour(a, b, heights, [np.log10(self._threshold)], **style)
        _name_ticks(axes, surface, theme)

    def _draw_points(self, axes):
        halo = [matplotlib.patheffects.withStroke(linewidth=2.5, foreground=self._theme.background)]
        style = dict(fontsize=SMALL * self._theme.font_size, color=self._theme.ink, zorder=7)
        middle = np.mean(axes.get_xlim())
        for name, (*place, _) in self._surface.points.items():
            a, b = trajectory_table.scaled(place, self._surface.unit)
            is_start = name == trajectory_table.START
            mark = dict(marker="o", fillstyle="none") if is_start else dict(marker="x")
            axes.plot(a, b, color=self._theme.ink, markersize=8, mew=1.8, zorder=5, **mark)
            if not is_start:
                side = ("left", 7) if a < middle else ("right", -7)
                where = dict(xytext=(side[1], 3), textcoords="offset points", ha=side[0])
                axes.annotate(name, (a, b), **where, **style, path_effects=halo)


def _name_ticks(axes, surface, theme):
    """Labels distances on both axes, as many as are readable."""
    size = dict(labelsize=SMALL * theme.font_size, labelcolor=theme.muted, length=2, pad=1.5)
    axes.tick_params(color=theme.muted, **size)
    for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        low, high = (surface.unit * np.sinh(end) for end in ends)
        places = ticks(low, high, surface.unit)
        names = [f"{value:g}".replace("-", "\N{MINUS SIGN}") for value in places]
        axis.set_ticks(trajectory_table.scaled(places, surface.unit), names)


def ticks(low: float, high: float, unit: float) -> list[float]:
    """Returns the distances that an axis labels: round numbers, far enough apart on the map."""
    decades = 10.0 ** np.arange(-3, 6)
    found, wide = [], np.ptp(trajectory_table.scaled([low, high], unit))
    for step in (np.zeros(1), decades, -decades, 2 * decades, 5 * decades, 3 * decades):
        for value in step[(step > low) & (step < high)][::-1]:
            gaps = np.abs(
                trajectory_table.scaled(found, unit) - trajectory_table.scaled(value, unit)
            )
            if (gaps >= NEAREST_TICKS * wide).all():
                found.append(float(value))
    return sorted(found)


class _Rows:
    """A row for each optimizer: its name, its loss on a log scale, and its loss as a number."""

    def __init__(self, maps, surface, threshold, place):
        left, top, width = place
        theme, names = maps.theme, list(surface.paths)
        self._theme, self._threshold, self._ends = theme, threshold, _ends(surface, threshold)
        height = ROW * len(names)
        axes = maps.canvas.axes(left + NAMES * width, top, (1 - NAMES - DIGITS) * width, height)
        axes.set(xscale="log", xlim=self._ends, ylim=(len(names) - 0.5, -0.5))
        axes.minorticks_off()
        self._draw_thresholds(axes, maps.case)
        self._dots, self._digits = {}, {}
        for row, name in enumerate(names):
            axes.axhline(row, color=theme.faint, linewidth=1, zorder=1)
            dot = dict(color=maps.colours[name], marker="o", markersize=6.5, clip_on=False)
            (self._dots[name],) = axes.plot([], [], zorder=3, **dot)
            middle = dict(va="center", color=theme.ink)
            at = top + ROW * (row + 0.5)
            maps.canvas.text(left, at, name, SMALL, **middle)
            self._digits[name] = maps.canvas.text(left + width, at, "", SMALL, ha="right", **middle)

    def _draw_thresholds(self, axes, case):
        """Marks the threshold, and the loss of the baseline."""
        marks = [(self._threshold, "solved", self._theme.fixed)]
        constant, name = baselines.baseline(case)
        marks.append((constant, name, self._theme.muted))
        # The two labels extend in opposite directions.
        for (place, name, colour), side in zip(sorted(marks), ("right", "left"), strict=True):
            axes.axvline(place, color=colour, linewidth=1.4, linestyle=(0, (4, 2)), zorder=2)
            where = dict(xycoords=("data", "axes fraction"), ha=side, va="bottom")
            size = SMALL * self._theme.font_size
            axes.annotate(name, (place, 1.01), color=colour, fontsize=size, **where)
        axes.set_xticks([])

    def show(self, losses):
        """Moves every dot to its loss."""
        for row, (name, loss) in enumerate(losses.items()):
            place = np.clip(loss if np.isfinite(loss) else np.inf, *self._ends)
            self._dots[name].set_data([place], [row])
            mark = "✓ " if loss <= self._threshold else ""
            self._digits[name].set_text(mark + trajectory_table.loss_text(loss))


def _ends(surface, threshold):
    """Returns the limits of the rows' loss axis."""
    losses = np.array([path[:, 2] for path in surface.paths.values()])
    losses = np.append(losses[np.isfinite(losses)], threshold)
    return losses.min() / 2, 2 * max(loss for *_, loss in surface.points.values())
