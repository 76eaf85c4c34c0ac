"""Claims against hand-made seeds: every question in all its answers, and their sum."""

import math

import numpy as np
import pandas as pd
import pytest

from experiments import SuiteError
from experiments.analysis.baselines import error_range, log_errors
from experiments.analysis.claim_results import (
    CLAIM_COLUMNS,
    INTERVENTION_COLUMNS,
    answers,
    claims_table,
    combined,
    interventions_table,
    text_table,
)
from experiments.analysis.outcomes import Outcomes
from experiments.analysis.questions import question, read
from experiments.cases.claims import (
    Alike,
    Equal,
    Fact,
    Fails,
    Few,
    Harms,
    Helps,
    Less,
    Median,
    Most,
    NotWorse,
    Solves,
    Some,
    Tracks,
    claim,
    intervention,
)
from experiments.cases.evidence import find_evidence
from experiments.stats import intervals
from experiments.stats.interim import FIXED
from tests import toy

YES, NO, LUCK, OPEN = "supported", "contradicted", "depends on the seed", "undecided"
SEEDS = 100


def rows_of(arm, num_solved, *, num_seeds=SEEDS, steps=8, **metrics):
    """Rows of one arm, of which the first so many seeds solve."""
    solved = np.arange(num_seeds) < num_solved
    columns = {"arm": arm, "seed": np.arange(num_seeds), "steps": steps, "diverged": False}
    return pd.DataFrame(columns | {"solved": solved, "mse": 0.001, "r2": 0.5} | metrics)


def outcomes_of(*parts, case=toy.CASE, **others):
    return Outcomes(case, pd.concat(parts, ignore_index=True), FIXED, **others)


def answer_to(test, *parts, **others):
    """What the rows answer to one question alone."""
    _, (reading,) = answers([test], outcomes_of(*parts, **others))
    return reading


# Solves and fails.


@pytest.mark.parametrize("num_solved, answer", [(100, YES), (0, NO), (50, LUCK), (80, OPEN)])
def test_solves_answers_by_the_one_rule(num_solved, answer):
    assert answer_to(Solves("broken"), rows_of("broken", num_solved)).answer == answer


@pytest.mark.parametrize("num_solved, answer", [(0, YES), (100, NO), (50, LUCK), (20, OPEN)])
def test_fails_answers_by_the_one_rule(num_solved, answer):
    assert answer_to(Fails("broken"), rows_of("broken", num_solved)).answer == answer


def test_an_undecided_rate_says_how_many_more_seeds_would_decide():
    reading = answer_to(Solves("broken"), rows_of("broken", 4, num_seeds=4))
    assert (reading.answer, reading.more_seeds) == (OPEN, 12)


def test_a_decided_rate_asks_for_no_more_seeds():
    assert answer_to(Solves("broken"), rows_of("broken", 100)).more_seeds is None


def test_a_reading_carries_wilsons_interval_and_its_seeds():
    reading = answer_to(Solves("broken"), rows_of("broken", 0, num_seeds=200))
    assert (reading.estimate, reading.low, reading.num_seeds) == (0.0, 0.0, 200)
    assert reading.high == pytest.approx(1.96**2 / (200 + 1.96**2), abs=1e-5)


def test_diverged_seeds_count_as_not_solved_and_are_kept():
    rows = rows_of("broken", 0, diverged=True, mse=math.inf)
    reading = answer_to(Fails("broken"), rows)
    assert (reading.answer, reading.num_seeds) == (YES, SEEDS)


# Shares and medians.

RANGES = [({"at_least": 0.9}, [1, math.inf]), ({"at_most": 0.1}, [0, -math.inf])]


@pytest.mark.parametrize("ends, inside", RANGES)
@pytest.mark.parametrize("num_inside, answer", [(100, YES), (0, NO), (50, LUCK), (80, OPEN)])
def test_most_answers_by_the_share_of_seeds_in_the_range(ends, inside, num_inside, answer):
    values = np.where(np.arange(SEEDS) < num_inside, np.resize(inside, SEEDS), 0.5)
    rows = rows_of("broken", 0, r2=values)
    assert answer_to(Most("broken", "r2", **ends), rows).answer == answer


@pytest.mark.parametrize("num_inside, answer", [(0, YES), (100, NO), (50, LUCK), (20, OPEN)])
def test_few_mirrors_most(num_inside, answer):
    rows = rows_of("broken", 0, r2=(np.arange(SEEDS) < num_inside).astype(float))
    assert answer_to(Few("broken", "r2", at_least=0.9), rows).answer == answer


