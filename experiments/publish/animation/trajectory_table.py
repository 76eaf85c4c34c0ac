"""Reads and writes the stored races of a case, optimizers on a plane through weight space.

The table `race.csv` becomes plain arrays. Nothing is trained or drawn. A row of the table
holds a series of numbers, separated by spaces.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from typing import TYPE_CHECKING

import numpy as np

from experiments.analysis import baselines
from experiments.cases.evidence import find_evidence
from experiments.publish.animation.frames import lacking, setup_at
from experiments.report.markdown import Caption
from experiments.runs.keys import row_key
from experiments.stats.text import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from experiments.cases.case import Case
    from experiments.cases.claims import Race
    from experiments.cases.setups import Setup
    from experiments.runs.store import Store

FILE = "race.csv"
COLUMNS = ("race", "seed", "what", "name", "key", "numbers")
# No arm has this name, as it contains a space.
START = "initial weights"
# Part of every race's key: raise it when the recording changes what is recorded.
VERSION = 1


@dataclasses.dataclass(frozen=True)
class LossSurface:
    """One recorded race.

    Args:
        seed: The seed whose initial weights it starts from.
        points: `"initial weights"` and the two ends to `(a, b, loss)`.
        a: Coordinates of the surface along u, increasing.
        b: Coordinates of the surface along v, increasing.
        losses: The surface, `(len(b), len(a))`.
        steps: Updates at which the paths are recorded.
        paths: Optimizer to `(num_steps, 3)`: a, b and loss.
    """

    seed: int
    points: dict[str, tuple[float, float, float]]
    a: np.ndarray
    b: np.ndarray
    losses: np.ndarray
    steps: np.ndarray
    paths: dict[str, np.ndarray]

    @property
    def unit(self) -> float:
        """The distance below which the map is nearly linear, see `unit_of`."""
        return unit_of(self.points)

    def lowest(self) -> list[str]:
        """Returns the optimizers whose last loss is finite, lowest first."""
        last = {name: path[-1, 2] for name, path in self.paths.items()}
        return sorted((name for name in last if np.isfinite(last[name])), key=last.__getitem__)


def unit_of(points: Mapping[str, tuple[float, float, float]]) -> float:
    """Returns the unit of a map: near**2 / far, from the distances of the two ends.

    Args:
        points: `"initial weights"` and the two ends to `(a, b, loss)`.
    """
    nearer, farther = sorted(np.hypot(a, b) for name, (a, b, _) in points.items() if name != START)
    return float(nearer**2 / farther)


def scaled(values: npt.ArrayLike, unit: float) -> np.ndarray:
    """Returns positions on a map: asinh(value / unit), linear near 0 and logarithmic far off."""
    return np.arcsinh(np.asarray(values, np.float64) / unit)


def setups(case: Case, race: Race) -> dict[str, Setup]:
    """Returns `{arm: setup}` of a race's two ends, each cut to its updates."""
    return {arm: setup_at(case, arm, steps) for arm, steps in race.ends.items()}


