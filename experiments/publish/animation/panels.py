"""Draws one seed under every combination of the fixes, side by side, at one step of the clock.

It draws what `frames` returns and computes no outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.cases.case import Regression
from experiments.publish.animation import frames
from experiments.publish.animation.canvas import EDGE, LINE, SMALL, Canvas, mixed
from experiments.report import style
from experiments.training import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.cases.case import Case
    from experiments.report.style import Theme

COLUMNS = 4
GAP = 0.12
HEAD, LABELS, FOOT, END = 0.44, 0.27, 0.37, 0.48
# Share of the target's range that is shown beyond it, above and below.
FOOTER_HEIGHT = 0.25
# The tones of class 1 by margin; the arm's largest margin is just inside the last.
TONES, TOP = (0.15, 0.3, 0.45, 0.6), 1.001


class SideBySide:
    """All panels of a case, redrawn at every step.

    Args:
        case: The `Case`.
        shown: The panels of `frames.panels`.
        seed: The seed they show.
        theme: The `Theme`.
    """

    def __init__(self, case: Case, shown: Sequence[frames.Panel], seed: int, theme: Theme) -> None:
        self.case, self.shown, self.colours = case, shown, style.arm_colours(case, theme)
        width = (theme.inches - 2 * EDGE - (COLUMNS - 1) * GAP) / COLUMNS
        is_curve = isinstance(case.task, Regression)
        tall = 0.62 * width if is_curve else width
        row, num_rows = LABELS + tall + FOOT + GAP, -(-len(shown) // COLUMNS)
        kind = _Curve if is_curve else _Border
        self.canvas = Canvas(theme, HEAD + num_rows * row + END + LINE * len(kind.LEGEND))
        self.canvas.text(EDGE, EDGE, f"{case.name}, seed {seed}", weight="bold")
        self._size = self._label_size(width)
        self._panels = []
        for n, panel in enumerate(shown):
            left, top = EDGE + n % COLUMNS * (width + GAP), HEAD + n // COLUMNS * row
            self._add(kind, panel, (left, top, width, tall))
        bottom = HEAD + num_rows * row
        self._clock = self.canvas.clock(bottom, frames.clock(shown)[-1])
        self.canvas.legend(bottom + 0.38, kind.LEGEND)

    def picture(self, step: int) -> np.ndarray:
        """Returns the picture at a step: each panel at its last checkpoint."""
        for panel, drawn, footer in self._panels:
            checkpoint, state = panel.at(step)
            drawn.show(state)
            footer.show(checkpoint, done=step >= panel.end)
        self._clock.show(step)
        return self.canvas.picture()

    def _add(self, kind, panel, box):
        """Adds one arm: its labels, its panel and its footer."""
        left, top, width, tall = box
        names = panel.fixes or ("broken",)
        self.canvas.labels(left, top, {name: self.colours[name] for name in names}, self._size)
        axes, theme = self.canvas.axes(left, top + LABELS, width, tall), self.canvas.theme
        drawn = kind(self.case, axes, colour_of(panel, self.colours, theme), theme)
        drawn.prepare(panel)
        self._panels.append((panel, drawn, _Footer(self.canvas, left, top + LABELS + tall, panel)))

    def _label_size(self, width):
        """Returns the font size at which the labels of all fixes fit in one row."""
        # Measured on a canvas of its own, since drawn text cannot be removed.
        trial = Canvas(self.canvas.theme, 1.0)
        wide = trial.labels(0, 0, {name: self.colours[name] for name in self.case.fixes}, SMALL)
        return SMALL * min(1.0, width / wide)


def colour_of(panel: frames.Panel, colours: Mapping[str, str], theme: Theme) -> str:
    """Returns an arm's colour: its own if it has one, else grey."""
    if panel.arm in colours:
        return colours[panel.arm]
    return theme.muted


