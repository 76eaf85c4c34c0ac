"""Cases: their validation, and the constants of every documented program."""

import dataclasses
import itertools
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reproductions
from experiments import Classification, Regression, Setup, Solved, SuiteError, fix, variant
from experiments.cases import plans
from experiments.cases.errors import CaseError
from experiments.cases.evidence import find_evidence
from experiments.cases.validation import PROVENANCE
from tests import toy

CASES = reproductions.names()

# Typed from the sources, never from the code: what each thread's program said, and
# what it says with every answer applied. A field that is absent did not change.
BROKEN = {
    "sin_fit": dict(
        hidden=(1, 50),
        initial_limit=0.05,
        learning_rate=0.01,
        batch_size=100,
        epochs=1,
        num_samples=10_000,
        momentum=0.0,
        decay=0.0,
        calls=1,
        by_hand=("nothing",),
    ),
    "sum_softmax": dict(
        hidden=(20,),
        outputs=1,
        labels="0/1",
        loss="binary_crossentropy",
        read="threshold 0.5",
        epochs=10,
        optimizer="RMSprop",
        learning_rate=0.001,
        batch_size=32,
        num_samples=250,
        validation_split=0.2,
        output_activation="softmax",
        activation="relu",
        use_bias=True,
        defaults="Keras 1",
    ),
    "sum_hinge": dict(
        hidden=(20,),
        output_activation="sigmoid",
        epochs=10,
        labels="-1/+1",
        loss="hinge",
        read="sign",
        optimizer="Adam",
        learning_rate=0.001,
        batch_size=32,
        num_samples=250,
        validation_split=0.2,
        head_scale=1.0,
    ),
    "ln_fit": dict(
        hidden=(50, 10),
        weights=("RandomUniform", 0.0, 1.0),
        biases=("RandomUniform", 0.0, 1.0),
        optimizer="SGD",
        learning_rate=0.01,
        batch_size=50,
        steps=10_000,
        low=0.0,
        inputs="as drawn",
        units=("ReLU",),
        dropout=0.0,
        clipvalue=None,
        l2=None,
        by_hand="nothing",
    ),
}
FIXED = {
    "sin_fit": dict(hidden=(50,), batch_size=10, epochs=100),
    "sum_softmax": dict(
        outputs=2,
        labels="one-hot",
        loss="categorical_crossentropy",
        read="argmax",
        epochs=300,
    ),
    "sum_hinge": dict(output_activation="tanh", epochs=150),
    "ln_fit": dict(
        weights=("TruncatedNormal", 0.0, 0.1),
        biases=("Constant", 0.1),
        optimizer="Adam",
        learning_rate=1e-4,
        batch_size=500,
        steps=1_000_000,
    ),
}
RIVALS = {
    ("sin_fit", "meant"): dict(learning_rate=0.05, momentum=0.9, decay=1e-6),
    ("sin_fit", "calls_10"): dict(calls=10),
    ("sin_fit", "calls_100"): dict(calls=100),
    ("sum_softmax", "literal"): dict(loss="literal_binary_crossentropy"),
    ("ln_fit", "one_layer"): dict(inputs="standardised", hidden=(50,)),
    ("ln_fit", "wide"): dict(inputs="standardised", hidden=(50, 50)),
    ("ln_fit", "from_0.01"): dict(low=0.01),
}
NUM_STEPS = [
    ("sin_fit", "broken", 100),
    ("sin_fit", "fixed", 100_000),
    ("sin_fit", "calls_100", 10_000),
    ("sum_softmax", "broken", 70),
    ("sum_softmax", "fixed", 2_100),
    ("sum_hinge", "broken", 70),
    ("sum_hinge", "fixed", 1_050),
    ("ln_fit", "broken", 10_000),
    ("ln_fit", "fixed", 1_000_000),
]


@dataclasses.dataclass(frozen=True)
class Plain(Setup):
    text: str = ""
    number: float = 0.0
    count: int = 1
    switch: bool = False
    nothing: None = None
    shape: tuple = ()


@dataclasses.dataclass(frozen=True)
class Finite(Setup):
    epochs: int = 1
    num_samples: int = 10
    batch_size: int = 4
    validation_split: float = 0.0
    calls: int = 1


@dataclasses.dataclass(frozen=True)
class Read(toy.Toy):
    read: str = "sign"


# The constants of the threads.


def test_the_tables_here_cover_every_case():
    assert sorted(BROKEN) == sorted(FIXED) == CASES


@pytest.mark.parametrize("name", BROKEN)
def test_broken_is_the_program_of_the_thread(name):
    assert dataclasses.asdict(reproductions.load(name).broken) == BROKEN[name]


