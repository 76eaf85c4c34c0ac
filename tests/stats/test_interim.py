"""The schedule of looks: its numbers by hand, and no more error spent than there is."""

from fractions import Fraction

import pytest

from experiments.runs import manifests
from experiments.stats import interim
from tests.trials import coverage_errors


def test_the_rule_of_a_new_folder_is_a_fixed_number():
    assert manifests.new("a", "engine")["stopping_rule"] == interim.FIXED.name


def test_the_words_of_the_rule_name_its_looks_and_its_error():
    assert (
        interim.REPEATED.name == "looks at 32, 64, 128, ... seeds, with 5%/2^k of error at the k-th"
    )


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, []),
        (31, []),
        (32, [32]),
        (63, [32]),
        (64, [32, 64]),
        (1024, [32, 64, 128, 256, 512, 1024]),
    ],
)
def test_looks_double_up_to_the_most(most, expected):
    assert interim.analysis_sizes(most) == expected


@pytest.mark.parametrize(
    ("num_seeds", "last", "coming"), [(0, 0, 32), (31, 0, 32), (32, 32, 64), (100, 64, 128)]
)
def test_seeds_lie_between_a_last_and_a_next_look(num_seeds, last, coming):
    assert interim.last_analysis(num_seeds) == last
    assert interim.next_analysis(num_seeds) == coming


def test_the_kth_look_spends_its_share_by_hand():
    found = [interim.REPEATED.alpha(n) for n in (32, 64, 128, 256)]
    assert found == [0.025, 0.0125, 0.00625, 0.003125]


def test_all_looks_together_spend_less_than_there_is():
    looks = interim.analysis_sizes(2**40)
    spent = sum(Fraction(interim.REPEATED.alpha(look)) for look in looks)
    assert Fraction(interim.ALPHA) * Fraction(99, 100) < spent < Fraction(interim.ALPHA)


@pytest.mark.parametrize(("num_seeds", "look"), [(1, 32), (33, 64), (65, 128), (1000, 1024)])
def test_between_two_looks_the_next_ones_error_is_spent(num_seeds, look):
    found = (interim.REPEATED.alpha(n) for n in (num_seeds, look))
    assert len(set(found)) == 1


@pytest.mark.parametrize("num_seeds", [1, 32, 33, 1000])
def test_a_fixed_number_is_read_at_95_percent_exactly(num_seeds):
    assert interim.FIXED.confidence(num_seeds) == 0.95
    assert interim.FIXED.price(num_seeds) == 1


def test_an_exact_error_is_multiplied_by_what_its_look_may_spend():
    assert [interim.REPEATED.price(n) for n in (32, 64, 1024)] == [2, 4, 64]


@pytest.mark.parametrize("rule", [interim.FIXED, interim.REPEATED])
def test_a_rule_is_found_by_what_a_manifest_says(rule):
    assert interim.from_text(rule.name) is rule


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="must be one of .* Received: 'until I am pleased'"):
        interim.from_text("until I am pleased")


def test_coming_looks_begin_with_the_seeds_that_are_there():
    found = interim.REPEATED.coming(48, 200)
    assert found == [(48, 0.9875), (64, 0.9875), (128, 0.99375)]
    assert interim.FIXED.coming(48, 200) is None


def test_only_repeated_looks_have_words_for_a_reader():
    assert interim.FIXED.text() == ""
    words = interim.REPEATED.text()
    assert interim.REPEATED.name in words
    assert "95% is that of all looks together" in words


@pytest.mark.parametrize("rate", coverage_errors.DRAWN_RATES)
def test_at_the_confidence_of_looks_a_verdict_is_ever_wrong_in_at_most_5_percent(rate):
    looks = interim.analysis_sizes(1024)
    assert coverage_errors.ever_wrong(rate, looks, coverage_errors.by_looks) <= 0.05


def test_looking_at_95_percent_again_and_again_errs_more_often():
    rate, confidence = 0.8 + 1e-9, coverage_errors.naive
    first = coverage_errors.ever_wrong(rate, interim.analysis_sizes(64), confidence)
    assert 0.05 < first < coverage_errors.ever_wrong(rate, interim.analysis_sizes(256), confidence)
