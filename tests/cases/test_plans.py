"""Plans: which arms there are, what they are called, and which share one run."""

import dataclasses
import itertools

import numpy as np
import pytest

import reproductions
from experiments import SuiteError, fix
from experiments.cases import plans
from experiments.cases.claims import Grid
from experiments.training.streams import Batches
from tests import toy

CASES = reproductions.names()
LENGTHS = {"steps", "epochs", "calls"}


@dataclasses.dataclass(frozen=True)
class Calling(toy.Toy):
    calls: int = 1


def three():
    """Returns a case of three fixes: a, b and c."""
    return toy.make(
        fixes={
            "a": fix("", activation="tanh"),
            "b": fix("", optimizer="Adam"),
            "c": fix("", epochs=5),
        }
    )


def fields_that_differ(one, other):
    one, other = dataclasses.asdict(one), dataclasses.asdict(other)
    return {name for name in one if one[name] != other[name]}


# The lattice.


def test_the_lattice_of_three_fixes_by_hand():
    assert list(plans.combinations(three())) == [
        "broken",
        "a",
        "b",
        "c",
        "a+b",
        "a+c",
        "b+c",
        "fixed",
    ]


@pytest.mark.parametrize("name", CASES)
def test_the_lattice_has_two_to_the_power_of_fixes_programs(name):
    case = reproductions.load(name)
    assert len(set(plans.combinations(case).values())) == 2 ** len(case.fixes)


@pytest.mark.parametrize("name", CASES)
def test_an_arm_of_the_lattice_has_the_fields_of_its_fixes_and_no_other(name):
    case = reproductions.load(name)
    for arm, setup in plans.combinations(case).items():
        parts = {"broken": [], "fixed": list(case.fixes)}.get(arm, arm.split("+"))
        fields = {field for part in parts for field in case.fixes[part].changes}
        assert fields_that_differ(case.broken, setup) == fields, arm


def test_the_lattice_leaves_out_a_fix():
    assert list(plans.combinations(three(), without=("b",))) == ["broken", "a", "c", "a+c"]


def test_without_every_fix_only_broken_is_left():
    assert plans.combinations(three(), without=("a", "b", "c")) == {"broken": toy.Toy()}


@pytest.mark.parametrize(
    ("fixes", "name"),
    [([], "broken"), (["a"], "a"), (["c", "a"], "a+c"), (["c", "b", "a"], "fixed")],
)
def test_an_arm_is_called_by_its_fixes_in_the_order_of_the_case(fixes, name):
    assert plans.arm_name(three(), fixes) == name


def test_rivals_are_the_rivals_and_nothing_else():
    assert plans.variants(toy.make()) == {"slow": toy.Toy(learning_rate=0.01)}


# Select.


@pytest.mark.parametrize(
    ("words", "arms"),
    [
        ("broken", ["broken"]),
        ("broken,fixed", ["broken", "fixed"]),
        (" fixed , broken ", ["fixed", "broken"]),
        ("bend,,bend,", ["bend"]),
        ("longer+bend", ["fixed"]),
        ("slow", ["slow"]),
        ("variants", ["slow"]),
        ("combinations", ["broken", "bend", "longer", "fixed"]),
        ("rivals", ["slow"]),
        ("lattice", ["broken", "bend", "longer", "fixed"]),
        ("all", ["broken", "bend", "longer", "fixed", "slow"]),
        ("variants,lattice", ["slow", "broken", "bend", "longer", "fixed"]),
        ("slow,all", ["slow", "broken", "bend", "longer", "fixed"]),
    ],
)
def test_words_select_arms(words, arms):
    assert list(plans.select(toy.make(), words)) == arms


@pytest.mark.parametrize("name", CASES)
def test_all_is_the_lattice_and_the_rivals(name):
    case = reproductions.load(name)
    assert plans.select(case, "all") == plans.combinations(case) | plans.variants(case)


def test_fixes_may_be_joined_in_any_order():
    for order in itertools.permutations("ab"):
        assert plans.select(three(), "+".join(order)) == {"a+b": three().arm("a+b")}


def test_a_selected_lattice_leaves_out_what_it_is_told():
    assert list(plans.select(toy.make(), "all", without=("longer",))) == ["broken", "bend", "slow"]


def test_an_unknown_word_is_told_the_nearest():
    with pytest.raises(SuiteError, match="no arm 'slwo'.*combinations, variants, all.*mean 'slow'"):
        plans.select(toy.make(), "broken,slwo")


