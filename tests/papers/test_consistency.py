"""Searches against brute force over every possible set of answers, implied SDs against scipy, and the papers' rows."""

import itertools
import math
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from clinical_dpo.papers import feasibility
from clinical_dpo.papers.claims import runs
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


def p_of(test, b, c):
    """P by definition: sums of binomial terms, or the normal tail."""
    n, k = b + c, min(b, c)
    below = sum(math.comb(n, i) for i in range(k)) / 2**n
    term = math.comb(n, k) / 2**n
    if test == "exact":
        return min(1.0, 2 * (below + term))
    if test == "midp":
        return 1.0 if n == 0 else 2 * below + term
    gap = max(abs(b - c) - (test == "chi2_corrected"), 0)
    return 1.0 if n == 0 else math.erfc(gap / math.sqrt(2 * n))


def fits_p(p, printed):
    if printed[0] in "<>":
        return p < float(printed[1:]) if printed[0] == "<" else p > float(printed[1:])
    return abs(p - float(printed)) <= 0.5 * 10 ** -len(printed[1:]) + 1e-9


def f1_of(labels, answers, average):
    def of(positive):
        hit = sum(label == answer == positive for label, answer in zip(labels, answers, strict=True))
        named = labels.count(positive) + answers.count(positive)
        return Fraction(2 * hit, named) if named else Fraction(0)

    return of(1) if average == "binary" else (of(1) + of(0)) / 2


def brute_force(f1s, p_values, n, decimals, test, average="binary", unparsable=0):
    """Numbers of positives, from every possible list of answers of every variant."""
    found = set()
    for positives in range(1, n):
        labels = [1] * positives + [0] * (n - positives)
        answers = list(itertools.product((0, 1), repeat=n))
        if unparsable:  # None at up to so many negative items
            answers = [
                one
                for one in itertools.product((0, 1, None), repeat=n)
                if None not in one[:positives] and one.count(None) <= unparsable
            ]
        layers = [[a for a in answers if rounds_to(f1_of(labels, list(a), average), f1, decimals)] for f1 in f1s]
        reached = layers[0]
        for layer, printed in zip(layers[1:], p_values, strict=True):
            reached = [
                new for new in layer if any(fits_p(p_between(labels, old, new, test), printed) for old in reached)
            ]
        if reached:
            found.add(positives)
    return sorted(found)


def p_between(labels, first, second, test):
    right = [(x == label, y == label) for label, x, y in zip(labels, first, second, strict=True)]
    return p_of(test, right.count((True, False)), right.count((False, True)))


def test_mcnemar_forms_equal_definition_and_statsmodels():
    b, c = (grid.ravel() for grid in np.meshgrid(np.arange(25), np.arange(25)))
    for test in TESTS:
        found = feasibility.mcnemar_p(test, b, c)
        assert found == pytest.approx([p_of(test, int(x), int(y)) for x, y in zip(b, c, strict=True)], abs=1e-12)
    for x, y in ((3, 11), (12, 5), (1, 2)):
        table, one = [[9, x], [y, 9]], (np.array([x]), np.array([y]))
        assert feasibility.mcnemar_p("exact", *one)[0] == pytest.approx(mcnemar(table, exact=True).pvalue)
        for test, correction in (("chi2", False), ("chi2_corrected", True)):
            expected = mcnemar(table, exact=False, correction=correction).pvalue
            assert feasibility.mcnemar_p(test, *one)[0] == pytest.approx(expected)


def test_counts_round_to_the_share():
    for value, decimals, n in ((0.07, 2, 410), (0.5, 1, 20), (0.972, 3, 410), (0.81, 2, 500), (0.13, 2, 8)):
        assert feasibility.counts(value, decimals, n) == [
            k for k in range(n + 1) if rounds_to(Fraction(k, n), value, decimals)
        ]
    assert feasibility.counts(0.81, 2, 500) == [403, 404, 405, 406, 407]
    assert feasibility.counts(0.3, 1, 2) == []
    assert feasibility.counts(0.3, 1, 4) == [1]  # .25, half-way


def test_p_range_holds_what_is_printed_so():
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
    found = feasibility.fitting_positives(f1s, [p], 6, 1, average)[test]
    assert found.chain == found.links[0] == brute_force(f1s, [p], 6, 1, test, average)


