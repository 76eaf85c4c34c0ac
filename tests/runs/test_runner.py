"""The runner: what is missing, once; every arm of a run; the same rows however cut."""

import math
import os
import pathlib
import subprocess
import sys

import pytest

import reproductions
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.runs import blocks, jobs, runner
from experiments.runs.store import Store
from experiments.training import stack_size
from tests import toy


class Recorder(blocks.SilentProgress):
    """Remembers what was announced and how many updates were made."""

    def __init__(self):
        self.started, self.updates = [], 0

    def start(self, name, total):
        self.started.append((name, total))

    def advance(self, updates, name=None):
        self.updates += updates


def train(folder, words="broken,fixed", seeds=(0, 1, 2), case=toy.CASE):
    store = Store(folder, case)
    display = Recorder()
    counts = runner.train(case, plans.select(case, words), list(seeds), store, display)
    return store, counts, display


def content(store):
    return store.frame().drop(columns="environment").to_csv()


def test_trains_every_arm_and_seed(tmp_path):
    store, counts, _ = train(tmp_path / "a")
    assert counts == (6, 0)
    rows = store.frame()
    assert rows["arm"].tolist() == 3 * ["broken"] + 3 * ["fixed"]
    assert rows["seed"].tolist() == [0, 1, 2, 0, 1, 2]


def test_a_second_run_trains_nothing(tmp_path):
    train(tmp_path / "a")
    _, counts, display = train(tmp_path / "a")
    assert counts == (0, 6)
    assert display.started == []


def test_more_seeds_train_only_the_new_ones(tmp_path):
    train(tmp_path / "a", seeds=(0, 1, 2))
    store, counts, display = train(tmp_path / "a", seeds=(1, 2, 3, 4))
    assert counts == (4, 4)
    assert len(store) == 10
    assert sorted(name for name, _ in display.started) == ["broken", "fixed"]


def test_rows_do_not_depend_on_when_a_seed_is_trained(tmp_path):
    together, _, _ = train(tmp_path / "a", seeds=(0, 1, 2, 3))
    train(tmp_path / "b", seeds=(3,))
    apart, _, _ = train(tmp_path / "b", seeds=(0, 1, 2, 3))
    assert content(together) == content(apart)


def test_arms_that_differ_in_length_are_one_run_read_twice(tmp_path):
    joint, _, display = train(tmp_path / "a", "broken,longer")
    assert [name for name, _ in display.started] == ["longer = broken"]
    for arm in ("broken", "longer"):
        train(tmp_path / "b", arm)
    assert content(joint) == content(Store(tmp_path / "b", toy.CASE))


def test_progress_counts_every_update(tmp_path):
    _, _, display = train(tmp_path / "a", "fixed", seeds=(0, 1))
    (_, total) = display.started[0]
    assert display.updates == total == 2 * toy.CASE.fixed.num_steps


def test_the_reference_trainer_fills_a_store_of_its_own(tmp_path):
    store = Store(tmp_path / "a", toy.CASE, "reference")
    plan = plans.select(toy.CASE, "broken")
    assert runner.train(toy.CASE, plan, [0, 1], store) == (2, 0)
    engine_rows, _, _ = train(tmp_path / "b", "broken", seeds=(0, 1))
    slow, fast = store.frame(), engine_rows.frame()
    assert slow["mse"].tolist() == pytest.approx(fast["mse"].tolist(), rel=1e-3)
    assert (slow["key"] != fast["key"]).all()


def test_a_diverged_run_is_a_row_and_not_solved(tmp_path):
    case = toy.make(broken=toy.Toy(learning_rate=1e6, epochs=3))
    store, counts, _ = train(tmp_path / "a", "broken", case=case)
    assert counts == (3, 0)
    found = store.frame()[["diverged", "solved", "mse", "r2"]].to_numpy().tolist()
    assert found == 3 * [[True, False, math.inf, -math.inf]]


def test_an_arm_the_engine_refuses_writes_nothing(tmp_path):
    def model(s):
        import keras

        network = toy.model(s)
        network.compile(keras.optimizers.SGD(0.1, clipnorm=1.0), "mse")
        return network

    case = toy.make(model=model)
    with pytest.raises(SuiteError, match="clipnorm"):
        train(tmp_path / "a", case=case)
    assert not (tmp_path / "a").exists()


def test_a_refusal_of_a_later_arm_comes_before_anything_is_trained(tmp_path):
    def model(s):
        import keras

        network = toy.model(s)
        if s.activation == "tanh":
            network.compile(keras.optimizers.SGD(0.1, clipnorm=1.0), "mse")
        return network

    with pytest.raises(SuiteError, match="clipnorm"):
        train(tmp_path / "a", "broken,fixed", case=toy.make(model=model))
    assert not (tmp_path / "a").exists()


def test_arms_whose_schedule_reads_the_length_are_trained_apart(tmp_path):
    def model(s):
        import keras

        network = toy.model(s)
        rate = keras.optimizers.schedules.PolynomialDecay(0.1, s.num_steps)
        network.compile(keras.optimizers.SGD(rate), "mse")
        return network

    case = toy.make(model=model)
    joint, _, display = train(tmp_path / "a", "broken,longer", case=case)
    assert sorted(name for name, _ in display.started) == ["broken", "longer"]
    train(tmp_path / "b", "broken", case=case)
    apart, _, _ = train(tmp_path / "b", "longer", case=case)
    assert content(joint) == content(apart)