@pytest.mark.parametrize("words", ["", " ", ",", " , ,"])
def test_no_words_are_refused(words):
    with pytest.raises(SuiteError, match="No arms were named.*--arms broken,fixed. Received: "):
        plans.select(toy.make(), words)


# Cut.


def test_cut_shortens_longer_streams_only():
    plan = {"short": toy.ToyStream(steps=9), "long": toy.ToyStream(steps=11)}
    steps = {arm: setup.steps for arm, setup in plans.cut(plan, 10).items()}
    assert steps == {"short": 9, "long": 10}


def test_cut_changes_nothing_but_steps():
    (setup,) = plans.cut({"long": toy.ToyStream(learning_rate=0.7, steps=11)}, 10).values()
    assert setup == toy.ToyStream(learning_rate=0.7, steps=10)


def test_cut_leaves_finite_arms_alone():
    plan = plans.combinations(toy.make())
    assert plans.cut(plan, 1) == plan


def test_cut_by_nothing_is_the_same_plan_in_another_dict():
    plan = plans.combinations(toy.make_stream())
    assert plans.cut(plan, None) == plan
    assert plans.cut(plan, None) is not plan


# One in, one out, sweep.


def test_one_in_adds_each_fix_alone():
    case = three()
    expected = {arm: case.arm(arm) for arm in ("broken", "a", "b", "c")}
    assert plans.one_in(case) == expected


def test_one_out_leaves_each_fix_out_alone():
    case = three()
    expected = {arm: case.arm(arm) for arm in ("fixed", "b+c", "a+c", "a+b")}
    assert plans.one_out(case) == expected


@pytest.mark.parametrize("name", CASES)
def test_one_in_and_one_out_are_of_the_lattice(name):
    case = reproductions.load(name)
    whole = plans.combinations(case).items()
    assert plans.one_in(case).items() <= whole
    assert plans.one_out(case).items() <= whole


def test_a_single_fix_alone_is_called_as_in_the_lattice():
    case = toy.make(fixes={"bend": fix("", activation="tanh")})
    assert plans.one_in(case) == plans.one_out(case) == plans.combinations(case)


# Cells of a study.


def grid(axes, lengths=()):
    return Grid("grid", "", "bend", axes, 4, lengths)


def test_the_cells_of_a_study_by_hand():
    axes = {
        "rate": {"slow": {"learning_rate": 0.01}, "as is": {}},
        "net": {"a": {"batch_size": 4, "optimizer": "Adam"}, "b": {"batch_size": 8}},
    }
    assert plans.configurations(toy.make(), grid(axes)) == {
        "slow/a": toy.Toy("tanh", "Adam", 0.01, batch_size=4),
        "slow/b": toy.Toy("tanh", "SGD", 0.01, batch_size=8),
        "as is/a": toy.Toy("tanh", "Adam", batch_size=4),
        "as is/b": toy.Toy("tanh", "SGD", batch_size=8),
    }


@pytest.mark.parametrize(
    ("axes", "lengths", "words"),
    [
        (
            {"a": {"x": {"loss": "mae"}}, "b": {"y": {"loss": "mse"}}},
            (),
            "'loss' in 'a' and in 'b'",
        ),
        ({"a": {"x": {"epochs": 3}}}, (2, 5), "'epochs' in 'lengths' and in 'a'"),
        ({"a": {"x/y": {"loss": "mae"}}}, (), "Received: 'x/y'"),
        ({"a": {"*": {"loss": "mae"}}}, (), r"Received: '\*'"),
    ],
)
def test_axes_that_touch_or_labels_that_cannot_be_told_apart_are_refused(axes, lengths, words):
    with pytest.raises(ValueError, match=words):
        plans.configurations(toy.make(), grid(axes, lengths))


def test_an_axis_may_set_the_length_if_the_study_has_no_lengths():
    found = plans.configurations(toy.make(), grid({"a": {"x": {"epochs": 3}}}))
    assert found == {"x": toy.Toy("tanh", epochs=3)}


# Runs.


def test_arms_that_differ_only_in_epochs_share_a_run_longest_first():
    case = toy.make()
    runs = [list(run) for run in plans.runs(plans.combinations(case))]
    assert runs == [["longer", "broken"], ["fixed", "bend"]]


def test_streams_that_differ_only_in_steps_share_a_run_longest_first():
    (run,) = plans.runs(plans.combinations(toy.make_stream()))
    assert {arm: setup.steps for arm, setup in run.items()} == {"fixed": 250, "broken": 30}
    assert next(iter(run)) == "fixed"


