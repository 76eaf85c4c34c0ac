"""Figures, by the data they draw, the words they carry and the bytes they write."""

import itertools

import matplotlib
import matplotlib.collections
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import StepPatch

from experiments.report import figures, plots

BANDS = ["q05", "q25", "q50", "q75", "q95"]


def curves(position="x", arms=("broken", "fixed")):
    """Three points an arm; the second arm lies ten above the first."""
    rows = []
    for shift, arm in enumerate(arms):
        for place in (0, 1, 10):
            middle = 10.0 * shift + place + 5
            rows.append((arm, place, middle - 2, middle - 1, middle, middle + 1, middle + 3))
    return pd.DataFrame(rows, columns=["arm", position, *BANDS])


def target():
    return pd.DataFrame({"x": [0.0, 0.5, 1.0], "y": [3.0, 4.0, 5.0]})


def runs(diverged=(), **values):
    """One row a seed for each arm given by name; `diverged` names arm and seed."""
    rows = [
        (arm, seed, value, (arm, seed) in diverged)
        for arm, column in values.items()
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows, columns=["arm", "seed", "r2", "diverged"])


def fit(table, goal=None):
    axes = figures.new_figure()[1]
    return plots.draw_fit(axes, table, target() if goal is None else goal)


def learning(table, **options):
    axes = figures.new_figure()[1]
    return plots.draw_learning_curves(axes, table, "mean squared error", **options)


def distribution(table, **options):
    axes = figures.new_figure()[1]
    return plots.draw_distribution(axes, table, "r2", "R2", **options)


def line(axes, label):
    return next(found for found in axes.lines if found.get_label() == label)


def band(axes, place):
    """The y of a band's lower and upper edge, over the x of its points."""
    vertices = axes.collections[place].get_paths()[0].vertices
    return {
        x: (vertices[vertices[:, 0] == x, 1].min(), vertices[vertices[:, 0] == x, 1].max())
        for x in np.unique(vertices[:, 0])
    }


def words(axes):
    return "\n".join(text.get_text() for text in axes.texts)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def histograms(axes):
    """The seeds in each bin relative to the fullest, and the edges, row by row."""
    found = [patch.get_data() for patch in axes.patches if isinstance(patch, StepPatch)]
    return [((data.values - data.baseline) / 0.72, data.edges) for data in found]


def ticks(axes):
    """The seeds drawn as ticks, row by row."""
    rows = [found for found in axes.lines if np.isnan(found.get_ydata()).any()]
    return [list(row.get_xdata()[::3]) for row in rows]


def top_labels(axes):
    return [label.get_text().strip() for label in axes.child_axes[0].get_xticklabels()]


# Bands over seeds: both marks that draw them.

BANDED = {"fit": ("x", fit), "learning curves": ("steps", learning)}
banded = pytest.mark.parametrize("position, draw", BANDED.values(), ids=BANDED)


@banded
def test_line_is_the_median_column(position, draw):
    drawn = line(draw(curves(position)), "fixed")
    assert list(drawn.get_xdata()) == [0, 1, 10]
    assert list(drawn.get_ydata()) == [15, 16, 25]


@banded
def test_outer_band_is_the_columns_of_five_and_ninety_five(position, draw):
    assert band(draw(curves(position)), 0) == {0: (3, 8), 1: (4, 9), 10: (13, 18)}


@banded
def test_inner_band_is_the_columns_of_twenty_five_and_seventy_five(position, draw):
    assert band(draw(curves(position)), 1) == {0: (4, 6), 1: (5, 7), 10: (14, 16)}


@banded
def test_inner_band_is_darker(position, draw):
    outer, inner = draw(curves(position)).collections[:2]
    assert outer.get_alpha() < inner.get_alpha()


@banded
def test_rows_may_come_in_any_order(position, draw):
    drawn = line(draw(curves(position).iloc[::-1]), "broken")
    assert list(drawn.get_ydata()) == [5, 6, 15]


@banded
def test_table_is_left_as_it_was(position, draw):
    table = curves(position)
    draw(table)
    pd.testing.assert_frame_equal(table, curves(position))


@banded
def test_arms_have_their_own_colours(position, draw):
    axes = draw(curves(position))
    colours = [line(axes, arm).get_color() for arm in ("broken", "fixed")]
    assert colours == ["#D55E00", "#0072B2"]


