"""Builds the heat maps of a grid, one figure for each length.

It computes no statistics.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from experiments.analysis import baselines
from experiments.report import captions, heat_maps
from experiments.report.figure_files import FigureSpec
from experiments.stats import text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from experiments.analysis.grid_summary import GridSummary
    from experiments.report.style import Theme

MOST_COLUMNS = {"column": 2, "wide": 3}
# Height in inches of title and column names, of a panel's title, and of a row.
HEAD_HEIGHT, TITLE_HEIGHT, ROW_HEIGHT = 2.0, 0.3, 0.2


def grid_specs(view: GridSummary) -> list[FigureSpec]:
    """Returns the `FigureSpec` of a grid at each of its lengths."""
    kept = ("svg", "png") if len(view.grid.axes) < 3 else ("png",)
    return [
        FigureSpec(
            name(view, length),
            captions.grid(view, length),
            functools.partial(draw, view, length),
            kept,
        )
        for length in view.lengths
    ]


def draw(view: GridSummary, length: int | None, theme: Theme) -> Figure:
    """Draws a grid at one length, with a panel for each label beyond the second axis.

    A grid of one or two axes has two panels: the solve rate, and the median of the main
    metric, coloured by its distance from the best constant answer.

    Args:
        view: The `GridSummary`.
        length: One of its lengths.
        theme: The `Theme`.

    Returns:
        The Matplotlib figure.
    """
    panels = _panels(view, length)
    num_columns = min(MOST_COLUMNS[theme.width], len(panels))
    num_rows = -(-len(panels) // num_columns)
    height = HEAD_HEIGHT + num_rows * (TITLE_HEIGHT + ROW_HEIGHT * _num_down(view))
    height *= theme.font_size / 10
    figure, grid = heat_maps.new_grid(
        len(panels), num_columns=num_columns, height=height, theme=theme
    )
    for axes, (title, part, value, label) in zip(grid, panels, strict=True):
        columns = {"rows": "row", "columns": "column", "value": value, "label": label}
        marked = _marked(view, part)
        heat_maps.draw_heat_map(axes, part, marked=marked, theme=theme, **columns)
        axes.set_title(title, loc="left", fontsize=0.9 * theme.font_size, color=theme.ink)
    heat_maps.name_axes(figure, [*view.grid.axes][:2], theme=theme)
    return figure


def name(view: GridSummary, length: int | None) -> str:
    """Returns the name of the figure of one length, without suffix."""
    return view.grid.name if length is None else f"{view.grid.name}_{length}"


def _num_down(view):
    return len(next(iter(view.grid.axes.values())))


def _panels(view, length):
    """Returns `(title, rows, column of the colour, column of the text)` of each panel."""
    found = view.configurations(length)
    percent = [text.hundredths(value) for value in found["solved"]]
    found = found.assign(percent=percent, middle=[_short(v) for v in found["median"]])
    if len(view.grid.axes) > 2:
        parts = found.groupby("panel", sort=False)
        return [(panel, part, "solved", "percent") for panel, part in parts]
    return [
        ("percent of seeds that solve", found, "solved", "percent"),
        (f"median {baselines.main_metric(view.case)}", found, "shade", "middle"),
    ]


def _marked(view, part):
    if not view.grid.documented:
        return None
    row, column, panel = view.place(view.grid.documented)
    return (row, column) if panel == part["panel"].iloc[0] else None


def _short(value):
    """Formats a median in few characters, to fit its cell."""
    if 100 <= value < float("inf"):
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.2g}"
