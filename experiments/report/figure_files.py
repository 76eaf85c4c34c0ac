"""Writes figures to files, each with its caption beside it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from experiments.report import figures, markdown
from experiments.report.markdown import Caption
from experiments.runs.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from experiments.report.style import Theme


@dataclasses.dataclass(frozen=True)
class FigureSpec:
    """A figure that can be drawn in any theme.

    Args:
        name: The name of its files, without theme and format.
        caption: Its `Caption`.
        draw: Function `(theme) -> Matplotlib figure`, without a title.
        kept: The formats that are stored with the results; figures with much text or many
            panels are large as SVG.
    """

    name: str
    caption: Caption
    draw: Callable[[Theme], Figure]
    kept: tuple[str, ...] = ("svg", "png")


def file_stem(name: str, theme: Theme) -> str:
    """Returns a file's name in a theme, without suffix; the light column theme adds nothing."""
    suffix = "" if theme.name == "light" else f"-{theme.name}"
    width = "" if theme.width == "column" else f"-{theme.width}"
    return f"{name}{suffix}{width}"


def write(
    spec: FigureSpec, folder: pathlib.Path, theme: Theme, formats: Sequence[str]
) -> list[pathlib.Path]:
    """Draws a figure, and writes its alt text, title and caption to a file beside it.

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


def write_caption(
    path_without_suffix: str | pathlib.Path,
    caption: Caption,
    picture: str,
    *,
    entitled: bool = True,
) -> pathlib.Path:
    """Writes the caption file of a picture; returns its path.

    Args:
        path_without_suffix: Path of the file, without suffix.
        caption: The `Caption` of the picture.
        picture: Name of the picture, as seen from the text.
        entitled: Whether the picture shows its title.
    """
    path = pathlib.Path(f"{path_without_suffix}.md")
    write_whole(path, markdown.picture(caption, picture, entitled=entitled))
    return path
