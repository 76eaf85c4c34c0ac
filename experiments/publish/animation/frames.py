"""Chooses the seed that an animation of a case shows, and the content of each frame.

Stored tables become plain values. Nothing is trained or drawn. A frame is a checkpoint, and
no state between two checkpoints is interpolated.
"""

from __future__ import annotations

import dataclasses
import functools
import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from experiments.analysis import baselines, tables
from experiments.cases import plans
from experiments.cases.case import Regression
from experiments.cases.errors import SuiteError
from experiments.report.markdown import Caption
from experiments.runs.keys import row_key
from experiments.training.columns import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experiments.cases.case import Case
    from experiments.cases.setups import Setup
    from experiments.runs.store import Store

SLICE = "slice.csv"
NUM_SLICE = 21
ELSEWHERE = 0.5
# With more fixes, a picture of all combinations would be unreadable.
MOST_FIXES = 4


@dataclasses.dataclass(frozen=True)
class Panel:
    """One arm of the shown seed.

    Args:
        arm: Arm name.
        fixes: The fixes it has.
        end: Number of updates of its stored run.
        is_cut: Whether the documented program makes more updates.
        solved: Whether the seed is solved at the end.
        value: Its main metric at the end.
        snapshots: Checkpoint to outputs of the network: `(50,)` outputs of a regression, or
            `(21, 21)` margins of a classification, the second input first; above 0 is class 1.
    """

    arm: str
    fixes: tuple[str, ...]
    end: int
    is_cut: bool
    solved: bool
    value: float
    snapshots: dict[int, np.ndarray]

    def at(self, step: int) -> tuple[int, np.ndarray]:
        """Returns `(checkpoint, state)` of the last checkpoint up to a step of the clock."""
        checkpoint = max(made for made in self.snapshots if made <= step)
        return checkpoint, self.snapshots[checkpoint]


def arms(case: Case) -> list[str]:
    """Returns the arms shown, in order: all combinations, or with many fixes one in and one out."""
    if len(case.fixes) <= MOST_FIXES:
        chosen = list(case.fixes)[::-1]
        sets = [{f for n, f in enumerate(chosen) if i >> n & 1} for i in range(2 ** len(chosen))]
        return [plans.arm_name(case, fixes) for fixes in sets]
    return list(plans.one_in(case) | dict(reversed(plans.one_out(case).items())))


def showcase_seed(case: Case, store: Store) -> int:
    """Chooses the most typical of the seeds whose curves are stored.

    In every combination of the fixes, at its longest stored budget, each seed has a rank by
    the main metric. Of the seeds with the outcome of the majority in the most arms, it is the
    one whose ranks are nearest the middle, on average over the arms.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.

    Returns:
        The seed.

    Raises:
        SuiteError: There is no such seed.
    """
    kept = _stored(case, store, "seeds.csv")
    kept = sorted(set(kept[kept["arm"] == "broken"]["seed"]))
    table, metric = tables.runs(store), baselines.main_metric(case)
    shifts, agreed = [], []
    for arm in plans.combinations(case):
        part = tables.longest(table, arm).set_index("seed")
        ranks = stats.rankdata(part[metric]) / (len(part) + 1)
        shifts.append(pd.Series(np.abs(ranks - 0.5), part.index))
        agreed.append(part["solved"] == (part["solved"].mean() > 0.5))
    found = pd.DataFrame(
        {
            "against": -pd.concat(agreed, axis=1, join="inner").sum(axis=1),
            "shift": pd.concat(shifts, axis=1, join="inner").mean(axis=1),
        }
    )
    found = found.sort_values(["against", "shift"], kind="stable")
    found = found[found.index.isin(kept)]
    if found.empty:
        raise lacking(case, "no seed with kept curves has a row in every arm of the lattice")
    return int(found.index[0])


def setup_at(case: Case, arm: str, steps: int) -> Setup:
    """Returns an arm's setup at a stored budget; only an endless stream can be cut."""
    return plans.cut({arm: case.arm(arm)}, steps)[arm]


def slice_axis() -> np.ndarray:
    """Returns the coordinates of a slice along each of its two axes: 21 from 0 to 1."""
    return np.linspace(0.0, 1.0, NUM_SLICE)


def slice_points(num_inputs: int, axis: np.ndarray | None = None) -> np.ndarray:
    """Returns the points of the slice: the first two inputs vary, the others are 1/2.

    Args:
        num_inputs: Number of inputs of the network, at least 2.
        axis: Coordinates along both axes; those of `slice_axis` if `None`.

    Returns:
        Array `(21, 21, num_inputs)`, the second input along the first axis.
    """
    axis = slice_axis() if axis is None else axis
    points = np.full((len(axis), len(axis), num_inputs), ELSEWHERE)
    points[..., 1], points[..., 0] = np.meshgrid(axis, axis, indexing="ij")
    return points


def panels(case: Case, store: Store) -> list[Panel]:
    """Returns a `Panel` for each shown arm of the showcase seed.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.

    Raises:
        SuiteError: A required table is missing or stale.
    """
    seed, table = showcase_seed(case, store), tables.runs(store)
    read = _curves if isinstance(case.task, Regression) else _slices
    states, found = read(case, store, seed), []
    for arm in arms(case):
        rows = tables.longest(table, arm)
        (row,) = rows[rows["seed"] == seed].to_dict("records")
        if (arm, row["steps"]) not in states:
            raise lacking(case, f"nothing of {arm} at {row['steps']} steps, seed {seed}")
        is_cut = row["steps"] < case.arm(arm).num_steps
        outcome = row["solved"], row[baselines.main_metric(case)]
        head = arm, plans.fixes_of(case, arm), row["steps"], is_cut
        found.append(Panel(*head, *outcome, states[arm, row["steps"]]))
    return found


