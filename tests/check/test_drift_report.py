"""The comparison in words and in one figure: what is said and drawn is what was found."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from experiments.check import drift, drift_report
from experiments.check.invariants import InvariantResult
from experiments.report.style import LIGHT
from tests import toy

NAMES = ("mse", "loss", "first_solved")
MADE = {"keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.4.6"}


def rows(seed, size, shift=0.0):
    """Rows of two arms, of seeds counted from another number for each seed."""
    rng = np.random.default_rng(seed)
    parts = []
    for arm in ("broken", "longer"):
        part = pd.DataFrame(rng.standard_normal((size, 3)) + [shift, 0, 0], columns=NAMES)
        part.loc[: size // 4, "first_solved"] = np.inf
        head = {"arm": arm, "seed": np.arange(size) + 1000 * seed, "steps": 8}
        parts.append(part.assign(**head, diverged=False, solved=False))
    return pd.concat(parts)[["arm", "seed", "steps", "diverged", "solved", *NAMES]]


def comparison(shift=0.0, holds=True):
    answers = [InvariantResult("order", True, "fine", ("broken",), True)] * 2
    answers.append(InvariantResult("updates", holds, "7 updates made of 8", ("longer", "broken")))
    found = drift.compared({"toy": (rows(1, 300), rows(2, 60, shift))}, {"toy": answers})
    versions = {"sample": MADE | {"keras": "9.9.9"}, "toy": [MADE, MADE]}
    return dataclasses.replace(found, num_seeds=60, seconds=12.0, versions=versions)


@pytest.fixture(scope="module")
def still():
    return comparison()


@pytest.fixture(scope="module")
def moved():
    return comparison(3.0, holds=False)


def test_the_headline_of_a_pass(still):
    text = drift_report.headline(still)
    assert text.startswith("Today's installation agrees with the stored evidence.")
    assert f"{len(still.table)} distributions ({still.num_tests} tests, 60 fresh seeds" in text
    assert "no alarm; 9 exact questions: no failure" in text
    assert "at most 1% of its checks" in text


def test_the_headline_of_a_failure_counts_both_kinds(moved):
    text = drift_report.headline(moved)
    assert text.startswith("Today's installation DIFFERS from the stored evidence.")
    assert "2 alarms;" in text and "1 failure." in text


def test_versions_of_both_sides_are_said_once(still):
    said = drift_report.version_text(still)
    assert said == (
        "Sample: keras 9.9.9, tensorflow 2.21.0, numpy 2.4.6. "
        "Stored: keras 3.15.1, tensorflow 2.21.0, numpy 2.4.6."
    )


def test_the_table_says_what_moved_by_how_much(moved):
    words = drift_report.shown_table(moved, most=1)
    assert len(words) == len(moved.alarms) == 2
    assert set(words["metric"]) == {"mse"} and set(words["alarm"]) == {"ALARM"}
    row = moved.alarms.iloc[0]
    assert words["moved by"].iloc[0] == f"{row['moved']:+.2g} spreads"
    expected = f"{row['stored']:.3g} [{row['stored_low']:.3g}, {row['stored_high']:.3g}]"
    assert words["stored"].iloc[0] == expected


def test_a_share_is_told_with_its_value(still):
    row = still.table.set_index(["arm", "metric"]).loc[("broken", "solved")]
    row = row.to_dict() | {"case": "toy", "arm": "broken", "metric": "solved"}
    assert drift_report._row_text(row)["stored"].startswith("100% are 0 [")


@pytest.mark.parametrize(
    "stored, sample, words", [(np.inf, 3.0, "beyond a number"), (np.inf, np.inf, "its shape")]
)
def test_a_median_that_is_no_number_moves_by_none(stored, sample, words):
    row = {"moved": float("nan"), "unit": "spreads", "stored": stored, "sample": sample}
    row["test"] = "shape"
    assert drift_report.moved_text(row) == words


def test_a_scale_that_moved_is_said_as_a_ratio():
    stored, sample = rows(1, 300), rows(2, 60)
    found = drift.compared({"toy": (stored, sample.assign(mse=10 * sample["mse"]))}, {})
    row = found.alarms[found.alarms["metric"] == "mse"].iloc[0]
    assert row["test"] == "scale"
    widths = [
        np.diff(np.quantile(s[s["arm"] == row["arm"]]["mse"], [0.25, 0.75]))
        for s in found.rows["toy"]
    ]
    assert row["spread_ratio"] == pytest.approx((widths[1] / widths[0])[0], rel=0.1)
    assert drift_report.moved_text(row) == f"{row['spread_ratio']:.2g} times as wide"


def test_failures_come_first_and_whole(moved):
    words = drift_report.invariants_table(moved)
    first = words.iloc[0]
    assert (first["question"], first["answer"]) == ("updates", "FAILS")
    assert (first["put to"], first["what was found"]) == ("longer, broken", "7 updates made of 8")
    order = words.set_index("question").loc["order"]
    assert (order["put to"], order["what was found"]) == ("2 runs", "e.g. fine")


def test_verdicts_stand_side_by_side(still):
    words = drift_report.verdict_table(still)
    assert words["stored"].tolist() == ["fails (0.0%)"] * 2
    assert words["verdicts"].tolist() == ["the same"] * 2


def test_the_figure_shows_alarms_or_else_the_main_metric_of_each_arm(still, moved):
    cases = [toy.CASE]
    assert set(drift_report.panels(still, cases)["metric"]) == {"mse"}
    assert len(drift_report.panels(still, cases)) == 2
    assert drift_report.panels(moved, cases)["alarm"].all()


def test_a_panel_draws_the_share_of_seeds_at_or_below_each_value(moved):
    drawn = drift_report.figure(moved, [toy.CASE])
    row = drift_report.panels(moved, [toy.CASE]).iloc[0]
    axes = drawn.axes[0]
    assert axes.get_title(loc="left") == f"toy\n{row['arm']}: mse"
    for line, side in zip(axes.lines, moved.rows["toy"], strict=True):
        values = np.sort(side.loc[side["arm"] == row["arm"], "mse"])
        np.testing.assert_array_equal(line.get_xdata(), values)
        np.testing.assert_allclose(line.get_ydata(), np.arange(1, len(values) + 1) / len(values))
    assert axes.lines[0].get_color() == LIGHT.muted


def test_infinite_values_lie_beyond_the_edge(moved):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    row = moved.table.iloc[0]
    groups = [np.array([1.0, 2.0, np.inf, np.inf]), np.array([-np.inf, 1.0])]
    drift_report.draw_panel(axes, row, groups, colours=("black", "red"))
    assert axes.lines[0].get_ydata().tolist() == [0.25, 0.5]
    assert axes.lines[1].get_ydata().tolist() == [1.0]


def test_files_are_written_and_the_page_names_the_figure(moved, tmp_path):
    paths = drift_report.write(moved, [toy.CASE], tmp_path / "new")
    assert all(path.stat().st_size for path in paths)
    page = (tmp_path / "new" / "comparison.md").read_text()
    assert "(comparison.png)" in page and "ALARM" in page and "FAILS" in page
    table = pd.read_csv(tmp_path / "new" / "comparison.csv")
    assert table["alarm"].tolist() == moved.table["alarm"].tolist()
