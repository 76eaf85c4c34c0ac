"""The page's numbers against the stored files, read anew with nothing but `csv`."""

import csv
import functools
import math
import pathlib
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import reproductions
from experiments.analysis import baselines, tables
from experiments.analysis.analysis import Analysis
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.cli import commands
from experiments.publish.page import page_arms, page_data
from experiments.runs.keys import row_key
from experiments.runs.store import Store
from experiments.stats.interim import FIXED
from experiments.training.columns import typed
from tests import toy

ROOT = pathlib.Path(__file__).parents[3]
CASES = reproductions.names()
QUANTILES = ("q05", "q25", "q50", "q75", "q95")
ENVIRONMENT = {"python": "3", "keras": "3.0", "tensorflow": "2.0", "numpy": "2.0"}


@functools.cache
def whole():
    """What the page shows of the committed results, `{case: facts}`."""
    found = {case: commands.analysis_of(case) for case in loaded().values()}
    return {facts["name"]: facts for facts in page_data.page(found)["cases"]}


@functools.cache
def loaded():
    return {name: reproductions.load(name) for name in CASES}


@functools.cache
def rows(name, file):
    """The lines of a stored table, `{(arm, steps): lines}`."""
    found = {}
    with open(ROOT / "results" / name / f"{file}.csv", newline="") as lines:
        for line in csv.DictReader(lines):
            found.setdefault((line["arm"], int(line["steps"])), []).append(line)
    return found


def longest(name, file, arm):
    found = rows(name, file)
    steps = max(steps for other, steps in found if other == arm)
    return steps, found[arm, steps]


def same(shown, text):
    """Whether a shown number is the one that a cell holds."""
    if text in ("inf", "-inf"):
        return shown == text
    return shown is None if text == "" else shown == float(text)


def ended(name):
    """Yields every arm shown, with what the page says of it."""
    return whole()[name]["arms"].items()


# Numbers, by an independent path.


@pytest.mark.parametrize("name", CASES)
def test_rate_and_median_of_every_arm_are_those_of_the_summary(name):
    metric = baselines.main_metric(loaded()[name])
    for arm, shown in ended(name):
        steps, lines = longest(name, "summary", arm)
        found = {line["metric"]: line for line in lines}
        assert shown["steps"] == steps
        for place, column in enumerate(("estimate", "low", "high")):
            assert same(shown["solved"][place], found["solved"][column])
        cells = [float(found[metric][column]) for column in ("estimate", "low", "high")]
        words = [f"{cell:.4g}".replace("inf", "infinite") for cell in cells]
        assert shown["median_words"] == f"{words[0]} [{words[1]}, {words[2]}]"
        assert same(shown["diverged"], found["diverged"]["estimate"])
        assert shown["num_seeds"] == int(found["solved"]["num_seeds"])


@pytest.mark.parametrize("name", CASES)
def test_the_rate_in_words_is_the_rate(name):
    for _, shown in ended(name):
        words = [float(part.strip(" ,[]%")) for part in shown["rate"].split()]
        assert words == pytest.approx([100 * share for share in shown["solved"]], abs=0.0501)


@pytest.mark.parametrize("name", CASES)
def test_every_band_is_that_of_the_curves(name):
    for arm, shown in ended(name):
        _, lines = longest(name, "curves", arm)
        lines = [line for line in lines if line["metric"] == "prediction"]
        number = {(int(line["checkpoint"]), float(line["x"])): line for line in lines}
        stored = {checkpoint for checkpoint, _ in number}
        for checkpoint, band in zip(shown["checkpoints"], shown["bands"], strict=True):
            assert (band is not None) == (checkpoint in stored)
            for place, quantile in enumerate(QUANTILES if band else ()):
                for x, value in zip(whole()[name]["x"], band[place], strict=True):
                    assert same(value, number[checkpoint, x][quantile])


@pytest.mark.parametrize("name", CASES)
def test_every_learning_curve_is_that_of_the_curves(name):
    metric = baselines.main_metric(loaded()[name])
    for arm, shown in ended(name):
        _, lines = longest(name, "curves", arm)
        number = {(line["metric"], int(line["checkpoint"])): line for line in lines}
        for place, checkpoint in enumerate(shown["checkpoints"]):
            for what, column in (("metric", metric), ("loss", "loss")):
                line, values = number.get((column, checkpoint)), shown[what][place]
                assert (line is None) == (values is None)
                for value, quantile in zip(values or (), QUANTILES, strict=False):
                    assert same(value, line[quantile])
            for what in ("solved", "diverged"):
                assert same(shown[f"{what}_along"][place], number[what, checkpoint]["q50"])


