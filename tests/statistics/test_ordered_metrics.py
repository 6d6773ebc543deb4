"""Metrics of ordered labels against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from clinical_dpo.statistics.ordered_metrics import answered_levels, ordered_estimates, quadratic_kappa
from tests.helpers.labelled_answers import drawn

LEVELS = ["emergency", "today", "week", "never"]


def estimates(labels, answers, levels=LEVELS):
    return {row.metric: row for row in ordered_estimates(labels, answers, levels, 1)}


@pytest.mark.parametrize("seed", range(5))
def test_estimates_equal_scikit_learn_s(seed):
    labels, answers = drawn(seed, classes=LEVELS, absent=("week",) if seed == 4 else ())
    answers = answered_levels(labels, answers, LEVELS)
    x, y = ([LEVELS.index(word) for word in words] for words in (labels, answers))
    results = estimates(labels, answers)
    kappa = sk.cohen_kappa_score(x, y, weights="quadratic", labels=range(4))
    assert results["quadratic_kappa"].value == pytest.approx(kappa)
    assert results["mean_absolute_error"].value == pytest.approx(sk.mean_absolute_error(x, y))
    assert results["off_by_two"].value == pytest.approx(np.mean(np.abs(np.subtract(x, y)) >= 2))


def test_an_invalid_answer_counts_as_the_level_farthest_from_the_truth():
    assert answered_levels(LEVELS, ["", None, "", ""], LEVELS) == ["never", "never", "emergency", "emergency"]
    assert answered_levels(["today"], [""], LEVELS[:3]) == ["week"]  # of two as far the higher
    assert answered_levels(LEVELS, LEVELS, LEVELS) == LEVELS
    results = estimates(LEVELS, ["", "today", "week", "never"])
    assert results["mean_absolute_error"].value == 3 / 4 and results["off_by_two"].value == 1 / 4


def test_one_level_throughout_leaves_kappa_undefined():
    results = estimates(["today"] * 4, ["today"] * 4)
    assert results["quadratic_kappa"].value is None and results["quadratic_kappa"].interval == (None, None)
    assert results["mean_absolute_error"].value == 0 and results["mean_absolute_error"].interval == (None, None)


def test_resamples_are_computed_at_once_as_they_are_one_by_one():
    counts = np.random.default_rng(0).integers(0, 9, size=(6, 4, 4)).astype(float)
    kappas = [
        sk.cohen_kappa_score(*_items(table), weights="quadratic", labels=range(4)) for table in counts.astype(int)
    ]
    assert quadratic_kappa(counts) == pytest.approx(kappas)


def _items(table):
    cells = [(row, column) for (row, column), number in np.ndenumerate(table) for _ in range(number)]
    return zip(*cells, strict=True)


def test_intervals_hold_the_estimate_and_are_named():
    results = estimates(*drawn(11, items=150, classes=LEVELS))
    assert [row.method for row in results.values()] == ["percentile_bootstrap", "percentile_bootstrap", "wilson"]
    assert all(row.interval[0] < row.value < row.interval[1] for row in results.values())
