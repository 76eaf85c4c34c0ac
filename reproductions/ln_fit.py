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
from experiments.claims import (
    Equal,
    Fails,
    Few,
    Helps,
    Median,
    Most,
    Period,
    Race,
    Solves,
    Study,
    certificate,
    claim,
)
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
    units: tuple = ("ReLU",)
    dropout: float = 0.0
    clipvalue: float | None = None
    l2: float | None = None
    by_hand: str = "nothing"


def data(s, rng, size):
    # Drawn in float64, as they did: a float32 draw is exactly 0 now and then.
    x = s.low + (1 - s.low) * rng.random((*size, 1))
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


def dead(weights):
    """The second layer's biases so low that no unit of it ever opens."""
    return [*weights[:3], np.full_like(weights[3], -1000.0), *weights[4:]]


def routed(weights):
    """-ln x through one unit of the second layer: a chain of straight lines, falling to 0."""
    first, second = weights[0].shape[1], weights[2].shape[1]
    knots = np.geomspace(0.01, 1.0, first + 1)
    slopes = np.append(np.diff(-np.log(knots)) / np.diff(knots), 0.0)
    bends = np.sqrt(np.diff(slopes))
    route = np.eye(1, second)
    return [-bends[None, :], bends * knots[1:], bends[:, None] * route, np.zeros(second)] + [
        -route.T,
        np.zeros(1),
    ]


HANDS = {"nothing": lambda weights: weights, "dead": dead, "routed": routed}


def by_hand(s, weights):
    return HANDS[s.by_hand](weights)


NORMAL = ("TruncatedNormal", 0.0, 0.1)
SMALL = ("Constant", 0.1)
STANDARD = dict(inputs="standardised")

UNIFORM, SYMMETRIC = "RandomUniform", "TruncatedNormal"
SCALES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
STARTS = {
    f"uniform_{scale:g}": dict(weights=(UNIFORM, 0.0, scale), biases=(UNIFORM, 0.0, scale))
    for scale in SCALES
} | {f"normal_{scale:g}": dict(weights=(SYMMETRIC, 0.0, scale), biases=SMALL) for scale in SCALES}
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0)

