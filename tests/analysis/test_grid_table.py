"""Study files and tables: packed and back, named when damaged or stale, summed by hand."""

import csv
import json
import math
import re

import numpy as np
import pytest

from experiments.analysis import baselines, grid_file, tables
from experiments.analysis.grid_file import pack, unpack
from experiments.analysis.grid_table import GridTable
from experiments.cases.claims import Grid
from experiments.cases.errors import SuiteError
from experiments.cases.setups import fix
from experiments.stats.intervals import rate
from experiments.training.columns import typed
from tests import toy

ENVIRONMENT = {"python": "3", "keras": "3.0", "tensorflow": "2.0", "numpy": "2.0"}
AXES = {
    "bend": {"line": {"activation": "linear"}, "tanh": {"activation": "tanh"}},
    "rate": {"slow": {"learning_rate": 0.01}, "quick": {"learning_rate": 0.2}},
}
STUDY = Grid("grid", "Which pair?", "broken", AXES, 4, lengths=(2, 5))
CELLS = ["line/slow", "line/quick", "tanh/slow", "tanh/quick"]
ERRORS = [0.001, 0.002, 0.003, math.inf]
YARDSTICK = baselines.baseline(toy.CASE)[0]


def rows(errors=ERRORS):
    error = np.array(errors)
    head = {"seed": range(len(error)), "solved": error < 0.0015, "diverged": np.isinf(error)}
    metrics = {"mse": error, "loss": 2 * error, "dead_1": np.arange(len(error)) / 4}
    return typed({**head, **metrics, "unheard_of": 1.0})


def table(folder, grid=STUDY, case=toy.CASE):
    return GridTable(folder, case, grid)


def filled(folder, configurations=CELLS, **by_cell):
    found = table(folder)
    for configuration in configurations:
        errors = by_cell.get(configuration.replace("/", "_"), ERRORS)
        found.add(configuration, {steps: rows(errors) for steps in (8, 20)}, ENVIRONMENT, 1.5)
    found.write()
    return found


# Packing.


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.95, 0.95, 12345, math.inf], ".95*2 1.234e4 inf"),
        ([0, -0.5, 1e-5, 100.0], "0 -.5 1e-5 100"),
        ([-math.inf, math.nan, math.nan], "-inf nan*2"),
        ([0.00012344], ".0001234"),
    ],
)
def test_numbers_are_packed_with_four_digits_and_no_idle_zeros(values, text):
    assert pack(values) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [([1, 0, 1], "101"), ([1, 1, 1, 1], "1*4"), ([0], "0"), ([0] * 50 + [1], "0*50 1")],
)
def test_truths_are_packed_the_shorter_way(values, text):
    assert pack(values, flags=True) == text
    assert unpack(text, flags=True).tolist() == values


@pytest.mark.parametrize("digits", [3, 4, 7])
def test_packed_numbers_come_back_to_so_many_digits(digits):
    rng = np.random.default_rng(0)
    values = rng.choice([-1, 1], 500) * 10.0 ** rng.uniform(-30, 30, 500)
    values = np.concatenate([values, [0, math.inf, -math.inf, math.nan, math.nan]])
    found = unpack(pack(values, digits))
    np.testing.assert_allclose(found, values, rtol=0.5 * 10.0 ** (1 - digits))


# Cells and lengths.


def test_a_cell_is_read_at_all_lengths_the_longest_first():
    found = grid_file.setups_by_length(toy.CASE, STUDY)
    assert list(found) == CELLS
    assert found["tanh/slow"] == {
        20: toy.Toy(activation="tanh", learning_rate=0.01, epochs=5),
        8: toy.Toy(activation="tanh", learning_rate=0.01, epochs=2),
    }


def test_without_lengths_a_cell_has_that_of_its_setup():
    grid = Grid("grid", "", "longer", {"bend": AXES["bend"]}, 4)
    assert grid_file.setups_by_length(toy.CASE, grid) == {
        "line": {20: toy.Toy(epochs=5)},
        "tanh": {20: toy.Toy(epochs=5, activation="tanh")},
    }


def test_the_lengths_of_a_stream_are_steps():
    grid = Grid("grid", "", "broken", {"rate": AXES["rate"]}, 4, lengths=(10, 30))
    found = grid_file.setups_by_length(toy.make_stream(), grid)
    assert [list(arms) for arms in found.values()] == [[30, 10], [30, 10]]


def test_an_axis_is_not_called_like_a_column(tmp_path):
    grid = Grid("grid", "", "broken", {"loss": AXES["bend"]}, 4)
    with pytest.raises(ValueError, match=r"called like a column. Received: \['loss'\]"):
        table(tmp_path, grid)


# The file.


