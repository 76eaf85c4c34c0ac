"""Symptoms, lying metrics and rare failures, against rows whose answers are worked by hand."""

import dataclasses
import math
import re

import numpy as np
import pandas as pd
import pytest

from experiments import Case, Classification, Setup, Solved, fix, variant
from experiments.analysis.failure_modes import description, diagnose
from experiments.analysis.logged_metrics import (
    FORMULAS,
    RIGHT,
    UNSURE,
    accuracy_misleads,
    least_constant_loss,
    logged_for,
    loss_misleads,
    metric_check,
)
from experiments.analysis.rare_failures import compare, rare_failures
from experiments.analysis.rare_failures import description as failure_description
from experiments.analysis.symptoms import SYMPTOMS, found, of_each, target_moments
from experiments.stats.interim import FIXED
from tests import toy

# The mean of x (1 - x) on [0, 1] is 1/6, its standard deviation 1/sqrt(180).
MEAN, DEVIATION = 1 / 6, 1 / math.sqrt(180)
WELL = {"diverged": False, "solved": True, "mse": 0.0, "r2": 1.0, "skill": 1.0, "flat": 0.0}
WELL |= {"output_mean": MEAN, "loss": 0.0, "first_solved": 2.0, "still_learning": 0.0}
ILL = WELL | {"solved": False, "r2": 0.0, "skill": 0.0, "flat": 1.0, "first_solved": math.inf}


@dataclasses.dataclass(frozen=True)
class Toss(Setup):
    labels: str = "-1/+1"
    loss: str = "hinge"
    read: str = "sign"
    batch_size: int = 4
    epochs: int = 2
    num_samples: int = 10
    validation_split: float = 0.0


def is_one(x):
    return x[..., 0] > 0.3


LABELS = {
    "-1/+1": lambda ones: 2.0 * ones - 1.0,
    "0/1": lambda ones: ones,
    "one-hot": lambda ones: np.concatenate([1.0 - ones, ones], axis=-1),
}


def toss(s, rng, size):
    # Three in ten are of class 0, without chance.
    x = np.broadcast_to((np.arange(size[-1]) % 10 / 10 + 0.05)[:, None], (*size, 1))
    return x, LABELS[s.labels](is_one(x).astype(float)[..., None])


TOSS = Case(
    name="toss",
    shows="A coin.",
    symptom="a coin",
    source="ours",
    data=toss,
    model=lambda s: None,
    task=Classification(is_one),
    solved=Solved("accuracy", above=0.9),
    broken=Toss(),
    fixes={"longer": fix("longer", epochs=5)},
    variants={
        "threshold": variant("0/1", labels="0/1", read="threshold 0.5", loss="binary_crossentropy"),
        "columns": variant("one-hot", labels="one-hot", read="argmax", loss="mse"),
        "zeros": variant("0/1", labels="0/1"),
        "zeros_literal": variant("0/1", labels="0/1", loss="literal_hinge"),
        "odd": variant("a loss of which nothing is known", loss="odd"),
    },
)
RIGHT_RUN = {
    "diverged": False,
    "solved": True,
    "accuracy": 0.95,
    "skill": 0.9,
    "share_class_1": 0.7,
}
RIGHT_RUN |= {
    "one_class": 0.0,
    "flat": 0.0,
    "output_mean": 0.1,
    "loss": 0.2,
    "output_mean_first": 0.5,
}
RIGHT_RUN |= {"logged_accuracy": 0.5, "keras1_accuracy": 0.94, "gradient_norm": 0.5}
WRONG_RUN = RIGHT_RUN | {
    "solved": False,
    "accuracy": 0.3,
    "skill": 0.0,
    "share_class_1": 0.0,
    "one_class": 1,
}
WRONG_RUN |= {
    "flat": 1.0,
    "output_mean": -1.0,
    "output_mean_first": -0.5,
    "gradient_norm": 0.001,
    "loss": 0.6,
}


def rows(*runs, arm="broken", steps=6):
    heads = ({"arm": arm, "seed": seed, "steps": steps} for seed in range(len(runs)))
    return pd.DataFrame([head | run for head, run in zip(heads, runs, strict=True)])


def has(symptom, *runs, case=toy.CASE):
    return found(case, "broken", rows(*runs), FIXED)[symptom].tolist()


def line(table, symptom):
    (row,) = table[table["symptom"] == symptom].to_dict("records")
    return row


# Symptoms.


def test_the_moments_of_the_target_are_those_of_the_closed_form():
    assert target_moments(toy.CASE) == pytest.approx((MEAN, DEVIATION), rel=1e-4)


