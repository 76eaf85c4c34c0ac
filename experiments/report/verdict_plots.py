"""Draws claims, solve rates and counts, each verdict with its own sign.

Each function takes axes and a table and returns the axes. It computes no statistics. A verdict is
never shown by colour alone.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from experiments.report.figures import in_style
from experiments.report.heat_maps import ink

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes

    from experiments.report.style import Theme

SIGNS = {
    **dict.fromkeys(("solves", "supported", "helps"), "✓"),
    **dict.fromkeys(("fails", "contradicted", "harms"), "✗"),
    "depends on the seed": "~",
    "undecided": "?",
}
OTHER_SIGN = "–"
SHOWN = ("supported", "depends on the seed", "undecided", "cannot be tested", "contradicted")
# Letters in a line of a claim, at 600 pixels.
STATEMENT_LETTERS = 74


def sign(verdict: str) -> str:
    """Returns the sign of a verdict: a tick, a cross or a neutral one."""
    return SIGNS.get(verdict, OTHER_SIGN)


@in_style
def draw_verdicts(axes: Axes, table: pd.DataFrame, *, theme: Theme) -> Axes:
    """Draws each claim as text, with a sign and a colour for its verdict.

    Args:
        axes: Matplotlib axes.
        table: Columns `says, verdict`, in the order they are shown.
        theme: The `Theme`.

    Returns:
        The axes; their height in data units is the number of lines of text.
    """
    top = 0.0
    for row in table.to_dict("records"):
        lines = statement_lines(row["says"])
        place = -(top + 0.5)
        colour = theme.verdicts.get(row["verdict"], theme.muted)
        axes.scatter(0.0, place, s=150, color=colour, linewidth=0)
        style = {"va": "center", "fontsize": theme.font_size, "fontweight": "bold"}
        axes.text(
            0.0, place - 0.03, sign(row["verdict"]), color=theme.background, ha="center", **style
        )
        middle = -(top + 0.5 * len(lines))
        axes.text(0.6, middle, "\n".join(lines), va="center", linespacing=1.2)
        top += len(lines) + 0.35
    axes.set(xlim=(-0.5, 18), ylim=(-top, 0.35))
    axes.axis("off")
    return _name_verdicts(axes, table["verdict"], theme=theme)


@in_style
def draw_rates(
    axes: Axes, table: pd.DataFrame, colours: Mapping[str, Mapping[str, str]], *, theme: Theme
) -> Axes:
    """Draws the solve rate of each arm with its interval, case by case.

    Args:
        axes: Matplotlib axes.
        table: Columns `case, arm, solved, low, high`.
        colours: `{case: {arm: colour}}`.
        theme: The `Theme`.

    Returns:
        The axes.
    """
    place, names = 0.0, {}
    for case, part in table.groupby("case", sort=False):
        axes.text(0.0, -place, case, fontweight="bold", va="center")
        for row in part.to_dict("records"):
            place += 1
            names[-place] = row["arm"]
            _draw_rate(axes, -place, row, colours[case][row["arm"]])
        place += 1.2
    axes.set_yticks(list(names), names.values())
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(-2, 102), ylim=(0.4 - place, 0.6), xlabel="percent of seeds that solve")
    return axes


@in_style
def draw_counts(axes: Axes, counts: pd.DataFrame, *, theme: Theme) -> Axes:
    """Draws the number of claims by case and verdict, as stacked bars.

    Args:
        axes: Matplotlib axes.
        counts: Integers by case (rows) and verdict (columns).
        theme: The `Theme`.

    Returns:
        The axes.
    """
    left = np.zeros(len(counts))
    for verdict in [name for name in SHOWN if name in counts]:
        widths = counts[verdict].to_numpy()
        colour = theme.verdicts.get(verdict, theme.faint)
        style = {"color": colour, "edgecolor": theme.background, "linewidth": 1.0}
        bars = axes.barh(np.arange(len(counts)), widths, left=left, label=verdict, **style)
        # A bar of one claim has room for its number alone.
        signs = [f"{sign(verdict)} " if width > 1 else "" for width in widths]
        texts = [
            f"{mark}{width}" if width else "" for mark, width in zip(signs, widths, strict=True)
        ]
        inside = ink(to_rgb(colour))
        axes.bar_label(
            bars, texts, label_type="center", color=inside, fontsize=0.8 * theme.font_size
        )
        left += widths
    axes.set_yticks(np.arange(len(counts)), counts.index)
    axes.tick_params(axis="y", length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.invert_yaxis()
    place = {"bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2, "handlelength": 1.0}
    axes.legend(loc="lower left", ncols=3, **place)
    return axes


def statement_lines(says: str) -> list[str]:
    """Returns the lines of a claim in `draw_verdicts`."""
    return textwrap.wrap(says, STATEMENT_LETTERS)


def verdict_height(table: pd.DataFrame) -> float:
    """Returns the height in lines that `draw_verdicts` needs for a table."""
    return sum(len(statement_lines(says)) + 0.35 for says in table["says"])


def _draw_rate(axes, place, row, colour):
    low, high = 100 * row["low"], 100 * row["high"]
    axes.plot([low, high], [place] * 2, color=colour, linewidth=4, solid_capstyle="butt")
    axes.plot(100 * row["solved"], place, "o", color=colour, markersize=7, clip_on=False)


def _name_verdicts(axes, verdicts, *, theme):
    """Draws a legend of the verdicts with their counts, above the claims."""
    counts = verdicts.value_counts()
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            markersize=8,
            linestyle="none",
            label=f"{verdict} ({count})",
            color=theme.verdicts.get(verdict, theme.muted),
        )
        for verdict, count in counts.items()
    ]
    place = {"bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2, "handletextpad": 0.2}
    axes.legend(handles=handles, loc="lower left", ncols=3, **place)
    return axes