def test_what_was_added_comes_back_from_disk(tmp_path):
    filled(tmp_path)
    found = table(tmp_path).outcomes("tanh/slow", 8)
    assert found["seed"].tolist() == [0, 1, 2, 3]
    assert found["solved"].tolist() == [True, False, False, False]
    assert found["diverged"].tolist() == [False, False, False, True]
    assert found["mse"].tolist() == ERRORS
    assert found["loss"].tolist() == [0.002, 0.004, 0.006, math.inf]
    assert "unheard_of" not in found


def test_a_line_by_hand(tmp_path):
    filled(tmp_path)
    with (tmp_path / "grid.csv").open() as file:
        (line, *_) = csv.DictReader(file)
    fixed = {k: v for k, v in line.items() if k not in ("check", "key")}
    assert fixed == {
        "bend": "line",
        "rate": "slow",
        "length": "5",
        "steps": "20",
        "num_seeds": "4",
        "solved": "1000",
        "diverged": "0001",
        "mse": ".001 .002 .003 inf",
        "loss": ".002 .004 .006 inf",
        "dead_1": ".25 -inf inf",
        "environment": "0",
    }


def test_lines_are_in_the_order_of_the_study_whenever_they_were_added(tmp_path):
    one = filled(tmp_path / "a").path.read_bytes()
    assert filled(tmp_path / "b", CELLS[::-1]).path.read_bytes() == one


def test_the_manifest_says_what_and_how_long(tmp_path):
    filled(tmp_path, CELLS[:2])
    found = json.loads((tmp_path / "grid.json").read_text())
    assert len(found.pop("digests")) == 1
    assert re.fullmatch("[0-9a-f]{16}", found.pop("check"))
    assert found == {
        "format": 2,
        "case": "toy",
        "study": "grid",
        "command": "python -m reproductions record toy --grids",
        "environments": [ENVIRONMENT],
        "seconds": {"line/slow": 1.5, "line/quick": 1.5},
    }
    assert table(tmp_path).seconds == 3.0


def test_cells_are_missing_until_they_are_added(tmp_path):
    assert table(tmp_path).missing() == CELLS
    filled(tmp_path, CELLS[:3])
    assert table(tmp_path).missing() == ["tanh/quick"]


def test_opening_a_table_writes_nothing(tmp_path):
    table(tmp_path / "a").missing()
    assert not (tmp_path / "a").exists()


def test_a_cell_without_all_its_lengths_and_seeds_is_refused(tmp_path):
    found = table(tmp_path)
    with pytest.raises(ValueError, match="all lengths and seeds of line/slow"):
        found.add("line/slow", {20: rows()}, ENVIRONMENT, 1)
    with pytest.raises(ValueError, match="all lengths and seeds of line/slow"):
        found.add("line/slow", {20: rows(), 8: rows()[:3]}, ENVIRONMENT, 1)


def test_lines_of_other_versions_do_not_join(tmp_path):
    found = filled(tmp_path, CELLS[:1])
    with pytest.raises(SuiteError, match="holds lines of keras 3.0.*Received: keras 3.1"):
        found.add(CELLS[1], {8: rows(), 20: rows()}, ENVIRONMENT | {"keras": "3.1"}, 1)


def test_the_flags_are_the_rates_of_all_tables():
    assert set(grid_file.FLAGS) == set(tables.RATES)


# Damaged, foreign and stale.


def spoil(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_changed_line_is_named_and_left_alone(tmp_path):
    path = filled(tmp_path).path
    spoil(path, ".002", ".003")
    before = path.read_bytes()
    with pytest.raises(SuiteError, match=r"grid.csv, line 2 is damaged.*record toy --grids"):
        table(tmp_path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bend,rate", "bend,tempo", "line 1 is damaged.*header is not ours"),
        ("mse", "zeal", "line 1 is damaged.*header is not ours"),
    ],
)
def test_a_strange_file_is_named(tmp_path, old, new, words):
    path = filled(tmp_path).path
    if words == "twice":
        path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    else:
        spoil(path, old, new)
    with pytest.raises(SuiteError, match=words):
        table(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"grid"', '"other"'), ('"toy"', '"other"'), ('"format": 2', '"format": 3'), ("{", "")],
)
def test_a_strange_manifest_is_named(tmp_path, old, new):
    filled(tmp_path)
    spoil(tmp_path / "grid.json", old, new)
    with pytest.raises(SuiteError, match=r"grid.json is damaged or another study's"):
        table(tmp_path)


def test_lines_without_their_manifest_are_refused(tmp_path):
    filled(tmp_path)
    (tmp_path / "grid.json").unlink()
    with pytest.raises(SuiteError, match=r"grid.json is missing"):
        table(tmp_path)


def changed_case():
    return toy.make(broken=toy.Toy(num_samples=51), fixes={"longer": fix("", epochs=5)})


def test_lines_of_a_changed_case_are_stale_and_missing(tmp_path):
    filled(tmp_path)
    found = table(tmp_path, case=changed_case())
    assert len(found.stale()) == 8
    assert found.missing() == CELLS


