"""The gate's exact questions: each fails for the fault it is about, and for no other reason."""

import dataclasses

import numpy as np
import pytest

import reproductions
from experiments.check import invariants
from experiments.training import engine, streams
from tests import toy
from tests.trials import faults_planting

SEEDS = [1_000_000, 1_000_001, 1_000_002, 1_000_003]
SETUP = toy.Toy(activation="tanh")
DROPS = SETUP.replace(dropout=0.5)


def failing(trainer, case=toy.CASE, plant=None):
    """The names of the questions that fail, with a fault planted."""
    with (plant or faults_planting.patched())(case) as trained:
        trainer.case = trained
        return {a.question for a in invariants.ask(trainer, SEEDS) if not a.holds}


@pytest.fixture(scope="module")
def trainer():
    return engine.Trainer(toy.CASE, SETUP, len(SEEDS))


@pytest.fixture(scope="module")
def dropping():
    return engine.Trainer(toy.CASE, DROPS, len(SEEDS))


@pytest.fixture(scope="module")
def classifier():
    case = reproductions.load("sum_hinge")
    return engine.Trainer(case, case.broken, len(SEEDS))


def test_nothing_fails_where_nothing_is_wrong(trainer, dropping):
    for one in (trainer, dropping):
        answers = invariants.ask(one, SEEDS)
        assert [a for a in answers if not a.holds] == []
    asked = {answer.question for answer in answers}
    assert asked == {"data", "order", "weights", "dropout", "repeat", "pass", "shuffle"}


@pytest.mark.parametrize("stream", ["data", "order", "weights"])
def test_a_shared_stream_fails_its_own_question_alone(stream, trainer):
    assert failing(trainer, plant=faults_planting.shared(stream)) == {stream}


def test_shared_dropout_masks_fail_their_own_question_alone(dropping):
    assert failing(dropping, plant=faults_planting.shared("dropout")) == {"dropout"}


def test_one_order_for_a_block_is_seen_where_the_trainer_makes_it(trainer):
    def make(gather):
        def made(chunk, seeds):
            first = seeds[0].next_order()
            for one in seeds:
                one.next_order = lambda: first
            return gather(chunk, seeds)

        return made

    plant = faults_planting.patched((engine.Chunk, "_gather", make))
    assert "order" in failing(trainer, plant=plant)


def test_shared_test_points_and_a_leak_are_seen(classifier):
    case = classifier.case
    assert failing(classifier, case) == set()
    assert failing(classifier, case, faults_planting.shared("test")) == {"test points"}
    leak = faults_planting.with_seeds(lambda seed, name: (seed, "data" if name == "test" else name))
    assert failing(classifier, case, leak) == {"leak"}


def test_initial_weights_that_no_seed_gives_are_not_repeated(trainer):
    assert failing(trainer, plant=faults_planting.with_unseeded_weights()) == {"repeat"}


def test_a_network_without_any_draw_is_not_asked_for_its_weights():
    def model(s):
        import keras

        network = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")]
        )
        network.compile("sgd", "mse")
        return network

    case = toy.make(model=model)
    trainer = engine.Trainer(case, case.broken, 2)
    assert "weights" not in {a.question for a in invariants.ask(trainer, SEEDS[:2])}


# What a pass holds.


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda batches, order: np.arange(len(order)), {"order", "shuffle"}),
        (lambda batches, order: np.sort(order)[::-1], {"order", "shuffle"}),
        (lambda batches, order: np.append(order[:-1], order[0]), {"pass"}),
    ],
)
def test_the_order_of_passes_is_looked_at(change, expected, trainer):
    assert failing(trainer, plant=faults_planting.with_orders(change)) == expected


def test_samples_that_weigh_nothing_are_missed(trainer):
    assert SETUP.num_samples % SETUP.batch_size
    plant = faults_planting.with_shares(lambda s: s * (s > 0).all(axis=-1, keepdims=True))
    assert failing(trainer, plant=plant) == {"pass"}


def test_an_endless_stream_that_repeats_is_seen():
    case = toy.make_stream()
    trainer = engine.Trainer(case, case.broken, len(SEEDS))
    assert failing(trainer, case) == set()

    def make(draw):
        def made(batches, size):
            batches.first = getattr(batches, "first", None) or draw(batches, size)
            return batches.first

        return made

    plant = faults_planting.patched((streams.Batches, "_draw", make))
    assert failing(trainer, case, plant) == {"fresh"}


# Updates, refusals, differences.


def test_updates_are_counted_by_the_optimizer_not_by_the_trainer(trainer):
    for _ in trainer.train(SEEDS, [8], invariants.metrics.Evaluation(toy.CASE, SETUP, SEEDS)):
        pass
    assert invariants.updates(trainer, 8, ["broken"]).holds
    wrong = invariants.updates(trainer, 9, ["broken"])
    assert (wrong.holds, wrong.words, wrong.arms) == (False, "8 updates made of 9", ("broken",))


def test_what_the_engine_refuses_is_an_answer():
    case = toy.make(model=lambda s: _clipped(toy.model(s)))
    trainer, answer = invariants.trainable(case, SETUP, 2)
    assert trainer is None and not answer.holds
    assert "cannot train with clipnorm" in answer.words


def _clipped(network):
    network.optimizer.clipnorm = 1.0
    return network


def test_a_trainer_is_left_as_it_was(trainer):
    trainer.case = toy.CASE
    invariants.ask(trainer, SEEDS)
    assert trainer.case is toy.CASE


def test_differences_are_in_units_of_each_part():
    parts = [np.array([[1.0], [1.0], [-1.0]]), np.array([[300.0], [400.0], [np.inf]])]
    found = invariants.differences(parts)
    size = np.sqrt((300.0**2 + 400.0**2) / 2)
    assert found.tolist() == [pytest.approx(100 / size), np.inf, np.inf]
    same = [np.array([[np.nan, np.inf], [np.nan, np.inf]])]
    assert invariants.differences(same).tolist() == [0.0]


def test_planting_leaves_nothing_behind(trainer):
    before = {name: vars(streams)[name] for name in ("sequence", "generator")}
    assert failing(trainer, plant=faults_planting.shared("data", "weights"))
    assert {name: vars(streams)[name] for name in before} == before
    assert failing(trainer, dataclasses.replace(toy.CASE)) == set()
