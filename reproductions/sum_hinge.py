"""Is the sum of five numbers above 2.5? Hinge needs outputs of both signs.

From part 2 of a tutorial (Qiita, 2016, Keras 1), whose program ends in a tanh
unit, learns labels -1 and +1 by the hinge loss for 150 epochs, and is read by its
sign. The broken twin, ours, ends in a sigmoid, which is never negative, and
trains for the default 10 epochs.
"""

import dataclasses

from experiments import Case, Classification, Setup, Solved, era, fix, rival
from experiments.cli import main


@dataclasses.dataclass(frozen=True)
class SumHinge(Setup):
    hidden: tuple
    output_activation: str
    epochs: int
    labels: str = "-1/+1"
    loss: str = "hinge"
    read: str = "sign"
    optimizer: str = "Adam"
    learning_rate: float = 0.001
    batch_size: int = 32
    num_samples: int = 250
    validation_split: float = 0.2


def data(s, rng, size):
    return era.sum_data(s.labels, rng, size)


def model(s):
    import keras
    from keras import layers

    network = keras.Sequential([keras.Input((5,))])
    for units in s.hidden:
        network.add(layers.Dense(units, "tanh"))
    network.add(layers.Dense(1, s.output_activation))
    optimizer = era.optimizer(s.optimizer, learning_rate=s.learning_rate)
    network.compile(optimizer, era.loss(s.loss), metrics=["accuracy"])
    return network


CASE = Case(
    name="sum_hinge",
    shows="A classifier answers class 1 for every point.",
    symptom="hinge loss goes down, accuracy stays at one half",
    source="qiita.com/Ishotihadus/items/d47fc294ca568536b7f0 (part 2)",
    data=data,
    model=model,
    task=Classification(era.sum_exceeds_half),
    solved=Solved("accuracy", above=0.9),
    broken=SumHinge(hidden=(20,), output_activation="sigmoid", epochs=10),
    fixes={
        "tanh": fix("hinge and sign need both signs", output_activation="tanh"),
        "epochs": fix("ten passes make too few updates", epochs=150),
    },
    rivals={
        "literal": rival(
            "the literal hinge of Keras 1 on the fixed program",
            "fixed",
            loss="literal_hinge",
        ),
        "labels_01": rival(
            "labels 0/1, which today's Keras converts silently", "fixed", labels="0/1"
        ),
        "labels_01_literal": rival(
            "labels 0/1 under the literal hinge of Keras 1",
            "fixed",
            labels="0/1",
            loss="literal_hinge",
        ),
        "threshold": rival(
            "the sigmoid trained as long, read at 0.5", "epochs", read="threshold 0.5"
        ),
    },
    block_width=None,
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
)

if __name__ == "__main__":
    main(CASE)