@pytest.mark.parametrize("name", FIXED)
def test_fixed_is_the_program_of_the_answers(name):
    assert dataclasses.asdict(reproductions.load(name).fixed) == BROKEN[name] | FIXED[name]


@pytest.mark.parametrize(("name", "arm"), RIVALS)
def test_a_rival_is_the_broken_program_with_what_was_proposed(name, arm):
    expected = BROKEN[name] | RIVALS[name, arm]
    assert dataclasses.asdict(reproductions.load(name).arm(arm)) == expected


@pytest.mark.parametrize(("name", "arm", "expected"), NUM_STEPS)
def test_updates_made_are_those_of_the_thread(name, arm, expected):
    assert reproductions.load(name).arm(arm).num_steps == expected


def test_the_published_points_are_those_of_the_table():
    published = (
        (0.19118255, 1.85587377928e-05),
        (0.17362741, 9.94640868157e-05),
        (0.60853624, 8.65551464813e-06),
        (0.33864763, 9.4036658993e-06),
        (0.79126364, 0.000127425722894),
        (0.09994856, 2.6408026315e-05),
        (0.31053194, 8.31002580526e-07),
        (0.0512077, 1.52364455062e-05),
        (0.120253, 8.35050013848e-05),
    )
    task = reproductions.load("ln_fit").task
    assert task.points == tuple(x for x, _ in published)
    mean = sum(square for _, square in published) / 9
    assert task.published_mse == pytest.approx(mean, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "bar"),
    [
        ("sin_fit", Solved("r2", 0.95)),
        ("ln_fit", Solved("r2", 0.95)),
        ("sum_softmax", Solved("accuracy", 0.9)),
        ("sum_hinge", Solved("accuracy", 0.9)),
    ],
)
def test_the_bar_is_the_one_the_readme_states(name, bar):
    assert reproductions.load(name).solved == bar


# Laws that hold for every case.


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_called_like_its_file(name):
    assert reproductions.load(name).name == name


@pytest.mark.parametrize("name", CASES)
def test_no_fixes_are_broken_and_all_fixes_are_fixed(name):
    case = reproductions.load(name)
    changes = {f: v for one in case.fixes.values() for f, v in one.changes.items()}
    assert case.arm("broken") == case.broken
    assert case.fixed == case.arm("fixed") == dataclasses.replace(case.broken, **changes)


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_fixes_cannot_matter(name):
    case = reproductions.load(name)
    for order in itertools.permutations(case.fixes):
        assert case.arm("+".join(order)) == case.fixed


@pytest.mark.parametrize("name", CASES)
def test_every_fix_alone_makes_another_program(name):
    case = reproductions.load(name)
    setups = [case.broken, *(case.arm(fix) for fix in case.fixes)]
    assert len(set(setups)) == len(case.fixes) + 1


@pytest.mark.parametrize("name", CASES)
def test_every_rival_differs_from_where_it_starts(name):
    case = reproductions.load(name)
    for arm, chosen in case.variants.items():
        assert case.arm(arm) != case.arm(chosen.start), arm


@pytest.mark.parametrize("name", CASES)
def test_no_two_arms_are_the_same_program(name):
    plan = plans.select(reproductions.load(name), "all")
    assert len(set(plan.values())) == len(plan)


def read_back(setup):
    """Builds a setup from its JSON, whose lists stand for tuples."""

    def plain(value):
        return tuple(map(plain, value)) if isinstance(value, list) else value

    fields = json.loads(setup.to_json())
    return type(setup)(**{name: plain(value) for name, value in fields.items()})


@pytest.mark.parametrize("name", CASES)
def test_every_arm_survives_json(name):
    for setup in plans.select(reproductions.load(name), "all").values():
        assert read_back(setup) == setup


@pytest.mark.parametrize("name", CASES)
def test_every_constant_carries_its_provenance(name):
    case = reproductions.load(name)
    assert set(find_evidence(case).provenance) == set(dataclasses.asdict(case.broken))


@pytest.mark.parametrize("name", CASES)
def test_a_constant_of_ours_or_inferred_says_from_what(name):
    for field, (kind, note) in find_evidence(reproductions.load(name)).provenance.items():
        assert kind == "quoted" or note, field


@pytest.mark.parametrize("name", CASES)
def test_evidence_names_arms_that_exist_and_fixes_to_leave_out(name):
    case = reproductions.load(name)
    named = set()
    for line in find_evidence(case).recorded:
        assert set(line.without) <= set(case.fixes)
        named |= set(plans.select(case, line.arms, without=line.without))
    assert {"broken", "fixed"} <= named


