"""One case on one screen, and one seed again: every number stands in a table."""

import subprocess
import sys

import pandas as pd
import pytest

import reproductions
from experiments.analysis.ablation import COLUMNS as DISSECTED
from experiments.analysis.analysis import Analysis
from experiments.analysis.claim_results import CLAIM_COLUMNS, INTERVENTION_COLUMNS
from experiments.analysis.failure_modes import diagnose
from experiments.analysis.replay import replay
from experiments.analysis.tables import runs
from experiments.cases.claims import Solves, claim, intervention
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.cli import app, commands
from experiments.report.explain import HEIGHT, WIDTH, explain
from experiments.runs import runner
from experiments.runs.keys import row_key
from experiments.runs.store import Store
from experiments.stats.interim import FIXED
from experiments.training.columns import typed
from tests import toy

ENVIRONMENT = {"python": "3", "keras": "3.0", "tensorflow": "2.0", "numpy": "2.0"}
CASE = toy.make(
    claims=(claim("S1", "A bend is needed.", Solves("bend"), by="answer"),),
    interventions=(intervention("broken", "a line", "a bend", Solves("bend")),),
)
CLAIMS = (
    ("S1 A bend is needed.", "supported", "answer"),
    ("S2 More passes are enough.", "contradicted", "asker"),
    ("S3 Lines are fine.", "supported", "ours"),
    ("S4 It is slow.", "undecided", "answer"),
)


def rows(case, arm, num_solved, num_seeds):
    setup = case.arm(arm)
    head = {"arm": arm, "steps": str(setup.num_steps), "diverged": False}
    head["key"] = row_key(case, setup)
    good = {"solved": True, "mse": 0.0, "r2": 1.0, "skill": 1.0, "flat": 0.0, "output_mean": 0.17}
    bad = {
        "solved": False,
        "mse": 0.006,
        "r2": 0.0,
        "skill": 0.0,
        "flat": 1.0,
        "output_mean": 0.1667,
    }
    found = [head | {"seed": n} | (good if n < num_solved else bad) for n in range(num_seeds)]
    return typed(found)


def claims(changes=None):
    found = [
        {"claim": text, "verdict": verdict, "by": by, "answer": verdict, "question": "bend solves"}
        for text, verdict, by in CLAIMS
    ]
    found[-1] |= {"more_seeds": 40} | (changes or {})
    return pd.DataFrame(found, columns=list(CLAIM_COLUMNS))


def ablation_text(confidence=0.9731):
    head = {"dissection": "bend, longer: each arm at its documented length", "num_seeds": 100}
    found = [
        {"kind": "sufficient", "fixes": "bend+longer", "verdict": "minimal"},
        {"kind": "necessary", "fixes": "bend", "verdict": "necessary"},
        {"kind": "necessary", "fixes": "longer", "verdict": "can be spared"},
    ]
    return pd.DataFrame([head | {"confidence": confidence} | r for r in found], columns=DISSECTED)


def certificates():
    row = {"arm_explained": "broken", "cause": "a line", "intervention": "a bend"}
    return pd.DataFrame([row | {"verdict": "supported"}], columns=list(INTERVENTION_COLUMNS))


def explained(store):
    return explain(Analysis(store.case, find_evidence(store.case), store, stored=True))


def filled(folder, *, num_seeds=100, unsolved=0, case=CASE, **tables):
    store = Store(folder, case)
    for arm, num_solved in {
        "broken": 0,
        "bend": 0,
        "longer": 0,
        "fixed": num_seeds - unsolved,
    }.items():
        store.add(rows(case, arm, num_solved, num_seeds), ENVIRONMENT)
    written = {"claims": claims(), "certificates": certificates(), "dissection": ablation_text()}
    written["diagnosis"] = diagnose(case, runs(store), FIXED)
    for name, table in (written | tables).items():
        if table is not None:
            store.write_text(f"{name}.csv", table.to_csv(index=False))
    return store


# The screen.