@pytest.mark.parametrize("name", CASES)
def test_every_showcase_seed_is_drawn_as_stored(name):
    for arm, shown in ended(name):
        _, lines = longest(name, "seeds", arm)
        assert {str(seed) for seed in shown["seeds"]} == {line["seed"] for line in lines}
        for line in lines:
            seed = shown["seeds"][int(line["seed"])]
            place = shown["checkpoints"].index(int(line["checkpoint"]))
            assert same(seed["loss"][place], line["loss"])
            cells = [line[f"p{n:02d}"] for n in range(1, 51)]
            assert all(map(same, seed["curve"][place], cells))


@pytest.mark.parametrize("name", CASES)
def test_what_became_of_a_seed_is_said_by_the_runs(name):
    metric = baselines.main_metric(loaded()[name])
    for arm, shown in ended(name):
        _, lines = longest(name, "runs", arm)
        ends = {int(line["seed"]): line for line in lines}
        for number, seed in shown["seeds"].items():
            assert seed["solved"] == (ends[number]["solved"] == "1")
            assert seed["diverged"] == (ends[number]["diverged"] == "1")
            assert same(seed["metric"], ends[number][metric])


@pytest.mark.parametrize("name", CASES)
def test_every_symptom_is_that_of_the_diagnosis(name):
    for arm, shown in ended(name):
        _, lines = longest(name, "diagnosis", arm)
        lines = [line for line in lines if line["symptom"] != "solved"]
        assert [item["name"] for item in shown["symptoms"]] == [line["symptom"] for line in lines]
        for item, line in zip(shown["symptoms"], lines, strict=True):
            for share, column in zip(item["share"], ("estimate", "low", "high"), strict=True):
                assert same(share, line[column])
            assert (item["words"], item["holds"]) == (line["words"], line["holds"])
            assert item["detail"] == line["detail"]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("file", ["claims", "certificates"])
def test_every_statement_has_the_stored_verdict(name, file):
    keys = {"claims": ("claim", "by"), "certificates": ("cause", "intervention")}[file]
    with open(ROOT / "results" / name / f"{file}.csv", newline="") as lines:
        stored = {(*(line[key] for key in keys), line["verdict"]) for line in csv.DictReader(lines)}
    shown = whole()[name][file]
    assert {(*(item[key] for key in keys), item["verdict"]) for item in shown} == stored
    assert len(shown) == len(stored)


# What is shown.


@pytest.mark.parametrize("name", CASES)
def test_every_arm_of_the_lattice_and_every_rival_is_shown(name):
    facts, case = whole()[name], loaded()[name]
    assert facts["lattice"] == list(plans.combinations(case))
    assert [rival["name"] for rival in facts["rivals"]] == list(case.variants)
    assert set(facts["arms"]) == {*facts["lattice"], *case.variants}


@pytest.mark.parametrize("name", CASES)
def test_an_arm_is_shown_at_its_longest_budget_and_says_what_was_documented(name):
    for arm, shown in ended(name):
        assert shown["steps"] == shown["checkpoints"][-1]
        assert shown["documented"] == loaded()[name].arm(arm).num_steps
        assert shown["documented"] >= shown["steps"]


@pytest.mark.parametrize("name", CASES)
def test_a_rival_starts_from_an_arm_of_the_lattice(name):
    facts = whole()[name]
    assert {rival["lattice"] for rival in facts["rivals"]} <= set(facts["lattice"])


def test_a_rival_of_a_rival_shows_the_fixes_of_the_arm_below_both():
    case = toy.make(
        variants={
            "low": toy.variant("lower", "longer+bend", learning_rate=0.01),
            "lower": toy.variant("lower still", "low", learning_rate=0.001),
        }
    )
    found = page_data._variant(case, "lower")
    assert (found["start"], found["lattice"]) == ("low", "fixed")
    assert found["changes"] == [["learning_rate", "0.01", "0.001"]]


@pytest.mark.parametrize(
    "value, shown",
    [
        (1.0, 1),
        (0.25, 0.25),
        (math.nan, None),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        ([1.0, [math.nan]], [1, [None]]),
    ],
)
def test_numbers_are_made_plain(value, shown):
    found = page_arms.plain(value)
    assert found == shown
    assert type(found) is type(shown)


def test_numbers_keep_the_digits_asked_for():
    assert page_arms.plain(1234.5678, 4) == 1235
    assert page_arms.plain(0.012345678, 4) == 0.01235


