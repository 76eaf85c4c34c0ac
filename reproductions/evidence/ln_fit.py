"""Variants, claims and interventions of ln_fit, and where its constants come from."""

import numpy as np

from experiments import (
    Equal,
    Evidence,
    Fails,
    Few,
    Grid,
    Helps,
    Historical,
    Median,
    Most,
    Race,
    Recorded,
    Solves,
    claim,
    era,
    intervention,
    variant,
)
from reproductions.ln_fit import NORMAL, SMALL, WIDE


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


STANDARD = dict(inputs="standardised")
SCALES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
STARTS = {
    f"uniform_{scale:g}": dict(weights=(*WIDE[:2], scale), biases=(*WIDE[:2], scale))
    for scale in SCALES
} | {f"normal_{scale:g}": dict(weights=(*NORMAL[:2], scale), biases=SMALL) for scale in SCALES}
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0)

# fmt: off
CLAIMS = (
    claim("L1", "With tanh units, small initial weights leave the network in its linear zone: at "
          "best a straight line.", Most("start_scale:normal_0.01/tanh", "mse", at_least=0.25),
          by="answer",
          note="The best straight line leaves a mean squared error of about a quarter."),
    claim("L1", "Large initial weights drive tanh units to their ends, and it fails.",
          Fails("start_scale:normal_10/tanh"), Fails("start_scale:uniform_10/tanh"), by="answer"),
    claim("L1", "Between the two there is a scale at which tanh units learn.",
          Solves("start_scale:normal_0.3/tanh"), Solves("start_scale:normal_1/tanh"), by="answer",
          any_of=True),
    claim("L1", "Regularisation is what the asker's network lacks.", Helps("tanh_l2", "tanh"),
          by="answer"),
    claim("L2", "Standardising the input alone is not enough.", Fails("standardise"),
          Fails("minus_mean"), Fails("by_batch"), by="answer"),
    claim("L3", "Standardising and removing the second layer works.", Solves("one_layer"),
          by="answer"),
    claim("L4", "Standardising and 50 units in the second layer works.", Solves("wide"),
          by="answer"),
    claim("L5", "10 units cannot carry enough information to the output.", Fails("routed"),
          by="answer", note="Set by hand, the solution passes through a single unit."),
    claim("L5", "A wider second layer carries it.", Solves("width_20"), Solves("width_50"),
          Solves("width_100"), by="answer", any_of=True),
    claim("L6", "Answer C's change fixes it.", Solves("fixed"), by="answer"),
    claim("L6", "It is as accurate as printed: the mean of the nine squared errors.",
          Most("fixed", "points_mse", at_most=4.33e-5), by="answer"),
    claim("L7", "The initial weights alone would have done, at the asker's 10,000 steps.",
          Solves("weights", 10_000), by="ours"),
    claim("L7", "The initial biases alone would have done.", Solves("biases", 10_000), by="ours"),
    claim("L7", "The optimizer alone would have done, at the asker's 10,000 steps.",
          Solves("adam", 10_000), by="answer"),
    claim("L7", "The batch alone would have done.", Solves("batch", 10_000), by="ours"),
    claim("L7", "More steps alone would have done.", Solves("steps", 100_000), by="ours"),
    claim("L8", "ReLU is not to blame, since none sits on the output.",
          Few("broken", "dead_since", at_most=10_000), by="answer"),
    claim("L8", "A leaky ReLU, everything else as asked, would have saved it.",
          Solves("leaky_0.01"), Solves("leaky_0.3"), by="answer", any_of=True),
    claim("L8", "It is a bad starting point.", Solves("start", 10_000), by="answer"),
    claim("L8", "It is a bad optimizer.", Solves("adam", 10_000), by="answer"),
    claim("L9", "Dropout helps the asker's program.", Helps("dropout", "broken", 10_000),
          by="answer"),
    claim("L9", "Dropout helps the fixed program.",
          Helps("fixed_dropout", "start+adam+batch", 10_000), by="answer"),
    claim("L10", "Drawing x from [0.01, 1] helps the asker's program.",
          Helps("from_0.01", "broken", 10_000), by="answer"),
    claim("L10", "Drawing x from [0.01, 1] helps the fixed program.",
          Helps("fixed_from_0.01", "start+adam+batch", 10_000), by="answer"),
    claim("L11", "No other learning rate of the asker's optimizer converges.",
          *(Fails(f"rates:{rate:g}/SGD") for rate in RATES), by="asker"),
    claim("L11", "No other optimizer converges at the asker's learning rate.",
          *(Fails(f"rates:0.01/{name}") for name in era.KERAS_1 if name != "SGD"), by="asker"),
    *(claim("L11", f"{name} converges at no learning rate.",
            *(Fails(f"rates:{rate:g}/{name}") for rate in RATES), by="asker")
      for name in era.KERAS_1 if name != "SGD"),
    claim("L12", "The broken network answers the mean of ln x, which is -1, everywhere.",
          Most("broken", "flat", at_least=1), Median("broken", "output_mean", -1.05, -0.95),
          by="ours"),
    claim("L12", "It can learn nothing else, since all units of a hidden layer are dead.",
          Most("broken", "dead_since", at_most=10_000), Equal("broken", "dead", "mse", within=0.01),
          by="ours"),
    claim("L12", "They die within the first ten steps.", Most("broken", "dead_since", at_most=10),
          by="ours"),
    claim("L13", "It is TensorFlow: the same program learns elsewhere.", Solves("numpy:broken"),
          by="asker",
          note="The same training in plain NumPy, from the same weights on the same batches."),
    claim("T6", "The optimizer and rate that stand unused in answer C's code would have failed.",
          Fails("start+batch+steps"), by="ours"),
    claim("T7", "Its training epochs are steps.", by="ours",
          untestable="A property of the program's text: one batch is drawn in each."),
)
INTERVENTIONS = (
    intervention("broken", "the first gradients are so large that one step kills every unit",
                 "no gradient component above 1, all else as asked",
                 Helps("clip", "broken", 10_000), Few("clip", "dead_since", at_most=10_000)),
    intervention("broken", "with all units dead only the output's bias learns, and it learns the "
                 "mean", "a second layer that never opens, set by hand",
                 Equal("dead", "broken", "mse", within=0.01),
                 Median("dead", "output_mean", -1.05, -0.95)),
    intervention("broken", "dying is what keeps the run finite",
                 "leaky units, which cannot die, all else as asked",
                 Median("leaky_0.01", "diverged", at_least=1),
                 Most("leaky_0.3", "diverged", at_least=1)),
    intervention("broken", "it is the start, not the width of the second layer",
                 "20, 50 and 100 units, all else as asked", Fails("width_20"), Fails("width_50"),
                 Fails("width_100"), Solves("start", 10_000)),
    intervention("broken", "it is no lack of capacity: one unit can carry the curve",
                 "the solution set by hand through one unit, and trained on as asked",
                 Solves("routed")),
)
# fmt: on

