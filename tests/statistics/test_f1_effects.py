"""Intervals and tests of F1 against scikit-learn, scipy, all swaps, written formulas and simulation."""

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
    """Random answers: a share `invalid` has no label, and of the rest a share `right` is right."""
    opposite = {"UTI": "No UTI", "No UTI": "UTI"}
    draws = generator.random((len(labels), 2))
    return [
        None if bad < invalid else label if good < right else opposite[label]
        for label, (good, bad) in zip(labels, draws, strict=True)
    ]


def random_items(seed, n=200, first=0.85, second=0.7, classes=CLASSES):
    generator = np.random.default_rng(seed)
    labels = generator.choice(classes, n).tolist()
    if classes == CLASSES:
        return labels, answered(generator, labels, first), answered(generator, labels, second)
    answers = [
        [label if generator.random() < right else str(generator.choice([*classes, ""])) for label in labels]
        for right in (first, second)
    ]
    return labels, *answers


def table(positives, negatives):
    """Labels and both answers. `positives` and `negatives` have the number of items for each pair of PAIRS."""
    numbers = [*zip(["UTI"] * 4, PAIRS, positives, strict=True), *zip(["No UTI"] * 4, PAIRS, negatives, strict=True)]
    rows = [(label, *pair) for label, pair, number in numbers for _ in range(number)]
    return [list(column) for column in zip(*rows, strict=True)]


def difference(*answers, classes=CLASSES, **options):
    return f1_effects.f1_difference(*answers, classes, seed=1, **options)


def f1(labels, answers, average="UTI"):
    predicted = [answer or "none" for answer in answers]
    if average == "UTI":
        return f1_score(labels, predicted, labels=["UTI"], average="macro", zero_division=np.nan)
    return f1_score(labels, predicted, labels=sorted(set(labels)), average="macro")


def test_interval_of_f1_is_computed_from_wilsons_interval_of_j():
    labels, answers, _ = random_items(1)
    hits = sum(label == answer == "UTI" for label, answer in zip(labels, answers, strict=True))
    union = sum("UTI" in pair for pair in zip(labels, answers, strict=True))
    shares = np.array(proportion_confint(hits, union, method="wilson"))
    assert f1_effects.f1_interval(labels, answers, CLASSES) == pytest.approx(tuple(2 * shares / (1 + shares)))
    wider = f1_effects.f1_interval(labels, answers, CLASSES, level=0.99)
    assert wider[0] < 2 * shares[0] / (1 + shares[0]) and wider[1] > 2 * shares[1] / (1 + shares[1])


@pytest.mark.parametrize("n", [1, 2, 12, 200])
def test_an_f1_of_one_or_zero_has_an_interval(n):
    z = stats.norm.isf(0.025)
    share = n / (n + z**2)  # Wilson's lower limit of n in n
    right = ["UTI"] * n + ["No UTI"] * n
    low, high = f1_effects.f1_interval(right, right, CLASSES)
    assert (low, high) == (pytest.approx(2 * share / (1 + share)), 1)
    macro = f1_effects.macro_f1_interval(right, right, CLASSES)
    assert macro == (pytest.approx(low), 1)  # the F1 of both classes are equal
    wrong = right[::-1]
    assert f1_effects.f1_interval(right, wrong, CLASSES)[0] == 0
    assert f1_effects.macro_f1_interval(right, wrong, CLASSES)[0] == pytest.approx(0, abs=1e-12)
    assert f1_effects.f1_interval(["No UTI"] * n, ["No UTI"] * n, CLASSES) == (None, None)  # 0 / 0
    assert f1_effects.macro_f1_interval([], [], CLASSES) == (None, None)


