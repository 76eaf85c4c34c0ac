"""Why can't a deep network approximate the simple ln(x)?

Asked on Stack Overflow (TensorFlow 0.12; three answers). All weights and biases start from
U[0, 1), and the network answers -1.00 everywhere. Answer B standardises x; answer C draws small
normal weights, uses Adam and, without a word, ten times the batch and a hundred times the steps.

    python -m reproductions.ln_fit      # broken against fixed; all else: evidence/ln_fit.py
"""

import dataclasses

import numpy as np

from experiments import Case, Regression, Setup, Solved, era, fix, main


@dataclasses.dataclass(frozen=True)
class LnFit(Setup):
    hidden: tuple
    weights: tuple
    biases: tuple
    optimizer: str
    learning_rate: float
    batch_size: int
    steps: int
    low: float = 0.0
    inputs: str = "as drawn"
    units: tuple = ("ReLU",)
    dropout: float = 0.0
    clipvalue: float | None = None
    l2: float | None = None
    by_hand: str = "nothing"


def data(s, rng, size):
    x = s.low + (1 - s.low) * rng.random((*size, 1))  # In float32 it would be 0 now and then.
    return x, np.log(x)


PREPARED = {
    "as drawn": lambda x, sample: x,
    "minus mean": lambda x, sample: x - 0.5,
    "standardised": lambda x, sample: (x - 0.5) * np.sqrt(12),
    "standardised by batch": lambda x, sample: (
        (x - sample.mean(-2, keepdims=True)) / sample.std(-2, keepdims=True)
    ),
}


def inputs(s, x, sample):
    return PREPARED[s.inputs](x, sample)


def model(s):
    import keras
    from keras import initializers, layers, regularizers

    start = {
        "kernel_initializer": getattr(initializers, s.weights[0])(*s.weights[1:]),
        "bias_initializer": getattr(initializers, s.biases[0])(*s.biases[1:]),
    }
    network = keras.Sequential([keras.Input((1,))])
    for units in s.hidden:
        penalty = s.l2 and regularizers.L2(s.l2)
        network.add(layers.Dense(units, kernel_regularizer=penalty, **start))
        network.add(getattr(layers, s.units[0])(*s.units[1:]))
        network.add(layers.Dropout(s.dropout))
    network.add(layers.Dense(1, **start))
    settings = dict(learning_rate=s.learning_rate, clipvalue=s.clipvalue)
    network.compile(era.optimizer(s.optimizer, **settings), "mse")
    return network


WIDE, NORMAL, SMALL = ("RandomUniform", 0.0, 1.0), ("TruncatedNormal", 0.0, 0.1), ("Constant", 0.1)
PRINTED = (0.19118255, 0.17362741, 0.60853624, 0.33864763, 0.79126364)
PRINTED += (0.09994856, 0.31053194, 0.0512077, 0.120253)

CASE = Case(
    name="ln_fit",
    shows="A deep network answers -1.00 everywhere.",
    symptom="network outputs the mean, answers the same number everywhere",
    source="stackoverflow.com/questions/41550966 (answer C is 41565985)",
    data=data,
    model=model,
    inputs=inputs,
    task=Regression(np.log, also_from=0.01, points=PRINTED, published_mse=4.33e-5),
    solved=Solved("r2", above=0.95),
    broken=LnFit((50, 10), WIDE, WIDE, "SGD", 0.01, batch_size=50, steps=10_000),
    fixes={
        "start": fix("small normal weights, small biases", weights=NORMAL, biases=SMALL),
        "adam": fix("a better optimizer", optimizer="Adam", learning_rate=1e-4),
        "batch": fix("ten times the batch, without a word", batch_size=500),
        "steps": fix("a hundred times the steps, without a word", steps=1_000_000),
    },
    quick_steps=50_000,
    block_width=8,
)

if __name__ == "__main__":
    main(CASE)