@banded
def test_legend_explains_the_bands(position, draw):
    assert legend(draw(curves(position)))[-2:] == ["middle 50% of seeds", "middle 90% of seeds"]


@banded
@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_point_that_is_not_finite_is_left_out_and_said(position, draw, lost):
    table = curves(position)
    table.loc[2, ["q50", "q75", "q95"]] = lost
    axes = draw(table)
    np.testing.assert_array_equal(line(axes, "broken").get_ydata(), [5, 6, np.nan])
    assert band(axes, 0) == {0: (3, 8), 1: (4, 9)}
    assert "broken: 1 of 3 points not finite" in legend(axes)


@banded
def test_infinite_tail_leaves_the_median_and_the_inner_band(position, draw):
    table = curves(position)
    table.loc[2, "q95"] = np.inf
    axes = draw(table)
    assert list(line(axes, "broken").get_ydata()) == [5, 6, 15]
    assert band(axes, 1) == {0: (4, 6), 1: (5, 7), 10: (14, 16)}
    assert "broken: 1 of 3 points not finite" in legend(axes)


@banded
def test_arm_that_diverged_everywhere_is_said(position, draw):
    table = curves(position)
    table.loc[table["arm"] == "broken", BANDS] = np.nan
    assert "broken: 3 of 3 points not finite" in legend(draw(table))


@banded
def test_finite_table_carries_no_note(position, draw):
    assert not [text for text in legend(draw(curves(position))) if "finite" in text]


@banded
def test_mark_returns_its_axes_without_a_title(position, draw):
    assert draw(curves(position)).get_title() == ""


# Fits.


def test_fit_draws_the_target_over_the_arms():
    axes = fit(curves(), target().iloc[::-1])
    drawn = line(axes, "target")
    assert list(drawn.get_ydata()) == [3, 4, 5]
    assert drawn.get_zorder() > line(axes, "fixed").get_zorder()


def test_fit_labels_its_axes():
    axes = figures.new_figure()[1]
    plots.draw_fit(axes, curves(), target(), x_label="time", y_label="u")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time", "u")


# Learning curves.


def test_learning_curves_show_step_zero_beside_many_steps():
    axes = learning(curves("steps"))
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlim()[0] == 0


@pytest.mark.parametrize("log, scale", [(True, "log"), (False, "linear")])
def test_learning_curves_take_the_scale_of_their_metric(log, scale):
    assert learning(curves("steps"), log=log).get_yscale() == scale


def test_learning_curves_draw_and_name_both_lines():
    lines = {"threshold": (0.4, "solved below 0.4"), "baseline": (8.3, "best constant")}
    axes = learning(curves("steps"), **lines)
    assert set(line(axes, "solved below 0.4").get_ydata()) == {0.4}
    assert set(line(axes, "best constant").get_ydata()) == {8.3}
    assert {"solved below 0.4", "best constant"} <= set(legend(axes))


def test_threshold_and_yardstick_look_different():
    axes = learning(curves("steps"), threshold=(1, "threshold"), baseline=(2, "yardstick"))
    assert line(axes, "threshold")._dash_pattern != line(axes, "yardstick")._dash_pattern


def test_line_that_is_none_is_not_drawn():
    assert legend(learning(curves("steps"), threshold=None))[:2] == ["broken", "fixed"]
    assert len(learning(curves("steps"), threshold=None).lines) == 2


@pytest.mark.parametrize("draw, table", [(learning, curves("steps")), (distribution, runs(a=[1]))])
def test_line_of_another_name_is_refused(draw, table):
    with pytest.raises(TypeError, match=r"'baseline', 'threshold'\]. Received: 'treshold'"):
        draw(table, treshold=(1, "typo"))


# Distributions.


def test_distribution_draws_a_tick_for_each_seed():
    axes = distribution(runs(broken=[0.3, 0.1, 0.2], fixed=[1.0, 0.9]))
    assert ticks(axes) == [[0.1, 0.2, 0.3], [0.9, 1.0]]


def test_distribution_bins_every_drawn_seed_and_scales_to_the_fullest():
    (broken, edges), (fixed, _) = histograms(distribution(runs(broken=[0, 0, 1], fixed=[0.5])))
    np.testing.assert_allclose(broken[[0, -1]], [1.0, 0.5])
    assert broken.sum() == pytest.approx(1.5)
    assert edges[np.argmax(fixed)] < 0.5 < edges[np.argmax(fixed) + 1]