def test_a_value_that_is_no_number_lies_in_no_range():
    rows = rows_of("broken", 0, r2=[np.nan] * 99 + [1.0])
    assert answer_to(Most("broken", "r2", at_least=-math.inf), rows).answer == NO


@pytest.mark.parametrize(
    "ends, answer",
    [
        ({"at_least": 10}, YES),
        ({"at_least": 10, "at_most": 90}, YES),
        ({"at_most": 10}, NO),
        ({"at_least": 90}, NO),
        ({"at_least": 50}, OPEN),
    ],
)
def test_a_median_is_judged_by_its_whole_interval(ends, answer):
    rows = rows_of("broken", 0, r2=np.arange(SEEDS, dtype=float))
    assert answer_to(Median("broken", "r2", **ends), rows).answer == answer


def test_a_median_of_few_seeds_is_unbounded_and_undecided():
    rows = rows_of("broken", 0, num_seeds=4, r2=1.0)
    assert answer_to(Median("broken", "r2", at_least=0), rows).answer == OPEN


@pytest.mark.parametrize("num_below, answer", [(100, YES), (0, NO), (50, LUCK), (80, OPEN)])
def test_less_compares_two_metrics_of_the_same_run(num_below, answer):
    rows = rows_of("broken", 0, loss=np.where(np.arange(SEEDS) < num_below, 0.4, 0.5))
    assert answer_to(Less("broken", "loss", "r2"), rows).answer == answer


@pytest.mark.parametrize("num_same, answer", [(100, YES), (0, NO), (50, LUCK), (80, OPEN)])
def test_equal_counts_seeds_within_a_relative_difference(num_same, answer):
    other = np.where(np.arange(SEEDS) < num_same, 0.505, 0.6)
    rows = rows_of("broken", 0), rows_of("fixed", 0, steps=20, r2=other)
    assert answer_to(Equal("broken", "fixed", "r2", within=0.01), *rows).answer == answer


@pytest.mark.parametrize("one, other, answer", [(math.inf, 1.0, NO), (math.inf, math.inf, YES)])
def test_an_infinite_value_equals_only_its_like(one, other, answer):
    rows = rows_of("broken", 0, mse=one), rows_of("fixed", 0, mse=other)
    assert answer_to(Equal("broken", "fixed", "mse", within=0.5), *rows).answer == answer


def test_what_is_no_number_equals_nothing():
    values = [np.nan] * 99 + [1.0]
    rows = rows_of("broken", 0, mse=values), rows_of("fixed", 0, mse=values)
    assert answer_to(Equal("broken", "fixed", "mse", within=0.5), *rows).answer == NO


# Comparisons.

BETTER, WORSE, NEAR = 0.0001, 0.005, 0.00101


def compared(num_first, num_second, mse=0.001, num_seeds=2000):
    """Two arms: the solve counts of each, and the error of the first against 0.001."""
    first = rows_of("fixed", num_first, num_seeds=num_seeds, mse=mse)
    return first, rows_of("broken", num_second, num_seeds=num_seeds)


EFFECTS = {
    "helps by rate": compared(1500, 500),
    "helps by error": compared(500, 500, mse=BETTER),
    "harms by rate": compared(500, 1500),
    "harms by error": compared(500, 500, mse=WORSE),
    "does nothing": compared(500, 500, mse=NEAR),
    "mixed": compared(1500, 500, mse=WORSE),
    "undecided": compared(10, 9, num_seeds=20),
}
ANSWERS = {
    Helps: [YES, YES, NO, NO, NO, OPEN, OPEN],
    Harms: [NO, NO, YES, YES, NO, OPEN, OPEN],
    Alike: [NO, NO, NO, NO, YES, NO, OPEN],
    NotWorse: [YES, YES, NO, NO, YES, OPEN, OPEN],
}


@pytest.mark.parametrize("word", ANSWERS)
@pytest.mark.parametrize("place, effect", list(enumerate(EFFECTS)))
def test_a_comparison_answers_by_the_effect(word, place, effect):
    reading = answer_to(word("fixed", "broken"), *EFFECTS[effect])
    assert reading.answer == ANSWERS[word][place]


