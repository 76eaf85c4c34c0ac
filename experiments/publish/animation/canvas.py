"""The stage of an animation: one figure measured in inches from its top left corner.

Text, chips, panels and a clock in the colours of a look; knows no table.
"""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

# Twice as sharp as a column of 600 pixels shows it.
PIXELS = 1200
FONT = {"font.family": "DejaVu Sans"}
LABEL_SIZE = 0.34
EDGE = 0.14
# Small text, relative to a look's, and the inches from one line of it to the next.
SMALL, LINE = 0.74, 0.16


class Canvas:
    """A figure that is drawn again and again.

    Args:
        theme: The `Theme`.
        height: Inches.
    """

    def __init__(self, theme, height):
        self.theme, self.width = theme, theme.inches
        dpi = PIXELS / self.width
        # H.264 wants even sizes.
        self.height = 2 * round(height * dpi / 2) / dpi
        size = (self.width, self.height)
        self.figure = Figure(figsize=size, dpi=dpi, facecolor=theme.background)
        self._canvas = FigureCanvasAgg(self.figure)

    def axes(self, left, top, width, height):
        """Adds a bare panel: no ticks, a faint frame."""
        place = (left, self.height - top - height, width, height)
        sizes = (self.width, self.height, self.width, self.height)
        share = [value / size for value, size in zip(place, sizes, strict=True)]
        axes = self.figure.add_axes(share, facecolor=self.theme.background)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=self.theme.faint, linewidth=1.0)
        return axes

    def text(self, left, top, label="", size=1.0, **style):
        """Adds text whose upper edge is at `top`; `size` is relative to the look's."""
        style = {"color": self.theme.ink, "va": "top", "ha": "left"} | style
        place = left / self.width, 1 - top / self.height
        return self.figure.text(*place, label, fontsize=size * self.theme.font_size, **style)

    def legend(self, top, lines):
        """Adds lines of small text."""
        for line, label in enumerate(lines):
            self.text(EDGE, top + LINE * line, label, SMALL, color=self.theme.muted)

    def labels(self, left, top, colours, size):
        """Adds a row of chips, each a name in its colour.

        Args:
            left, top: Inches.
            colours: `{name: colour}`.
            size: Font size relative to the look's.

        Returns:
            The inches it takes from left to right.
        """
        pad = LABEL_SIZE * size * self.theme.font_size / 72
        start = left
        for name, colour in colours.items():
            box = dict(boxstyle=f"round,pad={LABEL_SIZE},rounding_size=0.6", lw=1.0, ec=colour)
            box["fc"] = mixed(colour, self.theme.background, 0.25)
            text = self.text(left + pad, top + pad, name, size, bbox=box)
            wide = text.get_window_extent(self._canvas.get_renderer()).width
            left += wide / self.figure.dpi + 2 * pad + 0.04
        return left - start

    def clock(self, top, last):
        """Adds a line of time, logarithmic from 1 to the last step; returns a `Clock`."""
        return Clock(self, top, last)

    def picture(self):
        """Returns what stands there now: uint8 `(height, width, 3)`, both even."""
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


class Clock:
    """A line of time with a hand.

    Args:
        canvas: The `Canvas`.
        top: Inches.
        last: The last step.
    """

    def __init__(self, canvas, top, last):
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

    def show(self, step):
        """Moves the hand to a step."""
        place = along(step, self.last)
        self._done.set_xdata([0, place])
        self._hand.set_xdata([place])
        self._text.set_text(f"step {step:,}")


def along(step, last):
    """Returns a step's place on a line of time, 0 to 1: logarithmic, with a place for 0."""
    return float(step > 0) * (np.log10(max(step, 1)) + 0.5) / (np.log10(max(last, 2)) + 0.5)


def ticks(last):
    """Returns the steps that a line of time names: 0, powers of ten, and the last."""
    powers = [10**n for n in range(int(np.log10(last)) + 1)]
    # A power whose name would run into the last one's is left out.
    return [0, *(power for power in powers if along(power, last) < 0.88), last]


def mixed(colour, other, share):
    """Returns a colour with so large a share of the first."""
    return tuple(share * np.array(to_rgb(colour)) + (1 - share) * np.array(to_rgb(other)))
