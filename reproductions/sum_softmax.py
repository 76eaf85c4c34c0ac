"""Is the sum of five numbers above 2.5? One softmax unit cannot say.

From a tutorial in two parts (Qiita, 2016, Keras 1), whose program has two softmax units and
trains for 300 epochs. It explains that softmax outputs are positive and sum to 1; the broken
twin, ours, has a single unit, whose output is therefore always 1, and trains for the default
10 epochs.

    python -m reproductions.sum_softmax      # broken against fixed, 32 seeds each

Variants, the tutorial's claims and the origin of each constant: evidence/sum_softmax.py
"""

import dataclasses

from experiments import Case, Classification, Setup, Solved, era, fix, main


@dataclasses.dataclass(frozen=True)
class SumSoftmax(Setup):
    hidden: tuple
    outputs: int
    labels: str
    loss: str
    read: str
    epochs: int
    optimizer: str = "RMSprop"
    learning_rate: float | None = 0.001
    batch_size: int = 32
    num_samples: int = 250
    validation_split: float = 0.2
    output_activation: str = "softmax"
    activation: str = "relu"
    use_bias: bool = True
    defaults: str = "Keras 1"


def data(s, rng, size):
    return era.sum_data(s.labels, rng, size)


def model(s):
    import keras
    from keras import layers

    network = keras.Sequential([keras.Input((5,))])
    for units in s.hidden:
        network.add(layers.Dense(units, era.activation(s.activation), s.use_bias))
    network.add(layers.Dense(s.outputs, s.output_activation, s.use_bias))
    optimizer = era.optimizer(s.optimizer, s.defaults, learning_rate=s.learning_rate)
    network.compile(optimizer, era.loss(s.loss), metrics=["accuracy"])
    return network


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
    block_width=64,
)

if __name__ == "__main__":
    main(CASE)
