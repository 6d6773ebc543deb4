"""Win rate of one variant over another: how often blinded raters prefer its answer to the same question."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from scipy.stats import binomtest

from clinical_dpo.grading.raters.ratings import CANNOT_JUDGE, Rows, majority, pending_ratings, votes_by_item
from clinical_dpo.grading.raters.sheets import JUDGE_PREFIX, Item
from clinical_dpo.grading.rouge import rouge_l
from clinical_dpo.io import Row
from clinical_dpo.statistics.intervals import clopper_pearson
from clinical_dpo.variants import comparison_name

COLUMNS = (
    *("task", "model", "comparison", "rater", "n", "wins", "losses", "ties", "identical", "cannot_judge"),
    *("rate", "ci_low", "ci_high", "p_value", "rate_ties_half", "pending", "proxy", "data", "status"),
)
POOLED = "pooled"
PROXY = "proxy (ROUGE-L)"
_NUMBERS = ("wins", "losses", "ties", "cannot_judge", "rate", "ci_low", "ci_high", "p_value", "rate_ties_half")


def win_rates(key: Rows, ratings: Sequence[Row], names: Mapping[str, str], count_identical: bool = True) -> list[Row]:
    """Rows of COLUMNS: one per rater, then one pooled over all raters of the key. A proxy and a judge, who
    stand in for people, stay alone.

    `rate` = wins / (wins + losses): ties are left out, as Murphy 2024 leaves them out, whose .37 and .63 add up to 1.
    Its 95% interval is Clopper & Pearson's (1934), its P the exact two-sided binomial test against .5 (the sign
    test). `rate_ties_half` = (wins + ties / 2) / (wins + losses + ties) stands beside it.

    Pooled: an item counts once, as what more than half of the raters who could judge it said; without such a
    majority it is a tie, and where nobody could judge it, cannot_judge. Ratings of the same items are not independent;
    pooling them item by item keeps the interval and P honest.

    Args:
        key: rows of a preference key.
        ratings: from `ratings.collect_ratings`, or `proxy_ratings`.
        names: task, model, data (real or synthetic).
        count_identical: whether pairs of identical answers, which nobody is shown, count as ties (and into `n`).
            They never touch `rate`.
    """
    winner, loser = key[0]["variants"].split()
    identical = sum(row["shown"] == "false" and row["rater"] == key[0]["rater"] for row in key)
    per_rater = pending_ratings(key, ratings)
    votes = votes_by_item(key, ratings)
    shown = [votes[name] for name in {row["item_id"]: None for row in key if row["shown"] == "true"}]
    said = {row["rater"]: [item.get(row["rater"], "") for item in shown] for row in per_rater}
    waiting = {row["rater"]: row["pending"] for row in per_rater}
    if not any(map(_stands_in, said)):
        said[POOLED] = [_pool(item.values()) for item in shown]
        waiting[POOLED] = sum(row["pending"] for row in per_rater)
    counted = identical if count_identical else 0
    return [
        dict.fromkeys(COLUMNS)
        | {"task": names["task"], "model": names["model"], "comparison": comparison_name(winner, loser), "rater": rater}
        | {"n": len(choices) + counted, "identical": identical, "pending": waiting[rater]}
        | ({} if waiting[rater] else _numbers(Counter(choices), winner, loser, counted))
        | {"proxy": "true" if _stands_in(rater) else "false", "data": names["data"]}
        | {"status": "pending" if waiting[rater] else "complete"}
        for rater, choices in said.items()
    ]


def _stands_in(rater: str) -> bool:
    return rater == PROXY or rater.startswith(JUDGE_PREFIX)


def _pool(choices: Iterable[str]) -> str:
    judged = [choice for choice in choices if choice != CANNOT_JUDGE]
    return (majority(judged) or "tie") if judged else CANNOT_JUDGE


def _numbers(counts: Counter[str], winner: str, loser: str, identical: int) -> Row:
    wins, losses, ties = counts[winner], counts[loser], counts["tie"] + identical
    numbers = dict.fromkeys(_NUMBERS) | {
        "wins": wins,
        "losses": losses,
        "ties": ties,
        "cannot_judge": counts[CANNOT_JUDGE],
    }
    if wins + losses:
        p = binomtest(wins, wins + losses, 0.5).pvalue
        numbers |= {"rate": wins / (wins + losses), "p_value": float(p)}
        numbers["ci_low"], numbers["ci_high"] = clopper_pearson(wins, wins + losses)
    if wins + losses + ties:
        numbers["rate_ties_half"] = (wins + ties / 2) / (wins + losses + ties)
    return numbers


def proxy_ratings(items: Sequence[Item], sheet: str) -> list[Row]:
    """What `collect_ratings` would give had a rater preferred the answer nearer to the reference by ROUGE-L F1.

    A stand-in for demonstrations, not a judgement: its rows name the rater PROXY. Equal scores are ties. The key to
    go with it is `key_rows(items, sheet, "preference", [PROXY], "")`: the proxy sees no sides.

    Args:
        items: from `sheets.preference_items`.
        sheet: the sheet's name.
    """
    pairs = [item for item in items if len(item.answers) == 2]
    references = [item.reference for item in pairs]
    scores = [rouge_l([item.answers[side] for item in pairs], references) for side in (0, 1)]
    rows = []
    for item, first, second in zip(pairs, *scores, strict=True):
        choice = "tie" if first == second else item.variants[0 if first > second else 1][0]
        facts = {"sheet": sheet, "rater": PROXY, "item_id": item.item_id, "row_id": item.row_id, "rating": choice}
        rows.append(facts | {"choice": choice, "comment": "", "rated_at": ""})
    return rows
