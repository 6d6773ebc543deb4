"""Agreement between raters, and the share of items that an adjudicator decides.

An adjudicator is a further rater, who decides where the raters differ.

The measures are the raw share of agreement, Cohen's kappa, Fleiss' kappa, Krippendorff's alpha and the intraclass
correlation, each with a 95% interval. If the test items are in groups, such as the visits of a patient, the intervals
treat groups as the independent units: a share has the interval of `clustered.share_interval`, and a coefficient has a
jackknife interval over groups.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations, compress

import numpy as np
from sklearn.metrics import confusion_matrix
from statsmodels.stats import inter_rater

from clinical_dpo.grading.raters.final_grades import disputed_items, votes_by_item
from clinical_dpo.grading.raters.ratings import pending_ratings
from clinical_dpo.grading.raters.rubric_scores import CANNOT_JUDGE, Rows, with_scores
from clinical_dpo.io import Row
from clinical_dpo.statistics.clustered import share_of
from clinical_dpo.statistics.groups import Groups, indices
from clinical_dpo.statistics.rater_reliability import (
    CLUSTERED_JACKKNIFE,
    UNDEFINED,
    Estimate,
    Level,
    intraclass_correlation,
    jackknife_interval,
    krippendorff_alpha,
    normal_interval,
)

COLUMNS = (
    *("task", "model", "sheet", "raters", "metric", "estimate", "ci_low", "ci_high", "ci_method", "n", "pending"),
    *("data", "status", "criterion"),
)
LEVELS: dict[str, Level] = {"likert": "ordinal", "score": "interval"}  # kind of ratings -> measurement level of alpha
OF_CRITERION = ("raw_agreement", "cohen_kappa", "fleiss_kappa")  # the measures that each criterion of a rubric has
Votes = Sequence[Sequence[str]]  # for each item, the choices of its raters
Measured = tuple[tuple[str, ...], str, Estimate, str, int]  # raters, measure, estimate, interval's method, n of items


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> Estimate:
    """Cohen's kappa (1960) of two raters with its 95% interval, by statsmodels.

    The interval uses the large-sample variance of Fleiss, Cohen & Everitt 1969 (Psychol Bull 72:323-327, formula 13).
    This variance does not assume that kappa is 0.

    Args:
        first, second: the categories that two raters chose for the same items. Categories have no order.

    Returns:
        Kappa and its interval. Kappa is None if there are no items, or if both raters chose the same category for all
        items (0 / 0). The interval is (None, None) if the raters agree on all items, because the variance is then 0 for
        any number of items.
    """
    categories = sorted({*first, *second})
    if len(categories) < 2:
        return UNDEFINED
    with np.errstate(divide="ignore", invalid="ignore"):  # statsmodels' z, not used here, is x / 0 if raters agree
        result = inter_rater.cohens_kappa(confusion_matrix(first, second, labels=categories))
    return float(result.kappa), normal_interval(float(result.kappa), float(result.var_kappa))


def quadratic_kappa(first: Sequence[str], second: Sequence[str]) -> Estimate:
    """Cohen's kappa (1968) of two raters' grades with quadratic weights, and its 95% interval, by statsmodels.

    Args:
        first, second: the grades that two raters gave to the same items, "1" to "5".

    Returns:
        Kappa and its interval. Kappa is None if the raters gave fewer than two different grades in total. The interval
        is (None, None) if the raters agree on all items.
    """
    grades = sorted({*first, *second})
    if len(grades) < 2:
        return UNDEFINED
    scale = [str(grade) for grade in range(int(grades[0]), int(grades[-1]) + 1)]
    table = confusion_matrix(first, second, labels=scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = inter_rater.cohens_kappa(table, wt="quadratic")
    return float(result.kappa), normal_interval(float(result.kappa), float(result.var_kappa))


def fleiss_kappa(votes: Sequence[Sequence[str]]) -> Estimate:
    """Fleiss' kappa (1971, Psychol Bull 76:378-382) with a 95% interval. The estimate is by statsmodels.

    The interval treats the items as a random sample. It uses Gwet's large-sample variance (2021, Educ Psychol Meas
    81:781-790), which is the variance of a linear approximation of kappa. This variance does not assume that kappa is
    0. No maintained library has this variance.

    Args:
        votes: for each item, the categories that its raters chose. All items have the same number of raters, at least
            two.

    Returns:
        Kappa and its interval. Kappa is None if the raters chose fewer than two different categories in total. The
        interval is (None, None) for a single item, and if the raters agree on all items.
    """
    categories = sorted({category for item in votes for category in item})
    if len(categories) < 2:
        return UNDEFINED
    counts = np.array([[list(item).count(category) for category in categories] for item in votes], dtype=float)
    n, raters = len(counts), counts[0].sum()
    shares = counts.mean(axis=0) / raters
    chance = float(shares @ shares)
    agreed = (counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))
    kappa = float(inter_rater.fleiss_kappa(counts))
    linear = (agreed - chance - 2 * (1 - kappa) * (counts @ shares / raters - chance)) / (1 - chance)
    return kappa, normal_interval(kappa, float(np.var(linear, ddof=1)) / n if n > 1 else 0)


def _of_groups(coefficient: Callable[[Votes], Estimate], votes: Votes, groups: Groups | None) -> tuple[Estimate, str]:
    """Return a coefficient with its interval, and the name of the interval's method.

    Args:
        coefficient: function that computes the coefficient and its interval for independent items.
        votes: for each item, the choices of its raters.
        groups: index of each item's group, an array of shape (items,); None for independent items. With groups, the
            interval is a jackknife over groups.
    """
    estimate, interval = coefficient(votes)
    if groups is None:
        return (estimate, interval), "normal"
    interval = jackknife_interval(estimate, lambda kept: coefficient(list(compress(votes, kept)))[0], groups)
    return (estimate, interval), CLUSTERED_JACKKNIFE


def agreement(
    key: Rows, ratings: Sequence[Row], names: Mapping[str, str], group_of: Mapping[str, str] | None = None
) -> list[Row]:
    """Rows with the columns COLUMNS: the agreement of the raters of one sheet. A sheet with one rater has no rows.

    A sheet is a table of items that raters grade. The measures depend on the sheet's kind:

    - `correctness` (right or wrong) and `preference` (the better of two answers): `raw_agreement`, `cohen_kappa`,
      `fleiss_kappa`, `krippendorff_alpha` for nominal data, and `adjudicated_share` (the share of items without a
      majority among the raters).
    - `likert` (grades from 1 to 5): `raw_agreement`, `quadratic_kappa`, `krippendorff_alpha` for ordinal data, and
      `icc_2_1`.
    - `rubric` (weighted yes/no criteria): `raw_agreement`, `cohen_kappa` and `fleiss_kappa` for each criterion, whose
      name is in the column `criterion`; `krippendorff_alpha` for interval data and `icc_2_1` for the answers' scores.

    `raw_agreement` and `adjudicated_share` have the Wilson interval if the test items are not in groups.

    Every pair of raters has a row for each measure except `fleiss_kappa` and `adjudicated_share`. All raters together
    have a row for `adjudicated_share`. If there are three or more raters, all raters together also have rows for
    `fleiss_kappa`, `krippendorff_alpha` and `icc_2_1`.

    "Cannot judge" counts as a category in `raw_agreement` and in all measures of nominal data. In the other measures of
    grades and scores, it counts as a missing grade. A score is missing if the rater could not judge one of its
    criteria. Alpha uses the items with two or more grades, and ICC uses the items with all grades. `n` counts the items
    that a measure uses. On a preference sheet, raters agree if they prefer the same variant, on whichever side it is
    shown. Pairs of identical answers do not count, because nobody rates them. As long as ratings are pending, the
    columns of the estimate and of its interval are empty.

    Args:
        key: rows of the sheet's blinding key, which tells what each rater was shown.
        ratings: the raters' ratings, from `ratings.collect_ratings`.
        names: `task`, `model` and `data` (real or synthetic), which are copied into the rows.
        group_of: maps the id of a test item to its group; None if the items are not in groups.
    """
    if key and key[0].get("kind") == "rubric":
        return _rubric_agreement(key, ratings, names, group_of)
    per_rater = pending_ratings(key, ratings)
    raters = [row["rater"] for row in per_rater]
    if len(raters) < 2:
        return []
    kind = key[0].get("kind", "")
    level = LEVELS.get(kind, "nominal")
    votes_of = votes_by_item(key, ratings)
    names_of = {row["item_id"]: group_of[row["row_id"]] for row in key} if group_of else {}
    disputed = disputed_items(key, ratings)
    estimates: list[Measured] = []
    for pair in combinations(raters, 2):
        items = [item for item, votes in votes_of.items() if set(pair) <= set(votes)]
        both, groups = _rated(votes_of, items, pair), [names_of.get(item) for item in items]
        if kind != "score":
            share, interval, method = share_of([first == second for first, second in both], indices(groups))
            estimates.append((pair, "raw_agreement", (share, interval), method, len(both)))
            measure, name = (quadratic_kappa, "quadratic_kappa") if kind == "likert" else (cohen_kappa, "cohen_kappa")
            used = [kind != "likert" or CANNOT_JUDGE not in votes for votes in both]
            used_groups = indices(list(compress(groups, used)))
            kappa, method = _of_groups(partial(_of_two, measure), list(compress(both, used)), used_groups)
            estimates.append((pair, name, kappa, method, sum(used)))
        estimates += _reliability(pair, both, level, groups)
    items = [item for item, votes in votes_of.items() if len(votes) == len(raters)]
    by_all, groups = _rated(votes_of, items, raters), [names_of.get(item) for item in items]
    if len(raters) > 2 and level == "nominal":
        kappa, method = _of_groups(fleiss_kappa, by_all, indices(groups))
        estimates.append((tuple(raters), "fleiss_kappa", kappa, method, len(items)))
    if len(raters) > 2:
        estimates += _reliability(tuple(raters), by_all, level, groups)
    if level == "nominal":
        share, interval, method = share_of([item in disputed for item in items], indices(groups))
        estimates.append((tuple(raters), "adjudicated_share", (share, interval), method, len(items)))
    rows = []
    for group, metric, (estimate, (low, high)), method, n in estimates:
        pending = sum(row["pending"] for row in per_rater if row["rater"] in group)
        numbers: Row = {"estimate": estimate, "ci_low": low, "ci_high": high}
        rows.append(
            dict.fromkeys(COLUMNS)
            | {"task": names["task"], "model": names["model"], "data": names["data"]}
            | {"sheet": key[0]["sheet"], "raters": " ".join(group), "metric": metric, "n": n, "pending": pending}
            | (dict.fromkeys(numbers) if pending else numbers | {"ci_method": None if low is None else method})
            | {"status": "pending" if pending else "complete"}
        )
    return rows


def _rated(votes_of: Mapping[str, Mapping[str, str]], items: Sequence[str], raters: Sequence[str]) -> list[list[str]]:
    """Return, for each given item, the choices of the given raters. Each of these raters must have rated each item.

    Args:
        votes_of: maps the id of an item to its votes, which map a rater to the rater's choice.
        items: ids of the items.
        raters: names of the raters.
    """
    return [[votes_of[item][rater] for rater in raters] for item in items]


def _of_two(measure: Callable[[Sequence[str], Sequence[str]], Estimate], votes: Votes) -> Estimate:
    """Apply a measure for two raters to `votes`, which has the first and the second rater's choice for each item."""
    return measure([first for first, _ in votes], [second for _, second in votes])