@pytest.mark.parametrize(
    "line",
    [
        "toy: A parabola is fitted by a line.",
        "  broken fails after 8 updates. Of 100 seeds all answer about the same number everywhere,",
        "  Both are needed; none is shown to help alone.",
        "  bend+longer: minimal, confidence at least 97.3%",
        "  necessary, all others made: bend",
        "  fixed solves after 20 updates. Of 100 seeds all solve it.",
        "  supported: 2 (answer 1, ours 1)",
        "    S1 A bend is needed. (answer)",
        "  contradicted: 1 (asker 1)",
        "  supported: a line (broken; a bend)",
        "  Least sure: bend+longer minimal, confidence at least 97.3%.",
        "  Open questions: S4, bend solves (about 40 more seeds).",
        "  No verdict changes with the bar at 0.9 or 0.99 in place of 0.95.",
    ],
)
def test_the_screen_says(line, tmp_path):
    text = explained(filled(tmp_path / "toy"))
    assert any(found.startswith(line) for found in text.splitlines()), text


def test_our_own_claims_are_counted_and_not_listed(tmp_path):
    assert "Lines are fine" not in explained(filled(tmp_path / "toy"))


def test_a_number_that_changes_in_a_table_changes_in_the_text(tmp_path):
    changed = filled(
        tmp_path / "toy",
        num_seeds=90,
        dissection=ablation_text(0.8519),
        claims=claims({"more_seeds": 41}),
    )
    text = explained(changed)
    for part in ("Of 90 seeds", "90 of broken", "at least 85.1%", "about 41 more seeds"):
        assert part in text
    for part in ("100 seeds", "97.3%", "about 40"):
        assert part not in text


def test_rare_failures_are_named_with_their_command(tmp_path):
    text = explained(filled(tmp_path / "toy", unsolved=2))
    assert "Rare failures of fixed: 2 of 100 seeds" in text
    assert "python -m reproductions explain toy --seed 98" in text


def test_undecided_arms_say_how_many_more_seeds(tmp_path):
    text = explained(filled(tmp_path / "toy", num_seeds=4))
    # Wilson's interval of 16 of 16 lies above 0.8, that of 15 of 15 does not.
    assert "fixed at 20 updates (about 12 more seeds)" in text
    assert "fixed is undecided after 20 updates" in text


def test_what_is_certain_is_not_called_so(tmp_path):
    text = explained(filled(tmp_path / "toy", dissection=ablation_text(1.0)))
    assert "at least 99.9%" in text
    assert "100.0%" not in text


def test_the_software_of_the_time_is_told_by_verdict(tmp_path):
    era = pd.DataFrame({"arm": ["broken", "bend", "fixed"], "verdict": ["alike", "alike", "not"]})
    lines = explained(filled(tmp_path / "toy", era=era)).splitlines()
    assert lines[lines.index("The software of the time") + 1 :] == [
        "  alike: broken, bend",
        "  not: fixed",
    ]


def test_without_its_table_the_software_of_the_time_is_passed_over(tmp_path):
    assert "software of the time" not in explained(filled(tmp_path / "toy"))


def test_a_long_ledger_is_cut_to_one_screen_and_says_so(tmp_path):
    long = [f"S{n} {'word ' * 40}" for n in range(30)]
    found = [
        {"claim": text, "verdict": ("supported", "contradicted")[n % 2], "by": "answer"}
        for n, text in enumerate(long)
    ]
    ledger = pd.DataFrame(found, columns=list(CLAIM_COLUMNS))
    lines = explained(filled(tmp_path / "toy", claims=ledger)).splitlines()
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH
    assert any(line.startswith("    and S") for line in lines)


@pytest.mark.parametrize("name", ["claims", "certificates", "dissection", "diagnosis"])
def test_a_missing_table_names_the_command(name, tmp_path):
    store = filled(tmp_path / "toy", **{name: None})
    with pytest.raises(SuiteError, match=rf"lacks {name}\.csv.*reproductions report toy"):
        explained(store)


