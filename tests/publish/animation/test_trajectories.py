"""Races: a plane is a plane, the loss on it is true, and Keras's optimizers descend it."""

import dataclasses
import pathlib

import numpy as np
import pytest

import reproductions
from experiments import SuiteError
from experiments.analysis import baselines, tables
from experiments.cases.claims import Race
from experiments.cases.evidence import find_evidence
from experiments.publish.animation import frames, trajectories, trajectory_table
from experiments.runs import keys, runner
from experiments.runs.store import Store
from tests import toy
from tests.publish.animation import test_slices

RESULTS = pathlib.Path(reproductions.__file__).parent.parent / "results"
RACED = [n for n in reproductions.names() if find_evidence(reproductions.load(n)).races]
RUN = Race(
    name="lines",
    says="the start",
    start="broken",
    ends={"broken": 30, "steps": 100},
    optimizers={"SGD": dict(name="SGD"), "Adam": dict(name="Adam", learning_rate=0.1)},
    learning_rate=0.2,
    num_steps=40,
)


def lines_case(*races):
    """A line of two weights, trained on a stream: every place of weight space is on the plane."""
    return toy.make_stream(races=races or (RUN,))


def surface(**changes):
    """A race by hand: two optimizers, one of which diverges."""
    losses = np.array([[5.0, 1.0, 2.0], [4.0, 0.5, 3.0]])
    parts = dict(
        seed=7,
        points={
            trajectory_table.START: (0.0, 0.0, 9.0),
            "broken": (3.0, 0.0, 1.0),
            "steps": (0, 6, 0.5),
        },
        a=np.array([-1.0, 0.0, 4.0]),
        b=np.array([0.0, 6.0]),
        losses=losses,
        steps=np.array([0, 1, 40]),
        paths={
            "SGD": np.array([[0, 0, 9], [5, 1, 30], [np.nan, np.nan, np.inf]]),
            "Adam": np.array([[0, 0, 9.0], [0.1, 0.1, 8], [1, 2, 0.0001]]),
        },
    )
    return trajectory_table.LossSurface(**parts | changes)


def written(folder, **changes):
    """A store that holds the race by hand."""
    case = lines_case()
    store = Store(folder, case)
    store.write_text(trajectory_table.FILE, trajectory_table.text_of(case, [surface(**changes)]))
    return case, store


# The plane.


def test_directions_are_unit_vectors_at_a_right_angle_and_the_first_points_to_the_first():
    start, first, second = np.random.default_rng(1).normal(size=(3, 50))
    u, v = trajectories.directions(start, first, second)
    assert np.allclose([u @ u, v @ v, u @ v], [1, 1, 0])
    assert np.allclose(first, start + u * np.linalg.norm(first - start))
    steps = second - start
    assert np.allclose(start + (steps @ u) * u + (steps @ v) * v, second)


def test_directions_by_hand():
    u, v = trajectories.directions(np.array([1.0, 1]), np.array([1.0, 4]), np.array([-2.0, 6]))
    assert u.tolist() == [0.0, 1.0]
    assert v.tolist() == [-1.0, 0.0]


def test_places_on_one_line_span_no_plane():
    places = np.outer([1.0, 2.0, 4.0], [1.0, 1.0])
    with pytest.raises(SuiteError, match="must not lie on one line.*Received: 1.41"):
        trajectories.directions(*places)


def test_a_map_is_about_even_near_the_start_and_logarithmic_far_off():
    assert trajectory_table.scaled(0.01, 1.0) == pytest.approx(0.01, rel=1e-3)
    far = trajectory_table.scaled([1e4, 1e5], 1.0)
    assert far[1] - far[0] == pytest.approx(np.log(10), rel=1e-4)


def test_the_unit_is_as_far_below_the_nearer_end_as_that_is_below_the_farther():
    points = {
        trajectory_table.START: (0, 0, 1.0),
        "one": (30.0, 40.0, 1.0),
        "two": (0.0, -5.0, 1.0),
    }
    assert trajectory_table.unit_of(points) == pytest.approx(0.5)