def test_bins_end_at_the_extreme_seeds():
    edges = histograms(distribution(runs(broken=[0.2, 1.0])))[0][1]
    assert (edges[0], edges[-1]) == (0.2, 1.0)


def test_bins_are_even_on_a_log_scale():
    axes = distribution(runs(broken=[1e-8, 1.0]), log=True)
    ratios = np.diff(np.log(histograms(axes)[0][1]))
    assert axes.get_xscale() == "log"
    np.testing.assert_allclose(ratios, ratios[0])


def test_more_seeds_get_finer_bins():
    few, many = (histograms(distribution(runs(a=range(n))))[0][0].size for n in (32, 1000))
    assert few < many


def test_rows_are_named_in_the_order_of_the_table():
    axes = distribution(runs(broken=[1], neck=[2], fixed=[3]))
    names = {label.get_text(): label.get_position()[1] for label in axes.get_yticklabels()}
    assert list(names) == ["broken", "neck", "fixed"]
    assert names["broken"] > names["neck"] > names["fixed"]


def test_diverged_seeds_are_counted_beside_their_row_and_not_drawn():
    table = runs(diverged={("broken", 0), ("broken", 2)}, broken=[np.nan, 0.5, 0.7], fixed=[1.0])
    axes = distribution(table)
    assert [text.get_text() for text in axes.texts] == ["3 seeds\n2 diverged", "1 seed"]
    assert ticks(axes)[0] == [0.5]


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_seed_that_is_not_finite_is_counted(lost):
    assert words(distribution(runs(broken=[lost, 0.5]))) == "2 seeds\n1 not finite"


def test_seed_without_a_logarithm_is_counted():
    assert words(distribution(runs(broken=[0.0, -1.0, 0.5]), log=True)) == "3 seeds\n2 not above 0"


def test_limits_of_the_caller_stay_and_seeds_beyond_them_are_counted():
    axes = figures.new_figure()[1]
    axes.set_xlim(-1, 1)
    plots.draw_distribution(axes, runs(broken=[-1e30, -2, 0.5, 3]), "r2", "R2")
    assert axes.get_xlim() == (-1, 1)
    assert words(axes) == "4 seeds\n2 left of axis\n1 right of axis"
    assert ticks(axes) == [[0.5]]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("num_seeds", [1, 32, 1000])
def test_equal_seeds_fill_one_bin_around_their_value(log, num_seeds):
    axes = distribution(runs(broken=[0.5] * num_seeds), log=log)
    counts, edges = histograms(axes)[0]
    fullest = int(np.argmax(counts))
    assert counts.sum() == pytest.approx(1.0)
    assert edges[fullest] < 0.5 < edges[fullest + 1]


@pytest.mark.parametrize("log", [False, True])
def test_arm_of_diverged_seeds_alone_is_an_empty_row(log):
    table = runs(diverged={("broken", 0), ("broken", 1)}, broken=[np.nan, np.nan])
    axes = distribution(table, log=log)
    assert histograms(axes)[0][0].sum() == 0
    assert words(axes) == "2 seeds\n2 diverged"


def test_lines_are_inside_the_axes_though_no_seed_is_near():
    axes = distribution(runs(broken=[0.1]), threshold=(0.95, "solved"))
    assert axes.get_xlim()[0] < 0.1 and axes.get_xlim()[1] > 0.95


def test_vertical_lines_stand_at_their_values_under_their_text():
    lines = {"threshold": (0.95, "solved above 0.95"), "baseline": (0.0, "best constant")}
    axes = distribution(runs(broken=[0.1, 0.2]), **lines)
    assert top_labels(axes) == ["best constant", "solved above 0.95"]
    assert list(axes.child_axes[0].get_xticks()) == [0.0, 0.95]
    assert {0.0, 0.95} <= {found.get_xdata()[0] for found in axes.lines}


def test_labels_of_two_close_lines_do_not_touch():
    lines = {"threshold": (0.505, "solved above 0.505"), "baseline": (0.5, "best constant 0.5")}
    axes = distribution(runs(broken=[0.0, 1.0]), **lines)
    axes.figure.draw_without_rendering()
    left, right = (label.get_window_extent() for label in axes.child_axes[0].get_xticklabels())
    assert left.x1 < right.x0


