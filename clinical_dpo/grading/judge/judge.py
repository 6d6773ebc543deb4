"""Ask a judge (a language model) for verdicts: one on each answer, or one on each order of a pair of answers."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.config.endpoints import Endpoint, why_unavailable
from clinical_dpo.endpoints.client import Request, kept_replies, request_completions, usage
from clinical_dpo.endpoints.replies import Reply
from clinical_dpo.grading.judge.prompts import PROMPTS, Prompt, task_prompt
from clinical_dpo.grading.judge.reply_parsing import parse_rubric, parse_verdict
from clinical_dpo.grading.raters.sheets import JUDGE_PREFIX, Item, rubric_items
from clinical_dpo.io import Row

COLUMNS = (
    *("sheet", "rater", "item_id", "row_id", "variants", "shown", "rating", "choice", "valid", "refusal", "status"),
    *("criterion", "weight"),  # of a rubric
)
# Kind of verdict -> choice of a refused item, if a refusal counts as a failure.
FAILURES = {"likert": "1", "correctness": "incorrect", "rubric": "no", "preference": "tie"}
_VERDICTS = ("rating", "choice")  # columns with verdicts
ORDERS = ((0, 1), (1, 0))  # indices of the answers shown as A and as B


def judge_items(
    kind: str,
    items: Sequence[Item],
    endpoint: Endpoint,
    store: str | Path,
    private: bool = False,
    refusals: str = "pending",
    control: str = "",
    anchors: Sequence[str] | None = None,
    rubric: Sequence[Mapping[str, Any]] | None = None,
) -> tuple[list[Row], Row]:
    """Return the judge's verdicts, one row of COLUMNS per item, and a record of the requests.

    For kind rubric, an item has one row per criterion instead. One request asks for the verdicts on all criteria. The
    rows have the `item_id`, `criterion` and `weight` of `raters.sheets.rubric_items`.

    Columns of a row:

    - `rating` is the judge's verdict; for a pair, the verdicts in both orders (`A B`).
    - `choice` is the result of `rating`. Kind likert: a grade. Kind correctness: `correct` or `incorrect`. Kind rubric:
      `yes` or `no` for the criterion. Kind preference: the variant that wins in both orders, else `tie`.
    - `shown` says whether the judge is asked about the item. It is false only for a pair of identical answers.
    - `refusal` is the code with which the judge's server refused the item.
    - `valid` is false for an empty answer, and for an item whose refusal counts as a failure. For a pair, it is always
      true.

    While the endpoint's API key is not set, no requests are made. Items without a stored reply are then pending, and
    `waiting_for` of the record gives the reason.

    Args:
        kind: likert, correctness, rubric or preference.
        items: from `raters.sheets`: `preference_items` for kind preference, else `correctness_items`.
        endpoint: the judge.
        store: file of the judge's replies.
        private: see `client.request_completions`.
        refusals: what a refused item becomes. `pending` leaves the item pending. `failure` gives the item the choice
            that FAILURES lists for the kind: the worst one, or `tie` for a pair.
        control: name of a control (see the module `controls`); empty for the items themselves. The replies to a
            control are stored apart. An unreadable reply to a control counts as a refusal, not as an error.
        anchors: what the grades from 1 to 5 mean, for kind likert; None for the meanings in the prompt.
        rubric: the task's rubric, for kind rubric.

    Raises:
        UserError: see `client.request_completions`.
    """
    prompt = task_prompt(kind, anchors, rubric)
    requests = [request for item in items for request in item_requests(kind, item, prompt)]

    def valid(text: str) -> bool:
        return _verdict(kind, text, prompt) is not None

    unavailable = why_unavailable(endpoint)
    version = f"{prompt.version} {control}".rstrip()
    arguments: dict[str, Any] = {"valid": valid, "reminder": prompt.reminder, "private": private}
    if unavailable:
        replies = kept_replies(endpoint, requests, store, version, **arguments)
    else:
        arguments |= {"reply_schema": prompt.reply_schema, "refuse_unreadable": bool(control)}
        replies = request_completions(endpoint, requests, store, version, **arguments)
    rows = [_verdict_row(kind, item, endpoint, replies, refusals == "failure", prompt) for item in items]
    record = _record(kind, prompt, endpoint, rows, replies, unavailable)
    if kind == "rubric":
        rows = [
            each for item, row in zip(items, rows, strict=True) for each in _criterion_rows(item, row, rubric or ())
        ]
    return rows, record


def calls_per_item(kind: str) -> int:
    """Return the number of calls for one verdict: one for an answer, two for a pair (one in each order)."""
    return len(ORDERS) if kind == "preference" else 1


def item_requests(kind: str, item: Item, prompt: Prompt | None = None) -> list[Request]:
    """Return the requests about an item: one for a single answer, two for a pair of answers (one in each order).

    A pair of identical answers has no request.
    """
    prompt = prompt or PROMPTS[kind]
    if kind != "preference":
        reference = {"reference": item.reference} if kind == "correctness" else {}
        return [Request(item.item_id, prompt.messages(question=item.question, answer=item.answers[0], **reference))]
    if len(item.answers) == 1:
        return []
    return [
        Request(
            _request_id(item, order),
            prompt.messages(question=item.question, first=item.answers[order[0]], second=item.answers[order[1]]),
        )
        for order in ORDERS
    ]


def _verdict(kind: str, reply: str, prompt: Prompt) -> str | None:
    """Return the verdict in a reply; None if the reply has no verdict. Verdicts on a rubric are joined by commas."""
    return parse_rubric(len(prompt.criteria), reply) if kind == "rubric" else parse_verdict(kind, reply)


def _criterion_rows(item: Item, row: Row, rubric: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Split the row of an answer into one row for each criterion of the rubric."""
    split = {name: row[name].split(",") if "," in row[name] else [row[name]] * len(rubric) for name in _VERDICTS}
    return [
        {**row, "item_id": each.item_id, "criterion": each.criterion, "weight": each.weight}
        | {name: split[name][number] for name in _VERDICTS}
        for number, each in enumerate(rubric_items([item], rubric))
    ]


