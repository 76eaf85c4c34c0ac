"""A toy case for tests: small, quick, and with every kind of field."""

import dataclasses

import numpy as np

from experiments import Case, Evidence, Recorded, Regression, Setup, Solved, fix, variant
from experiments.analysis.analysis import Analysis
from experiments.cases.evidence import find_evidence, with_evidence
from experiments.runs.store import Store
from experiments.stats.interim import FIXED


@dataclasses.dataclass(frozen=True)
class Toy(Setup):
    activation: str = "linear"
    optimizer: str = "SGD"
    learning_rate: float = 0.1
    loss: str = "mse"
    dropout: float = 0.0
    batch_size: int = 16
    epochs: int = 2
    num_samples: int = 50


@dataclasses.dataclass(frozen=True)
class ToyStream(Setup):
    learning_rate: float = 0.1
    batch_size: int = 4
    steps: int = 30


def target(x):
    return x * (1 - x)


def data(s, rng, size):
    x = rng.random((*size, 1))
    return x, target(x)


def model(s):
    import keras

    network = keras.Sequential([keras.Input((1,))])
    network.add(keras.layers.Dense(6, s.activation))
    network.add(keras.layers.Dropout(s.dropout))
    network.add(keras.layers.Dense(1))
    network.compile(getattr(keras.optimizers, s.optimizer)(s.learning_rate), s.loss)
    return network


def stream_model(s):
    import keras

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile(keras.optimizers.SGD(s.learning_rate), "mse")
    return network


def make(**changes):
    """Returns the toy case, with some of its parts exchanged."""
    parts = dict(
        name="toy",
        shows="A parabola is fitted by a line.",
        symptom="predictions lie on a line",
        source="ours",
        data=data,
        model=model,
        task=Regression(target),
        solved=Solved("r2", above=0.95),
        broken=Toy(),
        fixes={
            "bend": fix("a line cannot bend", activation="tanh"),
            "longer": fix("too few updates", epochs=5),
        },
        variants={"slow": variant("a smaller rate", learning_rate=0.01)},
        recorded=(Recorded("all", 4),),
    )
    return case_of(parts | changes)


def case_of(parts):
    """Returns a case, and lets its evidence be found: of parts of both."""
    asked = {field.name for field in dataclasses.fields(Evidence)} - {"variants", "by_hand"}
    evidence = Evidence(**{name: value for name, value in parts.items() if name in asked})
    own = {name: value for name, value in parts.items() if name not in asked}
    return with_evidence(Case(**own), evidence)


def make_stream(**changes):
    """Returns a toy case that trains on an endless stream, with some of its parts exchanged."""
    parts = dict(
        name="toy_stream",
        model=stream_model,
        broken=ToyStream(),
        fixes={"steps": fix("too few updates", steps=250)},
        variants={},
    )
    return make(**parts | changes)


CASE = make()


def analysis(case, runs, rule=FIXED):
    """Returns the analysis of rows that are stored nowhere."""
    found = Analysis(case, find_evidence(case), Store("nowhere", case))
    found.runs, found.rule = runs, rule
    return found


def outputs_after(trainer, seeds, evaluation, steps):
    """Returns the outputs of the last snapshot as one array."""
    *_, last = trainer.train(seeds, [steps], evaluation)
    return np.asarray(last.outputs)