@pytest.mark.parametrize(
    ("share", "inside"), [(0.0, True), (0.09, True), (-0.09, True), (0.11, False), (-0.11, False)]
)
def test_flat_is_at_the_mean_within_a_tenth_of_a_deviation(share, inside):
    run = ILL | {"output_mean": MEAN + share * DEVIATION}
    assert has("flat at the mean", run) == [inside]
    assert has("flat elsewhere", run) == [not inside]


def test_what_is_not_flat_is_flat_nowhere():
    assert has("flat at the mean", WELL) == has("flat elsewhere", WELL) == [False]


def test_dead_units_are_told_by_when_they_died():
    runs = [WELL | {"dead_since": since} for since in (0.0, 10.0, 20.0, math.inf)]
    assert has("all units dead", *runs) == [True, True, True, False]
    assert has("dead from the start", *runs) == [True, False, False, False]
    assert has("dead early", *runs) == [True, True, False, False]


def test_any_layer_at_least_half_saturated_counts():
    layers = [(0.5, 0.0), (0.0, 0.5), (0.4, 0.4)]
    runs = [WELL | {"saturated_1": one, "saturated_2": two} for one, two in layers]
    assert has("saturated", *runs) == [True, True, False]


@pytest.mark.parametrize(
    ("symptom", "changes", "expected"),
    [
        ("still learning", {"still_learning": 1.0}, True),
        ("still learning", {"still_learning": 1.0, "solved": True}, False),
        ("never learned", {"skill": 0.05}, True),
        ("never learned", {"skill": 0.06}, False),
        ("fell short", {"skill": 0.06}, True),
        ("fell short", {"skill": 0.99, "solved": True}, False),
        ("lost again", {"first_solved": 2.0}, True),
        ("lost again", {"first_solved": 2.0, "solved": True}, False),
        ("diverged", {"diverged": True}, True),
        ("solved", {"solved": True}, True),
    ],
)
def test_symptoms_of_one_run(symptom, changes, expected):
    assert has(symptom, ILL | changes) == [expected]


def test_one_class_is_a_symptom_of_classifiers_alone():
    assert has("always one class", RIGHT_RUN, WRONG_RUN, case=TOSS) == [False, True]
    assert "always one class" not in found(toy.CASE, "broken", rows(WELL), FIXED)
    assert "flat at the mean" not in found(TOSS, "broken", rows(RIGHT_RUN), FIXED)


def test_a_metric_that_is_not_stored_is_no_symptom():
    assert not {"all units dead", "saturated"} & set(found(toy.CASE, "broken", rows(WELL), FIXED))


def test_of_each_leaves_out_what_goes_without_saying():
    part = rows(ILL, WELL, ILL | {"diverged": True, "flat": 0.0})
    assert of_each(toy.CASE, "broken", part) == [["flat at the mean"], ["solved"], ["diverged"]]


def test_every_symptom_has_a_name_of_its_own():
    names = [item.name for item in SYMPTOMS]
    assert len(names) == len(set(names))


# The diagnosis.


@pytest.mark.parametrize(
    ("num_ill", "holds"), [(100, "most seeds"), (50, "some seeds"), (0, "few seeds")]
)
def test_a_symptom_holds_by_the_one_rule(num_ill, holds):
    table = diagnose(toy.CASE, rows(*[ILL] * num_ill, *[WELL] * (100 - num_ill)), FIXED)
    row = line(table, "flat at the mean")
    assert (row["estimate"], row["num_seeds"], row["holds"]) == (num_ill / 100, 100, holds)


def test_an_interval_across_a_bar_holds_in_some_seeds():
    assert (
        line(diagnose(toy.CASE, rows(ILL, ILL), FIXED), "flat at the mean")["holds"] == "some seeds"
    )


def test_the_words_of_a_dead_network():
    table = diagnose(toy.CASE, rows(*[ILL | {"dead_since": 1.0}] * 50), FIXED)
    assert description(table, "broken") == (
        "Of 50 seeds all answer about the same number everywhere, the mean of the target (median "
        "output 0.17, mean of the target 0.17); all have a hidden layer with no living unit (in "
        "the median since update 1); all have one within 10 updates."
    )


def test_the_words_of_one_class_name_it():
    assert "class 0 in 100.0% of them" in description(
        diagnose(TOSS, rows(*[WRONG_RUN] * 9), FIXED), "broken"
    )


