"""The page in a real browser: Chromium without a window, driven by Playwright."""

import functools
import json
import os
import shutil
import statistics

import pytest

import reproductions
from tests.publish.page.test_page import whole
from tests.publish.page.test_page_data import stored
from tests.publish.page.test_page_data import whole as numbers
from tests.toy import CASE as TOY

CASES = reproductions.names()
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WIDE, PHONE, SMALL = 1200, 400, 320
PAINTED, ANSWERED = 2000, 100
QUANTILES = ("q05", "q25", "q50", "q75", "q95")
FLIPS = [(name, fix) for name in CASES for fix in reproductions.load(name).fixes]


def need(found, reason):
    """Skips without what is needed, or fails where nothing may be skipped."""
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    need(sync_playwright, "needs Playwright: pip install -e '.[test]'")
    path = shutil.which("chromium")
    need(path, "needs Chromium: apt-get install chromium")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(whole(), encoding="utf-8")
    return path.as_uri()


class Visit:
    """One tab with the page, and all that it asked for or complained of."""

    def __init__(self, browser, address, width=WIDE, scheme="light"):
        size = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.address, self.tab = address, self.context.new_page()
        self.requests, self.complaints = [], []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))

    def load(self, link=""):
        """Loads the page anew at a link."""
        self.tab.goto("about:blank")
        self.tab.goto(self.address + link)
        self.settled()
        return self

    def open(self, link=""):
        """Follows a link on the page, or loads it there first."""
        if not self.tab.url.startswith(self.address):
            return self.load(link)
        self.tab.evaluate("link => { location.hash = link }", link)
        self.settled()
        return self

    def settled(self):
        """Waits until the page has drawn what its link says."""
        self.until("document.body.dataset.drawn === location.hash")

    def until(self, condition, most=20_000):
        """Waits for a condition without running text as code, which the page forbids."""
        self.tab.evaluate(
            f"""() => new Promise((resolve, reject) => {{
              const look = () => {{
                if ({condition}) resolve();
                else if (performance.now() > last) reject(new Error("never came"));
                else setTimeout(look, 5);
              }};
              const last = performance.now() + {most};
              look();
            }})"""
        )

    def do(self, action, *arguments):
        """Does something that changes the link, and waits until it is shown."""
        before = self.link
        action(*arguments)
        self.until(f"location.hash !== {json.dumps(before)}")
        self.settled()

    def flip(self, fix):
        self.do(lambda: self.tab.get_by_role("switch", name=fix, exact=True).click(force=True))

    def press(self, *keys):
        for key in keys:
            self.tab.keyboard.press(key)

    @property
    def link(self):
        return self.tab.evaluate("location.hash")

    def rows(self, kind, name):
        """What a chart draws, as its Vega view holds it."""
        return self.tab.evaluate(
            "([kind, name]) => document.querySelector(`#${kind} .chart`).view.data(name)",
            [kind, name],
        )

    def text(self, selector):
        return self.tab.inner_text(selector)


@pytest.fixture(scope="module")
def visit(browser, address):
    found = Visit(browser, address)
    yield found
    found.context.close()


def expected_band(facts, arm, place=-1):
    """The rows of the fitted curve, from the stored numbers."""
    columns = facts["arms"][arm]["bands"][place]
    return [
        {"x": x} | {name: columns[q][n] for q, name in enumerate(QUANTILES)}
        for n, x in enumerate(facts["x"])
    ]


def shown(row):
    """A row as drawn, less what Vega adds."""
    return {name: value for name, value in row.items() if not name.startswith("Symbol")}


# From disk, without a network.


def test_it_paints_within_two_seconds(visit):
    visit.load()
    paint = visit.tab.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    )
    drawn = visit.tab.evaluate(
        "(e => e.startTime + e.duration)(performance.getEntriesByName('show')[0])"
    )
    assert paint < PAINTED
    assert drawn < PAINTED


def test_it_asks_for_nothing_and_complains_of_nothing(browser, address):
    found = Visit(browser, address).open()
    for name in CASES:
        facts = numbers()[name]
        for link in (*facts["lattice"][:2], *(rival["name"] for rival in facts["rivals"][:2])):
            found.open(f"#case={name}&fixes={link}&rival={link}&seed=1")
    found.context.close()
    assert {request.partition("#")[0] for request in found.requests} == {address}
    assert found.complaints == []


