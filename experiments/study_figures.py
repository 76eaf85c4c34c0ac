"""Study figures: heat maps of a study, a figure a length.

Room 8: composes marks; computes no statistic.
"""

from experiments import figures, heat_maps, tables

MOST_COLUMNS = 3
# Inches, for the names of the columns, the title of a panel, and a row of cells.
HEAD_HEIGHT, TITLE_HEIGHT, ROW_HEIGHT = 1.6, 0.3, 0.2


def draw(view):
    """Draws the figures of a study: one a length, with a panel for each other label.

    A study of one or two axes has two panels: the solve rate, and the median of the
    main metric, coloured by how far it is from the best constant answer.

    Args:
        view: The `StudyView`.

    Returns:
        The paths written, below `figures` beside the study.
    """
    return [path for length in view.lengths for path in _draw_at(view, length)]


def name(view, length):
    """Returns the name of the figure of one length, without its ending."""
    return view.study.name if length is None else f"{view.study.name}_{length}"


def _draw_at(view, length):
    panels = _panels(view, length)
    num_columns = min(MOST_COLUMNS, len(panels))
    num_rows = -(-len(panels) // num_columns)
    height = HEAD_HEIGHT + num_rows * (TITLE_HEIGHT + ROW_HEIGHT * _num_down(view))
    figure, grid = heat_maps.new_grid(len(panels), num_columns=num_columns, height=height)
    for axes, (title, part, value, label) in zip(grid, panels, strict=True):
        columns = {"rows": "row", "columns": "column", "value": value, "label": label}
        heat_maps.draw_heat_map(axes, part, marked=_marked(view, part), **columns)
        axes.set_title(title, loc="left", fontsize=9)
    heat_maps.name_axes(figure, [*view.study.axes][:2], _title(view, length))
    # A grid of many panels is heavy as SVG.
    formats = ("svg", "png") if len(view.study.axes) < 3 else ("png",)
    return figures.save(figure, view.table.folder / "figures" / name(view, length), formats)


def _num_down(view):
    return len(next(iter(view.study.axes.values())))


def _panels(view, length):
    """What is drawn: `(title, part of the cells, column of the colour, of the words)`."""
    found = view.cells(length)
    percent = [f"{100 * value:.3g}" for value in found["solved"]]
    found = found.assign(percent=percent, middle=[f"{value:.2g}" for value in found["median"]])
    if len(view.study.axes) > 2:
        parts = found.groupby("panel", sort=False)
        return [(panel, part, "solved", "percent") for panel, part in parts]
    return [
        ("percent of seeds that solve", found, "solved", "percent"),
        (f"median {tables.main_metric(view.case)}", found, "shade", "middle"),
    ]


def _marked(view, part):
    if not view.study.documented:
        return None
    row, column, panel = view.place(view.study.documented)
    return (row, column) if panel == part["panel"].iloc[0] else None


def _title(view, length):
    seeds = f"{view.study.num_seeds:,} seeds"
    head = f"{view.case.name}, {view.study.name}{view.after(length)}: "
    return head + (
        f"percent of {seeds} that solve" if len(view.study.axes) > 2 else f"{seeds} a cell"
    )
