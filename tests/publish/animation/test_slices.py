"""Slices: the same training as the stored rows, looked at in more places and read the same way."""

import dataclasses
import pathlib

import numpy as np
import pytest

import reproductions
from experiments import Classification, Setup, Solved, SuiteError, fix
from experiments.analysis import tables
from experiments.cases import plans
from experiments.publish.animation import frames, slices
from experiments.runs import keys, runner
from experiments.runs.files import as_text
from experiments.runs.store import Store
from experiments.training import columns
from experiments.training import metrics as measures
from experiments.training.columns import PLACE
from tests import toy

RESULTS = pathlib.Path(reproductions.__file__).parent.parent / "results"
SLICED = [n for n in reproductions.names() if (RESULTS / n / "slice.csv").exists()]


@dataclasses.dataclass(frozen=True)
class Sides(Setup):
    learning_rate: float = 1.0
    batch_size: int = 8
    epochs: int = 1
    num_samples: int = 40
    read: str = "threshold 0.5"


def right(x):
    return x[..., 0] > x[..., -1]


def side_data(s, rng, size):
    x = rng.random((*size, 3))
    return x, right(x)[..., None].astype(float)


def side_model(s):
    import keras

    layers = [keras.Input((3,)), keras.layers.Dense(1, "sigmoid")]
    network = keras.Sequential(layers)
    network.compile(keras.optimizers.SGD(s.learning_rate), "binary_crossentropy")
    return network


def make(**changes):
    """Returns a small classification, with some of its parts exchanged."""
    parts = dict(
        name="sides",
        shows="Sides are mixed up.",
        symptom="wrong side",
        source="ours",
        data=side_data,
        model=side_model,
        task=Classification(right, num_few=20, num_many=100),
        solved=Solved("accuracy", above=0.9),
        broken=Sides(),
        fixes={"longer": fix("too few updates", epochs=60)},
    )
    return toy.case_of(parts | changes)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A store with rows, kept curves and slices of a small case."""
    case = make()
    store = Store(tmp_path_factory.mktemp("sides"), case)
    runner.train(case, plans.combinations(case), list(range(5)), store)
    store.write_text("seeds.csv", tables.to_csv(tables.showcase(store), 3))
    (path,) = slices.record(case, store.folder)
    assert path.name == frames.SLICE
    return case, store


# How outputs are read.


@pytest.mark.parametrize(
    "how, num_outputs", [("argmax", 2), ("argmax", 1), ("sign", 1), ("threshold 0.5", 1)]
)
def test_a_margin_is_above_zero_where_the_exam_reads_class_1(how, num_outputs):
    outputs = np.random.default_rng(0).normal(0.3, 1, (7, 9, num_outputs)).round(1)
    assert ((slices.margins(outputs, how) > 0) == measures.read(outputs, how)).all()


def test_margins_by_hand():
    assert slices.margins([[0.75, 0.25], [0.5, 0.5]], "argmax").tolist() == [-0.5, 0.0]
    assert slices.margins([[0.75]], "threshold 0.5").tolist() == [0.25]
    assert slices.margins([[-2.0]], "sign").tolist() == [-2.0]


def test_an_output_that_is_not_finite_has_no_margin():
    assert np.isnan(slices.margins([[0.5, np.inf], [np.nan, 0.0]], "argmax")).all()


# Where it is looked.


def test_the_points_of_a_slice_by_hand():
    points = frames.slice_points(4)
    assert points.shape == (21, 21, 4)
    assert points[0, 20].tolist() == [1.0, 0.0, 0.5, 0.5]
    assert points[5, 10].tolist() == [0.5, 0.25, 0.5, 0.5]


def test_a_slice_is_prepared_with_the_exams_own_statistics():
    case = make(inputs=lambda s, x, sample: x - sample.mean(0))
    points = slices.prepared(case, case.broken, 3)
    draws = np.random.SeedSequence(3, spawn_key=(4,))
    mean = np.random.default_rng(draws).random((120, 3)).mean(0)
    assert np.allclose(points[0], [0, 0, 0.5] - mean)


def test_a_network_of_one_input_has_no_slice():
    case = make(data=lambda s, rng, size: (rng.random((*size, 1)), rng.random((*size, 1))))
    with pytest.raises(SuiteError, match="A slice needs two inputs.*Received: one input"):
        slices.prepared(case, case.broken, 0)


class Echo:
    """Answers every question with its first input."""

    def train(self, seeds, checkpoints, evaluation, progress=None):
        for step in checkpoints:
            yield measures.Snapshot(step, evaluation.inputs[..., :1], [], [], None)


def test_a_watched_trainer_yields_what_the_trainer_would_and_keeps_the_rest():
    case = make()
    evaluation = measures.Evaluation(case, case.broken, [0])
    watched = slices.RecordingTrainer(Echo(), np.array([[7.0, 0, 0], [8.0, 0, 0]], np.float32))
    (plain,), (seen,) = Echo().train([0], [5], evaluation), watched.train([0], [5], evaluation)
    assert np.array_equal(plain.outputs, seen.outputs)
    assert watched.seen[5].ravel().tolist() == [7.0, 8.0]


# What is recorded.


def test_a_slice_is_recorded_at_every_kept_checkpoint_of_every_arm(recorded):
    case, store = recorded
    for panel in frames.panels(case, store):
        assert list(panel.snapshots) == measures.checkpoints(case.arm(panel.arm).num_steps)
        assert {state.shape for state in panel.snapshots.values()} == {(21, 21)}


def test_a_recorded_border_is_that_of_the_networks_own_weights(recorded):
    case, store = recorded
    panel = frames.panels(case, store)[0]
    from experiments.training import networks

    seed = frames.showcase_seed(case, store)
    kernel, bias = networks.initial_weights(networks.build(case, case.broken), seed)
    logits = frames.slice_points(3) @ kernel + bias
    expected = 1 / (1 + np.exp(-logits[..., 0])) - 0.5
    assert np.allclose(panel.snapshots[0], expected, rtol=6e-3, atol=1e-6)


def test_the_fixed_network_has_learned_the_true_border_and_the_broken_has_not(recorded):
    case, store = recorded
    truth = frames.true_border(case, 21)[2] > 0
    shares = {
        panel.arm: ((panel.at(10**9)[1] > 0) == truth).mean()
        for panel in frames.panels(case, store)
    }
    assert shares["fixed"] > 0.9 > shares["broken"]


def test_the_same_seed_is_recorded_in_the_same_bytes(recorded, tmp_path):
    case, store = recorded
    before = (store.folder / frames.SLICE).read_bytes()
    slices.record(case, store.folder)
    assert (store.folder / frames.SLICE).read_bytes() == before


def test_a_changed_case_makes_its_slices_stale(recorded):
    case, store = recorded
    text = store.read_table(frames.SLICE)
    made_by = keys.row_key(case, case.broken)
    try:
        store.write_text(frames.SLICE, text.replace(made_by, "123456789012"))
        with pytest.raises(SuiteError, match="record sides --animations.*broken made by an older"):
            frames.panels(case, store)
    finally:
        store.write_text(frames.SLICE, text)


def test_without_slices_the_message_names_the_command(recorded):
    case, store = recorded
    text = store.read_table(frames.SLICE)
    (store.folder / frames.SLICE).unlink()
    try:
        with pytest.raises(SuiteError, match="record sides --animations. Received: .*no slice.csv"):
            frames.panels(case, store)
    finally:
        store.write_text(frames.SLICE, text)


def test_a_seed_that_comes_out_otherwise_is_refused(recorded):
    case, store = recorded
    row = store.frame()[:1]
    frames.check_stored(case, store, row)
    with pytest.raises(SuiteError, match="does not come out as its stored row.*record sides"):
        frames.check_stored(case, store, row.assign(solved=~row["solved"]))


def test_a_regression_has_no_slice(tmp_path):
    assert slices.record(toy.CASE, tmp_path) == []


# The committed slices.


def held_to_the_stored_row(name, arm):
    """Trains an arm's showcase seed again, and holds row and slice to the stored ones."""
    case = reproductions.load(name)
    store = Store(RESULTS / name, case)
    (panel,) = (p for p in frames.panels(case, store) if p.arm == arm)
    setup, seed = frames.setup_at(case, arm, panel.end), frames.showcase_seed(case, store)
    trained, seen = slices.watch(case, arm, setup, seed=seed)
    (row,) = trained.to_dict("records")
    (there,) = trained[PLACE].merge(store.frame()).to_dict("records")
    assert row["solved"] == there["solved"]
    assert row["accuracy"] == pytest.approx(there["accuracy"], abs=0.02)
    if keys.environment() == store.environments[there["environment"]]:
        metrics = columns.metrics_of(row)
        assert {n: float(as_text(row[n])) for n in metrics}.items() <= there.items()
    for at, margins in seen.items():
        assert np.allclose(panel.snapshots[at], margins, rtol=0.02, atol=0.02)


