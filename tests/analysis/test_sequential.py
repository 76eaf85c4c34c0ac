"""Looks until all is decided: enough seeds, no more, and the same rows however often ended."""

import numpy as np
import pytest
from scipy import stats

from experiments.analysis import criteria, sequential, tables
from experiments.analysis.analysis import Analysis
from experiments.analysis.questions import paired
from experiments.cases import plans
from experiments.cases.claims import Fails, Helps, Less, Solves, claim
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.report import report
from experiments.runs.keys import row_key
from experiments.runs.store import Store
from experiments.stats import effects, interim
from experiments.training.columns import typed
from tests import toy
from tests.runs.test_store import ENVIRONMENT as VERSIONS

ENVIRONMENT = VERSIONS | {"system": "a system", "processor": "a processor"}
RATES = {"broken": 0.0, "bend": 0.35, "longer": 0.02, "fixed": 1.0, "slow": 0.75}
CLAIMS = (
    claim("C1", "It bends.", Fails("broken"), Solves("fixed"), by="ours"),
    claim("C2", "Longer helps.", Helps("longer", "broken"), by="ours"),
    claim("C3", "A slow one solves.", Solves("slow"), by="ours"),
    claim("C4", "Another trainer says so.", Solves("numpy:fixed"), by="ours"),
    claim("C5", "Later it does.", Solves("fixed", steps=999), by="ours"),
    claim("C6", "A metric that is not there.", Less("broken", "never", "mse"), by="ours"),
)
CASE = toy.make(claims=CLAIMS)
LATTICE = plans.combinations(CASE)


class Killed(KeyboardInterrupt):
    """Training was ended in the middle."""


class World:
    """Trains nothing: a seed solves where its own draw lies below the arm's rate."""

    def __init__(self, store, rates=RATES, most_rows=10**9):
        self.store, self.rates, self.left, self.asked = store, rates, most_rows, []

    def __call__(self, plan, seeds):
        self.asked.append((tuple(plan), len(seeds)))
        for arm, setup in reversed(plan.items()):
            new = [self.row(arm, setup, s) for s in self.store.missing(arm, setup, seeds)]
            if new:
                self.store.add(typed(new)[: self.left], ENVIRONMENT)
            self.left -= len(new)
            if self.left < 0:
                raise Killed

    def row(self, arm, setup, seed):
        place = sum(arm.encode())
        solved = np.random.default_rng([seed, place]).random() < self.rates[arm]
        error = 1e-3 if solved else 0.02
        head = {"arm": arm, "seed": str(seed), "steps": str(setup.num_steps), "diverged": False}
        metrics = {"mse": error, "r2": 1 - error / 0.0556, "flat": 0.0, "loss": error}
        metrics |= {"skill": metrics["r2"], "output_mean": 0.1, "output_std": 0.1}
        return head | metrics | {"solved": solved, "key": row_key(CASE, setup)}


def analysed(store, case=CASE):
    return Analysis(case, find_evidence(case), store)


def criteria_of(case, plan):
    return criteria.list_criteria(case, find_evidence(case), plan)


def run(folder, plan=LATTICE, case=CASE, most_rows=10**9, **options):
    store = Store(folder, case)
    world = World(store, most_rows=most_rows)
    return sequential.until(analysed(store, case), plan, world, **options), store, world


def counts(store):
    table = tables.runs(store)
    return table.groupby("arm").size().to_dict()


# What is asked.


def test_every_arm_every_fix_and_every_claim_within_the_plan_is_asked_for():
    words = [criterion.text.partition(":")[0] for criterion in criteria_of(CASE, LATTICE)]
    rates = [f"solve rate of {arm}" for arm in LATTICE]
    fixes = ["bend, alone", "bend, last", "longer, alone", "longer, last"]
    assert words == [*rates, *fixes, "claim C1", "claim C2", "claim C6"]