def test_a_switch_answers_within_a_tenth_of_a_second(visit):
    took = []
    for name in CASES:
        visit.open(f"#case={name}&seed=1")
        for fix in reproductions.load(name).fixes:
            took.append(visit.tab.evaluate(ANSWER, fix))
    print(f"switches answered within {max(took):.0f} ms, median {statistics.median(took):.0f} ms")
    assert statistics.median(took) < ANSWERED


# From the click to the charts redrawn.
ANSWER = """fix => new Promise(resolve => {
  document.addEventListener("drawn", () => resolve(performance.now() - start), { once: true });
  const input = document.querySelector(`#fixes input[value="${fix}"]`);
  const start = performance.now();
  input.click();
})"""


# Every switch changes what it should.


@pytest.mark.parametrize("name, fix", FLIPS)
def test_a_switch_shows_its_arm(name, fix, visit):
    facts = numbers()[name]
    arm = facts["arms"][fix]
    visit.open(f"#case={name}")
    before = visit.text("#says"), visit.rows("metric", "band")
    visit.flip(fix)
    assert [shown(row) for row in visit.rows("fit", "band")] == expected_band(facts, fix)
    assert arm["rate"] in visit.text("#says") and arm["median_words"] in visit.text("#says")
    assert [row["q50"] for row in visit.rows("metric", "band")] == [r[2] for r in arm["metric"]]
    assert [row["q50"] for row in visit.rows("loss", "band")] == [r[2] for r in arm["loss"] if r]
    for item in arm["symptoms"]:
        assert item["share_words"] in visit.text("#symptoms") and item["name"] in visit.text(
            "#symptoms"
        )
    assert before[0] != visit.text("#says") and before[1] != visit.rows("metric", "band")


@pytest.mark.parametrize("name", CASES)
def test_all_switches_together_show_the_fixed_program(name, visit):
    visit.open(f"#case={name}")
    for fix in reproductions.load(name).fixes:
        visit.flip(fix)
    assert visit.tab.locator("#map a[aria-current]").get_attribute("data-arm") == "fixed"
    assert numbers()[name]["arms"]["fixed"]["rate"] in visit.text("#says")


@pytest.mark.parametrize("name", CASES)
def test_the_overview_shows_every_rate_and_marks_the_arm_shown(name, visit):
    visit.open(f"#case={name}")
    facts = numbers()[name]
    links = visit.tab.locator("#map a")
    rates = [text.strip() for text in visit.tab.locator("#map .share").all_inner_texts()]
    assert links.count() == len(facts["lattice"])
    assert rates == [f"{100 * facts['arms'][a]['solved'][0]:.1f}%" for a in facts["lattice"]]
    assert [link.get_attribute("data-arm") for link in links.all()] == facts["lattice"]
    assert visit.tab.locator("#map a[aria-current]").get_attribute("data-arm") == "broken"


def test_the_overview_leads_to_its_arms(visit):
    visit.open("#case=sin_fit&seed=4")
    visit.do(visit.tab.locator("#map a[data-arm='neck+batch']").click)
    assert visit.link == "#case=sin_fit&fixes=neck,batch&seed=4"
    assert visit.tab.get_by_role("switch", name="batch", exact=True).is_checked()
    assert not visit.tab.get_by_role("switch", name="epochs", exact=True).is_checked()


def test_the_verdict_colours_what_is_drawn(visit):
    colour = "getComputedStyle(document.documentElement).getPropertyValue('--shown')"
    visit.open("#case=sin_fit")
    assert "--fails" in visit.tab.evaluate(
        "document.documentElement.style.getPropertyValue('--shown')"
    )
    broken = visit.tab.evaluate(colour)
    visit.open("#case=sin_fit&fixes=neck,epochs,batch")
    assert visit.tab.evaluate(colour) != broken
    lines = "[...document.querySelectorAll('#fit path')].map(p => getComputedStyle(p).stroke)"
    assert "rgb(0, 114, 178)" in visit.tab.evaluate(lines)


# Checkpoints.