def _rubric_agreement(
    key: Rows, ratings: Sequence[Row], names: Mapping[str, str], group_of: Mapping[str, str] | None
) -> list[Row]:
    """Rows of `agreement` for a sheet with a rubric: measures of each criterion, then of the answers' scores."""
    choice_by_rating = {(row["rater"], row["item_id"]): row["choice"] for row in ratings}
    rows = []
    for criterion in dict.fromkeys(row["criterion"] for row in key):
        of_criterion = [{**row, "kind": "criterion"} for row in key if row["criterion"] == criterion]
        ids = {row["item_id"] for row in of_criterion}
        measured = agreement(of_criterion, [row for row in ratings if row["item_id"] in ids], names, group_of)
        rows += [{**row, "criterion": criterion} for row in measured if row["metric"] in OF_CRITERION]
    scores: list[Row] = []
    for rater in dict.fromkeys(row["rater"] for row in key):
        of_rater = [row for row in key if row["rater"] == rater]
        scores += with_scores(
            [{**row, "choice": choice_by_rating.get((rater, row["item_id"]), "")} for row in of_rater]
        )
    score_key = [{**row, "kind": "score"} for row in scores]
    return rows + agreement(score_key, [row for row in scores if row["choice"]], names, group_of)


def _reliability(raters: tuple[str, ...], votes: Votes, level: Level, names: Sequence[str | None]) -> list[Measured]:
    """Krippendorff's alpha, and for grades and scores (`level` is not nominal) also the intraclass correlation.

    Args:
        raters: names of the raters.
        votes: for each item, the choice of each rater, as text.
        level: level of measurement. "Cannot judge" is a category if the level is nominal, otherwise a missing grade.
        names: name of each item's group; None for each item if the items are not in groups.

    Returns:
        A tuple for each coefficient: the raters, the coefficient's name, its estimate and interval, the name of the
        interval's method, and the number of items.
    """
    missing = set() if level == "nominal" else {CANNOT_JUDGE}
    present = [[vote for vote in item if vote not in missing] for item in votes]
    measured: list[Measured] = []
    paired = [len(item) > 1 for item in present]
    groups = indices(list(compress(names, paired)))
    alpha = krippendorff_alpha(list(compress(present, paired)), level, groups)
    method = "normal" if groups is None else CLUSTERED_JACKKNIFE
    measured.append((raters, "krippendorff_alpha", alpha, method, sum(paired)))
    if level != "nominal":
        complete = [len(item) == len(raters) for item in present]
        groups = indices(list(compress(names, complete)))
        grades = [[float(vote) for vote in item] for item in compress(present, complete)]
        method = "mcgraw_wong" if groups is None else CLUSTERED_JACKKNIFE
        measured.append((raters, "icc_2_1", intraclass_correlation(grades, groups), method, len(grades)))
    return measured


