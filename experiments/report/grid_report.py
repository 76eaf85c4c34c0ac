"""Writes the page and the figures of a case's grids.

It computes no statistics and trains nothing.
"""

from __future__ import annotations

import itertools
import pathlib
from typing import TYPE_CHECKING

import pandas as pd

from experiments.analysis import baselines
from experiments.analysis.grid_summary import GridSummary
from experiments.analysis.grid_table import GridTable
from experiments.cases.evidence import find_evidence
from experiments.report import figure_files, grid_figures
from experiments.report.markdown import markdown, picture
from experiments.report.style import make_theme
from experiments.runs.files import write_whole
from experiments.stats import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.cases.case import Case

MISSING = "missing"


def write(case: Case, folder: str | pathlib.Path) -> list[pathlib.Path]:
    """Writes the page, the figures and the summaries of a case's stored grids.

    Args:
        case: The `Case`.
        folder: The folder of its grids, `results/<case>/studies`.

    Returns:
        The paths written, the page first; empty if no grid is stored.

    Raises:
        SuiteError: A grid is damaged, or has lines of another version of the case.
    """
    views = stored_views(case, folder)
    if not views:
        return []
    written = [path for view in views for path in _draw(view)]
    for view in views:
        view.table.write_summary()
        written.append(view.table.folder / f"{view.grid.name}_summary.csv")
    path = pathlib.Path(folder) / "README.md"
    write_whole(path, page(case, views))
    return [path, *written]


def stored_views(case: Case, folder: str | pathlib.Path) -> list[GridSummary]:
    """Returns the `GridSummary` of each of a case's grids that is stored in a folder."""
    found = [GridTable(folder, case, grid) for grid in find_evidence(case).grids]
    return [GridSummary(table) for table in found if table.path.exists()]


def _draw(view):
    for spec in grid_figures.grid_specs(view):
        yield from figure_files.write(spec, view.table.folder / "figures", make_theme(), spec.kept)


def page(case: Case, views: Sequence[GridSummary]) -> str:
    """Returns the page of a case's grids as Markdown.

    Args:
        case: The `Case`.
        views: The `GridSummary` of each stored grid.
    """
    command, stored = views[0].table.command, {view.grid.name for view in views}
    parts = [f"# {case.name}: studies", _reading(case)]
    for grid in find_evidence(case).grids:
        if grid.name not in stored:
            parts.append(f"`{grid.name}` is not trained yet; train it with `{command}`.")
    parts += [part for view in views for part in section(view)]
    for one, other in itertools.combinations(views, 2):
        if one.is_counterpart(other):
            parts += comparison(one, other)
    parts += [part for view in views for part in _all_configurations(view)]
    return "\n\n".join([*parts, *_how_to_read(views[0])]) + "\n"


def _reading(case):
    metric, (constant, words) = baselines.main_metric(case), baselines.baseline(case)
    threshold, threshold_text = baselines.threshold(case)
    return (
        "A study crosses options; each cell of the crossing is one program, trained from the "
        f"same seeds. Rates are percent of seeds that solve ({threshold_text}, {metric} "
        f"{text.number(threshold, 4)}; {words}: {text.number(constant, 4)}) with Wilson's 95% "
        "interval, medians carry their 95% "
        "order-statistic interval; where a figure shows medians, the colour says how far they "
        "are from the best constant answer (dark) to a perfect one (bright). A run that "
        "diverged counts as not solved. Averages are over all cells with a label, seed by "
        "seed; their interval is that of the mean over seeds, for these very cells."
    )


def section(view: GridSummary) -> list[str]:
    """Returns the section on one grid, as parts of a page.

    Args:
        view: The `GridSummary`.
    """
    parts = [f"## {view.grid.name}", f"*{view.grid.asks}*", _made(view), *_lacking(view)]
    parts += [_outcomes(view, length) for length in view.lengths]
    if view.grid.documented:
        parts.append(_documented(view))
    for spec in grid_figures.grid_specs(view):
        parts.append(picture(spec.caption, f"figures/{spec.name}.png").rstrip())
    for axis in view.grid.axes:
        parts += [f"### Which {axis} learns, on the whole", _averages(view, axis)]
    return parts


def _made(view):
    grid, table = view.grid, view.table
    axes = " x ".join(f"{len(axis)} of {name}" for name, axis in grid.axes.items())
    words = f"{len(table.setups):,} cells ({axes}), each the arm `{grid.start}` with other "
    words += f"values and {grid.num_seeds:,} seeds"
    if grid.lengths:
        read = " and ".join(f"{length:,}" for length in grid.lengths)
        words += f", read after {read} {view.unit}"
    else:
        words += f", each trained for its own {view.unit}"
    minutes = f"{table.seconds / 60:,.1f} minutes, summed over cells"
    return f"{words}. Trained by `{table.command}`: {minutes}."


