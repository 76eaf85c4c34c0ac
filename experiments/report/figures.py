"""Sets the style of figures and writes them to files.

Text, colours and sizes come from a `Theme`. The plot modules draw the content.
"""

from __future__ import annotations

import functools
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from experiments.report.style import LIGHT
from experiments.runs import files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from experiments.report.style import Theme

# Without dates and versions, which would change the bytes of an unchanged figure.
METADATA = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
FORMATS = tuple(METADATA)
# Letters in a line of a title.
TITLE_LETTERS = {"column": 62, "wide": 84}


def style(theme: Theme) -> dict[Any, Any]:
    """Returns Matplotlib's settings for a `Theme`; they override the caller's."""
    size = theme.font_size
    ink = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.titlecolor")
    paper = ("figure.facecolor", "axes.facecolor")
    return {
        **dict.fromkeys(ink, theme.ink),
        **dict.fromkeys(paper, theme.background),
        "font.family": "DejaVu Sans",
        "font.size": size,
        "axes.labelsize": size,
        "axes.titlesize": size,
        "xtick.labelsize": 0.92 * size,
        "ytick.labelsize": 0.92 * size,
        "legend.fontsize": 0.88 * size,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": theme.muted,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": theme.faint,
        "lines.linewidth": 1.8,
        "savefig.dpi": 150,
        "svg.hashsalt": "experiments",
        "svg.fonttype": "path",
        "pdf.fonttype": 42,
    }


def in_style(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function draw with the settings of its `theme`, by default the light one."""

    @functools.wraps(function)
    def drawn(*arguments, theme=LIGHT, **options):
        with matplotlib.rc_context(style(theme)):
            return function(*arguments, theme=theme, **options)

    return drawn


@in_style
def new_figure(
    num_axes: int = 1, *, height: float = 4.0, width: float | None = None, theme: Theme
) -> tuple[Any, ...]:
    """Creates a figure with axes side by side.

    Args:
        num_axes: The number of axes.
        height: In inches.
        width: In inches; that of the theme if `None`.
        theme: The `Theme`.

    Returns:
        A tuple `(figure, axes, ...)` with `num_axes` axes.
    """
    figure = Figure(figsize=(width or theme.inches, height), layout=_layout())
    return figure, *(figure.add_subplot(1, num_axes, 1 + place) for place in range(num_axes))


@in_style
def new_rows(heights: Sequence[float], *, theme: Theme) -> tuple[Any, ...]:
    """Creates a figure with axes one below the other.

    Args:
        heights: Heights of the axes in inches.
        theme: The `Theme`.

    Returns:
        A tuple `(figure, axes, ...)`.
    """
    figure = Figure(figsize=(theme.inches, sum(heights)), layout=_layout())
    return figure, *figure.subplots(len(heights), 1, height_ratios=heights)


@in_style
def entitle(figure: Figure, title: str, *, theme: Theme) -> None:
    """Writes a title above all axes of a figure, wrapped to its width."""
    lines = textwrap.wrap(title, TITLE_LETTERS[theme.width])
    size = 1.1 * theme.font_size
    figure.suptitle("\n".join(lines), x=0.012, ha="left", fontsize=size, fontweight="bold")


@in_style
def save(
    figure: Figure,
    path_without_suffix: str | Path,
    formats: Sequence[str] = ("svg", "png"),
    *,
    theme: Theme,
) -> list[Path]:
    """Writes a figure; equal content gives equal bytes.

    Args:
        figure: Matplotlib figure.
        path_without_suffix: Path of the files, without suffix.
        formats: Some of `FORMATS`.
        theme: The `Theme`.

    Returns:
        The paths written, in the order of `formats`.
    """
    paths = [Path(f"{path_without_suffix}.{suffix}") for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written to a temporary file and then moved, so that no reader sees half a file.
        partial = path.with_name(f".{path.name}.partial")
        try:
            figure.savefig(partial, format=suffix, metadata=METADATA.get(suffix))
            if suffix == "png":
                _shrink(partial)
            if not files.holds(path, partial.read_bytes()):
                os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    return paths


def _layout():
    return ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)


def _shrink(path):
    """Rewrites a picture with 256 colours, at a third of its size."""
    with Image.open(path) as picture:
        dots, few = (
            picture.info.get("dpi"),
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE),
        )
    few.save(path, "PNG", optimize=True, dpi=dots)
