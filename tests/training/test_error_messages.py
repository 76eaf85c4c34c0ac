"""Reasons: what Keras or the machine refuses is one line; a case's own bug keeps its traceback."""

import dataclasses
import re

import pytest

from experiments import fix
from experiments.cases.errors import SuiteError
from experiments.runs import runner
from experiments.runs.store import Store
from experiments.training import error_messages, memory, networks
from tests import toy


@dataclasses.dataclass(frozen=True)
class Small(toy.Toy):
    hidden: tuple = (4,)


def model(s):
    import keras

    network = keras.Sequential([keras.Input((1,))])
    for units in s.hidden:
        network.add(keras.layers.Dense(units, s.activation))
    network.add(keras.layers.Dropout(s.dropout))
    network.add(keras.layers.Dense(1))
    settings = {"learning_rate": s.learning_rate}
    chosen = keras.optimizers.get({"class_name": s.optimizer, "config": settings})
    network.compile(chosen, s.loss)
    return network


def make(broken=Small(), **parts):
    return toy.make(model=model, broken=broken, **parts)


def train(folder, case):
    store = Store(folder, case)
    runner.train(case, {"broken": case.broken}, [0], store)
    return store


def test_a_mistake_of_the_case_keeps_its_traceback(tmp_path):
    def data(s, rng, size):
        raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        train(tmp_path / "a", make(data=data))


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (Small(activation="nonsense"), "toy: the arm 'broken' cannot be built.*'?nonsense"),
        (Small(optimizer="nonsense"), "cannot be built"),
        (Small(loss="nonsense"), "cannot be built"),
        (Small(hidden=(-3,)), "cannot be built"),
        (Small(dropout=1.5), "cannot be built"),
        (Small(hidden=(10**12,)), "more memory than this machine has"),
        (Small(num_samples=10**12), "more memory than this machine has"),
    ],
)
def test_what_keras_or_the_machine_refuses_is_one_line(setup, words, tmp_path):
    case = make(setup, fixes={"longer": fix("too few updates", epochs=5)}, variants={})
    with pytest.raises(SuiteError) as caught:
        train(tmp_path / "a", case)
    text = str(caught.value)
    assert text.isprintable() and len(text) <= 2000
    assert re.search(words, text), text


def test_a_rate_that_is_no_number_is_a_run_that_diverges(tmp_path):
    store = train(tmp_path / "a", make(Small(learning_rate=float("nan"))))
    assert store.frame()["diverged"].tolist() == [True]


def test_a_reason_names_the_arm_and_keeps_the_cause():
    refused = pytest.raises(SuiteError, match="the arm 'slow' cannot be trained.*MemoryError")
    with refused as caught, error_messages.explained(make(), make().arm("slow")):
        raise MemoryError
    assert isinstance(caught.value.__cause__, MemoryError)


def test_a_mistake_of_the_library_is_no_setting():
    with pytest.raises(ZeroDivisionError), error_messages.explained(make(), Small()):
        raise ZeroDivisionError


def test_an_arm_without_a_name_is_its_setup():
    assert error_messages.arm_text(make(), Small(epochs=5)) == "'longer'"
    assert "epochs=77" in error_messages.arm_text(make(), Small(epochs=77))


# Sizes.


def test_training_needs_at_least_its_samples_and_weights():
    sized = dict(num_columns=2, num_weights=10, num_units=4)
    # 100 samples of 2 columns: 8 + 4 + 4 bytes each, and 8 for their order; 3 copies of 10
    # weights; 1,000 answers of 4 units.
    alone = 100 * (2 * 16 + 8) + 4 * (3 * 10 + 1000 * 4)
    assert memory.training_bytes(100, 10, 1, **sized) == alone
    assert memory.training_bytes(100, 10, 16, **sized) == 16 * alone


def test_a_stack_that_does_not_fit_is_refused(monkeypatch):
    model = networks.build(make(), Small())
    monkeypatch.setattr(memory, "memory", lambda: 100_000)
    networks.check_memory(make(), Small(), model)
    with pytest.raises(SuiteError, match="16 seeds at once"):
        networks.check_memory(make(), Small(), model, 16)