def _lacking(view):
    if not view.missing:
        return []
    num_configurations = len(view.table.setups)
    return [f"**Not whole: {len(view.missing):,} of {num_configurations:,} cells are missing.**"]


def _outcomes(view, length):
    counts = view.configurations(length)["verdict"].value_counts()
    words = ", ".join(f"{verdict} {count:,}" for verdict, count in counts.items())
    return f"Cells by verdict{view.after(length)}: {words}."


def _documented(view):
    name = view.grid.documented
    rates = [
        f"{_rate(view.configurations(length).loc[name])}{view.after(length)}"
        for length in view.lengths
    ]
    return f"The documented cell, outlined, is `{name}`: percent solved {', '.join(rates)}."


def _averages(view, axis):
    rows = []
    for label in view.ranked(axis):
        pattern = view.pattern(axis, label)
        found = {_solved(view, n): _share(view.average(pattern, n)) for n in view.lengths}
        rows.append({axis: label} | found)
    return markdown(pd.DataFrame(rows))


def _solved(view, length):
    return f"percent solved{view.after(length)}"


def comparison(one: GridSummary, other: GridSummary) -> list[str]:
    """Returns the comparison of two grids with the same labels, as parts of a page.

    Args:
        one, other: The `GridSummary` of each.
    """
    length, names = one.lengths[0], (one.grid.name, other.grid.name)
    parts = [
        f"## {names[0]} against {names[1]}",
        f"The average {_solved(one, length)} in both, and the difference over the same seeds.",
    ]
    for axis in one.grid.axes:
        rows = [_compared(one, other, axis, label) for label in one.ranked(axis)]
        parts.append(markdown(pd.DataFrame(rows)))
    rows = [_compared(one, other, "cells", None)]
    return [*parts, markdown(pd.DataFrame(rows))]


def _compared(one, other, axis, label):
    pattern, length = one.pattern(axis, label), one.lengths[0]
    return {
        axis: label or "all",
        one.grid.name: _share(one.average(pattern, length)),
        other.grid.name: _share(other.average(pattern, length)),
        "second less first": _share(other.less(one, pattern, length), signed=True),
    }


def _all_configurations(view):
    parts = [f"## Every cell of {view.grid.name}"]
    metric = baselines.main_metric(view.case)
    for title, words in (("Percent solved", _rate), (f"Median {metric}", _median)):
        for length in view.lengths:
            summary = f"{title}{view.after(length)}"
            parts.append(f"<details><summary>{summary}</summary>")
            for panel, part in view.configurations(length).groupby("panel", sort=False):
                parts += [f"**{panel}**"] if panel else []
                parts.append(_crossing(view, part, words))
            parts.append("</details>")
    return parts


def _crossing(view, part, words):
    """Returns configurations as a table, the first axis in rows, the second in columns."""
    down, across = part["row"].unique(), part["column"].unique()
    found = {
        place: words(configuration)
        for place, configuration in part.set_index(["row", "column"]).iterrows()
    }
    corner = " / ".join([*view.grid.axes][:2])
    rows = [{corner: row} | {column: found[row, column] for column in across} for row in down]
    return markdown(pd.DataFrame(rows))


def _rate(configuration):
    names = ("solved", "solved_low", "solved_high")
    return text.row_interval(configuration, text.hundredths, names, bounds=_whole) or MISSING


def _whole(share):
    return text.points(share, 0)


def _median(configuration):
    if configuration["solved"] != configuration["solved"]:
        return MISSING
    return text.row_interval(configuration, text.number, ("median", "low", "high"))


def _share(interval, signed=False):
    if interval is None:
        return MISSING
    return text.row_interval(vars(interval), text.points, signed=signed)


def _how_to_read(view):
    name, case = view.grid.name, view.case.name
    code = (
        "import reproductions\n"
        "from experiments.analysis.grid_table import GridTable\n"
        "from experiments.cases.evidence import find_evidence\n\n"
        f'case = reproductions.load("{case}")\n'
        "grids = find_evidence(case).grids\n"
        f'study = next(grid for grid in grids if grid.name == "{name}")\n'
        f'table = GridTable("results/{case}/studies", case, study)\n'
        f'table.outcomes("{next(iter(view.table.setups))}")  # a line a seed\n'
        "table.summary()  # a line a cell and length"
    )
    kept = (
        "`<study>.csv` has a line for each cell and length. Its packed columns hold the values "
        "of seeds 0, 1, 2, ... in order, joined by blanks, with `value*count` where neighbours "
        "are equal; truths may be a bare string of 0 and 1. The other metrics are kept as "
        "`median low high` over seeds. `<study>.json` says what the lines were made on, and how "
        "many seconds each cell took. `<study>_summary.csv` has the rate, its verdict and the "
        "median of each cell. From Python:"
    )
    return ["## What is kept, and how to read it", kept, f"```python\n{code}\n```"]