def test_a_seed_that_diverged_is_shown_as_such():
    arm = whole()["ln_fit"]["arms"]["leaky_0.3"]
    assert arm["diverged"] > 0
    assert any(seed["diverged"] for seed in arm["seeds"].values())
    assert "inf" in arm["bands"][-1][4]
    assert "infinite" in arm["median_words"]


# Folders of a user's own.


def stored(folder, case=toy.CASE, arms=("broken", "fixed"), without=()):
    """The analysis of a few runs of some arms, and of the tables that the page needs."""
    store = Store(folder, case)
    for arm in arms:
        steps = case.arm(arm).num_steps
        head = {"arm": arm, "steps": str(steps), "key": row_key(case, case.arm(arm))}
        good = {"solved": arm == "fixed", "diverged": False, "mse": 0.5, "r2": 0.25, "skill": 0.0}
        store.add(typed({**head, **good, "seed": range(3)}), ENVIRONMENT)
    texts = {"summary": tables.summary(tables.runs(store), FIXED)}
    texts |= {"curves": curves(case, arms), "seeds": seeds(case, arms)}
    for name in set(texts) - set(without):
        store.write_text(f"{name}.csv", tables.to_csv(texts[name]))
    return analysed(Store(folder, case))


def analysed(store):
    return Analysis(store.case, find_evidence(store.case), store, stored=True)


def curves(case, arms):
    found = []
    for arm in arms:
        steps = case.arm(arm).num_steps
        head = {"arm": arm, "steps": steps, "checkpoint": steps, "num_seeds": 3}
        quantiles = dict(zip(QUANTILES, (0.1, 0.2, 0.3, 0.4, 0.5), strict=True))
        metrics = [("mse", ""), ("solved", ""), ("diverged", "")]
        places = [("prediction", f"{(n + 0.5) / 50:.2f}") for n in range(50)]
        found += [
            head | {"metric": metric, "x": x} | quantiles for metric, x in (*metrics, *places)
        ]
    return pd.DataFrame(found)


def seeds(case, arms):
    places = {f"p{n:02d}": 0.25 for n in range(1, 51)}
    return pd.DataFrame(
        [
            {"arm": arm, "steps": steps, "seed": 0, "checkpoint": steps, "loss": 0.75} | places
            for arm in arms
            for steps in [case.arm(arm).num_steps]
        ]
    )


def test_a_folder_of_two_arms_shows_two_arms_and_no_evidence(tmp_path):
    facts = page_data.case_data(stored(tmp_path / "toy"))
    assert list(facts["arms"]) == ["broken", "fixed"]
    assert facts["lattice"] == ["broken", "bend", "longer", "fixed"]
    assert facts["rivals"] == facts["claims"] == facts["certificates"] == []
    assert facts["arms"]["fixed"]["symptoms"] == []
    assert facts["arms"]["fixed"]["seeds"][0]["loss"] == [0.75]


def test_the_sources_name_the_folder_and_no_place_on_this_machine(tmp_path):
    made = page_data.case_data(stored(tmp_path / "out" / "toy"))["made"]
    assert made["folder"] == "out/toy"
    assert made["command"] == "python -m reproductions.toy --out out/toy"
    assert made["environments"] == ["python 3, keras 3.0, tensorflow 2.0, numpy 2.0"]


@pytest.mark.parametrize("name", ["summary", "curves", "seeds"])
def test_a_missing_table_names_the_command_that_writes_it(name, tmp_path):
    analysis = stored(tmp_path / "toy", without=[name])
    with pytest.raises(SuiteError, match=f"lacks {name}.csv; write it with: .* report toy"):
        page_data.case_data(analysis)


def test_committed_numbers_name_the_command_that_records_them():
    for name in CASES:
        assert whole()[name]["made"]["command"] == f"python -m reproductions record {name}"


def test_stale_rows_are_refused(tmp_path):
    stored(tmp_path / "toy")
    changed = toy.make(broken=toy.Toy(batch_size=8))
    shutil.copytree(tmp_path / "toy", tmp_path / "other")
    with pytest.raises(SuiteError, match="older version of toy"):
        page_data.case_data(analysed(Store(tmp_path / "other", changed)))


def test_no_case_at_all_names_the_command_that_trains_one():
    with pytest.raises(SuiteError, match="python -m reproductions run"):
        page_data.page({})


def test_the_numbers_need_neither_charts_nor_tensorflow():
    code = "import sys; from experiments.publish.page import page; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    assert "experiments.publish.page.page_data" in modules
    assert not {"altair", "vl_convert", "tensorflow", "keras", "matplotlib"} & modules
