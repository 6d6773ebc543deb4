"""Make blinded rating sheets (what each rater sees, and in which order) and the key that raters do not see."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.grading.answers import answer_texts
from clinical_dpo.grading.raters.secret import draw
from clinical_dpo.io import Row, read_csv
from clinical_dpo.records import Answer, TaskRow

KEY_COLUMNS = (
    *("sheet", "kind", "rater", "item_id", "text_sha256", "row_id", "variants", "A", "B", "shown", "place"),
    *("criterion", "weight"),  # of a rubric
)
JUDGE_PREFIX = "judge:"  # begins a judge's name among raters; names of people have no colon
# Kind of sheet -> allowed ratings, as every file spells them.
RATINGS = {
    "correctness": ("correct", "incorrect", "cannot judge"),
    "likert": ("1", "2", "3", "4", "5", "cannot judge"),
    "rubric": ("yes", "no", "cannot judge"),
    "preference": ("A", "B", "tie", "cannot judge"),
}


@dataclass(frozen=True)
class Item:
    """One item to rate, the same for every rater.

    Attributes:
        item_id: opaque name. It begins with a letter, so that no spreadsheet reads it as a number.
        row_id: id of the test row.
        question: the user's messages.
        reference: the reference answer.
        answers: the answer to rate. A preference item has two answers, or one if both variants give the same answer.
        variants: for each answer, the variants that give this answer.
        criterion: on a rubric sheet, the rated criterion; empty on other sheets.
        weight: weight of the criterion as text; empty on other sheets.
    """

    item_id: str
    row_id: str
    question: str
    reference: str
    answers: tuple[str, ...]
    variants: tuple[tuple[str, ...], ...]
    criterion: str = ""
    weight: str = ""


def correctness_items(rows: Sequence[TaskRow], answers: Mapping[str, Sequence[Answer]], seed: int) -> list[Item]:
    """Return one item per test row and distinct answer. If several variants give the same answer, they share an item.

    Args:
        rows: test rows.
        answers: variant -> its answers to the rows. White space around an answer does not count.
        seed: seed of the item ids.

    Raises:
        UserError: the ids of a variant's answers differ from the ids of `rows`.
    """
    return [
        _item("correctness", row, {text: variants}, seed)
        for row, variants_by_text in _distinct_answers(rows, answers)
        for text, variants in variants_by_text.items()
    ]


def rubric_items(items: Iterable[Item], rubric: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return one item per answer and criterion. The criteria of an answer are in the order of the rubric.

    Args:
        items: from `correctness_items`.
        rubric: the task's rubric, with `item` and `weight` of each criterion.
    """
    return [
        replace(
            item,
            item_id=f"{item.item_id}-{_hash(criterion['item'])[:8]}",
            criterion=criterion["item"],
            weight=str(criterion["weight"]),
        )
        for item in items
        for criterion in rubric
    ]


def answer_id(item_id: str) -> str:
    """Return the id of the answer that an item is about.

    On a rubric sheet, an answer has an item for each criterion, and these items share the answer's id. On other sheets,
    the item's own id is returned.
    """
    return item_id.partition("-")[0]


def preference_items(
    rows: Sequence[TaskRow], answers: Mapping[str, Sequence[Answer]], variants: tuple[str, str], seed: int
) -> list[Item]:
    """Return one item per test row, with the answers of two variants.

    If the two answers are identical, the item has one answer, and no sheet shows the item.

    Args:
        rows, answers, seed: as for `correctness_items`.
        variants: the two variants. The first is compared with the second.

    Raises:
        UserError: the ids of a variant's answers differ from the ids of `rows`.
    """
    pair = {variant: answers[variant] for variant in variants}
    return [_item("preference", row, by_text, seed) for row, by_text in _distinct_answers(rows, pair)]


def _distinct_answers(
    rows: Sequence[TaskRow], answers: Mapping[str, Sequence[Answer]]
) -> Iterable[tuple[TaskRow, dict[str, tuple[str, ...]]]]:
    """Yield each row with its distinct answers, as a dict: text -> variants that give this text."""
    texts = {variant: answer_texts(rows, variant_answers, variant) for variant, variant_answers in answers.items()}
    for number, row in enumerate(rows):
        variants_by_text: dict[str, tuple[str, ...]] = {}
        for variant in texts:
            text = texts[variant][number].strip()
            variants_by_text[text] = (*variants_by_text.get(text, ()), variant)
        yield row, variants_by_text


def _item(kind: str, row: TaskRow, variants_by_text: Mapping[str, tuple[str, ...]], seed: int) -> Item:
    messages = [message["content"] for message in row["prompt"] if message["role"] != "system"]
    return Item(
        item_id="i" + _hash(seed, kind, row["id"], *sorted(variants_by_text))[:12],
        row_id=row["id"],
        question="\n\n".join(messages),
        reference=row["completion"][0]["content"],
        answers=tuple(variants_by_text),
        variants=tuple(variants_by_text.values()),
    )


