"""Is the sum of five numbers above 2.5? Hinge needs outputs of both signs.

From part 2 of a tutorial (Qiita, 2016, Keras 1), whose program ends in a tanh unit, learns
labels -1 and +1 by the hinge loss for 150 epochs, and is read by its sign. The broken twin,
ours, ends in a sigmoid, which is never negative, and trains for the default 10 epochs.

    python -m reproductions.sum_hinge      # broken against fixed, 32 seeds each

Variants, the tutorial's claims and the origin of each constant: evidence/sum_hinge.py
"""

import dataclasses

from experiments import Case, Classification, Setup, Solved, era, fix, main


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
    head_scale: float = 1.0


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
    block_width=None,
)

if __name__ == "__main__":
    main(CASE)
