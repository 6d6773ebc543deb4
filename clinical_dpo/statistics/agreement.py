"""Agreement between raters, and the share of items that an adjudicator decides.

The measures are the raw share of agreement, Cohen's kappa, Fleiss' kappa, Krippendorff's alpha and the intraclass
correlation, each with a 95% interval.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from sklearn.metrics import confusion_matrix
from statsmodels.stats import inter_rater

from clinical_dpo.grading.raters.ratings import (
    CANNOT_JUDGE,
    Rows,
    disputed_items,
    pending_ratings,
    votes_by_item,
)
from clinical_dpo.grading.raters.rubric_scores import with_scores
from clinical_dpo.io import Row
from clinical_dpo.statistics.intervals import wilson
from clinical_dpo.statistics.rater_reliability import (
    UNDEFINED,
    Estimate,
    Level,
    intraclass_correlation,
    krippendorff_alpha,
    normal_interval,
)

COLUMNS = (
    *("task", "model", "sheet", "raters", "metric", "estimate", "ci_low", "ci_high", "ci_method", "n", "pending"),
    *("data", "status", "criterion"),
)
LEVELS: dict[str, Level] = {"likert": "ordinal", "score": "interval"}  # kind of ratings -> level of alpha
OF_CRITERION = ("raw_agreement", "cohen_kappa", "fleiss_kappa")  # measures of a rubric's criterion
Measured = tuple[tuple[str, ...], str, Estimate, str, int]  # raters, measure, estimate, method of the interval, items


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> Estimate:
    """Cohen's kappa (1960) of two raters with its 95% interval, by statsmodels.

    The interval uses the large-sample variance of Fleiss, Cohen & Everitt 1969 (Psychol Bull 72:323-327, formula 13).
    This variance does not assume that kappa is 0.

    Args:
        first, second: the categories that two raters chose for the same items. Categories have no order.

    Returns:
        Estimate and interval. The estimate is None without items, and where both raters chose a single category
        throughout (0 / 0). The interval is None where the raters agree on all items: the variance is then 0 for any
        number of items.
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
        first, second: grades from 1 to 5 of the same items. Items that a rater cannot judge do not count.

    Returns:
        As for `cohen_kappa`.
    """
    pairs = [pair for pair in zip(first, second, strict=True) if CANNOT_JUDGE not in pair]
    grades = sorted({grade for pair in pairs for grade in pair})
    if len(grades) < 2:
        return UNDEFINED
    scale = [str(grade) for grade in range(int(grades[0]), int(grades[-1]) + 1)]
    table = confusion_matrix([x for x, _ in pairs], [y for _, y in pairs], labels=scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = inter_rater.cohens_kappa(table, wt="quadratic")
    return float(result.kappa), normal_interval(float(result.kappa), float(result.var_kappa))


def fleiss_kappa(votes: Sequence[Sequence[str]]) -> Estimate:
    """Fleiss' kappa (1971, Psychol Bull 76:378-382) with a 95% interval. The estimate is by statsmodels.

    The number of raters is the same for all items. The interval uses Gwet's large-sample variance (2021, Educ Psychol
    Meas 81:781-790), which treats the items as a sample: it is the variance of the linear part of kappa over items. It
    does not assume that kappa is 0. No maintained library has it.

    Args:
        votes: for each item, the categories that its raters chose; at least two, the same number for all items.

    Returns:
        As for `cohen_kappa`. The interval is None for one item too.
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


