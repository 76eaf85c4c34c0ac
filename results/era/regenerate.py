"""Reruns the documented programs on the software of their time, one row a seed and checkpoint.

For Python 3.6 or 3.7; README.md beside this file says what to install and how to
call it. It imports nothing of the suite, so that the programs here and the suite's
are two readings of the same threads.
"""

import argparse
import csv
import os
import random
import sys

import exam
import numpy as np

HEAD = ["case", "variant", "stack", "checkpoint", "seed"]
COLUMNS = {
    "sin": ["maxabs", "mse", "pred_mean", "pred_std", "r2", "train_acc", "train_loss"],
    "sum": ["fit_acc", "fit_loss", "fit_val_acc", "fit_val_loss", "printed_accuracy", "t10k_acc"]
    + ["t10k_acc_sign", "t10k_acc_thr05", "t10k_frac_pred_pos", "t10k_frac_pred_pos0"]
    + ["t10k_out_max", "t10k_out_min", "t200_acc", "t200_acc_sign"],
    "ln": ["b_out", "dead_l1", "dead_l2", "maxabs", "mse", "nine_mse", "pred_mean", "pred_std"]
    + ["r2", "x01_maxabs", "x01_mse"],
}
# Units of the sigmoid layers, epochs, batch.
SIN = {
    "broken": ((1, 50), 1, 100),
    "only_layer": ((50,), 1, 100),
    "only_epochs": ((1, 50), 100, 100),
    "only_batch": ((1, 50), 1, 10),
    "layer_epochs": ((50,), 100, 100),
    "layer_batch": ((50,), 1, 10),
    "epochs_batch": ((1, 50), 100, 10),
    "fixed": ((50,), 100, 10),
}
# Epochs.
SUM = {"hinge": 150, "softmax2": 300}
# Samples in a batch, updates.
LN = {"broken": (50, 10000), "fixed": (500, 1000000)}
EPOCH_CHECKPOINTS = (1, 10, 50, 100, 150, 300)
STEP_CHECKPOINTS = (0, 1000, 10000, 50000, 100000, 200000, 500000, 1000000)
EXAM_SEED = 1000000


def start(seed):
    """Gives a Keras run a fresh graph on one thread, and seeds all generators.

    Returns:
        The name of the software it runs on.
    """
    import keras
    from keras import backend

    random.seed(seed)
    np.random.seed(seed)
    name = f"keras{keras.__version__}-"
    if backend.backend() == "theano":
        import theano

        return name + "theano" + theano.__version__
    import tensorflow as tf

    backend.clear_session()
    backend.set_session(tf.Session(config=one_thread()))
    tf.set_random_seed(seed)
    return name + "tf" + tf.__version__


def one_thread():
    """Returns TensorFlow's settings for one thread."""
    import tensorflow as tf

    return tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)


