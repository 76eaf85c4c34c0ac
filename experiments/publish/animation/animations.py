"""Writes the animations of a case as files: one seed under every arm, and optimizer races.

Stored tables become pictures, and pictures become files. Nothing is trained, and TensorFlow
is never imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib

from experiments.cases.evidence import find_evidence
from experiments.publish.animation import encoding, frames, trajectory_table
from experiments.publish.animation.canvas import FONT
from experiments.publish.animation.panels import SideBySide
from experiments.publish.animation.trajectory_maps import TrajectoryMaps
from experiments.report.figure_files import file_stem, write_caption

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

    import numpy as np

    from experiments.cases.case import Case
    from experiments.report.markdown import Caption
    from experiments.report.style import Theme
    from experiments.runs.store import Store

# Duration of a picture in milliseconds: the first, each other, and the last.
FIRST, LAST = 1200, 4000
EACH_FRAME, EACH_STEP = 800, 200


def write(
    case: Case, store: Store, theme: Theme, folder: pathlib.Path, formats: Sequence[str]
) -> list[pathlib.Path]:
    """Writes every animation of a case, and a caption beside each.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
        theme: The `Theme`.
        folder: Path of the folder to write.
        formats: Some of `encoding.FORMATS`.

    Returns:
        The paths written.
    """
    drawn, written = {"twins": side_by_side, "race": race}, []
    for name, words in captions(case, store).items():
        path = folder / file_stem(name, theme)
        pictures = drawn[name](case, store, theme, path, formats)
        written += [*pictures, write_caption(path, words, pictures[0].name, entitled=False)]
    return written


def captions(case: Case, store: Store) -> dict[str, Caption]:
    """Returns `{name: Caption}` of the animations of a case."""
    found = {"twins": frames.caption(case, store)}
    races = find_evidence(case).races
    return found | ({"race": trajectory_table.caption(case, store)} if races else {})


def side_by_side(
    case: Case,
    store: Store,
    theme: Theme,
    path_without_suffix: str | pathlib.Path,
    formats: Sequence[str] = ("gif", "mp4"),
) -> list[pathlib.Path]:
    """Writes the side-by-side animation: one seed under every combination of the fixes.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
        theme: The `Theme`.
        path_without_suffix: Path of the files without their suffix.
        formats: Some of `encoding.FORMATS`; `"png"` is the last picture.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        SuiteError: A required table is missing or stale, or a format cannot be written.
    """
    pictures = side_by_side_frames(case, store, theme)
    return encoding.write(pictures, _times(pictures, EACH_FRAME), path_without_suffix, formats)


@matplotlib.rc_context(FONT)
def side_by_side_frames(case: Case, store: Store, theme: Theme) -> list[np.ndarray]:
    """Returns the pictures of `side_by_side`, one for each checkpoint."""
    shown = frames.panels(case, store)
    drawn = SideBySide(case, shown, frames.showcase_seed(case, store), theme)
    return [drawn.picture(step) for step in frames.clock(shown)]


def race(
    case: Case,
    store: Store,
    theme: Theme,
    path_without_suffix: str | pathlib.Path,
    formats: Sequence[str] = ("gif", "mp4"),
) -> list[pathlib.Path]:
    """Writes the optimizer races of a case on slices of its loss, all at the same step.

    Args, Returns and Raises as of `side_by_side`; a case without races gives no files.
    """
    if not find_evidence(case).races:
        return []
    pictures = trajectory_frames(case, store, theme)
    return encoding.write(pictures, _times(pictures, EACH_STEP), path_without_suffix, formats)


@matplotlib.rc_context(FONT)
def trajectory_frames(case: Case, store: Store, theme: Theme) -> list[np.ndarray]:
    """Returns the pictures of `race`, one for each recorded update."""
    surfaces = trajectory_table.read(case, store)
    drawn = TrajectoryMaps(case, surfaces, theme)
    steps = sorted({int(step) for surface in surfaces.values() for step in surface.steps})
    return [drawn.picture(step) for step in steps]


def _times(pictures, each):
    return [FIRST, *[each] * (len(pictures) - 2), LAST][: len(pictures)]
