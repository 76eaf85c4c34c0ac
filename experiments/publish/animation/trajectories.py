"""Records Keras's optimizers descending on a plane through weight space.

The ends of the plane are trained as their stored rows were. Each optimizer then trains two
numbers a and b in w = start + a u + b v, where u points from the start to the first end and
v, orthogonal to it, points towards the second. u and v are unit vectors, so a learning rate
means the same on the plane as in weight space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import era
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.publish.animation import frames, trajectory_table
from experiments.runs import blocks
from experiments.runs.store import Store
from experiments.training import metrics, networks

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable, Mapping

    from experiments.cases.case import Case
    from experiments.cases.claims import Race
    from experiments.runs.blocks import SilentProgress

NUM_PLACES = 71
NUM_SHOWN_STEPS = 48
MARGIN = 0.12
# A path leaves the map at this multiple of the distance of the farther end.
FARTHEST = 3.0


def record(
    case: Case, folder: pathlib.Path, progress: SilentProgress | None = None
) -> list[pathlib.Path]:
    """Runs the races of a case and stores them as `race.csv`.

    Args:
        case: The `Case`.
        folder: The case's folder of results, with its stored runs.
        progress: A display with the methods of `blocks.SilentProgress`.

    Returns:
        A list of the paths written; empty for a case without races.

    Raises:
        SuiteError: An end's outcome is not the stored one, or its initial weights differ.
    """
    races = find_evidence(case).races
    if not races:
        return []
    store, progress = Store(folder, case), progress or blocks.SilentProgress()
    seed = frames.showcase_seed(case, store)
    surfaces = [_run(case, race, seed, store, progress) for race in races]
    return [store.write_text(trajectory_table.FILE, trajectory_table.text_of(case, surfaces))]


def _run(case, race, seed, store, progress):
    start, ends = _flat(_start(case, case.arm(race.start), seed)), {}
    for arm, setup in trajectory_table.setups(case, race).items():
        if not np.array_equal(start, _flat(_start(case, setup, seed))):
            raise SuiteError(
                f"The ends of a race start from the weights of its start; name other arms in "
                f"{case.name}'s race {race.name}. Received: {race.start} and {arm}"
            )
        progress.start(f"{arm}, seed {seed}", setup.num_steps)
        trained, weights = _end(case, arm, setup, seed, progress)
        frames.check_stored(case, store, trained)
        ends[arm] = _flat(weights)
    plane = Plane(case, race, seed, start, *ends.values())
    return _loss_surface(plane, race, seed, (trajectory_table.START, *ends), progress)


def _loss_surface(plane, race, seed, names, progress):
    """Runs every optimizer, then evaluates the loss on the region that they covered."""
    points = dict(zip(names, plane.points(), strict=True))
    steps, paths = shown_steps(race.num_steps), {}
    for label in race.optimizers:
        progress.start(f"{race.name}: {label}", race.num_steps)
        paths[label] = plane.descend(race, label, steps)
        progress.advance(race.num_steps)
    a, b = axes(points, paths)
    return trajectory_table.LossSurface(seed, points, a, b, plane.surface(a, b), steps, paths)


def _start(case, setup, seed):
    return networks.starting_weights(case, setup, networks.build(case, setup), seed)


def _flat(weights):
    return np.concatenate([np.ravel(values) for values in weights]).astype(np.float64)


def _end(case, arm, setup, seed, progress):
    """Trains one seed as its stored row was; returns `(table of its row, weights)`."""
    from experiments.training import engine

    trainer = engine.Trainer(case, setup, case.block_width or 2)
    trained, _ = blocks.train_block(case, {arm: setup}, [seed], trainer, progress.advance)[arm]
    return trained, [values[0] for values in trainer.program.weights]


def shown_steps(num_steps: int) -> np.ndarray:
    """Returns the updates at which a path is recorded: 0, and evenly on a log scale from 1."""
    return np.unique(np.append(0, np.geomspace(1, num_steps, NUM_SHOWN_STEPS).round())).astype(int)


def axes(
    points: Mapping[str, tuple[float, float, float]], paths: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, ...]:
    """Returns the coordinates `(a, b)` of the surface: even on the map, around all points shown.

    The coordinates of the three points are among them, so that the surface is exact there.

    Args:
        points: `{name: (a, b, loss)}`.
        paths: `{optimizer: (num_steps, 3)}`; parts that run far off are left out.
    """
    unit = trajectory_table.unit_of(points)
    marked = np.array([place[:2] for place in points.values()])
    shown = np.vstack([marked, *(path[:, :2] for path in paths.values())])
    reach = FARTHEST * np.hypot(*marked.T).max()
    # NaN counts as out of reach.
    shown = trajectory_table.scaled(shown[(np.abs(shown) <= reach).all(axis=1)], unit)
    margin = MARGIN * np.ptp(shown, axis=0)
    even = np.linspace(shown.min(axis=0) - margin, shown.max(axis=0) + margin, NUM_PLACES)
    both = np.vstack([unit * np.sinh(even), marked])
    return tuple(np.unique(column) for column in both.T)


class Plane:
    """The plane through three points of weight space, and the true loss on it.

    The loss is the mean squared error on the evaluation grid, of the network of the race's
    start.

    Args:
        case: The `Case`, a regression.
        race: The `Race`.
        seed: The seed.
        start: The origin, a flat float64 array.
        first: The first end, a flat float64 array.
        second: The second end, a flat float64 array.
    """

    def __init__(
        self,
        case: Case,
        race: Race,
        seed: int,
        start: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
    ) -> None:
        from experiments.training import program

        self._tf, self._places = program.tensorflow(), (start, first, second)
        self.u, self.v = directions(start, first, second)
        setup = case.arm(race.start)
        self._model = networks.build(case, setup)
        x, y = metrics.Evaluation(case, setup, [seed]).inputs[0], case.task.target(metrics.grid())
        self._x = self._tf.constant(x[: metrics.NUM_PROBED])
        self._y = self._tf.constant(np.asarray(y, np.float32)[:, None])
        base = [self._tf.constant(w.astype(np.float32)) for w in (start, self.u, self.v)]
        self._base = base
        self.loss = self._tf.function(self._loss, jit_compile=True, autograph=False)

    def points(self) -> list[tuple[float, float, float]]:
        """Returns `(a, b, loss)` of the three points."""
        steps = [place - self._places[0] for place in self._places]
        places = [(float(step @ self.u), float(step @ self.v)) for step in steps]
        return [(*place, self.at(*place)) for place in places]

    def at(self, a: float, b: float) -> float:
        """Returns the loss at one point."""
        return float(self.loss(self._tf.constant([a, b], self._tf.float32)))

    def surface(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Returns the losses at all grid points of two axes, b along the first."""
        return np.array([[self.at(x, y) for x in a] for y in b])

    def descend(self, race: Race, label: str, steps: Iterable[int]) -> np.ndarray:
        """Runs one optimizer from the start.

        Args:
            race: The `Race`.
            label: Name of one of its optimizers.
            steps: Increasing numbers of updates at which the path is recorded.

        Returns:
            Array `(len(steps), 3)`: a, b and loss.
        """
        import keras

        place = keras.Variable(np.zeros(2, np.float32))
        rate: Any = {"learning_rate": race.learning_rate}
        optimizer = era.optimizer(**rate | race.optimizers[label])
        optimizer.build([place])
        update = self._updates(optimizer, place)
        path, made = [], 0
        for step in steps:
            update(self._tf.constant(int(step) - made))
            made = int(step)
            path.append((*place.numpy().tolist(), self.at(*place.numpy())))
        return np.array(path)

    def _updates(self, optimizer, place):
        tf = self._tf

        def update(i):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                value = tf.convert_to_tensor(place.value)
                tape.watch(value)
                loss = self._loss(value)
            optimizer.apply([tape.gradient(loss, value)], [place])
            return (i + 1,)

        def updates(num):
            return tf.while_loop(lambda i: i < num, update, (tf.constant(0),))

        return tf.function(updates, jit_compile=True, autograph=False)

    def _loss(self, place):
        import keras

        start, u, v = self._base
        weights = start + place[0] * u + place[1] * v
        shapes = [variable.shape for variable in self._model.weights]
        parts = self._tf.split(weights, [int(np.prod(shape)) for shape in shapes])
        parts = [self._tf.reshape(p, shape) for p, shape in zip(parts, shapes, strict=True)]
        outputs, _ = self._model.stateless_call(parts, [], self._x, training=False)
        return self._tf.reduce_mean(keras.losses.mean_squared_error(self._y, outputs))


def directions(
    start: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns two orthogonal unit vectors that span the plane through three points.

    Args:
        start: Flat float64 array.
        first: Flat float64 array.
        second: Flat float64 array.

    Returns:
        `(u, v)` by the Gram-Schmidt process: u points from the start to the first point.

    Raises:
        SuiteError: The three points lie on one line.
    """
    first, second = first - start, second - start
    u = first / max(np.linalg.norm(first), np.finfo(float).tiny)
    across = second - (second @ u) * u
    if not np.linalg.norm(across) > 1e-6 * np.linalg.norm(second):
        raise SuiteError(
            "The three places of a race must not lie on one line; name other ends in its case. "
            f"Received: {np.linalg.norm(first):g} and {np.linalg.norm(second):g} from the start"
        )
    return u, across / np.linalg.norm(across)
