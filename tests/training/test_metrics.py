"""Measures: answers made by hand, marked by hand, by scipy and by closed forms."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

import reproductions
from experiments import Classification, Regression, Solved, SuiteError
from experiments.training import columns
from experiments.training import metrics as measures
from experiments.training.metrics import Evaluation, Snapshot
from tests import toy

CASES = reproductions.names()
CLASSIFIERS = [n for n in CASES if isinstance(reproductions.load(n).task, Classification)]
# Answer C's table: x, prediction, squared error.
PUBLISHED = (
    (0.19118255, -1.65021849, 1.85587377928e-05),
    (0.17362741, -1.74087048, 9.94640868157e-05),
    (0.60853624, -0.49964082, 8.65551464813e-06),
    (0.33864763, -1.08586168, 9.4036658993e-06),
    (0.79126364, -0.24541236, 0.000127425722894),
    (0.09994856, -2.29796076, 2.6408026315e-05),
    (0.31053194, -1.17038012, 8.31002580526e-07),
    (0.0512077, -2.96796203, 1.52364455062e-05),
    (0.120253, -2.12729549, 8.35050013848e-05),
)
X = (np.arange(1000) + 0.5) / 1000


@dataclasses.dataclass(frozen=True)
class Read(toy.Toy):
    read: str = "sign"


def snapshot(outputs, hidden=(), activations=(), logs=None):
    outputs = np.asarray(outputs, np.float64)
    return Snapshot(7, outputs, list(hidden), list(activations), logs)


def marked(outputs, task=None, logs=None, solved=None):
    """Marks answers on the grid, one list of 1,000 for each seed."""
    case = toy.make(task=task or Regression(toy.target), solved=solved or Solved("r2", 0.95))
    evaluation = Evaluation(case, case.broken, range(len(outputs)))
    num_others = evaluation.inputs.shape[1] - 1000
    padded = np.pad(np.asarray(outputs, float), ((0, 0), (0, num_others)))
    return evaluation.measure(snapshot(padded[..., None], logs=logs))


def probed(values, activation="sigmoid"):
    """Marks hidden outputs `(num_seeds, 1000, units)` of one layer."""
    case = toy.make()
    evaluation = Evaluation(case, case.broken, range(len(values)))
    outputs = np.zeros((*evaluation.inputs.shape[:2], 1))
    return evaluation.measure(snapshot(outputs, [np.asarray(values, np.float32)], [activation]))


def classifier(points, how="sign", num_few=2):
    """Returns a case whose every draw is a table of x; class 1 lies above one half."""
    table = np.array(points)[:, None]

    def data(s, rng, size):
        return table, table

    return toy.make(
        data=data,
        task=Classification(
            lambda x: x[..., 0] > 0.5, num_few=num_few, num_many=len(points) - num_few
        ),
        broken=Read(read=how),
        solved=Solved("accuracy", 0.9),
    )


def judged(points, answers, how="sign", num_few=2):
    """Marks answers, one row of them for each seed, to a table of points."""
    case = classifier(points, how, num_few)
    answers = np.asarray(answers, float)
    answers = answers[..., None] if answers.ndim == 2 else answers
    padded = np.pad(answers, ((0, 0), (0, 50), (0, 0)))
    return Evaluation(case, case.broken, range(len(answers))).measure(snapshot(padded))


# The grid, and what the sources know about each target on it.


def test_the_grid_is_a_thousand_midpoints():
    np.testing.assert_allclose(measures.grid(), X, rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "low", "mean", "variance"),
    [
        ("sin_fit", 0, 6.633, 8.328),
        ("ln_fit", 0, -0.99965, 0.99439),
        ("ln_fit", 0.01, -0.9535, 0.7836),
    ],
)
def test_the_best_constant_on_the_grid_is_the_yardstick_of_the_sources(name, low, mean, variance):
    y = reproductions.load(name).task.target(X[low <= X])
    # The last is the closed form of [0.01, 1]; its grid is 0.1% coarse.
    tolerance = 2e-3 if low else 1e-4
    assert y.mean() == pytest.approx(mean, rel=tolerance)
    assert y.var() == pytest.approx(variance, rel=tolerance)


@pytest.mark.parametrize(
    ("name", "mean", "variance"), [("sin_fit", 6.633, 8.328), ("ln_fit", -1.0, 1.0)]
)
def test_the_best_constant_of_the_distribution_is_the_yardstick_too(name, mean, variance):
    target = reproductions.load(name).task.target
    first, second = (integrate.quad(lambda x, k=k: target(x) ** k, 0, 1)[0] for k in (1, 2))
    assert first == pytest.approx(mean, rel=1e-4)
    assert second - first**2 == pytest.approx(variance, rel=1e-4)


def test_predicting_nothing_of_the_sine_costs_the_yardstick_of_the_sources():
    found = marked(np.zeros((1, 1000)), reproductions.load("sin_fit").task)
    assert found["mse"][0] == pytest.approx(52.33, rel=1e-4)


@pytest.mark.parametrize(("name", "r2"), [("sin_fit", 0.028), ("ln_fit", 0.75)])
def test_the_best_line_scores_what_the_sources_say(name, r2):
    task = reproductions.load(name).task
    line = stats.linregress(X, task.target(X))
    found = marked([line.intercept + line.slope * X], Regression(task.target))
    assert found["r2"][0] == pytest.approx(r2, abs=0.005)
    assert found["r2"][0] == pytest.approx(line.rvalue**2, abs=1e-12)


# Errors.


def test_errors_by_hand():
    # Half of the answers are 3 too high, half are 1 too low.
    errors = np.where(np.arange(1000) % 2, 3.0, -1.0)
    found = marked([toy.target(X) + errors])
    assert found["mse"][0] == pytest.approx(5)
    assert found["rmse"][0] == pytest.approx(5**0.5)
    assert found["max_error"][0] == pytest.approx(3)
    assert found["r2"][0] == pytest.approx(1 - 5 / np.var(toy.target(X)))
    assert found["output_mean"][0] == pytest.approx(np.mean(toy.target(X)) + 1)


def test_the_largest_error_may_be_below():
    errors = np.where(np.arange(1000) == 17, -4.0, 1.0)
    assert marked([toy.target(X) + errors])["max_error"][0] == pytest.approx(4)


def test_a_perfect_answer():
    found = marked([toy.target(X)])
    assert found["mse"][0] == found["max_error"][0] == 0
    assert found["r2"][0] == found["skill"][0] == 1


def test_the_best_constant_has_no_skill():
    found = marked([np.full(1000, toy.target(X).mean())])
    assert found["r2"][0] == pytest.approx(0, abs=1e-12)
    assert found["mse"][0] == pytest.approx(np.var(toy.target(X)))


def test_errors_by_a_second_formula():
    rng = np.random.default_rng(1)
    answers = rng.normal(size=(4, 1000))
    found = marked(answers)
    y = toy.target(X)
    residual = np.array([np.dot(row - y, row - y) for row in answers])
    total = np.dot(y - y.mean(), y - y.mean())
    np.testing.assert_allclose(found["r2"], 1 - residual / total)
    np.testing.assert_allclose(found["skill"], 1 - residual / total)
    np.testing.assert_allclose(found["rmse"] ** 2, residual / 1000)
    np.testing.assert_allclose(found["max_error"], np.linalg.norm(answers - y, np.inf, axis=1))


def test_errors_from_a_place_on_count_that_part_only():
    # Wrong by 5 below 0.25, by 2 from there on.
    answers = toy.target(X) + np.where(X < 0.25, 5.0, 2.0)
    found = marked([answers], Regression(toy.target, also_from=0.25))
    part = toy.target(X[250:])
    assert found["mse_from_0.25"][0] == pytest.approx(4)
    assert found["rmse_from_0.25"][0] == pytest.approx(2)
    assert found["max_error_from_0.25"][0] == pytest.approx(2)
    assert found["r2_from_0.25"][0] == pytest.approx(1 - 4 / part.var())
    assert found["max_error"][0] == pytest.approx(5)


def test_errors_from_a_place_on_the_grid_count_that_place():
    answers = toy.target(X) + np.where(np.arange(1000) == 250, 1.0, 0.0)
    found = marked([answers], Regression(toy.target, also_from=float(X[250])))
    assert found["mse_from_0.2505"][0] == pytest.approx(1 / 750)


def test_without_a_place_there_are_no_errors_from_it():
    assert not [name for name in marked([toy.target(X)]) if "from" in name]


def test_the_logarithm_is_also_judged_from_a_hundredth():
    case = reproductions.load("ln_fit")
    evaluation = Evaluation(case, case.broken, [0])
    answers = np.where(X < 0.01, 0.0, np.log(X))
    padded = np.pad(answers, (0, 59))[None, :, None]
    found = evaluation.measure(snapshot(padded))
    assert found["r2_from_0.01"][0] == 1
    assert found["r2"][0] < 0.9


# The published points.


def test_the_published_predictions_have_the_published_errors():
    case = reproductions.load("ln_fit")
    evaluation = Evaluation(case, case.fixed, [0])
    answers = np.concatenate([np.zeros(1000), [p for _, p, _ in PUBLISHED], np.zeros(50)])
    found = evaluation.measure(snapshot(answers[None, :, None]))
    for place, (_, _, square) in enumerate(PUBLISHED, start=1):
        # Both columns were printed at eight digits: 2e-5 of the smallest error.
        assert found[f"point_{place}"][0] == pytest.approx(square, rel=1e-4)
    assert found["points_mse"][0] == pytest.approx(4.33e-5, rel=1e-3)
    assert found["points_max"][0] == pytest.approx(1.27e-4, rel=5e-3)


def test_the_network_is_asked_grid_points_and_curve_in_this_order():
    case = reproductions.load("ln_fit")
    asked = Evaluation(case, case.broken, [0, 1]).inputs
    expected = np.concatenate([X, [x for x, _, _ in PUBLISHED], (np.arange(50) + 0.5) / 50])
    assert asked.dtype == np.float32
    np.testing.assert_array_equal(asked, [expected.astype(np.float32)[:, None]] * 2)


@pytest.mark.parametrize(
    ("arm", "mean", "deviation"),
    [
        ("minus_mean", 0.5, 1.0),
        ("standardise", 0.5, 12**-0.5),
        ("by_batch", np.mean(X), np.std(X)),
    ],
)
def test_the_network_is_asked_what_its_arm_prepares(arm, mean, deviation):
    case = reproductions.load("ln_fit")
    plain = Evaluation(case, case.broken, [0]).inputs.astype(np.float64)
    asked = Evaluation(case, case.arm(arm), [0]).inputs
    np.testing.assert_allclose(asked, (plain - mean) / deviation, atol=1e-6)


# Classes.


@pytest.mark.parametrize(
    ("how", "outputs", "classes"),
    [
        ("sign", [[-1], [-0.0], [0], [1e-9], [1]], [0, 0, 0, 1, 1]),
        ("threshold 0.5", [[-1], [0.5], [0.500001], [1]], [0, 0, 1, 1]),
        ("argmax", [[0.2, 0.8], [0.8, 0.2], [0.5, 0.5], [-3, -2]], [1, 0, 0, 1]),
        ("argmax", [[0.0], [1.0]], [0, 0]),
        ("sign", [[5, -1], [-5, 1]], [0, 1]),
    ],
)
def test_outputs_are_read_as_classes_by_hand(how, outputs, classes):
    np.testing.assert_array_equal(measures.read(np.array(outputs, float), how), classes)


def test_one_softmax_unit_is_class_0_by_argmax_and_class_1_at_one_half():
    outputs = np.ones((3, 1))
    assert not measures.read(outputs, "argmax").any()
    assert measures.read(outputs, "threshold 0.5").all()


POINTS = (0.1, 0.9, 0.8, 0.7, 0.2, 0.6)


def test_accuracies_by_hand():
    # Four of many: three of class 1. Two of few: one of class 1.
    found = judged(POINTS, [[-1, 1, 1, -1, -1, -1]])
    assert found["accuracy"][0] == 0.75
    assert found["accuracy_200"][0] == 0.5
    assert found["majority"][0] == 0.75
    assert found["share_class_1"][0] == 0.5
    assert found["one_class"][0] == 0
    assert found["skill"][0] == 0


def test_skill_is_what_is_gained_over_the_larger_class():
    found = judged(POINTS, [[-1, 1, 1, 1, -1, 1], [1, 1, 1, 1, 1, 1], [1, -1, -1, -1, 1, -1]])
    np.testing.assert_allclose(found["skill"], [1, 0, -3])
    np.testing.assert_allclose(found["accuracy"], [1, 0.75, 0])


def test_the_larger_class_may_be_class_0():
    found = judged((0.1, 0.2, 0.3, 0.9, 0.2, 0.3), [[-1, -1, -1, 1, 1, 1]])
    assert found["majority"][0] == 0.75
    assert found["skill"][0] == 1
    assert found["accuracy_200"][0] == 0


@pytest.mark.parametrize(
    ("answers", "one_class"),
    [([1] * 6, 1), ([-1] * 6, 1), ([1, 1, 1, -1, 1, 1], 0), ([1, 1, 1, 1, -1, -1], 1)],
)
def test_one_class_means_all_of_the_many_points(answers, one_class):
    assert judged(POINTS, [answers])["one_class"][0] == one_class


def test_two_columns_are_read_by_argmax():
    answers = [[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3], [0.1, 0.9], [0.9, 0.1]]]
    found = judged(POINTS, answers, how="argmax")
    assert found["accuracy"][0] == 0.75
    assert found["output_mean"][0] == pytest.approx((0.1 + 0.8 + 0.6 + 0.3) / 4)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_true_class_of_every_fresh_point_counts_as_right(name):
    case = reproductions.load(name)
    evaluation = Evaluation(case, case.fixed, [3, 4])
    classes = evaluation.inputs.astype(np.float64).sum(axis=-1) > 2.5
    signs = np.where(classes, 1.0, -1.0)
    found = evaluation.measure(snapshot(np.stack([-signs, signs], axis=-1)))
    # A sum within float32's rounding of 2.5 may be read either way.
    assert (found["accuracy"] >= 0.9998).all()
    assert (found["accuracy_200"] >= 0.995).all()
    np.testing.assert_allclose(found["share_class_1"], classes[:, :10_000].mean(axis=1), atol=2e-4)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_fresh_points_are_each_seeds_own_and_the_same_for_every_arm(name):
    case = reproductions.load(name)
    asked = Evaluation(case, case.broken, [3, 4]).inputs
    assert asked.shape == (2, 10_250, 5)
    assert not np.isin(asked[0, :10_200], asked[1, :10_200]).all(axis=1).any()
    for arm in (*case.fixes, *case.variants, "fixed"):
        np.testing.assert_array_equal(Evaluation(case, case.arm(arm), [4]).inputs[0], asked[1])


# Solved.


@pytest.mark.parametrize(("bar", "solved"), [(0.75, True), (0.7501, False)])
def test_a_run_at_the_bar_is_solved(bar, solved):
    case = dataclasses.replace(classifier(POINTS), solved=Solved("accuracy", bar))
    answers = np.pad([[-1.0, 1, 1, -1, -1, -1]], ((0, 0), (0, 50)))
    found = Evaluation(case, case.broken, [0]).measure(snapshot(answers[..., None]))
    assert found["solved"][0] == solved


def test_seeds_are_judged_one_by_one():
    found = marked([toy.target(X), np.zeros(1000), toy.target(X)])
    np.testing.assert_array_equal(found["solved"], [True, False, True])
    np.testing.assert_array_equal(found["diverged"], [False] * 3)


# Flat.


@pytest.mark.parametrize(("share", "flat"), [(0.0, 1), (0.0099, 1), (0.0101, 0), (1.0, 0)])
def test_flat_is_below_a_hundredth_of_the_targets_deviation(share, flat):
    y = toy.target(X)
    found = marked([y.mean() + share * (y - y.mean())])
    assert found["flat"][0] == flat
    assert found["output_std"][0] == pytest.approx(share * y.std())


@pytest.mark.parametrize(("half", "flat"), [(0.0049, 1), (0.0051, 0)])
def test_flat_for_two_classes_is_below_a_hundredth_of_one_half(half, flat):
    # The deviation of two equally frequent values is half their distance.
    found = judged(POINTS, [[half, -half, half, -half, 9, 9]])
    assert found["flat"][0] == flat


# Dead and saturated.


def test_a_unit_is_dead_if_it_is_zero_everywhere():
    values = np.zeros((2, 1000, 4))
    values[0, 3, 0] = 1e-30
    values[1, :, :3] = 1
    np.testing.assert_allclose(probed(values, "relu")["dead_1"], [0.75, 0.25])


@pytest.mark.parametrize("activation", ["linear", "relu", "softplus"])
def test_an_activation_without_bounds_does_not_saturate(activation):
    assert "saturated_1" not in probed(np.ones((1, 1000, 2)), activation)


@pytest.mark.parametrize(
    ("activation", "value", "saturated"),
    [
        ("sigmoid", 0.0099, 1),
        ("sigmoid", 0.0101, 0),
        ("sigmoid", 0.9899, 0),
        ("sigmoid", 0.9901, 1),
        ("sigmoid", 0.5, 0),
        ("tanh", -0.9801, 1),
        ("tanh", -0.9799, 0),
        ("tanh", 0.9799, 0),
        ("tanh", 0.9801, 1),
        ("tanh", 0.0, 0),
        ("softsign", 0.9801, 1),
        ("relu6", 0.0599, 1),
        ("relu6", 5.9401, 1),
        ("relu6", 5.9399, 0),
    ],
)
def test_saturated_is_within_a_hundredth_of_the_range_from_an_end(activation, value, saturated):
    assert probed(np.full((1, 1000, 1), value), activation)["saturated_1"][0] == saturated


@pytest.mark.parametrize(("num", "saturated"), [(949, 0), (950, 1), (1000, 1)])
def test_saturated_is_so_on_95_of_100_inputs(num, saturated):
    values = np.full((1, 1000, 1), 0.5)
    values[0, :num] = 1.0
    assert probed(values)["saturated_1"][0] == saturated


def test_a_unit_may_be_saturated_at_both_ends():
    values = np.where(np.arange(1000) % 2, 0.0, 1.0)[None, :, None]
    assert probed(values)["saturated_1"][0] == 1


def test_each_hidden_layer_has_its_own_symptoms():
    case = toy.make()
    evaluation = Evaluation(case, case.broken, [0])
    hidden = [np.zeros((1, 1000, 2)), np.ones((1, 1000, 3))]
    outputs = np.zeros((*evaluation.inputs.shape[:2], 1))
    found = evaluation.measure(snapshot(outputs, hidden, ["relu", "tanh"]))
    assert (found["dead_1"][0], found["dead_2"][0], found["saturated_2"][0]) == (1, 0, 1)
    assert "saturated_1" not in found


# Diverged.


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 999, -1])
def test_one_answer_that_is_not_finite_marks_its_seed_and_no_other(value, place):
    case = toy.make()
    evaluation = Evaluation(case, case.broken, [0, 1])
    answers = np.tile(toy.target(np.r_[X, measures.curve_inputs()]), (2, 1))[..., None]
    answers[1, place] = value
    found = evaluation.measure(snapshot(answers))
    np.testing.assert_array_equal(found["diverged"], [False, True])
    np.testing.assert_array_equal(found["solved"], [True, False])
    assert found["r2"][0] == 1


def test_a_diverged_regression_takes_the_worst_values():
    task = Regression(toy.target, also_from=0.5, points=(0.25,))
    answers = np.full((2, 1051), 0.25)
    answers[1] = np.nan
    case = toy.make(task=task)
    found = Evaluation(case, case.broken, [0, 1]).measure(snapshot(answers[..., None]))
    for name in ("mse", "rmse", "max_error", "mse_from_0.5", "points_mse", "points_max", "point_1"):
        assert found[name][1] == np.inf, name
    for name in ("r2", "skill", "r2_from_0.5"):
        assert found[name][1] == -np.inf, name
    assert all(np.isfinite(values[0]) for values in found.values())


@pytest.mark.parametrize("how", ["sign", "argmax"])
def test_a_diverged_classifier_takes_the_worst_values(how):
    answers = np.full((1, 6, 2), np.nan)
    found = judged(POINTS, answers, how)
    assert [found[name][0] for name in ("accuracy", "accuracy_200", "skill")] == [-np.inf] * 3


@pytest.mark.parametrize("how", ["sign", "argmax"])
def test_a_diverged_classifier_is_not_solved(how):
    right = np.where(np.array(POINTS) > 0.5, 1.0, -1.0)
    answers = np.stack([-right, right], axis=-1)[None].repeat(2, axis=0)
    answers[1, 0, 1] = np.nan
    found = judged(POINTS, answers, how)
    np.testing.assert_array_equal(found["diverged"], [False, True])
    np.testing.assert_array_equal(found["solved"], [True, False])


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_last_loss_that_is_not_finite_diverged_whatever_the_answers(loss):
    logs = np.array([[0.5, 0.25, 0.125], [loss, np.nan, 0.125]])
    found = marked([toy.target(X)] * 2, logs=logs)
    np.testing.assert_array_equal(found["diverged"], [False, True])
    np.testing.assert_array_equal(found["solved"], [True, False])
    np.testing.assert_array_equal(found["loss"], [0.5, np.inf])
    np.testing.assert_array_equal(found["logged_accuracy"], [0.25, -np.inf])
    np.testing.assert_array_equal(found["keras1_accuracy"], [0.125, 0.125])


def test_before_the_first_update_nothing_is_logged():
    found = marked([toy.target(X)])
    assert not {"loss", "logged_accuracy", "keras1_accuracy"} & set(found)


@given(
    st.lists(st.sampled_from([0.0, -1.0, 3e38, np.nan, np.inf, -np.inf]), min_size=1, max_size=4)
)
def test_no_measure_is_ever_nan(values):
    found = marked([np.full(1000, value) for value in values])
    assert not any(np.isnan(column).any() for column in found.values())
    np.testing.assert_array_equal(found["diverged"], ~np.isfinite(values))


# Curves.


def test_the_curve_is_the_last_fifty_answers():
    case = toy.make()
    evaluation = Evaluation(case, case.broken, [0, 1])
    answers = np.arange(2 * 1050.0).reshape(2, 1050, 1)
    np.testing.assert_array_equal(evaluation.curve(snapshot(answers)), answers[:, 1000:, 0])


def test_the_curve_of_a_classifier_is_its_last_output_on_the_diagonal():
    case = reproductions.load("sum_softmax")
    evaluation = Evaluation(case, case.fixed, [0])
    diagonal = np.repeat((np.arange(50.0)[:, None] + 0.5) / 50, 5, axis=1)
    np.testing.assert_array_equal(evaluation.inputs[0, -50:], diagonal.astype(np.float32))
    answers = np.stack([np.zeros(10_250), np.arange(10_250.0)], axis=-1)[None]
    np.testing.assert_array_equal(
        evaluation.curve(snapshot(answers))[0], np.arange(10_200.0, 10_250)
    )


@pytest.mark.parametrize(("name", "zero"), [("sum_softmax", 0), ("sum_hinge", -1)])
def test_the_curves_target_of_a_classifier_steps_up_in_the_middle(name, zero):
    expected = [zero] * 25 + [1] * 25
    np.testing.assert_array_equal(measures.curve_target(reproductions.load(name)), expected)


def test_the_curves_target_of_a_regression_is_the_target():
    found = measures.curve_target(reproductions.load("sin_fit"))
    np.testing.assert_allclose(found, 10 * np.sin(3 * (np.arange(50) + 0.5) / 50))


# Checkpoints and the order of metrics.


@pytest.mark.parametrize(
    ("num_steps", "expected"),
    [
        (1, [0, 1]),
        (2, [0, 1, 2]),
        (3, [0, 1, 2, 3]),
        (10, [0, 1, 2, 5, 10]),
        (70, [0, 1, 2, 5, 10, 20, 50, 70]),
        (100, [0, 1, 2, 5, 10, 20, 50, 100]),
        (1050, [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1050]),
    ],
)
def test_checkpoints_by_hand(num_steps, expected):
    assert measures.checkpoints(num_steps) == expected


@given(st.integers(1, 10**7))
def test_checkpoints_are_zero_the_end_and_the_series_between(num_steps):
    found = measures.checkpoints(num_steps)
    series = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]
    assert found == [0, *(step for step in series if step < num_steps), num_steps]


def test_known_metrics_come_in_the_order_of_tables_and_others_after():
    given_names = ["zebra", "dead_1", "accuracy", "mse", "apple", "r2", "loss"]
    expected = ["mse", "r2", "accuracy", "loss", "dead_1", "apple", "zebra"]
    assert columns.in_order(given_names) == expected


def test_a_bar_in_a_metric_that_does_not_exist_is_named():
    case = toy.make(solved=Solved("r3", above=0.9))
    answers = np.zeros((1, 1050, 1))
    with pytest.raises(SuiteError, match="Received: r3. Did you mean 'r2'"):
        Evaluation(case, case.broken, [0]).measure(snapshot(answers))


# What only shows along the way.


def history(**columns):
    """Marks columns `(num_seeds, num_marks)` at the marks 0, 1, 2, 4."""
    case = toy.make()
    marks = [0, 1, 2, 4]
    blank = {name: np.zeros((1, 4)) for name in ("output_mean", "output_std", "mse", "solved")}
    table = {k: np.asarray(v, float) for k, v in (blank | columns).items()}
    table["solved"] = table["solved"].astype(bool)
    measured = {m: {k: v[:, n] for k, v in table.items()} for n, m in enumerate(marks)}
    return Evaluation(case, case.broken, [0]).history(marks, measured)


def test_first_solved_is_the_first_checkpoint_above_the_bar():
    solved = [[0, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    found = history(solved=solved, **dict.fromkeys(("mse", "output_mean", "output_std"), solved))
    assert found["first_solved"].tolist() == [2, np.inf, 0]


def test_dead_since_counts_from_the_last_life():
    dead = [[0, 1, 1, 1], [1, 1, 0, 1], [0.5, 0.5, 1, 0.9], [1, 1, 1, 1]]
    blank = dict.fromkeys(("mse", "output_mean", "output_std", "solved"), np.zeros((4, 4)))
    found = history(dead_1=dead, dead_2=np.zeros((4, 4)), **blank)
    assert found["dead_since"].tolist() == [1, 4, np.inf, 0]


def test_a_bounded_layer_is_never_dead():
    assert "dead_since" not in history(dead_1=[[1, 1, 1, 1]], saturated_1=[[0, 0, 0, 0]])


def test_still_learning_compares_with_the_last_checkpoint_in_the_first_half():
    errors = [[9, 9, 5, 3.9], [9, 9, 5, 4.1], [9, 9, np.inf, np.inf]]
    blank = dict.fromkeys(("output_mean", "output_std", "solved"), np.zeros((3, 4)))
    assert history(mse=errors, **blank)["still_learning"].tolist() == [1, 0, 0]


def test_gradient_rises_is_the_share_of_steps_between_checkpoints():
    found = history(gradient_norm=[[4, 5, 3, 3]])
    assert found["gradient_first"].tolist() == [4]
    assert found["gradient_rises"].tolist() == [pytest.approx(1 / 3)]


def test_without_a_gradient_there_is_none_in_the_history():
    assert not [name for name in history() if name.startswith("gradient")]


# Calibration.


def test_calibration_error_by_hand():
    # Two bins: mean probability 0.2 against a share of 0.5, and 0.9 against 1.
    p = np.array([[0.15, 0.15, 0.95, 0.95]])
    truth = np.array([[True, False, True, True]])
    expected = 0.5 * abs(0.15 - 0.5) + 0.5 * abs(0.95 - 1)
    assert measures.calibration_error(p, truth) == pytest.approx([expected])


def test_a_calibrated_forecast_has_almost_no_error():
    rng = np.random.default_rng(0)
    p = rng.random((2, 100_000))
    assert (measures.calibration_error(p, rng.random(p.shape) < p) < 0.01).all()


def test_a_sure_and_wrong_forecast_has_error_one():
    assert measures.calibration_error(np.ones((1, 8)), np.zeros((1, 8), bool)) == [1]