@pytest.mark.parametrize(
    "effect, quantity, estimate",
    [
        ("helps by rate", "solve rate less that of broken", 0.5),
        ("harms by rate", "solve rate less that of broken", -0.5),
        ("helps by error", "error over that of broken", 0.1),
        ("does nothing", "solve rate less that of broken", 0.0),
    ],
)
def test_a_comparison_reports_the_quantity_that_decided(effect, quantity, estimate):
    reading = answer_to(Helps("fixed", "broken"), *EFFECTS[effect])
    assert reading.quantity == quantity
    assert reading.estimate == pytest.approx(estimate)
    assert reading.low < reading.estimate < reading.high


def test_a_comparison_takes_the_shared_seeds_only():
    first, second = compared(60, 0, num_seeds=60)
    second = second[second["seed"] >= 20]
    assert answer_to(Helps("fixed", "broken"), first, second).num_seeds == 40


def test_not_worse_needs_both_quantities_to_exclude_harm():
    # The rates are decided, the errors of 20 equal seeds are not.
    reading = answer_to(NotWorse("fixed", "broken"), *compared(20, 0, num_seeds=20))
    assert (reading.answer, reading.quantity) == (OPEN, "error over that of broken")


# The errors.


def test_log_errors_are_capped_at_the_best_constant():
    floor, cap = error_range(toy.CASE)
    x = (np.arange(1000) + 0.5) / 1000
    assert cap == pytest.approx(np.var(x * (1 - x)))
    rows = pd.DataFrame({"mse": [0.001, 5.0, np.inf, 0.001, 0.0], "diverged": [False] * 5})
    rows.loc[3, "diverged"] = True
    expected = [math.log(0.001), *[math.log(cap)] * 3, math.log(floor)]
    assert log_errors(toy.CASE, rows) == pytest.approx(expected)


def test_a_classifiers_error_is_one_less_accuracy_with_half_a_point_as_floor():
    import reproductions

    case = reproductions.load(reproductions.names()[-1])
    rows = pd.DataFrame({"accuracy": [0.9, 0.3, -np.inf, 1.0], "diverged": False})
    expected = [0.1, 0.5, 0.5, 0.5 / 10_000]
    assert np.exp(log_errors(case, rows)) == pytest.approx(expected)


# Studies, other trainers, facts.


class Cells:
    """A study of four cells, as `GridTable` answers."""

    def __init__(self, shares=(1.0,), losses=(1, 2, 3, 4)):
        self.shares, self.losses = shares, losses
        self.accuracy = {"relu/x": 0.9, "tanh/x": 0.8, "relu/y": 0.7, "tanh/y": 0.6}

    def matching(self, pattern):
        assert pattern == "*/*"
        return list(self.accuracy)

    def outcomes(self, cell, steps=None):
        place = list(self.accuracy).index(cell)
        values = {"r2": self.accuracy[cell], "loss": float(self.losses[place])}
        return rows_of("", SEEDS, **values).drop(columns=["arm", "steps"])

    def average(self, pattern, steps=None):
        solved = np.resize(self.shares, SEEDS)
        return pd.DataFrame({"seed": np.arange(SEEDS), "solved": solved, "log_error": -7.0})


def answer_in(grid, test):
    return answer_to(test, rows_of("broken", 0), grids={"options": grid})


def test_a_cell_of_a_study_is_an_arm():
    reading = answer_in(Cells(), Solves("options:relu/x"))
    assert (reading.answer, reading.quantity, reading.steps) == (YES, "solve rate", None)


@pytest.mark.parametrize(
    "shares, answer", [([0.9, 1.0], YES), ([0.1, 0.0], NO), ([0.0, 1.0], LUCK), ([0.7, 0.9], OPEN)]
)
def test_a_pattern_is_answered_by_the_mean_of_the_seeds_shares(shares, answer):
    reading = answer_in(Cells(shares), Solves("options:*/x"))
    assert reading.answer == answer
    assert reading.estimate == pytest.approx(np.mean(shares))


def test_two_patterns_are_compared_by_the_seeds_shares():
    reading = answer_in(Cells([0.25, 0.75]), Helps("options:*/x", "broken"))
    assert (reading.answer, reading.estimate) == (YES, 0.5)


@pytest.mark.parametrize(
    "losses, rho, answer", [((1, 2, 3, 4), -1, YES), ((4, 3, 2, 1), 1, NO), ((1, 1, 1, 1), 0, NO)]
)
def test_tracks_reads_the_mean_rank_correlation_over_cells(losses, rho, answer):
    test = Tracks("options:*/*", "loss", at_most=-0.5, with_metric="r2")
    reading = answer_in(Cells(losses=losses), test)
    assert (reading.answer, reading.estimate) == (answer, pytest.approx(rho))