def _request_id(item: Item, order: tuple[int, int]) -> str:
    return item.item_id if order == ORDERS[0] else f"{item.item_id} swapped"


def _verdict_row(
    kind: str, item: Item, endpoint: Endpoint, replies: Mapping[str, Reply], refusal_is_failure: bool, prompt: Prompt
) -> Row:
    requests = item_requests(kind, item, prompt)
    answered = [replies[request.id] for request in requests if request.id in replies]
    refusal = next((reply.refusal for reply in answered if reply.refusal), "")
    verdicts = [_verdict(kind, reply.text, prompt) or "" for reply in answered if not reply.refusal]
    is_complete = len(verdicts) == len(requests)
    is_failure = bool(refusal) and refusal_is_failure
    choice = FAILURES[kind] if is_failure else ""
    if requests and is_complete:
        choice = _winner(item, verdicts) if kind == "preference" else verdicts[0]
    return {
        "sheet": kind,
        "rater": f"{JUDGE_PREFIX}{endpoint.name}",
        "item_id": item.item_id,
        "row_id": item.row_id,
        "variants": " ".join(variant for variants in item.variants for variant in variants),
        "shown": "true" if requests else "false",
        "rating": " ".join(verdicts) if is_complete else "",
        "choice": choice,
        "valid": "true" if kind == "preference" or (item.answers[0] and not is_failure) else "false",
        "refusal": refusal,
        "status": "complete" if is_complete or is_failure else "pending",
        "criterion": "",
        "weight": "",
    }


def _winner(item: Item, verdicts: Sequence[str]) -> str:
    """Return the variant whose answer the judge prefers in both orders; `tie` if there is none.

    Args:
        item: the item with the two answers.
        verdicts: the preferred side (A, B or tie) in each order.
    """
    winners = {
        "tie" if side == "tie" else item.variants[order["AB".index(side)]][0]
        for side, order in zip(verdicts, ORDERS, strict=True)
    }
    return winners.pop() if len(winners) == 1 else "tie"


