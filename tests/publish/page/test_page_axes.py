"""The ends of the page's axes, on numbers done by hand."""

import math

import pytest

from experiments.analysis import baselines
from experiments.cases.case import Classification, Solved
from experiments.publish.page import page_axes
from tests import toy


def arm(bands=((0.0, 0.2),), metric=((0.01,),), loss=((0.02,),), checkpoints=(0, 20)):
    return {
        "checkpoints": list(checkpoints),
        "bands": [None, [list(band) for band in bands]],
        "metric": [list(row) for row in metric],
        "loss": [list(row) for row in loss],
    }


def fit(*bands):
    """The frame of the fitted curve; the toy's target goes from 0.0099 to 0.25."""
    return page_axes.frames(toy.CASE, [arm(bands=bands)])["fit"]["domain"]


def test_the_frame_holds_the_target_and_a_margin():
    low, high = fit((0.1, 0.2))
    assert low == pytest.approx(0.0099 - 0.05 * (0.2499 - 0.0099), abs=1e-4)
    assert high == pytest.approx(0.2499 + 0.05 * (0.2499 - 0.0099), abs=1e-4)


def test_a_band_near_the_target_is_held_whole():
    low, high = fit((-0.05, 0.3))
    assert low < -0.05 and high > 0.3


def test_a_band_far_off_is_cut_at_half_the_range():
    low, high = fit((-70.0, 900.0))
    assert low == pytest.approx(0.0099 - 0.12 - 0.024, abs=1e-3)
    assert high == pytest.approx(0.2499 + 0.12 + 0.024, abs=1e-3)


def test_values_that_span_factors_are_on_a_log_scale_between_powers_of_ten():
    frame = page_axes.frames(toy.CASE, [arm(metric=[[0.0003, 4.0]])])["metric"]
    assert frame == {"domain": [0.0001, 10.0], "log": True}


def test_values_close_together_are_on_a_linear_scale():
    frame = page_axes.frames(toy.CASE, [arm(loss=[[1.0, 2.0]])])["loss"]
    assert frame == {"domain": [0.95, 2.05], "log": False}


def test_yardsticks_lie_inside_the_frame_of_the_metric():
    # The best constant of the toy costs 1/180, the bar a twentieth of that.
    low, high = page_axes.frames(toy.CASE, [arm(metric=[[0.004]])])["metric"]["domain"]
    assert low <= 0.05 / 180 and 1 / 180 <= high


def test_values_that_are_not_finite_move_no_end():
    plain = page_axes.frames(toy.CASE, [arm(loss=[[1.0, 2.0]])])
    odd = page_axes.frames(toy.CASE, [arm(loss=[[1.0, 2.0], ["inf", None]])])
    assert plain == odd


def test_the_longest_arm_sets_the_last_step():
    frames = page_axes.frames(toy.CASE, [arm(), arm(checkpoints=(0, 700))])
    assert frames["steps"] == 700


def test_finite_numbers_are_found_however_deep():
    assert list(page_axes.finite([1, [2.5, "inf", None], math.inf])) == [1, 2.5]


def test_a_classifier_is_labelled_by_its_own_number_of_points():
    case = toy.make(
        task=Classification(lambda x: x > 0, num_many=1234),
        solved=Solved("accuracy", above=0.9),
        broken=type("Reads", (toy.Toy,), {"read": "argmax"})(),
    )
    assert baselines.metric_label(case) == "accuracy on 1,234 fresh points"
    assert page_axes.curve_labels(case)[1] == "last output"
    assert page_axes.curve_labels(toy.CASE) == ("x", "y")
