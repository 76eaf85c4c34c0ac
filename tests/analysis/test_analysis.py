"""One analysis: each part is computed once a report, and read by the rule of its folder."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import reproductions
from experiments.analysis import (
    ablation,
    claim_results,
    failure_modes,
    history,
    logged_metrics,
    sequential,
    tables,
)
from experiments.analysis.analysis import Analysis
from experiments.cases import plans
from experiments.cases.evidence import find_evidence
from experiments.cli import commands
from experiments.report import case_figures, report
from experiments.runs import runner
from experiments.runs.store import Store
from tests import toy
from tests.report import test_evidence

ROOT = pathlib.Path(__file__).parents[2]
ONCE = [
    (tables, "runs"),
    (tables, "summary"),
    (tables, "outcomes"),
    (tables, "curves"),
    (tables, "showcase"),
    (ablation, "budgets"),
    (ablation, "table"),
    (ablation, "flips"),
    (claim_results, "claims_table"),
    (claim_results, "interventions_table"),
    (failure_modes, "diagnose"),
    (logged_metrics, "metric_check"),
    (history, "compare"),
    (case_figures, "collect"),
]


def counted(monkeypatch, module, name, counts):
    before = getattr(module, name)

    def call(*arguments, **options):
        counts[f"{module.__name__.rpartition('.')[2]}.{name}"] += 1
        return before(*arguments, **options)

    counts[f"{module.__name__.rpartition('.')[2]}.{name}"] = 0
    monkeypatch.setattr(module, name, call)


def test_a_report_computes_each_part_once(tmp_path, monkeypatch):
    store = test_evidence.stored(tmp_path, test_evidence.LATTICE)
    (tmp_path / "era").mkdir()
    counts = {}
    for module, name in ONCE:
        counted(monkeypatch, module, name, counts)
    report.write(Analysis(store.case, find_evidence(store.case), store))
    assert counts == dict.fromkeys(counts, 1)
    assert len(counts) == len(ONCE)


def test_where_tables_are_stored_none_of_the_slow_ones_is_computed(tmp_path, monkeypatch):
    store = test_evidence.stored(tmp_path, test_evidence.LATTICE)
    report.write(Analysis(store.case, find_evidence(store.case), store))
    counts = {}
    for module, name in ONCE:
        counted(monkeypatch, module, name, counts)
    found = Analysis(store.case, find_evidence(store.case), store, stored=True)
    case_figures.collect(found)
    case_figures.summary({store.case: found})
    assert found.interventions["cause"].tolist() == ["no bend"]
    computed = {name for name, count in counts.items() if count}
    quick = {"tables.runs", "tables.summary", "tables.outcomes", "ablation.budgets"}
    assert computed == {*quick, "case_figures.collect"}


# A folder whose seeds were added until verdicts were decided, in a new process.


REPORT = """
import sys
import reproductions
from experiments.cli import app
from tests import toy
reproductions.names = lambda: ["toy"]
reproductions.load = lambda name: toy.CASE
app.suite(["report", "toy", "--out", sys.argv[1]])
"""


def wilson(successes, total, width):
    """Wilson's bounds, by the formula: where the score test just does not reject."""
    share, square = successes / total, width**2 / total
    middle = (share + square / 2) / (1 + square)
    reach = width * np.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return middle - reach, middle + reach


# The quantiles of the normal distribution at 1 - 0.05/2, and at 1 - 0.05/4 as of the first look.
FIXED_WIDTH, FIRST_LOOK_WIDTH = 1.959963984540054, 2.241402727604947


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """Returns `(summary, report, manifest)` of a folder that a new process reported."""
    folder = tmp_path_factory.mktemp("decided")
    store = Store(folder / "toy", toy.CASE)

    def train(plan, seeds):
        runner.train(toy.CASE, plan, seeds, store)

    analysis = Analysis(toy.CASE, find_evidence(toy.CASE), store)
    sequential.until(analysis, plans.select(toy.CASE, "broken,fixed"), train, most_seeds=32)
    subprocess.run([sys.executable, "-c", REPORT, folder], cwd=ROOT, check=True)
    summary = pd.read_csv(folder / "toy" / "summary.csv")
    manifest = json.loads((folder / "toy" / "manifest.json").read_text())
    return summary, (folder / "toy" / "report.md").read_text(), manifest


@pytest.mark.parametrize("arm", ["broken", "fixed"])
def test_a_new_process_reads_intervals_by_the_rule_of_the_folder(arm, decided):
    summary, text, manifest = decided
    assert manifest["stopping_rule"].startswith("looks at 32, 64, 128, ... seeds")
    (row,) = summary[(summary["arm"] == arm) & (summary["metric"] == "solved")].itertuples()
    assert row.num_seeds == 32
    bounds = wilson(round(row.estimate * 32), 32, FIRST_LOOK_WIDTH)
    assert (row.low, row.high) == pytest.approx(bounds, abs=1e-6)
    fixed = wilson(round(row.estimate * 32), 32, FIXED_WIDTH)
    assert np.abs(np.subtract(bounds, fixed)).max() > 0.02
    low, high = (f"{100 * bound:.1f}%" for bound in (row.low, row.high))
    assert f"[{low}, {high}] |" in text
    assert "95% is that of all looks together" in text


@pytest.mark.parametrize("name", reproductions.names())
def test_committed_folders_have_a_fixed_number_of_seeds(name):
    analysis = commands.analysis_of(reproductions.load(name))
    assert not analysis.rule.is_repeated