@pytest.mark.parametrize("ask", ["summary", "outcomes", "average"])
def test_stale_lines_are_not_read_and_the_command_is_named(tmp_path, ask):
    filled(tmp_path)
    found = table(tmp_path, case=changed_case())
    arguments = () if ask == "summary" else ("tanh/slow",)
    with pytest.raises(SuiteError, match=r"python -m reproductions record toy --grids.*stale"):
        getattr(found, ask)(*arguments)


def test_more_seeds_make_lines_stale(tmp_path):
    filled(tmp_path)
    more = Grid("grid", "", "broken", AXES, 5, lengths=(2, 5))
    assert len(table(tmp_path, more).stale()) == 8


def test_cells_that_left_the_study_leave_the_file(tmp_path):
    filled(tmp_path)
    axes = AXES | {"rate": {"slow": AXES["rate"]["slow"]}}
    smaller = table(tmp_path, Grid("grid", "", "broken", axes, 4, lengths=(2, 5)))
    assert {configuration for configuration, _ in smaller.stale()} == {"line/quick", "tanh/quick"}
    assert smaller.missing() == []
    smaller.write()
    assert smaller.stale() == []
    assert set(smaller.manifest["seconds"]) == {"line/slow", "tanh/slow"}
    assert len(smaller.path.read_text().splitlines()) == 5


# What the file says.


def test_the_summary_by_hand(tmp_path):
    found = filled(tmp_path, tanh_quick=[0.001] * 4).summary()
    assert len(found) == 8
    first, last = found.iloc[0], found.iloc[-1]
    wilson = rate(1, 4)
    assert first.to_dict() == {
        "bend": "line",
        "rate": "slow",
        "length": 5,
        "steps": 20,
        "num_seeds": 4,
        "solved": 0.25,
        "solved_low": wilson.low,
        "solved_high": wilson.high,
        "verdict": "undecided",
        "metric": "mse",
        "median": 0.002,
        "low": -math.inf,
        "high": math.inf,
        "diverged": 0.25,
    }
    assert (last["bend"], last["rate"], last["length"], last["solved"]) == ("tanh", "quick", 2, 1)


def test_the_summary_is_written_for_readers(tmp_path):
    found = filled(tmp_path, CELLS[:1])
    found.write_summary()
    header, *lines = (tmp_path / "grid_summary.csv").read_text().splitlines()
    assert header.startswith("bend,rate,length,steps,num_seeds,solved,solved_low,")
    assert [line.split(",")[:6] for line in lines] == [
        ["line", "slow", "5", "20", "4", "0.25"],
        ["line", "slow", "2", "8", "4", "0.25"],
    ]


def test_the_average_of_a_group_by_hand(tmp_path):
    found = filled(tmp_path, tanh_quick=[0.001, 0.001, 0.004, 100.0])
    average = found.average("tanh/*", 8)
    assert average["seed"].tolist() == [0, 1, 2, 3]
    assert average["solved"].tolist() == [1.0, 0.5, 0.0, 0.0]
    logs = np.log([0.001, math.sqrt(0.001 * 0.002), math.sqrt(0.003 * 0.004), YARDSTICK])
    np.testing.assert_allclose(average["log_error"], logs)


def test_the_average_of_one_cell_is_that_cell(tmp_path):
    found = filled(tmp_path)
    average = found.average("tanh/slow")
    assert average["solved"].tolist() == found.outcomes("tanh/slow")["solved"].tolist()


def test_a_pattern_matches_every_label_of_an_axis(tmp_path):
    found = table(tmp_path)
    assert found.matching("*/slow") == ["line/slow", "tanh/slow"]
    assert found.matching("*/*") == CELLS
    assert found.matching("line/quick") == ["line/quick"]


@pytest.mark.parametrize("pattern", ["tanh/slo", "tanh", "tanh/slow/x", "*"])
def test_a_pattern_without_cells_is_refused(tmp_path, pattern):
    with pytest.raises(SuiteError, match="has cells such as line/slow"):
        table(tmp_path).matching(pattern)


def test_a_cell_that_is_not_stored_names_the_command(tmp_path):
    with pytest.raises(SuiteError, match=r"record toy --grids. Received: no line"):
        table(tmp_path).outcomes("tanh/slow")
    with pytest.raises(SuiteError, match=r"lacks tanh/slow at 9 steps \(expected one of \[20, 8\]"):
        filled(tmp_path).outcomes("tanh/slow", 9)


def test_estimates_are_rates_and_medians(tmp_path):
    found = filled(tmp_path)
    assert found.estimate("tanh/slow", "solved") == rate(1, 4)
    assert found.estimate("tanh/slow", "mse", 8).estimate == 0.002
    assert found.estimate("tanh/slow", "dead_1").estimate == 0.25
    with pytest.raises(SuiteError, match="does not keep that metric.*Did you mean 'mse'"):
        found.estimate("tanh/slow", "rmse")
