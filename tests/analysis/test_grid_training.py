"""Studies: every cell once, whatever stops on the way; the rows of any other run."""

import concurrent.futures

import numpy as np
import pytest

from experiments.analysis import grid_file, grid_training
from experiments.analysis.grid_table import GridTable
from experiments.cases import plans
from experiments.cases.claims import Grid, claim
from experiments.cases.errors import SuiteError
from experiments.runs import runner
from experiments.runs.store import Store
from tests import toy
from tests.analysis.test_grid_table import STUDY, rows
from tests.runs.test_runner import Recorder


class Here(concurrent.futures.Executor):
    """Runs each call at once, in this process."""

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        try:
            future.set_result(function(*arguments))
        except (SuiteError, ZeroDivisionError) as error:
            future.set_exception(error)
        return future


def here(workers):
    return Here()


@pytest.fixture
def fake(monkeypatch):
    """Replaces training by made-up rows; returns the cells that were trained."""
    trained = []

    def train_configuration(case, arms, num_seeds):
        setup = arms[20]
        trained.append(setup)
        if setup.learning_rate in fake.errors:
            raise fake.errors[setup.learning_rate]
        return {steps: rows() for steps in arms}, 2.0

    monkeypatch.setattr(grid_training, "train_configuration", train_configuration)
    fake.errors = {}
    fake.trained = trained
    return fake


def table(folder, grid=STUDY):
    return GridTable(folder, toy.CASE, grid)


def values(rows, names=("seed", "solved", "diverged", "mse", "loss", "first_solved")):
    return rows[list(names)].astype(float).to_numpy()


# What is trained.


def test_every_cell_is_trained_once(tmp_path, fake):
    display = Recorder()
    found = table(tmp_path)
    assert grid_training.train(found, progress=display, make_pool=here) == (4, {})
    assert len(fake.trained) == 4
    assert display.started == [("toy: grid", 4)]
    assert display.updates == 4
    assert table(tmp_path).missing() == []
    assert found.seconds == 8.0


def test_a_second_run_trains_nothing(tmp_path, fake):
    grid_training.train(table(tmp_path), make_pool=here)
    fake.trained.clear()
    assert grid_training.train(table(tmp_path), make_pool=here) == (0, {})
    assert fake.trained == []


def test_workers_are_replaced_after_so_many_cells(tmp_path, fake, monkeypatch):
    monkeypatch.setattr(grid_training, "CONFIGURATIONS_PER_WORKER", 1)
    made = []

    def counting(workers):
        made.append(workers)
        return Here()

    grid_training.train(table(tmp_path), workers=2, make_pool=counting)
    assert made == [2, 2]


