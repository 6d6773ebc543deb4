"""Controls of a judge: answers to other questions, which the judge must grade low, and items that are judged twice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clinical_dpo.comparable import comparable
from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.grading.judge.judge import COLUMNS as VERDICT_COLUMNS
from clinical_dpo.grading.judge.judge import calls_per_item, judge_items
from clinical_dpo.grading.raters.sheets import Item
from clinical_dpo.io import Row

CONTROL_ITEMS = 24  # items of each control
SHUFFLED, REPEATED = "shuffled", "repeated"
COLUMNS = ("control", *VERDICT_COLUMNS)


def controls_of(kind: str) -> list[str]:
    """Return the names of the controls for a kind of verdict.

    A control tests the judge. Every kind has the control `repeated`: the judge grades items a second time. The kinds
    that grade single answers also have the control `shuffled`: the judge grades answers to other questions. The kind
    `preference` has no control `shuffled`. With shuffled answers, both answers of a pair would belong to other
    questions, and neither would be better.
    """
    return [REPEATED] if kind == "preference" else [SHUFFLED, REPEATED]


def most_control_calls(kind: str, rows: int) -> int:
    """Return the largest number of calls that a judge's controls need.

    The controls test the judge with answers to other questions, and with items that are judged twice.

    Args:
        kind: kind of verdict: likert, correctness, rubric or preference.
        rows: number of test rows.
    """
    return len(controls_of(kind)) * min(rows, CONTROL_ITEMS) * calls_per_item(kind)


def control_items(items: Sequence[Item]) -> list[Item]:
    """Return up to CONTROL_ITEMS items, at most one per test row, sorted by id.

    Each row offers its item with the lowest id. Of these items, those with the lowest ids are chosen. The ids are
    hashes, so the choice is pseudorandom.
    """
    by_row = {item.row_id: item for item in sorted(items, key=lambda item: item.item_id, reverse=True)}
    return sorted(by_row.values(), key=lambda item: item.item_id)[:CONTROL_ITEMS]


def shuffled_items(items: Sequence[Item]) -> list[Item]:
    """Return the items, each with the answer of another item instead of its own.

    The answer comes from the next item whose answer is not empty and differs both from the item's own answer and from
    the item's reference answer. After the last item, the search goes on with the first. If there is no such answer, the
    item is left out.
    """
    shuffled = []
    for number, item in enumerate(items):
        own = {comparable(item.answers[0]), comparable(item.reference)}
        others = (*items[number + 1 :], *items[:number])
        foreign = next((other.answers[0] for other in others if comparable(other.answers[0]) not in {*own, ""}), None)
        if foreign is not None:
            shuffled.append(replace(item, item_id=f"{item.item_id} {SHUFFLED}", answers=(foreign,)))
    return shuffled


def ask_controls(
    kind: str,
    items: Sequence[Item],
    endpoint: Endpoint,
    store: str | Path,
    private: bool = False,
    anchors: Sequence[str] | None = None,
    rubric: Sequence[Mapping[str, Any]] | None = None,
) -> tuple[list[Row], Row]:
    """Ask the judge for verdicts on the controls. Return the verdicts as rows of COLUMNS, and a record of the requests.

    The controls test the judge. For `repeated`, the judge grades items a second time. For `shuffled`, it grades answers
    to other questions. `controls_of` lists the controls of a kind. The record counts the calls, the tokens and the
    unanswered items of all controls together. Its status is `pending` while an item of any control is unanswered.

    Args:
        kind: likert, correctness, rubric or preference.
        items: all items that the judge grades. Each control takes at most CONTROL_ITEMS of them.
        endpoint: the judge.
        store: file of the replies to the controls.
        private: see `client.request_completions`.
        anchors, rubric: see `judge.judge_items`.

    Raises:
        UserError: see `client.request_completions`.
    """
    chosen = control_items([item for item in items if kind != "preference" or len(item.answers) == 2])
    rows: list[Row] = []
    records = []
    for control in controls_of(kind):
        shown = shuffled_items(chosen) if control == SHUFFLED else chosen
        verdicts, record = judge_items(
            kind, shown, endpoint, store, private, control=control, anchors=anchors, rubric=rubric
        )
        rows += [{"control": control, **verdict} for verdict in verdicts]
        records.append(record)
    unanswered = sum(record["unanswered"] for record in records)
    waiting = next((record["waiting_for"] for record in records if record["unanswered"]), None)
    return rows, {
        "judge": endpoint.name,
        "base_url": endpoint.base_url,
        "settings": endpoint.body,
        "status": "pending" if unanswered else "complete",
        "waiting_for": waiting,
        "pending": unanswered,
        "unanswered": unanswered,
        "items": len(rows),
        **{name: sum(record[name] for record in records) for name in ("calls", "prompt_tokens", "completion_tokens")},
    }
