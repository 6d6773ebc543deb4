"""Stuart-Maxwell and Bowker tests of two variants' answers to the same items.

The Stuart-Maxwell test asks whether the two variants give each label equally often. Bowker's test asks whether the
table of first answer by second answer is symmetric.

Each test has a version for items in groups: a score test with the cluster-robust covariance (Boos 1992, Am Stat
46:327-333). A vector codes the two answers to an item (see `clustered_stuart_maxwell` and `clustered_bowker`). The
vectors of the items in a group are summed. d is the sum of these group sums, and S is the sum of their outer products.
The statistic is d' S^- d, where S^- is the generalised inverse of S.

If every group has a single item, the results are those of the test for independent items. If every group consists of m
copies of one item, with the same m for all groups, the results do not depend on m. The statistic is at most the number
of groups, so few groups cannot give a small P. No maintained library has these versions for groups.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2
from sklearn.metrics import confusion_matrix
from statsmodels.stats.contingency_tables import SquareTable

from clinical_dpo.grading.scores import INVALID, Answers
from clinical_dpo.statistics.groups import Groups

SINGULAR = 1e-10  # eigenvalues below this share of the largest are 0 up to rounding


class SymmetryTest(NamedTuple):
    """A chi-squared statistic, its degrees of freedom and P."""

    statistic: float
    df: int
    p_value: float


def answer_table(first: Answers, second: Answers, classes: Sequence[str]) -> np.ndarray:
    """Return a square table of the two variants' answers, computed with scikit-learn.

    Rows are the first variant's answers, columns are the second variant's answers, and cells are numbers of items.
    "No answer" is a category of its own. A category that neither variant uses is left out, because it would make the
    tests' matrices singular.

    Args:
        first: labels that the first variant gave; None or "" for an answer without a label.
        second: labels that the second variant gave, with the items in the same order.
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

    Null hypothesis: for any categories i and j, the answers (i, j) of the first and second variant are as frequent as
    (j, i). A pair of categories without an item adds nothing to the statistic but counts as a degree of freedom.

    Args:
        table: the result of `answer_table`.

    Returns:
        The test. With fewer than two categories the statistic is 0, with 0 degrees of freedom and P 1.
    """
    if len(table) < 2:
        return SymmetryTest(0.0, 0, 1.0)
    tested = SquareTable(table, shift_zeros=False).symmetry()
    return SymmetryTest(float(tested.statistic), int(tested.df), float(tested.pvalue))


def stuart_maxwell(table: np.ndarray) -> SymmetryTest:
    """Stuart-Maxwell test of marginal homogeneity (Stuart 1955; Maxwell 1970), by statsmodels.

    Null hypothesis: each category is as frequent among the first variant's answers as among the second variant's.

    Two categories are linked if an item has one of them as the first variant's answer and the other as the second
    variant's answer. The test splits the categories into sets. Categories that are linked, directly or through other
    categories, are in the same set. Each set is tested separately. The statistics and the degrees of freedom of the
    sets are added.

    If there is one set, the result is that of statsmodels for the whole table. If there are several sets, the
    covariance matrix that statsmodels inverts for the whole table is singular. The sum of the statistics then equals
    the statistic with the generalised inverse of the covariance matrix.

    Args:
        table: the result of `answer_table`.

    Returns:
        The test. If the variants agree on every item, the statistic is 0, with 0 degrees of freedom and P 1.
    """
    moved = table - np.diag(np.diagonal(table))
    groups, group_of = connected_components(csr_array(moved), directed=False)
    statistic, df = 0.0, 0
    for group in range(groups):
        members = group_of == group
        tested = SquareTable(table[np.ix_(members, members)], shift_zeros=False).homogeneity()
        statistic, df = statistic + float(tested.statistic), df + int(tested.df)
    return SymmetryTest(statistic, df, float(chi2.sf(statistic, df)) if df else 1.0)


def clustered_stuart_maxwell(first: Answers, second: Answers, classes: Sequence[str], groups: Groups) -> SymmetryTest:
    """Stuart-Maxwell test of items in groups (see the module's docstring).

    The test codes the two answers to an item as a vector with one entry per category. The entry is 1 for the first
    variant's answer, -1 for the second variant's answer, and 0 for every other category. If the answers are equal, all
    entries are 0. The degrees of freedom are those of the test for independent items.

    Args:
        first, second, classes: as for `answer_table`.
        groups: index of each item's group, an array of shape (items,).
    """
    named = [*classes, INVALID]
    codes = np.array([[named.index(answer or INVALID) for answer in answers] for answers in (first, second)])
    vectors = np.eye(len(named))[codes[0]] - np.eye(len(named))[codes[1]]
    return _score_test(vectors, groups, stuart_maxwell(answer_table(first, second, classes)).df)


def clustered_bowker(first: Answers, second: Answers, classes: Sequence[str], groups: Groups) -> SymmetryTest:
    """Bowker's test of items in groups (see the module's docstring).

    The test codes the two answers to an item as a vector with one entry per pair of categories. For the pair (i, j),
    the entry is 1 if the first variant answers i and the second variant answers j. The entry is -1 if the first variant
    answers j and the second variant answers i. Otherwise it is 0. The degrees of freedom are those of the test for
    independent items.

    Args:
        first, second, classes: as for `answer_table`.
        groups: index of each item's group, an array of shape (items,).
    """
    pairs = list(combinations([*classes, INVALID], 2))
    vectors = np.zeros((len(first), len(pairs)))
    for item, answers in enumerate(zip(first, second, strict=True)):
        x, y = (answer or INVALID for answer in answers)
        for sign, pair in ((1, (x, y)), (-1, (y, x))):
            if pair in pairs:
                vectors[item, pairs.index(pair)] = sign
    return _score_test(vectors, groups, bowker(answer_table(first, second, classes)).df)


def _score_test(vectors: np.ndarray, groups: Groups, df: int) -> SymmetryTest:
    """Compute the score test for items in groups (see the module's docstring).

    Args:
        vectors: vector of each item, an array of shape (items, entries).
        groups: index of each item's group, an array of shape (items,).
        df: degrees of freedom.

    Returns:
        The statistic d' S^- d, its degrees of freedom `df`, and P from the chi-squared distribution. The vector d is
        the sum of all items' vectors. The matrix S is the sum over groups of the outer product of the group's summed
        vector with itself, and S^- is its generalised inverse. P is 1 if `df` is 0.
    """
    sums = np.zeros((int(groups.max()) + 1, vectors.shape[1]))
    np.add.at(sums, groups, vectors)
    total = sums.sum(axis=0)
    statistic = float(total @ np.linalg.pinv(sums.T @ sums, rcond=SINGULAR, hermitian=True) @ total)
    return SymmetryTest(statistic, df, float(chi2.sf(statistic, df)) if df else 1.0)
