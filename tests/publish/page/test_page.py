"""The page as one file: what it holds, what it asks for, and that it can be made again."""

import functools
import html.parser
import json
import os
import pathlib
import re

import pytest

import reproductions
from experiments.cases.errors import SuiteError
from experiments.cli import commands
from experiments.report import style as report_style
from tests import toy
from tests.publish.page.test_page_data import stored

if not os.environ.get("CI"):
    pytest.importorskip("altair", reason="needs: pip install -e '.[page]'")
    pytest.importorskip("vl_convert", reason="needs: pip install -e '.[page]'")

from experiments.publish.page import page

ROOT = pathlib.Path(__file__).parents[3]
CASES = reproductions.names()
MOST_BYTES = 6_000_000


def folders(*names):
    return {case: commands.analysis_of(case) for case in map(reproductions.load, names)}


@functools.cache
def whole():
    """The page of all committed cases."""
    return page.html(folders(*CASES))


class Elements(html.parser.HTMLParser):
    """Collects elements with their attributes, and the text of data elements."""

    def __init__(self, text):
        super().__init__()
        self.found, self.data, self._open = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.found.append((tag, attributes))
        self._open = attributes.get("id") if attributes.get("type") == "application/json" else None

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, text):
        if self._open:
            self.data[self._open] = self.data.get(self._open, "") + text


@functools.cache
def elements():
    return Elements(whole())


def test_the_page_is_small_enough_to_be_sent():
    assert len(whole().encode()) < MOST_BYTES


def test_no_element_loads_anything():
    for tag, attributes in elements().found:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert attributes.get(name, "data:").startswith(("data:", "#")), (tag, attributes)
    assert "iframe" not in {tag for tag, _ in elements().found}


def test_the_style_sheet_loads_nothing():
    style = re.search(r"<style>(.*?)</style>", whole(), re.DOTALL)[1]
    assert "url(" not in style and "@import" not in style and "@font-face" not in style


def test_the_page_forbids_itself_to_load_or_to_run_text():
    rules = [a["content"] for _, a in elements().found if "http-equiv" in a]
    assert len(rules) == 1
    assert rules[0].startswith("default-src 'none'")
    assert "unsafe-eval" not in rules[0] and "http" not in rules[0]


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_there_with_its_fixes_and_charts(name):
    facts = json.loads(elements().data[f"data-{name}"])
    assert [fix["name"] for fix in facts["fixes"]] == list(reproductions.load(name).fixes)
    assert set(facts["charts"]) == {"fit", "metric", "loss"}


def test_the_cases_stand_in_the_order_they_were_given():
    shown = json.loads(elements().data["data-page"])["cases"]
    assert [item["name"] for item in shown] == CASES


def test_the_same_tables_give_the_same_bytes():
    assert page.html(folders("sum_softmax")) == page.html(folders("sum_softmax"))


def test_the_page_names_no_place_on_this_machine():
    assert str(ROOT) not in whole()
    assert str(pathlib.Path.home()) + "/" not in whole()


def test_words_of_a_case_cannot_close_their_element(tmp_path):
    case = toy.make(shows="</script><b>A line.</b> <!-- $style", symptom="a & b")
    text = page.html({case: stored(tmp_path / "toy", case)})
    facts = json.loads(Elements(text).data["data-toy"])
    assert (facts["shows"], facts["symptom"]) == (case.shows, case.symptom)
    assert "<b>A line." not in text


def test_no_number_of_the_page_is_one_that_browsers_cannot_read():
    for text in elements().data.values():
        json.loads(text, parse_constant=lambda name: pytest.fail(name))


@pytest.mark.parametrize("theme", report_style.THEMES)
def test_the_colours_are_those_of_every_picture(theme):
    shown = report_style.make_theme(theme)
    style = page.colours()
    for name, value in (("broken", shown.broken), ("fix-0", shown.fixes[0]), ("ink", shown.ink)):
        assert f"--{name}: {value};" in style
    assert f"--depends-on-the-seed: {shown.verdicts['depends on the seed']};" in style


def test_the_system_chooses_the_theme_unless_the_link_does():
    light, dark, forced = page.colours().strip().split("\n")
    assert light.startswith(":root {") and report_style.LIGHT.background in light
    assert dark.startswith("@media (prefers-color-scheme: dark) { :root:not([data-theme=light])")
    assert forced.startswith(":root[data-theme=dark]") and report_style.DARK.background in forced


def test_the_page_is_written_whole_where_it_is_asked_for(tmp_path):
    found = {toy.CASE: stored(tmp_path / "toy")}
    path = page.write(found, tmp_path / "new" / "page.html")
    assert path.read_text(encoding="utf-8") == page.html(found)
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "page.html").mkdir()
    with pytest.raises(SuiteError, match="Cannot write .*page.html"):
        page.write({toy.CASE: stored(tmp_path / "toy")}, tmp_path / "page.html")


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SuiteError, match="Cannot write .*page.html"):
        page.write({toy.CASE: stored(tmp_path / "toy")}, tmp_path / "file" / "page.html")
