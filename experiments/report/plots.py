"""Draws predictions, learning curves and distributions over seeds.

Each function takes axes and a table and returns the axes. It computes no statistics. Values
that cannot be drawn are counted in a note, never dropped silently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.report.figures import in_style
from experiments.report.style import LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes

    from experiments.report.style import Theme

DASHES = ("-", "--", ":", "-.")
BANDS = (("q05", "q95", 0.16, "middle 90% of seeds"), ("q25", "q75", 0.34, "middle 50% of seeds"))
LINE_STYLES = {"threshold": (0, (5, 2)), "baseline": (0, (1, 1.5))}
LEGEND_COLUMNS = 3


def arm_styles(arms: Iterable[str], theme: Theme = LIGHT) -> dict[str, tuple[str, str]]:
    """Assigns each arm its colour and dashes; those of `broken` and `fixed` are fixed.

    Args:
        arms: Iterable of arm names, repeats allowed.
        theme: The `Theme`.

    Returns:
        A dict `{arm: (colour, dashes)}`, in the order of first appearance.

    Example:
    >>> arm_styles(["broken", "epochs"])
    {'broken': ('#D55E00', '-'), 'epochs': ('#00875F', '-')}
    """
    styles = {"broken": (theme.broken, "-"), "fixed": (theme.fixed, "-")}
    names = list(dict.fromkeys(arms))
    for place, name in enumerate([name for name in names if name not in styles]):
        cycle, colour = divmod(place, len(theme.fixes))
        styles[name] = (theme.fixes[colour], DASHES[cycle % len(DASHES)])
    return {name: styles[name] for name in names}


@in_style
def draw_fit(
    axes: Axes,
    curves: pd.DataFrame,
    target: pd.DataFrame,
    *,
    x_label: str = "x",
    y_label: str = "y",
    theme: Theme,
) -> Axes:
    """Draws the predictions of each arm over x, as bands over seeds, and the target.

    Args:
        axes: Matplotlib axes.
        curves: Table with columns `arm, x, q05, q25, q50, q75, q95`: quantiles
            over seeds of the prediction, at one checkpoint per arm.
        target: Table with columns `x, y`.
        x_label, y_label: Labels of the axes.
        theme: The `Theme`.

    Returns:
        The axes.
    """
    handles = _draw_arms(axes, curves, theme, position="x")
    style = {"color": theme.target, "linestyle": (0, (4, 2)), "linewidth": 1.5, "zorder": 4}
    target = target.sort_values("x")
    handles += axes.plot(target["x"], target["y"], label="target", **style)
    axes.set(xlabel=x_label, ylabel=y_label)
    return _draw_legend(axes, handles, theme)


@in_style
def draw_learning_curves(
    axes: Axes,
    curves: pd.DataFrame,
    metric_label: str,
    *,
    log: bool = True,
    theme: Theme,
    **lines: tuple[float, str] | None,
) -> Axes:
    """Draws a metric of each arm over its training steps, as bands over seeds.

    Args:
        axes: Matplotlib axes.
        curves: Table with columns `arm, steps, q05, q25, q50, q75, q95`.
        metric_label: Label of the quantiles.
        log: Whether the metric is on a log scale.
        theme: The `Theme`.
        **lines: `threshold` and `baseline`, each `(value, text)` or `None`.

    Returns:
        The axes.
    """
    # Both step 0 and step 100,000 must be visible.
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    axes.set_yscale("log" if log else "linear")
    handles = _draw_arms(axes, curves, theme, position="steps", marker="o", markersize=3)
    for handle in list(handles):
        _mark_end(axes, handle)
    for value, text, style in _lines(lines, theme):
        handles.append(axes.axhline(value, label=text, **style))
    axes.set(xlabel="training steps", ylabel=metric_label, xlim=(0, None))
    return _draw_legend(axes, handles, theme)


@in_style
def draw_distribution(
    axes: Axes,
    runs: pd.DataFrame,
    metric: str,
    metric_label: str,
    *,
    log: bool = False,
    theme: Theme,
    **lines: tuple[float, str] | None,
) -> Axes:
    """Draws all seeds of each arm: a row with a histogram, and a tick for each seed.

    A row is as high as its fullest bin. Diverged seeds, and seeds outside the
    axis, are counted beside their row. Limits that the caller has set on the x axis
    are kept.

    Args:
        axes: Matplotlib axes.
        runs: Table with columns `arm, diverged` and the metric, one row per seed.
        metric: The column to draw.
        metric_label: Label of that column.
        log: Whether the metric is on a log scale.
        theme: The `Theme`.
        **lines: `threshold` and `baseline`, each `(value, text)` or `None`.

    Returns:
        The axes.
    """
    placed = sorted(_lines(lines, theme), key=lambda line: line[0])
    axes.set_xscale("log" if log else "linear")
    values, reasons = _sort_out(runs, metric, log)
    ends = _ends(axes, [*values[reasons == ""], *(value for value, *_ in placed)], log)
    reasons[(reasons == "") & (values < ends[0])] = "left of axis"
    reasons[(reasons == "") & (values > ends[1])] = "right of axis"
    _draw_rows(axes, runs["arm"].to_numpy(), values, reasons=reasons, ends=ends, theme=theme)
    _draw_vertical_lines(axes, placed, theme)
    axes.set(xlabel=metric_label, xmargin=0.03)
    return axes


def _draw_arms(axes, curves, theme, *, position, **line):
    """Draws the bands and the median of each arm, and returns handles for a legend."""
    handles, notes = [], []
    for place, (arm, (colour, dashes)) in enumerate(arm_styles(curves["arm"], theme).items()):
        rows = curves[curves["arm"] == arm].sort_values(position)
        num_lost = _draw_bands(axes, rows, position=position, colour=colour)
        style = {"color": colour, "linestyle": dashes, "label": arm, **line}
        # A short run overlaps the first steps of a longer one: the first arm is on top.
        style["zorder"] = 3.9 - 0.01 * place
        middle = rows["q50"].where(np.isfinite(rows["q50"]))
        handles += axes.plot(rows[position], middle, **style)
        if num_lost:
            notes.append(f"{arm}: {num_lost} of {len(rows)} points not finite")
    return handles + [Line2D([], [], linestyle="none", label=note) for note in notes]


def _mark_end(axes, line):
    """Marks the end of a line, so that a run inside a longer one is visible."""
    x, y = line.get_data()
    axes.scatter(x[-1:], y[-1:], s=45, color=line.get_color(), zorder=line.get_zorder())


def _draw_bands(axes, rows, *, position, colour):
    """Draws the bands of one arm, and counts the points with a non-finite quantile."""
    finite = np.isfinite(rows[["q05", "q25", "q50", "q75", "q95"]])
    for low, high, alpha, _ in BANDS:
        style = {"color": colour, "alpha": alpha, "linewidth": 0}
        where = finite[low] & finite[high]
        axes.fill_between(rows[position], rows[low], rows[high], where=where, **style)
    return int((~finite.all(axis=1)).sum())


def _draw_legend(axes, handles, theme):
    """Puts the legend above the axes, where it hides nothing."""
    for *_, alpha, text in reversed(BANDS):
        handles.append(Patch(facecolor=theme.muted, alpha=alpha + 0.1, label=text))
    place = {"bbox_to_anchor": (0.0, 1.01), "borderaxespad": 0.2, "handlelength": 1.8}
    axes.legend(handles=handles, loc="lower left", ncols=LEGEND_COLUMNS, **place)
    return axes


def _lines(lines, theme) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """Yields value, text and style of the lines that are not None."""
    for name, line in lines.items():
        if name not in LINE_STYLES:
            raise TypeError(f"A line is one of {sorted(LINE_STYLES)}. Received: {name!r}")
        style = {
            "color": theme.ink,
            "linestyle": LINE_STYLES[name],
            "linewidth": 1.2,
            "zorder": 2.5,
        }
        if line is not None:
            yield *line, style


def _sort_out(runs, metric, log):
    """Returns the value of each run, and why it cannot be drawn ('' if it can)."""
    values = runs[metric].to_numpy(dtype=float)
    reasons = np.full(len(values), "", dtype=object)
    reasons[(values <= 0) & log] = "not above 0"
    reasons[~np.isfinite(values)] = "not finite"
    reasons[runs["diverged"].to_numpy(dtype=bool)] = "diverged"
    return values, reasons


def _ends(axes, places, log):
    """Returns the range of the bins: the caller's limits, or the extreme values."""
    if not axes.get_autoscalex_on():
        return axes.get_xlim()
    low, high = min(places, default=1.0), max(places, default=1.0)
    if low < high:
        return low, high
    return (low / 2, high * 2) if log else (low - 0.1, high + 0.1)


