"""Variants, claims and interventions of sum_softmax, and where its constants come from."""

import functools

import numpy as np

from experiments import (
    Equal,
    Evidence,
    Fact,
    Fails,
    Grid,
    Helps,
    Historical,
    Less,
    Median,
    Most,
    NotWorse,
    Solves,
    Tracks,
    Undocumented,
    claim,
    era,
    intervention,
    variant,
)


def softsign(x):
    return x / (1 + abs(x))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slopes(first, second, x, step=1e-6):
    """The slope of the first at x, less that of the second."""
    return sum(
        sign * (function(x + step) - function(x - step)) / (2 * step)
        for sign, function in ((1, first), (-1, second))
    )


LITERAL = dict(loss="literal_binary_crossentropy")
TANH_HEAD = dict(outputs=1, output_activation="tanh", labels="-1/+1", read="sign")
SIGMOID_HEAD = dict(outputs=1, output_activation="sigmoid", labels="0/1", read="threshold 0.5")
TODAY = {
    "hinge": TANH_HEAD | dict(loss="hinge"),
    "squared_hinge": TANH_HEAD | dict(loss="squared_hinge"),
    "sigmoid_crossentropy": SIGMOID_HEAD | dict(loss="binary_crossentropy"),
    "categorical_crossentropy": dict(loss="categorical_crossentropy"),
    "binary_crossentropy": dict(loss="binary_crossentropy"),
    "kl_divergence": dict(loss="kl_divergence"),
    "cosine_similarity": dict(loss="cosine_similarity"),
    "mse": dict(loss="mse"),
    "mae": dict(loss="mae"),
}
SAME_THEN = ("kl_divergence", "mse", "mae")
KERAS_1 = {
    name: fields | ({} if name in SAME_THEN else dict(loss=f"literal_{fields['loss']}"))
    for name, fields in TODAY.items()
}
ACTIVATIONS = {
    name: dict(activation=name)
    for name in ("softsign", "tanh", "hard_sigmoid", "sigmoid", "relu", "softplus", "linear")
    + ("softmax",)
}
ACTIVATIONS_1 = ACTIVATIONS | {"hard_sigmoid": dict(activation="literal_hard_sigmoid")}
BY_DEFAULT = dict(learning_rate=None)
OPTIMIZERS_1 = {name: BY_DEFAULT | dict(optimizer=name) for name in era.KERAS_1}
OPTIMIZERS = {name: fields | dict(defaults="today") for name, fields in OPTIMIZERS_1.items()}
OTHERS = [name for name in era.KERAS_1 if name != "Adam"]
BIAS = {"bias": {}, "no_bias": dict(use_bias=False)}
PROGRAMS_1 = {
    "softmax": KERAS_1["categorical_crossentropy"] | OPTIMIZERS_1["RMSprop"],
    "hinge": KERAS_1["hinge"] | OPTIMIZERS_1["Adam"] | dict(epochs=150),
}
PROGRAMS = {
    "softmax": TODAY["categorical_crossentropy"] | OPTIMIZERS["RMSprop"],
    "hinge": TODAY["hinge"] | OPTIMIZERS["Adam"] | dict(epochs=150),
}
PAIRS = [f"{program}/{name}" for program in PROGRAMS_1 for name in ACTIVATIONS]
ASKS = "Which hidden activation, optimizer and objective learn, with the defaults of"

