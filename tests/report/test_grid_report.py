"""Study pages: views by hand, and every number of the page from the table."""

import math

import numpy as np
import pandas as pd
import pytest

from experiments.analysis import baselines
from experiments.analysis.grid_summary import GridSummary
from experiments.analysis.grid_table import GridTable
from experiments.cases.claims import Grid
from experiments.cases.errors import SuiteError
from experiments.report import captions, grid_figures, grid_report
from experiments.report.style import make_theme
from experiments.stats import intervals
from tests import toy
from tests.analysis.test_grid_table import AXES, CELLS, ENVIRONMENT, STUDY, changed_case, rows

GRID = Grid("grid", "Which pair?", "broken", AXES, 4, (2, 5), documented="tanh/quick")
SIZES = {"few": {"batch_size": 8}, "many": {"batch_size": 25}}
DEEP = Grid("deep", "Which three?", "broken", AXES | {"size": SIZES}, 4, documented="line/slow/few")
ERRORS = {
    "line/slow": [0.01, 0.02, 0.03, 0.04],
    "line/quick": [0.001, 0.02, 0.03, math.inf],
    "tanh/slow": [0.001, 0.001, 0.03, 0.04],
    "tanh/quick": [0.0001, 0.0002, 0.0003, 0.0004],
}


def fill(folder, grid=GRID, case=None, configurations=None, **changed):
    """Stores cells of a study; their errors are those of their first two labels."""
    table = GridTable(folder, case or toy.make(grids=(grid,)), grid)
    for configuration, arms in table.setups.items():
        if configurations is None or configuration in configurations:
            name = "/".join(configuration.split("/")[:2])
            errors = changed.get(name.replace("/", "_"), ERRORS[name]) * (grid.num_seeds // 4)
            table.add(configuration, {steps: rows(errors) for steps in arms}, ENVIRONMENT, 90)
    table.write()
    return table


def view(folder, grid=GRID, **options):
    return GridSummary(fill(folder, grid, **options))


def write(folder, *grids):
    return grid_report.write(toy.make(grids=grids), folder)


def page(folder, *grids):
    """The page that `write` writes, without its figures."""
    case = toy.make(grids=grids)
    found = [GridTable(folder, case, grid) for grid in grids]
    return grid_report.page(case, [GridSummary(table) for table in found if table.path.exists()])


def lines(text, start):
    return [line for line in text.splitlines() if line.startswith(f"| {start} |")]


# Views.


def test_cells_are_placed_by_their_labels(tmp_path):
    found = view(tmp_path, DEEP).configurations(None)
    assert found.loc["tanh/quick/many", ["row", "column", "panel"]].tolist() == [
        "tanh",
        "quick",
        "many",
    ]
    assert list(found.index)[:3] == ["line/slow/few", "line/slow/many", "line/quick/few"]


def test_cells_are_those_of_the_summary_at_one_length(tmp_path):
    found = view(tmp_path)
    summary = found.table.summary()
    for length in (2, 5):
        part = summary[summary["length"] == length]
        for name in ("solved", "solved_low", "verdict", "median", "high"):
            assert found.configurations(length)[name].tolist() == part[name].tolist()


def test_shade_is_the_way_from_the_best_constant_to_a_perfect_answer(tmp_path):
    found = view(tmp_path, line_slow=[100.0] * 4, tanh_quick=[0.0] * 4).configurations(5)
    worst, _ = baselines.baseline(toy.CASE)
    assert found.loc["line/slow", "shade"] == 0
    assert found.loc["tanh/quick", "shade"] == 1
    assert found.loc["tanh/slow", "shade"] == pytest.approx(1 - 0.001 / worst)


def test_the_longest_length_comes_first(tmp_path):
    assert view(tmp_path / "a").lengths == [5, 2]
    assert view(tmp_path / "b", DEEP).lengths == [None]


def test_averages_by_hand(tmp_path):
    found = view(tmp_path)
    # Seeds 0 and 1 of tanh/slow solve, and all four of tanh/quick.
    np.testing.assert_array_equal(found.seeds("tanh/*", 5), [1, 1, 0.5, 0.5])
    average = found.average(found.pattern("bend", "tanh"), 5)
    assert average == intervals.mean([1, 1, 0.5, 0.5], low=0, high=1)
    assert found.pattern() == "*/*"


def test_labels_are_ranked_by_their_average(tmp_path):
    found = view(tmp_path)
    assert found.ranked("bend") == ["tanh", "line"]
    assert found.ranked("rate") == ["quick", "slow"]


def test_an_average_that_lacks_cells_is_none_and_ranked_last(tmp_path):
    found = view(tmp_path, configurations=CELLS[:3])
    assert found.missing == ["tanh/quick"]
    assert found.average("tanh/*", 5) is None
    assert found.average("line/*", 5) is not None
    assert found.ranked("bend") == ["line", "tanh"]


def test_differences_are_paired_by_seed(tmp_path):
    one = view(tmp_path / "a")
    other = view(tmp_path / "b", tanh_slow=[0.0001] * 4)
    expected = intervals.mean([0, 0, 0.5, 0.5], low=-1, high=1)
    assert other.less(one, "tanh/*", 5) == expected


def test_twins_have_the_same_labels_lengths_and_seeds(tmp_path):
    twin = Grid("twin", "", "longer", AXES, 4, (2, 5))
    fewer = Grid("fewer", "", "broken", AXES, 3, (2, 5))
    views = [GridSummary(GridTable(tmp_path, toy.make(grids=(s,)), s)) for s in (twin, fewer, DEEP)]
    assert [view(tmp_path).is_counterpart(other) for other in views] == [True, False, False]


# The page.


def test_every_cell_stands_in_the_tables_with_its_interval(tmp_path):
    fill(tmp_path)
    text = page(tmp_path, GRID)
    wilson = [intervals.rate(n, 4) for n in (1, 2, 0, 4)]
    quarter, half, none, full = (
        f"{100 * w.estimate:.0f} [{100 * w.low:.0f}, {100 * w.high:.0f}]" for w in wilson
    )
    assert text.count(f"| line | {none} | {quarter} |") == 2
    assert text.count(f"| tanh | {half} | {full} |") == 2
    assert text.count("| line | 0.02 [-inf, inf] | 0.02 [-inf, inf] |") == 2
    assert text.count("| tanh | 0.001 [-inf, inf] | 0.0002 [-inf, inf] |") == 2


def test_numbers_on_the_page_follow_the_table(tmp_path):
    fill(tmp_path / "a")
    fill(tmp_path / "b", tanh_slow=[0.0001] * 4)
    before, after = (page(tmp_path / name, GRID).splitlines() for name in "ab")
    changed = [line for line in before if line not in after and line.startswith("|")]
    # A row in the table of each metric and length, and an average on each axis.
    assert sorted(line.split(" | ")[0] for line in changed) == ["| slow"] + ["| tanh"] * 5


def test_averages_stand_in_order_with_their_intervals(tmp_path):
    fill(tmp_path)
    text = page(tmp_path, GRID)
    part = text.split("### Which bend learns, on the whole")[1].split("###")[0]
    found = intervals.mean([1, 1, 0.5, 0.5], low=0, high=1)
    words = f"75.0 [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    tanh, line = part.strip().splitlines()[2:]
    assert tanh == f"| tanh | {words} | {words} |"
    assert line.startswith("| line | 12.5 [")


def test_what_was_asked_and_made_is_said(tmp_path):
    fill(tmp_path)
    text = page(tmp_path, GRID)
    assert "*Which pair?*" in text
    assert "4 cells (2 of bend x 2 of rate), each the arm `broken`" in text
    assert "4 seeds, read after 2 and 5 epochs" in text
    assert "`python -m reproductions record toy --grids`: 6.0 minutes" in text
    assert "Not whole" not in text and "missing" not in text


def test_the_documented_cell_is_named_with_its_rate(tmp_path):
    fill(tmp_path)
    found = intervals.rate(4, 4)
    words = f"100 [{100 * found.low:.0f}, 100]"
    expected = f"`tanh/quick`: percent solved {words} after 5 epochs, {words} after 2 epochs."
    assert expected in page(tmp_path, GRID)


def test_verdicts_are_counted(tmp_path):
    grid = Grid("grid", "", "broken", AXES, 20, (2, 5))
    fill(tmp_path, grid)
    (line,) = [x for x in page(tmp_path, grid).splitlines() if "verdict after 5 epochs" in x]
    found = line.removesuffix(".").split(": ")[1].split(", ")
    assert sorted(found) == ["depends on the seed 1", "fails 1", "solves 1", "undecided 1"]


def test_a_study_that_is_not_whole_says_so(tmp_path):
    fill(tmp_path, configurations=CELLS[:3])
    text = page(tmp_path, GRID)
    assert "**Not whole: 1 of 4 cells are missing.**" in text
    assert all(line.endswith("| missing |") for line in lines(text, "tanh"))
    assert "`tanh/quick`: percent solved missing after 5 epochs" in text


def test_a_study_of_three_axes_has_a_table_a_label_of_the_last(tmp_path):
    fill(tmp_path, DEEP, configurations=None)
    text = page(tmp_path, DEEP)
    assert text.count("**few**") == text.count("**many**") == 2
    assert "each trained for its own epochs" in text
    assert "](figures/deep.png)" in text


def test_twins_are_compared_label_by_label(tmp_path):
    twin = Grid("twin", "", "longer", AXES, 4, (2, 5))
    case = toy.make(grids=(GRID, twin))
    fill(tmp_path, case=case)
    fill(tmp_path, twin, case=case, tanh_slow=[0.0001] * 4)
    part = page(tmp_path, GRID, twin).split("## grid against twin")[1].split("\n## ")[0]
    assert "| bend | grid | twin | second less first |" in part
    (tanh,), (everything,) = lines(part, "tanh"), lines(part, "all")
    assert [configuration.split(" [")[0] for configuration in tanh.split(" | ")] == [
        "| tanh",
        "75.0",
        "100.0",
        "+25.0",
    ]
    assert everything.startswith("| all | 43.8 [")


def test_studies_of_other_labels_are_not_compared(tmp_path):
    case = toy.make(grids=(GRID, DEEP))
    fill(tmp_path, case=case)
    fill(tmp_path, DEEP, case=case)
    assert "against" not in page(tmp_path, GRID, DEEP)


def test_a_study_that_is_not_stored_is_named_with_the_command(tmp_path):
    fill(tmp_path)
    text = page(tmp_path, GRID, DEEP)
    assert "`deep` is not trained yet; train it with `python -m reproductions record toy" in text


def test_stale_lines_are_refused(tmp_path):
    fill(tmp_path, STUDY)
    with pytest.raises(SuiteError, match="older version of toy"):
        GridSummary(GridTable(tmp_path, changed_case(), STUDY))


# Files.


def test_page_figures_and_summaries_are_written(tmp_path):
    fill(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in write(tmp_path, GRID)]
    pictures = [f"figures/grid_{n}.{suffix}" for n in (5, 2) for suffix in ("svg", "png", "md")]
    assert found == ["README.md", *pictures, "grid_summary.csv"]
    summary = pd.read_csv(tmp_path / "grid_summary.csv")
    assert summary["solved"].tolist() == view(tmp_path).table.summary()["solved"].tolist()


def test_every_picture_of_the_page_is_there(tmp_path):
    fill(tmp_path)
    path, *_ = write(tmp_path, GRID)
    assert path.read_text() == page(tmp_path, GRID)
    for part in path.read_text().split("](")[1:]:
        assert (tmp_path / part.split(")")[0]).exists()


def test_the_same_table_gives_the_same_bytes(tmp_path):
    found = []
    for name in "ab":
        fill(tmp_path / name)
        found.append([path.read_bytes() for path in write(tmp_path / name, GRID)])
    assert found[0] == found[1]


def test_without_a_stored_study_nothing_is_written(tmp_path):
    assert write(tmp_path, GRID) == []
    assert write(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def drawn(folder, grid, **options):
    """Returns `{title of a panel: words of its cells}`, and the outlined panels."""
    specs = grid_figures.grid_specs(view(folder, grid, **options))
    kept = [spec.draw(make_theme()) for spec in specs]
    panels = [axes for figure in kept for axes in figure.axes]
    words = {axes.get_title(loc="left"): [t.get_text() for t in axes.texts] for axes in panels}
    return words, [axes.get_title(loc="left") for axes in panels if axes.patches]


def test_two_axes_are_drawn_as_rate_and_median(tmp_path):
    words, outlined = drawn(tmp_path, GRID)
    assert words["percent of seeds that solve"] == ["0", "25", "50", "100"]
    assert words["median mse"] == ["0.02", "0.02", "0.001", "0.0002"]
    assert set(outlined) == set(words)


def test_three_axes_are_drawn_as_a_panel_a_label_of_the_last(tmp_path):
    words, outlined = drawn(tmp_path, DEEP)
    assert words == {"few": ["0", "25", "50", "100"], "many": ["0", "25", "50", "100"]}
    assert outlined == ["few"]


@pytest.mark.parametrize("length, says", [(2, "after 2 epochs"), (5, "after 5 epochs")])
def test_words_of_a_study_count_the_cells_that_solve(length, says, tmp_path):
    shown = view(tmp_path)
    words = captions.grid(shown, length)
    solving = (shown.configurations(length)["verdict"] == "solves").sum()
    assert words.title == f"toy, grid: {solving} of 4 programs solve {says}"
    assert words.alt == "The best is tanh/quick (100.0%), the worst line/slow (0.0%)."


def test_one_axis_is_drawn_as_one_column(tmp_path):
    grid = Grid("bends", "", "broken", {"bend": AXES["bend"]}, 4)
    table = GridTable(tmp_path, toy.make(grids=(grid,)), grid)
    for configuration, arms in table.setups.items():
        table.add(configuration, {steps: rows([0.0] * 4) for steps in arms}, ENVIRONMENT, 1)
    table.write()
    assert view_text(table) == [["line", ""], ["tanh", ""]]
    assert len(grid_figures.draw(GridSummary(table), None, make_theme()).axes) == 2


def view_text(table):
    return GridSummary(table).configurations(None)[["row", "column"]].to_numpy().tolist()