@pytest.mark.parametrize("name", CASES)
def test_the_reference_arm_is_of_the_plan(name):
    case = reproductions.load(name)
    assert find_evidence(case).reference_arm in plans.select(case, "all")


@pytest.mark.parametrize("name", CASES)
def test_data_have_one_row_a_sample_and_float_columns(name):
    case = reproductions.load(name)
    for setup in plans.combinations(case).values():
        x, y = case.data(setup, np.random.default_rng(0), (2, 3))
        assert x.shape[:-1] == y.shape[:-1] == (2, 3)
        assert x.dtype == y.dtype == np.float64


# Setups.


plain = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
nested = st.recursive(plain, lambda inner: st.lists(inner, max_size=4).map(tuple))


@given(
    st.builds(
        Plain,
        text=st.text(),
        number=st.floats(allow_nan=False),
        count=st.integers(),
        switch=st.booleans(),
        shape=st.lists(nested, max_size=4).map(tuple),
    )
)
def test_setup_to_json_to_setup_is_identity(setup):
    back = read_back(setup)
    assert back == setup
    # 1 == 1.0 == True: the text tells the types apart.
    assert repr(back) == repr(setup)


@pytest.mark.parametrize("value", [[50], {"a": 1}, {1}, np.zeros(2), len, b"raw", (1, [2])])
def test_a_setup_holds_plain_values_only(value):
    with pytest.raises(ValueError, match="'shape' must hold plain values .* Received: "):
        Plain(shape=value)


def test_a_setup_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy.Toy().epochs = 3


def test_replace_changes_one_field_and_leaves_the_original():
    setup = toy.Toy()
    assert setup.replace(epochs=9) == toy.Toy(epochs=9)
    assert setup.epochs == 2


def test_replace_offers_the_nearest_field():
    with pytest.raises(ValueError, match="Toy has no field 'epoch'.* Did you mean 'epochs'"):
        toy.Toy().replace(epoch=3)


def test_replace_offers_nothing_where_nothing_is_near():
    with pytest.raises(ValueError, match="has no field 'qqq'") as caught:
        toy.Toy().replace(qqq=3)
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "training", "per_epoch", "steps"),
    [
        # 10 samples in fours: 4 + 4 + 2.
        (dict(), 10, 3, 3),
        (dict(epochs=5), 10, 3, 15),
        (dict(epochs=5, calls=2), 10, 3, 30),
        (dict(batch_size=5), 10, 2, 2),
        (dict(batch_size=11), 10, 1, 1),
        (dict(validation_split=0.25), 7, 2, 2),
        (dict(validation_split=0.2), 8, 2, 2),
        # The tutorials: 200 of 250 train, six full batches and one of eight.
        (dict(num_samples=250, validation_split=0.2, batch_size=32, epochs=300), 200, 7, 2100),
    ],
)
def test_updates_are_counted_by_hand(changes, training, per_epoch, steps):
    setup = Finite(**changes)
    assert setup.num_training_samples == training
    assert setup.steps_per_epoch == per_epoch
    assert setup.num_steps == steps


def test_a_stream_makes_as_many_updates_as_it_says():
    setup = toy.ToyStream(steps=30)
    assert setup.is_stream
    assert setup.num_steps == 30
    assert not toy.Toy().is_stream


# What a case refuses when it is built.


def refused(changes, match):
    with pytest.raises(ValueError, match=match):
        toy.make(**changes)


def test_fixes_touch_disjoint_fields():
    fixes = {"one": fix("", epochs=3), "two": fix("", epochs=4, activation="tanh")}
    refused(dict(fixes=fixes), "disjoint fields. Received: 'epochs' in 'one' and in 'two'")


def test_a_fix_of_an_unknown_field_is_told_the_nearest():
    fixes = {"bend": fix("", activaton="tanh")}
    refused(dict(fixes=fixes), "no field 'activaton'.* Did you mean 'activation'")


def test_a_rival_of_an_unknown_field_is_told_the_nearest():
    rivals = {"slow": variant("", learning_rat=0.01)}
    refused(dict(variants=rivals), "no field 'learning_rat'.* Did you mean 'learning_rate'")


@pytest.mark.parametrize("changes", [dict(epochs=2), dict(activation="tanh", epochs=2)])
def test_every_field_of_a_fix_changes_something(changes):
    fixes = {"same": fix("", **changes)}
    refused(dict(fixes=fixes), "'same' sets epochs=2, which broken has too")


def test_a_fix_without_fields_changes_nothing_and_is_refused():
    refused(dict(fixes={"bend": fix("", activation="tanh"), "idle": fix("")}), "changes something")


