"""The commands that publish what is stored: figures.

Room 16: nothing is trained here; everything heavy is imported when a command runs.
"""

from experiments import looks
from experiments.case import SuiteError, nearest
from experiments.commands import ROOT


def words_of(text, known, option):
    """Returns the words of an option that is a list.

    Args:
        text: Words joined by commas.
        known: The words that there are.
        option: Name of the option.

    Raises:
        SuiteError: A word is none of them.
    """
    found = list(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in found:
        if word not in known:
            raise SuiteError(
                f"{option} takes some of {', '.join(known)}, joined by commas. Received: "
                f"{word!r}.{nearest(word, known)}"
            )
    return found


def draw_figures(cases, folder, *, formats, themes, widths):
    """Draws every figure of stored results, in every look and format.

    Args:
        cases: List of `Case`; with all that are stored, the figure over them too.
        folder: Path of the folder to write, a folder a case.
        formats, themes, widths: Words joined by commas.
    """
    from experiments import figures, gallery, plates, study_figures, study_pages

    chosen = [
        looks.look(theme, width)
        for theme in words_of(themes, looks.THEMES, "--theme")
        for width in words_of(widths, looks.WIDTHS, "--width")
    ]
    formats = words_of(formats, figures.FORMATS, "--format")
    stored = {case: gallery.read(case, ROOT / "results" / case.name) for case in cases}
    for case, tables in stored.items():
        shown = gallery.collect(tables)
        for view in study_pages.stored_views(case, ROOT / "results" / case.name / "studies"):
            shown += study_figures.study_plates(view)
        _write(shown, folder / case.name, chosen, formats, plates)
    if len(stored) > 1:
        _write([gallery.summary(stored)], folder, chosen, formats, plates)


def _write(shown, folder, chosen, formats, plates):
    for plate in shown:
        for look in chosen:
            for path in plates.write(plate, folder, look, formats):
                print(f"wrote {path}")