def _hash(*parts: object) -> str:
    """Return the hexadecimal SHA-256 of several values."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _shown_texts(item: Item, kind: str, swapped: bool) -> dict[str, str]:
    """Return the texts of an item that a rater sees, by name, such as `question` and `answer`.

    Args:
        item: the item.
        kind: kind of the sheet.
        swapped: whether a preference sheet shows the second answer as A.
    """
    texts = {"question": item.question}
    if kind == "correctness":
        texts["reference"] = item.reference
    if kind != "preference":
        return texts | {"answer": item.answers[0]} | ({"criterion": item.criterion} if kind == "rubric" else {})
    first, second = item.answers[0], item.answers[-1]
    return texts | ({"A": second, "B": first} if swapped else {"A": first, "B": second})


def sheet_rows(items: Sequence[Item], key: Sequence[Mapping[str, str]], rater: str) -> list[Row]:
    """Return the rows of one rater's sheet, in this rater's order.

    A row has only `item_id`, `text_sha256` and the texts.

    A correctness sheet has the texts `question`, `reference` and `answer`. A likert sheet has `question` and `answer`,
    the same texts as a judge sees. A rubric sheet has `question`, `answer` and `criterion`. A preference sheet has
    `question`, `A` and `B`.

    Args:
        items: from `correctness_items`, `rubric_items` or `preference_items`.
        key: rows of the sheet's key. They define which items are shown, in which order, and which answer is A.
        rater: the rater's name.
    """
    item_by_id = {item.item_id: item for item in items}
    key_of_rater = [row for row in key if row["rater"] == rater and row["shown"] == "true"]
    rows = []
    for row in sorted(key_of_rater, key=lambda row: int(row["place"])):
        swapped = row["A"] != row["variants"].split()[0]
        texts = _shown_texts(item_by_id[row["item_id"]], row["kind"], swapped)
        rows.append({"item_id": row["item_id"], "text_sha256": text_sha256(texts), **texts})
    return rows


def _with_different_answers(items: Iterable[Item], kind: str) -> list[Item]:
    """Return the items that a sheet can show.

    A preference sheet can show only items with two different answers. A sheet of another kind can show every item.
    """
    return [item for item in items if kind != "preference" or len(item.answers) == 2]


def text_sha256(texts: Mapping[str, str]) -> str:
    """Return the SHA-256 of the texts that a rater sees for an item, as hexadecimal digits.

    The digest also covers the names of the texts, such as A and B. It shows later whether a rater saw the current
    texts.
    """
    return hashlib.sha256(json.dumps(dict(texts), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def key_rows(
    items: Sequence[Item],
    sheet: str,
    kind: str,
    raters: Sequence[str],
    secret: str,
    only: Collection[str] | None = None,
) -> list[Row]:
    """Return rows of KEY_COLUMNS, one per rater and item, with the variant behind each answer.

    Columns of a row:

    - `variants` are names separated by a space. On a preference sheet, they are the two compared variants, in the order
      of `preference_items`. On other sheets, all of these variants give the same answer.
    - `A` and `B` name the variants whose answers a preference sheet shows as A and as B. A fair coin decides which
      variant is A, for each rater and item.
    - `shown` is false for an item that the sheet leaves out, because its answers are identical or `only` lacks its id.
    - `place` is the item's number on the sheet. The order is shuffled for each rater. The criteria of an answer stay
      together.

    Args:
        items: from `correctness_items`, `rubric_items` or `preference_items`.
        sheet: the sheet's name.
        kind: `correctness`, `likert`, `rubric` or `preference`.
        raters: names of the raters of the sheet.
        secret: the sheet's secret. The order of the items and the choice of A depend on the secret, the sheet's name,
            the rater and the item.
        only: ids of the items on the sheet; None for all items.
    """
    candidates = _with_different_answers(items, kind)
    visible = [item.item_id for item in candidates if only is None or item.item_id in only]
    rows = []
    for rater in raters:
        order = sorted(visible, key=lambda item_id: draw(secret, "order", sheet, rater, answer_id(item_id)))
        number_by_id = {item_id: str(number) for number, item_id in enumerate(order, start=1)}
        for item in items:
            swapped = draw(secret, "side", sheet, rater, item.item_id) % 2 == 1
            pair = tuple(variant for variants in item.variants for variant in variants)
            sides = dict(zip("AB", reversed(pair) if swapped else pair, strict=True)) if kind == "preference" else {}
            texts = _shown_texts(item, kind, swapped)
            rows.append(
                dict.fromkeys(KEY_COLUMNS, "")
                | {"sheet": sheet, "kind": kind, "rater": rater, "item_id": item.item_id, "row_id": item.row_id}
                | {"text_sha256": text_sha256(texts), "variants": " ".join(pair)}
                | sides
                | {"shown": "true" if item.item_id in number_by_id else "false"}
                | {"place": number_by_id.get(item.item_id, ""), "criterion": item.criterion, "weight": item.weight}
            )
    return rows


def read_blinding_key(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a sheet's key: a CSV file, made from `key_rows`, that names the variant behind each answer.

    Raises:
        UserError: the file lacks a column of KEY_COLUMNS.
    """
    rows = read_csv(path)
    if rows and (missing := set(KEY_COLUMNS) - set(rows[0])):
        raise UserError(f"{path}: columns {', '.join(sorted(missing))} are missing. Delete the file and run again.")
    return rows