def clock(shown: Iterable[Panel]) -> list[int]:
    """Returns the steps that have a frame: every checkpoint of any panel."""
    return sorted({step for panel in shown for step in panel.snapshots})


def check_stored(case: Case, store: Store, trained: pd.DataFrame) -> None:
    """Checks that a seed just trained has the outcome of its stored row.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
        trained: The table of its row, as of `blocks.train_block`.

    Raises:
        SuiteError: The seed is solved and its stored row is not, or the reverse.
    """
    there = trained[PLACE].merge(store.frame())
    if there["solved"].tolist() != trained["solved"].tolist():
        (row,) = trained.to_dict("records")
        raise SuiteError(
            f"{case.name}: seed {row['seed']} of {row['arm']} does not come out as its stored "
            f"row; train the rows of this machine with: python -m reproductions record "
            f"{case.name}. Received: solved={row['solved']}"
        )


def _curves(case, store, seed):
    """Returns `{(arm, steps): {checkpoint: outputs}}` of a regression's seed."""
    table = _stored(case, store, "seeds.csv")
    return _snapshots(table[table["seed"] == seed], list(tables.CURVE_COLUMNS))


def _slices(case, store, seed):
    """Returns `{(arm, steps): {checkpoint: margins}}` of a classification's seed."""
    table = _stored(case, store, SLICE)
    if not {"seed", "key", *slice_columns()} <= set(table):
        raise lacking(case, f"{SLICE} is damaged: it lacks columns")
    # Read as text: a key of digits alone is not a number.
    text = io.StringIO(store.read_table(SLICE))
    table["key"] = pd.read_csv(text, usecols=["key"], dtype=str)["key"]
    for arm, steps, made_by in table[["arm", "steps", "key"]].drop_duplicates().to_numpy():
        if made_by != row_key(case, setup_at(case, arm, steps), store.trainer):
            raise lacking(case, f"{SLICE} has rows of {arm} made by an older version")
    states = _snapshots(table[table["seed"] == seed], list(slice_columns()))
    square = (NUM_SLICE, NUM_SLICE)
    return {
        arm: {at: values.reshape(square) for at, values in made.items()}
        for arm, made in states.items()
    }


@functools.cache
def slice_columns() -> tuple[str, ...]:
    """Returns the columns of a slice's margins, in row-major order of its points."""
    return tuple(f"m{n:03d}" for n in range(1, NUM_SLICE**2 + 1))


def _snapshots(table, columns):
    return {
        (arm, steps): dict(zip(part["checkpoint"], part[columns].to_numpy(float), strict=True))
        for (arm, steps), part in table.groupby(["arm", "steps"])
    }


def _stored(case, store, name):
    table = tables.stored(store, name)
    if table is None:
        raise lacking(case, f"{store.folder} holds no {name}")
    return table


def lacking(case: Case, why: str, what: str = "scenes") -> SuiteError:
    """Returns the error for missing recordings, which names the command that makes them."""
    return SuiteError(
        f"{case.name} has no {what} to show; record them with: python -m reproductions "
        f"record {case.name} --animations. Received: {why}"
    )


def caption(case: Case, store: Store) -> Caption:
    """Returns the `Caption` of a case's side-by-side animation.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
    """
    shown = panels(case, store)
    seed, steps = showcase_seed(case, store), clock(shown)
    solved = [panel.arm for panel in shown if panel.solved]
    failed = [panel.arm for panel in shown if not panel.solved]
    title = f"{case.name}: one seed, {len(shown)} programs, {len(solved)} of them solve"
    caption = (
        f"Seed {seed} under every combination of the fixes, from the same initial weights "
        "where a layer keeps its shape; the seed whose outcomes are the most typical of "
        f"those kept. {_drawn(case)} A frame is a checkpoint, with nothing made up in "
        f"between; time is logarithmic, up to {steps[-1]:,} updates, and an arm that ends "
        f"earlier stays at its end{_cut(shown)}. Solved at the end: {len(solved)} of {len(shown)} "
        f"({baselines.threshold(case)[1].removeprefix('solved: ')})."
    )
    alt = (
        f"Animation of {len(shown)} small panels, one a combination of the fixes of "
        f"{case.name}, up to step {steps[-1]:,}. Solved at the end: "
        f"{', '.join(solved) or 'none'}. Not solved: {', '.join(failed) or 'none'}."
    )
    return Caption(title, caption, alt)


def _cut(shown):
    """Returns a clause on the arms that were not trained to their documented end."""
    num_cut = sum(panel.is_cut for panel in shown)
    return f"; {num_cut} are cut short of their documented updates" if num_cut else ""


def _drawn(case):
    """Returns one sentence on what a panel draws."""
    if isinstance(case.task, Regression):
        return "Dashed is what should be learned, the line what the network answers."
    return (
        "Each panel is a slice of the inputs: the first two vary, all others "
        f"are {ELSEWHERE:g}. Filled is where the network answers class 1, dashed the border "
        "it should learn."
    )


def true_border(case: Case, num_places: int = 201) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns `(axis, axis, values)` of the slice's true classes: above 0 is class 1.

    Args:
        case: The `Case`, a classification.
        num_places: Number of coordinates along each axis.
    """
    num_inputs = case.data(case.broken, np.random.default_rng(0), (1,))[0].shape[-1]
    axis = np.linspace(0.0, 1.0, num_places)
    is_one = case.task.target(slice_points(num_inputs, axis))
    return axis, axis, np.where(is_one, 1.0, -1.0)
