"""Implements the commands that publish stored results: figures, animations, page, scripts.

Nothing is trained here. Heavy modules are imported when a command runs.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

from experiments.cases.errors import SuiteError, nearest
from experiments.cli.commands import analysis_of, committed, results, results_store
from experiments.cli.console import quiet_softmax
from experiments.report import style
from experiments.runs import files

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from experiments.cases.case import Case

# Marks a page of this suite; no other file is overwritten.
PAGE_MARK = 'id="data-page"'


def option_values(text: str, known: Collection[str], option: str) -> list[str]:
    """Returns the values of an option that is a comma-separated list.

    Args:
        text: Values joined by commas.
        known: The permitted values.
        option: Name of the option.

    Raises:
        SuiteError: A value is not permitted.
    """
    found = list(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in found:
        if word not in known:
            raise SuiteError(
                f"{option} takes some of {', '.join(known)}, joined by commas. Received: "
                f"{word!r}.{nearest(word, known)}"
            )
    return found


def _themes(themes, widths):
    return [
        style.make_theme(theme, width)
        for theme in option_values(themes, style.THEMES, "--theme")
        for width in option_values(widths, style.WIDTHS, "--width")
    ]


def draw_figures(
    cases: Sequence[Case], folder: pathlib.Path, *, formats: str, themes: str, widths: str
) -> None:
    """Draws every figure of stored results, in every theme, width and format.

    Args:
        cases: List of `Case`. If there are several, the figure over all of them is drawn too.
        folder: Path of the folder to write, with one subfolder per case.
        formats: File formats joined by commas.
        themes: Themes joined by commas.
        widths: Widths joined by commas.
    """
    from experiments.report import case_figures, figures, grid_figures, grid_report

    chosen = _themes(themes, widths)
    suffixes = option_values(formats, figures.FORMATS, "--format")
    stored = {case: analysis_of(case) for case in cases}
    for analysis in stored.values():
        analysis.need(*case_figures.NEEDED)
    for case, analysis in stored.items():
        shown = case_figures.collect(analysis)
        for view in grid_report.stored_views(case, results() / case.name / "studies"):
            shown += grid_figures.grid_specs(view)
        _write(shown, folder / case.name, chosen, suffixes)
    if len(stored) > 1:
        _write([case_figures.summary(stored)], folder, chosen, suffixes)


def _write(shown, folder, chosen, formats):
    from experiments.report import figure_files

    for spec in shown:
        for theme in chosen:
            with files.writing(folder):
                written = figure_files.write(spec, folder, theme, formats)
            for path in written:
                print(f"wrote {path}")


def animate(
    cases: Sequence[Case], folder: pathlib.Path, *, formats: str, themes: str, widths: str
) -> None:
    """Renders the animations of stored results: one seed under every arm, and optimizer races.

    Args:
        cases: List of `Case`.
        folder: Path of the folder to write, with one subfolder per case.
        formats: File formats joined by commas.
        themes: Themes joined by commas.
        widths: Widths joined by commas.
    """
    from experiments.publish.animation import animations, encoding

    suffixes = option_values(formats, encoding.FORMATS, "--format")
    for theme in _themes(themes, widths):
        for case in cases:
            store = results_store(case)
            with files.writing(folder):
                written = animations.write(case, store, theme, folder / case.name, suffixes)
            for path in written:
                print(f"wrote {path}")


def write_page(cases: Sequence[Case], path: pathlib.Path) -> None:
    """Writes the page of stored results: one HTML file.

    Args:
        cases: List of `Case`, in the order of the page.
        path: Path of the file.
    """
    from experiments.publish.page import page

    there = files.read_bytes(path)
    if there is not None and PAGE_MARK.encode() not in there:
        raise SuiteError(f"{path} is there already and is no such page; name another with --out")
    print(f"wrote {page.write({case: analysis_of(case) for case in cases}, path)}")


def export(
    case: Case, arms: list[str], form: str, *, seed: int, steps: int | None, out: str | pathlib.Path
) -> None:
    """Prints a case as a plain Keras and NumPy program, or writes it to a file.

    Args:
        case: The `Case`.
        arms: List of arm names: one for a script, two for a diff, any number for a notebook.
        form: One of `"py"`, `"diff"` and `"ipynb"`.
        seed: Whole number that is written into the program.
        steps: Maximum number of updates, or `None`.
        out: Path of a file that does not exist yet; standard output if empty.
    """
    from experiments.publish.export import notebook as notebooks
    from experiments.publish.export import script as scripts
    from experiments.runs.files import write_whole

    options: dict[str, Any] = {"seed": seed, "steps": steps, "store": committed(case)}
    path = pathlib.Path(out)
    if out and path.exists():
        raise SuiteError(f"{path} is there already; name another file with --out")
    with quiet_softmax():
        if form == "ipynb":
            text = notebooks.notebook(case, arms, **options)
        else:
            text = {"py": scripts.script, "diff": scripts.difference}[form](case, *arms, **options)
    if not out:
        print(text, end="")
        return
    write_whole(path, text)
    print(f"wrote {path}")
