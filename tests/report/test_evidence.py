"""The evidence of a folder: its tables, and the words drawn from them."""

import numpy as np
import pandas as pd

from experiments.analysis.analysis import Analysis
from experiments.cases import plans
from experiments.cases.claims import Fails, Solves, claim, intervention
from experiments.cases.evidence import find_evidence
from experiments.report import case_figures, evidence, index
from experiments.report import report as reports
from experiments.report.markdown import markdown
from experiments.runs.keys import row_key
from experiments.runs.store import Store
from experiments.training.columns import ORDER, typed
from tests import toy

ENVIRONMENT = {
    "python": "3",
    "keras": "3",
    "tensorflow": "2",
    "numpy": "2",
    "system": "any",
    "processor": "any",
}
CASE = toy.make(
    claims=(
        claim("A1", "The bend is needed.", Fails("longer"), Solves("fixed"), by="answer"),
        claim("A2", "Nobody can tell.", by="ours", untestable="It is a matter of taste."),
        claim("A3", "A slower rate would do.", Solves("slow"), by="asker"),
    ),
    interventions=(intervention("broken", "no bend", "a bend and time", Solves("fixed")),),
)
NUM_SEEDS = 100


def stored(folder, rates, case=CASE):
    """Writes rows of arms that solve at these rates; returns the store."""
    store, rows = Store(folder / case.name, case), []
    for arm, rate in rates.items():
        setup = case.arm(arm)
        for seed in range(NUM_SEEDS):
            solved = seed < rate * NUM_SEEDS
            error = 0.0001 if solved else 0.005
            row = {name: 0.0 for name in ORDER if "accuracy" not in name}
            row |= {"arm": arm, "seed": str(seed), "steps": str(setup.num_steps)}
            row |= {"diverged": 0.0, "solved": float(solved), "mse": error, "r2": 1 - 180 * error}
            rows.append(row | {"key": row_key(case, setup)})
    store.add(typed(rows), ENVIRONMENT)
    return store


LATTICE = {"broken": 0.0, "bend": 0.0, "longer": 0.0, "fixed": 1.0}


def analysed(store, case=CASE, **options):
    return Analysis(case, find_evidence(case), store, **options)


def test_a_folder_gives_every_table_but_the_era_that_is_not_there(tmp_path):
    texts = analysed(stored(tmp_path, LATTICE | {"slow": 0.0})).texts()
    expected = {"dissection", "sensitivity", "claims", "certificates", "diagnosis"}
    expected |= {"metric_check", "summary", "curves", "seeds"}
    assert set(texts) == {f"{name}.csv" for name in expected}


def test_a_claim_whose_arm_was_not_run_says_so_and_stops_nothing(tmp_path):
    claims = analysed(stored(tmp_path, LATTICE)).claims
    verdicts = claims.groupby("claim", sort=False)["verdict"].first().tolist()
    assert verdicts == ["supported", "cannot be tested", "not run"]
    assert "python -m reproductions record toy" in claims["note"].iloc[-1]


def test_the_answer_names_the_dissection_it_rests_on(tmp_path):
    text = evidence.answer(analysed(stored(tmp_path, LATTICE)))
    assert text.startswith("**Both are needed; none is shown to help alone.**")
    assert "100 seeds" in text


def test_without_a_whole_lattice_there_is_no_answer(tmp_path):
    analysis = analysed(stored(tmp_path, {"broken": 0.0, "fixed": 1.0}))
    assert evidence.answer(analysis) == ""
    assert "What each fix is worth" not in dict(evidence.sections(analysis))


def test_dissected_gives_a_line_for_each_fix_and_pair(tmp_path):
    table = analysed(stored(tmp_path, LATTICE)).ablation
    ((heading, (fixes, pairs, sets)),) = evidence.ablation_text(table).items()
    assert heading.endswith("100 seeds")
    assert fixes["fix"].tolist() == ["bend", "longer"]
    assert pairs["pair"].tolist() == ["bend+longer"]
    assert fixes["Shapley value, solve rate (points)"].str.startswith("+50.0 [").all()
    assert pairs["interaction, solve rate (points)"].str.startswith("+100.0 [").all()
    assert (fixes["alone"] == "does nothing").all() or (fixes["alone"] == "undecided").all()
    assert (fixes["last"] == "helps").all()
    assert sets == [f"`bend+longer` solves, minimal (confidence {'above 99.9%'})"]


def test_an_error_is_told_as_a_factor(tmp_path):
    table = analysed(stored(tmp_path, LATTICE)).ablation
    row = table[(table["kind"] == "shapley") & (table["quantity"] == "log_error")].iloc[0]
    ((_, (fixes, _, _)),) = evidence.ablation_text(table).items()
    assert (
        fixes["Shapley value, error (factor)"].iloc[0].startswith(f"{np.exp(row['estimate']):.3g}")
    )


def test_a_verdict_that_another_bar_turns_is_named():
    table = pd.DataFrame(
        {
            "arm": ["fixed", "broken"],
            "steps": [1000, 10],
            "bar": [0.99, 0.9],
            "verdict": ["fails", "fails"],
            "flips": [True, False],
        }
    )
    text = evidence.sensitivity_text(table)
    assert text == "With the bar at 0.9 and 0.99: at a bar of 0.99 `fixed` (1,000 steps): fails."
    assert "no verdict turns" in evidence.sensitivity_text(table.assign(flips=False))
    assert evidence.sensitivity_text(table[:0]) == ""


def test_accuracy_of_a_regression_is_called_meaningless(tmp_path):
    analysis = analysed(stored(tmp_path, LATTICE))
    table = pd.DataFrame({"arm": ["broken"], "steps": [8], "metric": ["logged_accuracy"]})
    table = table.assign(logged=0.25, num_seeds=4, verdict="meaningless", true=np.nan)
    (text,) = evidence._metrics(CASE, analysis.runs, table)
    assert "from 0.25 to 0.25" in text


def test_the_report_and_the_index_carry_answer_and_claims(tmp_path):
    store = stored(tmp_path, LATTICE | {"slow": 0.0})
    reports.write(analysed(store))
    report = store.read_table("report.md")
    assert "**Both are needed; none is shown to help alone.**" in report
    assert "| A3 A slower rate would do. | asker | contradicted |" in report
    found = {CASE: analysed(store, stored=True)}
    page = index.page(found, tmp_path, case_figures.summary(found))
    assert "Both are needed; none is shown to help alone." in page
    assert "| A1 The bend is needed. | [toy](toy/report.md) | answer | supported |" in page
    assert "| all | 1 | 1 | 1 |" in page


def test_every_number_of_the_words_follows_the_rows(tmp_path):
    one = stored(tmp_path / "one", LATTICE)
    other = stored(tmp_path / "other", LATTICE | {"fixed": 0.9})
    texts = []
    for store in (one, other):
        ((_, (fixes, pairs, _)),) = evidence.ablation_text(analysed(store).ablation).items()
        texts.append(markdown(fixes) + markdown(pairs))
    assert texts[0] != texts[1]
    assert "+45.0 [" in texts[1]


def test_a_dissection_of_the_lattice_is_what_plans_call_the_lattice(tmp_path):
    (found,) = analysed(stored(tmp_path, LATTICE)).ablations
    assert set(found.steps) == set(plans.combinations(CASE))


def test_a_report_counts_the_claims_it_cannot_answer(tmp_path):
    store = stored(tmp_path, LATTICE)
    reports.write(analysed(store))
    report = store.read_table("report.md")
    assert "1 more ask for arms that were not run here." in report
    assert "A3" not in report
