"""Searches equal brute force over every possible set of answers, implied SDs equal scipy's, and the papers' rows."""

import itertools
import math
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from clinical_dpo.papers import feasibility
from clinical_dpo.papers.claims import number_ranges
from clinical_dpo.papers.consistency import COLUMNS, check
from clinical_dpo.papers.feasibility import TESTS
from clinical_dpo.papers.published import load_published
from clinical_dpo.report.p_values import format_p
from tests.conftest import ROOT


def rounds_to(number, value, decimals):
    """Whether a fraction rounds to a printed value, ties either way."""
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    unit = Decimal(1).scaleb(-decimals)
    printed = Decimal(f"{value:.{decimals}f}")
    return printed in (exact.quantize(unit, ROUND_HALF_UP), exact.quantize(unit, ROUND_HALF_DOWN))


def defined_p(test, b, c):
    """P of McNemar's test by definition: sums of binomial terms, or the normal tail."""
    n, k = b + c, min(b, c)
    below = sum(math.comb(n, i) for i in range(k)) / 2**n
    term = math.comb(n, k) / 2**n
    if test == "exact":
        return min(1.0, 2 * (below + term))
    if test == "midp":
        return 1.0 if n == 0 else 2 * below + term
    gap = max(abs(b - c) - (test == "chi2_corrected"), 0)
    return 1.0 if n == 0 else math.erfc(gap / math.sqrt(2 * n))


def prints_as(p, printed):
    """Whether P rounds to a printed P, or lies on the printed side of a bound."""
    if printed[0] in "<>":
        return p < float(printed[1:]) if printed[0] == "<" else p > float(printed[1:])
    return abs(p - float(printed)) <= 0.5 * 10 ** -len(printed[1:]) + 1e-9


def defined_f1(labels, answers, average):
    def class_f1(positive):
        hits = sum(label == answer == positive for label, answer in zip(labels, answers, strict=True))
        total = labels.count(positive) + answers.count(positive)
        return Fraction(2 * hits, total) if total else Fraction(0)

    return class_f1(1) if average == "binary" else (class_f1(1) + class_f1(0)) / 2


def brute_force(f1s, p_values, n, decimals, test, average="binary", unparsable=0):
    """Numbers of positives that allow the F1s and P, from every possible list of answers of every variant.

    Up to `unparsable` answers to negative items may be None, which is neither label.
    """
    possible = set()
    for positives in range(1, n):
        labels = [1] * positives + [0] * (n - positives)
        choices = (0, 1, None) if unparsable else (0, 1)
        answer_lists = [
            answers
            for answers in itertools.product(choices, repeat=n)
            if None not in answers[:positives] and answers.count(None) <= unparsable
        ]
        layers = [
            [answers for answers in answer_lists if rounds_to(defined_f1(labels, answers, average), f1, decimals)]
            for f1 in f1s
        ]
        reachable = layers[0]
        for layer, printed in zip(layers[1:], p_values, strict=True):
            reachable = [
                after
                for after in layer
                if any(prints_as(p_between(labels, before, after, test), printed) for before in reachable)
            ]
        if reachable:
            possible.add(positives)
    return sorted(possible)


def p_between(labels, first, second, test):
    right = [(x == label, y == label) for label, x, y in zip(labels, first, second, strict=True)]
    return defined_p(test, right.count((True, False)), right.count((False, True)))


@pytest.mark.parametrize("test", TESTS)
def test_mcnemar_p_equals_its_definition(test):
    b, c = (grid.ravel() for grid in np.meshgrid(np.arange(25), np.arange(25)))
    expected = [defined_p(test, int(x), int(y)) for x, y in zip(b, c, strict=True)]
    assert feasibility.mcnemar_p(test, b, c) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("b", "c"), [(3, 11), (12, 5), (1, 2)])
