"""Stuart-Maxwell and Bowker against statsmodels, a published example, and tables on which the formula breaks down."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import SquareTable, mcnemar

from clinical_dpo.statistics.clustered import obuchowski
from clinical_dpo.statistics.symmetry_tests import (
    answer_table,
    bowker,
    clustered_bowker,
    clustered_stuart_maxwell,
    stuart_maxwell,
)
from tests.helpers.labelled_answers import CLASSES, drawn

# Distance vision of 7,477 women, right and left eye (Stuart 1955, Biometrika 42:412-416).
VISION = np.array([[1520, 266, 124, 66], [234, 1512, 432, 78], [117, 362, 1772, 205], [36, 82, 179, 492]])


def test_the_published_example():
    tested = stuart_maxwell(VISION)
    assert (tested.statistic, tested.df) == (pytest.approx(11.957, abs=5e-4), 3)
    symmetry = bowker(VISION)
    assert (symmetry.statistic, symmetry.df) == (pytest.approx(19.107, abs=5e-4), 6)
    assert symmetry.p_value == pytest.approx(0.0040, abs=5e-5)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_statsmodels(seed):
    first, second = drawn(seed, items=90)
    table = answer_table(first, second, CLASSES)
    square = SquareTable(table, shift_zeros=False)
    for tested, expected in ((stuart_maxwell(table), square.homogeneity()), (bowker(table), square.symmetry())):
        assert tested.statistic == pytest.approx(expected.statistic)
        assert tested.p_value == pytest.approx(expected.pvalue)
        assert tested.df == expected.df


def test_invalid_answers_are_a_category_and_unused_labels_are_none():
    table = answer_table(["yes", "yes", "", "no"], ["yes", None, "no", ""], CLASSES)
    assert table.tolist() == [[1, 0, 1], [0, 0, 1], [0, 1, 0]]  # yes, no, invalid


def test_two_labels_give_mcnemar_s_test():
    table = np.array([[20, 9], [2, 14]])
    expected = mcnemar(table, exact=False, correction=False)
    for tested in (stuart_maxwell(table), bowker(table)):
        assert (tested.statistic, tested.df) == (pytest.approx(expected.statistic), 1)
        assert tested.p_value == pytest.approx(expected.pvalue)


def test_variants_that_agree_on_every_item_do_not_differ():
    for table in (np.diag([3, 4, 5]), np.array([[7]])):
        assert stuart_maxwell(table) == (0, 0, 1)
        assert bowker(table).statistic == 0 and bowker(table).p_value == 1


def test_categories_apart_are_added_where_the_covariance_of_all_is_singular():
    """Items move between the first two categories and between the last two, never across: two of McNemar's tests."""
    table = np.array([[5, 8, 0, 0], [1, 6, 0, 0], [0, 0, 9, 2], [0, 0, 7, 3]])
    tested = stuart_maxwell(table)
    moved = table.sum(axis=1) - table.sum(axis=0)
    covariance = np.diag(table.sum(axis=1) + table.sum(axis=0)) - table - table.T
    assert tested.df == np.linalg.matrix_rank(covariance) == 2
    assert tested.statistic == pytest.approx(moved @ np.linalg.pinv(covariance) @ moved)
    assert tested.statistic == pytest.approx((8 - 1) ** 2 / 9 + (2 - 7) ** 2 / 9)


GROUPED = ((clustered_stuart_maxwell, stuart_maxwell), (clustered_bowker, bowker))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("of_groups", "of_items"), GROUPED)
def test_repeated_items_in_a_group_give_the_numbers_of_single_items(seed, of_groups, of_items):
    first, second = drawn(seed, items=90)
    expected = of_items(answer_table(first, second, CLASSES))
    for times in (1, 3):
        repeated = [np.repeat(answers, times).tolist() for answers in (first, second)]
        tested = of_groups(*repeated, CLASSES, np.repeat(np.arange(90), times))
        assert tested == pytest.approx(expected, rel=1e-9)
    assert of_items(answer_table(*repeated, CLASSES)).p_value < expected.p_value


def test_two_labels_in_groups_give_obuchowskis_test_without_its_factor():
    """The factor is (groups - 1) / groups: it corrects a variance around the mean, and this one is around 0."""
    draw = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 4)
    first, second = ((draw.random(120) < share).astype(int) for share in (0.7, 0.5))
    statistic, _ = obuchowski(first, second, groups)
    answers = [[("no", "yes")[code] for code in codes] for codes in (first, second)]
    for of_groups, _ in GROUPED:
        tested = of_groups(*answers, ["yes", "no"], groups)
        assert (tested.statistic, tested.df) == (pytest.approx(statistic * 30 / 29), 1)


@pytest.mark.parametrize(("of_groups", "of_items"), GROUPED)
def test_the_level_holds_in_groups_and_not_if_items_were_independent(of_groups, of_items):
    """Visits of a patient, who have the same two answers: 400 samples of 40 patients without a true difference."""
    draw, rejected, unclustered = np.random.default_rng(7), 0, 0
    for _ in range(400):
        groups = np.repeat(np.arange(40), draw.integers(1, 6, 40))
        first, second = (np.array(CLASSES)[draw.integers(0, 3, 40)][groups].tolist() for _ in range(2))
        rejected += of_groups(first, second, CLASSES, groups).p_value < 0.05
        unclustered += of_items(answer_table(first, second, CLASSES)).p_value < 0.05
    assert rejected <= 30 and unclustered > 80  # 20 are expected; more than 30 in one of 100


@pytest.mark.parametrize(("of_groups", "_"), GROUPED)
def test_one_group_shows_nothing_and_equal_answers_do_not_differ(of_groups, _):
    first, second = ["yes"] * 20 + ["no"], ["no"] * 20 + ["maybe"]
    assert of_groups(first, second, CLASSES, np.zeros(21, dtype=int)).statistic == pytest.approx(1)
    assert of_groups(first, first, CLASSES, np.repeat(np.arange(7), 3))[::2] == (0, 1)
