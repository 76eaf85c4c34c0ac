"""The page's charts, judged by where Vega puts the marks of given numbers."""

import functools
import json
import os
import re
import sys

import pytest

from experiments.cases.errors import SuiteError

if not os.environ.get("CI"):
    pytest.importorskip("altair", reason="needs: pip install -e '.[page]'")
    pytest.importorskip("vl_convert", reason="needs: pip install -e '.[page]'")

from experiments.publish.page import page_charts

FACTS = {
    "x_label": "place",
    "bar": [0.1, "solved"],
    "constant": [10, "best constant"],
    "frame": {
        "steps": 10_000,
        "fit": {"domain": [0, 10], "log": False},
        "metric": {"domain": [0.001, 1000], "log": True},
        "loss": {"domain": [0, 2], "log": False},
    },
}
BAND = {"q05": 1, "q25": 2, "q50": 5, "q75": 7, "q95": 9}


@functools.cache
def charts():
    return page_charts.charts(FACTS)


def marks(kind, **data):
    """Every mark that Vega draws, as `(type, item)`, once the data sets are filled in."""
    import vl_convert

    chart = json.loads(json.dumps(charts()[kind]))
    for table in chart["data"]:
        if table["name"] in data:
            table["values"] = data[table["name"]]
    return list(walk(vl_convert.vega_to_scenegraph(chart)["scenegraph"]))


def walk(node):
    for item in node.get("items", ()):
        if "marktype" in item:
            yield from walk(item)
        else:
            yield node.get("marktype"), item
            yield from walk(item)


def heights(kind, mark, **data):
    found = marks(kind, **data)
    places = [item["y"] for name, item in found if name == mark and item.get("y") is not None]
    return [round(place, 6) for place in places]


# Where marks stand.


def test_the_median_is_drawn_at_its_value():
    band = [BAND | {"x": x} for x in (0.25, 0.75)]
    assert heights("fit", "line", band=band) == [150, 150]


def test_both_bands_are_drawn_between_their_quantiles():
    found = marks("fit", band=[BAND | {"x": x} for x in (0.25, 0.75)])
    areas = {(round(i["y"]), round(i["y2"])) for name, i in found if name == "area"}
    # The lower quantile stands at the foot: 300 pixels are 10.
    assert areas == {(300 - 30 * low, 300 - 30 * high) for low, high in ((1, 9), (2, 7))}


@pytest.mark.parametrize("name, value", [("target", 2), ("seed", 8)])
def test_target_and_seed_are_drawn_at_their_values(name, value):
    rows = [{"x": 0.25, "y": value}, {"x": 0.75, "y": value}]
    assert heights("fit", "line", **{name: rows}) == [300 - 30 * value] * 2


def test_a_quantile_that_is_not_finite_is_not_drawn():
    band = [BAND | {"x": 0.25}, BAND | {"x": 0.75, "q50": "inf", "q95": "inf"}]
    lines = [item for name, item in marks("fit", band=band) if name == "line"]
    assert [item.get("defined", True) for item in lines] == [True, False]


def test_yardsticks_cross_the_learning_curve_at_their_heights():
    # Six powers of ten over 210 pixels: 0.1 is two above the foot, 10 four.
    dashed = [i["y"] for name, i in marks("metric") if name == "rule" and "strokeDash" in i]
    assert [round(y, 6) for y in dashed] == [210 - 2 * 35, 210 - 4 * 35]


def test_steps_are_on_a_scale_that_shows_step_nought_and_the_last_one():
    rows = [{"x": 0, "y": 1}, {"x": 99, "y": 1}, {"x": 10_000, "y": 1}]
    places = [item["x"] for name, item in marks("loss", seed=rows) if name == "line"]
    assert places[0] == 0
    assert places[1] == pytest.approx(places[2] / 2, rel=1e-3)


def test_the_checkpoint_shown_is_a_rule_from_top_to_foot():
    found = [i for name, i in marks("loss", now=[{"x": 10_000}]) if name == "rule"]
    ends = [(item["y"], item["y2"]) for item in found if item.get("strokeDash") == [1, 0]]
    assert [sorted(pair) for pair in ends] == [[0, 210]]


def test_nothing_leaves_the_frame():
    for kind in charts():
        clipped = [m for m in charts()[kind]["marks"] if m["type"] in ("line", "area")]
        assert clipped
        assert all(mark["clip"] for mark in clipped)


def test_charts_carry_no_numbers_but_yardsticks():
    held = [table.get("values") for chart in charts().values() for table in chart["data"]]
    assert [values for values in held if values] == [[{"y": 0.1}], [{"y": 10}]]


@pytest.mark.parametrize(
    "steps, ticks",
    [(70, [0, 1, 10]), (2100, [0, 1, 10, 100, 1000]), (100_000, [0, 1, 100, 10_000])],
)
def test_ticks_are_nought_and_powers_of_ten(steps, ticks):
    assert page_charts._ticks(steps) == ticks


# How they look.


def test_every_colour_is_a_variable_of_the_page():
    text = json.dumps(charts())
    assert set(re.findall(r"var\(--(\w+)\)", text)) == {"ink", "muted", "faint", "shown"}
    assert not re.findall(r'"#[0-9a-fA-F]{3,8}"', text)


def test_charts_take_the_width_they_are_given():
    for chart in charts().values():
        width = next(signal for signal in chart["signals"] if signal["name"] == "width")
        assert "containerSize()[0]" in width["init"]


def test_the_library_gives_the_page_one_name():
    text = page_charts.library()
    assert "window.vegaEmbed=" in text[-200:]
    assert "vegaLite=" not in text[-200:]
    assert len(text) < 1_500_000


@pytest.mark.parametrize("missing", ["altair", "vl_convert"])
def test_a_missing_package_names_the_command_that_installs_it(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SuiteError, match=r'pip install -e "\.\[page\]"'):
        page_charts.charts(FACTS)