# fmt: off
CLAIMS = (
    claim("C1", "The softmax program learns.", Solves("fixed"), by="article"),
    claim("C3", "tanh and relu do no worse than any other hidden activation.",
          *(NotWorse(f"options_keras1:{ours}/*/*", f"options_keras1:{other}/*/*")
            for ours in ("tanh", "relu") for other in ACTIVATIONS if other != ours), by="article",
          note="Averaged over optimizers and objectives, defaults of Keras 1; categorical and "
          "binary cross-entropy and KL divergence are one program here."),
    claim("C3", "In the article's own softmax program every listed activation learns.",
          *(Solves(f"options_keras1:{name}/RMSprop/categorical_crossentropy")
            for name in ACTIVATIONS), by="ours"),
    claim("C4", "A linear hidden activation makes little sense: it does worse than relu.",
          Helps("options_keras1:relu/*/*", "options_keras1:linear/*/*"), by="article",
          note="The class border is a plane here, which a linear network can draw."),
    claim("C4", "In the softmax program it does worse than relu.",
          Helps("options_keras1:relu/RMSprop/categorical_crossentropy",
                "options_keras1:linear/RMSprop/categorical_crossentropy"), by="article"),
    claim("C5", "Adam does well without much thought: with the defaults of Keras 1 no other does "
          "better.",
          *(NotWorse("options_keras1:*/Adam/*", f"options_keras1:*/{name}/*") for name in OTHERS),
          by="article"),
    claim("C5", "With the defaults of today no other does better than Adam.",
          *(NotWorse("options_today:*/Adam/*", f"options_today:*/{name}/*") for name in OTHERS),
          by="article"),
    claim("C5", "The defaults of today ruin Adagrad, Adadelta and Adamax.",
          *(Helps(f"options_keras1:*/{name}/*", f"options_today:*/{name}/*")
            for name in ("Adagrad", "Adadelta", "Adamax")), by="ours"),
    claim("C6", "The softmax program may do without biases.",
          Solves("bias_keras1:softmax/relu/no_bias"), by="article"),
    claim("C6", "The hinge program may do without biases.",
          Solves("bias_keras1:hinge/tanh/no_bias"), by="article"),
    claim("C6", "Whatever the activation, biases off do no harm.",
          *(NotWorse(f"bias_keras1:{pair}/no_bias", f"bias_keras1:{pair}/bias")
            for pair in PAIRS), by="article"),
    claim("C7", "Each of the four objectives it names trains the network.",
          Solves("options_keras1:tanh/Adam/hinge"),
          *(Solves(f"options_keras1:relu/RMSprop/{name}")
            for name in ("categorical_crossentropy", "kl_divergence", "cosine_similarity")),
          by="article"),
    claim("C7", "Hinge is 0 from agreement on, KL divergence compares distributions, cosine "
          "ignores magnitude.", by="article",
          untestable="These are definitions; the tests hold the losses to their formulas."),
    claim("C8", "The softmax outputs can be read as probabilities: calibrated within 0.05.",
          Median("fixed", "calibration_error", at_most=0.05), by="article"),
    claim("C9", "Whichever the objective, low loss stands for good predictions.",
          *(Tracks(f"options_keras1:*/*/{name}", "loss", at_most=-0.5, with_metric="accuracy")
            for name in KERAS_1), by="article",
          note="Rank correlation over activations and optimizers, seed by seed."),
    claim("C10", "Two one-hot columns make it easier than one sigmoid unit.",
          Helps("fixed", "sigmoid"), by="article"),
    claim("C11", "Learning takes a while: the default epochs are not enough.", Fails("two_units"),
          Median("fixed", "first_solved", at_least=70), by="article"),
    claim("C12", "The optimizer lowers the gradient.",
          Less("fixed", "gradient_norm", "gradient_first"), by="article"),
    claim("C12", "It does so step by step.", Most("fixed", "gradient_rises", at_most=0.0),
          by="article"),
    *(claim("C12", f"{steep} is steeper than {flat}, {where}.",
            Fact(f"slope {where}, {steep} less {flat}",
                 functools.partial(slopes, *functions, place), at_least=0.01), by="article")
      for steep, flat, functions, elsewhere in (
          ("tanh", "softsign", (np.tanh, softsign), 1.0),
          ("hard sigmoid", "sigmoid", (hard_sigmoid, sigmoid), 2.0))
      for where, place in (("at 0", 0.0), (f"at {elsewhere:g}", elsewhere))),
    claim("C12", "relu may be given a slope below 0.", by="article",
          untestable="It says what the software offers; the case ln_fit shows what it does."),
    claim("T5", "The one softmax unit trains in secret: its loss is that of a sigmoid unit.",
          Equal("epochs", "sigmoid", "loss", within=0.0), Fails("epochs"), Solves("sigmoid"),
          by="ours", note="The same training, loss for loss; only the last activation differs."),
    claim("T5", "Under the literal loss no weight moves.",
          Most("literal", "gradient_norm", at_most=0.0),
          Most("epochs_literal", "gradient_norm", at_most=0.0), by="ours"),
)
INTERVENTIONS = (
    intervention("broken", "one softmax unit is 1 whatever it is given",
                 "one sigmoid unit in its place, trained as long", Solves("sigmoid"),
                 Fails("epochs"), Most("epochs", "flat", at_least=1)),
    intervention("broken", "today's loss reads the logits, so that the loss falls unseen",
                 "the literal loss of Keras 1", Most("epochs", "loss", at_most=0.5),
                 Most("epochs_literal", "loss", at_least=5.0), Fails("epochs_literal")),
    intervention("broken", "too few updates", "300 epochs, the other fix made", Solves("fixed"),
                 Fails("two_units")),
)
# fmt: on

