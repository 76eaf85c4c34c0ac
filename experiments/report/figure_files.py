"""Plates: a figure with its words, and the files that it becomes.

Writes what it is given; knows no table.
"""

import dataclasses
import pathlib
from collections.abc import Callable

from experiments.report import figures, markdown
from experiments.report.markdown import Caption
from experiments.runs.store import write_whole


@dataclasses.dataclass(frozen=True)
class FigureSpec:
    """A figure that can be drawn in any look.

    Args:
        name: The name of its files, less look and format.
        caption: Its `Caption`.
        draw: Function `(look) -> Matplotlib figure`, without a title.
        kept: The formats that are kept with the results: much text, or many panels, are
            heavy as SVG.
    """

    name: str
    caption: Caption
    draw: Callable
    kept: tuple = ("svg", "png")


def file_stem(name, theme):
    """Returns a file's name in a look, less its ending: the light column adds nothing."""
    suffix = "" if theme.name == "light" else f"-{theme.name}"
    width = "" if theme.width == "column" else f"-{theme.width}"
    return f"{name}{suffix}{width}"


def write(spec, folder, theme, formats):
    """Draws a plate, and writes beside it a text to paste: alt text, title and caption.

    Args:
        spec: The `FigureSpec`.
        folder: Path of the folder.
        theme: The `Theme`.
        formats: Sequence of some of `figures.FORMATS`.

    Returns:
        The paths written, pictures first.
    """
    name = file_stem(spec.name, theme)
    figure = spec.draw(theme)
    figures.entitle(figure, spec.caption.title, theme=theme)
    paths = figures.save(figure, folder / name, formats)
    return [*paths, write_caption(folder / name, spec.caption, paths[0].name)]


def write_caption(path_without_suffix, caption, picture, *, entitled=True):
    """Writes the text to paste that lies beside a picture; returns its path.

    Args:
        path_without_suffix: Path of the text, less its suffix.
        caption: The `Caption` of the picture.
        picture: Name of the picture, as seen from the text.
        entitled: Whether the picture shows its title.
    """
    path = pathlib.Path(f"{path_without_suffix}.md")
    write_whole(path, markdown.picture(caption, picture, entitled=entitled))
    return path
