"""Retraces sine programs of the era in plain NumPy, many seeds at once, from the era's own draws.

Keras 1.2.2 on Theano takes samples from Python's generator, and weights and orders
from NumPy's, which have not changed since. So today's Python can draw the same and
train by the arithmetic alone: what then comes out owes nothing to old software, and
nothing to the suite.

    python retrace.py --seeds 256 --out retrace.csv
"""

import argparse
import csv
import random

import exam
import numpy as np

# Epochs, batch: the programs of one hidden layer, of 50 sigmoid units.
PROGRAMS = {"only_layer": (1, 100), "layer_epochs": (100, 100), "fixed": (100, 10)}
CHECKPOINTS = (1, 10, 50, 100)
COLUMNS = ("case", "variant", "stack", "checkpoint", "seed", "mse", "r2")
RATE = np.float32(0.01)


def sigmoid(x):
    """Returns 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def drawn(seeds):
    """Draws what each seed starts from.

    Returns:
        Samples and targets `(num_seeds, 10000)`, the weights of both layers, and the
        generators that go on to shuffle.
    """
    samples, weights, generators = [], ([], []), []
    for seed in seeds:
        random.seed(seed)
        samples.append(exam.sin_samples())
        generators.append(np.random.RandomState(seed))
        limit = np.sqrt(6 / 51)
        weights[0].append(generators[-1].uniform(-0.05, 0.05, (1, 50)))
        weights[1].append(generators[-1].uniform(-limit, limit, (50, 1)))
    x, y = np.float32(samples)[..., 0].swapaxes(0, 1)
    return x, y, *map(np.float32, weights), generators


def step(network, x, y):
    """Makes one update of every seed, by hand: squared error, plain gradient descent.

    Args:
        network: Kernel and bias of the hidden layer, then of the output.
        x: Batch `(num_seeds, batch, 1)`.
        y: Targets of the same shape.
    """
    kernel, bias, out_kernel, out_bias = network
    hidden = sigmoid(x * kernel + bias)
    slope = (hidden @ out_kernel + out_bias - y) * np.float32(2 / x.shape[1])
    back = slope * out_kernel.swapaxes(1, 2) * hidden * (1 - hidden)
    slopes = (back * x, back, hidden * slope, slope)
    for values, found in zip(network, slopes, strict=True):
        values -= RATE * found.sum(axis=1).reshape(values.shape)


def epoch(network, x, y, batch):
    """Makes the updates of one epoch; `x` and `y` are `(num_seeds, num_samples)`."""
    shape = (len(x), -1, batch, 1)
    for part_x, part_y in zip(
        x.reshape(shape).swapaxes(0, 1), y.reshape(shape).swapaxes(0, 1), strict=True
    ):
        step(network, part_x, part_y)


def retrace(variant, seeds, epochs=None):
    """Trains seeds of a program.

    Args:
        variant: A name of `PROGRAMS`.
        seeds: Whole numbers.
        epochs: Cuts it; all of the program's own if `None`.

    Yields:
        `(epochs done, answers (num_seeds, 1000) on the grid)` at `CHECKPOINTS`.
    """
    own, batch = PROGRAMS[variant]
    x, y, kernel, out_kernel, generators = drawn(seeds)
    zeros = [np.zeros((len(x), 1, units), np.float32) for units in (50, 1)]
    network = [kernel, zeros[0], out_kernel, zeros[1]]
    places = np.tile(np.arange(x.shape[1]), (len(x), 1))
    for done in range(1, (epochs or own) + 1):
        for generator, order in zip(generators, places, strict=True):
            generator.shuffle(order)
        epoch(network, *(np.take_along_axis(values, places, axis=1) for values in (x, y)), batch)
        if done in CHECKPOINTS:
            hidden = sigmoid(np.float32(exam.grid()) * kernel + zeros[0])
            yield done, (hidden @ out_kernel + zeros[1])[..., 0]


def main():
    """Retraces seeds, and writes their errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", default="fixed", choices=sorted(PROGRAMS))
    parser.add_argument("--seeds", type=int, default=16, help="seeds 0 to SEEDS - 1")
    parser.add_argument("--out", required=True, help="table to write")
    given = parser.parse_args()
    truth = exam.sin_curve(exam.grid())
    with open(given.out, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for done, answers in retrace(given.variant, range(given.seeds)):
            for seed, answer in enumerate(answers):
                found = exam.curve_measures(truth, answer)
                head = ("sin", given.variant, "retrace", done, seed)
                table.writerow((*head, f"{found['mse']:.8g}", f"{found['r2']:.8g}"))


if __name__ == "__main__":
    main()
