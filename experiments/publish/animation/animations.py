"""Animations: synchronised twins of a case, and its optimizers' race, as files.

Room 10: stored tables to pictures to files; trains nothing and never imports TensorFlow.
"""

import matplotlib

from experiments.cases.evidence import find_evidence
from experiments.publish.animation import encoding, frames, trajectory_table
from experiments.publish.animation.canvas import FONT
from experiments.publish.animation.panels import Twins
from experiments.publish.animation.trajectory_maps import Maps
from experiments.report.figure_files import file_stem, write_words

# How long a picture is shown, in milliseconds: the first, each other, and the last.
FIRST, LAST = 1200, 4000
EACH_TWIN, EACH_LOOK = 800, 200


def write(case, store, look, folder, formats):
    """Writes every animation of a case, and beside each the text to paste.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
        look: The `Look`.
        folder: Path of the folder to write.
        formats: Some of `films.FORMATS`.

    Returns:
        The paths written.
    """
    drawn, written = {"twins": twins, "race": race}, []
    for name, words in told(case, store).items():
        path = folder / file_stem(name, look)
        pictures = drawn[name](case, store, look, path, formats)
        written += [*pictures, write_words(path, words, pictures[0].name, entitled=False)]
    return written


def told(case, store):
    """Returns `{name: Words}` of the animations of a case."""
    found = {"twins": frames.words(case, store)}
    races = find_evidence(case).races
    return found | ({"race": trajectory_table.words(case, store)} if races else {})


def twins(case, store, look, path_without_suffix, formats=("gif", "mp4")):
    """Writes the synchronised twins of a case: one seed under every combination of the fixes.

    Args:
        case: The `Case`.
        store: The `Store` of its evidence.
        look: The `Look`.
        path_without_suffix: Path of the files, less their suffix.
        formats: Some of `films.FORMATS`; `"png"` is the last picture.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        SuiteError: A table it reads is not there or stale, or a format cannot be written.
    """
    pictures = twin_pictures(case, store, look)
    return encoding.write(pictures, _times(pictures, EACH_TWIN), path_without_suffix, formats)


@matplotlib.rc_context(FONT)
def twin_pictures(case, store, look):
    """Returns the pictures of the twins, one a checkpoint; see `twins`."""
    shown = frames.panels(case, store)
    drawn = Twins(case, shown, frames.showcase_seed(case, store), look)
    return [drawn.picture(step) for step in frames.clock(shown)]


def race(case, store, look, path_without_suffix, formats=("gif", "mp4")):
    """Writes the races of a case: optimizers on slices of its loss, all at the same step.

    Args, Returns and Raises as of `twins`; a case without races has nothing to write.
    """
    if not find_evidence(case).races:
        return []
    pictures = race_pictures(case, store, look)
    return encoding.write(pictures, _times(pictures, EACH_LOOK), path_without_suffix, formats)


@matplotlib.rc_context(FONT)
def race_pictures(case, store, look):
    """Returns the pictures of the races, one a kept update; see `race`."""
    grounds = trajectory_table.read(case, store)
    drawn = Maps(case, grounds, look)
    steps = sorted({int(step) for ground in grounds.values() for step in ground.steps})
    return [drawn.picture(step) for step in steps]


def _times(pictures, each):
    return [FIRST, *[each] * (len(pictures) - 2), LAST][: len(pictures)]
