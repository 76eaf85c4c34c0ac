"""The committed evidence: current, whole, and saying what the suite says it says."""

import functools
import pathlib
import shutil

import numpy as np
import pytest

import reproductions
from experiments.analysis import baselines, tables
from experiments.analysis.analysis import Analysis
from experiments.cases import plans
from experiments.cases.evidence import find_evidence
from experiments.cli import commands
from experiments.report import case_figures, index, report
from experiments.runs.store import Store
from experiments.stats import intervals
from experiments.stats.interim import FIXED

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "results"
CASES = reproductions.names()


@pytest.fixture(scope="module")
def evidence(analysed):
    """Returns a function from a case's name to its case, store and runs."""

    def load(name):
        found = analysed(name)
        return found.case, found.store, found.runs

    return load


@pytest.fixture(scope="module")
def analysed():
    """Returns a function from a case's name to its analysis, computed anew."""

    @functools.cache
    def load(name):
        case = reproductions.load(name)
        return Analysis(case, find_evidence(case), Store(RESULTS / name, case))

    return load


@pytest.mark.parametrize("name", CASES)
def test_every_row_is_current(name, evidence):
    _, store, _ = evidence(name)
    assert store.stale() == {}, f"run: python -m reproductions record {name}"


@pytest.mark.parametrize("name", CASES)
def test_every_arm_has_the_seeds_that_its_case_names(name, evidence):
    case, store, _ = evidence(name)
    for line in find_evidence(case).recorded:
        plan = plans.select(case, line.arms, without=line.without)
        for arm, setup in plans.cut(plan, line.steps).items():
            assert store.missing(arm, setup, range(line.num_seeds)) == [], arm


@pytest.mark.parametrize("name", CASES)
def test_broken_fails_and_fixed_solves_by_their_intervals(name, analysed):
    verdicts = analysed(name).outcomes.groupby("arm")["verdict"].agg(set)
    assert verdicts["broken"] == {"fails"}
    assert verdicts["fixed"] == {"solves"}


@pytest.mark.parametrize("name", CASES)
def test_every_fix_alone_changes_what_comes_out(name, evidence):
    case, _, runs = evidence(name)
    before = runs[runs["arm"] == "broken"].set_index("seed").drop(columns=["arm", "steps"])
    for fix in case.fixes:
        after = runs[runs["arm"] == fix].drop_duplicates("seed", keep="last")
        after = after.set_index("seed").drop(columns=["arm", "steps"])
        shared = before.index.intersection(after.index)
        assert len(shared) >= 32
        assert not before.loc[shared].equals(after.loc[shared]), fix


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("table", ["summary.csv", "report.md"])
def test_tables_and_report_are_those_of_the_rows(name, table, analysed):
    analysis = analysed(name)
    if table == "summary.csv":
        made = tables.to_csv(analysis.summary)
    else:
        analysis.curves = tables.from_csv(analysis.store.read_table("curves.csv"))
        made = report.report(analysis, case_figures.collect(analysis))
    assert analysis.store.read_table(table) == made, f"run: python -m reproductions report {name}"