def test_a_case_has_a_fix():
    refused(dict(fixes={}), "at least one fix")


def test_a_fix_holds_plain_values_only():
    refused(dict(fixes={"bend": fix("", activation=["tanh"])}), "plain values")


@pytest.mark.parametrize("name", ["broken", "fixed", "a+b", "a b", "", "a,b", "a/b"])
@pytest.mark.parametrize("kind", ["fixes", "variants"])
def test_an_arm_has_a_name_that_a_command_line_can_say(kind, name):
    known = toy.make()
    arms = getattr(known, kind) | {name: variant("", optimizer="Adam")}
    refused({kind: arms}, "an arm of yours is not called broken or fixed.* Received: ")


@pytest.mark.parametrize("word", ["combinations", "lattice", "variants", "rivals", "all"])
def test_an_arm_is_not_called_like_a_word_of_the_command_line(word):
    refused(dict(variants={word: variant("", optimizer="Adam")}), f"Received: '{word}'")


def test_rivals_that_start_from_each_other_are_refused():
    rivals = {"a": variant("", "b", epochs=9), "b": variant("", "a", epochs=8)}
    refused(dict(variants=rivals), "Variants start from each other")


def test_a_case_is_not_named_like_a_hidden_file():
    refused(dict(name="..."), "holds no dot")


@pytest.mark.parametrize("split", [1.0, -0.1, 2])
def test_a_validation_split_leaves_something_to_train(split):
    @dataclasses.dataclass(frozen=True)
    class Held(toy.Toy):
        validation_split: float = split

    refused(dict(broken=Held()), "at least 0 and below 1")


def test_a_block_is_never_one_seed_alone():
    refused(dict(block_width=1), "block_width must be None or at least 2")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a-b", "../up"])
def test_a_case_has_a_name_that_a_folder_can_have(name):
    refused(dict(name=name), "Names hold letters")


def test_a_fix_and_a_rival_do_not_share_a_name():
    rivals = {"bend": variant("", optimizer="Adam")}
    refused(dict(variants=rivals), "share a name. Received: .'bend'")


def test_a_rival_starts_from_an_arm_that_exists():
    with pytest.raises((ValueError, SuiteError), match="no arm 'bent'.* Did you mean 'bend'"):
        toy.make(variants={"slow": variant("", "bent", learning_rate=0.01)})


def test_steps_and_epochs_exclude_each_other():
    @dataclasses.dataclass(frozen=True)
    class Both(toy.Toy):
        steps: int = 10

    refused(dict(broken=Both()), "exactly one of the fields steps and epochs")


def test_one_of_steps_and_epochs_is_needed():
    @dataclasses.dataclass(frozen=True)
    class Neither(Setup):
        activation: str = "linear"
        batch_size: int = 10

    fixes = {"bend": fix("", activation="tanh")}
    refused(
        dict(broken=Neither(), fixes=fixes, variants={}),
        "exactly one of the fields steps and epochs. Received in arm 'bend'",
    )


@pytest.mark.parametrize("field", ["batch_size", "num_samples", "epochs"])
@pytest.mark.parametrize("value", [0, -1, 1.5, 10.0, "10", None, True])
def test_counts_are_whole_numbers_of_at_least_one(field, value):
    rivals = {"odd": variant("", **{field: value})}
    refused(
        dict(variants=rivals),
        f"Field '{field}' must be a whole number of at least 1. Received in arm 'odd'",
    )


def test_a_finite_setup_needs_its_number_of_samples():
    @dataclasses.dataclass(frozen=True)
    class Endless(Setup):
        epochs: int = 2
        batch_size: int = 4

    refused(
        dict(broken=Endless(), fixes={"longer": fix("", epochs=3)}, variants={}),
        "Field 'num_samples' must be a whole number",
    )


def test_a_reading_has_one_of_the_four_text():
    task = Classification(lambda x: x[..., 0] > 0.5)
    rivals = {"odd": variant("", read="round")}
    refused(
        dict(task=task, broken=Read(), variants=rivals, solved=Solved("accuracy", 0.9)),
        "Field 'read' must be one of .*Received in arm 'odd': 'round'",
    )


def test_a_classification_says_how_it_is_read():
    task = Classification(lambda x: x[..., 0] > 0.5)
    refused(dict(task=task), "A Classification has a field 'read'")


def test_a_regression_is_not_read():
    refused(dict(broken=Read()), "a Regression none")


def test_a_classification_that_is_read_is_accepted():
    task = Classification(lambda x: x[..., 0] > 0.5)
    case = toy.make(task=task, broken=Read(), solved=Solved("accuracy", 0.9))
    assert case.broken.read == "sign"


