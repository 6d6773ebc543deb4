"""Intervals and tests of F1 against scikit-learn, scipy, all swaps, formulas written out, and simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.stats.proportion import proportion_confint

from clinical_dpo.statistics import f1_effects
from clinical_dpo.statistics.paired_tests import mcnemar_exact

CLASSES = ["UTI", "No UTI"]
PAIRS = list(itertools.product(["UTI", "No UTI"], repeat=2))


def answered(generator, labels, right, invalid=0.05):
    other = {"UTI": "No UTI", "No UTI": "UTI"}
    draws = generator.random((len(labels), 2))
    return [
        None if bad < invalid else label if good < right else other[label]
        for label, (good, bad) in zip(labels, draws, strict=True)
    ]


def items(seed, n=200, first=0.85, second=0.7, classes=CLASSES):
    generator = np.random.default_rng(seed)
    labels = generator.choice(classes, n).tolist()
    if classes == CLASSES:
        return labels, answered(generator, labels, first), answered(generator, labels, second)
    said = [
        [label if generator.random() < right else str(generator.choice([*classes, ""])) for label in labels]
        for right in (first, second)
    ]
    return labels, *said


def table(positives, negatives):
    """Labels and both answers of so many items per pair of answers, each in the order of PAIRS."""
    numbers = [*zip(["UTI"] * 4, PAIRS, positives, strict=True), *zip(["No UTI"] * 4, PAIRS, negatives, strict=True)]
    rows = [(label, *pair) for label, pair, number in numbers for _ in range(number)]
    return [list(column) for column in zip(*rows, strict=True)]


def difference(*answers, classes=CLASSES, **options):
    return f1_effects.f1_difference(*answers, classes, seed=1, **options)


def f1(labels, said, average="UTI"):
    named = [word or "none" for word in said]
    if average == "UTI":
        return f1_score(labels, named, labels=["UTI"], average="macro", zero_division=np.nan)
    return f1_score(labels, named, labels=sorted(set(labels)), average="macro")


def test_interval_of_f1_is_wilsons_of_the_share_of_hits():
    labels, said, _ = items(1)
    hits = sum(label == word == "UTI" for label, word in zip(labels, said, strict=True))
    union = sum("UTI" in pair for pair in zip(labels, said, strict=True))
    shares = np.array(proportion_confint(hits, union, method="wilson"))
    assert f1_effects.f1_interval(labels, said, CLASSES) == pytest.approx(tuple(2 * shares / (1 + shares)))
    wider = f1_effects.f1_interval(labels, said, CLASSES, level=0.99)
    assert wider[0] < 2 * shares[0] / (1 + shares[0]) and wider[1] > 2 * shares[1] / (1 + shares[1])


@pytest.mark.parametrize("n", [1, 2, 12, 200])
def test_an_f1_of_one_or_zero_has_an_interval(n):
    z = stats.norm.isf(0.025)
    share = n / (n + z**2)  # Wilson's lower limit of n in n
    right = ["UTI"] * n + ["No UTI"] * n
    low, high = f1_effects.f1_interval(right, right, CLASSES)
    assert (low, high) == (pytest.approx(2 * share / (1 + share)), 1)
    macro = f1_effects.macro_f1_interval(right, right, CLASSES)
    assert macro == (pytest.approx(low), 1)  # both classes' F1 fall together
    wrong = right[::-1]
    assert f1_effects.f1_interval(right, wrong, CLASSES)[0] == 0
    assert f1_effects.macro_f1_interval(right, wrong, CLASSES)[0] == pytest.approx(0, abs=1e-12)
    assert f1_effects.f1_interval(["No UTI"] * n, ["No UTI"] * n, CLASSES) == (None, None)  # 0 / 0


def test_intervals_of_one_variant_cover_the_truth():
    generator, runs, covered = np.random.default_rng(2), 400, np.zeros(2)
    sensitivity, specificity, prevalence = 0.9, 0.95, 0.2
    cells = [prevalence * sensitivity, prevalence * (1 - sensitivity)]
    cells += [(1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity]
    (tp, fn, fp, tn), order = cells, [("UTI", "UTI"), ("UTI", "No UTI"), ("No UTI", "UTI"), ("No UTI", "No UTI")]
    truth = 2 * tp / (2 * tp + fn + fp), (2 * tp / (2 * tp + fn + fp) + 2 * tn / (2 * tn + fn + fp)) / 2
    for drawn in generator.multinomial(200, cells, runs):
        labels, said = zip(
            *[pair for pair, number in zip(order, drawn, strict=True) for _ in range(number)], strict=True
        )
        for place, interval in enumerate((f1_effects.f1_interval, f1_effects.macro_f1_interval)):
            low, high = interval(labels, said, CLASSES)
            covered[place] += low <= truth[place] <= high
    assert covered / runs == pytest.approx(0.96, abs=3 * math.sqrt(0.95 * 0.05 / runs))


def test_difference_equals_sklearns_and_its_p_scipys():
    labels, first, second = items(2, n=120)
    found = difference(labels, first, second)
    assert found.difference == pytest.approx(f1(labels, first) - f1(labels, second))
    codes = np.array([label == "UTI" for label in labels])
    answers = [np.array([word == "UTI" for word in said]) for said in (first, second)]

    def gain(one, other, axis=-1):
        scores = [2 * (codes & said).sum(axis) / (codes.sum() + said.sum(axis)) for said in (one, other)]
        return scores[0] - scores[1]

    swapped = stats.permutation_test(answers, gain, permutation_type="samples", n_resamples=50_000, rng=4)
    assert found.p_permutation == pytest.approx(swapped.pvalue, abs=0.005)
    low, high = found.interval
    assert low < found.difference < high
    # Twenty thousand plain resamples of the items: the interval is about as wide.
    drawn = np.random.default_rng(3).integers(len(labels), size=(20_000, len(labels)))
    tops, named = (
        [2 * (codes & said)[drawn].sum(1) for said in answers],
        [codes[drawn].sum(1) + said[drawn].sum(1) for said in answers],
    )
    plain = np.quantile(tops[0] / named[0] - tops[1] / named[1], [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(plain), abs=0.02)


def counted_f1(labels, said):
    hits = sum(label == word == "UTI" for label, word in zip(labels, said, strict=True))
    return 2 * hits / (labels.count("UTI") + said.count("UTI"))


def test_p_equals_all_swaps():
    labels, first, second = table([2, 3, 1, 1], [1, 2, 0, 2])
    swaps = list(itertools.product((0, 1), repeat=len(labels)))
    gains = []
    for swap in swaps:
        one, other = zip(
            *[(b, a) if turned else (a, b) for a, b, turned in zip(first, second, swap, strict=True)], strict=True
        )
        gains.append(abs(counted_f1(labels, one) - counted_f1(labels, other)))
    exact = np.mean([gain >= gains[0] - 1e-12 for gain in gains])
    assert difference(labels, first, second).p_permutation == pytest.approx(exact, abs=1e-12)


def test_with_positive_items_alone_p_is_mcnemars():
    for both, b, c, neither in [(40, 8, 2, 3), (0, 5, 5, 1), (97, 3, 0, 0), (10, 0, 9, 0)]:
        found = difference(*table([both, b, c, neither], [0] * 4))
        assert found.p_permutation == pytest.approx(mcnemar_exact(b, c), abs=1e-12)


def test_interval_by_the_formulas():
    """Zou & Donner's limits with Newcombe's correction, for positive items alone, where J is a proportion."""
    both, b, c, neither = 150, 20, 6, 24
    shares = np.array([both + b, both + c]) / 200
    low, high = np.array([proportion_confint(200 * share, 200, method="wilson") for share in shares]).T
    scores, lows, highs = (2 * share / (1 + share) for share in (shares, low, high))
    product = both * neither - b * c
    phi = (product - 200 / 2) / math.sqrt((both + b) * (c + neither) * (both + c) * (b + neither))
    below = math.sqrt(
        (scores[0] - lows[0]) ** 2
        - 2 * phi * (scores[0] - lows[0]) * (highs[1] - scores[1])
        + (highs[1] - scores[1]) ** 2
    )
    above = math.sqrt(
        (highs[0] - scores[0]) ** 2
        - 2 * phi * (highs[0] - scores[0]) * (scores[1] - lows[1])
        + (scores[1] - lows[1]) ** 2
    )
    gain = scores[0] - scores[1]
    assert difference(*table([both, b, c, neither], [0] * 4)).interval == pytest.approx((gain - below, gain + above))


def contradicts(found, level=0.95):
    low, high = found.interval
    assert -1 <= low <= found.difference <= high <= 1
    return (low > 0 or high < 0) != (found.p_permutation < 1 - level)


def compositions(n):
    return [cells for cells in np.ndindex(*[n + 1] * 4) if sum(cells) <= n]


def test_no_interval_contradicts_its_p_on_small_tables():
    """All tables of up to 12 positive items, and of up to 5 items of both classes."""
    tables = [(cells, (0, 0, 0, 0)) for cells in compositions(12) if sum(cells)]
    tables += [(one, two) for one in compositions(5) for two in compositions(5 - sum(one)) if sum(one) and sum(two)]
    assert [each for each in tables if contradicts(difference(*table(*each)))] == []


@pytest.mark.parametrize("positives", [10, 100, 190])
def test_no_interval_contradicts_its_p_near_the_ceiling(positives):
    for b, c, alarm, other in itertools.product(range(0, 10, 1), range(0, 10, 3), (0, 2), (0, 1, 7)):
        if b + c <= positives:
            rows = table([positives - b - c, b, c, 0], [0, alarm, other, 200 - positives - alarm - other])
            for level in (0.95, 1 - 0.05 / 3):
                assert not contradicts(difference(*rows, level=level), level), (b, c, alarm, other)


def test_what_the_bootstrap_called_significant_is_not():
    """Three misses in 100 positives, and two: the permutation P is McNemar's .25 and .5."""
    for misses, p in ((3, 0.25), (2, 0.5)):
        found = difference(*table([100 - misses, misses, 0, 0], [0, 0, 0, 100]))
        assert found.p_permutation == pytest.approx(p, abs=1e-12)
        assert found.interval[0] < 0 < found.difference < found.interval[1]