def test_looks_go_from_no_update_to_the_last():
    found = trajectories.shown_steps(1000)
    assert found[:4].tolist() == [0, 1, 2, 3]
    assert found[-1] == 1000
    assert (np.diff(found) > 0).all()


def test_the_surface_spans_ends_and_paths_but_not_what_runs_far_off():
    points = surface().points
    paths = {"near": np.array([[0, -8.0, 1]]), "far": np.array([[1e6, 0, 1], [np.nan, 0, 1]])}
    a, b = trajectories.axes(points, paths)
    assert {0.0, 3.0} <= set(a) and {0.0, 6.0} <= set(b)
    assert b[0] < -8 and 3 < a[-1] < 1000
    assert (np.diff(a) > 0).all() and (np.diff(b) > 0).all()


# The descent: with two weights the plane is weight space itself, and the loss a bowl.


@pytest.fixture(scope="module")
def plane():
    places = np.array([[0.5, 0.0], [0.5, 3.0], [-2.0, 1.0]])
    return trajectories.Plane(lines_case(), RUN, 0, *places), places


def bowl(weights):
    """Mean squared error of slope and offset on the grid, and its gradient, in float64."""
    x = (np.arange(1000) + 0.5) / 1000
    errors = weights[0] * x + weights[1] - x * (1 - x)
    return (errors**2).mean(), np.array([2 * (errors * x).mean(), 2 * errors.mean()])


def weights_at(places, path):
    """The two weights at places of the plane: u is (0, 1), v is (-1, 0)."""
    return places[0] + np.stack([-path[:, 1], path[:, 0]], axis=1)


def test_the_loss_on_the_plane_is_the_true_one(plane):
    plane, places = plane
    for (_, _, loss), weights in zip(plane.points(), places, strict=True):
        assert loss == pytest.approx(bowl(weights)[0], rel=1e-5)
    assert plane.points()[2][:2] == pytest.approx((1.0, 2.5))
    surface = plane.surface([0.0, 3.0], [0.0, 1.0, 2.0])
    assert surface.shape == (3, 2)
    assert surface[1, 1] == pytest.approx(bowl(np.array([-0.5, 3.0]))[0], rel=1e-5)


def test_sgd_on_the_plane_is_sgd_on_the_weights(plane):
    plane, places = plane
    path = plane.descend(RUN, "SGD", [0, 1, 40])
    expected, found = places[0].copy(), {}
    for step in range(41):
        found[step] = expected.copy()
        expected = expected - 0.2 * bowl(expected)[1]
    assert np.allclose(weights_at(places, path), [found[0], found[1], found[40]], atol=2e-5)
    assert path[2, 2] == pytest.approx(bowl(found[40])[0], rel=1e-3)


def test_an_optimizers_own_rate_goes_before_the_races(plane):
    plane, _ = plane
    path = plane.descend(RUN, "Adam", [0, 1])
    # Adam's first step is its rate, 0.1, along each of the two directions.
    assert np.abs(path[1, :2]) == pytest.approx([0.1, 0.1], rel=1e-3)


def test_how_often_one_looks_changes_no_path(plane):
    often = plane[0].descend(RUN, "Adam", [0, 5, 10, 20])
    once = plane[0].descend(RUN, "Adam", [20])
    assert np.array_equal(often[-1], once[-1])