def test_missing_runs_name_the_command(tmp_path):
    with pytest.raises(SuiteError, match="holds no runs.*reproductions record toy"):
        explained(Store(tmp_path / "toy", CASE))


def test_claims_that_a_case_does_not_have_are_not_missed(tmp_path):
    store = filled(tmp_path / "toy", case=toy.CASE, claims=None, certificates=None)
    text = explained(store)
    assert "What mends it" in text
    assert "got right" not in text


def test_explaining_imports_neither_tensorflow_nor_keras():
    code = "import sys, experiments.report.explain, experiments.analysis.replay; "
    code += "print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=commands.ROOT, capture_output=True, text=True, check=True
    )
    assert not {"tensorflow", "keras"} & set(done.stdout.split())


# The command line.


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Returns a function that runs the suite's command with the toy case alone."""
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    monkeypatch.setattr(reproductions, "names", lambda: ["toy"])
    load = reproductions.load
    monkeypatch.setattr(reproductions, "load", lambda n: CASE if n == "toy" else load(n))

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            app.suite(list(arguments))
        return caught.value.code

    return run


def test_the_command_prints_the_screen(suite, tmp_path, capsys):
    store = filled(tmp_path / "results" / "toy")
    assert suite("explain", "toy") == 0
    assert capsys.readouterr().out == explained(store) + "\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("tyo",), 1, "Did you mean 'toy'?"),
        (("toy",), 1, "python -m reproductions record toy"),
        (("toy", "--seed", "-1"), 1, "whole number of at least 0"),
        (("toy", "--seed", "one"), 2, "--seed"),
        (("toy", "--seed", "1", "--arms", "brokn"), 1, "Did you mean 'broken'?"),
        ((), 2, "'case'"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, code, says, suite, capsys):
    assert suite("explain", *arguments) == code
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert says in error


# One seed again.


def test_a_seed_is_trained_again_and_equals_its_row(suite, tmp_path, capsys):
    store = Store(tmp_path / "results" / "toy", CASE)
    # Arms of the same run as the evidence, of which seed 1 is replayed alone.
    plan = {"broken": CASE.broken, "fixed": CASE.fixed}
    runner.train(CASE, plan, [0, 1, 2], store)
    assert suite("explain", "toy", "--seed", "1") == 0
    text = capsys.readouterr().out
    for part in (
        "toy, seed 1: broken, 8 updates",
        "toy, seed 1: fixed, 20 updates",
        "gradient_norm",
        "Diagnosis: ",
    ):
        assert part in text
    assert text.count("Its row equals the committed one in all ") == 2, text
    rows = store.frame()
    (error,) = rows["mse"][(rows["arm"] == "broken") & (rows["seed"] == 1)]
    assert f"{error:.3g}" in text
    assert [line.split()[0] for line in text.splitlines()[2:8]] == [
        *("0", "1", "2", "5", "8"),
        "Diagnosis:",
    ]


def test_a_row_that_differs_is_told_value_by_value(tmp_path):
    store = Store(tmp_path / "toy", CASE)
    runner.train(CASE, {"broken": CASE.broken}, [0, 1], store)
    store.add(store.frame()[:1].assign(mse=9.0), ENVIRONMENT | store.environments[0])
    assert " for 9" in replay(CASE, 0, "broken", store=store)
    assert "Its row differs in 1 of " in replay(CASE, 0, "broken", store=store)


def test_an_endless_arm_is_cut_and_held_to_the_row_of_its_twin(tmp_path):
    case = toy.make_stream()
    store = Store(tmp_path / "toy", case)
    cut = case.fixed.replace(steps=40)
    # The same program by another name: a row is found by what made it.
    runner.train(case, {"broken": cut}, [0, 1], store)
    text = replay(case, 0, "fixed", store=store, longest=40)
    assert "fixed, 40 updates (cut; documented 250)" in text
    assert "Its row equals the committed one" in text


def test_a_seed_without_a_row_says_so():
    assert "There is no committed row" in replay(CASE, 3, "broken")
