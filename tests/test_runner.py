"""The runner: what is missing, once; every arm of a run; the same rows however cut."""

import pytest

from experiments import plans, runner
from experiments.case import SuiteError
from experiments.store import Store
from tests import toy


class Recorder(runner.Quiet):
    """Remembers what was announced and how many updates were made."""

    def __init__(self):
        self.started, self.updates = [], 0

    def start(self, name, total):
        self.started.append((name, total))

    def advance(self, updates):
        self.updates += updates


def train(folder, words="broken,fixed", seeds=(0, 1, 2), case=toy.CASE):
    store = Store(folder, case)
    display = Recorder()
    counts = runner.train(case, plans.select(case, words), list(seeds), store, display)
    return store, counts, display


def content(store):
    keep = ("environment", "check")
    return [{k: v for k, v in row.items() if k not in keep} for row in store.rows()]


def test_trains_every_arm_and_seed(tmp_path):
    store, counts, _ = train(tmp_path / "a")
    assert counts == (6, 0)
    assert [(r["arm"], r["seed"]) for r in store.rows()] == [
        (arm, str(seed)) for arm in ("broken", "fixed") for seed in range(3)
    ]


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
    assert [name for name, _ in display.started] == ["broken", "fixed"]


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
    pairs = zip(store.rows(), engine_rows.rows(), strict=True)
    for slow, fast in pairs:
        assert float(slow["mse"]) == pytest.approx(float(fast["mse"]), rel=1e-3)
        assert slow["key"] != fast["key"]


def test_a_diverged_run_is_a_row_and_not_solved(tmp_path):
    case = toy.make(broken=toy.Toy(learning_rate=1e6, epochs=3))
    store, counts, _ = train(tmp_path / "a", "broken", case=case)
    assert counts == (3, 0)
    for row in store.rows():
        assert (row["diverged"], row["solved"], row["mse"], row["r2"]) == ("1", "0", "inf", "-inf")


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
    assert runner._even_width(32, 128, 2) == 16
    assert runner._even_width(1000, 128, 2) == 125
    assert runner._even_width(1, 128, 1) == 2
    assert runner._even_width(129, 128, 1) == 65