class _Curve:
    """A regression's panel: the target dashed, the network's outputs as a line."""

    LEGEND = ("dashed: what should be learned     line: what the network answers",)

    def __init__(self, case, axes, colour, theme):
        self._axes, goal = axes, metrics.curve_target(case)
        room = FOOTER_HEIGHT * np.ptp(goal)
        self._low, self._high = goal.min() - room, goal.max() + room
        axes.set(xlim=(0, 1), ylim=(self._low, self._high))
        # On top: a curve that fits its target would hide it.
        style = dict(color=theme.target, linewidth=1.2, dashes=(4, 2), zorder=3)
        axes.plot(metrics.curve_inputs(), goal, **style)
        (self._line,) = axes.plot([], [], color=colour, linewidth=2.4)
        self._note = _note(axes, 0.5, theme)

    def prepare(self, panel):
        """Does nothing: all panels share one range."""

    def show(self, outputs):
        """Draws the outputs, and a note if they all lie outside the panel."""
        self._line.set_data(metrics.curve_inputs(), outputs)
        words = _outside(outputs, self._low, self._high)
        self._note.set(text=words, visible=bool(words))


def _note(axes, height, theme):
    """Adds an empty note in the middle of a panel."""
    style = dict(ha="center", va="center", fontsize=SMALL * theme.font_size, color=theme.ink)
    box = dict(fc=theme.background, ec="none", pad=1.5, alpha=0.85)
    return axes.text(0.5, height, "", transform=axes.transAxes, bbox=box, zorder=4, **style)


def _outside(outputs, low, high):
    """Returns where a curve lies that is wholly outside the panel."""
    if not np.isfinite(outputs).all():
        return "not finite"
    if outputs.max() < low or outputs.min() > high:
        arrow = "↑" if outputs.min() > high else "↓"
        first, last = f"{outputs.min():.3g}", f"{outputs.max():.3g}"
        return f"{arrow} at {first}" if first == last else f"{arrow} at {first} to {last}"
    return ""


class _Border:
    """A classification's panel: class 1 filled, its border solid, the true border dashed."""

    LEGEND = (
        "filled: answers class 1, stronger the surer     dashed: the true border",
        f"from left to right: first input, upwards: second, all others at {frames.ELSEWHERE:g}",
    )

    def __init__(self, case, axes, colour, theme):
        self._axes, self._colour, self._theme, self._drawn = axes, colour, theme, []
        axes.set(xlim=(0, 1), ylim=(0, 1))
        goal = frames.true_border(case)
        style = dict(levels=[0], colors=[theme.target], linewidths=1.2, linestyles=[(0, (4, 2))])
        axes.contour(*goal, **style, zorder=3)
        self._note = _note(axes, 0.12, theme)

    def prepare(self, panel):
        """Finds the largest margin of the arm: tones are shares of it."""
        found = [np.abs(margins[np.isfinite(margins)]) for margins in panel.snapshots.values()]
        self._surest = max((values.max() for values in found if values.size), default=1.0) or 1.0

    def show(self, margins):
        """Draws the region of class 1, with margins interpolated between recorded points."""
        for drawn in self._drawn:
            drawn.remove()
        self._drawn = []
        axis, values = frames.slice_axis(), np.nan_to_num(margins, nan=-1.0)
        if (values > 0).any():
            levels = np.linspace(0, 1, len(TONES) + 1) * self._surest * TOP
            fill = [mixed(self._colour, self._theme.background, tone) for tone in TONES]
            self._drawn.append(self._axes.contourf(axis, axis, values, levels, colors=fill))
        if (values > 0).any() and (values <= 0).any():
            style = dict(levels=[0], colors=[self._colour], linewidths=2.4)
            self._drawn.append(self._axes.contour(axis, axis, values, **style))
        words = _one_class(values)
        self._note.set(text=words, visible=bool(words))


def _one_class(margins):
    """Returns a note if every point of the slice has the same class."""
    if (margins > 0).all():
        return "all class 1"
    return "all class 0" if (margins <= 0).all() else ""


class _Footer:
    """The footer of a panel: its step, and the outcome once it is finished."""

    def __init__(self, canvas, left, top, panel):
        self._panel, self._theme = panel, canvas.theme
        self._step = canvas.text(left, top + 0.04, "", SMALL, color=canvas.theme.muted)
        self._end = canvas.text(left, top + 0.19, "", SMALL, weight="bold")

    def show(self, checkpoint, done):
        """Shows the step, and the outcome if the arm is finished."""
        end = "cut at" if self._panel.is_cut else "done at"
        self._step.set_text(f"{end if done else 'step'} {checkpoint:,}")
        words = "✓ solved" if self._panel.solved else "✗ not solved"
        colour = self._theme.fixed if self._panel.solved else self._theme.broken
        self._end.set(text=words if done else "", color=colour)
