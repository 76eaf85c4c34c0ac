"""Writes a case's programs as a notebook with explanations.

Nothing is run. nbformat, of the extra `notebook`, is imported when it is needed.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from experiments.cases.errors import SuiteError
from experiments.publish.export import script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.cases.case import Case
    from experiments.runs.store import Store

ARMS = ("broken", "fixed")
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
TITLES = {
    "functions": "",
    "data": "The data.",
    "model": "The network.",
    "training": "The training.",
    "exam": "What it has learned.",
}


def notebook(
    case: Case,
    arms: str | Sequence[str] = ARMS,
    *,
    seed: int = 0,
    steps: int | None = None,
    store: Store | None = None,
) -> str:
    """Returns a notebook of one case: its description, then each program in cells.

    Args:
        case: The `Case`.
        arms: Names of arms, in order, or one name.
        seed: Whole number of at least 0, written into the programs.
        steps: If given, longer programs are cut to about this many updates.
        store: The `Store` of committed rows, for the share of seeds that succeed.

    Returns:
        The text of an `.ipynb` file without outputs, the same for the same arguments.

    Raises:
        SuiteError: nbformat is not installed, there is no such arm, or it cannot be written
            as a plain program.
    """
    nbformat = load_nbformat()
    arms = [arms] if isinstance(arms, str) else arms
    programs = [script.program(case, arm, seed=seed, steps=steps, store=store) for arm in arms]
    cells = [("markdown", story(case)), *(cell for one in programs for cell in _cells(one))]
    version = nbformat.v4
    makers = {"markdown": version.new_markdown_cell, "code": version.new_code_cell}
    # Ids are random unless given; the same arguments must give the same file.
    made = [makers[kind](text, id=f"cell-{n}") for n, (kind, text) in enumerate(cells)]
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return nbformat.writes(version.new_notebook(cells=made, metadata=metadata)) + "\n"


def story(case: Case) -> str:
    """Returns the description of a case as Markdown.

    Args:
        case: The `Case`. The docstring of its module is included, if there is one.
    """
    docstring = getattr(sys.modules.get(case.data.__module__), "__doc__", None) or ""
    title, _, rest = docstring.strip().partition("\n\n")
    fixes = "\n".join(f"- **{name}**: {chosen.why}" for name, chosen in case.fixes.items())
    parts = [f"# {' '.join(title.split()) or case.shows}", rest, f"What you see: {case.symptom}."]
    parts += [f"Source: {case.source}.", f"What mends it:\n\n{fixes}"]
    return "\n\n".join(filter(None, parts))


def load_nbformat() -> Any:
    """Imports and returns nbformat.

    Raises:
        SuiteError: It is not installed.
    """
    try:
        return importlib.import_module("nbformat")
    except ImportError:
        raise SuiteError(
            "A notebook needs the package nbformat; install it with: "
            'pip install -e ".[notebook]". Received: no nbformat'
        ) from None


def _cells(program):
    """Yields a program's heading, its description and its code, one cell per part."""
    _, _, *paragraphs = program.story
    yield "markdown", "\n\n".join([f"## {program.arm}", *(_listed(text) for text in paragraphs)])
    for title, code in program.parts.items():
        if TITLES[title]:
            yield "markdown", TITLES[title]
        yield "code", code


def _listed(text):
    """Returns a paragraph with an empty line before its list, which Markdown requires."""
    return text.replace("\n- ", "\n\n- ", 1)