def test_an_interruption_keeps_the_finished_cells(tmp_path, fake):
    class Impatient(runner.SilentProgress):
        def advance(self, updates, name=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid_training.train(table(tmp_path), progress=Impatient(), make_pool=here)
    kept = table(tmp_path)
    assert len(kept.missing()) == 3
    fake.trained.clear()
    assert grid_training.train(kept, make_pool=here) == (3, {})
    assert len(fake.trained) == 3


def test_a_refused_cell_stops_no_other(tmp_path, fake):
    fake.errors = {0.2: SuiteError("no")}
    found = table(tmp_path)
    trained, failures = grid_training.train(found, make_pool=here)
    assert trained == 2
    assert set(failures) == {"line/quick", "tanh/quick"}
    assert found.missing() == ["line/quick", "tanh/quick"]


def test_a_bug_is_raised_with_its_cell_after_all_others(tmp_path, fake):
    fake.errors = {0.2: ZeroDivisionError("one by zero")}
    with pytest.raises(ZeroDivisionError, match="one by zero") as caught:
        grid_training.train(table(tmp_path), make_pool=here)
    assert caught.value.__notes__[0].startswith("while training grid:")
    assert table(tmp_path).missing() == ["line/quick", "tanh/quick"]


def test_a_lost_process_is_named_and_what_is_finished_kept(tmp_path, fake):
    class Broken(Here):
        def submit(self, function, *arguments):
            if fake.trained:
                future = concurrent.futures.Future()
                future.set_exception(concurrent.futures.BrokenExecutor("gone"))
                return future
            return super().submit(function, *arguments)

    found = table(tmp_path)
    with pytest.raises(SuiteError, match="ended from outside.*record toy --grids"):
        grid_training.train(found, make_pool=lambda workers: Broken())
    assert len(table(tmp_path).missing()) in (3, 4)


def test_stale_cells_are_trained_anew(tmp_path, fake):
    grid_training.train(table(tmp_path), make_pool=here)
    case = toy.make(broken=toy.Toy(num_samples=51))
    changed = GridTable(tmp_path, case, STUDY)
    assert grid_training.train(changed, make_pool=here) == (4, {})
    assert changed.stale() == []


# The studies of a case.


def test_record_trains_every_study_and_names_the_failures_last(tmp_path, fake, monkeypatch):
    fake.errors = {0.01: SuiteError("refused")}
    other = Grid("other", "", "bend", {"seen": {"a": {}, "b": {"batch_size": 8}}}, 4, (5,))
    case = toy.make(grids=(STUDY, other))
    monkeypatch.setattr(
        grid_training, "train_configuration", lambda *a: _at_any_length(*a, fake.errors)
    )
    with pytest.raises(SuiteError, match="2 cells were not trained.*grid:line/slow .refused."):
        grid_training.record(case, tmp_path, make_pool=here)
    assert GridTable(tmp_path / "studies", case, other).missing() == []
    assert (tmp_path / "studies/grid_summary.csv").exists()
    assert (tmp_path / "studies/other_summary.csv").exists()


def _at_any_length(case, arms, num_seeds, errors):
    rate = next(iter(arms.values())).learning_rate
    if rate in errors:
        raise errors[rate]
    return {steps: rows() for steps in arms}, 1.0


def test_many_failures_are_counted():
    failures = {f"grid:{n}": SuiteError("no") for n in range(7)}
    assert "grid:4 (no); and 2 more" in str(grid_training.failure(toy.CASE, failures))


# Real training.


def test_a_cell_has_the_rows_of_any_other_run(tmp_path):
    arms = grid_file.setups_by_length(toy.CASE, STUDY)["tanh/quick"]
    found, seconds = grid_training.train_configuration(toy.CASE, arms, 4)
    assert seconds > 0
    store = Store(tmp_path / "a", toy.CASE)
    runner.train(toy.CASE, {"fixed": arms[20], "broken": arms[8]}, [0, 1, 2, 3], store)
    for steps, part in found.items():
        stored = store.frame().query(f"steps == {steps}")
        np.testing.assert_allclose(values(part), values(stored), rtol=1e-6)


def test_blocks_are_even_and_depend_on_nothing_but_the_cell():
    assert [grid_training._even_width(n, 128) for n in (2, 100, 128, 129, 200)] == [
        2,
        100,
        128,
        65,
        100,
    ]


def test_narrow_blocks_train_all_seeds():
    case = toy.make(block_width=2)
    grid = Grid("grid", "", "broken", {}, 3)
    (arms,) = grid_file.setups_by_length(case, grid).values()
    ((steps, found),) = grid_training.train_configuration(case, arms, 3)[0].items()
    assert steps == 8
    assert found["seed"].tolist() == [0, 1, 2]


def test_a_cell_that_the_engine_refuses_is_refused_by_name():
    arms = {8: toy.Toy(optimizer="Lamb")}
    with pytest.raises(SuiteError, match="optimizer.*Lamb"):
        grid_training.train_configuration(toy.CASE, arms, 4)


def schedule_model(s):
    import keras

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    rate = keras.optimizers.schedules.CosineDecay(s.learning_rate, s.num_steps)
    network.compile(keras.optimizers.SGD(rate), "mse")
    return network


def test_a_model_that_reads_its_length_cannot_be_read_at_several():
    case = toy.make(model=schedule_model)
    arms = grid_file.setups_by_length(case, STUDY)["line/slow"]
    with pytest.raises(SuiteError, match="the model depends on the length"):
        grid_training.train_configuration(case, arms, 4)


def test_processes_train_what_this_one_would(tmp_path):
    axes = {"rate": {"slow": {"learning_rate": 0.01}, "odd": {"optimizer": "Lamb"}}}
    grid = Grid("grid", "", "bend", axes, 4, lengths=(2, 5))
    unsendable = claim("1", "Nothing.", lambda: None, by="ours")
    found = GridTable(tmp_path, toy.make(claims=(unsendable,)), grid)
    trained, failures = grid_training.train(found, workers=1)
    assert trained == 1
    assert "Lamb" in str(failures["odd"])
    here_rows, _ = grid_training.train_configuration(toy.CASE, found.setups["slow"], 4)
    stored = table(tmp_path, found.grid).outcomes("slow", 8)
    np.testing.assert_allclose(stored["mse"], values(here_rows[8], ("mse",))[:, 0], rtol=1e-3)
    assert plans.configurations(toy.CASE, found.grid)["slow"].activation == "tanh"
