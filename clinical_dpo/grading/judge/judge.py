"""A judge's verdicts on the items of a sheet: each answer graded, or each pair compared in both orders."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.config.endpoints import Endpoint, why_unavailable
from clinical_dpo.endpoints.chat_server import Reply
from clinical_dpo.endpoints.client import Request, kept_replies, request_completions, usage
from clinical_dpo.grading.judge.prompts import PROMPTS
from clinical_dpo.grading.judge.reply_parsing import parse_verdict
from clinical_dpo.grading.raters.sheets import JUDGE, Item
from clinical_dpo.io import Row

COLUMNS = ("sheet", "rater", "item_id", "row_id", "variants", "shown", "rating", "choice", "valid", "status")
ORDERS = ((0, 1), (1, 0))  # which answer of a pair is A, which is B


def judge_items(
    kind: str, items: Sequence[Item], endpoint: Endpoint, store: str | Path, private: bool = False
) -> tuple[list[Row], Row]:
    """A judge's verdicts as far as they can be had: rows of COLUMNS, one per item, and a record of how they were had.

    `rating` is what the judge said (a pair's two orders: `A B`), `choice` what follows from it: a grade, `correct` or
    `incorrect`; of a pair the variant that won in both orders, else `tie`. Pairs of identical answers are not asked
    about (`shown` is false). `valid` is false for an empty answer. While the endpoint's key is not there, what is not
    kept already is pending; the record's `waiting_for` says why.

    Args:
        kind: likert, correctness or preference.
        items: from `raters.sheets`: `correctness_items` for the first two, `preference_items` for the last.
        endpoint: the judge.
        store: where its replies are kept.
        private: see `client.complete`.

    Raises:
        UserError: from `client.complete`.
    """
    prompt = PROMPTS[kind]
    requests = [request for item in items for request in item_requests(kind, item)]

    def valid(text: str) -> bool:
        return parse_verdict(kind, text) is not None

    lacking = why_unavailable(endpoint)
    arguments: dict[str, Any] = {"valid": valid, "reminder": prompt.reminder, "private": private}
    if lacking:
        replies = kept_replies(endpoint, requests, store, prompt.version, **arguments)
    else:
        replies = request_completions(endpoint, requests, store, prompt.version, form=prompt.form, **arguments)
    rows = [_row(kind, item, endpoint, replies) for item in items]
    return rows, _record(kind, endpoint, rows, replies, lacking)


def item_requests(kind: str, item: Item) -> list[Request]:
    """What the judge is asked about an item: once about an answer, twice about a pair, not at all about two alike."""
    prompt = PROMPTS[kind]
    if kind != "preference":
        reference = {"reference": item.reference} if kind == "correctness" else {}
        return [Request(item.item_id, prompt.messages(question=item.question, answer=item.answers[0], **reference))]
    if len(item.answers) == 1:
        return []
    return [
        Request(
            _order_id(item, order),
            prompt.messages(question=item.question, first=item.answers[order[0]], second=item.answers[order[1]]),
        )
        for order in ORDERS
    ]


def _order_id(item: Item, order: tuple[int, int]) -> str:
    return item.item_id if order == ORDERS[0] else f"{item.item_id} swapped"


def _row(kind: str, item: Item, endpoint: Endpoint, replies: Mapping[str, Reply]) -> Row:
    asked = item_requests(kind, item)
    said = [parse_verdict(kind, replies[request.id].text) or "" for request in asked if request.id in replies]
    complete_row = len(said) == len(asked)
    choice = ""
    if asked and complete_row:
        choice = _winner(item, said) if kind == "preference" else said[0]
    return {
        "sheet": kind,
        "rater": f"{JUDGE}{endpoint.name}",
        "item_id": item.item_id,
        "row_id": item.row_id,
        "variants": " ".join(giver for givers in item.variants for giver in givers),
        "shown": "true" if asked else "false",
        "rating": " ".join(said) if complete_row else "",
        "choice": choice,
        "valid": "true" if item.answers[0] or kind == "preference" else "false",
        "status": "complete" if complete_row else "pending",
    }


def _winner(item: Item, said: Sequence[str]) -> str:
    """The variant that the judge prefers on either side; a verdict that turns with the order is none."""
    winners = {
        "tie" if side == "tie" else item.variants[order["AB".index(side)]][0]
        for side, order in zip(said, ORDERS, strict=True)
    }
    return winners.pop() if len(winners) == 1 else "tie"


def _record(
    kind: str, endpoint: Endpoint, rows: Sequence[Row], replies: Mapping[str, Reply], lacking: str | None
) -> Row:
    """How verdicts came about; the same whether a run was killed on the way or not."""
    prompt = PROMPTS[kind]
    pending = sum(row["status"] == "pending" for row in rows)
    ratings = Counter(row["rating"] for row in rows if row["rating"])
    record: Row = {
        "judge": endpoint.name,
        "base_url": endpoint.base_url,
        "settings": endpoint.body,
        "models": sorted({reply.model for reply in replies.values()}),
        "prompt_version": prompt.version,
        "prompt_sha256": hashlib.sha256(prompt.template.encode()).hexdigest(),
        "status": "pending" if pending else "complete",
        "waiting_for": f"judge {endpoint.name}: {lacking}" if pending else None,
        "items": sum(row["shown"] == "true" for row in rows),
        "pending": pending,
        **usage(replies.values()),
    }
    if endpoint.price:
        cost = (
            record["prompt_tokens"] * endpoint.price["input"] + record["completion_tokens"] * endpoint.price["output"]
        )
        record["cost_usd"] = round(cost / 1e6, 4)
    record |= {"verdicts": dict(sorted(ratings.items())), "constant": is_constant(ratings)}
    if kind == "preference":
        judged = ratings.total()
        turned = judged - sum(ratings[both] for both in ("A B", "B A", "tie tie"))
        record["position_flip_share"] = turned / judged if judged else None
    return record


def is_constant(ratings: Counter[str]) -> bool:
    """Whether a judge of several items said one and the same of all: of pairs, the same side in both orders."""
    return ratings.total() > 1 and len(ratings) == 1 and len(set(next(iter(ratings)).split())) == 1


def warnings(record: Mapping[str, Any]) -> list[str]:
    """What a reader of the log must know of a judge's record."""
    found = []
    if record["constant"]:
        found.append(
            f"WARNING: judge {record['judge']} said '{next(iter(record['verdicts']))}' of all {record['items']} items. "
            "It may not look at the answers: read some replies before you use these grades."
        )
    if record["waiting_for"]:
        found.append(f"{record['waiting_for']}; {record['pending']} of {record['items']} items are pending")
    return found