def test_tracks_is_spearmans_correlation():
    # Ranks 1 3 2 4 against 4 3 2 1: 1 - 6 (9 + 0 + 0 + 9) / (4 * 15) = -0.8.
    test = Tracks("options:*/*", "loss", at_most=0, with_metric="r2")
    assert answer_in(Cells(losses=(1, 3, 2, 4)), test).estimate == pytest.approx(-0.8)


def test_rows_of_another_trainer_are_an_arm():
    others = {"trainers": {"numpy": (rows_of("broken", 100), FIXED)}}
    reading = answer_to(Solves("numpy:broken"), rows_of("broken", 0), **others)
    assert reading.answer == YES


@pytest.mark.parametrize("value, answer", [(2.0, YES), (0.5, NO)])
def test_a_fact_needs_no_seeds(value, answer):
    reading = answer_to(Fact("the slope at 0", lambda: value, at_least=1), rows_of("broken", 0))
    assert (reading.answer, reading.estimate, reading.num_seeds) == (answer, value, None)
    assert math.isnan(reading.low)


# What is missing.


def test_fixes_are_named_in_any_order():
    reading = answer_to(Solves("longer+bend"), rows_of("fixed", 100))
    assert reading.answer == YES


def test_the_longest_stored_budget_is_read_unless_one_is_named():
    rows = rows_of("broken", 0, steps=8), rows_of("broken", 100, steps=20)
    assert answer_to(Solves("broken"), *rows).steps == 20
    assert answer_to(Solves("broken", steps=8), *rows).answer == NO


ERRORS = [
    (Solves("slow"), r"no stored runs of arm 'slow'; .* python -m reproductions record toy\. "),
    (Solves("broken", steps=99), r"'broken' at 99 steps; .* Received: runs at \[8\] steps"),
    (Solves("reference:broken"), "record toy --trainer reference"),
    (Solves("options:relu"), "record toy --grids. Received: options"),
    (Most("broken", "r3", at_least=0), "Received: r3 of broken. Did you mean 'r2'"),
    (Less("broken", "r2", "loss"), "Received: loss of broken"),
    (Most("broken", "blank", at_least=0), "Received: blank of broken"),
    (Helps("fixed", "broken"), "share no seed"),
    (Solves("slaw"), "Did you mean 'slow'"),
]


@pytest.mark.parametrize("test, text", ERRORS)
def test_what_is_not_stored_is_named_with_its_command(test, text):
    fixed = rows_of("fixed", 0).assign(seed=np.arange(SEEDS) + 1000)
    with pytest.raises(SuiteError, match=text):
        answer_to(test, rows_of("broken", 0, blank=np.nan), fixed)


# Several questions.


@pytest.mark.parametrize(
    "found, all_of, any_of",
    [
        ([YES, YES], YES, YES),
        ([YES, NO], NO, YES),
        ([NO, LUCK], NO, LUCK),
        ([YES, LUCK], LUCK, YES),
        ([YES, OPEN], OPEN, YES),
        ([LUCK, OPEN], LUCK, LUCK),
        ([NO, OPEN], NO, OPEN),
        ([NO, NO], NO, NO),
    ],
)
def test_several_answers_give_one_verdict(found, all_of, any_of):
    assert combined(found) == all_of
    assert combined(found, any_of=True) == any_of


def five_questions(num_solved, word=Solves):
    """One arm in question, and four whose answer is clear."""
    arms = ["bend", "longer", "fixed", "slow"]
    clear = 100 if word is Solves else 0
    parts = [rows_of(arm, clear) for arm in arms]
    return [word("broken"), *map(word, arms)], [rows_of("broken", num_solved), *parts]


def test_a_no_among_five_questions_must_hold_at_99_percent():
    # 12 of 100: Wilson's upper end is 0.198 at 95% and 0.230 at 99%.
    tests, parts = five_questions(12)
    assert answers(tests[:1], outcomes_of(*parts))[0] == NO
    assert answers(tests, outcomes_of(*parts))[0] == OPEN
    tests, parts = five_questions(5)
    assert answers(tests, outcomes_of(*parts))[0] == NO


