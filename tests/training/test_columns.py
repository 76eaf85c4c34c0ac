"""Rows keep their values and types from training through the store to a table."""

import math
import zlib

import numpy as np
import pandas as pd
import pytest

from experiments.analysis import tables
from experiments.cases import plans
from experiments.runs import blocks, jobs, runner
from experiments.runs.store import Store
from experiments.training import columns
from tests import toy

WILD = toy.make(name="wild", broken=toy.Toy(learning_rate=1e30))
TRAINERS = ("engine", "reference", "numpy")


def trained(case, trainer):
    """Returns the rows of two seeds as a trainer makes them."""
    work = jobs.cut(case, {"broken": case.broken}, lambda *_: [0, 1], trainer)
    made = [
        blocks.train_block(case, job.arms, job.seeds, jobs.make_trainer(job))["broken"]
        for job in work
    ]
    return pd.concat([rows for rows, _ in made], ignore_index=True)


def written(row):
    """Writes a row as the store has since its first version: an independent formatter."""
    cells = {}
    for name, value in row.items():
        if isinstance(value, str | int) and not isinstance(value, bool):
            cells[name] = str(value)
        elif not math.isnan(value):
            cells[name] = f"{float(value):.7g}"
    text = "\n".join(f"{name}={cell}" for name, cell in sorted(cells.items()))
    cells["check"] = f"{zlib.crc32(text.encode()):08x}"
    return cells


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("case", [toy.CASE, WILD], ids=lambda case: case.name)
def test_rows_are_the_same_from_training_to_the_table(case, trainer, tmp_path):
    store, arms = Store(tmp_path / "a", case, trainer), "broken,longer"
    runner.train(case, plans.select(case, arms), [0, 1], store)
    made, found = trained(case, trainer), tables.runs(Store(tmp_path / "a", case, trainer))
    assert made.dtypes.to_dict() == found.dtypes.to_dict()
    assert found.dtypes.iloc[1:5].astype(str).tolist() == ["int64", "int64", "bool", "bool"]
    assert set(found.dtypes.iloc[5:]) == {np.dtype("float64")}
    assert made["diverged"].all() == (case is WILD)
    found = found[found["arm"] == "broken"].reset_index(drop=True)
    # Text holds 7 significant digits.
    metrics = columns.metrics_of(made)
    made[metrics] = made[metrics].map(lambda value: float(f"{value:.7g}"))
    pd.testing.assert_frame_equal(made, found, check_exact=True)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_text_of_rows_is_what_it_always_was(trainer, tmp_path):
    made, store = trained(WILD, trainer), Store(tmp_path / "a", WILD, trainer)
    store.add(made.assign(key="0123456789ab"), jobs.environment())
    head = {"environment": 0, "key": "0123456789ab"}
    rows = [written(row | head) for row in made.to_dict("records")]
    names = [*made, "check", "environment", "key"]
    lines = [",".join(row[name] for name in names) for row in rows]
    assert (tmp_path / "a/runs.csv").read_text() == "\n".join([",".join(names), *lines, ""])


def test_every_kind_of_value_is_written_and_read(tmp_path):
    metrics = {"mse": [1 / 3, math.inf], "r2": [-math.inf, 1e-300], "dead_2": [math.nan, 1.0]}
    head = {"arm": "broken", "seed": [7, 123_456_789], "steps": 8}
    flags = {"diverged": [False, True], "solved": [True, False]}
    rows, store = columns.typed({**metrics, **flags, **head}), Store(tmp_path / "a", toy.CASE)
    store.add(rows.assign(key="0123456789ab"), jobs.environment())
    assert [line.rsplit(",", 3)[0] for line in store.text().splitlines()] == [
        "arm,seed,steps,diverged,solved,mse,r2,dead_2",
        "broken,7,8,0,1,0.3333333,-inf,",
        "broken,123456789,8,1,0,inf,1e-300,1",
    ]
    rows["mse"] = [0.3333333, math.inf]
    found = Store(tmp_path / "a", toy.CASE).frame()
    pd.testing.assert_frame_equal(found[list(rows)], rows, check_exact=True)


def test_numbers_are_read_as_python_reads_them(tmp_path):
    random = np.random.default_rng(0)
    values = random.uniform(-1, 1, 1000) * 10.0 ** random.integers(-300, 300, 1000)
    head = {"arm": "broken", "seed": range(1000), "steps": 8, "diverged": False, "solved": True}
    store = Store(tmp_path / "a", toy.CASE)
    store.add(columns.typed({**head, "mse": values}).assign(key="0" * 12), jobs.environment())
    assert store.frame()["mse"].tolist() == [float(f"{value:.7g}") for value in values]


def test_an_arm_may_be_called_like_a_missing_value(tmp_path):
    rows = {"arm": ["NA", "null"], "seed": 0, "steps": 8, "diverged": False, "solved": True}
    store = Store(tmp_path / "a", toy.CASE)
    store.add(columns.typed(rows).assign(key="0" * 12), jobs.environment())
    assert store.frame()["arm"].tolist() == ["NA", "null"]
