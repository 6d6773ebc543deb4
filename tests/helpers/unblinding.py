"""Raters' sheets and keys without their random draws: two runs show the same items in other orders and sides."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from clinical_dpo.grading.raters.sheets import text_sha256

DRAWN = ("A", "B", "place", "text_sha256")  # columns of a key
CAPTIONS = {"Answer A": "A", "Answer B": "B"}
CELLS = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "docProps/core.xml")
DATA = re.compile(r'(?<=id="sheet">).*?(?=</script>)', re.DOTALL)
Items = list[dict[str, Any]]


def is_blinded(path: Path) -> bool:
    """Whether a file of a run is a rater's sheet, a key or a secret."""
    return path.parent.name == "grading" or path.parent.parts[-2:] == ("grading", "keys")


def unblinded(path: Path) -> object:
    """Content of such a file without its random draws; of a sheet every item with its answers by variant.

    Raises:
        AssertionError: a sheet and its key contradict each other.
    """
    if path.suffix == ".secret":
        return "a secret"
    if path.parent.name == "keys":
        return _key_without_draws(_rows(path.read_text(encoding="utf-8")))
    sheet, rater = path.stem.split(".")
    key = {
        row["item_id"]: row
        for row in _rows((path.parent / "keys" / f"{sheet}.csv").read_text(encoding="utf-8"))
        if row["rater"] == rater and row["shown"] == "true"
    }
    rest, items = _read(path)
    assert [item["item_id"] for item in items] == sorted(key, key=lambda name: int(key[name]["place"])), path
    by_id = {item["item_id"]: item for item in items}
    return rest, [_by_variant(by_id[name], key[name], path) for name in sorted(by_id)]


def _key_without_draws(rows: Items) -> object:
    for row in rows:
        assert row["kind"] != "preference" or sorted((row["A"], row["B"])) == sorted(row["variants"].split()), row
    return [{name: value for name, value in row.items() if name not in DRAWN} for row in rows]


def _by_variant(item: dict[str, Any], key: dict[str, Any], path: Path) -> dict[str, Any]:
    assert item["text_sha256"] == key["text_sha256"], path
    if path.suffix in (".html", ".json"):  # these formats hold the texts unchanged, as the checksum needs them
        shown = ("question", "reference", "answer", "criterion", "A", "B")
        assert text_sha256({name: item[name] for name in shown if name in item}) == key["text_sha256"], path
    return {key[name] if name in ("A", "B") else name: text for name, text in item.items() if name != "text_sha256"}


def _read(path: Path) -> tuple[object, Items]:
    """Content of a sheet without its items, and its items in their order."""
    raw = path.read_bytes()
    if path.suffix == ".json":
        return None, [task["data"] for task in json.loads(raw)]
    if path.suffix == ".csv":
        return None, [_named(row) for row in _rows(raw.decode("utf-8-sig"))]
    if path.suffix == ".xlsx":
        header, *lines = load_workbook(path).worksheets[0].iter_rows(values_only=True)
        with zipfile.ZipFile(path) as book:
            rest = {name: book.read(name) for name in book.namelist() if name not in CELLS}
        return rest, [_named(dict(zip(map(str, header), line, strict=True))) for line in lines]
    page = raw.decode()
    data = json.loads(DATA.findall(page)[0])
    return (DATA.sub("", page), data | {"items": None, "digest": None}), data["items"]


def _rows(text: str) -> Items:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {CAPTIONS.get(name, name): value for name, value in row.items()}