def test_the_slider_walks_through_training(visit):
    visit.open("#case=sin_fit&fixes=epochs")
    facts = numbers()["sin_fit"]
    places = facts["arms"]["epochs"]["checkpoints"]
    slider = visit.tab.locator("#at")
    slider.focus()
    visit.do(visit.press, "ArrowLeft", "ArrowLeft")
    assert visit.link.endswith(f"checkpoint={places[-3]}")
    assert [shown(r) for r in visit.rows("fit", "band")] == expected_band(facts, "epochs", -3)
    assert visit.rows("metric", "now")[0]["x"] == places[-3]
    assert f"{places[-3]:,} of {places[-1]:,} updates" in slider.get_attribute("aria-valuetext")
    visit.do(visit.press, "End")
    assert visit.link == "#case=sin_fit&fixes=epochs"


def test_the_slider_leaves_no_trail_behind(visit):
    visit.open("#case=sin_fit")
    visit.flip("neck")
    visit.tab.locator("#at").focus()
    visit.do(visit.press, "ArrowLeft")
    visit.do(visit.press, "ArrowLeft")
    visit.do(visit.tab.go_back)
    assert visit.link == "#case=sin_fit"


def test_a_shorter_arm_stops_at_its_last_checkpoint_before_the_one_asked_for(visit):
    visit.open("#case=sin_fit&checkpoint=5000")
    assert "100 updates, the end" in visit.text("#at-words")
    visit.flip("epochs")
    assert "5,000 of 10,000 updates" in visit.text("#at-words")


# Seeds.


@pytest.mark.parametrize("name", CASES)
def test_a_picked_seed_is_drawn_and_stays_while_fixes_change(name, visit):
    facts = numbers()[name]
    visit.open(f"#case={name}")
    visit.do(lambda: visit.tab.locator("#seeds input[value='12']").check(force=True))
    for arm in ("broken", facts["fixes"][0]["name"]):
        seed = facts["arms"][arm]["seeds"][12]
        assert [row["y"] for row in visit.rows("fit", "seed")] == seed["curve"][-1]
        losses = [loss for loss in seed["loss"] if loss is not None]
        assert [row["y"] for row in visit.rows("loss", "seed")] == losses
        assert "Seed 12 ends" in visit.text("#says")
        if arm == "broken":
            visit.flip(facts["fixes"][0]["name"])
    visit.do(lambda: visit.tab.locator("#seeds input[value='']").check(force=True))
    assert visit.rows("fit", "seed") == []


def test_a_chip_says_how_its_seed_ends(visit):
    visit.open("#case=sum_hinge&fixes=tanh,epochs")
    for number, seed in numbers()["sum_hinge"]["arms"]["fixed"]["seeds"].items():
        label = visit.tab.locator(f"#seeds input[value='{number}']").get_attribute("aria-label")
        assert label == f"seed {number}, {'solved' if seed['solved'] else 'not solved'}"


# Rivals.


def test_a_rival_is_shown_at_its_end_and_a_flip_leaves_it(visit):
    visit.open("#case=sin_fit&checkpoint=1000")
    visit.do(visit.tab.select_option, "#rival", "neck_3")
    arm = numbers()["sin_fit"]["arms"]["neck_3"]
    assert arm["rate"] in visit.text("#says")
    assert "Starts from epochs+batch" in visit.text("#rival-words")
    assert visit.tab.get_by_role("switch", name="batch", exact=True).is_checked()
    assert visit.rows("fit", "band") == []
    assert "stored at its end only" in visit.text("#fit .note")
    visit.tab.locator("#at").focus()
    visit.do(visit.press, "End")
    facts = numbers()["sin_fit"]
    assert [shown(row) for row in visit.rows("fit", "band")] == expected_band(facts, "neck_3")
    visit.flip("neck")
    assert visit.link == "#case=sin_fit&fixes=neck,epochs,batch"


def test_a_rival_whose_seed_is_not_stored_says_so(visit):
    visit.open("#case=sin_fit&rival=neck_3&seed=12")
    assert "Seed 12 is not among the 4 seeds drawn here" in visit.text("#says")
    assert visit.rows("fit", "seed") == []


