"""Formats tables and pictures with captions as Markdown."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class Caption:
    """The texts of a picture, written from the table that it draws.

    Args:
        title: The finding, in one line.
        text: What is drawn, over which seeds.
        alt: The content for readers who cannot see it, with the numbers.
    """

    title: str
    text: str
    alt: str


def picture(caption: Caption, name: str, *, entitled: bool = True) -> str:
    """Returns a picture as Markdown, with its alt text and its caption.

    Args:
        caption: Its `Caption`.
        name: Path of the picture relative to the text.
        entitled: Whether the picture shows its title; otherwise the caption begins with it.
    """
    title = f"{caption.title.rstrip('.')}."
    text = caption.text if entitled else f"{title} {caption.text}"
    return f"![{title} {caption.alt}]({name})\n\n{text}\n"


def markdown(table: pd.DataFrame) -> str:
    """Returns a table of text as Markdown.

    Args:
        table: A `pandas.DataFrame`; its index is not shown.
    """
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in table.to_numpy()]
    lines = [list(table.columns), ["---"] * len(table.columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