def test_without_the_whole_lattice_no_fix_is_asked_for():
    plan = plans.select(CASE, "broken,fixed,slow")
    words = [criterion.text.partition(":")[0] for criterion in criteria_of(CASE, plan)]
    rates = [f"solve rate of {arm}" for arm in plan]
    assert words == [*rates, "claim C1", "claim C3", "claim C6"]


def test_a_claim_on_a_length_of_the_plan_is_asked_for():
    plan = {"fixed": CASE.fixed.replace(epochs=333)}
    steps = plan["fixed"].num_steps
    case = toy.make(claims=(claim("C", "Later.", Solves("fixed", steps=steps), by="ours"),))
    assert [q.text for q in criteria_of(case, plan)][1:] == ["claim C: Later."]
    assert [q.text for q in criteria_of(case, {"fixed": CASE.fixed})][1:] == []


def test_arms_are_asked_by_the_names_of_the_plan():
    case = toy.make(claims=(claim("C", "Both.", Solves("longer+bend"), by="ours"),))
    (criterion,) = [q for q in criteria_of(case, LATTICE) if q.text == "claim C: Both."]
    assert criterion.arms == ("fixed",)


# Enough, and no more.


def test_a_clear_case_is_decided_at_the_first_looks(tmp_path):
    found, store, world = run(tmp_path / "a", plans.select(CASE, "broken,fixed"))
    assert counts(store) == {"broken": 32, "fixed": 32}
    assert world.asked == [(("broken", "fixed"), 32)]
    assert set(found.table["decided_at"]) == {32}


def test_only_the_arms_of_what_is_undecided_get_more_seeds(tmp_path):
    found, store, world = run(
        tmp_path / "a", plans.select(CASE, "broken,fixed,slow"), most_seeds=64
    )
    assert world.asked == [(("broken", "fixed", "slow"), 32), (("slow",), 64)]
    assert counts(store) == {"broken": 32, "fixed": 32, "slow": 64}
    assert (found.table["answer"] == "undecided").any()


def test_a_comparison_keeps_both_its_arms(tmp_path):
    _, store, world = run(tmp_path / "a", most_seeds=64)
    last = world.asked[-1][0]
    assert {"broken", "longer"} <= set(last)
    assert counts(store)["broken"] == counts(store)["longer"] == 64


def test_it_stops_at_the_look_before_the_budget(tmp_path):
    found, store, _ = run(tmp_path / "a", plans.select(CASE, "slow"), most_seeds=200)
    assert counts(store) == {"slow": 128}
    assert "no look is left up to 200 seeds" in found.stopped
    row = found.table.iloc[0]
    assert (row["num_seeds"], row["answer"]) == (128, "undecided")
    # The number of seeds that is likely to decide is one at which there is a look.
    assert row["num_seeds"] + row["more_seeds"] in interim.analysis_sizes(100_000)


def test_a_budget_below_the_first_look_is_refused(tmp_path):
    with pytest.raises(SuiteError, match="first look is at 32 .* Received: at most 31 seeds"):
        run(tmp_path / "a", most_seeds=31)


def test_without_time_only_the_first_look_is_trained_for(tmp_path):
    found, store, _ = run(tmp_path / "a", plans.select(CASE, "slow"), seconds=0)
    assert counts(store) == {"slow": 32}
    assert found.stopped == "the next look, at 64 seeds, does not fit in 0 s"


def test_with_time_enough_it_goes_on(tmp_path):
    _, store, _ = run(tmp_path / "a", plans.select(CASE, "slow"), seconds=1000, most_seeds=64)
    assert counts(store) == {"slow": 64}


def test_rows_that_are_not_there_after_training_are_an_error(tmp_path):
    store = Store(tmp_path / "a", CASE)
    with pytest.raises(SuiteError, match="lacks rows .* run again .* Received: broken"):
        sequential.until(analysed(store), {"broken": CASE.broken}, lambda plan, seeds: None)