def judge_agreement(
    key: Rows,
    ratings: Sequence[Row],
    verdicts: Rows,
    names: Mapping[str, str],
    group_of: Mapping[str, str] | None = None,
) -> list[Row]:
    """Rows with the columns COLUMNS: the agreement of a judge with each rater of a sheet.

    A judge is a language model that grades answers. Raters are people. `agreement` compares each rater with the judge,
    as if the judge were a second rater. Its measure `adjudicated_share` is left out.

    Args:
        key: rows of the raters' blinding key, which tells what each rater was shown.
        ratings: the raters' ratings, from `ratings.collect_ratings`.
        verdicts: the judge's verdicts, with the columns `judge.COLUMNS`. A verdict on two identical answers does not
            count, because nobody compares them. Any other verdict without a choice counts as a pending rating.
        names: `task`, `model` and `data` (real or synthetic), which are copied into the rows.
        group_of: maps the id of a test item to its group; None if the items are not in groups.
    """
    judge_ratings: list[Row] = [dict(verdict) for verdict in verdicts if verdict["choice"]]
    rows = []
    for rater in dict.fromkeys(row["rater"] for row in key):
        joint_key = [row for row in key if row["rater"] == rater] + list(verdicts)
        joint_ratings = [row for row in ratings if row["rater"] == rater] + judge_ratings
        measured = agreement(joint_key, joint_ratings, names, group_of)
        rows += [row for row in measured if row["metric"] != "adjudicated_share"]
    return rows
