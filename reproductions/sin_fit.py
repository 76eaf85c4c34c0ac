"""Why does this network fail so badly at y = 10 sin(3x)?

Asked on Cross Validated (Keras 1; one answer). A one-unit sigmoid layer stands in front of
a 50-unit one; trained for a single epoch, the predictions are nowhere near the curve. The
answer removes the first layer, trains for 100 epochs and cuts the batch from 100 to 10.

    python -m reproductions.sin_fit      # broken against fixed, 32 seeds each

Variants, the thread's claims and the origin of each constant: evidence/sin_fit.py
"""

import dataclasses

import numpy as np

from experiments import Case, Regression, Setup, Solved, fix, main


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
    by_hand: tuple = ("nothing",)


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
    block_width=None,
)

if __name__ == "__main__":
    main(CASE)