# The record.


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A store with rows, kept curves and the race of a small case."""
    case = lines_case()
    store = Store(tmp_path_factory.mktemp("lines"), case)
    for steps, arm in ((30, "broken"), (100, "steps"), (250, "fixed")):
        setup = frames.setup_at(case, arm, steps)
        runner.train(case, {arm: setup}, list(range(3)), store)
    store.write_text("seeds.csv", tables.to_csv(tables.showcase(store), 3))
    (path,) = trajectories.record(case, store.folder)
    assert path.name == trajectory_table.FILE
    return case, store


def test_the_ends_of_a_recorded_race_have_the_loss_of_their_stored_rows(recorded):
    case, store = recorded
    found, table = trajectory_table.read(case, store)["lines"], tables.runs(store)
    for arm, steps in RUN.ends.items():
        row = table[(table["arm"] == arm) & (table["steps"] == steps)]
        row = row[row["seed"] == found.seed].iloc[0]
        assert found.points[arm][2] == pytest.approx(row["mse"], rel=1e-4)


def test_every_optimizer_starts_from_the_start(recorded):
    case, store = recorded
    found = trajectory_table.read(case, store)["lines"]
    assert set(found.paths) == set(RUN.optimizers)
    assert found.steps[[0, -1]].tolist() == [0, RUN.num_steps]
    for path in found.paths.values():
        assert path[0].tolist() == list(found.points[trajectory_table.START])


def test_a_race_is_recorded_in_the_same_bytes(recorded):
    case, store = recorded
    before = (store.folder / trajectory_table.FILE).read_bytes()
    trajectories.record(case, store.folder)
    assert (store.folder / trajectory_table.FILE).read_bytes() == before


def test_ends_that_start_elsewhere_are_refused(recorded):
    _, store = recorded
    run = dataclasses.replace(RUN, start="quick")
    elsewhere = toy.make_stream(
        by_hand=lambda s, weights: [w + s.learning_rate for w in weights],
        variants={"quick": toy.variant("quicker", learning_rate=0.3)},
        races=(run,),
    )
    with pytest.raises(SuiteError, match="start from the weights of its start.*quick and broken"):
        trajectories._run(elsewhere, run, 0, store, runner.SilentProgress())


def test_a_case_without_races_records_nothing(tmp_path):
    assert trajectories.record(toy.CASE, tmp_path) == []


# The table.


def test_a_race_comes_back_as_it_was_written(tmp_path):
    case, store = written(tmp_path)
    there, found = surface(), trajectory_table.read(case, store)["lines"]
    assert found.seed == 7
    assert found.points == {name: tuple(map(float, p)) for name, p in there.points.items()}
    for name in ("a", "b", "losses", "steps"):
        assert np.array_equal(getattr(found, name), getattr(there, name))
    for name, path in there.paths.items():
        assert np.array_equal(found.paths[name], path, equal_nan=True)


@pytest.mark.parametrize(
    "change", [dict(num_steps=41), dict(learning_rate=0.3), dict(ends={"broken": 30, "steps": 50})]
)
def test_a_changed_race_is_stale(tmp_path, change):
    store = written(tmp_path)[1]
    case = lines_case(dataclasses.replace(RUN, **change))
    with pytest.raises(SuiteError, match="record toy_stream --animations.*no current race lines"):
        trajectory_table.read(case, store)


def test_a_changed_case_makes_its_races_stale(tmp_path):
    store = written(tmp_path)[1]
    changed = toy.make_stream(races=(RUN,), broken=toy.ToyStream(learning_rate=0.2))
    with pytest.raises(SuiteError, match="no current race lines"):
        trajectory_table.read(changed, store)


def test_without_a_table_the_message_names_the_command(tmp_path):
    case = lines_case()
    with pytest.raises(SuiteError, match="record toy_stream --animations. Received: .*no race.csv"):
        trajectory_table.read(case, Store(tmp_path, case))


@pytest.mark.parametrize(
    "old, new",
    [
        ("SGD", "other"),
        (" 0.0001\n", "\n"),
        ("5 1 2", "5 one 2"),
        ("numbers", "number"),
        ("axis", "x"),
    ],
)
def test_a_damaged_table_is_named(tmp_path, old, new):
    case, store = written(tmp_path)
    text = store.read_table(trajectory_table.FILE)
    assert old in text
    store.write_text(trajectory_table.FILE, text.replace(old, new, 1))
    with pytest.raises(SuiteError, match="race.csv is damaged"):
        trajectory_table.read(case, store)


def test_words_say_who_came_below_the_bar_and_who_ran_off(tmp_path):
    words = trajectory_table.caption(*written(tmp_path))
    assert words.title == (
        "toy_stream: of the optimizers on this slice, 1 of 2 from the start clear the bar"
    )
    assert "seed 7" in words.text
    assert "From the start, at loss 9.00, Adam came below the bar of" in words.text
    assert "The losses of the others at the end: SGD diverged." in words.text
    assert "From the start, SGD runs off the map." in words.text
    assert "all at the learning rate 0.2" in words.text


def test_the_lowest_come_first_and_what_diverged_not_at_all():
    assert surface().lowest() == ["Adam"]


@pytest.mark.parametrize(
    "value, text", [(1234.5, "1,234"), (19.62, "19.6"), (155.2, "155"), (2.0, "2.00")]
)
def test_a_loss_is_said_in_three_digits(value, text):
    assert trajectory_table.loss_text(value) == text


# The vocabulary.


@pytest.mark.parametrize(
    "change", [dict(ends={"broken": 30}), dict(optimizers={}), dict(num_steps=0)]
)
def test_a_race_that_could_not_be_run_is_refused(change):
    with pytest.raises(ValueError, match="A race has two ends, at least one optimizer"):
        dataclasses.replace(RUN, **change)


def test_a_race_names_arms_of_its_case():
    with pytest.raises(SuiteError, match="toy_stream has no arm 'quick'"):
        lines_case(dataclasses.replace(RUN, start="quick"))


def test_two_races_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"name of its own. Received: \['lines', 'lines'\]"):
        lines_case(RUN, RUN)


def test_a_classification_has_no_races():
    with pytest.raises(ValueError, match="Only a Regression has races"):
        test_slices.make(races=(dataclasses.replace(RUN, ends={"broken": 5, "longer": 5}),))


def test_races_are_in_no_rows_key():
    case = lines_case()
    without = toy.make_stream()
    assert keys.row_key(case, case.broken) == keys.row_key(without, case.broken)


# The committed races.


@pytest.fixture(params=RACED)
def committed(request):
    case = reproductions.load(request.param)
    store = Store(RESULTS / case.name, case)
    return case, store, trajectory_table.read(case, store)


def test_the_committed_races_are_of_the_showcase_seed(committed):
    case, store, surfaces = committed
    assert {g.seed for g in surfaces.values()} == {frames.showcase_seed(case, store)}


def test_the_ends_of_committed_races_have_the_loss_of_their_stored_rows(committed):
    case, store, surfaces = committed
    table = tables.runs(store)
    for run in find_evidence(case).races:
        found = surfaces[run.name]
        for arm, steps in run.ends.items():
            row = table[(table["arm"] == arm) & (table["steps"] == steps)]
            row = row[row["seed"] == found.seed].iloc[0]
            assert found.points[arm][2] == pytest.approx(row["mse"], rel=1e-3)


def test_the_surface_of_committed_races_is_exact_at_the_three_points(committed):
    for found in committed[2].values():
        for a, b, loss in found.points.values():
            place = np.abs(found.b - b).argmin(), np.abs(found.a - a).argmin()
            assert found.losses[place] == pytest.approx(loss, rel=1e-3)


def test_from_the_askers_start_his_optimizer_stays_at_the_mean_and_others_do_not(committed):
    case, _, surfaces = committed
    asked, bar = surfaces[find_evidence(case).races[0].name], baselines.threshold(case)[0]
    assert asked.paths["SGD"][-1, 2] == pytest.approx(baselines.baseline(case)[0], rel=0.01)
    assert asked.paths["Adam"][-1, 2] < bar


@pytest.mark.slow
def test_committed_races_are_recorded_alike_again(committed, tmp_path):
    case, store, surfaces = committed
    for run in find_evidence(case).races:
        found = trajectories._run(
            case, run, surfaces[run.name].seed, store, runner.SilentProgress()
        )
        there = surfaces[run.name]
        assert np.allclose(found.steps, there.steps)
        for label, path in there.paths.items():
            again = found.paths[label]
            assert np.allclose(again[:5], path[:5], rtol=1e-2, atol=1e-3)
            assert (again[-1, 2] < 1) == (path[-1, 2] < 1)
