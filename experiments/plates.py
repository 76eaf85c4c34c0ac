"""Plates: a figure with its words, and the files that it becomes.

Room 7: writes what it is given; knows no table.
"""

import dataclasses
from collections.abc import Callable

from experiments import figures
from experiments.store import write_whole


@dataclasses.dataclass(frozen=True)
class Words:
    """What is said of a figure, from the table that it draws.

    Args:
        title: The finding, in one line.
        caption: What is drawn, over which seeds.
        alt: What a reader who cannot see it must know, with the numbers.
    """

    title: str
    caption: str
    alt: str


@dataclasses.dataclass(frozen=True)
class Plate:
    """A figure that can be drawn in any look.

    Args:
        name: The name of its files, less look and format.
        words: Its `Words`.
        draw: Function `(look) -> Matplotlib figure`, without a title.
    """

    name: str
    words: Words
    draw: Callable


def stem(plate, look):
    """Returns the name of a plate's files in a look: the light column has none of its own."""
    theme = "" if look.theme == "light" else f"-{look.theme}"
    width = "" if look.width == "column" else f"-{look.width}"
    return f"{plate.name}{theme}{width}"


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
    folder.mkdir(parents=True, exist_ok=True)
    name = stem(plate, look)
    figure = plate.draw(look)
    figures.entitle(figure, plate.words.title, look=look)
    paths = figures.save(figure, folder / name, formats)
    text = folder / f"{name}.md"
    write_whole(text, markdown(plate, paths[0].name))
    return [*paths, text]


def markdown(plate, picture):
    """Returns a plate as Markdown: the picture with its alt text, its title and caption.

    Args:
        plate: The `Plate`.
        picture: Name of the picture, as seen from where the text will stand.
    """
    words = plate.words
    return f"![{words.alt}]({picture})\n\n**{words.title.rstrip('.')}.** {words.caption}\n"
