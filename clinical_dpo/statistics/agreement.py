"""Agreement between raters: raw share, Cohen's and Fleiss' kappa with 95% intervals, share that needed a third."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy import stats
from sklearn.metrics import confusion_matrix
from statsmodels.stats import inter_rater

from clinical_dpo.grading.raters.ratings import Rows, disputed_items, pending_ratings, votes_by_item
from clinical_dpo.io import Row
from clinical_dpo.statistics.intervals import Interval, wilson

COLUMNS = (
    *("task", "model", "sheet", "raters", "metric", "estimate", "ci_low", "ci_high", "ci_method", "n", "pending"),
    *("data", "status"),
)
Estimate = tuple[float | None, Interval]
_NONE: Estimate = (None, (None, None))


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> Estimate:
    """Cohen's kappa (1960) of two raters with the 95% interval of its large-sample variance, by statsmodels.

    The variance is that of Fleiss, Cohen & Everitt 1969 (Psychol Bull 72:323-327, formula 13), which does not assume
    that kappa is 0.

    Args:
        first, second: the words two raters gave the same items; words have no order.

    Returns:
        Estimate and interval. No estimate without items or where both gave one and the same word throughout (0 / 0);
        no interval where they agree on everything, since the variance is then 0 whatever the number of items.
    """
    words = sorted({*first, *second})
    if len(words) < 2:
        return _NONE
    with np.errstate(divide="ignore", invalid="ignore"):  # its z value, unused here, is x / 0 for raters who agree
        found = inter_rater.cohens_kappa(confusion_matrix(first, second, labels=words))
    return float(found.kappa), _normal_interval(float(found.kappa), float(found.var_kappa))


def fleiss_kappa(votes: Sequence[Sequence[str]]) -> Estimate:
    """Fleiss' kappa (1971, Psychol Bull 76:378-382) of any fixed number of raters, by statsmodels, with a 95% interval.

    No kept library has a variance that holds where kappa is not 0: this is Gwet's large-sample one (2021, Educ Psychol
    Meas 81:781-790), that of each item's linear part of kappa, items being a sample.

    Args:
        votes: for each item, the words its raters gave; at least two, the same number for all items.

    Returns:
        As for `cohen_kappa`; no interval with one item either.
    """
    words = sorted({word for item in votes for word in item})
    if len(words) < 2:
        return _NONE
    counts = np.array([[list(item).count(word) for word in words] for item in votes], dtype=float)
    n, raters = len(counts), counts[0].sum()
    shares = counts.mean(axis=0) / raters
    chance = float(shares @ shares)
    agreed = (counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))
    kappa = float(inter_rater.fleiss_kappa(counts))
    linear = (agreed - chance - 2 * (1 - kappa) * (counts @ shares / raters - chance)) / (1 - chance)
    return kappa, _normal_interval(kappa, float(np.var(linear, ddof=1)) / n if n > 1 else 0)


def _normal_interval(estimate: float, variance: float) -> Interval:
    if variance < 1e-12:
        return None, None
    half = float(stats.norm.ppf(0.975)) * variance**0.5
    return max(-1.0, estimate - half), min(1.0, estimate + half)


def agreement(key: Rows, ratings: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """Rows of COLUMNS for one sheet.

    For every two raters raw_agreement (Wilson interval) and cohen_kappa; for three and more raters fleiss_kappa as
    well; and adjudicated_share, the items that raters alone do not decide (`ratings.disputed_items`). "Cannot judge"
    is a word like any other. In a preference sheet raters agree who prefer the same variant, on whichever side;
    pairs of identical answers were not rated and are no agreement. While ratings are pending the numbers are empty, and
    `n` counts the items rated by all so far. One rater alone gives no rows.

    Args:
        key: rows of the sheet's key.
        ratings: from `ratings.collect_ratings`.
        names: task, model, data (real or synthetic).
    """
    per_rater = pending_ratings(key, ratings)
    raters = [row["rater"] for row in per_rater]
    if len(raters) < 2:
        return []
    votes = list(votes_by_item(key, ratings).values())
    full = [item for item in votes if len(item) == len(raters)]
    count = len(disputed_items(key, ratings))
    found: list[tuple[tuple[str, ...], str, Estimate, str, int]] = []
    for pair in combinations(raters, 2):
        both = [[item[rater] for rater in pair] for item in votes if set(pair) <= set(item)]
        same = sum(one == other for one, other in both)
        raw = (same / len(both) if both else None, wilson(same, len(both)))
        kappa = cohen_kappa([one for one, _ in both], [other for _, other in both])
        found += [(pair, "raw_agreement", raw, "wilson", len(both)), (pair, "cohen_kappa", kappa, "normal", len(both))]
    if len(raters) > 2:
        kappa = fleiss_kappa([list(item.values()) for item in full])
        found.append((tuple(raters), "fleiss_kappa", kappa, "normal", len(full)))
    share = (count / len(full) if full else None, wilson(count, len(full)))
    found.append((tuple(raters), "adjudicated_share", share, "wilson", len(full)))
    rows = []
    for who, metric, (estimate, (low, high)), method, n in found:
        waiting = sum(row["pending"] for row in per_rater if row["rater"] in who)
        numbers: Row = {"estimate": estimate, "ci_low": low, "ci_high": high}
        rows.append(
            dict.fromkeys(COLUMNS)
            | {"task": names["task"], "model": names["model"], "data": names["data"]}
            | {"sheet": key[0]["sheet"], "raters": " ".join(who), "metric": metric, "n": n, "pending": waiting}
            | (dict.fromkeys(numbers) if waiting else numbers | {"ci_method": None if low is None else method})
            | {"status": "pending" if waiting else "complete"}
        )
    return rows


def judge_agreement(key: Rows, ratings: Sequence[Row], verdicts: Rows, names: Mapping[str, str]) -> list[Row]:
    """Rows of `agreement.COLUMNS`: raw agreement and Cohen's kappa of the judge with each rater of a sheet.

    Args:
        key: rows of the raters' key.
        ratings: theirs, from `ratings.collect_ratings`.
        verdicts: the judge's, rows of `judge.COLUMNS`; they are key and ratings in one.
        names: task, model, data (real or synthetic).
    """
    judged: list[Row] = [dict(verdict) for verdict in verdicts if verdict["choice"]]
    found = []
    for rater in dict.fromkeys(row["rater"] for row in key):
        both = [row for row in key if row["rater"] == rater] + list(verdicts)
        given = [row for row in ratings if row["rater"] == rater] + judged
        found += [row for row in agreement(both, given, names) if row["metric"] != "adjudicated_share"]
    return found