def fit(network, x, y, look, **settings):
    """Fits in silence, and looks before it and after the epochs of `EPOCH_CHECKPOINTS`."""
    from keras.callbacks import Callback

    class Look(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch + 1 in EPOCH_CHECKPOINTS:
                look(epoch + 1, logs or {})

    look(0, {})
    network.fit(x, y, verbose=0, callbacks=[Look()], **settings)


def sin_network(hidden):
    """Builds the network of `sin`; the string sgd is what its program compiles with."""
    from keras.layers import Dense
    from keras.models import Sequential

    network = Sequential()
    for place, units in enumerate(hidden):
        first = {} if place else {"input_dim": 1}
        network.add(Dense(units, init="uniform", activation="sigmoid", **first))
    network.add(Dense(1, activation="linear"))
    network.compile(loss="mean_squared_error", optimizer="sgd", metrics=["accuracy"])
    return network


def run_sin(variant, seed, steps):
    """Runs one seed of `sin`; returns its rows."""
    hidden, epochs, batch = SIN[variant]
    stack, rows = start(seed), []
    x, y = exam.sin_samples()
    network = sin_network(hidden)

    def look(epoch, logs):
        found = exam.curve_measures(exam.sin_curve(exam.grid()), network.predict(exam.grid()))
        found.update(train_loss=logs.get("loss"), train_acc=logs.get("acc"))
        rows.append((stack, epoch, found))

    fit(network, x, y, look, nb_epoch=epochs, batch_size=batch)
    return rows


def sum_network(variant):
    """Builds and compiles the network of one of the two articles."""
    from keras.layers import Dense
    from keras.models import Sequential

    soft = variant == "softmax2"
    network = Sequential()
    network.add(Dense(20, input_dim=5, activation="relu" if soft else "tanh"))
    network.add(Dense(2 if soft else 1, activation="softmax" if soft else "tanh"))
    loss, optimizer = ("categorical_crossentropy", "rmsprop") if soft else ("hinge", "adam")
    network.compile(loss=loss, optimizer=optimizer, metrics=["accuracy"])
    return network


def run_sum(variant, seed, steps):
    """Runs one seed of `sum`; returns its rows."""
    stack, rows, draw = start(seed), [], np.random.RandomState(EXAM_SEED + seed)
    points, above = exam.sum_points(np.random, 250)
    exams = {"t200": exam.sum_points(draw, 200), "t10k": exam.sum_points(draw, 10000)}
    network = sum_network(variant)

    def look(epoch, logs):
        found = {"fit_" + key: value for key, value in logs.items()}
        for name, (x, truth) in exams.items():
            found.update(exam.class_measures(variant, truth, network.predict(x), name))
        rows.append((stack, epoch, found))

    settings = {"nb_epoch": SUM[variant], "validation_split": 0.2}
    fit(network, points, exam.sum_labels(variant, above), look, **settings)
    x, truth = exam.sum_points(np.random, 200)
    (printed,) = exam.class_measures(variant, truth, network.predict(x), "t200").values()
    return rows + [(stack, "end", {"printed_accuracy": printed})]


def ln_graph(variant):
    """Builds the graph of `ln`.

    Returns:
        Dict of its tensors: `x`, `y`, `answer`, `hidden`, `bias` and `train`.
    """
    import tensorflow as tf

    # The seed of a variable follows from its place in the graph: these come first.
    variables = ln_variables(variant)
    x, y = (tf.placeholder(tf.float32, [None, 1]) for _ in range(2))
    layers = [x]
    for weights, bias in variables:
        layers.append(tf.add(tf.matmul(layers[-1], weights), bias))
        if len(layers) <= 3:
            layers[-1] = tf.nn.relu(layers[-1])
    cost = tf.reduce_mean(tf.square(layers[-1] - y))
    rates = {
        "broken": tf.train.GradientDescentOptimizer(0.01),
        "fixed": tf.train.AdamOptimizer(1e-4),
    }
    found = {"x": x, "y": y, "answer": layers[-1], "hidden": layers[1:3]}
    return dict(found, bias=variables[-1][1], train=rates[variant].minimize(cost))


def ln_variables(variant):
    """Returns weights and biases of each layer: from U[0, 1), or small as answer C draws them."""
    import tensorflow as tf

    def weights(shape):
        if variant == "broken":
            return tf.Variable(tf.random_uniform(shape))
        return tf.Variable(tf.truncated_normal(shape, stddev=0.1))

    def bias(units):
        if variant == "broken":
            return tf.Variable(tf.random_uniform([units]))
        return tf.Variable(tf.constant(0.1, shape=[units]))

    sizes = [(1, 50), (50, 10), (10, 1)]
    kernels = [weights(list(size)) for size in sizes]
    return list(zip(kernels, [bias(units) for _, units in sizes]))


def run_ln(variant, seed, steps):
    """Runs one seed of `ln` for so many updates, or all its own; returns its rows."""
    import tensorflow as tf

    batch, documented = LN[variant]
    rows, steps = [], steps or documented
    with tf.Graph().as_default(), tf.Session(config=one_thread()) as session:
        np.random.seed(seed)
        tf.set_random_seed(seed)
        graph = ln_graph(variant)
        session.run(tf.global_variables_initializer())
        for step in range(steps + 1):
            if step in STEP_CHECKPOINTS or step == steps:
                rows.append(("tf" + tf.__version__, step, ln_look(session, graph)))
            x, y = exam.ln_batch(batch)
            if step < steps:
                session.run(graph["train"], {graph["x"]: x, graph["y"]: y})
    return rows


def ln_look(session, graph):
    """Returns what is recorded of `ln` at this moment."""
    asked = [graph["answer"], graph["hidden"], graph["bias"]]
    answer, hidden, bias = session.run(asked, {graph["x"]: exam.grid()})
    nine = session.run(graph["answer"], {graph["x"]: np.reshape(exam.NINE, (-1, 1))})
    return exam.ln_measures(answer, nine, hidden, bias[0])


RUNS = {"sin": (run_sin, SIN), "sum": (run_sum, SUM), "ln": (run_ln, LN)}


def text(value):
    """Returns a cell: eight digits, or nothing."""
    if value is None or isinstance(value, (str, int)):
        return "" if value is None else value
    return f"{float(value):.8g}"


def seeds(words):
    """Returns the seeds of `N`, meaning 0 to N - 1, or of `A-B`, both included."""
    first, dash, last = words.partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


def arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", required=True, choices=sorted(RUNS))
    parser.add_argument("--variant", required=True, help="a name in README.md's table")
    parser.add_argument("--seeds", type=seeds, default=range(2), help="N or A-B; default 2")
    parser.add_argument("--steps", type=int, help="cut ln to this many updates")
    parser.add_argument("--out", required=True, help="table to write, or to add rows to")
    given = parser.parse_args()
    variants = sorted(RUNS[given.case][1])
    if given.variant not in variants:
        parser.error("--variant is one of " + ", ".join(variants))
    return given


def write(table, given, seed):
    """Runs one seed and writes its rows."""
    for stack, checkpoint, found in RUNS[given.case][0](given.variant, seed, given.steps):
        head = dict(zip(HEAD, (given.case, given.variant, stack, checkpoint, seed)))
        table.writerow({**{key: text(value) for key, value in found.items()}, **head})


def main():
    """Runs the seeds one by one, and keeps what is done should it be stopped."""
    given = arguments()
    new = not os.path.exists(given.out)
    with open(given.out, "a", newline="") as file:
        table = csv.DictWriter(file, HEAD + COLUMNS[given.case], lineterminator="\n")
        if new:
            table.writeheader()
        for seed in given.seeds:
            write(table, given, seed)
            file.flush()
            print(given.case, given.variant, "seed", seed, file=sys.stderr)


if __name__ == "__main__":
    main()
