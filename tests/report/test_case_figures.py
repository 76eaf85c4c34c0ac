"""The gallery: every figure by the data it draws, every text by the table it draws from."""

import re

import numpy as np
import pandas as pd
import pytest

import reproductions
from experiments.analysis import tables
from experiments.analysis.analysis import Analysis
from experiments.cases.errors import SuiteError
from experiments.cli import commands
from experiments.publish.animation import animations
from experiments.report import captions, case_figures, figure_files, figures, index
from experiments.report.markdown import picture
from experiments.report.story import story
from experiments.report.style import make_theme
from experiments.runs.store import Store
from tests import toy
from tests.report.test_evidence import CASE, LATTICE, analysed, stored
from tests.test_results import RESULTS

CASES = reproductions.names()
NAMES = ["fit", "learning_curves", "distribution", "dissection", "shapley", "claims"]


def curves():
    """Quantiles of two arms: broken stays at 0.005, fixed falls to 0.0001 at its end."""
    rows = []
    for arm, steps, last in (("broken", 8, 0.005), ("fixed", 20, 0.0001)):
        for checkpoint, middle in ((0, 0.9), (2, 0.005), (steps, last)):
            rows.append((arm, steps, checkpoint, "mse", "", 100, *[middle] * 5))
        for x, y in ((0.0, 0.1), (0.5, 0.25), (1.0, 0.0)):
            rows.append((arm, steps, steps, "prediction", f"{x}", 100, *[y] * 5))
    names = ["arm", "steps", "checkpoint", "metric", "x", "num_seeds"]
    return pd.DataFrame(rows, columns=[*names, *tables.QUANTILE_NAMES])


@pytest.fixture
def toy_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "experiments.training.metrics.curve_inputs", lambda: np.array([0.0, 0.5, 1.0])
    )
    monkeypatch.setattr(
        "experiments.training.metrics.curve_target",
        lambda case: toy.target(np.array([0.0, 0.5, 1.0])),
    )
    analysis = analysed(stored(tmp_path, LATTICE))
    analysis.curves = curves()
    return analysis


@pytest.fixture
def shown(toy_tables):
    return {spec.name: spec for spec in case_figures.collect(toy_tables)}


def axes_of(spec, **options):
    return spec.draw(make_theme(**options)).axes


def line(axes, label):
    return next(found for found in axes.lines if found.get_label() == label)


def test_a_folder_of_evidence_has_every_figure(shown):
    assert list(shown) == NAMES


def test_a_folder_without_evidence_has_those_of_behaviour(toy_tables, tmp_path):
    bare = Analysis(CASE, toy_tables.evidence, Store(tmp_path / "a", CASE, "numpy"))
    bare.runs, bare.curves = toy_tables.runs, toy_tables.curves
    assert [spec.name for spec in case_figures.collect(bare)] == NAMES[:3]


def test_fit_draws_the_bands_at_the_end_of_each_arm(shown):
    (axes,) = axes_of(shown["fit"])
    assert list(line(axes, "fixed").get_ydata()) == [0.1, 0.25, 0.0]
    assert list(line(axes, "target").get_ydata()) == [0.0, 0.25, 0.0]


def test_fit_says_the_extremes_of_what_it_draws(shown):
    words = shown["fit"].caption
    assert "The target runs from 0 to 0.25." in words.alt
    assert "median of fixed runs from 0 to 0.25 and is at most 0.1 away" in words.alt
    assert "100 seeds of broken after 8 updates and 100 seeds of fixed after 20" in words.text


def test_learning_curves_say_when_the_bar_is_cleared(shown):
    (axes,) = axes_of(shown["learning_curves"])
    assert list(line(axes, "fixed").get_xdata()) == [0, 2, 20]
    title = shown["learning_curves"].caption.title
    assert title == "toy: clearing the bar, the median of fixed by update 20, that of broken never"


def test_distribution_counts_the_seeds_that_clear_the_bar(shown):
    title = shown["distribution"].caption.title
    assert "100 of 100 seeds of fixed and 0 of 100 seeds of broken" in title


def test_dissection_draws_the_rates_of_every_set(shown, toy_tables):
    (axes,) = axes_of(shown["dissection"])
    rates = [text.get_text() for text in axes.texts if "%" in text.get_text()]
    assert rates == ["✗ 0%", "✗ 0%", "✗ 0%", "✓ 100%"]
    (item,) = toy_tables.ablations
    assert shown["dissection"].caption.title == f"toy: {item.answer}"


def test_shapley_draws_points_and_factors_of_the_stored_table(shown, toy_tables):
    rates, errors = axes_of(shown["shapley"])
    table = toy_tables.ablation
    for axes, quantity, change in (
        (rates, "solved", lambda v: 100 * v),
        (errors, "log_error", np.exp),
    ):
        part = table[(table["kind"] == "shapley") & (table["quantity"] == quantity)]
        drawn = [found.get_xdata()[0] for found in axes.lines if found.get_marker() == "o"]
        np.testing.assert_allclose(drawn, change(part["estimate"]))


def test_shapley_of_equal_worth_is_said_to_be_equal(shown):
    assert shown["shapley"].caption.title == "toy: bend and longer are worth the same in solve rate"


