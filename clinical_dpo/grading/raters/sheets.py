"""Blinded rating sheets: what each rater is shown, in which order and on which side, and the key that stays behind."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clinical_dpo.errors import UserError
from clinical_dpo.grading.answers import answer_texts
from clinical_dpo.grading.raters.secret import draw
from clinical_dpo.io import Row, read_csv

KEY_COLUMNS = ("sheet", "kind", "rater", "item_id", "text_sha256", "row_id", "variants", "A", "B", "shown", "place")
JUDGE = "judge:"  # begins the name of a judge model among raters, whose own names hold no colon
# What a rater may say, as it is written in every file.
WORDS = {
    "correctness": ("correct", "incorrect", "cannot judge"),
    "preference": ("A", "B", "tie", "cannot judge"),
}


@dataclass(frozen=True)
class Item:
    """One thing to rate; the same for every rater.

    Attributes:
        item_id: opaque name; starts with a letter, so that no spreadsheet takes it for a number.
        row_id: the test item's id.
        question: the user's messages.
        reference: the reference answer.
        answers: correctness: one; preference: two, or one where both variants gave the same.
        variants: for each answer, who gave it.
    """

    item_id: str
    row_id: str
    question: str
    reference: str
    answers: tuple[str, ...]
    variants: tuple[tuple[str, ...], ...]


def correctness_items(rows: Sequence[Row], answers: Mapping[str, Sequence[Row]], seed: int) -> list[Item]:
    """One item per test row and distinct answer: what several variants answered alike is rated once, for all of them.

    Args:
        rows: test rows.
        answers: variant -> its answers (`id`, `text`) to those rows. White space around an answer does not count.
        seed: of the item ids.

    Raises:
        UserError: answers of other items than `rows`.
    """
    return [
        _item("correctness", row, {text: givers}, seed)
        for row, given in _side_by_side(rows, answers)
        for text, givers in given.items()
    ]


def preference_items(
    rows: Sequence[Row], answers: Mapping[str, Sequence[Row]], variants: tuple[str, str], seed: int
) -> list[Item]:
    """One item per test row: the answers of two variants. Where they are alike, the item has one answer and no sheet
    shows it.

    Args:
        rows, answers, seed: as for `correctness_items`.
        variants: the variant compared, then the one it is compared with.

    Raises:
        UserError: answers of other items than `rows`.
    """
    pair = {variant: answers[variant] for variant in variants}
    return [_item("preference", row, given, seed) for row, given in _side_by_side(rows, pair)]


def _side_by_side(
    rows: Sequence[Row], answers: Mapping[str, Sequence[Row]]
) -> Iterable[tuple[Row, dict[str, tuple[str, ...]]]]:
    """Each row with its distinct answers and who gave them."""
    texts = {variant: answer_texts(rows, given, variant) for variant, given in answers.items()}
    for number, row in enumerate(rows):
        given: dict[str, tuple[str, ...]] = {}
        for variant in texts:
            text = texts[variant][number].strip()
            given[text] = (*given.get(text, ()), variant)
        yield row, given


def _item(kind: str, row: Row, given: Mapping[str, tuple[str, ...]], seed: int) -> Item:
    messages = [message["content"] for message in row["prompt"] if message["role"] != "system"]
    return Item(
        item_id="i" + _hash(seed, kind, row["id"], *sorted(given))[:12],
        row_id=row["id"],
        question="\n\n".join(messages),
        reference=row["completion"][0]["content"],
        answers=tuple(given),
        variants=tuple(given.values()),
    )


def _hash(*parts: object) -> str:
    """Hex SHA-256 of several values; what is drawn for one item does not change with the others."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _text(item: Item, kind: str, swapped: bool, reference: bool) -> dict[str, str]:
    """What is shown of an item. Its checksum says later whether the rater saw this very text."""
    shown = {"question": item.question}
    if reference or kind == "correctness":
        shown["reference"] = item.reference
    if kind == "correctness":
        return shown | {"answer": item.answers[0]}
    first, second = item.answers[0], item.answers[-1]
    return shown | ({"A": second, "B": first} if swapped else {"A": first, "B": second})


