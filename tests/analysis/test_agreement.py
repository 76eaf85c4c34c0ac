"""Agreement with the committed evidence: row by row, or as far as it can be compared."""

from experiments.analysis import agreement, tables
from experiments.cases import plans
from experiments.runs import runner
from experiments.runs.store import Store
from tests import toy
from tests.runs.test_store import ENVIRONMENT, rows


def compared(tmp_path, ours, theirs, environment=ENVIRONMENT):
    stores = Store(tmp_path / "ours", toy.CASE), Store(tmp_path / "theirs", toy.CASE)
    stores[0].add(ours, environment)
    stores[1].add(theirs, ENVIRONMENT)
    plan = {"broken": toy.CASE.broken}
    return agreement.line(toy.CASE, stores[0], plan, [0, 1], stores[1])


def test_agreement_row_by_row_in_the_same_environment(tmp_path):
    assert "2 rows compared, all equal (same environment)" in compared(tmp_path, rows(), rows())


def test_agreement_names_the_first_row_that_differs(tmp_path):
    ours = rows()
    ours.loc[1, "mse"] = 5.0
    said = compared(tmp_path, ours, rows())
    assert "1 differ, first ('broken', 8, 1)" in said


def test_agreement_counts_flips_in_another_environment(tmp_path):
    ours = rows()
    ours.loc[0, ["mse", "solved"]] = 0.1000001, False
    said = compared(tmp_path, ours, rows(), ENVIRONMENT | {"processor": "another"})
    assert "solved differs in 1, first ('broken', 8, 0)" in said


def test_agreement_with_nothing_shared_says_so(tmp_path):
    assert "none for these arms" in compared(tmp_path, rows(), rows("fixed"))


def test_agreement_of_a_cut_arm_compares_medians_at_its_checkpoint(tmp_path):
    case = toy.make_stream()
    full, short = Store(tmp_path / "full", case), Store(tmp_path / "cut", case)
    plan = plans.select(case, "fixed")
    runner.train(case, plan, list(range(8)), full)
    full.write_text("curves.csv", tables.to_csv(tables.curves(full), 4))
    cut = plans.cut(plan, 100)
    runner.train(case, cut, list(range(8)), short)
    said = agreement.line(case, short, cut, list(range(8)), full)
    assert "fixed at 100 steps agrees: median mse" in said


def test_agreement_in_another_environment_compares_medians_too(tmp_path):
    case = toy.CASE
    plan, seeds = plans.select(case, "broken"), list(range(8))
    stores = Store(tmp_path / "ours", case), Store(tmp_path / "theirs", case)
    for store in stores:
        runner.train(case, plan, seeds, store)
    stores[1].write_text("curves.csv", tables.to_csv(tables.curves(stores[1]), 4))
    stores[0].environments[0]["processor"] = "another"
    said = agreement.line(case, stores[0], plan, seeds, stores[1])
    assert "solved differs in 0 (another environment or trainer); broken at 8 steps agrees" in said
