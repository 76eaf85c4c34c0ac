"""Is the sum of five numbers above 2.5? One softmax unit cannot say.

From a tutorial in two parts (Qiita, 2016, Keras 1), whose program has two
softmax units and trains for 300 epochs. It explains that softmax outputs are
positive and sum to 1; the broken twin, ours, has a single unit, whose output is
therefore always 1, and trains for the default 10 epochs.
"""

import dataclasses

from experiments import Case, Classification, Setup, Solved, era, fix, rival
from experiments.cli import main


@dataclasses.dataclass(frozen=True)
class SumSoftmax(Setup):
    hidden: tuple
    outputs: int
    labels: str
    loss: str
    read: str
    epochs: int
    optimizer: str = "RMSprop"
    learning_rate: float = 0.001
    batch_size: int = 32
    num_samples: int = 250
    validation_split: float = 0.2
    output_activation: str = "softmax"


def data(s, rng, size):
    return era.sum_data(s.labels, rng, size)


def model(s):
    import keras
    from keras import layers

    network = keras.Sequential([keras.Input((5,))])
    for units in s.hidden:
        network.add(layers.Dense(units, "relu"))
    network.add(layers.Dense(s.outputs, s.output_activation))
    optimizer = era.optimizer(s.optimizer, learning_rate=s.learning_rate)
    network.compile(optimizer, era.loss(s.loss), metrics=["accuracy"])
    return network


LITERAL = dict(loss="literal_binary_crossentropy")

CASE = Case(
    name="sum_softmax",
    shows="A classifier gives every point the same class, with probability 1.",
    symptom="softmax output is always 1, accuracy stuck at one half",
    source="qiita.com/Ishotihadus/items/c2f864c0cde3d17b7efb (part 1), "
    "qiita.com/Ishotihadus/items/d47fc294ca568536b7f0 (part 2)",
    data=data,
    model=model,
    task=Classification(era.sum_exceeds_half),
    solved=Solved("accuracy", above=0.9),
    broken=SumSoftmax(
        hidden=(20,),
        outputs=1,
        labels="0/1",
        loss="binary_crossentropy",
        read="threshold 0.5",
        epochs=10,
    ),
    fixes={
        "two_units": fix(
            "softmax outputs sum to 1, so one unit is always 1",
            outputs=2,
            labels="one-hot",
            loss="categorical_crossentropy",
            read="argmax",
        ),
        "epochs": fix("ten passes make too few updates", epochs=300),
    },
    rivals={
        "literal": rival("one unit under the literal loss of Keras 1", **LITERAL),
        "epochs_literal": rival("the same for 300 epochs", "epochs", **LITERAL),
        "sigmoid": rival(
            "one sigmoid unit in place of softmax",
            "epochs",
            output_activation="sigmoid",
        ),
        "argmax": rival("one unit read by argmax", read="argmax"),
    },
    block_width=64,
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
    ),
)

if __name__ == "__main__":
    main(CASE)
