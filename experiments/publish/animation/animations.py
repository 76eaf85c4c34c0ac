"""Animations: synchronised twins of a case, and its optimizers' race, as files.

Stored tables to pictures to files; trains nothing and never imports TensorFlow.
"""

import matplotlib

from experiments.cases.evidence import find_evidence
from experiments.publish.animation import encoding, frames, trajectory_table
from experiments.publish.animation.canvas import FONT
from experiments.publish.animation.panels import SideBySide
from experiments.publish.animation.trajectory_maps import TrajectoryMaps
from experiments.report.figure_files import file_stem, write_caption

# How long a picture is shown, in milliseconds: the first, each other, and the last.
FIRST, LAST = 1200, 4000
EACH_FRAME, EACH_STEP = 800, 200


def write(case, store, theme, folder, formats):
    """Writes every animation of a case, and beside each the text to paste.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
        theme: The `Theme`.
        folder: Path of the folder to write.
        formats: Some of `films.FORMATS`.

    Returns:
        The paths written.
    """
    drawn, written = {"twins": side_by_side, "race": race}, []
    for name, words in captions(case, store).items():
        path = folder / file_stem(name, theme)
        pictures = drawn[name](case, store, theme, path, formats)
        written += [*pictures, write_caption(path, words, pictures[0].name, entitled=False)]
    return written


def captions(case, store):
    """Returns `{name: Words}` of the animations of a case."""
    found = {"twins": frames.caption(case, store)}
    races = find_evidence(case).races
    return found | ({"race": trajectory_table.caption(case, store)} if races else {})


def side_by_side(case, store, theme, path_without_suffix, formats=("gif", "mp4")):
    """Writes the synchronised twins of a case: one seed under every combination of the fixes.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
        theme: The `Theme`.
        path_without_suffix: Path of the files, less their suffix.
        formats: Some of `films.FORMATS`; `"png"` is the last picture.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        SuiteError: A table it reads is not there or stale, or a format cannot be written.
    """
    pictures = side_by_side_frames(case, store, theme)
    return encoding.write(pictures, _times(pictures, EACH_FRAME), path_without_suffix, formats)


@matplotlib.rc_context(FONT)
def side_by_side_frames(case, store, theme):
    """Returns the pictures of the twins, one a checkpoint; see `side_by_side`."""
    shown = frames.panels(case, store)
    drawn = SideBySide(case, shown, frames.showcase_seed(case, store), theme)
    return [drawn.picture(step) for step in frames.clock(shown)]


def race(case, store, theme, path_without_suffix, formats=("gif", "mp4")):
    """Writes the races of a case: optimizers on slices of its loss, all at the same step.

    Args, Returns and Raises as of `side_by_side`; a case without races has nothing to write.
    """
    if not find_evidence(case).races:
        return []
    pictures = trajectory_frames(case, store, theme)
    return encoding.write(pictures, _times(pictures, EACH_STEP), path_without_suffix, formats)


@matplotlib.rc_context(FONT)
def trajectory_frames(case, store, theme):
    """Returns the pictures of the races, one a kept update; see `race`."""
    surfaces = trajectory_table.read(case, store)
    drawn = TrajectoryMaps(case, surfaces, theme)
    steps = sorted({int(step) for surface in surfaces.values() for step in surface.steps})
    return [drawn.picture(step) for step in steps]


def _times(pictures, each):
    return [FIRST, *[each] * (len(pictures) - 2), LAST][: len(pictures)]
