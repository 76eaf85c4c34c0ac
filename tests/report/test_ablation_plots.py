"""Marks of evidence, by the data they draw and the words they carry."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch

from experiments.report import ablation_plots, figures, verdict_plots
from experiments.report.style import THEMES, make_theme

COLOURS = {"broken": "#111111", "bend": "#00ff00", "longer": "#0000ff"}


def lattice(verdicts=("fails", "fails", "undecided", "solves"), minimal=("bend+longer",)):
    sets = [frozenset(), {"bend"}, {"longer"}, {"bend", "longer"}]
    names = ["broken", "bend", "longer", "bend+longer"]
    rows = [
        (name, frozenset(fixes), len(fixes), 50, rate, 0.0, 1.0, verdict, name in minimal)
        for name, fixes, rate, verdict in zip(names, sets, (0, 0.1, 0.5, 1), verdicts, strict=True)
    ]
    columns = ["arm", "fixes", "num_fixes", "num_seeds", "solved", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=[*columns, "minimal"])


def drawn_lattice(theme="light", **changes):
    axes = figures.new_figure(theme=make_theme(theme))[1]
    return ablation_plots.draw_combinations(
        axes, lattice(**changes), COLOURS, theme=make_theme(theme)
    )


def texts(axes):
    return [text.get_text() for text in axes.texts]


def boxes(axes):
    return [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]


def test_lattice_prints_every_set_with_its_rate_and_sign():
    assert texts(drawn_lattice()) == [
        *("broken", "✗ 0%", "bend", "✗ 10%", "longer", "? 50%", "bend+longer", "✓ 100%")
    ]


def test_lattice_draws_one_line_for_each_fix_added_in_its_colour():
    colours = [line.get_color() for line in drawn_lattice().lines]
    assert sorted(colours) == sorted(["#00ff00", "#0000ff"] * 2)


def test_lattice_draws_sets_of_more_fixes_lower():
    heights = [box.get_y() for box in boxes(drawn_lattice())]
    assert heights[0] > heights[1] == heights[2] > heights[3]


def test_lattice_marks_the_smallest_sets_that_solve_and_no_other():
    widths = [box.get_linewidth() for box in boxes(drawn_lattice(minimal=("bend",)))]
    assert np.argmax(widths) == 1
    assert len(set(widths[:1] + widths[2:])) == 1


@pytest.mark.parametrize("theme", THEMES)
def test_lattice_colours_a_box_by_its_verdict(theme):
    edges = [to_hex(box.get_edgecolor()) for box in boxes(drawn_lattice(theme))]
    shown = make_theme(theme)
    expected = [shown.broken, shown.broken, shown.muted, shown.fixed]
    assert edges == [colour.lower() for colour in expected]


def test_lattice_names_each_fix_and_the_mark():
    legend = [text.get_text() for text in drawn_lattice().get_legend().get_texts()]
    assert legend == ["adds bend", "adds longer", "smallest set that solves"]


def effects():
    rows = [("bend", 50.0, 40.0, 60.0, "fifty"), ("longer", 1.0, 0.5, 2.0, "one")]
    return pd.DataFrame(rows, columns=["name", "estimate", "low", "high", "words"])


def drawn_intervals(**options):
    axes = figures.new_figure()[1]
    return ablation_plots.draw_intervals(axes, effects(), COLOURS, "points", **options)


def test_interval_is_drawn_from_low_to_high_around_its_estimate():
    _, bend, middle, longer, last = drawn_intervals().lines
    assert (list(bend.get_xdata()), list(middle.get_xdata())) == ([40, 60], [50])
    assert (list(longer.get_xdata()), list(last.get_xdata())) == ([0.5, 2], [1])
    assert bend.get_color() == middle.get_color() == "#00ff00"


@pytest.mark.parametrize("log, nothing", [(False, 0.0), (True, 1.0)])
def test_interval_is_held_against_no_effect(log, nothing):
    assert set(drawn_intervals(log=log).lines[0].get_xdata()) == {nothing}


def test_interval_rows_are_named_and_carry_their_text():
    axes = drawn_intervals()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bend", "longer"]
    assert texts(axes) == ["fifty", "one"]


def statements():
    rows = [("A1 " + "long " * 30, "supported"), ("A2 Short.", "contradicted"), ("A3 ?", "lost")]
    return pd.DataFrame(rows, columns=["says", "verdict"])


def drawn_statements():
    axes = figures.new_figure()[1]
    return verdict_plots.draw_verdicts(axes, statements())


def test_every_statement_is_drawn_with_the_sign_of_its_verdict():
    found = texts(drawn_statements())
    assert found[::2] == ["✓", "✗", "–"]
    assert [text.replace("\n", " ") for text in found[1::2]] == [
        says.strip() for says in statements()["says"]
    ]


def test_statements_do_not_overlap():
    figure, axes = figures.new_figure(height=6)
    verdict_plots.draw_verdicts(axes, statements())
    figure.draw_without_rendering()
    extents = [text.get_window_extent() for text in axes.texts[1::2]]
    assert all(a.y0 >= b.y1 for a, b in itertools.pairwise(extents))


def test_legend_counts_the_verdicts():
    legend = [text.get_text() for text in drawn_statements().get_legend().get_texts()]
    assert sorted(legend) == ["contradicted (1)", "lost (1)", "supported (1)"]


def test_height_of_statements_is_that_of_their_lines():
    lines = sum(len(verdict_plots.statement_lines(says)) for says in statements()["says"])
    assert lines == 5
    assert verdict_plots.verdict_height(statements()) > lines


def test_rates_are_drawn_in_percent_under_the_name_of_their_case():
    rows = [("toy", "broken", 0.0, 0.0, 0.1), ("toy", "bend", 0.9, 0.8, 1.0)]
    table = pd.DataFrame(rows, columns=["case", "arm", "solved", "low", "high"])
    axes = verdict_plots.draw_rates(figures.new_figure()[1], table, {"toy": COLOURS})
    assert texts(axes) == ["toy"]
    spans = [list(line.get_xdata()) for line in axes.lines]
    assert spans == [[0, 10], [0], [80, 100], [90]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["broken", "bend"]


def test_counts_are_stacked_to_their_sum():
    counts = pd.DataFrame({"supported": [3, 1], "contradicted": [2, 0]}, index=["one", "two"])
    axes = verdict_plots.draw_counts(figures.new_figure()[1], counts)
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert ends == [3, 1, 5, 1]
    assert [text for text in texts(axes) if text] == ["✓ 3", "1", "✗ 2"]
