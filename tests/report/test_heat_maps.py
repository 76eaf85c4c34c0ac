"""Heat maps, by the cells they draw, the words in them, and what can be read."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from experiments.report import figures, heat_maps

NAMES = {"rows": "bend", "columns": "rate", "value": "solved", "label": "words"}


def table():
    rows = [
        ("tanh", "slow", 0.0, "0"),
        ("tanh", "quick", 0.25, "25"),
        ("tanh", "wild", 1.0, "100"),
        ("line", "slow", 0.5, "50"),
        ("line", "quick", 0.75, "75"),
        ("line", "wild", 0.125, "12.5"),
    ]
    return pd.DataFrame(rows, columns=["bend", "rate", "solved", "words"])


def draw(cells=None, **options):
    axes = heat_maps.new_grid(1)[1][0]
    return heat_maps.draw_heat_map(axes, table() if cells is None else cells, **NAMES, **options)


def mesh(axes):
    return axes.collections[0]


def words(axes):
    """The printed words by `(row, column)`, counted from the top left."""
    places = {text.get_position(): text.get_text() for text in axes.texts}
    return {(int(y), int(x)): text for (x, y), text in places.items()}


def boxes(axes, hatched):
    """The `(row, column)` of the rectangles that are hatched, or of those that are not."""
    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    return [(p.get_y(), p.get_x()) for p in found if bool(p.get_hatch()) == hatched]


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


# Cells.


def test_colours_are_the_value_column():
    drawn = mesh(draw())
    np.testing.assert_array_equal(drawn.get_array(), [[0, 0.25, 1], [0.5, 0.75, 0.125]])
    assert drawn.get_clim() == (0, 1)
    assert drawn.get_cmap().name == "cividis"


def test_colours_do_not_depend_on_the_other_cells():
    few = table().query("solved < 0.6")
    assert mesh(draw(few)).get_clim() == (0, 1)


def test_every_cell_carries_its_text():
    shown = {(0, 0): "0", (0, 1): "25", (0, 2): "100", (1, 0): "50", (1, 1): "75", (1, 2): "12.5"}
    assert words(draw()) == shown


def test_rows_run_down_and_columns_right_in_the_order_of_the_table():
    axes = draw()
    assert labels(axes.yaxis) == ["tanh", "line"]
    assert labels(axes.xaxis) == ["slow", "quick", "wild"]
    assert list(axes.get_yticks()) == [0.5, 1.5]
    assert axes.get_ylim() == (2, 0)


def test_table_is_left_as_it_was():
    cells = table()
    draw(cells)
    pd.testing.assert_frame_equal(cells, table())


# What can be read.


def brightness(colour):
    """Relative luminance, as WCAG 2 defines it."""
    shares = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * shares[0] + 0.7152 * shares[1] + 0.0722 * shares[2]


@pytest.mark.parametrize("shade", np.linspace(0, 1, 21))
def test_words_stand_out_from_every_colour(shade):
    axes = draw(table().assign(solved=shade))
    ink = brightness(matplotlib.colors.to_rgb(axes.texts[0].get_color()))
    paper = brightness(mesh(axes).get_cmap()(shade))
    assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5


def test_colours_grow_brighter_with_the_value():
    found = [brightness(heat_maps.COLOURS(shade)) for shade in np.linspace(0, 1, 21)]
    assert found == sorted(found)


def test_words_fit_their_cells_in_a_large_grid():
    labels = [(f"row{n}", f"column{m}", 1.0, "99.5") for n in range(8) for m in range(7)]
    cells = pd.DataFrame(labels, columns=["bend", "rate", "solved", "words"])
    figure, grid = heat_maps.new_grid(9, height=7.3)
    for axes in grid:
        heat_maps.draw_heat_map(axes, cells, **NAMES)
    figure.draw_without_rendering()
    width, height = grid[0].get_window_extent().size / (7, 8)
    box = grid[0].texts[0].get_window_extent()
    assert box.width < width and box.height < height


# Missing cells.


@pytest.mark.parametrize("missing", ["no line", "no value"])
def test_a_missing_cell_is_hatched_and_counted(missing):
    cells = table().drop(index=1) if missing == "no line" else table()
    cells.loc[cells["words"] == "25", ["solved", "words"]] = [np.nan, "nan"]
    order = pd.concat([cells[cells["bend"] == "line"], cells[cells["bend"] == "tanh"]])
    axes = draw(order)
    assert boxes(axes, hatched=True) == [(1, 1)]
    assert axes.get_title(loc="right") == "1 missing"
    assert (1, 1) not in words(axes)
    assert mesh(axes).get_array().mask.tolist() == [[False] * 3, [False, True, False]]


def test_a_whole_table_is_not_hatched_and_carries_no_note():
    axes = draw()
    assert boxes(axes, hatched=True) == []
    assert axes.get_title(loc="right") == ""


# The marked cell.


def test_the_marked_cell_is_outlined_dark_and_bright():
    axes = draw(marked=("line", "quick"))
    assert boxes(axes, hatched=False) == [(1, 1), (1, 1)]
    inks = [brightness(patch.get_edgecolor()) for patch in axes.patches]
    assert inks[0] < 0.05 and inks[1] == pytest.approx(1)


def test_nothing_is_outlined_unasked():
    assert boxes(draw(), hatched=False) == []


# Grids.


def test_a_grid_names_rows_at_the_left_and_columns_below():
    _, grid = heat_maps.new_grid(5, num_columns=3)
    for axes in grid:
        heat_maps.draw_heat_map(axes, table(), **NAMES)
    left = [axes.yaxis.get_tick_params()["labelleft"] for axes in grid]
    below = [axes.xaxis.get_tick_params()["labelbottom"] for axes in grid]
    assert left == [True, False, False, True, False]
    assert below == [False, False, True, True, True]


def test_a_figure_names_both_axes_and_has_a_title():
    figure, _ = heat_maps.new_grid(2)
    heat_maps.name_axes(figure, ["bend", "rate"])
    figures.entitle(figure, "a study")
    assert (figure.get_supylabel(), figure.get_supxlabel()) == ("bend", "rate")
    assert figure.get_suptitle() == "a study"


def test_settings_of_the_caller_are_left_alone():
    before = dict(matplotlib.rcParams)
    draw()
    assert dict(matplotlib.rcParams) == before
