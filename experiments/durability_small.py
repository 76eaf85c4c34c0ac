"""A small case to try things on: every kind of field, and trained in a blink.

Room 4: a case as anybody would write one, and no reproduction of anything.
"""

import dataclasses

from experiments import evidence_file
from experiments.case import Case, Regression, Setup, Solved, fix, variant
from experiments.evidence_file import Evidence, Recorded


@dataclasses.dataclass(frozen=True)
class Small(Setup):
    """A network of one hidden layer on a finite set of samples."""

    hidden: tuple = (4,)
    activation: str = "linear"
    optimizer: str = "SGD"
    learning_rate: float = 0.1
    loss: str = "mse"
    dropout: float = 0.0
    batch_size: int = 8
    epochs: int = 2
    num_samples: int = 16
    validation_split: float = 0.0
    calls: int = 1


def target(x):
    """The curve to be learned."""
    return x * (1 - x)


def data(s, rng, size):
    """Points of the curve."""
    x = rng.random((*size, 1))
    return x, target(x)


def model(s):
    """The network, compiled; every word of it is looked up by Keras."""
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


def make(**changes):
    """Returns the small case, with some of its parts exchanged."""
    parts = {
        "name": "small",
        "shows": "A parabola is fitted by a line.",
        "symptom": "predictions lie on a line",
        "source": "ours",
        "data": data,
        "model": model,
        "task": Regression(target),
        "solved": Solved("r2", above=0.95),
        "broken": Small(),
        "fixes": {
            "bend": fix("a line cannot bend", activation="tanh"),
            "longer": fix("too few updates", epochs=5),
        },
        "variants": {"slow": variant("a smaller rate", learning_rate=0.01)},
        "recorded": (Recorded("all", 4),),
    } | changes
    asked = {field.name for field in dataclasses.fields(Evidence)} & set(parts)
    asked -= {"variants", "by_hand"}
    evidence = Evidence(**{name: parts.pop(name) for name in asked})
    return evidence_file.merged(Case(**parts), evidence)
