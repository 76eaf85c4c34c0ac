"""Variants, claims and interventions of sin_fit, and where its constants come from."""

import numpy as np

from experiments import (
    Evidence,
    Fails,
    Helps,
    Historical,
    Median,
    Most,
    Recorded,
    Solves,
    claim,
    intervention,
    variant,
)
from reproductions.sin_fit import target


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def steep_neck(weights, weight, next_factor):
    """The neck's unit with this weight, half open at x = 1/2; the next layer scaled."""
    neck = [np.full((1, 1), weight), np.full(1, -weight / 2)]
    return [*neck, next_factor * weights[2], *weights[3:]]


def routed(weights, weight, next_weight):
    """The whole curve through one unit: steps at even places, heights by least squares."""
    x = (np.arange(1000) + 0.5) / 1000
    num_steps = weights[2].shape[1]
    places = sigmoid(weight * ((np.arange(num_steps) + 0.5) / num_steps - 0.5))
    steps = sigmoid(next_weight * (sigmoid(weight * (x - 0.5))[:, None] - places))
    columns = np.vstack([np.c_[steps, np.ones(1000)], 0.01 * np.eye(num_steps + 1)])
    heights = np.linalg.lstsq(columns, np.r_[target(x), np.zeros(num_steps + 1)])[0]
    second = [np.full((1, num_steps), next_weight), -next_weight * places]
    return [*steep_neck(weights, weight, 1.0)[:2], *second, heights[:-1, None], heights[-1:]]


HANDS = {"nothing": lambda weights: weights, "steep neck": steep_neck, "routed": routed}


def by_hand(s, weights):
    return HANDS[s.by_hand[0]](weights, *s.by_hand[1:])


CURVE = {"r2": "r2", "mse": "mse"}
KERAS, THEANO = "keras1.2.2-tf1.4.1", "keras1.2.2-theano0.9.0"
OF_THE_TIME = {
    "broken": ("broken", 1, ""),
    "neck": ("only_layer", 1, ""),
    "epochs": ("only_epochs", 100, ""),
    "batch": ("only_batch", 1, ""),
    "neck+epochs": ("layer_epochs", 100, ""),
    "neck+batch": ("fixed", 1, "the fixed program of the time, looked at after one epoch"),
    "epochs+batch": ("epochs_batch", 100, ""),
    "fixed": ("fixed", 100, ""),
}
MEANT = dict(learning_rate=0.05, momentum=0.9, decay=1e-6)

# fmt: off
CLAIMS = (
    claim("S1", "The one-unit layer is a bottleneck: kept, the rest of the answer fails.",
          Fails("epochs+batch"), Solves("fixed"), by="answer"),
    claim("S1", "A lucky start of that unit would save it.", Solves("start_0.05"),
          Solves("start_0.5"), Solves("start_5"), Solves("start_20"), by="answer",
          note="As drawn the unit always starts in its linear middle, the lucky case of the "
          "answer."),
    claim("S1", "One unit loses the information.", Fails("routed"), by="answer",
          note="A strictly rising unit keeps all of x; set by hand, the network carries the "
          "whole curve through it, and training keeps it there."),
    claim("S1", "The gradient vanishes.", Most("epochs+batch", "gradient_norm", at_most=0.1),
          by="answer", note="Held against a tenth, the norm over one epoch's data."),
    claim("S1", "It is the start of the layer behind the unit that fails, not the unit.",
          Solves("next_steep"), by="ours"),
    claim("S1", "Three units in place of the one are enough.", Solves("neck_3"), by="ours"),
    claim("S2", "One epoch makes far too few updates.", Fails("neck+batch"), Solves("fixed"),
          by="answer"),
    claim("S2", "Calling the training function again, 10 or 100 times on fresh samples, is enough.",
          Solves("calls_10"), Solves("calls_100"), by="asker", any_of=True,
          note="A loop of that kind stands commented out in the asker's program."),
    claim("S3", "Batches of 100 make too few updates; smaller ones are more effective.",
          Helps("fixed", "neck+epochs"), by="answer"),
    claim("S3", "It is the number of updates: as many in batches of 100 solve it too.",
          Solves("updates"), by="ours"),
    claim("S4", "First layer removed, 100 epochs, batches of 10: a better fit.",
          Helps("fixed", "broken"), Solves("fixed"), by="answer"),
    claim("S5", "The optimizer the asker meant would have been enough.", Solves("meant"),
          by="ours"),
    claim("S6", "All three changes are needed.", Fails("neck+epochs"), Fails("neck+batch"),
          Fails("epochs+batch"), Solves("fixed"), by="ours"),
    claim("S6", "One of the three is enough.", Solves("neck"), Solves("epochs"), Solves("batch"),
          by="ours", any_of=True),
    claim("T1", "The configured optimizer never ran, and that is why it failed.", Solves("meant"),
          by="ours"),
    claim("T2", "The samples were never seeded.", by="ours",
          untestable="A property of the program's text; here every draw comes from the seed."),
    claim("T3", "The printed average error is always 0.", by="ours",
          untestable="A property of the program's text: nothing is ever added to it."),
    claim("T4", "Accuracy means nothing here: it is logged as about 0 for a perfect fit.",
          Median("fixed", "logged_accuracy", at_most=0.01), Solves("fixed"), by="ours"),
)
INTERVENTIONS = (
    intervention("broken", "the layer behind the one unit starts too flat to bend",
                 "its initial weights times 100, the neck kept, all other fixes made",
                 Solves("next_steep"), Fails("start_5")),
    intervention("broken", "one unit gives descent no way round a flat start",
                 "a neck of three units, all other fixes made", Solves("neck_3")),
    intervention("broken", "it is no lack of capacity: one unit can carry the curve",
                 "the solution set by hand through one unit, and trained on", Solves("routed")),
    intervention("broken", "too few updates", "100 epochs, all other fixes made", Solves("fixed"),
                 Fails("neck+batch")),
)
# fmt: on

