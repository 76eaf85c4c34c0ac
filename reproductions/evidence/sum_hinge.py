"""Variants, claims and interventions of sum_hinge, and where its constants come from."""

from experiments import (
    Alike,
    Equal,
    Evidence,
    Fails,
    Few,
    Historical,
    Less,
    Median,
    Most,
    Solves,
    Some,
    Undocumented,
    claim,
    intervention,
    variant,
)

SIGN = {"accuracy": "t10k_acc_sign"}
STACKS = ("keras1.2.2-tf1.4.1", "keras1.2.2-theano0.9.0")
OF_THE_TIME = (
    ("tanh", 10, "the article's program, looked at after ten epochs"),
    ("fixed", 150, ""),
    (
        "literal",
        150,
        "with labels -1/+1 it is the loss of Keras 1; the era's rows are those of fixed",
    ),
)


def by_hand(s, weights):
    return [*weights[:-2], s.head_scale * weights[-2], weights[-1]]


# fmt: off
CLAIMS = (
    claim("C2", "The tanh and hinge program reaches decent accuracy.",
          Most("fixed", "accuracy", at_least=0.9), by="article"),
    claim("C2", "It fails rarely, and then with one class for all.",
          Few("fixed", "one_class", at_least=1), by="ours",
          note="See the rare failures, seed by seed."),
    claim("C7", "Hinge wants signs to agree: an output of one sign cannot be right for both.",
          Fails("epochs"), Most("epochs", "one_class", at_least=1), by="article"),
    claim("C11", "Learning takes a while: the default epochs are not enough.", Fails("tanh"),
          Median("fixed", "first_solved", at_least=70), by="article"),
    claim("C12", "The optimizer lowers the gradient.",
          Less("fixed", "gradient_norm", "gradient_first"), by="article"),
    claim("C12", "It does so step by step.", Most("fixed", "gradient_rises", at_most=0.0),
          by="article"),
    claim("C12", "It may end in a local solution.", Some("fixed", "one_class", at_least=1.0),
          by="article", note="The rare failures do, seed by seed."),
    claim("T5", "Keras 1 logs too low an accuracy for labels -1 and +1.",
          Less("fixed", "keras1_accuracy", "accuracy"),
          Median("fixed", "keras1_accuracy", at_most=0.9), by="ours"),
    claim("T5", "Today's Keras logs too low an accuracy for labels -1 and +1.",
          Less("fixed", "logged_accuracy", "accuracy"),
          Median("fixed", "logged_accuracy", at_most=0.6), by="ours"),
    claim("T5", "Labels 0 and 1 are fatal under the literal hinge.", Fails("labels_01_literal"),
          by="ours"),
    claim("T5", "Today's Keras converts them, so that they are harmless.",
          Alike("labels_01", "fixed"), by="ours"),
)
INTERVENTIONS = (
    intervention("broken", "the sigmoid has one sign, and reading by sign wants two",
                 "the same runs, trained as long, read at 0.5", Solves("threshold"),
                 Equal("threshold", "epochs", "loss", within=1e-6), Fails("epochs")),
    intervention("broken", "too few updates", "150 epochs, the other fix made", Solves("fixed"),
                 Fails("tanh")),
    intervention("fixed", "the rare failures start with outputs that fall where they should rise, "
                 "and are driven to the end at -1", "the head's initial weights a tenth",
                 Few("small_head", "one_class", at_least=1),
                 Most("small_head", "accuracy", at_least=0.85)),
    intervention("fixed", "a tanh head saturates, and its gradient with it",
                 "a linear head, which cannot", Few("linear", "one_class", at_least=1)),
)
# fmt: on