def test_the_words_follow_the_table():
    table = diagnose(toy.CASE, rows(*[ILL] * 50), FIXED)
    place = table["symptom"] == "flat at the mean"
    table.loc[place, ["estimate", "low", "high", "detail"]] = (0.87, 0.85, 0.91, "about 0.3")
    table["num_seeds"] = 77
    text = description(table, "broken")
    assert text.startswith("Of 77 seeds 87.0% [85.0%, 91.0%] answer")
    assert "(about 0.3)" in text
    assert set(re.findall(r"[\d.]*\d", text)) == {"77", "87.0", "85.0", "91.0", "0.3"}


def test_an_arm_that_is_not_stored_has_no_text():
    assert description(diagnose(toy.CASE, rows(WELL), FIXED), "fixed") == ""


def test_arms_come_in_the_order_of_the_case_and_words_of_the_longest_budget():
    parts = [rows(WELL, arm="slow"), rows(ILL, arm="fixed"), rows(WELL, arm="fixed", steps=9)]
    table = diagnose(toy.CASE, pd.concat(parts), FIXED)
    assert list(dict.fromkeys(table["arm"])) == ["fixed", "slow"]
    assert "solve it" in description(table, "fixed")
    assert "the mean of the target" in description(table, "fixed", 6)


# Metrics that lie.


@pytest.mark.parametrize(
    ("arm", "metric", "sure", "unsure"),
    [
        # Labels -1 are never equal to 0 or 1; seven in ten are of class 1.
        ("broken", "logged_accuracy", 0.7, 0.0),
        ("broken", "keras1_accuracy", 1.0, 0.0),
        ("threshold", "logged_accuracy", 1.0, 1.0),
        ("threshold", "keras1_accuracy", 1.0, 1.0),
        ("columns", "logged_accuracy", 1.0, 1.0),
        ("columns", "keras1_accuracy", 1.0, 1.0),
        # Read by sign, an unsure class 1 lies below one half and rounds to 0.
        ("zeros", "logged_accuracy", 1.0, 0.3),
        ("zeros", "keras1_accuracy", 0.7, 0.3),
    ],
)
def test_what_is_logged_for_answers_that_are_all_right(arm, metric, sure, unsure):
    setup = TOSS.arm(arm)
    assert logged_for(TOSS, setup, metric, RIGHT) == pytest.approx(sure)
    assert logged_for(TOSS, setup, metric, UNSURE) == pytest.approx(unsure)


@pytest.mark.parametrize("labels", ["-1/+1", "0/1"])
def test_the_formulas_are_those_of_keras(labels):
    import keras

    from experiments.training import networks

    rng = np.random.default_rng(0)
    y = LABELS[labels](rng.integers(0, 2, (200, 1)).astype(np.float32))
    outputs = rng.uniform(-1.2, 1.2, (200, 1)).astype(np.float32)
    theirs = {
        "logged_accuracy": keras.metrics.binary_accuracy(y, outputs),
        "keras1_accuracy": networks.rounded_accuracy(y, outputs),
    }
    for metric, found_by_keras in theirs.items():
        assert FORMULAS[metric](y, outputs).mean() == pytest.approx(np.mean(found_by_keras))


def verdicts(arm="broken", num_seeds=100, **values):
    part = rows(*[RIGHT_RUN | values] * num_seeds, arm=arm)
    table = metric_check(TOSS, part, FIXED).set_index("metric")
    return table.loc["logged_accuracy"]


@pytest.mark.parametrize(
    ("arm", "logged", "num_seeds", "verdict"),
    [
        ("broken", 0.5, 100, "a lie"),
        ("broken", 0.93, 100, "honest"),
        ("broken", 0.5, 3, "undecided"),
        ("threshold", 0.5, 100, "other points"),
        ("threshold", 0.96, 100, "honest"),
    ],
)
def test_the_verdict_on_a_logged_accuracy(arm, logged, num_seeds, verdict):
    found_row = verdicts(arm, num_seeds, logged_accuracy=logged)
    assert found_row["verdict"] == verdict
    assert found_row["difference"] == pytest.approx(logged - 0.95)
    assert (found_row["logged"], found_row["true"]) == (logged, 0.95)


def test_differences_are_paired_by_seed():
    runs = [RIGHT_RUN | {"accuracy": a, "logged_accuracy": a - 0.5} for a in (0.5, 0.7, 0.9)]
    row = metric_check(TOSS, rows(*runs), FIXED).set_index("metric").loc["logged_accuracy"]
    assert row["difference"] == pytest.approx(-0.5)


def test_the_accuracy_of_a_regression_is_meaningless():
    table = metric_check(toy.CASE, rows(*[WELL | {"logged_accuracy": 0.25}] * 5), FIXED)
    (row,) = table.to_dict("records")
    assert (row["verdict"], row["logged"]) == ("meaningless", 0.25)
    assert math.isnan(row["difference"])


