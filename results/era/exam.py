"""What the programs of the time are given and asked: data, labels and measures.

NumPy alone, and nothing of the suite; for `regenerate.py` beside it.
"""

import random

import numpy as np

NINE = [0.19118255, 0.17362741, 0.60853624, 0.33864763, 0.79126364]
NINE += [0.09994856, 0.31053194, 0.0512077, 0.120253]


def grid():
    """Returns the 1,000 x that a curve is judged on, as a column."""
    return (np.arange(1000).reshape(-1, 1) + 0.5) / 1000


def sin_curve(x):
    """Returns the target of `sin`."""
    return 10 * np.sin(3 * x)


def sin_samples(count=10000):
    """Draws the samples of `sin` by Python's own generator, as its program does."""
    x = np.array([random.random() for _ in range(count)]).reshape(-1, 1)
    return x, sin_curve(x)


def sum_points(draw, count):
    """Draws points of five numbers, and whether they add up to more than 2.5."""
    points = draw.rand(count, 5)
    return points, points.sum(axis=1) > 2.5


def sum_labels(variant, above):
    """Returns the labels a program learns: two columns, or -1 and +1."""
    if variant == "softmax2":
        return np.stack([~above, above], axis=1).astype(float)
    return np.where(above, 1.0, -1.0).reshape(-1, 1)


def ln_batch(count):
    """Draws a batch of `ln` in double precision, in which x is never exactly 0."""
    x = np.random.random((count, 1))
    return x, np.log(x)


def curve_measures(truth, answer):
    """Returns what is recorded of a curve."""
    truth, answer = np.ravel(truth), np.ravel(answer).astype(float)
    error = np.mean((answer - truth) ** 2)
    spread = {"pred_mean": answer.mean(), "pred_std": answer.std()}
    worst = np.abs(answer - truth).max()
    return dict(spread, mse=error, r2=1 - error / truth.var(), maxabs=worst)


def class_measures(variant, above, output, name):
    """Returns what is recorded of a classifier on the points called `name`.

    Two softmax units are read by the larger; one unit by its sign, and against 0.5.
    """
    soft = variant == "softmax2"
    score = output[:, 1] if soft else np.ravel(output)
    said = output.argmax(axis=1) == 1 if soft else score > 0
    found = {name + ("_acc" if soft else "_acc_sign"): np.mean(said == above)}
    if name == "t10k":
        found["t10k_frac_pred_pos" + ("" if soft else "0")] = said.mean()
        found.update(t10k_out_min=score.min(), t10k_out_max=score.max())
        if not soft:
            found["t10k_acc_thr05"] = np.mean((score > 0.5) == above)
    return found


def ln_measures(answer, nine, hidden, bias):
    """Returns what is recorded of `ln`: errors, dead units and the output's bias."""
    x, truth = grid().ravel(), np.log(grid().ravel())
    found = curve_measures(truth, answer)
    error = np.abs(np.ravel(answer).astype(float) - truth)[x >= 0.01]
    found.update(x01_mse=np.mean(error**2), x01_maxabs=error.max(), b_out=float(bias))
    found["nine_mse"] = np.mean((np.ravel(nine).astype(float) - np.log(NINE)) ** 2)
    for place, units in enumerate(hidden, 1):
        found[f"dead_l{place}"] = int((units == 0).all(axis=0).sum())
    return found
