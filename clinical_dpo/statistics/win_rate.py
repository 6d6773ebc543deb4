"""Win rate of one variant over another, from the preferences of blinded raters."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.stats import binomtest

from clinical_dpo.grading.raters.final_grades import majority, votes_by_item
from clinical_dpo.grading.raters.ratings import pending_ratings
from clinical_dpo.grading.raters.rubric_scores import CANNOT_JUDGE, Rows
from clinical_dpo.grading.raters.sheets import JUDGE_PREFIX, Item
from clinical_dpo.grading.rouge import rouge_l
from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name
from clinical_dpo.statistics.clustered import obuchowski, ratio
from clinical_dpo.statistics.groups import Groups, indices
from clinical_dpo.statistics.intervals import Interval, agreeing, clopper_pearson

COLUMNS = (
    *("task", "model", "comparison", "rater", "n", "wins", "losses", "ties", "identical", "cannot_judge"),
    *("rate", "ci_low", "ci_high", "p_value", "rate_ties_half", "pending", "proxy", "data", "status"),
)
POOLED = "pooled"
PROXY = "proxy (ROUGE-L)"
_NUMBERS = ("wins", "losses", "ties", "cannot_judge", "rate", "ci_low", "ci_high", "p_value", "rate_ties_half")


def win_rates(
    key: Rows,
    ratings: Sequence[Row],
    names: Mapping[str, str],
    count_identical: bool = True,
    group_of: Mapping[str, str] | None = None,
) -> list[Row]:
    """Rows with the columns COLUMNS: a row per rater in the blinding key, then a row pooled over all these raters.

    Some of the columns are:

    - `rate`: wins / (wins + losses). Ties are left out, as in Murphy 2024, where .37 and .63 add up to 1. The 95%
      interval is Clopper & Pearson's (1934).
    - `p_value`: P of the exact two-sided binomial test against .5 (the sign test).
    - `rate_ties_half`: (wins + ties / 2) / (wins + losses + ties).

    If the items are in groups, P is that of Obuchowski's test of whether there are as many wins as losses. The interval
    is that of `clustered.ratio`, adjusted to agree with this P.

    In the pooled row each item counts once, because ratings of the same item are not independent. An item gets the
    choice that more than half of its raters made. Raters who could not judge the item are not counted. Without such a
    majority the item is a tie. If no rater could judge the item, it counts in `cannot_judge`. If a rater is a proxy or
    a judge, there is no pooled row, because a proxy or a judge is not a person.

    Args:
        key: rows of a preference sheet's blinding key, which tells what each rater was shown.
        ratings: ratings from `ratings.collect_ratings` or `proxy_ratings`.
        names: `task`, `model` and `data` (real or synthetic), which are copied into the rows.
        count_identical: whether pairs of identical answers, which nobody rates, count as ties and in `n`. Such pairs do
            not change `rate`.
        group_of: maps the id of a test item to its group; None if the items are not in groups.
    """
    winner, loser = key[0]["variants"].split()
    identical = sum(row["shown"] == "false" and row["rater"] == key[0]["rater"] for row in key)
    per_rater = pending_ratings(key, ratings)
    votes = votes_by_item(key, ratings)
    row_ids = {row["item_id"]: row["row_id"] for row in key if row["shown"] == "true"}
    shown = [votes[item_id] for item_id in row_ids]
    groups = indices([group_of[row_id] for row_id in row_ids.values()]) if group_of else None
    choices_by_rater = {row["rater"]: [item.get(row["rater"], "") for item in shown] for row in per_rater}
    pending = {row["rater"]: row["pending"] for row in per_rater}
    if not any(map(_is_automatic, choices_by_rater)):
        choices_by_rater[POOLED] = [_pool(item.values()) for item in shown]
        pending[POOLED] = sum(row["pending"] for row in per_rater)
    counted = identical if count_identical else 0
    return [
        dict.fromkeys(COLUMNS)
        | {"task": names["task"], "model": names["model"], "comparison": comparison_name(winner, loser), "rater": rater}
        | {"n": len(choices) + counted, "identical": identical, "pending": pending[rater]}
        | ({} if pending[rater] else _numbers(choices, winner, loser, counted, groups))
        | {"proxy": "true" if _is_automatic(rater) else "false", "data": names["data"]}
        | {"status": "pending" if pending[rater] else "complete"}
        for rater, choices in choices_by_rater.items()
    ]


def _is_automatic(rater: str) -> bool:
    """Whether a rater is not a person, but a proxy (an automatic grade) or a judge (a language model)."""
    return rater == PROXY or rater.startswith(JUDGE_PREFIX)


def _pool(choices: Iterable[str]) -> str:
    """Combine the choices of an item's raters into one choice.

    This is the choice of more than half of the raters who could judge the item. Without such a majority it is `tie`. If
    no rater could judge the item, it is "cannot judge".
    """
    judged = [choice for choice in choices if choice != CANNOT_JUDGE]
    return (majority(judged) or "tie") if judged else CANNOT_JUDGE


def _numbers(choices: Sequence[str], winner: str, loser: str, identical: int, groups: Groups | None) -> Row:
    counts = Counter(choices)
    wins, losses, ties = counts[winner], counts[loser], counts["tie"] + identical
    numbers = dict.fromkeys(_NUMBERS) | {
        "wins": wins,
        "losses": losses,
        "ties": ties,
        "cannot_judge": counts[CANNOT_JUDGE],
    }
    if wins + losses:
        numbers["rate"] = rate = wins / (wins + losses)
        if groups is None:
            numbers["p_value"] = float(binomtest(wins, wins + losses, 0.5).pvalue)
            numbers["ci_low"], numbers["ci_high"] = clopper_pearson(wins, wins + losses)
        else:
            won, lost = (np.array([choice == name for choice in choices]) for name in (winner, loser))
            interval, (_, p) = ratio(won, won | lost, groups).interval, obuchowski(won, lost, groups)
            if p is not None:  # None for a single group
                interval = _shifted(agreeing(_shifted(interval, -0.5), rate - 0.5, p), 0.5)
            numbers |= {"p_value": p, "ci_low": interval[0], "ci_high": interval[1]}
    if wins + losses + ties:
        numbers["rate_ties_half"] = (wins + ties / 2) / (wins + losses + ties)
    return numbers


def _shifted(interval: Interval, by: float) -> Interval:
    low, high = interval
    return (None if low is None else low + by, None if high is None else high + by)


def proxy_ratings(items: Sequence[Item], sheet: str) -> list[Row]:
    """Ratings of a proxy that prefers the answer with the higher ROUGE-L F1, as rows of `ratings.collect_ratings`.

    A proxy is an automatic method that grades in place of a person. ROUGE-L compares an answer with the reference
    answer. Equal scores give a tie. The proxy is for demonstrations and does not replace a judgement, so the rater's
    name in the rows is PROXY.

    `win_rates` takes these ratings together with a blinding key. Make this key with
    `key_rows(items, sheet, "preference", [PROXY], secret="")`. The secret decides on which side an answer is shown. It
    may be empty, because the proxy ignores the side.

    Args:
        items: items of a preference sheet, from `sheets.preference_items`.
        sheet: the sheet's name.
    """
    pairs = [item for item in items if len(item.answers) == 2]
    references = [item.reference for item in pairs]
    scores = [rouge_l([item.answers[side] for item in pairs], references) for side in (0, 1)]
    rows = []
    for item, first, second in zip(pairs, *scores, strict=True):
        choice = "tie" if first == second else item.variants[0 if first > second else 1][0]
        names = {"sheet": sheet, "rater": PROXY, "item_id": item.item_id, "row_id": item.row_id}
        rows.append(names | {"rating": choice, "choice": choice, "comment": "", "rated_at": ""})
    return rows