def _draw_rows(axes, arms, values, *, reasons, ends, theme):
    """Draws a row for each arm, from the top down."""
    styles = arm_styles(arms, theme)
    # An odd number of bins puts the one value of equal seeds in the middle of a bin.
    num_bins = int(np.clip(2 * np.sqrt(len(arms) / max(len(styles), 1)), 24, 60)) | 1
    space = np.geomspace if axes.get_xscale() == "log" else np.linspace
    low, high = ends
    edges = space(low, high, num_bins + 1)
    for row, (arm, (colour, _)) in enumerate(styles.items()):
        mine = arms == arm
        _draw_row(
            axes, values[mine & (reasons == "")], height=-row, edges=edges, colours=(colour, theme)
        )
        place = {"x": 1.015, "y": 0.25 - row, "transform": axes.get_yaxis_transform()}
        axes.text(
            s=_tally(reasons[mine]),
            va="center",
            fontsize=0.85 * theme.font_size,
            linespacing=1.25,
            **place,
        )
    _label_rows(axes, styles, theme)


def _draw_row(axes, values, *, height, edges, colours):
    """Draws one row: its bins above the line at `height`, its seeds as ticks below."""
    colour, theme = colours
    axes.axhline(height, color=theme.muted, linewidth=0.6, zorder=1)
    counts, _ = np.histogram(values, edges)
    tops = height + 0.72 * counts / max(counts.max(), 1)
    axes.stairs(tops, edges, baseline=height, fill=True, color=colour, alpha=0.75)
    # One broken line for all ticks keeps the file small at a thousand seeds.
    ticks = np.tile([height - 0.04, height - 0.17, np.nan], len(values))
    axes.plot(
        np.repeat(np.sort(values), 3),
        ticks,
        color=colour,
        linewidth=0.8,
        alpha=0.8,
        rasterized=True,
    )


