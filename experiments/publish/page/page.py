"""Writes the page: one HTML file that holds every case, its charts and all their data.

It fills the template below `web`. The file makes no network request.
"""

from __future__ import annotations

import json
import pathlib
import string
from typing import TYPE_CHECKING

from experiments.cases.errors import SuiteError
from experiments.publish.page import page_charts, page_data
from experiments.report import style
from experiments.runs.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case

WEB = pathlib.Path(__file__).parent / "web"
SCRIPTS = ("state", "words", "charts", "elements", "case", "evidence", "page")
PLAIN = ("background", "ink", "muted", "faint", "broken", "fixed")


def write(folders: Mapping[Case, Analysis], path: str | pathlib.Path) -> pathlib.Path:
    """Writes the page of some cases.

    Args:
        folders: `{case: Analysis}` of their stored tables, in the order of the page.
        path: Path of the file; its folder is made.

    Returns:
        The path.

    Raises:
        SuiteError: A table or a package is missing, or the file cannot be written.
    """
    path = pathlib.Path(path)
    text = html(folders)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SuiteError(
            f"Cannot write {path}; name another file with --out. Received: {error.strerror}"
        ) from None
    write_whole(path, text)
    return path


def html(folders: Mapping[Case, Analysis]) -> str:
    """Returns the page as text; the same tables give the same bytes.

    Args:
        folders: `{case: Analysis}` of their stored tables, in the order of the page.

    Raises:
        SuiteError: A table or a package is missing.
    """
    vega = page_charts.library().replace("</script", "<\\/script")
    data = page_data.page(folders)
    template = string.Template((WEB / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        style=colours() + (WEB / "page.css").read_text(encoding="utf-8"),
        data="\n".join(_elements(data)),
        vega=vega,
        script="\n".join((WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS),
    )


def _elements(data):
    """Yields the page's data: one element for each case, parsed when it is first shown."""
    for case in data["cases"]:
        yield _element(f"data-{case['name']}", case | {"charts": page_charts.charts(case)})
    names = [{name: case[name] for name in ("name", "shows")} for case in data["cases"]]
    num_colours = len(style.LIGHT.fixes)
    yield _element("data-page", data | {"cases": names, "num_colours": num_colours})


def _element(name, value):
    # No text may close the element that holds it.
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def colours() -> str:
    """Returns the themes as variables of a style sheet."""
    light, dark = (_variables(style.make_theme(theme)) for theme in style.THEMES)
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        "@media (prefers-color-scheme: dark) { "
        f":root:not([data-theme=light]) {{ color-scheme: dark; {dark} }} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
    )


def _variables(theme):
    values = {name: getattr(theme, name) for name in PLAIN}
    values |= {f"fix-{place}": colour for place, colour in enumerate(theme.fixes)}
    values |= {verdict.replace(" ", "-"): colour for verdict, colour in theme.verdicts.items()}
    return " ".join(f"--{name}: {value};" for name, value in values.items())