def test_a_seed_is_lied_to_only_in_an_arm_whose_metric_lies():
    far, near = RIGHT_RUN, RIGHT_RUN | {"logged_accuracy": 0.93}
    lying, honest = rows(*[far] * 50, near), rows(far, *[near] * 50)
    found_lies = accuracy_misleads(TOSS, TOSS.broken, lying, "logged_accuracy", FIXED)
    assert found_lies.tolist() == [True] * 50 + [False]
    assert not accuracy_misleads(TOSS, TOSS.broken, honest, "logged_accuracy", FIXED).any()


@pytest.mark.parametrize(
    ("arm", "least"),
    [
        # Three tenths of class 0: always +1 costs 2 there and nothing elsewhere.
        ("broken", 0.6),
        ("zeros", 0.6),
        # Labels 0 cost 1 whatever the answer, labels 1 nothing at +1.
        ("zeros_literal", 0.3),
        ("threshold", -(0.7 * math.log(0.7) + 0.3 * math.log(0.3))),
        ("columns", 0.3 * 0.7),
    ],
)
def test_the_least_loss_of_a_constant_answer(arm, least):
    assert least_constant_loss(TOSS, TOSS.arm(arm), [0, 1]) == pytest.approx([least] * 2, rel=0.01)


def test_a_loss_lies_where_it_falls_though_every_output_is_the_same():
    runs = [
        WRONG_RUN | {"loss": 0.4},
        WRONG_RUN | {"loss": 0.59},
        WRONG_RUN | {"loss": 0.4, "flat": 0.0},
    ]
    assert loss_misleads(TOSS, TOSS.broken, rows(*runs)).tolist() == [True, False, False]


def test_a_loss_without_a_formula_is_not_judged():
    assert loss_misleads(TOSS, TOSS.arm("odd"), rows(WRONG_RUN)) is None


# Rare failures.


def failing_arm(num_failing=3, num_solved=97):
    return rows(*[WRONG_RUN] * num_failing, *[RIGHT_RUN] * num_solved, arm="fixed", steps=15)


def test_the_unsolved_seeds_of_an_arm_that_solves():
    table = rare_failures(TOSS, failing_arm(), "fixed", FIXED)
    assert table["seed"].tolist() == [0, 1, 2]
    assert set(table["kind"]) == {"flat, always one class"}
    assert table["share_class_1"].tolist() == [0.0] * 3


@pytest.mark.parametrize("counts", [(50, 50), (0, 100), (1, 3)])
def test_an_arm_without_rare_failures_has_an_empty_table(counts):
    assert not len(rare_failures(TOSS, failing_arm(*counts), "fixed", FIXED))
    assert failure_description(TOSS, failing_arm(*counts), "fixed", FIXED) == ""


def test_failing_seeds_are_compared_with_the_solved_ones():
    table = compare(TOSS, failing_arm(), "fixed").set_index("metric")
    row = table.loc["output_mean_first"]
    assert (row["failing"], row["solved"], row["delta"]) == (-0.5, 0.5, -1.0)
    assert (row["num_failing"], row["num_solved"], row["tells"]) == (3, 97, True)
    assert table.loc["loss", ["failing", "solved", "delta"]].tolist() == [0.6, 0.2, 1.0]
    assert list(table.index) == ["output_mean_first", "gradient_norm", "loss"]


def test_the_words_say_who_fails_what_they_share_and_how_to_see_one():
    text = failure_description(TOSS, failing_arm(), "fixed", FIXED)
    for part in (
        "3 of 100 seeds of `fixed` are not solved (3.0% [",
        "3: flat, always one class (seeds 0, 1, 2).",
        "Of the 3 that choose one class for all, 3 choose class 0 and 0 class 1.",
        "`output_mean_first` is -0.50 in the median against 0.50",
        (
            "3 of these 3 start with their mean output below 0; of the 97 seeds that start at "
            "least as far above it as the median of these lies below, 0 fail."
        ),
        "`gradient_norm` is 0.001 in the median against 0.5.",
        "`python -m reproductions explain toss --seed 0`",
    ):
        assert part in text


def test_the_command_of_another_arm_names_it():
    part = failing_arm().assign(arm="odd")
    assert "--seed 0 --arms odd`" in failure_description(TOSS, part, "odd", FIXED)


def test_a_mirrored_start_above_the_centre_is_told_as_well():
    part = failing_arm().assign(output_mean_first=lambda table: -table["output_mean_first"])
    text = failure_description(TOSS, part, "fixed", FIXED)
    assert "start with their mean output above 0; of the 97 seeds" in text
    assert "far below it as the median of these lies above, 0 fail" in text