def sheet_rows(
    items: Sequence[Item], key: Sequence[Mapping[str, str]], rater: str, reference: bool = False
) -> list[Row]:
    """What one rater is shown, in this rater's order: item_id, text_sha256 and the texts, nothing else.

    Texts are `question`, `reference` (preference: only if asked for) and `answer`, or `A` and `B`.

    Args:
        items: as `correctness_items` or `preference_items` gave them.
        key: rows of the sheet's key. It says which items are shown, in which order and on which sides.
        rater: whose sheet.
        reference: show the reference answer in a preference sheet too.
    """
    known = {item.item_id: item for item in items}
    mine = [row for row in key if row["rater"] == rater and row["shown"] == "true"]
    rows = []
    for row in sorted(mine, key=lambda row: int(row["place"])):
        swapped = row["A"] != row["variants"].split()[0]
        text = _text(known[row["item_id"]], row["kind"], swapped, reference)
        rows.append({"item_id": row["item_id"], "text_sha256": text_sha256(text), **text})
    return rows


def _shown(items: Iterable[Item], kind: str) -> list[Item]:
    return [item for item in items if kind == "correctness" or len(item.answers) == 2]


def text_sha256(text: Mapping[str, str]) -> str:
    """Hex SHA-256 of the texts of one item, with their places, as one rater sees them."""
    return hashlib.sha256(json.dumps(dict(text), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def key_rows(
    items: Sequence[Item],
    sheet: str,
    kind: str,
    raters: Sequence[str],
    secret: str,
    reference: bool = False,
    only: Collection[str] | None = None,
) -> list[Row]:
    """Rows of KEY_COLUMNS, one per rater and item: who gave which answer.

    `variants` are separated by a space: for correctness those that share the answer, for preference the one compared
    and the one it is compared with; `A` and `B` say on which side this rater saw them. `shown` is false for an
    item that the sheet leaves out: two answers alike, or one that `only` lacks. `place` is the item's number on the
    sheet. Sides are a fair coin per rater and item, orders a shuffle per rater.

    Args:
        items: as `correctness_items` or `preference_items` gave them.
        sheet: the sheet's name.
        kind: `correctness` or `preference`.
        raters: whose sheets.
        secret: what sides and orders are drawn from, with the sheet's name, the rater and the item.
        reference: as for `sheet_rows`.
        only: item ids on the sheet, all if None.
    """
    visible = {item.item_id for item in _shown(items, kind) if only is None or item.item_id in only}
    rows = []
    for rater in raters:
        order = sorted(visible, key=lambda item_id: draw(secret, "order", sheet, rater, item_id))
        places = {item_id: str(place) for place, item_id in enumerate(order, start=1)}
        for item in items:
            swapped = draw(secret, "side", sheet, rater, item.item_id) % 2 == 1
            pair = tuple(giver for givers in item.variants for giver in givers)
            sides = dict(zip("AB", reversed(pair) if swapped else pair, strict=True)) if kind == "preference" else {}
            rows.append(
                dict.fromkeys(KEY_COLUMNS, "")
                | {"sheet": sheet, "kind": kind, "rater": rater, "item_id": item.item_id, "row_id": item.row_id}
                | {"text_sha256": text_sha256(_text(item, kind, swapped, reference)), "variants": " ".join(pair)}
                | sides
                | {"shown": "true" if item.item_id in visible else "false", "place": places.get(item.item_id, "")}
            )
    return rows


def read_blinding_key(path: str | Path) -> list[dict[str, str]]:
    """Rows of a key file.

    Raises:
        UserError: a column of KEY_COLUMNS is missing.
    """
    rows = read_csv(path)
    if rows and (missing := set(KEY_COLUMNS) - set(rows[0])):
        raise UserError(f"{path}: columns {', '.join(sorted(missing))} are missing. Delete the file and run again.")
    return rows