EVIDENCE = Evidence(
    variants={
        "literal": variant(
            "the literal hinge of Keras 1 on the fixed program",
            "fixed",
            loss="literal_hinge",
        ),
        "labels_01": variant(
            "labels 0/1, which today's Keras converts silently", "fixed", labels="0/1"
        ),
        "labels_01_literal": variant(
            "labels 0/1 under the literal hinge of Keras 1",
            "fixed",
            labels="0/1",
            loss="literal_hinge",
        ),
        "threshold": variant(
            "the sigmoid trained as long, read at 0.5", "epochs", read="threshold 0.5"
        ),
        "linear": variant("a head that cannot saturate", "fixed", output_activation="linear"),
        "small_head": variant("the head's initial weights a tenth", "fixed", head_scale=0.1),
    },
    by_hand=by_hand,
    provenance={
        "hidden": ("quoted", "20 tanh units"),
        "output_activation": ("ours", "the broken twin; the article has tanh"),
        "epochs": ("inferred", "the default of Keras 1; the article's 150 is quoted"),
        "labels": ("quoted", ""),
        "loss": ("quoted", "as given while labels are -1 and +1"),
        "read": ("quoted", ""),
        "optimizer": ("quoted", "the string 'adam'"),
        "learning_rate": ("inferred", "the string's default"),
        "batch_size": ("inferred", "the default of Keras 1"),
        "num_samples": ("quoted", ""),
        "validation_split": ("quoted", ""),
        "head_scale": ("ours", "as drawn; a certificate scales the last layer's start"),
    },
    deviations=(
        "The article shows no broken program; the broken twin is ours, built from what "
        "its text explains.",
        "Today's hinge converts labels 0/1 to -1/+1; with labels -1/+1 it is the one of "
        "Keras 1. The rivals with literal in their name never convert.",
        "What Keras logs as accuracy is wrong for labels -1/+1, then and now; both are "
        "kept beside the true one.",
        "10,000 fresh points are added to the article's 200.",
    ),
    claims=CLAIMS,
    interventions=INTERVENTIONS,
    history=tuple(
        Historical(
            arm,
            "sum",
            {"variant": "hinge", "checkpoint": epochs, "stack": stack},
            SIGN,
            note=note,
        )
        for arm, epochs, note in OF_THE_TIME
        for stack in STACKS
    ),
    faults={
        "tanh": "Model > Layers > Activation Function > Wrong type of activation function",
        "epochs": "Training > Hyperparameters > Suboptimal number of epochs",
    },
    undocumented=(
        Undocumented(
            title="The accuracy of labels -1 and +1 is not the share that is right",
            script="accuracy_labels",
            what="With `metrics=['accuracy']` and the labels that hinge is defined for, what is "
            "logged is the share of points that are of label +1 and whose output exceeds one "
            "half: a point of label -1 is never counted as right. No warning is given, though "
            "the labels alone show that the metric cannot apply.",
            where="`get_metric` of `keras.src.trainers.compile_utils` turns the word into "
            "`BinaryAccuracy` wherever the output has one unit, whatever the loss and the labels; "
            "`binary_accuracy` of `keras.src.metrics.accuracy_metrics` makes 0 or 1 of the output "
            "and asks whether it equals the label.",
            since="Keras 1 rounded the output and compared it with the label: too low as well, but "
            "less so where outputs are near -1 and +1 "
            "(`keras1_accuracy` below; github.com/keras-team/keras/issues/3372, closed without "
            "a change).",
            shown=("fixed", "linear"),
            metrics=("accuracy", "logged_accuracy", "keras1_accuracy"),
            tests=(
                Less("fixed", "logged_accuracy", "accuracy"),
                Median("fixed", "logged_accuracy", at_most=0.6),
                Less("fixed", "logged_accuracy", "keras1_accuracy"),
                Less("fixed", "keras1_accuracy", "accuracy"),
            ),
        ),
        Undocumented(
            title="Hinge turns labels 0 and 1 into -1 and +1, batch by batch",
            script="hinge_labels",
            what="Labels 0 and 1 give the loss of labels -1 and +1. That mends a common mistake, "
            "and the documentation says so; nothing says so when it happens. It is decided anew "
            "for each batch, by whether all its labels are 0 or 1. So a label 0 among labels -1 "
            "and +1 means 'neither' in one batch and -1 in the next, and the loss of the same "
            "points depends on the batches they are put in. Batches of +1 alone come to no harm.",
            where="`convert_binary_labels_to_hinge` of `keras.src.losses.losses`, called by "
            "`hinge` and `squared_hinge`: one condition over the whole tensor of labels.",
            since="In Keras 1 labels were used as given, and 0 made a loss of 1 whatever the "
            "output. tf.keras has converted them since 2019 at the latest "
            "(github.com/tensorflow/tensorflow/pull/29760).",
            shown=("fixed", "labels_01", "labels_01_literal"),
            metrics=("loss", "accuracy", "logged_accuracy"),
            tests=(
                Alike("labels_01", "fixed"),
                Equal("labels_01", "fixed", "loss", within=1e-6),
                Fails("labels_01_literal"),
            ),
        ),
    ),
)