def test_traces_end_at_their_own_arm(tmp_path):
    store, _, _ = train(tmp_path / "a", "broken,longer", seeds=range(5))
    for arm in ("broken", "longer"):
        steps = toy.CASE.arm(arm).num_steps
        traces = list(store.traces(arm, steps))
        assert sorted(seed for t in traces for seed in t["seeds"]) == [0, 1, 2, 3, 4]
        for trace in traces:
            assert trace["steps"][0] == 0
            assert trace["steps"][-1] == steps
            assert trace["curve"].shape[1:] == (len(trace["steps"]), 50)


def test_a_stream_is_trained_and_cut(tmp_path):
    case = toy.make_stream()
    store = Store(tmp_path / "a", case)
    plan = plans.cut(plans.select(case, "broken,fixed"), 120)
    assert runner.train(case, plan, [0, 1], store) == (4, 0)
    assert store.arms() == [("broken", 30), ("fixed", 120)]
    assert store.stale() == {}


def test_blocks_are_even_and_bounded():
    assert stack_size.even_width(32, 128, 2) == 16
    assert stack_size.even_width(1000, 128, 2) == 125
    assert stack_size.even_width(1, 128, 1) == 2
    assert stack_size.even_width(129, 128, 1) == 65


# What goes wrong.


def failing(seed, error):
    """A case whose data cannot be drawn for one seed."""

    def data(s, rng, size):
        if rng.bit_generator.seed_seq.entropy == seed:
            raise error
        return toy.data(s, rng, size)

    return toy.make(data=data)


def test_a_unit_that_fails_is_named_and_all_others_are_kept(tmp_path):
    case = failing(3, SuiteError("these data cannot be drawn"))
    with pytest.raises(SuiteError, match=r"broken, seeds 0 to \d+ \(these data cannot be drawn\)"):
        train(tmp_path / "a", "broken", seeds=range(40), case=case)
    kept = set(Store(tmp_path / "a", case).frame()["seed"])
    assert kept and 3 not in kept
    assert kept == set(range(min(kept), 40))


def test_a_bug_keeps_its_traceback_and_says_where_it_was(tmp_path):
    case = failing(3, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError) as found:
        train(tmp_path / "a", "broken", seeds=[2, 3], case=case)
    assert "while training toy: broken, seeds 2 to 3" in found.value.__notes__[0]


class Impatient(blocks.SilentProgress):
    """Presses Ctrl-C once so many updates were heard of."""

    def __init__(self, patience):
        self.patience = patience

    def advance(self, updates, name=None):
        self.patience -= updates
        if self.patience < 0:
            raise KeyboardInterrupt


def test_ctrl_c_says_what_is_kept_and_the_next_run_goes_on(tmp_path):
    plan = plans.select(toy.CASE, "broken")
    updates = toy.CASE.broken.num_steps
    with pytest.raises(runner.Stopped, match=r"stopped; [12] of 3 units are finished and kept"):
        store = Store(tmp_path / "a", toy.CASE)
        runner.train(toy.CASE, plan, list(range(48)), store, Impatient(33 * updates))
    kept = len(Store(tmp_path / "a", toy.CASE))
    assert 0 < kept < 48
    store, counts, _ = train(tmp_path / "a", "broken", seeds=range(48))
    assert counts == (48 - kept, kept)
    undisturbed, _, _ = train(tmp_path / "b", "broken", seeds=range(48))
    assert store.text() == undisturbed.text()


def test_a_run_goes_on_from_a_saved_state_and_removes_it(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.runs.jobs.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    long = toy.make(broken=toy.Toy(epochs=50))
    total = 16 * long.broken.num_steps
    with pytest.raises(runner.Stopped, match="0 of 1 units"):
        store = Store(tmp_path / "a", long)
        plan = plans.select(long, "broken")
        runner.train(long, plan, list(range(16)), store, Impatient(total // 2))
    assert len(list((tmp_path / "a/.progress").iterdir())) == 1
    store, _, display = train(tmp_path / "a", "broken", seeds=range(16), case=long)
    assert not list((tmp_path / "a/.progress").iterdir())
    # What the state stands for is told at once, so the bar is full at the end.
    assert display.updates == total
    undisturbed, _, _ = train(tmp_path / "b", "broken", seeds=range(16), case=long)
    assert store.text() == undisturbed.text()


def test_a_damaged_state_is_named_and_kept(tmp_path):
    store = Store(tmp_path / "a", toy.CASE)
    plan = plans.select(toy.CASE, "broken")
    (job,) = jobs.cut(toy.CASE, plan, lambda *_: [0, 1], "engine")
    store.save_checkpoint(job.digest(), b"half a state")
    with pytest.raises(SuiteError, match=r"\.npz is damaged; remove it.*broken, seeds 0 to 1"):
        train(tmp_path / "a", "broken", seeds=[0, 1])
    assert store.state(job.digest()) == b"half a state"


# Memory stays bounded.


ROOT = pathlib.Path(__file__).parents[2]
CODE = """
import dataclasses, resource, sys
import reproductions
from experiments.cases import plans
from experiments.runs import runner
from experiments.runs.store import Store

case = reproductions.load(sys.argv[1])
arms = plans.select(case, sys.argv[2])
# Memory does not grow with the length of a run, so a short one will do.
short = {"epochs": 1} if hasattr(case.broken, "epochs") else {"steps": 200}
plan = {arm: setup.replace(**short) for arm, setup in arms.items()}
trained, _ = runner.train(case, plan, list(range(1000)), Store(sys.argv[3], case))
print(trained, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", reproductions.names())
def test_a_thousand_seeds_fit_in_4_gb(name, tmp_path):
    case = reproductions.load(name)
    arm = "fixed_dropout" if "fixed_dropout" in case.variants else "fixed"
    found = subprocess.run(
        [sys.executable, "-c", CODE, name, arm, str(tmp_path / "a")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    trained, megabytes = map(int, found.stdout.split())
    assert trained == 1000
    assert megabytes < 4096