def _label_rows(axes, styles, theme):
    """Labels the rows in the colours of their arms, darkened for legibility."""
    axes.set_yticks([0.25 - row for row in range(len(styles))], list(styles))
    axes.set_ylim(0.68 - len(styles), 0.9)
    axes.tick_params(axis="y", length=0, grid_linewidth=0)
    axes.spines["left"].set_visible(False)
    for label, (colour, _) in zip(axes.get_yticklabels(), styles.values(), strict=True):
        label.set_color(0.75 * np.array(to_rgb(colour)) + 0.25 * np.array(to_rgb(theme.ink)))


def _tally(reasons):
    """Returns the number of seeds of a row, and of those not drawn by reason, as text."""
    missing = sorted(set(reasons) - {""})
    counted = [f"{np.sum(reasons == reason):,} {reason}" for reason in missing]
    return "\n".join([f"{len(reasons):,} seed{'s' * (len(reasons) != 1)}", *counted])


def _draw_vertical_lines(axes, lines, theme):
    """Draws vertical lines, labelled above the axes; two labels point away from each other."""
    top = axes.secondary_xaxis("top")
    top.set_xticks([value for value, *_ in lines], [f"\u2002{text}\u2002" for _, text, _ in lines])
    top.minorticks_off()
    top.tick_params(length=0, pad=2, labelsize=0.85 * theme.font_size)
    top.spines["top"].set_visible(False)
    sides = ["right", "left"] if len(lines) == 2 else ["center"] * len(lines)
    for label, side, (value, _, style) in zip(top.get_xticklabels(), sides, lines, strict=True):
        axes.axvline(value, **style)
        label.set_horizontalalignment(side)
