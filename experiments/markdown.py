"""Markdown: tables of text as text.

Room 1: pandas tables in, strings out.
"""


def markdown(table):
    """Returns a table of text as Markdown.

    Args:
        table: A `pandas.DataFrame`; its index is not shown.
    """
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in table.to_numpy()]
    lines = [list(table.columns), ["---"] * len(table.columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