EVIDENCE = Evidence(
    variants={
        "weights": variant("answer C's weights alone", weights=NORMAL),
        "biases": variant("answer C's biases alone", biases=SMALL),
        "standardise": variant("x minus its mean, over its deviation", **STANDARD),
        "minus_mean": variant("x minus its mean", inputs="minus mean"),
        "by_batch": variant("by each batch's own", inputs="standardised by batch"),
        "one_layer": variant("and no second layer", "standardise", hidden=(50,)),
        "wide": variant("and 50 units in the second", "standardise", hidden=(50, 50)),
        "from_0.01": variant("x drawn from [0.01, 1]", low=0.01),
        "dropout": variant("dropout 0.5 after each hidden layer", dropout=0.5),
        "leaky_0.01": variant("leaky ReLU", units=("LeakyReLU", 0.01)),
        "leaky_0.3": variant("leaky ReLU, a layer's old default", units=("LeakyReLU", 0.3)),
        "clip": variant("no gradient component above 1", clipvalue=1.0),
        "width_20": variant("20 units in the second layer", hidden=(50, 20)),
        "width_50": variant("50 units in the second layer", hidden=(50, 50)),
        "width_100": variant("100 units in the second layer", hidden=(50, 100)),
        "dead": variant("no unit of the second layer ever opens", by_hand="dead"),
        "routed": variant("the solution through one unit, set by hand", by_hand="routed"),
        "tanh": variant("tanh units", units=("Activation", "tanh")),
        "tanh_l2": variant("tanh units with L2 regularisation", "tanh", l2=0.001),
        "fixed_dropout": variant("dropout on the fixed program", "fixed", dropout=0.5),
        "fixed_from_0.01": variant("[0.01, 1] on the fixed program", "fixed", low=0.01),
    },
    by_hand=by_hand,
    recorded=(
        Recorded("broken", 1000),
        Recorded("combinations", 200, steps=10_000, without=("steps",)),
        Recorded("variants", 200, steps=10_000),
        # Where every seed of two arms agrees, the rule of three asks for more seeds.
        Recorded("dropout,from_0.01,tanh,tanh_l2", 400, steps=10_000),
        Recorded("combinations", 32, steps=100_000),
        Recorded("fixed", 16),
    ),
    reference_arm="start",
    numpy=Recorded("broken,start", 200, steps=10_000),
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
    claims=CLAIMS,
    interventions=INTERVENTIONS,
    grids=(
        Grid(
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
        Grid(
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
    history=tuple(
        Historical(
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