def _record(
    kind: str,
    prompt: Prompt,
    endpoint: Endpoint,
    rows: Sequence[Row],
    replies: Mapping[str, Reply],
    unavailable: str | None,
) -> Row:
    """Return a record of the judge, the prompt, the numbers of calls and tokens, and the counts of verdicts.

    If items are pending, the record also has the reason. `unavailable` says why the endpoint cannot be asked; it is
    None if the endpoint can be asked. If a run was interrupted and then continued, the record is the same as without
    the interruption.
    """
    pending = sum(row["status"] == "pending" for row in rows)
    refused = {row["item_id"]: row["refusal"] for row in rows if row["refusal"]}
    unanswered = sum(row["status"] == "pending" and not row["refusal"] for row in rows)
    ratings = Counter(row["rating"] for row in rows if row["rating"])
    record: Row = {
        "judge": endpoint.name,
        "base_url": endpoint.base_url,
        "settings": endpoint.body,
        "models": sorted({reply.model for reply in replies.values() if reply.model}),
        "prompt_version": prompt.version,
        "prompt_sha256": hashlib.sha256(prompt.template.encode()).hexdigest(),
        "status": "pending" if pending else "complete",
        "waiting_for": _waiting_for(endpoint, unavailable if unanswered else None, refused if pending else {}),
        "items": sum(row["shown"] == "true" for row in rows),
        "pending": pending,
        "unanswered": unanswered,
        "refused": refused,
        **usage(replies.values()),
    }
    cost = endpoint.cost(record["prompt_tokens"], record["completion_tokens"])
    if cost is not None:
        record["cost_usd"] = round(cost, 4)
    record |= {"verdicts": dict(sorted(ratings.items())), "constant": is_constant(ratings)}
    if kind == "preference":
        judged = ratings.total()
        flipped = judged - sum(ratings[pair] for pair in ("A B", "B A", "tie tie"))
        record["position_flip_share"] = flipped / judged if judged else None
    return record


def _waiting_for(endpoint: Endpoint, unavailable: str | None, refused: Mapping[str, str]) -> str | None:
    """Return why items are pending: the endpoint cannot be asked, or the endpoint refuses the items.

    If no item is pending, return None.
    """
    if unavailable:
        return f"judge {endpoint.name}: {unavailable}"
    if not refused:
        return None
    codes = ", ".join(f"{code} {n}" for code, n in sorted(Counter(refused.values()).items()))
    return (
        f"judge {endpoint.name} refuses {len(refused)} items ({codes}). Name another judge, change the token "
        "limit of this judge, send the items again (`--forcerun ask_judge`), or count the items as failures "
        "(`judge_refusals: failure` in the task file)"
    )


def is_constant(ratings: Counter[str]) -> bool:
    """Whether a judge gave the same verdict on all items. The result is False for fewer than two items.

    For a pair of answers, a rating holds one verdict for each order of the two answers. These two verdicts must also be
    the same: the result is True if all ratings are "A A", and False if all are "A B".

    Args:
        ratings: rating -> number of items.
    """
    return ratings.total() > 1 and len(ratings) == 1 and len(set(next(iter(ratings)).split())) == 1


def warnings(record: Mapping[str, Any]) -> list[str]:
    """Return warnings for the log about refused items, pending items, and a judge whose verdicts are all the same."""
    lines = []
    if record["constant"]:
        lines.append(
            f"WARNING: judge {record['judge']} gave the verdict '{next(iter(record['verdicts']))}' on all "
            f"{record['items']} items. The judge may ignore the answers. Read some replies before you use these grades."
        )
    lines += [f"judge {record['judge']} refuses item {item} ({code})" for item, code in record["refused"].items()]
    if record["waiting_for"]:
        lines.append(f"{record['waiting_for']}; {record['pending']} of {record['items']} items are pending")
    return lines