def test_intervals_of_one_variant_cover_the_truth():
    generator, runs, covered = np.random.default_rng(2), 400, np.zeros(2)
    sensitivity, specificity, prevalence = 0.9, 0.95, 0.2
    cells = [prevalence * sensitivity, prevalence * (1 - sensitivity)]
    cells += [(1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity]
    (tp, fn, fp, tn), order = cells, [("UTI", "UTI"), ("UTI", "No UTI"), ("No UTI", "UTI"), ("No UTI", "No UTI")]
    truth = 2 * tp / (2 * tp + fn + fp), (2 * tp / (2 * tp + fn + fp) + 2 * tn / (2 * tn + fn + fp)) / 2
    for numbers in generator.multinomial(200, cells, runs):
        labels, answers = zip(
            *[pair for pair, number in zip(order, numbers, strict=True) for _ in range(number)], strict=True
        )
        for index, interval in enumerate((f1_effects.f1_interval, f1_effects.macro_f1_interval)):
            low, high = interval(labels, answers, CLASSES)
            covered[index] += low <= truth[index] <= high
    assert covered / runs == pytest.approx(0.96, abs=3 * math.sqrt(0.95 * 0.05 / runs))


def test_difference_equals_sklearn_and_p_equals_scipy():
    labels, first, second = random_items(2, n=120)
    ours = difference(labels, first, second)
    assert ours.difference == pytest.approx(f1(labels, first) - f1(labels, second))
    positive = np.array([label == "UTI" for label in labels])
    answers = [np.array([answer == "UTI" for answer in variant]) for variant in (first, second)]

    def gain(x, y, axis=-1):
        scores = [2 * (positive & answer).sum(axis) / (positive.sum() + answer.sum(axis)) for answer in (x, y)]
        return scores[0] - scores[1]

    swapped = stats.permutation_test(answers, gain, permutation_type="samples", n_resamples=50_000, rng=4)
    assert ours.p_permutation == pytest.approx(swapped.pvalue, abs=0.005)


def test_interval_of_the_difference_is_close_to_a_percentile_bootstrap():
    labels, first, second = random_items(2, n=120)
    ours = difference(labels, first, second)
    positive = np.array([label == "UTI" for label in labels])
    answers = [np.array([answer == "UTI" for answer in variant]) for variant in (first, second)]
    drawn = np.random.default_rng(3).integers(len(labels), size=(20_000, len(labels)))
    tops, bottoms = (
        [2 * (positive & answer)[drawn].sum(1) for answer in answers],
        [positive[drawn].sum(1) + answer[drawn].sum(1) for answer in answers],
    )
    percentiles = np.quantile(tops[0] / bottoms[0] - tops[1] / bottoms[1], [0.025, 0.975])
    assert ours.interval == pytest.approx(tuple(percentiles), abs=0.02)
    assert ours.interval[0] < ours.difference < ours.interval[1]


def counted_f1(labels, answers):
    hits = sum(label == answer == "UTI" for label, answer in zip(labels, answers, strict=True))
    return 2 * hits / (labels.count("UTI") + answers.count("UTI"))


def test_p_equals_all_swaps():
    labels, first, second = table([2, 3, 1, 1], [1, 2, 0, 2])
    swaps = list(itertools.product((0, 1), repeat=len(labels)))
    gains = []
    for swap in swaps:
        x, y = zip(
            *[(b, a) if swapped else (a, b) for a, b, swapped in zip(first, second, swap, strict=True)], strict=True
        )
        gains.append(abs(counted_f1(labels, x) - counted_f1(labels, y)))
    exact = np.mean([gain >= gains[0] - 1e-12 for gain in gains])
    assert difference(labels, first, second).p_permutation == pytest.approx(exact, abs=1e-12)


def test_with_positive_items_alone_p_is_mcnemars():
    for both, b, c, neither in [(40, 8, 2, 3), (0, 5, 5, 1), (97, 3, 0, 0), (10, 0, 9, 0)]:
        ours = difference(*table([both, b, c, neither], [0] * 4))
        assert ours.p_permutation == pytest.approx(mcnemar_exact(b, c), abs=1e-12)


def test_interval_by_the_formulas():
    """Zou & Donner's limits with Newcombe's correction. All items are positive, so J is the sensitivity."""
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


def contradicts(f1, level=0.95):
    low, high = f1.interval
    assert -1 <= low <= f1.difference <= high <= 1
    return (low > 0 or high < 0) != (f1.p_permutation < 1 - level)


def compositions(n):
    return [cells for cells in np.ndindex(*[n + 1] * 4) if sum(cells) <= n]


def test_no_interval_contradicts_its_p_on_small_tables():
    """The tables are all tables of up to 12 positive items, and of up to 5 items of both classes."""
    tables = [(cells, (0, 0, 0, 0)) for cells in compositions(12) if sum(cells)]
    tables += [(x, y) for x in compositions(5) for y in compositions(5 - sum(x)) if sum(x) and sum(y)]
    assert [cells for cells in tables if contradicts(difference(*table(*cells)))] == []


@pytest.mark.parametrize("positives", [10, 100, 190])
def test_no_interval_contradicts_its_p_near_the_ceiling(positives):
    for b, c, first_fp, second_fp in itertools.product(range(0, 10, 1), range(0, 10, 3), (0, 2), (0, 1, 7)):
        if b + c <= positives:
            negatives = [0, first_fp, second_fp, 200 - positives - first_fp - second_fp]
            rows = table([positives - b - c, b, c, 0], negatives)
            for level in (0.95, 1 - 0.05 / 3):
                assert not contradicts(difference(*rows, level=level), level), (b, c, first_fp, second_fp)


def test_a_few_misses_are_not_significant():
    """With 2 or 3 misses in 100 positives the permutation P is McNemar's. A bootstrap P was below .05."""
    for misses, p in ((3, 0.25), (2, 0.5)):
        ours = difference(*table([100 - misses, misses, 0, 0], [0, 0, 0, 100]))
        assert ours.p_permutation == pytest.approx(p, abs=1e-12)
        assert ours.interval[0] < 0 < ours.difference < ours.interval[1]


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
    labels, first, second = random_items(3)
    ours, swapped = difference(labels, first, second), difference(labels, second, first)
    assert swapped.difference == -ours.difference and swapped.p_permutation == pytest.approx(ours.p_permutation)
    assert swapped.interval == pytest.approx((-ours.interval[1], -ours.interval[0]))


def test_equal_answers_have_no_difference_and_a_p_of_one():
    labels, first, _ = random_items(4)
    equal = difference(labels, first, first)
    assert (equal.difference, equal.p_permutation) == (0, 1) and equal.interval[0] < 0 < equal.interval[1]


def test_a_difference_is_not_defined_without_positive_items_and_answers():
    undefined = difference(["No UTI"] * 3, ["No UTI"] * 3, ["No UTI", "No UTI", None])
    assert undefined == (None, (None, None), None)


def test_a_difference_of_one_item_has_a_p_of_one():
    ours = difference(["UTI"], ["UTI"], ["No UTI"])
    assert (ours.difference, ours.p_permutation) == (1, 1) and ours.interval[0] < 0 < 1 == ours.interval[1]


CLASSES_OF_TRIAGE = ["red", "amber", "green"]


@pytest.mark.parametrize("groups", [None, np.zeros(1, dtype=int), np.zeros(3, dtype=int)])
def test_a_single_item_or_group_has_a_p_of_one(groups):
    """A swap changes the sign of the difference alone."""
    times = 1 if groups is None else len(groups)
    for macro in (True, False):
        [tested] = f1_effects.f1_differences(
            ["a"] * times, ["a"] * times, ["b"] * times, ["a", "b"], 1, [0.95], macro=macro, groups=groups
        )
        assert tested.p_permutation == 1 and tested.difference > 0
        low, high = tested.interval
        assert (low is None) if groups is not None else low <= 0 < high


def test_with_more_classes_macro_f1_is_compared():
    labels, first, second = random_items(5, first=0.9, second=0.8, classes=CLASSES_OF_TRIAGE)
    ours = difference(labels, first, second, classes=CLASSES_OF_TRIAGE)
    assert ours.difference == pytest.approx(f1(labels, first, "macro") - f1(labels, second, "macro"))
    assert ours == difference(labels, first, second, classes=CLASSES_OF_TRIAGE)
    assert ours.interval[0] < ours.difference < ours.interval[1] and not contradicts(ours)
    low, high = f1_effects.macro_f1_interval(labels, first, CLASSES_OF_TRIAGE)
    assert low < f1(labels, first, "macro") < high


@pytest.mark.parametrize("seed", range(3))
def test_macro_f1_of_two_classes_is_compared_by_choice_and_its_p_is_that_of_all_swaps(seed):
    labels, first, second = random_items(seed, n=8)
    labels[:2] = CLASSES
    levels = [0.95, 0.9]
    wide, narrow = f1_effects.f1_differences(labels, first, second, CLASSES, 1, levels, macro=True)
    observed = f1(labels, first, "macro") - f1(labels, second, "macro")
    assert wide.difference == narrow.difference == pytest.approx(observed)
    gains = []
    for swaps in itertools.product((0, 1), repeat=len(labels)):
        pairs = [(y, x) if swap else (x, y) for x, y, swap in zip(first, second, swaps, strict=True)]
        gains.append(np.subtract(*(f1(labels, answers, "macro") for answers in zip(*pairs, strict=True))))
    p = np.mean(np.abs(gains) >= abs(observed) - 1e-12)
    assert wide.p_permutation == narrow.p_permutation == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 1e4))
    assert wide.interval[0] <= narrow.interval[0] < observed + 1e-9 and narrow.interval[1] <= wide.interval[1]


def test_interval_of_a_macro_f1_difference_is_close_to_a_percentile_bootstrap():
    labels, first, second = random_items(5, first=0.9, second=0.8, classes=CLASSES_OF_TRIAGE)
    generator, columns = np.random.default_rng(0), [np.array(names) for names in (labels, first, second)]
    differences = []
    for _ in range(500):
        drawn = generator.integers(len(labels), size=len(labels))
        truth, x, y = (column[drawn] for column in columns)
        differences.append(f1(truth, x, "macro") - f1(truth, y, "macro"))
    interval = difference(labels, first, second, classes=CLASSES_OF_TRIAGE).interval
    assert interval == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])), abs=0.02)


def test_p_of_macro_f1_keeps_its_level_under_the_null():
    below = []
    for seed in range(60):
        labels, first, second = random_items(seed, n=60, first=0.7, second=0.7, classes=CLASSES_OF_TRIAGE)
        below.append(difference(labels, first, second, classes=CLASSES_OF_TRIAGE).p_permutation < 0.2)
    assert np.mean(below) == pytest.approx(0.2, abs=3 * math.sqrt(0.2 * 0.8 / 60))