@pytest.mark.parametrize("name", CASES)
def test_curves_end_where_the_rows_do(name, evidence):
    case, store, runs = evidence(name)
    curves = tables.from_csv(store.read_table("curves.csv"))
    metric = baselines.main_metric(case)
    for (arm, steps), part in runs.groupby(["arm", "steps"]):
        last = curves[
            (curves["arm"] == arm)
            & (curves["steps"] == steps)
            & (curves["checkpoint"] == steps)
            & (curves["metric"] == metric)
        ]
        (row,) = last.to_dict("records")
        assert row["num_seeds"] == len(part)
        expected = intervals.quantiles(part[metric].to_numpy(), [0.5])[0]
        assert row["q50"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_sixteen_seeds_of_the_lattice_and_four_of_rivals_are_kept_in_full(name, evidence):
    case, store, runs = evidence(name)
    table = tables.from_csv(store.read_table("seeds.csv"))
    for (arm, steps), part in table.groupby(["arm", "steps"]):
        assert part["seed"].nunique() == (4 if arm in case.variants else 16), arm
        assert part["checkpoint"].min() == 0
        assert part["checkpoint"].max() == steps
    assert set(table["arm"]) == set(runs["arm"])


def test_the_published_points_are_met_at_the_million_steps(evidence):
    case, store, runs = evidence("ln_fit")
    value = case.task.published_mse
    met = tables.share_at_or_below(runs, "points_mse", value, FIXED)
    assert met.steps == 1_000_000
    assert met.estimate >= 0.9
    curves = tables.from_csv(store.read_table("curves.csv"))
    reached = tables.first_reaching(curves, "points_mse", value)
    assert f"checkpoint of {reached.checkpoint:,} steps" in store.read_table("report.md")


def test_the_published_mean_is_that_of_the_published_errors():
    errors = [1.85587377928e-05, 9.94640868157e-05, 8.65551464813e-06, 9.4036658993e-06]
    errors += [0.000127425722894, 2.6408026315e-05, 8.31002580526e-07]
    errors += [1.52364455062e-05, 8.35050013848e-05]
    assert np.mean(errors) == pytest.approx(
        reproductions.load("ln_fit").task.published_mse, rel=1e-2
    )


@pytest.mark.parametrize("name", CASES)
def test_reference_and_engine_agree_seed_by_seed(name, evidence):
    case, _, runs = evidence(name)
    store = Store(RESULTS / name / "reference", case, "reference")
    assert store.stale() == {}, f"run: python -m reproductions record {name} --trainer reference"
    slow = tables.runs(store).set_index("seed")
    assert len(slow) >= 10
    arm, steps = slow["arm"].iloc[0], slow["steps"].iloc[0]
    fast = runs[(runs["arm"] == arm) & (runs["steps"] == steps)].set_index("seed")
    fast = fast.loc[slow.index]
    assert (slow["solved"] == fast["solved"]).mean() == 1.0
    difference = np.abs(np.log10(error(case, slow) / error(case, fast)))
    assert difference.median() <= 0.005
    assert difference.max() <= 0.1


def error(case, table):
    """The error on a log scale: MSE, or the share of points put wrong."""
    if baselines.main_metric(case) == "mse":
        return table["mse"]
    return np.maximum(1 - table["accuracy"], 0.5 / 10_000)


def test_the_index_is_that_of_the_rows():
    found = {case: commands.analysis_of(case) for case in map(reproductions.load, CASES)}
    made = index.page(found, RESULTS, case_figures.summary(found))
    assert (RESULTS / "README.md").read_text() == made, "run: python -m reproductions report"


def test_results_stay_small():
    # What begins with a dot is not under version control: traces, units, states, locks.
    found = [path for path in RESULTS.rglob("*") if path.is_file()]
    files = [p for p in found if not any(n.startswith(".") for n in p.relative_to(RESULTS).parts)]
    assert sum(path.stat().st_size for path in files) < 25e6
    for path in files:
        assert path.suffix in {".csv", ".json", ".md", ".svg", ".png", ".gif"} | {
            *(".py", ".txt")
        }, path
        assert path.stat().st_size < 3e6


@pytest.mark.parametrize("name", CASES)
def test_no_table_hides_a_seed(name, evidence):
    _, _, runs = evidence(name)
    for (arm, steps), part in runs.groupby(["arm", "steps"]):
        assert sorted(part["seed"]) == list(range(len(part))), (arm, steps)


# The evidence.

STATEMENTS = {f"S{n}" for n in range(1, 7)} | {f"C{n}" for n in range(1, 13)}
STATEMENTS |= {f"L{n}" for n in range(1, 14)} | {f"T{n}" for n in range(1, 8)}
VERDICTS = {"supported", "contradicted", "depends on the seed", "undecided", "cannot be tested"}
MANY = 200


@pytest.mark.parametrize("name", CASES)
def test_the_tables_of_evidence_are_those_of_the_rows(name, analysed):
    analysis = analysed(name)
    for file, text in analysis.texts(pictures=False).items():
        assert analysis.store.read_table(file) == text, (
            f"{file}; run: python -m reproductions report {name}"
        )


def test_every_statement_of_the_threads_is_a_claim():
    found = [find_evidence(reproductions.load(name)) for name in CASES]
    claims = [claim for evidence in found for claim in evidence.claims]
    assert {claim.name for claim in claims} == STATEMENTS


@pytest.mark.parametrize("name", CASES)
def test_every_claim_has_a_verdict_with_an_interval_or_a_reason(name, analysed):
    table = analysed(name).claims
    assert set(table["verdict"]) <= VERDICTS
    untestable = table["verdict"] == "cannot be tested"
    assert (table.loc[untestable, "note"].str.len() > 20).all()
    # A closed form needs no seeds and has no interval; all else says what it rests on.
    closed = table["num_seeds"].isna()
    assert (table.loc[closed & ~untestable, "quantity"].str.startswith("slope")).all()
    asked = table[~closed]
    assert asked[["estimate", "low", "high"]].notna().all(axis=None)
    assert (asked["low"] <= asked["estimate"]).all()
    assert (asked["estimate"] <= asked["high"]).all()


@pytest.mark.parametrize("name", CASES)
def test_every_certificate_bears_its_cause_out(name, analysed):
    table = analysed(name).interventions
    assert set(table["verdict"]) == {"supported"}


@pytest.mark.parametrize("name", CASES)
def test_no_verdict_on_a_cheap_arm_rests_on_few_seeds(name, analysed):
    for table in (analysed(name).claims, analysed(name).interventions):
        own = table[table["num_seeds"].notna() & ~table["arm"].str.contains(":")]
        cheap = own[(own["steps"] <= 10_000) | (name != "ln_fit")]
        assert (cheap["num_seeds"] >= MANY).all()


@pytest.mark.parametrize("name", CASES)
def test_broken_has_a_diagnosis_and_every_fix_its_worth(name, analysed):
    case = analysed(name).case
    table = analysed(name).failure_modes
    broken = table[(table["arm"] == "broken") & (table["holds"] == "most seeds")]
    assert len(broken)
    worth = analysed(name).ablation
    assert set(worth.loc[worth["kind"] == "shapley", "fixes"]) == set(case.fixes)


@pytest.mark.parametrize("name", CASES)
def test_no_arm_differs_from_the_software_of_its_time(name, analysed):
    table = analysed(name).history
    assert len(table)
    assert set(table["verdict"]) <= {"equivalent", "undecided", "too few"}
    assert (table["verdict"] == "equivalent").any()
    few = table["verdict"] == "too few"
    assert ((table["era_seeds"] < 20) == few).all()


# The bytes: the same from every version of every package, written only where they change.


def test_a_report_of_what_is_stored_writes_no_table_and_no_text(tmp_path):
    folder = tmp_path / "sum_hinge"
    for name in ("sum_hinge", "era"):
        shutil.copytree(RESULTS / name, tmp_path / name, ignore=shutil.ignore_patterns(".*"))
    before = written(folder)
    commands.rebuild(reproductions.load("sum_hinge"), folder)
    after = written(folder)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name]] == []


def written(folder):
    """Returns the bytes and time of each file but pictures, which Matplotlib may draw otherwise."""
    paths = [p for kind in ("csv", "json", "md") for p in folder.rglob(f"*.{kind}")]
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in paths}


DIGITS = {"summary.csv": 6, "curves.csv": 4, "seeds.csv": 3}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("file", DIGITS)
def test_a_table_is_the_same_text_whatever_the_types_of_its_columns(name, file, evidence):
    text = evidence(name)[1].read_table(file)
    table = tables.from_csv(text)
    for made in (table, table.astype(object)):
        assert tables.to_csv(made, DIGITS[file]) == text