@pytest.mark.parametrize(
    "rows, says",
    [
        ([("a", 0.9, 0.8, 1.0), ("b", 0.1, 0.0, 0.2)], "a is worth most in solve rate"),
        (
            [("a", 0.4, 0.3, 0.5), ("b", 0.6, 0.5, 0.7), ("c", 0.0, 0, 0)],
            "b and a are worth most in solve rate",
        ),
    ],
)
def test_shapley_names_all_whose_interval_reaches_the_best(rows, says, toy_tables):
    (item,) = toy_tables.ablations
    values = pd.DataFrame(rows, columns=["fixes", "estimate", "low", "high"])
    assert captions.shapley(CASE, item, values).title == f"toy: {says}"


def test_claims_that_were_asked_are_drawn_once_each_with_their_verdict(shown):
    (axes,) = axes_of(shown["claims"])
    assert [text.get_text() for text in axes.texts[::2]] == ["✓", "–"]
    assert shown["claims"].caption.title.startswith("toy: 2 statements")


def test_every_figure_is_drawn_in_the_colours_of_its_look(shown):
    for spec in shown.values():
        figure = spec.draw(make_theme("dark", "wide"))
        assert figure.get_size_inches()[0] == make_theme("dark", "wide").inches
        assert figure.get_facecolor()[:3] != (1.0, 1.0, 1.0)


# Files.


def test_a_plate_becomes_pictures_and_a_text_to_paste(shown, tmp_path):
    paths = figure_files.write(
        shown["claims"], tmp_path / "new", make_theme("dark"), ("svg", "pdf")
    )
    names = [path.name for path in paths]
    assert names == ["claims-dark.svg", "claims-dark.pdf", "claims-dark.md"]
    text, words = paths[-1].read_text(), shown["claims"].caption
    assert text == f"![{words.title}. {words.alt}](claims-dark.svg)\n\n{words.text}\n"


@pytest.mark.parametrize("name", ["dissection", "shapley", "claims"])
def test_the_same_tables_give_the_same_bytes(shown, name, tmp_path):
    once, again = (
        figure_files.write(shown[name], tmp_path / place, make_theme(), figures.FORMATS)
        for place in "ab"
    )
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


@pytest.mark.parametrize(
    "theme, width, stem",
    [("light", "column", "fit"), ("dark", "column", "fit-dark"), ("light", "wide", "fit-wide")],
)
def test_a_look_is_in_the_name_of_a_file(theme, width, stem):
    assert figure_files.file_stem("fit", make_theme(theme, width)) == stem


# A folder that cannot be drawn.


def test_a_folder_without_runs_names_the_command_that_trains(tmp_path):
    with pytest.raises(SuiteError, match=r"holds no runs; train some with: python -m repr.*toy"):
        analysed(Store(tmp_path, CASE), stored=True).need(*case_figures.NEEDED)


def test_a_folder_that_lacks_a_table_names_the_command_that_makes_it(tmp_path):
    store = stored(tmp_path, LATTICE)
    with pytest.raises(SuiteError, match=r"lacks dissection.csv; write it with: .* report toy"):
        analysed(store, stored=True).need(*case_figures.NEEDED)


# The story.


def test_the_story_tells_what_fails_what_mends_and_why(toy_tables):
    text = story(toy_tables)
    assert text.startswith("A parabola is fitted by a line; people search for it as: pred")
    assert "With every fix, after 20 updates, of 100 seeds all solve it" in text
    assert "Both are needed" in text
    assert "no bend" in text
    assert "Of 2 statements on it 1 supported and 1 cannot be tested." in text


# The committed evidence.


@pytest.mark.parametrize("name", CASES)
def test_committed_texts_are_those_of_the_tables(name):
    case = reproductions.load(name)
    for spec in case_figures.collect(commands.analysis_of(case)):
        text = (RESULTS / name / "figures" / f"{spec.name}.md").read_text()
        assert text == picture(spec.caption, f"{spec.name}.{spec.kept[0]}"), (
            f"run: python -m reproductions report {name}"
        )


@pytest.mark.parametrize("name", CASES)
def test_committed_figures_are_drawn_from_the_tables(name):
    case = reproductions.load(name)
    for spec in case_figures.collect(commands.analysis_of(case)):
        drawn = {label for axes in axes_of(spec) for label in _text(axes)}
        assert drawn
        file = RESULTS / name / "figures" / f"{spec.name}.png"
        assert file.exists(), f"run: python -m reproductions report {name}"


def _text(axes):
    return [text.get_text() for text in axes.texts] or [axes.get_xlabel()]


def test_the_readme_holds_the_findings_of_the_tables():
    cases = [reproductions.load(name) for name in CASES]
    found = {case: commands.analysis_of(case) for case in cases}
    spec = case_figures.summary(found)
    readme = (RESULTS.parent / "README.md").read_text()
    made = index.with_findings(readme, found, spec)
    assert made == readme, "run: python -m reproductions report"
    for name in CASES:
        assert re.search(rf"\| \[`{name}`\]", readme)


def test_a_readme_without_its_marks_is_refused():
    with pytest.raises(SuiteError, match="README.md must hold each of the lines"):
        index.with_findings("nothing", {}, None)


@pytest.mark.parametrize("name", CASES)
def test_committed_films_have_the_words_of_the_tables(name):
    case = reproductions.load(name)
    for film, words in animations.captions(case, Store(RESULTS / name, case)).items():
        folder = RESULTS / name / "figures"
        assert (folder / f"{film}.gif").exists()
        assert (folder / f"{film}.md").read_text() == picture(
            words, f"{film}.gif", entitled=False
        ), f"run: python -m reproductions record {name} --animations"