CASE = Case(
    name="ln_fit",
    shows="A deep network answers -1.00 everywhere.",
    symptom="network outputs the mean, answers the same number everywhere",
    source="stackoverflow.com/questions/41550966 (answer C is 41565985)",
    data=data,
    model=model,
    inputs=inputs,
    by_hand=by_hand,
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
        "leaky_0.01": rival("leaky ReLU", units=("LeakyReLU", 0.01)),
        "leaky_0.3": rival("leaky ReLU, a layer's old default", units=("LeakyReLU", 0.3)),
        "clip": rival("no gradient component above 1", clipvalue=1.0),
        "width_20": rival("20 units in the second layer", hidden=(50, 20)),
        "width_50": rival("50 units in the second layer", hidden=(50, 50)),
        "width_100": rival("100 units in the second layer", hidden=(50, 100)),
        "dead": rival("no unit of the second layer ever opens", by_hand="dead"),
        "routed": rival("the solution through one unit, set by hand", by_hand="routed"),
        "tanh": rival("tanh units", units=("Activation", "tanh")),
        "tanh_l2": rival("tanh units with L2 regularisation", "tanh", l2=0.001),
        "fixed_dropout": rival("dropout on the fixed program", "fixed", dropout=0.5),
        "fixed_from_0.01": rival("[0.01, 1] on the fixed program", "fixed", low=0.01),
    },
    quick_steps=50_000,
    evidence=(
        Evidence("broken", 1000),
        Evidence("lattice", 200, steps=10_000, without=("steps",)),
        Evidence("rivals", 200, steps=10_000),
        # Where every seed of two arms agrees, the rule of three asks for more seeds.
        Evidence("dropout,from_0.01,tanh,tanh_l2", 400, steps=10_000),
        Evidence("lattice", 32, steps=100_000),
        Evidence("fixed", 16),
    ),
    reference_arm="start",
    plain=Evidence("broken,start", 200, steps=10_000),
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
        "units": ("quoted", "plain relu"),
        "dropout": ("quoted", "none; 0.5 after each hidden layer is ours"),
        "clipvalue": ("ours", "none; the rival clip is a question of ours"),
        "l2": ("ours", "none; the rivals with L2 put a question of answer A's"),
        "by_hand": ("ours", "nothing is set by hand; certificates set some weights"),
    },
    deviations=(
        "Answer B leaves open whose mean and deviation it means: the distribution's, "
        "each batch's and the mean alone are three rivals.",
        "Answer C suggests dropout and x from [0.01, 1] without numbers for the first; "
        "0.5 is ours.",
        "Arms with a million steps are cut where the tables say so.",
        "The published points are asked at eight digits, as printed.",
    ),
    studies=(
        Study(
            "start_scale",
            "At which scale of the initial weights does which unit learn, all else as asked?",
            start="broken",
            axes={
                "start": STARTS,
                "units": {
                    "relu": {},
                    "tanh": dict(units=("Activation", "tanh")),
                    "sigmoid": dict(units=("Activation", "sigmoid")),
                },
            },
            num_seeds=40,
            documented="uniform_1/relu",
        ),
        Study(
            "rates",
            "Which optimizer at which learning rate learns, all else as asked?",
            start="broken",
            axes={
                "rate": {f"{rate:g}": dict(learning_rate=rate) for rate in RATES},
                "optimizer": {name: dict(optimizer=name) for name in era.KERAS_1},
            },
            num_seeds=40,
            documented="0.01/SGD",
        ),
    ),
    claims=(
        claim(
            "L1",
            "With tanh units, small initial weights leave the network in its linear zone: "
            "at best a straight line.",
            Most("start_scale:normal_0.01/tanh", "mse", at_least=0.25),
            by="answer",
            note="The best straight line leaves a mean squared error of about a quarter.",
        ),
        claim(
            "L1",
            "Large initial weights drive tanh units to their ends, and it fails.",
            Fails("start_scale:normal_10/tanh"),
            Fails("start_scale:uniform_10/tanh"),
            by="answer",
        ),
        claim(
            "L1",
            "Between the two there is a scale at which tanh units learn.",
            Solves("start_scale:normal_0.3/tanh"),
            Solves("start_scale:normal_1/tanh"),
            by="answer",
            any_of=True,
        ),
        claim(
            "L1",
            "Regularisation is what the asker's network lacks.",
            Helps("tanh_l2", "tanh"),
            by="answer",
        ),
        claim(
            "L2",
            "Standardising the input alone is not enough.",
            Fails("standardise"),
            Fails("minus_mean"),
            Fails("by_batch"),
            by="answer",
        ),
        claim(
            "L3",
            "Standardising and removing the second layer works.",
            Solves("one_layer"),
            by="answer",
        ),
        claim(
            "L4",
            "Standardising and 50 units in the second layer works.",
            Solves("wide"),
            by="answer",
        ),
        claim(
            "L5",
            "10 units cannot carry enough information to the output.",
            Fails("routed"),
            by="answer",
            note="Set by hand, the solution passes through a single unit.",
        ),
        claim(
            "L5",
            "A wider second layer carries it.",
            Solves("width_20"),
            Solves("width_50"),
            Solves("width_100"),
            by="answer",
            any_of=True,
        ),
        claim("L6", "Answer C's change fixes it.", Solves("fixed"), by="answer"),
        claim(
            "L6",
            "It is as accurate as printed: the mean of the nine squared errors.",
            Most("fixed", "points_mse", at_most=4.33e-5),
            by="answer",
        ),
        claim(
            "L7",
            "The initial weights alone would have done, at the asker's 10,000 steps.",
            Solves("weights", 10_000),
            by="ours",
        ),
        claim(
            "L7", "The initial biases alone would have done.", Solves("biases", 10_000), by="ours"
        ),
        claim(
            "L7",
            "The optimizer alone would have done, at the asker's 10,000 steps.",
            Solves("adam", 10_000),
            by="answer",
        ),
        claim("L7", "The batch alone would have done.", Solves("batch", 10_000), by="ours"),
        claim("L7", "More steps alone would have done.", Solves("steps", 100_000), by="ours"),
        claim(
            "L8",
            "ReLU is not to blame, since none sits on the output.",
            Few("broken", "dead_since", at_most=10_000),
            by="answer",
        ),
        claim(
            "L8",
            "A leaky ReLU, everything else as asked, would have saved it.",
            Solves("leaky_0.01"),
            Solves("leaky_0.3"),
            by="answer",
            any_of=True,
        ),
        claim("L8", "It is a bad starting point.", Solves("start", 10_000), by="answer"),
        claim("L8", "It is a bad optimizer.", Solves("adam", 10_000), by="answer"),
        claim(
            "L9",
            "Dropout helps the asker's program.",
            Helps("dropout", "broken", 10_000),
            by="answer",
        ),
        claim(
            "L9",
            "Dropout helps the fixed program.",
            Helps("fixed_dropout", "start+adam+batch", 10_000),
            by="answer",
        ),
        claim(
            "L10",
            "Drawing x from [0.01, 1] helps the asker's program.",
            Helps("from_0.01", "broken", 10_000),
            by="answer",
        ),
        claim(
            "L10",
            "Drawing x from [0.01, 1] helps the fixed program.",
            Helps("fixed_from_0.01", "start+adam+batch", 10_000),
            by="answer",
        ),
        claim(
            "L11",
            "No other learning rate of the asker's optimizer converges.",
            *(Fails(f"rates:{rate:g}/SGD") for rate in RATES),
            by="asker",
        ),
        claim(
            "L11",
            "No other optimizer converges at the asker's learning rate.",
            *(Fails(f"rates:0.01/{name}") for name in era.KERAS_1 if name != "SGD"),
            by="asker",
        ),
        *(
            claim(
                "L11",
                f"{name} converges at no learning rate.",
                *(Fails(f"rates:{rate:g}/{name}") for rate in RATES),
                by="asker",
            )
            for name in era.KERAS_1
            if name != "SGD"
        ),
        claim(
            "L12",
            "The broken network answers the mean of ln x, which is -1, everywhere.",
            Most("broken", "flat", at_least=1),
            Median("broken", "output_mean", -1.05, -0.95),
            by="ours",
        ),
        claim(
            "L12",
            "It can learn nothing else, since all units of a hidden layer are dead.",
            Most("broken", "dead_since", at_most=10_000),
            Equal("broken", "dead", "mse", within=0.01),
            by="ours",
        ),
        claim(
            "L12",
            "They die within the first ten steps.",
            Most("broken", "dead_since", at_most=10),
            by="ours",
        ),
        claim(
            "L13",
            "It is TensorFlow: the same program learns elsewhere.",
            Solves("numpy:broken"),
            by="asker",
            note="The same training in plain NumPy, from the same weights on the same batches.",
        ),
        claim(
            "T6",
            "The optimizer and rate that stand unused in answer C's code would have failed.",
            Fails("start+batch+steps"),
            by="ours",
        ),
        claim(
            "T7",
            "Its training epochs are steps.",
            by="ours",
            untestable="A property of the program's text: one batch is drawn in each.",
        ),
    ),
    certificates=(
        certificate(
            "broken",
            "the first gradients are so large that one step kills every unit",
            "no gradient component above 1, all else as asked",
            Helps("clip", "broken", 10_000),
            Few("clip", "dead_since", at_most=10_000),
        ),
        certificate(
            "broken",
            "with all units dead only the output's bias learns, and it learns the mean",
            "a second layer that never opens, set by hand",
            Equal("dead", "broken", "mse", within=0.01),
            Median("dead", "output_mean", -1.05, -0.95),
        ),
        certificate(
            "broken",
            "dying is what keeps the run finite",
            "leaky units, which cannot die, all else as asked",
            Median("leaky_0.01", "diverged", at_least=1),
            Most("leaky_0.3", "diverged", at_least=1),
        ),
        certificate(
            "broken",
            "it is the start, not the width of the second layer",
            "20, 50 and 100 units, all else as asked",
            Fails("width_20"),
            Fails("width_50"),
            Fails("width_100"),
            Solves("start", 10_000),
        ),
        certificate(
            "broken",
            "it is no lack of capacity: one unit can carry the curve",
            "the solution set by hand through one unit, and trained on as asked",
            Solves("routed"),
        ),
    ),
    periods=tuple(
        Period(
            arm,
            "ln",
            {"variant": variant, "checkpoint": steps, "stack": stack},
            {"r2": "r2", "mse": "mse"},
            steps=steps,
            note=note,
        )
        for arm, variant, steps, stack, note in (
            ("broken", "broken", 10_000, "tf1.4.1", ""),
            ("broken", "broken", 10_000, "tf0.12.1", ""),
            ("start+adam+batch", "fixed", 10_000, "tf1.15.5", "answer C's program, on its way"),
            ("start+adam+batch", "fixed", 10_000, "tf1.15.5-batched10", "ten seeds in a graph"),
            ("fixed", "fixed", 100_000, "tf1.15.5-batched10", "ten seeds in a graph"),
            ("fixed", "fixed", 1_000_000, "tf1.15.5-batched3", "three seeds in a graph"),
        )
    ),
    faults={
        "start": "Model > Model Type & Properties > Wrong weights initialisation",
        "adam": "Training > Optimiser > Wrong optimisation function; "
        "Training > Hyperparameters > Suboptimal learning rate",
        "batch": "Training > Hyperparameters > Suboptimal batch size",
        "steps": "Training > Hyperparameters > Suboptimal number of epochs",
    },
    races=tuple(
        Race(
            name,
            says,
            start=start,
            ends=ends,
            optimizers={"SGD": dict(name="SGD"), "momentum": dict(name="SGD", momentum=0.9)}
            | {name: dict(name=name) for name in era.KERAS_1 if name != "SGD"},
            learning_rate=0.01,
        )
        for name, says, start, ends in (
            ("asked", "the asker's start", "broken", {"broken": 10_000, "adam+steps": 100_000}),
            ("answered", "answer C's start", "fixed", {"start": 10_000, "start+adam": 10_000}),
        )
    ),
)

if __name__ == "__main__":
    main(CASE)