def test_there_are_committed_slices():
    tasks = {name: reproductions.load(name).task for name in reproductions.names()}
    assert SLICED == [name for name in tasks if isinstance(tasks[name], Classification)]


@pytest.mark.parametrize("name", SLICED)
def test_the_broken_arm_of_a_committed_slice_is_its_stored_row(name):
    held_to_the_stored_row(name, "broken")


@pytest.mark.slow
@pytest.mark.parametrize("name", SLICED)
def test_the_fixed_arm_of_a_committed_slice_is_its_stored_row(name):
    held_to_the_stored_row(name, "fixed")


@pytest.mark.parametrize("name", SLICED)
def test_the_middle_of_a_committed_slice_lies_on_the_stored_curve(name):
    case = reproductions.load(name)
    store = Store(RESULTS / name, case)
    table = tables.stored(store, "seeds.csv")
    table = table[table["seed"] == frames.showcase_seed(case, store)]
    for panel in frames.panels(case, store):
        part = table[(table["arm"] == panel.arm) & (table["steps"] == panel.end)]
        output = part[["p25", "p26"]].mean(axis=1).to_numpy()
        # Two softmax outputs: class 1 less class 0 is 2 p - 1.
        margin = {"sign": output, "threshold 0.5": output - 0.5, "argmax": 2 * output - 1}
        middle = [state[10, 10] for state in panel.snapshots.values()]
        assert np.allclose(middle, margin[case.arm(panel.arm).read], atol=0.03)
