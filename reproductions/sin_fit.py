"""Why does this network fail so badly at y = 10 sin(3x)?

A public question (Cross Validated, Keras 1; one answer). The asker trains a
one-unit sigmoid layer in front of a 50-unit one for a single epoch and finds the
predictions nowhere near the curve. The answer removes the first layer, trains
for 100 epochs and cuts the batch to 10.
"""

import dataclasses

import numpy as np

from experiments import Case, Regression, Setup, Solved, fix, rival
from experiments.cli import main


@dataclasses.dataclass(frozen=True)
class SinFit(Setup):
    hidden: tuple
    initial_limit: float
    learning_rate: float
    batch_size: int
    epochs: int
    num_samples: int = 10_000
    momentum: float = 0.0
    decay: float = 0.0
    calls: int = 1


def target(x):
    return 10 * np.sin(3 * x)


def data(s, rng, size):
    x = rng.random((*size, 1))
    return x, target(x)


def model(s):
    import keras
    from keras import layers

    uniform = keras.initializers.RandomUniform(-s.initial_limit, s.initial_limit)
    network = keras.Sequential([keras.Input((1,))])
    for units in s.hidden:
        network.add(layers.Dense(units, "sigmoid", kernel_initializer=uniform))
    network.add(layers.Dense(1))
    # The time decay of Keras 1, which Keras 3 would ignore as an argument.
    rate = keras.optimizers.schedules.InverseTimeDecay(s.learning_rate, 1, s.decay)
    network.compile(keras.optimizers.SGD(rate, s.momentum), "mse", metrics=["accuracy"])
    return network


MEANT = dict(learning_rate=0.05, momentum=0.9, decay=1e-6)

CASE = Case(
    name="sin_fit",
    shows="A regression answers about the same number everywhere.",
    symptom="predictions are flat, nowhere near the curve",
    source='Cross Validated, "Why does this neural network in Keras fail so badly?" '
    "(its address is not known to us)",
    data=data,
    model=model,
    task=Regression(target),
    solved=Solved("r2", above=0.95),
    broken=SinFit(hidden=(1, 50), initial_limit=0.05, learning_rate=0.01, batch_size=100, epochs=1),
    fixes={
        "neck": fix("one sigmoid unit cannot carry a curve", hidden=(50,)),
        "epochs": fix("one pass makes too few updates", epochs=100),
        "batch": fix("ten times the updates in each pass", batch_size=10),
    },
    rivals={
        "meant": rival("the optimizer the asker configured but never passed", **MEANT),
        "fixed_meant": rival("the same optimizer on the fixed program", "fixed", **MEANT),
        "calls_10": rival("call the training function 10 times, fresh data", calls=10),
        "calls_100": rival("call it 100 times, fresh data each time", calls=100),
    },
    reference_arm="neck+epochs",
    block_width=None,
    provenance={
        "hidden": ("quoted", "a one-unit layer, then 50 units"),
        "initial_limit": ("inferred", "init='uniform' of Keras 1"),
        "learning_rate": ("inferred", "what the string 'sgd' means"),
        "batch_size": ("quoted", ""),
        "epochs": ("quoted", ""),
        "num_samples": ("quoted", "drawn once"),
        "momentum": ("inferred", "the string 'sgd' has none; the configured 0.9 never ran"),
        "decay": ("inferred", "likewise; the configured 1e-6 never ran"),
        "calls": ("quoted", "once; a commented-out loop would call again and again"),
    },
    deviations=(
        "Samples come from the seed; the thread's were never seeded, as its program "
        "overwrites the seeding function.",
        "The fit is judged on a grid of 1,000 points in place of 20 random ones.",
        "The printed average error is left out: nothing is ever added to it.",
        "The answer gives no program; its three changes are our reading of its prose.",
        "Keras 1 would log accuracy by rounding; both that and today's are kept, and "
        "neither means anything for a regression.",
    ),
)

if __name__ == "__main__":
    main(CASE)