@pytest.mark.parametrize("num_arms", [1, 4, 8])
def test_row_texts_do_not_overlap(num_arms):
    arms = {f"arm{place}": [np.nan, 1.0] for place in range(num_arms)}
    axes = distribution(runs(diverged={(arm, 0) for arm in arms}, **arms))
    axes.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(boxes))


# Styles.


def test_many_arms_are_told_apart():
    styles = plots.arm_styles(["broken", "fixed", *(f"arm{place}" for place in range(20))])
    assert len(set(styles.values())) == 22


def test_style_of_an_arm_does_not_depend_on_broken_and_fixed():
    alone, beside = plots.arm_styles(["neck"]), plots.arm_styles(["broken", "fixed", "neck"])
    assert alone["neck"] == beside["neck"]


def test_settings_of_the_caller_are_left_alone():
    before = dict(matplotlib.rcParams)
    fit(curves())
    assert dict(matplotlib.rcParams) == before


def test_settings_of_the_caller_do_not_reach_the_marks():
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False}):
        axes = fit(curves())
    assert axes.xaxis.label.get_fontsize() == 10
    assert axes.xaxis.get_gridlines()[0].get_visible()


def test_new_figure_returns_as_many_axes_as_asked():
    figure, left, right = figures.new_figure(2, width=5, height=3)
    assert figure.axes == [left, right]
    assert list(figure.get_size_inches()) == [5, 3]


# Files.


def everything():
    figure, first, second, third = figures.new_figure(3, width=15)
    plots.draw_fit(first, curves(), target())
    plots.draw_learning_curves(second, curves("steps"), "error", threshold=(1, "threshold"))
    plots.draw_distribution(third, runs(broken=[0, 1, 2], fixed=[1, 1, 1]), "r2", "R2")
    return figure


@pytest.fixture(scope="module")
def saved_twice(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    return [figures.save(everything(), folder / name / "fit") for name in ("once", "again")]


@pytest.mark.parametrize("place, suffix", [(0, ".svg"), (1, ".png")])
def test_same_table_gives_the_same_bytes(saved_twice, place, suffix):
    once, again = saved_twice[0][place], saved_twice[1][place]
    assert once.suffix == suffix
    assert once.read_bytes() == again.read_bytes()


def test_other_table_gives_other_bytes(saved_twice, tmp_path):
    other = fit(curves().assign(q50=7.0)).figure
    assert figures.save(other, tmp_path / "fit")[0].read_bytes() != saved_twice[0][0].read_bytes()


def test_files_carry_no_date_and_no_version(saved_twice):
    svg, png = (path.read_bytes() for path in saved_twice[0])
    assert b"<dc:date>" not in svg
    assert matplotlib.__version__.encode() not in svg + png


def test_svg_carries_outlines_and_no_fonts(saved_twice):
    assert b"<text" not in saved_twice[0][0].read_bytes()


def test_save_leaves_only_the_files_it_names(saved_twice):
    paths = saved_twice[0]
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)


def test_save_keeps_dots_in_the_name(tmp_path):
    paths = figures.save(fit(curves()).figure, tmp_path / "fit.v1", formats=("svg",))
    assert paths == [tmp_path / "fit.v1.svg"]


def test_failed_save_leaves_the_old_file_alone(tmp_path, monkeypatch):
    figure = fit(curves()).figure
    (path,) = figures.save(figure, tmp_path / "fit", formats=("svg",))
    before = path.read_bytes()

    def fail(partial, **options):
        partial.write_text("half a file")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        figures.save(figure, tmp_path / "fit", formats=("svg",))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_end_of_each_learning_curve_is_marked_and_the_first_arm_is_on_top():
    axes = learning(curves("steps"))
    marks = [c for c in axes.collections if isinstance(c, matplotlib.collections.PathCollection)]
    ends = [mark.get_offsets()[0] for mark in marks]
    drawn = [line(axes, arm) for arm in ("broken", "fixed")]
    for end, middle in zip(ends, drawn, strict=True):
        np.testing.assert_allclose(end, np.stack(middle.get_data(), axis=1)[-1])
    assert drawn[0].get_zorder() > drawn[1].get_zorder()