# What was decided is what tables say.


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("decided") / "a", plans.select(CASE, "all"), most_seeds=512)


def test_the_folder_says_how_its_seeds_were_chosen(finished):
    _, store, _ = finished
    assert Store(store.folder, CASE).stopping_rule == interim.REPEATED.name


def test_arms_have_whole_looks_and_not_all_the_same(finished):
    found = set(counts(finished[1]).values())
    assert found <= set(interim.analysis_sizes(512))
    assert len(found) > 1


def test_each_answer_is_that_of_the_tables(finished):
    found, store, _ = finished
    names = [words.partition(":")[0] for words in found.table["question"]]
    answers = dict(zip(names, found.table["answer"], strict=True))
    shown = analysed(store)
    expected = {f"solve rate of {r.arm}": r.verdict for r in shown.outcomes.itertuples()}
    part = shown.ablation
    part = part[part["kind"].isin(["alone", "last"]) & (part["quantity"] == "verdict")]
    expected |= {f"{r.fixes}, {r.kind}": r.verdict for r in part.itertuples()}
    claims = {r.claim.split()[0]: r.verdict for r in shown.claims.itertuples()}
    expected |= {f"claim {name}": claims[name] for name in ("C1", "C2", "C3", "C6")}
    assert answers == expected


def test_what_is_decided_stays_so_at_every_later_look(finished):
    found, store, _ = finished
    row = found.table.set_index("question").loc["solve rate of slow"]
    runs = tables.runs(store)
    runs = runs[runs["arm"] == "slow"]
    for look in interim.analysis_sizes(row["num_seeds"]):
        part = toy.analysis(CASE, runs[runs["seed"] < look], interim.REPEATED)
        (line,) = part.outcomes.itertuples()
        is_decided = line.verdict != "undecided"
        assert is_decided == (not np.isnan(row["decided_at"]) and look >= row["decided_at"])


def test_a_rate_is_read_at_the_confidence_of_its_look(finished):
    lines = analysed(finished[1]).summary.set_index(["arm", "metric"])
    line = lines.loc["fixed", "solved"]
    num, share = int(line["num_seeds"]), line["estimate"]
    # Wilson's bound: where the score test of this error just does not reject.
    width = (share - line["low"]) / np.sqrt(line["low"] * (1 - line["low"]) / num)
    assert 2 * stats.norm.sf(width) == pytest.approx(0.05 * 32 / (2 * num), rel=1e-6)


def test_an_effect_is_read_at_the_seeds_of_its_two_arms(finished):
    _, store, _ = finished
    outcomes = analysed(store).per_seed
    first, second = outcomes.of("longer"), outcomes.of("broken")
    seeds = first.index.intersection(second.index)
    confidence = 1 - 0.05 / 2 ** (1 + np.log2(len(seeds) / 32))
    pair = paired(first.loc[seeds], second.loc[seeds], span=outcomes.span, confidence=confidence)
    table = analysed(store).ablation
    part = table[(table["kind"] == "alone") & (table["fixes"] == "longer")]
    (line,) = part[part["quantity"] == "solved"].itertuples()
    assert line.low == pytest.approx(pair[0].low, abs=1e-9)
    assert line.num_seeds == len(seeds)
    (line,) = part[part["quantity"] == "verdict"].itertuples()
    assert line.verdict == effects.effect(*pair)


def test_the_report_says_that_95_percent_is_that_of_all_looks(finished):
    _, store, _ = finished
    report.write(analysed(store), pictures=False)
    assert interim.REPEATED.text() in (store.folder / "report.md").read_text()


def test_the_words_say_what_is_decided_where_and_what_is_not(finished):
    words = finished[0].text()
    assert list(words) == ["verdict on", "arms", "seeds", "answer", "decided at"]
    by_name = words.set_index("verdict on")
    assert by_name.loc["claim C1: It bends.", "decided at"] == "32 seeds"
    open_ = by_name[by_name["answer"] == "undecided"]
    assert open_["decided at"].str.startswith("not yet").all()


