"""The simulation of coverage: its truths are true, its arithmetic right, its tables current."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from experiments import coverage, coverage_looks, coverage_truths, coverage_verdicts, statistics
from experiments.coverage_truths import COUPLINGS, Truth, game_shares, paired

RESULTS = pathlib.Path(__file__).parent.parent / "results" / "coverage"
AGAIN = "run: python -m experiments.coverage"


@pytest.fixture(scope="module")
def found():
    """All truths, by quantity and name."""
    truths = coverage_truths.truths()
    by_name = {(truth.quantity, truth.name): truth for truth in truths}
    assert len(by_name) == len(truths)
    return by_name


@pytest.fixture(scope="module")
def committed():
    """The committed tables."""
    return coverage.read(RESULTS)


def coin(*, share=0.5, asked_from=None):
    """A truth whose interval holds it by the toss of a coin."""

    def interval(sample):
        low = 0.0 if sample[0] < share else 1.0
        return statistics.Interval(low, low, low, 1)

    def draw(random, size):
        return random.random(size)

    return Truth("coin", "a coin: tossed", 0.0, draw, interval, asked_from)


# Truths.


@pytest.mark.parametrize("quantity", ["rate", "mean", "paired difference of rates"])
def test_the_true_value_is_the_mean_of_many_draws(quantity, found):
    for (kind, name), truth in found.items():
        if kind == quantity:
            draws = truth.draw(np.random.default_rng(1), (100, 1000))
            error = 5 * draws.std() / np.sqrt(draws.size)
            assert draws.mean() == pytest.approx(truth.value, abs=error + 1e-12), name


@pytest.mark.parametrize("quantity", ["Shapley value", "interaction"])
def test_the_true_attribution_is_that_of_the_mean_game(quantity, found):
    for (kind, name), truth in found.items():
        if kind == quantity and ": 3 fixes" in name:
            draws = truth.draw(np.random.default_rng(2), (20, 1000))
            error = 5 * draws.std() / np.sqrt(draws.size)
            assert draws.mean() == pytest.approx(truth.value, abs=error + 1e-12), name


def test_the_true_median_is_that_of_many_draws(found):
    for (kind, name), truth in found.items():
        if kind == "median":
            middle = np.median(truth.draw(np.random.default_rng(3), (100, 1000)))
            assert middle == pytest.approx(truth.value, abs=0.02), name


@pytest.mark.parametrize("noise", COUPLINGS.values())
def test_each_arm_of_a_game_solves_at_its_rate(noise):
    rates = np.array([0.1, 0.9, 0.5, 0.5])
    games, shares = game_shares(rates, noise)
    assert shares.sum() == pytest.approx(1)
    assert shares @ games == pytest.approx(rates)


def test_independent_arms_multiply():
    games, shares = game_shares([0.1, 0.7], 1.0)
    assert dict(zip(map(tuple, games), shares)) == pytest.approx(
        {(0, 0): 0.27, (1, 0): 0.03, (0, 1): 0.63, (1, 1): 0.07}
    )


def test_with_one_threshold_the_lower_arm_solves_where_the_higher_does():
    games, shares = game_shares([0.1, 0.7], 0.0)
    assert dict(zip(map(tuple, games), shares)) == pytest.approx(
        {(0, 0): 0.3, (1, 0): 0.0, (0, 1): 0.6, (1, 1): 0.1}
    )


@pytest.mark.parametrize(("coupled", "losses"), [(True, 0.0), (False, 0.1 * 0.5)])
def test_paired_arms_lose_by_chance_only_without_a_threshold(coupled, losses):
    draws = paired(0.9, 0.5, coupled=coupled)(np.random.default_rng(4), (50, 1000))
    assert np.mean(draws == -1) == pytest.approx(losses, abs=0.005)
    assert draws.mean() == pytest.approx(0.4, abs=0.02)


def test_every_asked_number_of_seeds_is_simulated(found):
    asked = {truth.asked_from for truth in found.values()} - {None}
    assert asked <= set(coverage.NUM_SEEDS)


# Coverage.


def test_the_short_cut_over_students_interval_changes_no_count(found):
    names = [
        ("mean", "log errors with failures: 3% at the cap"),
        ("mean", "outcomes 0 and 1: rate 0.97"),
        ("Shapley value", "all fixes needed, rates 0.1 to 0.9: 2 fixes, one threshold"),
    ]
    for name in names:
        samples = found[name].draw(np.random.default_rng(5), (100, 64))
        cut = coverage.num_covered(found[name], samples)
        plain = dataclasses.replace(found[name], quantity="without a short cut")
        assert cut == coverage.num_covered(plain, samples)


def test_coverage_counts_the_intervals_that_hold_the_truth():
    (row,) = coverage.coverage_table([coin()], [1], repeats=2000, seed=0).to_dict("records")
    assert row["coverage"] == pytest.approx(0.5, abs=0.05)
    assert row["low"] < row["coverage"] < row["high"]
    assert (row["repeats"], row["asked"], row["reached"]) == (2000, False, False)


@pytest.mark.parametrize(("asked_from", "times"), [(1, coverage.ANEW), (2, 1), (None, 1)])
def test_a_promised_cell_that_is_not_settled_is_drawn_anew(asked_from, times):
    truth = coin(share=coverage.LEAST, asked_from=asked_from)
    (row,) = coverage.coverage_table([truth], [1], repeats=500, seed=2).to_dict("records")
    assert row["repeats"] == 500 * times


def test_a_cell_does_not_depend_on_the_others(found):
    truth = found["rate", "solve rate: 0.9"]
    alone = coverage.coverage_table([truth], [64], repeats=50, seed=3)
    among = coverage.coverage_table([coin(), truth], [30, 64], repeats=50, seed=3)
    assert among.iloc[-1].to_dict() == alone.iloc[0].to_dict()


def test_another_seed_draws_other_samples(found):
    truth = found["mean", "smooth log errors: normal"]
    first, second = (
        truth.draw(np.random.default_rng([seed, 30]), (2, 30)).tolist() for seed in (0, 1)
    )
    assert first != second


# Verdicts and effects.


def test_a_wrong_verdict_of_sixteen_seeds_is_a_power():
    # 16 of 16 is the only count that solves, 0 of 16 the only one that fails.
    table = coverage_verdicts.verdict_table([16], [0.8, 0.5, 0.9]).set_index("truth")
    assert table.loc["0.8", "wrong"] == pytest.approx(0.8**16, abs=1e-6)
    assert table.loc["0.5", "wrong"] == pytest.approx(2 * 0.5**16, abs=1e-6)
    words = [statistics.verdict(statistics.rate(count, 16)) for count in range(17)]
    inside = [count for count, word in enumerate(words) if word == "depends on the seed"]
    expected = stats.binom.pmf([0, *inside], 16, 0.9).sum()
    assert table.loc["0.9", "wrong"] == pytest.approx(expected, abs=1e-6)


def test_verdicts_are_put_to_both_sides_of_a_bar():
    rates = coverage_verdicts.verdict_rates(0.1)
    for bar in (0.2, 0.8):
        assert np.sum(np.abs(rates - bar) < 1e-6) == 3
    assert (rates[0], rates[-1]) == (0, 1)


def test_effects_are_simulated_at_a_margin():
    table = coverage_verdicts.effect_table([32], repeats=20, seed=0)
    assert set(table["rule"]) == {"effect on rate", "effect on error", "effect"}
    assert not table["truth"].duplicated().any()
    assert (table["wrong"] <= 0.3).all()
    assert not table.loc[table["rule"] == "effect", "asked"].any()


# The command.


def test_the_command_writes_tables_and_what_they_say(found, monkeypatch, tmp_path, capsys):
    few = [truth for truth in found.values() if truth.quantity in ("rate", "mean")][:6]
    monkeypatch.setattr(coverage, "truths", lambda: few)
    monkeypatch.setattr(coverage, "NUM_SEEDS", (30, 200))
    monkeypatch.setattr(coverage, "VERDICT_SEEDS", (32,))
    monkeypatch.setattr(coverage_looks, "MOST_SEEDS", (64,))
    monkeypatch.setattr(coverage_looks, "DRAWN_UP_TO", 64)
    coverage.main(["--repeats", "10", "--seed", "7", "--out", str(tmp_path / "new")])
    table, verdicts, looks = coverage.read(tmp_path / "new")
    assert len(table) == 12
    assert set(verdicts["num_seeds"]) == {32}
    text = (tmp_path / "new" / "README.md").read_text()
    assert text == coverage.readme(table, verdicts, looks)
    assert "`python -m experiments.coverage --repeats 10 --seed 7`" in text
    assert "coverage: truth 0 of 6, rate" in capsys.readouterr().out


def test_importing_it_imports_neither_tensorflow_nor_keras():
    code = "import sys, experiments.coverage; print(*sorted(sys.modules))"
    root = RESULTS.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert not {"tensorflow", "keras", "jax", "torch"} & set(done.stdout.split())


# The committed tables.


def test_every_promised_coverage_is_reached(committed):
    table, *_ = committed
    promised = table[table["asked"]]
    assert promised["reached"].all()
    assert (promised["low"] >= coverage.LEAST).all()


def test_every_promised_verdict_and_effect_is_seldom_wrong(committed):
    _, verdicts, _ = committed
    promised = verdicts[verdicts["asked"]]
    assert promised["reached"].all()
    assert (promised["high"] <= coverage_verdicts.MOST).all()


def test_the_tables_hold_every_truth_of_the_grid(found, committed):
    table, *_ = committed
    expected = [
        (*names, size, truth.asked_from is not None and size >= truth.asked_from)
        for names, truth in found.items()
        for size in coverage.NUM_SEEDS
    ]
    held = table[["quantity", "truth", "num_seeds", "asked"]].itertuples(index=False, name=None)
    assert list(held) == expected, AGAIN


def test_the_exact_verdicts_are_those_of_today(committed):
    _, verdicts, _ = committed
    exact = verdicts[verdicts["rule"] == "verdict"]
    size = coverage.VERDICT_SEEDS[0]
    made = coverage_verdicts.verdict_table([size], coverage_verdicts.verdict_rates())
    assert exact.loc[exact["num_seeds"] == size, "wrong"].tolist() == made["wrong"].tolist(), AGAIN


def test_some_cells_are_the_same_when_drawn_again(found, committed):
    table, *_ = committed
    chosen = table[(table["num_seeds"] == 30) & table["quantity"].isin(["rate", "mean"])]
    chosen = chosen[chosen["repeats"] == table["repeats"].min()].iloc[::6]
    for row in chosen.to_dict("records"):
        truth = found[row["quantity"], row["truth"]]
        made = coverage.coverage_table([truth], [30], repeats=row["repeats"], seed=row["seed"])
        assert made["coverage"].iloc[0] == row["coverage"], AGAIN


def test_the_readme_is_that_of_the_tables(committed):
    assert (RESULTS / "README.md").read_text() == coverage.readme(*committed), AGAIN
