"""Why can't a deep network approximate the simple ln(x)?

A public question (Stack Overflow 41550966, TensorFlow 0.12; three answers). The
asker's network, all weights and biases drawn from U[0, 1), answers -1.00
everywhere. Answer B standardises x and widens or removes the second layer; answer
C draws small normal weights and uses Adam, and, without a word, ten times the
batch and a hundred times the steps.
"""

import dataclasses

import numpy as np

from experiments import Case, Evidence, Regression, Setup, Solved, era, fix, rival
from experiments.cli import main


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
    negative_slope: float = 0.0
    dropout: float = 0.0
    clipvalue: float | None = None


def data(s, rng, size):
    # Drawn in float64, as they did: a float32 draw is exactly 0 now and then.
    x = s.low + (1 - s.low) * rng.random((*size, 1))
    return x, np.log(x)


PREPARED = {
    "as drawn": lambda x, sample: x,
    "minus mean": lambda x, sample: x - 0.5,
    "standardised": lambda x, sample: (x - 0.5) * np.sqrt(12),
    "standardised by batch": lambda x, sample: (x - sample.mean(-2, keepdims=True))
    / sample.std(-2, keepdims=True),
}


def inputs(s, x, sample):
    return PREPARED[s.inputs](x, sample)


def model(s):
    import keras
    from keras import initializers, layers

    start = {
        "kernel_initializer": getattr(initializers, s.weights[0])(*s.weights[1:]),
        "bias_initializer": getattr(initializers, s.biases[0])(*s.biases[1:]),
    }
    network = keras.Sequential([keras.Input((1,))])
    for units in s.hidden:
        network.add(layers.Dense(units, **start))
        network.add(layers.ReLU(negative_slope=s.negative_slope))
        network.add(layers.Dropout(s.dropout))
    network.add(layers.Dense(1, **start))
    settings = dict(learning_rate=s.learning_rate, clipvalue=s.clipvalue)
    network.compile(era.optimizer(s.optimizer, **settings), "mse")
    return network


NORMAL = ("TruncatedNormal", 0.0, 0.1)
SMALL = ("Constant", 0.1)
STANDARD = dict(inputs="standardised")

CASE = Case(
    name="ln_fit",
    shows="A deep network answers -1.00 everywhere.",
    symptom="network outputs the mean, answers the same number everywhere",
    source="stackoverflow.com/questions/41550966 (answer C is 41565985)",
    data=data,
    model=model,
    inputs=inputs,
    task=Regression(
        np.log,
        also_from=0.01,
        points=(0.19118255, 0.17362741, 0.60853624, 0.33864763, 0.79126364)
        + (0.09994856, 0.31053194, 0.0512077, 0.120253),
        published_mse=4.33e-5,
    ),
    solved=Solved("r2", above=0.95),
    broken=LnFit(
        hidden=(50, 10),
        weights=("RandomUniform", 0.0, 1.0),
        biases=("RandomUniform", 0.0, 1.0),
        optimizer="SGD",
        learning_rate=0.01,
        batch_size=50,
        steps=10_000,
    ),
    fixes={
        "start": fix("small normal weights, small biases", weights=NORMAL, biases=SMALL),
        "adam": fix("a better optimizer", optimizer="Adam", learning_rate=1e-4),
        "batch": fix("ten times the batch, without a word", batch_size=500),
        "steps": fix("a hundred times the steps, without a word", steps=1_000_000),
    },
    rivals={
        "weights": rival("answer C's weights alone", weights=NORMAL),
        "biases": rival("answer C's biases alone", biases=SMALL),
        "standardise": rival("x minus its mean, over its deviation", **STANDARD),
        "minus_mean": rival("x minus its mean", inputs="minus mean"),
        "by_batch": rival("by each batch's own", inputs="standardised by batch"),
        "one_layer": rival("and no second layer", "standardise", hidden=(50,)),
        "wide": rival("and 50 units in the second", "standardise", hidden=(50, 50)),
        "from_0.01": rival("x drawn from [0.01, 1]", low=0.01),
        "dropout": rival("dropout 0.5 after each hidden layer", dropout=0.5),
        "leaky_0.01": rival("leaky ReLU", negative_slope=0.01),
        "leaky_0.3": rival("leaky ReLU, a layer's old default", negative_slope=0.3),
        "clip": rival("no gradient component above 1", clipvalue=1.0),
        "fixed_dropout": rival("dropout on the fixed program", "fixed", dropout=0.5),
        "fixed_from_0.01": rival("[0.01, 1] on the fixed program", "fixed", low=0.01),
    },
    quick_steps=50_000,
    evidence=(
        Evidence("broken", 1000),
        Evidence("lattice", 200, steps=10_000, without=("steps",)),
        Evidence("rivals", 200, steps=10_000),
        Evidence("lattice", 32, steps=100_000),
        Evidence("fixed", 16),
    ),
    reference_arm="start",
    block_width=8,
    provenance={
        "hidden": ("quoted", ""),
        "weights": ("quoted", "tf.random_uniform with its defaults, U[0, 1)"),
        "biases": ("quoted", "the same"),
        "optimizer": ("quoted", "plain gradient descent"),
        "learning_rate": ("quoted", ""),
        "batch_size": ("quoted", "a fresh batch at each step"),
        "steps": ("quoted", ""),
        "low": ("quoted", "x from U[0, 1)"),
        "inputs": ("quoted", "x as drawn; how answer B standardises is left open"),
        "negative_slope": ("quoted", "plain relu"),
        "dropout": ("quoted", "none; 0.5 after each hidden layer is ours"),
        "clipvalue": ("ours", "none; the rival clip is a question of ours"),
    },
    deviations=(
        "Answer B leaves open whose mean and deviation it means: the distribution's, "
        "each batch's and the mean alone are three rivals.",
        "Answer C suggests dropout and x from [0.01, 1] without numbers for the first; "
        "0.5 is ours.",
        "Arms with a million steps are cut where the tables say so.",
        "The published points are asked at eight digits, as printed.",
    ),
)

if __name__ == "__main__":
    main(CASE)