def test_seeds_that_diverged_are_said_where_they_cannot_be_drawn(visit):
    visit.open("#case=ln_fit&rival=leaky_0.3&seed=0")
    assert "of the seeds diverged; they count as not solved" in visit.text("#says")
    assert "At 50 of 50 places a quantile over seeds is not finite" in visit.text("#fit .note")
    assert "not finite where its line is missing" in visit.text("#loss .note")


def test_what_leaves_the_picture_is_said(visit):
    visit.open("#case=ln_fit&fixes=adam&checkpoint=1000")
    middle = [row["q50"] for row in visit.rows("fit", "band")]
    _, high = numbers()["ln_fit"]["frame"]["fit"]["domain"]
    assert min(middle) > high
    words = f"The median leaves the picture at 50 of 50 places: {min(middle):g} to {max(middle):g}."
    assert words in visit.text("#fit .note")


def test_a_budget_below_the_documented_one_is_said(visit):
    visit.open("#case=ln_fit&fixes=steps")
    assert "Cut at 100,000 of the documented 1,000,000 updates" in visit.text("#says")
    visit.open("#case=ln_fit&fixes=start,adam,batch,steps")
    assert "Cut at" not in visit.text("#says")


# What the thread says.


@pytest.mark.parametrize("name", CASES)
def test_every_statement_and_its_verdict_is_on_the_page(name, visit):
    visit.open(f"#case={name}")
    for kind, key, place in (("claims", "claim", "#claims"), ("certificates", "cause", "#causes")):
        text = visit.tab.locator(place).text_content()
        for item in numbers()[name][kind]:
            assert item[key] in text and item["evidence"] in text
    verdicts = visit.tab.locator("#claims .verdict").all_text_contents()
    assert sorted(verdicts) == sorted(item["verdict"] for item in numbers()[name]["claims"])


def test_statements_that_rest_on_the_arm_shown_come_first(visit):
    visit.open("#case=sin_fit&fixes=epochs,batch")
    resting = [c for c in numbers()["sin_fit"]["claims"] if "epochs+batch" in c["arms"]]
    assert resting
    assert visit.tab.locator("#claims > ul > li").count() == len(resting)


def test_a_statement_leads_to_the_arms_it_rests_on(visit):
    visit.open("#case=sin_fit&fixes=epochs,batch")
    visit.tab.evaluate("document.querySelector('#causes details').open = true")
    visit.do(visit.tab.locator("#causes .links a", has_text="neck_3").first.click)
    assert "rival=neck_3" in visit.link


def test_the_sources_name_files_seeds_versions_and_commands(visit):
    visit.open("#case=sum_softmax")
    text, facts = visit.text("#made"), numbers()["sum_softmax"]
    for words in ("summary.csv", "curves.csv", "seeds.csv", "runs.csv", "1,000 seeds", "16 stored"):
        assert words in text
    assert facts["made"]["environments"][0] in text
    assert "python -m reproductions record sum_softmax" in text
    assert "python -m reproductions page" in text


# The link.


def test_a_link_restores_every_choice(visit):
    visit.open("#case=ln_fit&fixes=start,batch&seed=12&checkpoint=500&theme=dark")
    tab = visit.tab
    on = {i.get_attribute("value") for i in tab.locator("#fixes input:checked").all()}
    assert on == {"start", "batch"}
    assert tab.locator("#seeds input:checked").get_attribute("value") == "12"
    assert "500 of 10,000 updates" in visit.text("#at-words")
    assert tab.locator("html").get_attribute("data-theme") == "dark"
    assert tab.title().startswith("ln_fit")
    facts = numbers()["ln_fit"]
    place = facts["arms"]["start+batch"]["checkpoints"].index(500)
    band = expected_band(facts, "start+batch", place)
    assert [shown(row) for row in visit.rows("fit", "band")] == band


@pytest.mark.parametrize(
    "link",
    ["#case=nobody&fixes=nothing&seed=x&theme=loud", "#case=sin_fit&checkpoint=-3&seed=999999"],
)
def test_a_link_that_names_what_is_not_there_still_shows_a_case(link, visit):
    visit.open(link)
    assert "of 1,000 seeds solve it" in visit.text("#says")
    assert visit.rows("fit", "band")


