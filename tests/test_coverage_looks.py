"""Repeated looks: the exact sums by hand and by drawing, and the committed table is current."""

import functools
import itertools
import pathlib

import numpy as np
import pandas as pd
import pytest

from experiments import coverage_looks as looks
from experiments import coverage_verdicts, schedule, statistics

RESULTS = pathlib.Path(__file__).parent.parent / "results" / "coverage"
AGAIN = "run: python -m experiments.coverage"


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(RESULTS / "looks.csv")


@functools.cache
def plain(count, num_seeds, confidence):
    """The verdict on a count, by the plain functions."""
    return statistics.verdict(statistics.rate(count, num_seeds, confidence=confidence))


def always(confidence):
    return lambda num_seeds: confidence


# Verdicts on counts.


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.975, 0.9999])
@pytest.mark.parametrize("num_seeds", [1, 7, 32, 64, 100])
def test_four_searches_find_the_verdict_on_every_count(num_seeds, confidence):
    rates = (statistics.rate(n, num_seeds, confidence=confidence) for n in range(num_seeds + 1))
    expected = [statistics.verdict(rate) for rate in rates]
    assert looks.words(num_seeds, confidence).tolist() == expected


def test_verdicts_that_are_kept_cannot_be_written_over():
    with pytest.raises(ValueError, match="read-only"):
        looks.words(32, 0.95)[0] = "solves"


# Exact sums.


def test_one_look_is_the_verdict_at_a_fixed_number():
    table = coverage_verdicts.verdict_table([32], [0.1, 0.2, 0.5, 0.8 + 1e-9])
    found = [
        looks.ever_wrong(float(rate), [32], always(0.95)) for rate in (0.1, 0.2, 0.5, 0.8 + 1e-9)
    ]
    assert found == pytest.approx(table["wrong"].tolist(), abs=1e-6)


def test_two_looks_are_the_sum_over_all_paths():
    # All 2^12 sequences of 12 seeds, looked at after 6 and after 12.
    rate, total = 0.85, 0.0
    for path in itertools.product([0, 1], repeat=12):
        said = {plain(sum(path[:n]), n, 0.5) for n in (6, 12)}
        chance = rate ** sum(path) * (1 - rate) ** (12 - sum(path))
        total += chance * bool(said - {"solves", "undecided"})
    assert 0.05 < total < 0.95
    assert looks.ever_wrong(rate, [6, 12], always(0.5)) == pytest.approx(total, abs=1e-12)


def test_looking_more_often_errs_more_often():
    first = looks.ever_wrong(0.8 + 1e-9, schedule.looks(64), always(0.95))
    more = looks.ever_wrong(0.8 + 1e-9, schedule.looks(256), always(0.95))
    assert 0.05 < first < more


@pytest.mark.parametrize("rate", looks.DRAWN_RATES)
def test_at_the_confidence_of_looks_it_errs_in_at_most_5_percent(rate):
    assert looks.ever_wrong(rate, schedule.looks(1024), looks.by_looks) <= 0.05


def test_the_sum_is_what_plain_drawing_finds():
    rate, random = 0.2 - 1e-9, np.random.default_rng(11)
    wrong = 0
    for solved in random.random((2000, 256)) < rate:
        said = {plain(int(solved[:n].sum()), n, 0.95) for n in schedule.looks(256)}
        wrong += bool(said - {"fails", "undecided"})
    exact = looks.ever_wrong(rate, schedule.looks(256), looks.naive)
    assert wrong / 2000 == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2000))


def test_a_sure_rate_uses_the_seeds_of_the_first_look():
    assert looks.mean_seeds(0.0, 1024) == pytest.approx(32)
    assert looks.mean_seeds(1.0, 1024) == pytest.approx(32)


def test_a_rate_at_a_bar_uses_nearly_all_seeds():
    assert 0.9 * 1024 < looks.mean_seeds(0.8, 1024) < 1024


# Drawing.


def test_what_is_said_at_any_look_is_kept():
    def draw(random, size):
        return np.full(size, size[1] == 32)

    read = lambda sample, confidence: f"{len(sample)} {sample.sum()} {confidence}"  # noqa: E731
    (said,) = looks.ever_said(draw, read, None, 1)
    # The first two blocks have 32 seeds each.
    assert {"32 32 0.975", "64 64 0.9875", "128 64 0.99375"} <= said
    assert len(said) == len(schedule.looks(1024))


def test_an_effect_of_counts_is_that_of_its_seeds():
    sample = np.array([1] * 20 + [-1] * 3 + [0] * 41)
    order = np.random.default_rng(0).permutation(64)
    pair = statistics.paired_difference(sample > 0, sample < 0, confidence=0.9875)
    expected = looks.effects.rate_effect(pair)
    assert looks._rate_effect(sample[order], 0.9875) == expected == "helps"


# The committed table.


def test_every_promised_error_is_rare_enough(committed):
    promised = committed[committed["asked"]]
    assert promised["reached"].all()
    assert (promised["high"] <= 0.05).all()
    assert set(promised["rule"]) >= {"verdict", "effect on rate", "effect on error"}


def test_who_forgets_the_other_looks_errs_more_than_5_percent(committed):
    naive = committed[committed["rule"] == looks.NAIVE]
    assert (naive.groupby("most")["wrong"].max() > 0.08).all()


def test_the_table_is_put_to_both_sides_of_each_bar(committed):
    truths = committed.loc[committed["rule"] == looks.LOOKS, "truth"].astype(float)
    for bar in (0.2, 0.8):
        assert {-1, 0, 1} <= set(np.round((truths.unique() - bar) / 1e-9, 3))
    assert {most for most in committed["most"]} == set(looks.MOST_SEEDS)


def test_the_exact_rows_are_those_of_today(committed):
    rows = committed[(committed["rule"] == looks.LOOKS) & (committed["most"] == 256)]
    for row in rows.iloc[::25].itertuples():
        wrong = looks.ever_wrong(float(row.truth), schedule.looks(256), looks.by_looks)
        assert round(wrong, 6) == pytest.approx(row.wrong, abs=1e-6), AGAIN
        assert looks.mean_seeds(float(row.truth), 256) == pytest.approx(row.seeds, abs=0.06), AGAIN


def test_drawn_and_exact_rows_agree(committed):
    exact = committed[(committed["rule"] == looks.LOOKS) & (committed["most"] == 1024)]
    exact = exact.set_index("truth")["wrong"]
    drawn = committed[committed["rule"] == "verdict, drawn"].set_index("truth")
    assert len(drawn) == len(looks.DRAWN_RATES)
    for truth, row in drawn.iterrows():
        spread = np.sqrt(exact[truth] * (1 - exact[truth]) / row["repeats"])
        assert row["wrong"] == pytest.approx(exact[truth], abs=4 * spread + 1e-9)


@pytest.mark.slow
def test_drawn_rows_are_the_same_when_drawn_again(committed):
    drawn = committed[committed["repeats"] > 0].reset_index(drop=True)
    made = looks.drawn_table(repeats=int(drawn["repeats"][0]), seed=int(drawn["seed"][0]))
    assert made["wrong"].tolist() == drawn["wrong"].tolist(), AGAIN