def agreement(key: Rows, ratings: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """Rows of COLUMNS for one sheet. A sheet with one rater has no rows.

    Each two raters have `raw_agreement` (Wilson interval), `cohen_kappa` and nominal `krippendorff_alpha`. Three and
    more raters together have `fleiss_kappa` and `krippendorff_alpha` too. `adjudicated_share` is the share of items
    that the raters alone do not decide (`ratings.disputed_items`). On a likert sheet each two raters have
    `quadratic_kappa` in place of `cohen_kappa`, alpha is ordinal, and `icc_2_1` is beside each alpha. There is no
    other measure. A rubric sheet has raw agreement and kappa of each criterion, which column `criterion` names, and
    interval `krippendorff_alpha` and `icc_2_1` of the answers' scores.

    "Cannot judge" is a category like the others. For alpha and ICC of grades and scores it is a missing grade, and a
    score is missing where the rater could not judge a criterion: alpha takes
    the items with two or more grades, ICC the items with all grades, and their `n` counts these items. In a preference
    sheet raters agree if they prefer the same variant, on whichever side it is shown. Pairs of identical answers are
    not rated and do not count. While ratings are pending, the numbers are empty.

    Args:
        key: rows of the sheet's key.
        ratings: from `ratings.collect_ratings`.
        names: task, model, data (real or synthetic).
    """
    if key and key[0].get("kind") == "rubric":
        return _rubric_agreement(key, ratings, names)
    per_rater = pending_ratings(key, ratings)
    raters = [row["rater"] for row in per_rater]
    if len(raters) < 2:
        return []
    kind = key[0].get("kind", "")
    level = LEVELS.get(kind, "nominal")
    votes = list(votes_by_item(key, ratings).values())
    rated_by_all = [item for item in votes if len(item) == len(raters)]
    disputed = len(disputed_items(key, ratings))
    estimates: list[Measured] = []
    for pair in combinations(raters, 2):
        both = [[item[rater] for rater in pair] for item in votes if set(pair) <= set(item)]
        if kind != "score":
            agreed = sum(first == second for first, second in both)
            raw = (agreed / len(both) if both else None, wilson(agreed, len(both)))
            estimates.append((pair, "raw_agreement", raw, "wilson", len(both)))
            measure, name = (quadratic_kappa, "quadratic_kappa") if kind == "likert" else (cohen_kappa, "cohen_kappa")
            kappa = measure([first for first, _ in both], [second for _, second in both])
            estimates.append((pair, name, kappa, "normal", len(both)))
        estimates += _reliability(pair, both, level)
    if len(raters) > 2 and level == "nominal":
        kappa = fleiss_kappa([list(item.values()) for item in rated_by_all])
        estimates.append((tuple(raters), "fleiss_kappa", kappa, "normal", len(rated_by_all)))
    if len(raters) > 2:
        estimates += _reliability(tuple(raters), [[item[rater] for rater in raters] for item in rated_by_all], level)
    share = (disputed / len(rated_by_all) if rated_by_all else None, wilson(disputed, len(rated_by_all)))
    if level == "nominal":
        estimates.append((tuple(raters), "adjudicated_share", share, "wilson", len(rated_by_all)))
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


def _rubric_agreement(key: Rows, ratings: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """The rows of a rubric sheet: measures of each criterion, then measures of the scores."""
    choice_by_rating = {(row["rater"], row["item_id"]): row["choice"] for row in ratings}
    rows = []
    for criterion in dict.fromkeys(row["criterion"] for row in key):
        of_criterion = [{**row, "kind": "criterion"} for row in key if row["criterion"] == criterion]
        ids = {row["item_id"] for row in of_criterion}
        measured = agreement(of_criterion, [row for row in ratings if row["item_id"] in ids], names)
        rows += [{**row, "criterion": criterion} for row in measured if row["metric"] in OF_CRITERION]
    scores: list[Row] = []
    for rater in dict.fromkeys(row["rater"] for row in key):
        of_rater = [row for row in key if row["rater"] == rater]
        scores += with_scores(
            [{**row, "choice": choice_by_rating.get((rater, row["item_id"]), "")} for row in of_rater]
        )
    score_key = [{**row, "kind": "score"} for row in scores]
    return rows + agreement(score_key, [row for row in scores if row["choice"]], names)


def _reliability(raters: tuple[str, ...], votes: Sequence[Sequence[str]], level: Level) -> list[Measured]:
    """Krippendorff's alpha, and of grades and scores the intraclass correlation.

    Args:
        raters: names.
        votes: for each item, the choice of each rater.
        level: of alpha. "Cannot judge" is a missing grade unless it is nominal.
    """
    missing = set() if level == "nominal" else {CANNOT_JUDGE}
    present = [[vote for vote in item if vote not in missing] for item in votes]
    paired = [item for item in present if len(item) > 1]
    measured: list[Measured] = [
        (raters, "krippendorff_alpha", krippendorff_alpha(paired, level), "normal", len(paired))
    ]
    if level != "nominal":
        grades = [[float(vote) for vote in item] for item in paired if len(item) == len(raters)]
        measured.append((raters, "icc_2_1", intraclass_correlation(grades), "mcgraw_wong", len(grades)))
    return measured


def judge_agreement(key: Rows, ratings: Sequence[Row], verdicts: Rows, names: Mapping[str, str]) -> list[Row]:
    """Rows of `agreement.COLUMNS`: agreement of the judge with each rater of a sheet.

    Args:
        key: rows of the raters' key.
        ratings: the raters' ratings, from `ratings.collect_ratings`.
        verdicts: the judge's verdicts, rows of `judge.COLUMNS`. They have the columns of a key and of ratings.
        names: task, model, data (real or synthetic).
    """
    judge_ratings: list[Row] = [dict(verdict) for verdict in verdicts if verdict["choice"]]
    rows = []
    for rater in dict.fromkeys(row["rater"] for row in key):
        joint_key = [row for row in key if row["rater"] == rater] + list(verdicts)
        joint_ratings = [row for row in ratings if row["rater"] == rater] + judge_ratings
        rows += [row for row in agreement(joint_key, joint_ratings, names) if row["metric"] != "adjudicated_share"]
    return rows
