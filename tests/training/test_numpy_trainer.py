"""The third trainer: plain NumPy agrees with the engine step by step, and refuses the rest."""

import dataclasses

import numpy as np
import pytest

import reproductions
from experiments.cases.errors import SuiteError
from experiments.training import engine, metrics, numpy_trainer
from tests import toy

LN = reproductions.load("ln_fit")


def snapshots(trainer, case, setup, seeds, marks):
    return list(trainer.train(seeds, marks, metrics.Evaluation(case, setup, seeds)))


@pytest.mark.parametrize("arm", ["broken", "start"])
def test_it_agrees_with_the_engine_step_by_step(arm):
    setup = LN.arm(arm).replace(steps=150)
    seeds, marks = list(range(4)), [0, 1, 2, 10, 150]
    ours = snapshots(numpy_trainer.Trainer(LN, setup), LN, setup, seeds, marks)
    theirs = snapshots(engine.Trainer(LN, setup, 8), LN, setup, seeds, marks)
    for one, other in zip(ours, theirs, strict=True):
        scale = np.abs(other.outputs).max()
        np.testing.assert_allclose(one.outputs, other.outputs, atol=1e-4 * scale)
        for first, second in zip(one.hidden, other.hidden, strict=True):
            np.testing.assert_allclose(first, second, atol=1e-4 * max(np.abs(second).max(), 1))
        assert one.activations == other.activations
        if one.steps:
            np.testing.assert_allclose(one.logs, other.logs, rtol=1e-3, atol=1e-6)


def test_it_averages_a_short_last_batch_as_fit_does():
    case = toy.CASE
    setup = case.broken
    seeds, marks = [0, 1], [4, 8]
    ours = snapshots(numpy_trainer.Trainer(case, setup), case, setup, seeds, marks)
    theirs = snapshots(engine.Trainer(case, setup, 2), case, setup, seeds, marks)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.logs, other.logs, rtol=1e-4)
        np.testing.assert_allclose(one.outputs, other.outputs, rtol=1e-4, atol=1e-6)


def test_a_seed_does_not_depend_on_its_companions():
    setup = LN.broken.replace(steps=20)
    alone = snapshots(numpy_trainer.Trainer(LN, setup), LN, setup, [3], [20])[0]
    among = snapshots(numpy_trainer.Trainer(LN, setup), LN, setup, [1, 3, 2], [20])[0]
    np.testing.assert_array_equal(alone.outputs[0], among.outputs[1])


def test_progress_counts_every_update_of_every_seed():
    made = []
    setup = LN.broken.replace(steps=30)
    evaluation = metrics.Evaluation(LN, setup, [0, 1])
    list(numpy_trainer.Trainer(LN, setup).train([0, 1], [0, 7, 30], evaluation, made.append))
    assert sum(made) == 60


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (dict(activation="tanh"), "layer Dense .tanh."),
        (dict(optimizer="Adam"), "optimizer Adam"),
        (dict(loss="mae"), "loss mae"),
        (dict(dropout=0.5), "layer Dropout"),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(changes, text):
    setup = dataclasses.replace(toy.CASE.broken, **changes)
    with pytest.raises(SuiteError, match=text):
        numpy_trainer.Trainer(toy.CASE, setup)


def test_momentum_and_clipping_are_refused_by_name():
    with pytest.raises(SuiteError, match="clipvalue"):
        numpy_trainer.Trainer(LN, LN.arm("clip"))
    sine = reproductions.load("sin_fit")
    with pytest.raises(SuiteError, match="SGD with a schedule"):
        numpy_trainer.Trainer(sine, sine.broken)