def test_arms_of_the_same_program_share_a_run():
    assert plans.runs({"x": toy.Toy(), "y": toy.Toy()}) == [{"x": toy.Toy(), "y": toy.Toy()}]


@pytest.mark.parametrize(
    "changes",
    [dict(batch_size=8), dict(learning_rate=0.2), dict(num_samples=51), dict(activation="tanh")],
)
def test_arms_that_differ_in_more_than_length_do_not_share_a_run(changes):
    plan = {"one": toy.Toy(epochs=2), "other": toy.Toy(epochs=3, **changes)}
    assert [list(run) for run in plans.runs(plan)] == [["one"], ["other"]]


def test_setups_of_two_classes_do_not_share_a_run():
    @dataclasses.dataclass(frozen=True)
    class Twin(toy.Toy):
        pass

    assert len(plans.runs({"one": toy.Toy(), "other": Twin(epochs=3)})) == 2


def test_arms_that_differ_only_in_calls_share_a_run():
    plan = {"few": Calling(calls=2), "many": Calling(calls=5)}
    assert [list(run) for run in plans.runs(plan)] == [["many", "few"]]


@pytest.mark.parametrize(("epochs", "calls"), [(1, 3), (2, 2), (1, 2)])
def test_several_calls_never_share_a_run_with_one_call_of_more_epochs(epochs, calls):
    plan = {"calls": Calling(epochs=epochs, calls=calls), "epochs": Calling(epochs=4)}
    assert [list(run) for run in plans.runs(plan)] == [["calls"], ["epochs"]]


def test_several_calls_of_other_epochs_do_not_share_a_run():
    plan = {"one": Calling(epochs=1, calls=2), "two": Calling(epochs=2, calls=2)}
    assert len(plans.runs(plan)) == 2


def test_the_arms_of_the_sine_that_call_again_are_a_run_of_their_own():
    runs = [set(run) for run in plans.runs(plans.select(reproductions.load("sin_fit"), "all"))]
    assert {"calls_10", "calls_100"} in runs
    assert {"broken", "epochs"} in runs
    assert {"neck", "neck+epochs", "updates"} in runs


@pytest.mark.parametrize("name", CASES)
def test_every_arm_is_in_exactly_one_run(name):
    plan = plans.select(reproductions.load(name), "all")
    served = [item for run in plans.runs(plan) for item in run.items()]
    assert sorted(arm for arm, _ in served) == sorted(plan)
    assert dict(served) == plan


@pytest.mark.parametrize("name", CASES)
def test_the_arms_of_a_run_differ_in_length_only_and_the_longest_leads(name):
    for run in plans.runs(plans.select(reproductions.load(name), "all")):
        (_, first), *others = run.items()
        steps = [setup.num_steps for setup in run.values()]
        assert steps == sorted(steps, reverse=True)
        for _, setup in others:
            assert fields_that_differ(first, setup) <= LENGTHS


@pytest.mark.parametrize("name", CASES)
def test_arms_of_different_runs_differ_in_more_than_epochs_or_steps(name):
    runs = plans.runs(plans.select(reproductions.load(name), "all"))
    for one, other in itertools.combinations(runs, 2):
        for first, second in itertools.product(one.values(), other.values()):
            assert not fields_that_differ(first, second) <= {"steps", "epochs"}


@pytest.mark.parametrize("name", CASES)
def test_the_shorter_arms_of_a_run_read_a_prefix_of_the_longest_ones_batches(name):
    case = reproductions.load(name)
    for run in plans.runs(plans.select(case, "all")):
        (_, first), *others = run.items()
        for _, setup in others:
            longer, shorter = Batches(case, first, 5), Batches(case, setup, 5)
            per_pass = 100 if setup.is_stream else setup.steps_per_epoch
            for _ in range(min(3, setup.num_steps // per_pass)):
                for ours, theirs in zip(longer.next_pass(), shorter.next_pass(), strict=True):
                    np.testing.assert_array_equal(ours, theirs)


def test_a_second_call_is_no_prefix_of_a_longer_first_call():
    again = Batches(toy.CASE, Calling(epochs=1, calls=2), 3)
    on = Batches(toy.CASE, Calling(epochs=2), 3)
    np.testing.assert_array_equal(again.next_pass()[0], on.next_pass()[0])
    assert not np.isin(again.next_pass()[0], on.next_pass()[0]).any()
