"""Draws tables as heat maps with a text in each cell, alone or as panels of a figure.

It computes no statistics. Missing cells are hatched and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.report.figures import in_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from experiments.report.style import Theme

# Looks alike with and without colour blindness: dark blue to bright yellow.
COLOURS = matplotlib.colormaps["cividis"]
# Relative to the theme's font size: cells, names of rows and columns.
CELL_SIZE, NAME_SIZE = 0.72, 0.85
# The weights of red, green and blue in relative luminance (WCAG 2, sRGB).
BRIGHTNESS = np.array([0.2126, 0.7152, 0.0722])


@in_style
def draw_heat_map(
    axes: Axes,
    table: pd.DataFrame,
    *,
    rows: str,
    columns: str,
    value: str,
    label: str,
    marked: tuple[str, str] | None = None,
    theme: Theme,
) -> Axes:
    """Draws a table as coloured cells, dark for 0 and bright for 1, each with a text.

    Args:
        axes: Matplotlib axes.
        table: A row for each cell; a cell without row or value is missing.
        rows, columns: The columns of the table with the row and the column of a cell, in
            the order of first appearance: from the top down, from left to right.
        value: The column that is shown as colour, between 0 and 1.
        label: The column that is printed in the cells.
        marked: `(row, column)` of the cell to outline, or `None`.
        theme: The `Theme`.

    Returns:
        The axes.
    """
    down, across = (list(dict.fromkeys(table[name])) for name in (rows, columns))
    shades = np.full((len(down), len(across)), np.nan)
    for row, column, shade, words in table[[rows, columns, value, label]].to_numpy():
        place = down.index(row), across.index(column)
        shades[place] = shade
        if np.isfinite(shade):
            _print_text(axes, words, place, COLOURS(shade), theme)
    axes.pcolormesh(
        np.ma.masked_invalid(shades), cmap=COLOURS, vmin=0, vmax=1, edgecolor=theme.background
    )
    _hatch(axes, np.argwhere(np.isnan(shades)), theme)
    if marked is not None:
        _outline(axes, (down.index(marked[0]), across.index(marked[1])))
    return _name_cells(axes, down, across, theme)


@in_style
def new_grid(
    num_panels: int, *, num_columns: int = 3, height: float = 4.0, theme: Theme
) -> tuple[Figure, list[Axes]]:
    """Creates a figure with panels in rows, filled from the top left.

    Args:
        num_panels: The number of axes.
        num_columns: The largest number of axes side by side.
        height: The height of the figure in inches.
        theme: The `Theme`; it gives the width.

    Returns:
        A tuple `(figure, list of axes)`. The names of rows and columns are shown only
        at the left panels and below the lowest ones.
    """
    figure = Figure(figsize=(theme.inches, height), layout="constrained")
    num_columns = min(num_columns, num_panels)
    num_rows = -(-num_panels // num_columns)
    panels = [figure.add_subplot(num_rows, num_columns, 1 + n) for n in range(num_panels)]
    for place, axes in enumerate(panels):
        left, lowest = place % num_columns == 0, place + num_columns >= num_panels
        axes.tick_params(labelleft=left, labelbottom=lowest)
    return figure, panels


@in_style
def name_axes(figure: Figure, names: Sequence[str], *, theme: Theme) -> None:
    """Writes the axis names beside and below all panels.

    Args:
        figure: What `new_grid` returned.
        names: One or two strings: names of the rows' and of the columns' axis.
        theme: The `Theme`.
    """
    for write, words in zip((figure.supylabel, figure.supxlabel), names, strict=False):
        write(words, fontsize=theme.font_size, color=theme.muted)


def ink(colour: Sequence[float]) -> str:
    """Returns `"black"` or `"white"`, whichever has more contrast on a colour.

    Args:
        colour: Tuple of red, green and blue between 0 and 1; more is ignored.
    """
    shares = np.asarray(colour[:3])
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    brightness = linear @ BRIGHTNESS
    return "black" if (brightness + 0.05) ** 2 > 0.05 * 1.05 else "white"


def _print_text(axes, words, place, colour, theme):
    row, column = place
    style = {
        "color": ink(colour),
        "fontsize": CELL_SIZE * theme.font_size,
        "ha": "center",
        "va": "center",
    }
    axes.text(column + 0.5, row + 0.5, words, **style)


def _hatch(axes, places, theme):
    """Hatches the missing cells and prints their number."""
    style = {
        "facecolor": theme.background,
        "edgecolor": theme.muted,
        "hatch": "////",
        "linewidth": 0,
    }
    for row, column in places:
        axes.add_patch(Rectangle((column, row), 1, 1, **style))
    if len(places):
        axes.set_title(f"{len(places)} missing", loc="right", fontsize=CELL_SIZE * theme.font_size)


def _outline(axes, place):
    """Outlines a cell twice, so that one of the two lines is visible on any colour."""
    row, column = place
    for colour, width in (("black", 3.2), ("white", 1.2)):
        style = {"fill": False, "edgecolor": colour, "linewidth": width, "clip_on": False}
        axes.add_patch(Rectangle((column, row), 1, 1, zorder=3, **style))


def _name_cells(axes, down, across, theme):
    axes.set_xticks(np.arange(len(across)) + 0.5, across, rotation=90)
    axes.set_yticks(np.arange(len(down)) + 0.5, down)
    axes.tick_params(length=0, labelsize=NAME_SIZE * theme.font_size)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set(xlim=(0, len(across)), ylim=(len(down), 0))
    return axes
