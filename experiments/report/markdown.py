"""Markdown: tables of text, and pictures with their words, as text.

Room 1: pandas tables and words in, strings out.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Words:
    """What is said of a picture, from the table that it draws.

    Args:
        title: The finding, in one line.
        caption: What is drawn, over which seeds.
        alt: What a reader who cannot see it must know, with the numbers.
    """

    title: str
    caption: str
    alt: str


def picture(words, name, *, entitled=True):
    """Returns a picture as Markdown, with its alt text and its caption.

    Args:
        words: Its `Words`.
        name: Name of the picture, as seen from where the text will stand.
        entitled: Whether the picture shows its title; else the caption begins with it.
    """
    title = f"{words.title.rstrip('.')}."
    caption = words.caption if entitled else f"{title} {words.caption}"
    return f"![{title} {words.alt}]({name})\n\n{caption}\n"


def markdown(table):
    """Returns a table of text as Markdown.

    Args:
        table: A `pandas.DataFrame`; its index is not shown.
    """
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in table.to_numpy()]
    lines = [list(table.columns), ["---"] * len(table.columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