def test_a_yes_among_five_questions_is_read_at_95_percent():
    # 88 of 100: Wilson's lower end is 0.802 at 95%, and below 0.8 at 99%.
    tests, parts = five_questions(88)
    assert answers(tests, outcomes_of(*parts))[0] == YES


def test_with_any_of_it_is_the_yes_that_must_hold_at_99_percent():
    # 12 of 100 fail at 95%, not at 99%; the four others solve, which is no.
    tests, parts = five_questions(12, Fails)
    parts = [parts[0], *(rows_of(arm, 100) for arm in ("bend", "longer", "fixed", "slow"))]
    assert answers(tests, outcomes_of(*parts), any_of=True)[0] == OPEN
    assert answers(tests[:1], outcomes_of(*parts), any_of=True)[0] == YES
    parts[0] = rows_of("broken", 5)
    assert answers(tests, outcomes_of(*parts), any_of=True)[0] == YES


def test_the_interval_shown_is_that_of_95_percent_whatever_the_number_of_questions():
    tests, parts = five_questions(12)
    together = answers(tests, outcomes_of(*parts))[1][0]
    alone = answers(tests[:1], outcomes_of(*parts))[1][0]
    assert (together.low, together.high) == (alone.low, alone.high)


# The errors of a verdict at the worst truth.


def shares_of_answers(test, rates, num_seeds, draws=4000):
    """Answers over simulated sets of seeds: `{answer: share}`."""
    rng, found = np.random.default_rng(20_240_501), {}
    counts = np.unique(rng.binomial(num_seeds, rates, draws), return_counts=True)
    for count, times in zip(*counts, strict=True):
        table = rows_of("broken", count, num_seeds=num_seeds).set_index("seed")
        answer = read(test, table, span=1.0, rule=FIXED).answer
        found[answer] = found.get(answer, 0) + times / draws
    return found


@pytest.mark.parametrize("num_seeds", [16, 32, 64, 200, 1000])
@pytest.mark.parametrize("bar, beyond", [(0.2, NO), (0.8, YES)])
def test_at_a_border_each_wrong_answer_comes_in_at_most_5_percent(
    monkeypatch, num_seeds, bar, beyond
):
    # How many more seeds an undecided arm needs takes long, and is not asked here.
    monkeypatch.setattr(intervals, "seeds_to_decide", lambda interval, **_: None)
    found = shares_of_answers(Solves("broken"), bar, num_seeds)
    assert found.get(beyond, 0) <= 0.05
    assert found.get(LUCK, 0) <= 0.05
    assert found.get(YES if beyond == NO else NO, 0) == 0


@pytest.mark.parametrize("gained, lost", [(0.05, 0.0), (0.3, 0.25)])
def test_at_the_margin_of_a_rate_each_wrong_answer_comes_in_at_most_5_percent(gained, lost):
    rng, num_seeds, draws = np.random.default_rng(7), 400, 200
    found = []
    for _ in range(draws):
        gains, losses, _ = rng.multinomial(num_seeds, [gained, lost, 1 - gained - lost])
        first = rows_of("fixed", gains, num_seeds=num_seeds)
        second = rows_of("broken", 0, num_seeds=num_seeds)
        second.loc[num_seeds - losses :, "solved"] = True
        tables = [table.set_index("seed").assign(log_error=0.0) for table in (first, second)]
        found.append(read(Helps("fixed", "broken"), *tables, span=1.0, rule=FIXED).answer)
    assert found.count(YES) <= 0.05 * draws
    assert found.count(NO) <= 0.05 * draws


def test_at_the_margin_of_an_error_each_wrong_answer_comes_in_at_most_5_percent():
    rng, num_seeds, draws = np.random.default_rng(8), 400, 200
    second = rows_of("broken", 0, num_seeds=num_seeds).set_index("seed").assign(log_error=0.0)
    found = []
    for _ in range(draws):
        errors = -math.log(1.25) + rng.uniform(-1, 1, num_seeds)
        first = second.assign(log_error=errors)
        found.append(read(Helps("fixed", "broken"), first, second, span=3.0, rule=FIXED).answer)
    assert found.count(YES) <= 0.05 * draws
    assert found.count(NO) <= 0.05 * draws


# The tables.