EVIDENCE = Evidence(
    variants={
        "meant": variant("the optimizer the asker configured but never passed", "broken", **MEANT),
        "fixed_meant": variant("the same optimizer on the fixed program", "fixed", **MEANT),
        "calls_10": variant("call the training function 10 times, fresh data", calls=10),
        "calls_100": variant("call it 100 times, fresh data each time", calls=100),
        "updates": variant("as many updates in batches of 100", "neck+epochs", epochs=1000),
        "neck_2": variant("a neck of 2 units", "epochs+batch", hidden=(2, 50)),
        "neck_3": variant("a neck of 3 units", "epochs+batch", hidden=(3, 50)),
        "neck_5": variant("a neck of 5 units", "epochs+batch", hidden=(5, 50)),
        "neck_10": variant("a neck of 10 units", "epochs+batch", hidden=(10, 50)),
        "start_0.05": variant(
            "the neck's weight set", "epochs+batch", by_hand=("steep neck", 0.05, 1.0)
        ),
        "start_0.5": variant(
            "the neck's weight set", "epochs+batch", by_hand=("steep neck", 0.5, 1.0)
        ),
        "start_5": variant(
            "the neck's weight set", "epochs+batch", by_hand=("steep neck", 5.0, 1.0)
        ),
        "start_20": variant(
            "the neck's weight set", "epochs+batch", by_hand=("steep neck", 20.0, 1.0)
        ),
        "next_steep": variant(
            "and the next layer's weights times 100",
            "epochs+batch",
            by_hand=("steep neck", 5.0, 100.0),
        ),
        "routed": variant(
            "a good neck and all behind it set by hand",
            "epochs+batch",
            by_hand=("routed", 4.0, 30.0),
        ),
    },
    by_hand=by_hand,
    recorded=(
        Recorded("combinations,meant,fixed_meant,calls_10,calls_100", 1000),
        Recorded("variants", 200),
    ),
    reference_arm="neck+epochs",
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
        "by_hand": ("ours", "nothing is set by hand; certificates set some weights"),
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
    claims=CLAIMS,
    interventions=INTERVENTIONS,
    history=(
        Historical("broken", "sin", {"variant": "broken", "checkpoint": 1, "stack": KERAS}, CURVE),
        *(
            Historical(
                arm,
                "sin",
                {"variant": variant, "checkpoint": epochs, "stack": THEANO},
                CURVE,
                note=note,
            )
            for arm, (variant, epochs, note) in OF_THE_TIME.items()
        ),
        Historical(
            "fixed",
            "retrace",
            {"variant": "fixed", "checkpoint": 100},
            CURVE,
            note="the draws of the time for more seeds, trained in plain NumPy, which follows "
            "the row above seed by seed",
        ),
    ),
    faults={
        "neck": "Model > Layers > Layer Properties > Suboptimal number of neurons in a layer",
        "epochs": "Training > Hyperparameters > Suboptimal number of epochs",
        "batch": "Training > Hyperparameters > Suboptimal batch size",
    },
)