@pytest.mark.parametrize(("accuracies", "prevalence"), [((0.99, 0.99), 0.5), ((0.9, 0.9), 0.05), ((0.95, 0.9), 0.1)])
def test_the_interval_covers_the_truth_near_the_ceiling(accuracies, prevalence):
    generator, runs, covered = np.random.default_rng(6), 400, 0
    expected = [2 * prevalence * right / (2 * prevalence * right + 1 - right) for right in accuracies]
    for _ in range(runs):
        labels = np.where(generator.random(200) < prevalence, "UTI", "No UTI").tolist()
        first, second = (answered(generator, labels, right, invalid=0) for right in accuracies)
        low, high = difference(labels, first, second).interval
        covered += low <= expected[0] - expected[1] <= high
    assert covered / runs >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)


def test_difference_changes_sign_when_swapped():
    labels, first, second = items(3)
    one, other = difference(labels, first, second), difference(labels, second, first)
    assert other.difference == -one.difference and other.p_permutation == pytest.approx(one.p_permutation)
    assert other.interval == pytest.approx((-one.interval[1], -one.interval[0]))


def test_difference_where_little_is_known():
    labels, first, _ = items(4)
    same = difference(labels, first, first)
    assert (same.difference, same.p_permutation) == (0, 1) and same.interval[0] < 0 < same.interval[1]
    never = difference(["No UTI"] * 3, ["No UTI"] * 3, ["No UTI", "No UTI", None])
    assert never == (None, (None, None), None)  # 0 / 0: no item and no answer is positive
    one = difference(["UTI"], ["UTI"], ["No UTI"])
    assert (one.difference, one.p_permutation) == (1, 1) and one.interval[0] < 0 < 1 == one.interval[1]