@pytest.mark.parametrize(
    ("test", "options"),
    [
        ("exact", {"exact": True}),
        ("chi2", {"exact": False, "correction": False}),
        ("chi2_corrected", {"exact": False, "correction": True}),
    ],
)
def test_mcnemar_p_equals_statsmodels(test, options, b, c):
    expected = mcnemar([[9, b], [c, 9]], **options).pvalue
    assert feasibility.mcnemar_p(test, np.array([b]), np.array([c]))[0] == pytest.approx(expected)


def test_counts_round_to_the_share():
    for value, decimals, n in ((0.07, 2, 410), (0.5, 1, 20), (0.972, 3, 410), (0.81, 2, 500), (0.13, 2, 8)):
        assert feasibility.counts(value, decimals, n) == [
            k for k in range(n + 1) if rounds_to(Fraction(k, n), value, decimals)
        ]
    assert feasibility.counts(0.81, 2, 500) == [403, 404, 405, 406, 407]
    assert feasibility.counts(0.3, 1, 2) == []
    assert feasibility.counts(0.3, 1, 4) == [1]  # .25, half-way


def test_p_range_holds_every_p_that_is_printed_like_it():
    assert feasibility.p_range("<.001") == (0, 0.001)
    assert feasibility.p_range(">.99") == (0.99, 1)
    for p in (0.0004, 0.003, 0.05, 0.0523, 0.55, 0.995):
        low, high = feasibility.p_range(format_p(p))
        assert low <= p <= high


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("average", ["binary", "macro"])
@pytest.mark.parametrize(
    ("f1s", "p"), [((0.8, 0.6), ".50"), ((0.3, 0.9), ".12"), ((0.7, 0.7), ">.99"), ((0.9, 0.3), "<.1")]
)
def test_f1_search_equals_brute_force(f1s, p, average, test):
    possible = feasibility.possible_positives(f1s, [p], 6, 1, average)[test]
    assert possible.chain == possible.links[0] == brute_force(f1s, [p], 6, 1, test, average)


@pytest.mark.parametrize("test", TESTS)
def test_chain_of_three_equals_brute_force(test):
    f1s, p_values = (0.5, 0.8, 0.6), (".50", ">.99")
    possible = feasibility.possible_positives(f1s, p_values, 6, 1)[test]
    assert possible.chain == brute_force(f1s, p_values, 6, 1, test)
    assert possible.links[1] == brute_force(f1s[1:], p_values[1:], 6, 1, test)


@pytest.mark.parametrize("unparsable", [0, 1, 2])
@pytest.mark.parametrize(("f1s", "p"), [((0.7, 0.7), ".50"), ((0.8, 0.6), ".25"), ((0.8, 0.3), ".06")])
def test_f1_search_with_unparsable_answers_equals_brute_force(f1s, p, unparsable):
    possible = feasibility.possible_positives(f1s, [p], 6, 1, unparsable=unparsable)["exact"]
    assert possible.chain == brute_force(f1s, [p], 6, 1, "exact", unparsable=unparsable)


@pytest.mark.parametrize("test", TESTS)
def test_discordant_counts_equal_brute_force(test):
    n, first, second = 9, 0.3, 0.7
    right = [np.array(feasibility.counts(value, 1, n)).reshape(-1, 1) for value in (first, second)]
    for printed in (".22", ".12", "<.1", ">.3", ".50"):
        expected = {
            (only_first, only_second)
            for both, only_first, only_second in itertools.product(range(n + 1), repeat=3)
            if both + only_first + only_second <= n
            and rounds_to(Fraction(both + only_first, n), first, 1)
            and rounds_to(Fraction(both + only_second, n), second, 1)
            and prints_as(defined_p(test, only_first, only_second), printed)
        }
        assert feasibility.discordant_counts(*right, sizes=[n], test=test, printed=printed) == sorted(expected)


def test_implied_sd_holds_the_sd_of_the_grades():
    generator = np.random.default_rng(0)
    for _ in range(200):
        x, y = generator.integers(1, 6, (2, 60))
        p = stats.ttest_rel(x, y).pvalue
        means = round(float(x.mean()), 2), round(float(y.mean()), 2)
        low, high = feasibility.implied_sd(*means, 2, 60, format_p(p))
        assert low - 1e-9 <= np.std(x - y, ddof=1) <= high + 1e-9


