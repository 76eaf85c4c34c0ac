"""Draws text, labels, panels and a clock on one figure, placed in inches from its top left corner.

Colours and font sizes are those of a `Theme`. It reads no table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.report.style import Theme

# Twice the resolution of a column of 600 pixels.
PIXELS = 1200
FONT: dict[Any, Any] = {"font.family": "DejaVu Sans"}
LABEL_SIZE = 0.34
EDGE = 0.14
# Small text, relative to the theme's font size, and its line height in inches.
SMALL, LINE = 0.74, 0.16


class Canvas:
    """A figure that is redrawn for each picture.

    Args:
        theme: The `Theme`.
        height: Inches.
    """

    def __init__(self, theme: Theme, height: float) -> None:
        self.theme, self.width = theme, theme.inches
        dpi = PIXELS / self.width
        # H.264 requires even sizes.
        self.height = 2 * round(height * dpi / 2) / dpi
        size = (self.width, self.height)
        self.figure = Figure(figsize=size, dpi=dpi, facecolor=theme.background)
        self._canvas = FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Adds a panel without ticks, with a faint frame."""
        place = (left, self.height - top - height, width, height)
        sizes = (self.width, self.height, self.width, self.height)
        share: Any = [value / size for value, size in zip(place, sizes, strict=True)]
        axes = self.figure.add_axes(share, facecolor=self.theme.background)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=self.theme.faint, linewidth=1.0)
        return axes

    def text(
        self, left: float, top: float, label: str = "", size: float = 1.0, **style: Any
    ) -> Any:
        """Adds text whose upper edge is at `top`; `size` is relative to the theme's font size."""
        style = {"color": self.theme.ink, "va": "top", "ha": "left"} | style
        place = left / self.width, 1 - top / self.height
        return self.figure.text(*place, label, fontsize=size * self.theme.font_size, **style)

    def legend(self, top: float, lines: Sequence[str]) -> None:
        """Adds lines of small text."""
        for line, label in enumerate(lines):
            self.text(EDGE, top + LINE * line, label, SMALL, color=self.theme.muted)

    def labels(self, left: float, top: float, colours: Mapping[str, str], size: float) -> float:
        """Adds a row of labels, each a name in its colour.

        Args:
            left: Inches.
            top: Inches.
            colours: `{name: colour}`.
            size: Font size relative to the theme's.

        Returns:
            The width of the row in inches.
        """
        pad = LABEL_SIZE * size * self.theme.font_size / 72
        start = left
        for name, colour in colours.items():
            box: dict[str, Any] = dict(
                boxstyle=f"round,pad={LABEL_SIZE},rounding_size=0.6", lw=1.0, ec=colour
            )
            box["fc"] = mixed(colour, self.theme.background, 0.25)
            text = self.text(left + pad, top + pad, name, size, bbox=box)
            wide = text.get_window_extent(self._canvas.get_renderer()).width
            left += wide / self.figure.dpi + 2 * pad + 0.04
        return left - start

    def clock(self, top: float, last: int) -> Clock:
        """Adds a time axis, logarithmic from 1 to the last step; returns a `Clock`."""
        return Clock(self, top, last)

    def picture(self) -> np.ndarray:
        """Returns the current picture: uint8 `(height, width, 3)`, both even."""
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


class Clock:
    """A time axis with a marker at the current step.

    Args:
        canvas: The `Canvas`.
        top: Inches.
        last: The last step.
    """

    def __init__(self, canvas: Canvas, top: float, last: int) -> None:
        self.last, theme = last, canvas.theme
        self._text = canvas.text(canvas.width - EDGE, EDGE, ha="right", weight="bold")
        axes = canvas.axes(EDGE, top, canvas.width - 2 * EDGE, 0.1)
        axes.set(xlim=(0, 1), ylim=(-1, 1))
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.plot([0, 1], [0, 0], color=theme.faint, linewidth=3)
        (self._done,) = axes.plot([0, 0], [0, 0], color=theme.muted, linewidth=3)
        (self._hand,) = axes.plot([0], [0], "o", color=theme.ink, markersize=7, clip_on=False)
        places = {step: along(step, last) for step in ticks(last)}
        axes.set_xticks(list(places.values()), [f"{step:,}" for step in places])
        axes.tick_params(length=0, pad=2, labelcolor=theme.muted)
        axes.tick_params(labelsize=SMALL * theme.font_size)
        axes.get_xticklabels()[0].set_ha("left")
        axes.get_xticklabels()[-1].set_ha("right")

    def show(self, step: int) -> None:
        """Moves the marker to a step."""
        place = along(step, self.last)
        self._done.set_xdata([0, place])
        self._hand.set_xdata([place])
        self._text.set_text(f"step {step:,}")


def along(step: int, last: int) -> float:
    """Returns a step's position on the time axis, 0 to 1: logarithmic, with a position for 0."""
    return float(step > 0) * (np.log10(max(step, 1)) + 0.5) / (np.log10(max(last, 2)) + 0.5)


def ticks(last: int) -> list[int]:
    """Returns the labelled steps of the time axis: 0, powers of ten, and the last."""
    powers = [10**n for n in range(int(np.log10(last)) + 1)]
    # A power whose label would overlap the last one is left out.
    return [0, *(power for power in powers if along(power, last) < 0.88), last]


def mixed(colour: str, other: str, share: float) -> tuple[float, ...]:
    """Returns a mixture of two colours that has the given share of the first."""
    return tuple(share * np.array(to_rgb(colour)) + (1 - share) * np.array(to_rgb(other)))