EVIDENCE = Evidence(
    variants={
        "literal": variant("one unit under the literal loss of Keras 1", **LITERAL),
        "epochs_literal": variant("the same for 300 epochs", "epochs", **LITERAL),
        "sigmoid": variant(
            "one sigmoid unit in place of softmax",
            "epochs",
            output_activation="sigmoid",
        ),
        "argmax": variant("one unit read by argmax", read="argmax"),
    },
    provenance={
        "hidden": ("quoted", "20 relu units"),
        "outputs": ("ours", "the broken twin; the article has two"),
        "labels": ("ours", "the broken twin; the article's are one-hot"),
        "loss": ("ours", "the broken twin; the article's is categorical cross-entropy"),
        "read": ("ours", "the broken twin; the article reads by argmax"),
        "epochs": ("inferred", "the default of Keras 1; the article's 300 likewise"),
        "optimizer": ("quoted", "the string 'rmsprop'"),
        "learning_rate": ("inferred", "the string's default in Keras 1"),
        "batch_size": ("inferred", "the default of Keras 1"),
        "num_samples": ("quoted", ""),
        "validation_split": ("inferred", "from two public copies of part 1's script"),
        "output_activation": ("quoted", ""),
        "activation": ("quoted", ""),
        "use_bias": ("quoted", "on; the article says that it may be off"),
        "defaults": ("inferred", "Keras 1's; the studies run today's too"),
    },
    deviations=(
        "The article shows no broken program; the broken twin is ours, built from what "
        "its text explains.",
        "Today's Keras on TensorFlow trains the one softmax unit in secret: binary "
        "cross-entropy reads the logits behind it as a sigmoid's, though the output "
        "stays 1. The arm broken is what a user runs today; the rivals literal and "
        "epochs_literal use the outputs themselves, as Keras 1 did.",
        "RMSprop's epsilon stood outside the root in Keras 1 and is 1e-16 inside here.",
        "10,000 fresh points are added to the article's 200.",
        "The article lists options without running them; the studies cross them. Objectives "
        "that our copy has lost are inferred from Keras 1.",
        "Nadam's momentum schedule of Keras 1 cannot be set today; the studies use today's.",
    ),
    claims=CLAIMS,
    interventions=INTERVENTIONS,
    grids=(
        Grid(
            "options_keras1",
            f"{ASKS} Keras 1?",
            start="fixed",
            num_seeds=100,
            axes={"activation": ACTIVATIONS_1, "optimizer": OPTIMIZERS_1, "objective": KERAS_1},
            lengths=(150, 300),
            documented="relu/RMSprop/categorical_crossentropy",
        ),
        Grid(
            "options_today",
            f"{ASKS} today?",
            start="fixed",
            num_seeds=100,
            axes={"activation": ACTIVATIONS, "optimizer": OPTIMIZERS, "objective": TODAY},
            lengths=(150, 300),
            documented="relu/RMSprop/categorical_crossentropy",
        ),
        Grid(
            "bias_keras1",
            "May the biases be 0 throughout, with the defaults of Keras 1?",
            start="fixed",
            num_seeds=200,
            axes={"program": PROGRAMS_1, "activation": ACTIVATIONS_1, "bias": BIAS},
            documented="softmax/relu/bias",
        ),
        Grid(
            "bias_today",
            "May the biases be 0 throughout, with the defaults of today?",
            start="fixed",
            num_seeds=200,
            axes={"program": PROGRAMS, "activation": ACTIVATIONS, "bias": BIAS},
            documented="softmax/relu/bias",
        ),
    ),
    history=tuple(
        Historical(
            arm,
            "sum",
            {"variant": "softmax2", "checkpoint": epochs, "stack": "keras1.2.2-tf1.4.1"},
            {"accuracy": "t10k_acc"},
            note=note,
        )
        for arm, epochs, note in (
            ("two_units", 10, "the articles' program, looked at after ten epochs"),
            ("fixed", 300, ""),
        )
    ),
    faults={
        "two_units": "Model > Layers > Layer Properties > Suboptimal number of neurons in a layer",
        "epochs": "Training > Hyperparameters > Suboptimal number of epochs",
    },
    undocumented=(
        Undocumented(
            title="A cross-entropy reads the logits of the wrong activation",
            script="softmax_logits",
            what="A softmax or sigmoid output carries the logits it came from, and a cross-entropy "
            "that finds logits takes them for its own kind: binary cross-entropy for a sigmoid's, "
            "categorical for a softmax's. One softmax unit is therefore 1 for every input while "
            "its loss falls as if it were a sigmoid unit: the loss that is logged is not a "
            "function of the outputs, and the same numbers as a plain array give another. Two "
            "softmax units under binary cross-entropy, and two sigmoid units under the "
            "categorical one, train too, on a loss that is not that of their outputs. Keras "
            "warns that one softmax unit is always 1; of the loss it says nothing.",
            where="`softmax` and `sigmoid` of `keras.src.backend.tensorflow.nn` and of "
            "`keras.src.activations` leave their input on the output as `_keras_logits`, without "
            "a note of which of them did. `_get_logits` in the same backend module, called by "
            "`binary_crossentropy`, `categorical_crossentropy` and the sparse one, uses what it "
            "finds there; the activation it is told to expect is compared only if there is "
            "nothing there, and the warning only given if `from_logits` was asked for. The "
            "backends JAX, NumPy, PyTorch and OpenVINO never look. A note of the activation "
            "beside the logits, compared in `_get_logits`, would end it.",
            since="In Keras 1 the outputs were used themselves, clipped by the backend's epsilon. "
            "That the loss of tf.keras depended on how a sigmoid was written was reported in 2019 "
            "(github.com/tensorflow/tensorflow/issues/31930), that it depends on the tensor since "
            "logits are left on it in 2021 (github.com/keras-team/keras/issues/15271).",
            shown=("epochs", "sigmoid", "epochs_literal"),
            metrics=("loss", "accuracy", "logged_accuracy", "flat"),
            tests=(
                Equal("epochs", "sigmoid", "loss", within=0.0),
                Fails("epochs"),
                Solves("sigmoid"),
                Most("epochs_literal", "loss", at_least=5.0),
                Fails("epochs_literal"),
            ),
            backends=("tensorflow", "jax"),
        ),
    ),
)