def test_back_and_forward_walk_through_the_choices(visit):
    visit.open("#case=sin_fit")
    said = [visit.text("#says")]
    visit.flip("neck")
    said.append(visit.text("#says"))
    visit.do(visit.tab.locator("#cases a[data-case='sum_hinge']").click)
    said.append(visit.text("#says"))
    for step, words in ((visit.tab.go_back, said[1]), (visit.tab.go_back, said[0])):
        visit.do(step)
        assert visit.text("#says") == words
    visit.do(visit.tab.go_forward)
    visit.do(visit.tab.go_forward)
    assert visit.text("#says") == said[2]


# The keyboard, and those who do not see the charts.


def tab_to(visit, selector, most=80):
    """Presses Tab until an element has the focus."""
    for _ in range(most):
        visit.press("Tab")
        if visit.tab.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_the_keyboard_alone_reaches_and_moves_every_control(visit):
    visit.open("#case=sin_fit")
    tab_to(visit, "#cases a[data-case='sum_softmax']")
    visit.do(visit.press, "Enter")
    tab_to(visit, "#fixes input[value='epochs']")
    visit.do(visit.press, "Space")
    assert visit.link == "#case=sum_softmax&fixes=epochs"
    tab_to(visit, "#at")
    visit.do(visit.press, "ArrowLeft")
    tab_to(visit, "#seeds input")
    visit.do(visit.press, "ArrowRight")
    assert "seed=0" in visit.link
    tab_to(visit, "#drawn summary")
    visit.press("Enter")
    visit.until("document.querySelectorAll('#drawn table').length === 3")
    tab_to(visit, "#rival")
    visit.do(visit.press, "ArrowDown")
    assert "rival=literal" in visit.link
    tab_to(visit, "#map a[data-arm='fixed']")
    visit.do(visit.press, "Enter")
    assert "fixes=two_units,epochs" in visit.link
    tab_to(visit, "#theme")
    visit.do(visit.press, "Enter")
    assert visit.link.endswith("theme=dark")


def test_the_focus_stays_where_it_was_when_something_changes(visit):
    visit.open("#case=sin_fit")
    visit.tab.get_by_role("switch", name="neck", exact=True).focus()
    visit.do(visit.press, "Space")
    assert visit.tab.evaluate("document.activeElement.value") == "neck"
    visit.tab.locator("#map a[data-arm='batch']").focus()
    visit.do(visit.press, "Enter")
    assert visit.tab.evaluate("document.activeElement.dataset.arm") == "batch"


def test_a_sentence_that_is_read_aloud_says_state_and_result(visit):
    visit.open("#case=sum_hinge&fixes=tanh,epochs&seed=3")
    assert visit.tab.locator("#says").get_attribute("aria-live") == "polite"
    arm = numbers()["sum_hinge"]["arms"]["fixed"]
    said = visit.text("#says")
    assert said.startswith("sum_hinge with tanh and epochs, all fixes, after 1,050 updates: ")
    assert f"{arm['rate']} of 1,000 seeds solve it. Verdict: solves." in said


def test_every_chart_says_in_words_what_it_shows(visit):
    visit.open("#case=sin_fit&fixes=neck,epochs&seed=3")
    words = [visit.tab.get_by_role("img").nth(n).get_attribute("aria-label") for n in range(3)]
    band = [row["q50"] for row in visit.rows("fit", "band")]
    assert words[0].startswith("Fitted curve with neck and epochs, after 10,000 updates, the end.")
    assert f"goes from {min(band):.4g} to {max(band):.4g}" in words[0]
    assert "Seed 3 is drawn over it" in words[0]
    assert words[1].startswith("Mean squared error") and words[2].startswith("Loss on training")


def test_the_drawn_numbers_stand_in_tables(visit):
    visit.open("#case=sum_softmax&fixes=two_units&seed=2")
    visit.tab.evaluate("document.querySelector('#drawn').open = true")
    visit.until("document.querySelector('#drawn table')")
    facts = numbers()["sum_softmax"]
    arm, seed = facts["arms"]["two_units"], facts["arms"]["two_units"]["seeds"][2]
    read = "t => [...t.tBodies[0].rows].map(r => [...r.cells].map(c => Number(c.textContent)))"
    rows = visit.tab.locator("#drawn table").first.evaluate(read)
    band = arm["bands"][-1]
    wanted = zip(facts["x"], *band, facts["target"], seed["curve"][-1], strict=True)
    assert rows == [list(row) for row in wanted]