def test_implied_sd_by_hand():
    low, high = feasibility.implied_sd(4.0, 4.1, 6, 300, ".0050000")
    expected = 0.1 * math.sqrt(300) / stats.t.isf(0.0025, 299)
    assert low == pytest.approx(expected, rel=1e-3) and high == pytest.approx(expected, rel=1e-3)
    assert feasibility.implied_sd(4.21, 4.34, 2, 300, "<.001")[0] == 0
    assert feasibility.implied_sd(4.0, 4.1, 2, 300, ">.99")[1] == math.inf


def test_possible_sd_holds_every_pair_of_grade_lists():
    for x, y in itertools.product(itertools.product((1, 2, 3), repeat=4), repeat=2):
        mean_1, mean_2 = sum(x) / 4, sum(y) / 4
        low, high = feasibility.possible_sd(mean_1, mean_2, 2, 4, (1, 3))
        assert low - 1e-9 <= np.std(np.subtract(x, y), ddof=1) <= high + 1e-9
    assert feasibility.possible_sd(4.0, 4.25, 9, 4, (1, 5))[0] == pytest.approx(np.std([0, 0, 0, 1], ddof=1))


def test_numbers_are_written_as_ranges():
    assert number_ranges([3, 4, 5, 9]) == "3-5, 9"
    assert number_ranges([]) == "none"


@pytest.fixture(scope="module")
def rows():
    return check(load_published(ROOT / "config" / "published.yaml"))


def the_row(rows, *words):
    """The only row whose subject and claim have all the words."""
    (row,) = [row for row in rows if all(word in row["what"] + row["claim"] for word in words)]
    return row


def test_every_row_is_complete_and_has_a_verdict(rows):
    assert all(tuple(row) == COLUMNS for row in rows)
    assert all(row["verdict"] in ("possible", "impossible") or row["verdict"].startswith("only if ") for row in rows)
    assert len({(row["what"], row["claim"]) for row in rows}) == len(rows)


def test_splits_must_add_up_to_the_stated_total(rows):
    assert the_row(rows, "splits of uti", "700")["verdict"] == "impossible"
    assert the_row(rows, "splits of uti", "800")["verdict"] == "possible"


def test_shares_must_be_counts_of_a_whole_number_of_items(rows):
    assert the_row(rows, "agreement", "410 questions")["verdict"] == "impossible"
    assert the_row(rows, "agreement", "2460")["found"] == "2390-2392"
    assert the_row(rows, "helpfulness", "dpo")["detail"] == "0-2 evasive"


def test_costs_are_compared_with_the_stated_multiples(rows):
    assert the_row(rows, "cost", "summarization", "2 to 3")["verdict"] == "only if 3.2 counts as 3"


def test_the_reward_margin_is_shown_in_nats(rows):
    assert "1,100 nats" in the_row(rows, "reward margin")["found"]


def test_uti_after_dpo_needs_an_unbalanced_test_set(rows):
    # With 100 of 200 positive, F1 .98 and .95 differ by at least four errors, among at most 16 discordant items.
    row = the_row(rows, "uti llama3-8b-instruct dpo")
    assert row["verdict"].startswith("only if 78-81 of 200 are positive and the test is exact or continuity-corrected")
    assert max(defined_p("exact", errors, errors + 4) for errors in range(6)) < 0.545


def test_only_one_form_of_the_test_allows_every_p(rows):
    row = the_row(rows, "one form of McNemar's test")
    assert row["found"] == "exact 15, mid-P 15, chi-squared 15, continuity-corrected 16"
    assert row["verdict"] == "only if the test is continuity-corrected"


def test_significance_rows_name_the_p_between_thresholds(rows):
    assert "P=.04" in the_row(rows, "P from 0.01 to 0.05")["found"]
    assert the_row(rows, "P from 0.0025 to 0.01")["found"].count("P=") == 3