def claims_case():
    claims = (
        claim("S1", "It bends.", Fails("broken"), Solves("fixed"), by="answer", note="A note."),
        claim("S2", "It is quick.", by="asker", untestable="No clock is kept."),
        claim("S3", "One is enough.", Solves("broken"), Solves("fixed"), by="ours", any_of=True),
        claim("S4", "It fits.", Fact("the slope", lambda: 2, at_least=1), by="ours"),
    )
    causes = (intervention("broken", "a line", "a bend", Helps("fixed", "broken")),)
    return toy.make(claims=claims, interventions=causes)


def both_tables():
    case = claims_case()
    outcomes = outcomes_of(rows_of("broken", 0), rows_of("fixed", 100, steps=20), case=case)
    known = find_evidence(case)
    claims = claims_table(known.claims, outcomes)
    return claims, interventions_table(known.interventions, outcomes)


def test_a_claim_has_a_line_for_each_question():
    table, _ = both_tables()
    assert tuple(table) == CLAIM_COLUMNS
    assert list(table["claim"].str[:2]) == ["S1", "S1", "S2", "S3", "S3", "S4"]
    assert list(table["verdict"]) == [YES, YES, "cannot be tested", YES, YES, YES]
    assert list(table["answer"][:2]) == [YES, YES]


def test_a_claim_that_cannot_be_tested_is_one_line_with_its_reason():
    row = both_tables()[0].iloc[2]
    assert row["note"] == "No clock is kept."
    assert row[["arm", "estimate", "num_seeds", "steps"]].isna().all()


def test_no_interval_of_seeds_has_width_zero():
    for table in both_tables():
        table = table.dropna(subset=["num_seeds"])
        assert (table["low"] < table["high"]).all()


def test_a_certificate_names_arm_cause_and_intervention():
    _, table = both_tables()
    assert tuple(table) == INTERVENTION_COLUMNS
    head = table.loc[0, ["arm_explained", "cause", "intervention", "verdict"]]
    assert list(head) == ["broken", "a line", "a bend", YES]


def test_tables_without_claims_have_their_columns():
    outcomes = outcomes_of(rows_of("broken", 0))
    assert tuple(claims_table((), outcomes)) == CLAIM_COLUMNS
    assert text_table(interventions_table((), outcomes)).empty


def test_the_words_of_claims_give_the_evidence():
    shown = text_table(both_tables()[0])
    assert list(shown) == ["claim", "says by", "verdict", "evidence"]
    assert shown["evidence"][0] == (
        "broken solves 0.0% [0.0%, 3.7%] of 100 seeds after 8 steps (supported); "
        "fixed solves 100.0% [96.3%, 100.0%] of 100 seeds after 20 steps (supported); A note."
    )
    assert shown["evidence"][1] == "No clock is kept."
    assert shown["evidence"][3] == "the slope: 2"


def test_the_words_of_certificates_give_the_evidence():
    shown = text_table(both_tables()[1])
    assert list(shown) == ["arm", "cause", "intervention", "verdict", "evidence"]
    assert shown["evidence"][0] == (
        "fixed: solve rate less that of broken +100.0% [+92.6%, +100.0%] over 100 seeds "
        "after 20 steps"
    )


def test_undecided_evidence_says_how_many_more_seeds():
    case = toy.make(claims=(claim("S1", "It solves.", Solves("broken"), by="ours"),))
    table = claims_table(
        find_evidence(case).claims, outcomes_of(rows_of("broken", 4, num_seeds=4), case=case)
    )
    assert text_table(table)["evidence"][0].endswith("after 8 steps, about 12 more would decide")


@pytest.mark.parametrize(
    "test, text",
    [
        (Solves("fixed", steps=1000), "fixed solves after 1,000 steps"),
        (NotWorse("a", "b"), "a is not worse than b"),
        (Few("a", "mse", at_most=0.5), "few seeds of a have mse of at most 0.5"),
        (Median("a", "r2", at_least=0, at_most=1), "the median r2 of a is from 0 to 1"),
        (Equal("a", "b", "loss", 0.01), "most seeds of a have the loss of b within 1%"),
        (Less("a", "loss", "mse"), "most seeds of a have loss below mse"),
    ],
)
def test_a_question_reads_as_a_statement(test, text):
    assert question(test) == text


@pytest.mark.parametrize(("count", "answer"), [(0, NO), (8, OPEN), (30, YES)])
def test_some_asks_for_more_than_one_in_a_hundred(count, answer):
    inside = (np.arange(600) < count).astype(float)
    rows = rows_of("broken", 0, num_seeds=600, r2=inside)
    assert answer_to(Some("broken", "r2", at_least=0.9), rows).answer == answer
