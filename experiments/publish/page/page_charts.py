"""Declares the page's charts with Altair and compiles them to Vega, without any data.

The page fills in the data sets that are named here. Colours are variables of the page's
style sheet, so that a chart follows its theme and its verdict without being redrawn.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from experiments.cases.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

VEGA_LITE = "6.4"
INSTALL = 'pip install -e ".[page]"'
FONT = "system-ui, sans-serif"
COLOURS = {name: f"var(--{name})" for name in ("ink", "muted", "faint", "shown")}
BANDS = (("q05", "q95", 0.16), ("q25", "q75", 0.30))
TALL, LOW = 300, 210
THICK, MIDDLE, THIN = 2.4, 1.9, 1.5
TARGET, THRESHOLD, CONSTANT, NOW = [6, 4], [6, 4], [2, 3], [1, 0]
# Far from 1, scientific notation is shorter.
POWERS = (
    "datum.value >= 0.001 && datum.value <= 1000 ? format(datum.value, '~g') "
    ": format(datum.value, '.0e')"
)


@functools.cache
def library() -> str:
    """Returns the JavaScript bundle of Vega for use inside a page, as `vegaEmbed`.

    Raises:
        SuiteError: The package that carries it is not installed.
    """
    return _packages()[1].javascript_bundle("window.vegaEmbed = vegaEmbed;")


def charts(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the three charts of a case as Vega specifications.

    Args:
        facts: The dict of `page_data.case_data`. Its labels, `constant`, `bar` and `frame` are
            used.

    Returns:
        `{"fit", "metric", "loss"}`. Each reads the data sets `band` (x, q05, ..., q95),
        `target` (x, y), `seed` (x, y) and `now` (x), all empty here.

    Raises:
        SuiteError: Altair or vl-convert is not installed.
    """
    frame = facts["frame"]
    lines = {facts["bar"][0]: THRESHOLD, facts["constant"][0]: CONSTANT}
    made = {
        "fit": _fit(facts["x_label"], frame["fit"]),
        "metric": _along(frame["steps"], frame["metric"], lines),
        "loss": _along(frame["steps"], frame["loss"], {}),
    }
    return {name: _compiled(chart) for name, chart in made.items()}


def _packages():
    """Returns the modules Altair and vl-convert; the error says how to install them."""
    try:
        import altair
        import vl_convert
    except ImportError as error:
        raise SuiteError(
            f"The page is drawn by Altair and vl-convert; install them with: {INSTALL}. "
            f"Received: {error}"
        ) from None
    return altair, vl_convert


def _fit(x_label, frame):
    """The fitted curve: target, band over seeds, and one seed."""
    altair, _ = _packages()
    scale = altair.Scale(domain=[0, 1], nice=False)
    x = altair.X("x:Q", title=x_label, scale=scale, axis=altair.Axis(tickCount=5, format="~g"))
    target = _line("target", "ink", THIN, TARGET).encode(x, _y("y", frame))
    seed = _line("seed", "ink", MIDDLE).encode(x, _y("y", frame))
    layers = [*_band(x, frame), target, seed]
    return altair.layer(*layers).properties(width="container", height=TALL)


def _along(steps, frame, lines):
    """Returns the chart of a metric in training: reference lines, band, one seed, checkpoint."""
    altair, _ = _packages()
    # Step 0 must be visible on a logarithmic scale.
    scale = altair.Scale(type="symlog", constant=1, domain=[0, steps], nice=False)
    axis = altair.Axis(values=_ticks(steps), labelExpr="format(datum.value, '~s')")
    x = altair.X("x:Q", title="updates made", scale=scale, axis=axis)
    rules = [_rule(value, dash, frame) for value, dash in lines.items()]
    now = altair.Chart(altair.NamedData("now")).mark_rule(strokeWidth=THIN, strokeDash=NOW)
    seed = _line("seed", "ink", MIDDLE, points=True).encode(x, _y("y", frame))
    now = now.encode(x, color=altair.value(COLOURS["muted"]))
    layers = [*rules, now, *_band(x, frame, points=True), seed]
    return altair.layer(*layers).properties(width="container", height=LOW)


def _ticks(steps):
    """Ticks at 0 and at powers of ten up to the last step; of many, every other."""
    powers = [10**power for power in range(len(str(steps)))]
    return [0, *(powers if len(powers) < 5 else powers[::2])]


def _band(x, frame, points=False):
    """Areas between quantiles, and the median over them."""
    altair, _ = _packages()
    layers = []
    for low, high, opacity in BANDS:
        area = altair.Chart(altair.NamedData("band")).mark_area(opacity=opacity, clip=True)
        color = altair.value(COLOURS["shown"])
        layers.append(area.encode(x, _y(low, frame), y2=high, color=color))
    median = _line("band", "shown", THICK, points=points)
    return [*layers, median.encode(x, _y("q50", frame))]


def _rule(value, dash, frame):
    """Returns a horizontal reference line."""
    altair, _ = _packages()
    data = altair.InlineData([{"y": value}])
    rule = altair.Chart(data).mark_rule(strokeDash=dash, strokeWidth=THIN)
    return rule.encode(_y("y", frame), color=altair.value(COLOURS["ink"]))


def _line(data, colour, width, dash=(1, 0), *, points=False):
    altair, _ = _packages()
    colour = COLOURS[colour]
    dots = altair.OverlayMarkDef(size=22, filled=True, color=colour) if points else False
    mark = {"strokeWidth": width, "strokeDash": list(dash), "color": colour, "point": dots}
    return altair.Chart(altair.NamedData(data)).mark_line(clip=True, **mark)


def _y(field, frame):
    """Returns the vertical axis; its title is in the page, above the chart, to save width."""
    altair, _ = _packages()
    kind = "log" if frame["log"] else "linear"
    scale = altair.Scale(type=kind, domain=frame["domain"], nice=False, zero=False)
    labels = {"labelExpr": POWERS} if frame["log"] else {}
    return altair.Y(f"{field}:Q", title=None, scale=scale, axis=altair.Axis(tickCount=5, **labels))


def _compiled(chart):
    """Returns a chart as Vega, in the page's colours and fonts."""
    _, vl_convert = _packages()
    specification = chart.to_dict()
    specification["config"] = _config()
    return vl_convert.vegalite_to_vega(specification, vl_version=VEGA_LITE)


def _config():
    text = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": 12, "titleFontSize": 12}
    axis = {"labelColor": COLOURS["muted"], "titleColor": COLOURS["ink"], "titleFontWeight": 400}
    lines = {"gridColor": COLOURS["faint"], "domainColor": COLOURS["muted"], "tickSize": 4}
    # The page describes the charts in its text; labels for every mark would bury it.
    return {
        "aria": False,
        "mark": {"aria": False},
        "background": "transparent",
        "view": {"stroke": None},
        "axis": axis | text | lines | {"tickColor": COLOURS["muted"], "titlePadding": 8},
        "axisX": {"grid": False},
        "autosize": {"type": "fit-x", "contains": "padding"},
    }