def test_of_more_classes_macro_f1_is_compared():
    classes = ["red", "amber", "green"]
    labels, first, second = items(5, first=0.9, second=0.8, classes=classes)
    found = difference(labels, first, second, classes=classes)
    assert found.difference == pytest.approx(f1(labels, first, "macro") - f1(labels, second, "macro"))
    assert found == difference(labels, first, second, classes=classes)
    low, high = found.interval
    assert low < found.difference < high and not contradicts(found)
    generator, codes = np.random.default_rng(0), [np.array(words) for words in (labels, first, second)]
    plain = []
    for _ in range(500):
        drawn = generator.integers(len(labels), size=len(labels))
        plain.append(f1(codes[0][drawn], codes[1][drawn], "macro") - f1(codes[0][drawn], codes[2][drawn], "macro"))
    assert (low, high) == pytest.approx(tuple(np.quantile(plain, [0.025, 0.975])), abs=0.02)
    low, high = f1_effects.macro_f1_interval(labels, first, classes)
    assert low < f1(labels, first, "macro") < high


def test_p_of_macro_f1_is_level_under_the_null():
    classes, small = ["red", "amber", "green"], []
    for seed in range(60):
        labels, first, second = items(seed, n=60, first=0.7, second=0.7, classes=classes)
        small.append(difference(labels, first, second, classes=classes).p_permutation < 0.2)
    assert np.mean(small) == pytest.approx(0.2, abs=3 * math.sqrt(0.2 * 0.8 / 60))