@pytest.mark.parametrize("provenance", [{"epoch": ("quoted", "")}, {"epochs": ("guessed", "")}])
def test_provenance_names_a_field_and_a_known_kind(provenance):
    refused(dict(provenance=provenance), "Provenance needs a field of the setup and one of")


@pytest.mark.parametrize("kind", PROVENANCE)
def test_provenance_of_every_kind_is_kept(kind):
    case = toy.make(provenance={"epochs": (kind, "so")})
    assert find_evidence(case).provenance["epochs"] == (kind, "so")


# Arms by name.


def test_an_unknown_arm_is_told_the_nearest():
    with pytest.raises(SuiteError, match="toy has no arm 'bent'.* Did you mean 'bend'"):
        toy.make().arm("bent")


def test_one_unknown_fix_among_others_is_the_one_named():
    with pytest.raises(SuiteError, match="Received: longr. Did you mean 'longer'"):
        toy.make().arm("bend+longr")


def test_a_rival_may_start_from_fixed_from_fixes_and_from_a_rival():
    case = toy.make(
        variants={
            "first": variant("", "fixed", optimizer="Adam"),
            "second": variant("", "bend", optimizer="Adam"),
            "third": variant("", "second", epochs=7),
        }
    )
    assert case.arm("first") == toy.Toy(activation="tanh", epochs=5, optimizer="Adam")
    assert case.arm("second") == toy.Toy(activation="tanh", optimizer="Adam")
    assert case.arm("third") == toy.Toy(activation="tanh", optimizer="Adam", epochs=7)


def test_why_names_the_fix_that_touches_a_field():
    assert toy.make().why("epochs") == "longer: too few updates"


def test_why_of_an_untouched_field_is_empty():
    assert toy.make().why("batch_size") == ""


# The folder of cases.


def test_an_unknown_case_is_told_the_nearest():
    with pytest.raises(SuiteError, match="no case 'sin_fti'.* Did you mean 'sin_fit'"):
        reproductions.load("sin_fti")


def test_the_folder_is_the_list():
    files = pathlib.Path(reproductions.__file__).parent.glob("[!_]*.py")
    found = sorted(path.stem for path in files)
    assert found == CASES


# Parts of a wrong kind.


@pytest.mark.parametrize(
    ("make_it", "words"),
    [
        (lambda: Regression(5), "'target' of a Regression must be of the kind Callable"),
        (lambda: Regression(abs, points=(0.5, "x")), r"'points' .* tuple\[float, \.\.\.\]"),
        (lambda: Regression(abs, also_from="x"), r"'also_from' .* float \| None"),
        (lambda: Regression(abs, also_from=1.0), "from 0 to below 1"),
        (lambda: toy.make(name=5), "Field 'name' of a Case must be of the kind str. Received: 5"),
        (lambda: toy.make(fixes={5: fix("x", epochs=3)}), r"Mapping\[str, Fix\]"),
        (lambda: toy.make(claims=("x",)), r"tuple\[Claim, \.\.\.\]"),
        (lambda: toy.make(block_width=True), r"'block_width' .* int \| None"),
        (lambda: toy.make(data=lambda s: s), r"data is a function of \(setup, rng, size\)"),
        (lambda: toy.make(name="a" * 101), "at most 100"),
        (lambda: toy.Toy(epochs=10**400), "at most 1,000 bits. Received: 1,329 bits"),
        (lambda: toy.Toy(loss="a" * 20_000), "at most 10,000 characters. Received: 20,000"),
        (lambda: toy.Toy(loss="\ud800"), "must hold text"),
        (lambda: toy.make(broken=toy.Toy(epochs=10**18)), "at most 9,007,199,254,740,992 updates"),
    ],
)
def test_a_wrong_part_is_refused_when_it_is_made(make_it, words):
    with pytest.raises(CaseError, match=words):
        make_it()


def test_a_whole_number_will_do_for_a_float():
    assert Regression(abs, also_from=0).also_from == 0


def test_a_deep_tuple_is_refused():
    value = ()
    for _ in range(5000):
        value = (value,)
    with pytest.raises(CaseError, match="plain values"):
        toy.Toy(activation=value)


@pytest.mark.slow
def test_a_chain_of_rivals_as_long_as_you_like():
    names = ["broken", *(f"rival{n}" for n in range(1200))]
    pairs = itertools.pairwise(names)
    case = toy.make(
        variants={
            name: variant("longer", start=before, epochs=10 + n)
            for n, (before, name) in enumerate(pairs)
        }
    )
    assert case.arm("rival1199").epochs == 10 + 1199
    assert dataclasses.replace(case, name="other").name == "other"