# However often it is ended.


@pytest.mark.parametrize("most_rows", [5, 100, 177])
def test_a_run_that_was_ended_goes_on_to_the_same_rows(tmp_path, finished, most_rows):
    plan, tries = plans.select(CASE, "all"), 0
    while True:
        tries += 1
        try:
            found, store, _ = run(
                tmp_path / "a", plan, most_seeds=512, most_rows=most_rows * 2 ** (tries - 1)
            )
            break
        except Killed:
            continue
    assert tries > 1
    assert store.text() == finished[1].text()
    assert found.table.equals(finished[0].table)


def test_a_second_run_trains_nothing(tmp_path):
    plan = plans.select(CASE, "broken,fixed,slow")
    first = run(tmp_path / "a", plan, most_seeds=64)
    again = run(tmp_path / "a", plan, most_seeds=64)
    assert again[2].asked == []
    assert again[0].table.equals(first[0].table)


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(tmp_path):
    plan = plans.select(CASE, "broken,slow")
    run(tmp_path / "a", plan, most_seeds=64)
    _, store, world = run(tmp_path / "a", plan, most_seeds=128)
    assert world.asked == [(("slow",), 128)]
    _, at_once, _ = run(tmp_path / "b", plan, most_seeds=128)
    assert store.text() == at_once.text()


# From one rule to the other.


def fixed_folder(folder, num_seeds, rates=RATES):
    store = Store(folder, CASE)
    World(store, rates)(plans.select(CASE, "broken,slow"), list(range(num_seeds)))
    return store


def test_a_folder_of_a_fixed_number_is_read_by_looks_from_then_on(tmp_path):
    store = fixed_folder(tmp_path / "a", 32)
    before = analysed(store).summary.set_index(["arm", "metric"])
    run(tmp_path / "a", plans.select(CASE, "broken"))
    after = analysed(Store(tmp_path / "a", CASE)).summary.set_index(["arm", "metric"])
    assert counts(store)["broken"] == 32
    assert after.loc["broken", "solved"]["high"] > before.loc["broken", "solved"]["high"]


def test_a_fixed_number_added_later_does_not_bring_the_fixed_rule_back(tmp_path):
    run(tmp_path / "a", plans.select(CASE, "broken"))
    store = fixed_folder(tmp_path / "a", 100)
    assert store.stopping_rule == interim.REPEATED.name
    assert analysed(store).rule is interim.REPEATED


def test_seeds_beyond_a_look_count_if_they_leave_it_undecided(tmp_path):
    # The first 32 all fail; with the others, which were there before, it is undecided.
    store = Store(tmp_path / "a", CASE)
    plan = plans.select(CASE, "slow")
    world = World(store, {"slow": 0.0})
    world(plan, list(range(32)))
    world.rates = {"slow": 1.0}
    world(plan, list(range(36)))
    found, store, world = run(tmp_path / "a", plan, most_seeds=64)
    assert world.asked == [(("slow",), 64)]
    assert set(found.table["answer"]) == {"depends on the seed"}


def test_stale_rows_are_refused(tmp_path):
    store = Store(tmp_path / "a", CASE)
    row = World(store).row("broken", CASE.broken, 0)
    store.add(typed([row | {"key": "0" * 12}]), ENVIRONMENT)
    with pytest.raises(SuiteError, match="older version of toy"):
        run(tmp_path / "a")


def test_an_unknown_stopping_rule_is_refused(tmp_path):
    store = fixed_folder(tmp_path / "a", 2)
    store.note(stopping_rule="until I am pleased")
    with pytest.raises(
        SuiteError, match="another stopping rule; .* Received: 'until I am pleased'"
    ):
        tables.runs(Store(tmp_path / "a", CASE))
