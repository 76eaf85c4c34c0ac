"""Draws ablations: diagrams of all sets of fixes, and effects with intervals.

Each function takes axes and a table and returns the axes. It computes no statistics. A verdict is
never shown by colour alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import LogLocator, NullFormatter

from experiments.report.figures import in_style
from experiments.report.verdict_plots import sign
from experiments.stats.text import hundredths

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes

    from experiments.report.style import Theme

BOX_HEIGHT, ROW_GAP = 0.62, 1.0
TINT = 0.18
FEW_DECADES = 1.5
# Letters across all boxes of the widest row.
ROW_LETTERS = 78


@in_style
def draw_combinations(
    axes: Axes, table: pd.DataFrame, colours: Mapping[str, str], *, theme: Theme
) -> Axes:
    """Draws every set of fixes as a box, the broken program on top, linked by added fixes.

    Args:
        axes: Matplotlib axes.
        table: What `ablation.combinations_table` returns.
        colours: `{fix: colour}`, see `style.arm_colours`.
        theme: The `Theme`.

    Returns:
        The axes.
    """
    places = _places(table)
    letters = ROW_LETTERS // table["num_fixes"].value_counts().max()
    fixes = [name for name in colours if (table["num_fixes"] == 1)[table["arm"] == name].any()]
    for row in table.to_dict("records"):
        for fix in fixes:
            _draw_step(axes, places, row["fixes"], fix=fix, colour=colours[fix])
        _draw_box(axes, places[row["fixes"]], row, letters=letters, theme=theme)
    _name_fixes(axes, fixes, colours, theme=theme)
    widest = max(x for x, _ in places.values())
    lowest = -ROW_GAP * table["num_fixes"].max()
    axes.set(xlim=(-widest - 0.5, widest + 0.5), ylim=(lowest - 0.4, 0.4))
    axes.axis("off")
    return axes


@in_style
def draw_intervals(
    axes: Axes,
    table: pd.DataFrame,
    colours: Mapping[str, str],
    label: str,
    *,
    theme: Theme,
    log: bool = False,
) -> Axes:
    """Draws a row for each name: an estimate with its interval, and a line at no effect.

    Args:
        axes: Matplotlib axes.
        table: Columns `name, estimate, low, high, words`; `words` is written above the estimate.
        colours: `{name: colour}`.
        label: Label of the estimates.
        theme: The `Theme`.
        log: Whether the axis is logarithmic, so that no effect is 1 and not 0.

    Returns:
        The axes.
    """
    axes.set_xscale("log" if log else "linear")
    axes.axvline(1.0 if log else 0.0, color=theme.muted, linewidth=1.0, zorder=1)
    for place, row in enumerate(table.to_dict("records")):
        colour = colours[row["name"]]
        ends = [row["low"], row["high"]]
        axes.plot(ends, [-place] * 2, color=colour, linewidth=4, solid_capstyle="butt")
        axes.plot(row["estimate"], -place, "o", color=colour, markersize=6)
        note = {"fontsize": 0.85 * theme.font_size, "ha": "center", "va": "bottom"}
        axes.text(row["estimate"], 0.16 - place, row["words"], **note)
    if log:
        _label_factors(axes, table[["low", "high"]])
    axes.set_yticks(-np.arange(len(table)), table["name"])
    axes.set(ylim=(0.4 - len(table), 0.6), xlabel=label, xmargin=0.3)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return axes


def _label_factors(axes, bounds):
    """Labels 1, 2 and 5 of each decade if there are few decades, else each decade."""
    few = np.log10(bounds.to_numpy().max() / bounds.to_numpy().min()) < FEW_DECADES
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _places(table):
    """Returns the position of each set of fixes: one centred row for each number of fixes."""
    places = {}
    for number, part in table.groupby("num_fixes"):
        xs = np.arange(len(part)) - (len(part) - 1) / 2
        for x, fixes in zip(xs, part["fixes"], strict=True):
            places[fixes] = x, -ROW_GAP * number
    return places


def _draw_step(axes, places, fixes, *, fix, colour):
    """Draws the line from a set to the same set with one more fix."""
    after = fixes | {fix}
    if fix in fixes or after not in places:
        return
    (x0, y0), (x1, y1) = places[fixes], places[after]
    axes.plot([x0, x1], [y0 - 0.31, y1 + 0.31], color=colour, linewidth=2, zorder=1)


def _lines(arm, letters):
    """Wraps an arm's name to fit a box, with breaks after a plus."""
    lines = [""]
    for part in re.split(r"(?<=\+)", arm):
        if lines[-1] and len(lines[-1] + part) > letters:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _draw_box(axes, place, row, *, letters, theme):
    colour, (x, y) = theme.verdicts[row["verdict"]], place
    style = {"facecolor": _tint(colour, theme), "edgecolor": colour, "linewidth": 1.0}
    if row["minimal"]:
        style |= {"linewidth": 3.5}
    shape = FancyBboxPatch(
        (x - 0.44, y - BOX_HEIGHT / 2),
        0.88,
        BOX_HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.06",
        zorder=2,
        **style,
    )
    axes.add_patch(shape)
    size = 0.78 * theme.font_size
    text = {"ha": "center", "zorder": 3}
    name = _lines(row["arm"], letters)
    axes.text(x, y + 0.01, name, fontsize=size, va="bottom", linespacing=0.98, **text)
    rate = f"{sign(row['verdict'])} {hundredths(row['solved'])}%"
    axes.text(x, y - 0.02, rate, fontsize=size * 1.1, fontweight="bold", va="top", **text)


def _tint(colour, theme):
    return tuple(TINT * np.array(to_rgb(colour)) + (1 - TINT) * np.array(to_rgb(theme.background)))


def _name_fixes(axes, fixes, colours, *, theme):
    handles = [
        Line2D([], [], color=colours[fix], linewidth=2, label=f"adds {fix}") for fix in fixes
    ]
    handles.append(
        Line2D(
            [],
            [],
            marker="s",
            markersize=8,
            linestyle="none",
            markeredgewidth=2.5,
            markerfacecolor="none",
            markeredgecolor=theme.fixed,
            label="smallest set that solves",
        )
    )
    place = {"bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2, "handlelength": 1.5}
    axes.legend(handles=handles, loc="lower left", ncols=3, **place)
