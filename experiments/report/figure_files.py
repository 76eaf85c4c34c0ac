"""Plates: a figure with its words, and the files that it becomes.

Room 7: writes what it is given; knows no table.
"""

import dataclasses
import pathlib
from collections.abc import Callable

from experiments.report import figures, markdown
from experiments.report.markdown import Words
from experiments.runs.store import write_whole


@dataclasses.dataclass(frozen=True)
class Plate:
    """A figure that can be drawn in any look.

    Args:
        name: The name of its files, less look and format.
        words: Its `Words`.
        draw: Function `(look) -> Matplotlib figure`, without a title.
        kept: The formats that are kept with the results: much text, or many panels, are
            heavy as SVG.
    """

    name: str
    words: Words
    draw: Callable
    kept: tuple = ("svg", "png")


def file_stem(name, look):
    """Returns a file's name in a look, less its ending: the light column adds nothing."""
    theme = "" if look.theme == "light" else f"-{look.theme}"
    width = "" if look.width == "column" else f"-{look.width}"
    return f"{name}{theme}{width}"


def write(plate, folder, look, formats):
    """Draws a plate, and writes beside it a text to paste: alt text, title and caption.

    Args:
        plate: The `Plate`.
        folder: Path of the folder.
        look: The `Look`.
        formats: Sequence of some of `figures.FORMATS`.

    Returns:
        The paths written, pictures first.
    """
    name = file_stem(plate.name, look)
    figure = plate.draw(look)
    figures.entitle(figure, plate.words.title, look=look)
    paths = figures.save(figure, folder / name, formats)
    return [*paths, write_words(folder / name, plate.words, paths[0].name)]


def write_words(path_without_suffix, words, picture, *, entitled=True):
    """Writes the text to paste that lies beside a picture; returns its path.

    Args:
        path_without_suffix: Path of the text, less its suffix.
        words: The `Words` of the picture.
        picture: Name of the picture, as seen from the text.
        entitled: Whether the picture shows its title.
    """
    path = pathlib.Path(f"{path_without_suffix}.md")
    write_whole(path, markdown.picture(words, picture, entitled=entitled))
    return path
