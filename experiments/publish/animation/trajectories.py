"""The race: Keras's optimizers on a plane through weight space, recorded once.

Trains the ends of the plane as their stored rows were, then two numbers a and b in
w = start + a u + b v, where u points from the start to the first end and v, at a right
angle to it, lies towards the second. As u and v are unit vectors, a learning rate means on
the plane what it means in weight space.
"""

import numpy as np

from experiments import era
from experiments.cases.case import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.publish.animation import frames, trajectory_table
from experiments.runs import blocks
from experiments.runs.store import Store
from experiments.training import metrics, networks

NUM_PLACES = 71
NUM_SHOWN_STEPS = 48
MARGIN = 0.12
# A path that runs this many times as far off as the farther end leaves the map.
FARTHEST = 3.0


def record(case, folder, progress=None):
    """Runs the races of a case and stores them as `race.csv`.

    Args:
        case: The `Case`.
        folder: The case's folder of results, with its stored runs.
        progress: A display with the methods of `blocks.SilentProgress`.

    Returns:
        A list of the paths written; empty for a case without races.

    Raises:
        SuiteError: An end does not come out as stored, or does not start where the others do.
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
    """Lets every optimizer descend, then measures the ground they covered."""
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


def shown_steps(num_steps):
    """Returns the updates at which a path is kept: 0, and evenly on a log scale from 1."""
    return np.unique(np.append(0, np.geomspace(1, num_steps, NUM_SHOWN_STEPS).round())).astype(int)


def axes(points, paths):
    """Returns the places `(a, b)` of the surface: even on the map, around all it shows.

    The three points lie on them too, so that the surface is exact where they stand.

    Args:
        points: `{name: (a, b, loss)}`.
        paths: `{optimizer: (num_looks, 3)}`; what runs far off is left out.
    """
    unit = trajectory_table.unit_of(points)
    marked = np.array([place[:2] for place in points.values()])
    shown = np.vstack([marked, *(path[:, :2] for path in paths.values())])
    reach = FARTHEST * np.hypot(*marked.T).max()
    # A path that is no number any more is nowhere near either.
    shown = trajectory_table.scaled(shown[(np.abs(shown) <= reach).all(axis=1)], unit)
    margin = MARGIN * np.ptp(shown, axis=0)
    even = np.linspace(shown.min(axis=0) - margin, shown.max(axis=0) + margin, NUM_PLACES)
    both = np.vstack([unit * np.sinh(even), marked])
    return tuple(np.unique(column) for column in both.T)


class Plane:
    """The plane through three places of weight space, and the true loss on it.

    The loss is the mean squared error on the exam's grid, of the network of the race's start.

    Args:
        case: The `Case`, a regression.
        race: The `Race`.
        seed: The seed.
        start, first, second: The three places, flat float64 arrays.
    """

    def __init__(self, case, race, seed, start, first, second):
        from experiments.training import engine

        self._tf, self._places = engine.tensorflow(), (start, first, second)
        self.u, self.v = directions(start, first, second)
        setup = case.arm(race.start)
        self._model = networks.build(case, setup)
        x, y = metrics.Evaluation(case, setup, [seed]).inputs[0], case.task.target(metrics.grid())
        self._x = self._tf.constant(x[: metrics.NUM_PROBED])
        self._y = self._tf.constant(np.asarray(y, np.float32)[:, None])
        base = [self._tf.constant(w.astype(np.float32)) for w in (start, self.u, self.v)]
        self._base = base
        self.loss = self._tf.function(self._loss, jit_compile=True, autograph=False)

    def points(self):
        """Returns `(a, b, loss)` of the three places."""
        steps = [place - self._places[0] for place in self._places]
        places = [(float(step @ self.u), float(step @ self.v)) for step in steps]
        return [(*place, self.at(*place)) for place in places]

    def at(self, a, b):
        """Returns the loss at one place."""
        return float(self.loss(self._tf.constant([a, b], self._tf.float32)))

    def surface(self, a, b):
        """Returns the losses at all crossings of two axes, b along the first."""
        return np.array([[self.at(x, y) for x in a] for y in b])

    def descend(self, race, label, steps):
        """Lets one optimizer descend from the start.

        Args:
            race: The `Race`.
            label: Which of its optimizers.
            steps: Increasing numbers of updates at which to look.

        Returns:
            Array `(len(steps), 3)`: a, b and loss.
        """
        import keras

        place = keras.Variable(np.zeros(2, np.float32))
        rate = {"learning_rate": race.learning_rate}
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


def directions(start, first, second):
    """Returns unit vectors at a right angle that span the plane through three places.

    Args:
        start, first, second: Flat float64 arrays.

    Returns:
        `(u, v)`: u points from the start to the first place (Gram and Schmidt's rule).

    Raises:
        SuiteError: The three lie on one line.
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
