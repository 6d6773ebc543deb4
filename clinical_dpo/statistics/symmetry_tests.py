"""Tests of whether two variants give the labels of the same items differently: Stuart-Maxwell and Bowker."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2
from sklearn.metrics import confusion_matrix
from statsmodels.stats.contingency_tables import SquareTable

from clinical_dpo.grading.scores import INVALID, Answers


class SymmetryTest(NamedTuple):
    """A chi-squared statistic, its degrees of freedom and P."""

    statistic: float
    df: int
    p_value: float


def answer_table(first: Answers, second: Answers, classes: Sequence[str]) -> np.ndarray:
    """Items per first and second answer, (c, c), by scikit-learn; no answer is a category of its own.

    A category that neither variant uses is left out: it would make the tests' tables singular.

    Args:
        first: labels that the first variant gave, None or "" where an answer gives none.
        second: the second variant's, item by item.
        classes: all labels of the task.
    """
    named = [*classes, INVALID]
    table = confusion_matrix(
        [answer or INVALID for answer in first], [answer or INVALID for answer in second], labels=named
    )
    used = (table.sum(axis=0) + table.sum(axis=1)) > 0
    return table[np.ix_(used, used)]


def bowker(table: np.ndarray) -> SymmetryTest:
    """Bowker's test of symmetry (1948, J Am Stat Assoc 43:572-574), by statsmodels.

    Does the first variant answer i where the second answers j as often as the reverse? Pairs of categories without an
    item add nothing to the statistic and count among the degrees of freedom.

    Args:
        table: from `answer_table`.

    Returns:
        Statistic 0 and P 1 for fewer than two categories, without degrees of freedom.
    """
    if len(table) < 2:
        return SymmetryTest(0.0, 0, 1.0)
    tested = SquareTable(table, shift_zeros=False).symmetry()
    return SymmetryTest(float(tested.statistic), int(tested.df), float(tested.pvalue))


def stuart_maxwell(table: np.ndarray) -> SymmetryTest:
    """Stuart-Maxwell test of marginal homogeneity (Stuart 1955; Maxwell 1970), by statsmodels.

    Do both variants give each label equally often? Categories between which no item moves, directly or through others,
    are tested apart and their statistics added. That is the generalised inverse where the covariance of all margins
    is singular, and statsmodels' own statistic where it is not.

    Args:
        table: from `answer_table`.

    Returns:
        Statistic 0 and P 1 where the variants agree on every item, without degrees of freedom.
    """
    moved = table - np.diag(np.diagonal(table))
    groups, group_of = connected_components(csr_array(moved), directed=False)
    statistic, df = 0.0, 0
    for group in range(groups):
        members = group_of == group
        tested = SquareTable(table[np.ix_(members, members)], shift_zeros=False).homogeneity()
        statistic, df = statistic + float(tested.statistic), df + int(tested.df)
    return SymmetryTest(statistic, df, float(chi2.sf(statistic, df)) if df else 1.0)