@pytest.mark.parametrize("test", TESTS)
def test_chain_of_three_equals_brute_force(test):
    f1s, p_values = (0.5, 0.8, 0.6), (".50", ">.99")
    found = feasibility.fitting_positives(f1s, p_values, 6, 1)[test]
    assert found.chain == brute_force(f1s, p_values, 6, 1, test)
    assert found.links[1] == brute_force(f1s[1:], p_values[1:], 6, 1, test)


def test_unparsable_answers_equal_brute_force():
    for f1s, p in (((0.7, 0.7), ".50"), ((0.8, 0.6), ".25"), ((0.8, 0.3), ".06")):
        for lost in (0, 1, 2):
            found = feasibility.fitting_positives(f1s, [p], 6, 1, unparsable=lost)["exact"]
            assert found.chain == brute_force(f1s, [p], 6, 1, "exact", unparsable=lost)


@pytest.mark.parametrize("test", TESTS)
def test_discordant_counts_equal_brute_force(test):
    n, first, second = 9, 0.3, 0.7
    rights = [np.array(feasibility.counts(value, 1, n)).reshape(-1, 1) for value in (first, second)]
    for printed in (".22", ".12", "<.1", ">.3", ".50"):
        expected = {
            (only_first, only_second)
            for both, only_first, only_second in itertools.product(range(n + 1), repeat=3)
            if both + only_first + only_second <= n
            and rounds_to(Fraction(both + only_first, n), first, 1)
            and rounds_to(Fraction(both + only_second, n), second, 1)
            and fits_p(p_of(test, only_first, only_second), printed)
        }
        assert feasibility.discordants(*rights, sizes=[n], test=test, printed=printed) == sorted(expected)


def test_implied_sd_holds_the_true_one():
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


def test_runs():
    assert runs([3, 4, 5, 9]) == "3-5, 9"
    assert runs([]) == "none"


@pytest.fixture(scope="module")
def rows():
    return check(load_published(ROOT / "config" / "published.yaml"))


def only(rows, *words):
    (row,) = [row for row in rows if all(word in row["what"] + row["claim"] for word in words)]
    return row


def test_every_row_is_complete_and_has_a_verdict(rows):
    assert all(tuple(row) == COLUMNS for row in rows)
    assert all(row["verdict"] in ("possible", "impossible") or row["verdict"].startswith("only if ") for row in rows)
    assert len({(row["what"], row["claim"]) for row in rows}) == len(rows)


def test_what_the_splits_shares_and_costs_allow(rows):
    assert only(rows, "splits of uti", "700")["verdict"] == "impossible"
    assert only(rows, "splits of uti", "800")["verdict"] == "possible"
    assert only(rows, "agreement", "410 questions")["verdict"] == "impossible"
    assert only(rows, "agreement", "2460")["found"] == "2390-2392"
    assert only(rows, "helpfulness", "dpo")["detail"] == "0-2 evasive"
    assert only(rows, "cost", "summarization", "2 to 3")["verdict"] == "only if 3.2 counts as 3"
    assert "1,100 nats" in only(rows, "reward margin")["found"]


def test_uti_after_dpo_needs_an_unbalanced_test_set(rows):
    # With 100 of 200 positive, F1 .98 and .95 are at least four errors apart among at most 16 discordant items.
    row = only(rows, "uti llama3-8b-instruct dpo")
    assert row["verdict"].startswith("only if 78-81 of 200 are positive and the test is exact or continuity-corrected")
    assert max(p_of("exact", errors, errors + 4) for errors in range(6)) < 0.545


def test_one_form_of_the_test_alone_fits_every_p(rows):
    row = only(rows, "one form of McNemar's test")
    assert row["found"] == "exact 15, mid-P 15, chi-squared 15, continuity-corrected 16"
    assert row["verdict"] == "only if the test is continuity-corrected"


def test_significance_rows_name_the_p_between_thresholds(rows):
    assert "P=.04" in only(rows, "P from 0.01 to 0.05")["found"]
    assert only(rows, "P from 0.0025 to 0.01")["found"].count("P=") == 3