def key(case: Case, race: Race) -> str:
    """Returns the key of a race: a hash of its arms' row keys and of its options."""
    arms = [case.arm(race.start), *setups(case, race).values()]
    requested = (VERSION, list(race.ends), race.optimizers, race.learning_rate, race.num_steps)
    text = " ".join([*(row_key(case, setup) for setup in arms), repr(requested)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def text_of(case: Case, surfaces: Sequence[LossSurface]) -> str:
    """Returns the text of `race.csv`.

    Args:
        case: The `Case`.
        surfaces: A `LossSurface` for each of its races, in order.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for race, surface in zip(find_evidence(case).races, surfaces, strict=True):
        for what, name, numbers in _series(surface):
            line = " ".join(f"{number:.5g}" for number in numbers)
            writer.writerow([race.name, surface.seed, what, name, key(case, race), line])
    return text.getvalue()


def _series(surface):
    """Yields `(what, name, numbers)` of all series of a race."""
    for name, place in surface.points.items():
        yield "point", name, place
    yield "axis", "a", surface.a
    yield "axis", "b", surface.b
    for n, row in enumerate(surface.losses):
        yield "losses", str(n), row
    yield "steps", "", surface.steps
    for name, path in surface.paths.items():
        for column, what in enumerate(("a", "b", "loss")):
            yield what, name, path[:, column]


def read(case: Case, store: Store) -> dict[str, LossSurface]:
    """Returns `{race: LossSurface}` of a case's stored races.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.

    Raises:
        SuiteError: The races are missing, damaged, or made by another version of the case.
    """
    text = store.read_table(FILE)
    if text is None:
        raise lacking(case, f"{store.folder} holds no {FILE}", "races")
    try:
        lines = list(csv.DictReader(io.StringIO(text)))
        found = {}
        for race in find_evidence(case).races:
            mine = [line for line in lines if line["race"] == race.name]
            if {line["key"] for line in mine} != {key(case, race)}:
                raise lacking(case, f"{FILE} has no current race {race.name}", "races")
            found[race.name] = _ground(mine)
    except (csv.Error, LookupError, ValueError, TypeError, AttributeError) as error:
        why = f"{FILE} is damaged: {type(error).__name__}: {error}"
        raise lacking(case, why, "races") from None
    return found


def _ground(lines):
    series = {}
    for line in lines:
        numbers = np.array([float(number) for number in line["numbers"].split()])
        series.setdefault(line["what"], {})[line["name"]] = numbers
    losses = np.stack(list(series["losses"].values()))
    a, b, steps = series["axis"]["a"], series["axis"]["b"], series["steps"][""].astype(int)
    path = ("a", "b", "loss")
    paths = {n: np.stack([series[what][n] for what in path], 1) for n in series["a"]}
    if losses.shape != (len(b), len(a)) or any(len(p) != len(steps) for p in paths.values()):
        raise ValueError("a series is cut off")
    points = {name: tuple(place.tolist()) for name, place in series["point"].items()}
    return LossSurface(int(lines[0]["seed"]), points, a, b, losses, steps, paths)


def caption(case: Case, store: Store) -> Caption:
    """Returns the `Caption` of a case's races.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
    """
    surfaces, threshold = read(case, store), baselines.threshold(case)[0]
    races = find_evidence(case).races
    first = next(iter(surfaces.values()))
    counts = [
        f"{len(_reached(surfaces[race.name], threshold))} of {len(first.paths)} from {race.says}"
        for race in races
    ]
    title = f"{case.name}: of the optimizers on this slice, {listed(counts)} clear the bar"
    descriptions = [_description(race, surfaces[race.name], threshold) for race in races]
    yard, name = baselines.baseline(case)
    caption = [
        _slice(races, first.seed),
        *descriptions,
        f"The {name} leaves {loss_text(yard)}.",
        *_gone(races, surfaces),
    ]
    alt = ["Animated maps of a loss surface with a path for each optimizer.", *descriptions]
    return Caption(title, " ".join(caption), " ".join(alt))


def _slice(races, seed):
    """Returns the part of the caption that explains the maps and their limits."""
    num_steps = max(race.num_steps for race in races)
    return (
        f"A slice of the true loss: the plane through seed {seed}'s initial weights and the two "
        "places where training from them ended. The optimizers are Keras's own, on the plane's "
        f"two numbers, {_rate(races)}, with the exact gradient on the plane, for {num_steps:,} "
        "updates. In the full space of weights there are many more directions, and batches make "
        "the gradient rough. Distances are those of weight space, drawn on a scale that is "
        "logarithmic far from the start."
    )


def _rate(races):
    rates = {race.learning_rate for race in races}
    if len(rates) > 1 or None in rates:
        return "each race at its own learning rate"
    return f"all at the learning rate {rates.pop():g}"


def _reached(surface, threshold):
    """Returns the optimizers that end below the threshold, lowest first."""
    return [name for name in surface.lowest() if surface.paths[name][-1, 2] <= threshold]


def _description(race, surface, threshold):
    """Returns the outcome of one race in two sentences."""
    order = surface.lowest()
    reached = _reached(surface, threshold)
    rest = [name for name in order if name not in reached] + [
        name for name in surface.paths if name not in order
    ]
    ends = ", ".join(f"{name} {loss_text(surface.paths[name][-1, 2])}" for name in rest)
    descriptions = (
        f"From {race.says}, at loss {loss_text(surface.points[START][2])}, "
        f"{listed(reached) or 'none'} came below the bar of {loss_text(threshold)}."
    )
    who = "the others" if reached else "all"
    return f"{descriptions} The losses of {who} at the end: {ends}." if rest else descriptions


def _gone(races, surfaces):
    """Yields a sentence on the paths that leave a map."""
    for race in races:
        surface = surfaces[race.name]
        ends = ((axis[0], axis[-1]) for axis in (surface.a, surface.b))
        low, high = np.array(list(ends)).T
        far = [n for n, p in surface.paths.items() if ((p[:, :2] < low) | (p[:, :2] > high)).any()]
        if far:
            yield f"From {race.says}, {listed(far)} runs off the map."


def loss_text(value: float) -> str:
    """Returns a loss as text: three digits, or "diverged"."""
    if not np.isfinite(value):
        return "diverged"
    return f"{value:,.0f}" if value >= 1000 else f"{value:#.3g}".rstrip(".")