# Widths, themes and motion.


@pytest.mark.parametrize("width", [PHONE, SMALL])
def test_a_phone_needs_no_sideways_scrolling(width, browser, address):
    found = Visit(browser, address, width)
    for name in CASES:
        rival = numbers()[name]["rivals"][0]["name"]
        for link in (f"#case={name}&seed=1", f"#case={name}&rival={rival}"):
            found.open(link)
            found.tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert found.tab.evaluate("document.documentElement.scrollWidth") <= width, link
            assert found.tab.locator("#fit svg").bounding_box()["width"] <= width
    found.context.close()


def test_on_a_phone_the_switches_stay_in_sight(browser, address):
    found = Visit(browser, address, PHONE).open("#case=ln_fit")
    found.tab.locator("#metric").scroll_into_view_if_needed()
    box = found.tab.get_by_role("switch", name="start", exact=True).bounding_box()
    found.context.close()
    assert 0 <= box["y"] < 100


def test_charts_take_the_new_width_of_a_window(browser, address):
    found = Visit(browser, address).open("#case=sin_fit")
    found.tab.set_viewport_size({"width": PHONE, "height": 900})
    found.until("document.querySelector('#fit svg').getBoundingClientRect().width < 400")
    assert found.tab.evaluate("document.documentElement.scrollWidth") == PHONE
    found.context.close()


def paper(found):
    return found.tab.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_theme_is_the_systems_until_one_is_chosen(browser, address):
    light, dark = (Visit(browser, address, scheme=scheme).open() for scheme in ("light", "dark"))
    assert (paper(light), paper(dark)) == ("rgb(255, 255, 255)", "rgb(20, 24, 29)")
    dark.do(dark.tab.locator("#theme").click)
    assert paper(dark) == paper(light)
    assert dark.link.endswith("theme=light")
    for found in (light, dark):
        found.context.close()


def test_charts_follow_the_theme(visit):
    ink = "getComputedStyle(document.querySelector('#fit .mark-text text')).fill"
    visit.open("#theme=light")
    light = visit.tab.evaluate(ink)
    visit.open("#theme=dark")
    assert light == "rgb(95, 102, 109)"
    assert visit.tab.evaluate(ink) == "rgb(165, 171, 178)"


def test_nothing_moves_where_less_motion_is_asked_for(browser, address):
    found = Visit(browser, address).open()
    moves = "getComputedStyle(document.querySelector('.track')).transitionDuration"
    assert found.tab.evaluate(moves) != "0s"
    found.tab.emulate_media(reduced_motion="reduce")
    assert found.tab.evaluate(moves) == "0s"
    found.context.close()


@functools.cache
def inspector():
    """Deque's axe, as a package carries it."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        return None
    return Axe()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_axe_finds_no_grave_fault(width, scheme, browser, address):
    need(inspector(), "needs axe-playwright-python: pip install -e '.[test]'")
    regression = (width == WIDE) == (scheme == "light")
    links = "#case=sin_fit&fixes=neck&seed=3", "#case=sum_hinge&rival=linear&checkpoint=100"
    found = Visit(browser, address, width, scheme).open(links[0 if regression else 1])
    found.tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    faults = inspector().run(found.tab).response["violations"]
    grave = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
    assert not grave, json.dumps(grave, indent=1)[:3000]
    found.context.close()


# A folder of a user's own.


def test_a_combination_that_was_not_run_says_how_to_run_it(browser, tmp_path):
    from experiments.publish.page import page

    path = page.write({TOY: stored(tmp_path / "toy")}, tmp_path / "page.html")
    found = Visit(browser, path.as_uri()).open()
    assert "0.0%" in found.text("#rate")
    found.flip("bend")
    assert "not run. Train it with: python -m reproductions.toy --arms bend" in found.text("#says")
    assert found.rows("fit", "band") == [] and found.rows("fit", "target")
    assert found.tab.locator("#at").is_disabled()
    assert not found.tab.locator("#rival").is_visible()
    found.flip("longer")
    assert "100.0%" in found.text("#rate")
    found.context.close()
    assert found.complaints == []
