"""Write a rater's sheet as files: an HTML page, CSV, Excel, and tasks for Label Studio."""

import base64
import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from clinical_dpo.config.raters import ANCHORS, SHEET_FORMATS
from clinical_dpo.grading.raters.formulas import guarded
from clinical_dpo.grading.raters.sheets import RATINGS
from clinical_dpo.io import Row, replacing, write_json

NOTHING = "There is nothing to rate on this sheet."
PAGE = Path(__file__).parent / "sheet_page"
PAGE_FILES = tuple(str(PAGE / name) for name in ("page.html", "page.css", "page.js"))
CELL = 32_767  # UTF-16 units that a cell of Excel holds; an emoji is two
CUT = " [... cut here: a cell holds no more. The whole text is in the HTML sheet.]"
_DATE = (2000, 1, 1, 0, 0, 0)  # date of every part of a workbook, so that equal sheets have equal bytes
_CAPTIONS = {"A": "Answer A", "B": "Answer B"}
HELP_SHEET = "How to rate"  # second sheet of the workbook
_MEANINGS = {  # kind of sheet -> what its ratings mean
    "correctness": ("Correct: equivalent to the reference, or equally right.",),
    "likert": (),
    "rubric": (
        "Yes: the answer meets the criterion. Each answer is shown once for each of its criteria, one after another.",
    ),
    "preference": ("Tie: equally good or equally bad.",),
}


def write_sheet(
    stem: str | Path,
    rows: Sequence[Row],
    sheet: str,
    kind: str,
    rater: str,
    instructions: str = "",
    empty: str = NOTHING,
    anchors: Sequence[str] = ANCHORS,
) -> list[Path]:
    """Write `{stem}.html`, `.csv`, `.xlsx` and `.json`. All data in these files come from the arguments.

    The page works without network, stores ratings in the browser and exports `{sheet}.{rater}.csv`. CSV (UTF-8 with a
    byte-order mark, for Excel) and XLSX have an empty column `rating` to fill in. The second worksheet of the XLSX
    file has the instructions and the meaning of the ratings. `.json` is a list of Label Studio tasks. The same input
    gives the same bytes.

    Args:
        stem: path without ending, for example `grading/correctness.rater1`.
        rows: from `sheets.sheet_rows`.
        sheet: the sheet's name.
        kind: `correctness`, `likert`, `rubric` or `preference`.
        rater: the rater's name.
        instructions: instructions for raters in plain text. Below the instructions, the page explains its keyboard
            keys.
        empty: what the page says if the sheet has no items.
        anchors: what the grades from 1 to 5 mean, for kind `likert`.

    Returns:
        The four paths.
    """
    paths = {ending: Path(f"{stem}.{ending}") for ending in SHEET_FORMATS}
    with replacing(paths["html"]) as part:
        part.write_text(page(rows, sheet, kind, rater, instructions, empty, anchors), encoding="utf-8")
    with replacing(paths["csv"]) as part:
        part.write_text(_csv(rows, sheet), encoding="utf-8-sig", newline="")
    with replacing(paths["xlsx"]) as part:
        part.write_bytes(_workbook(rows, sheet, kind, [instructions, *explanation(kind, anchors)]))
    write_json(paths["json"], [{"data": {"sheet": sheet, **row}} for row in rows])
    return list(paths.values())


def page(
    rows: Sequence[Row],
    sheet: str,
    kind: str,
    rater: str,
    instructions: str = "",
    empty: str = NOTHING,
    anchors: Sequence[str] = ANCHORS,
) -> str:
    """Return the sheet as one HTML page. The arguments are as for `write_sheet`.

    The page's Content-Security-Policy permits only the page's own script and style, and names them by SHA-256.
    """
    markup, style, script = (Path(path).read_text(encoding="utf-8") for path in PAGE_FILES)
    # The browser stores ratings under a key with this digest, so no other sheet reads them.
    digest = hashlib.sha256(json.dumps([sheet, rater, [row["text_sha256"] for row in rows]]).encode()).hexdigest()[:16]
    data: Row = {"sheet": sheet, "kind": kind, "rater": rater, "digest": digest, "words": RATINGS[kind]}
    data |= {"instructions": instructions, "empty": empty, "items": list(rows)}
    data |= {"anchors": list(anchors) if kind == "likert" else [], "explanation": explanation(kind, anchors)}
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "style": style, "script": script, "data": _inline_json(data)}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], markup)


def explanation(kind: str, anchors: Sequence[str] = ANCHORS) -> list[str]:
    """Return lines that explain to raters what the ratings of a sheet mean.

    Args:
        kind: kind of the sheet.
        anchors: what the grades from 1 to 5 mean, for kind `likert`.
    """
    grades = [f"{grade}: {anchor}." for grade, anchor in enumerate(anchors, start=1)] if kind == "likert" else []
    return [*reversed(grades), *_MEANINGS[kind], "Cannot judge: the texts do not show what is right."]


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _inline_json(value: Any) -> str:
    """Return a value as JSON for a script element of HTML. No text in the JSON can end this element or open another."""
    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _table(rows: Sequence[Row], sheet: str) -> list[list[str]]:
    """Return the sheet as a table that a rater can fill in: the header, then one line per item."""
    text_names = [
        name for name in ("question", "reference", "answer", "criterion", "A", "B") if any(name in row for row in rows)
    ]
    header = [*(_CAPTIONS.get(name, name) for name in text_names), "rating", "comment"]
    lines = [
        [*(row[name] for name in text_names), "", "", sheet, row["item_id"], row["text_sha256"], ""] for row in rows
    ]
    return [[*header, "sheet", "item_id", "text_sha256", "rated_at"], *lines]


def _csv(rows: Sequence[Row], sheet: str) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows([map(guarded, line) for line in _table(rows, sheet)])
    return file.getvalue()


def _workbook(rows: Sequence[Row], sheet: str, kind: str, help_lines: Sequence[str]) -> bytes:
    from openpyxl import Workbook  # half a second to import
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    table: Any = book.active
    table.title = sheet[:31]
    header, *lines = _table(rows, sheet)

    def write(cell: Any, text: str, bold: bool = False) -> None:
        cell.value = _cut(ILLEGAL_CHARACTERS_RE.sub("\ufffd", text))
        if text:
            cell.data_type = "s"  # never a formula
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        cell.font = Font(bold=bold)

    for number, line in enumerate([header, *lines], start=1):
        for column, value in enumerate(line, start=1):
            write(table.cell(number, column), value, bold=number == 1)
    for column, name in enumerate(header, start=1):
        width = 60 if column <= header.index("rating") else {"rating": 16, "comment": 30}.get(name, 14)
        table.column_dimensions[get_column_letter(column)].width = width
    table.freeze_panes = "A2"
    choices = DataValidation(
        type="list", formula1=f'"{",".join(RATINGS[kind])}"', allow_blank=True, showErrorMessage=True
    )
    table.add_data_validation(choices)
    letter = get_column_letter(header.index("rating") + 1)
    choices.add(f"{letter}2:{letter}{max(len(lines), 1) + 1}")
    help_table: Any = book.create_sheet(HELP_SHEET)
    help_table.column_dimensions["A"].width = 100
    for number, text in enumerate(filter(None, help_lines), start=1):
        write(help_table.cell(number, 1), text)
    raw = io.BytesIO()
    book.save(raw)
    return _undated(raw)


def _cut(text: str) -> str:
    """Return a text that fits into a cell: the whole text, or its beginning with a note about the cut."""
    raw = text.encode("utf-16-le")
    if len(raw) <= 2 * CELL:
        return text
    return raw[: 2 * (CELL - len(CUT))].decode("utf-16-le", "ignore") + CUT


def _undated(raw: io.BytesIO) -> bytes:
    """Return the bytes of a workbook (XLSX) with fixed dates, so that equal sheets have equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2000-01-01T00:00:00Z", content)
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, content)
    return out.getvalue()


def label_studio_config(kind: str, anchors: Sequence[str] = ANCHORS) -> str:
    """Return the XML of a labelling interface. A Label Studio project with this kind of sheet needs this interface.

    Args:
        kind: kind of the sheet, as for `write_sheet`.
        anchors: what the grades from 1 to 5 mean, for kind `likert`.
    """
    fields_by_kind: dict[str, tuple[str, ...]] = {
        "correctness": ("question", "reference", "answer"),
        "likert": ("question", "answer"),
        "rubric": ("question", "answer", "criterion"),
        "preference": ("question", "A", "B"),
    }
    fields = fields_by_kind[kind]
    lines = [f'<Header value="{_CAPTIONS.get(name, name)}"/><Text name="{name}" value="${name}"/>' for name in fields]
    lines += [f'<Header value={quoteattr(line)} size="6"/>' for line in explanation(kind, anchors)]
    lines += [f'<Choices name="rating" toName="{fields[-1]}" choice="single" required="true">']
    lines += [f'  <Choice value="{rating}"/>' for rating in RATINGS[kind]]
    lines += ["</Choices>", f'<TextArea name="comment" toName="{fields[-1]}" placeholder="Comment"/>']
    return "\n".join(["<View>", *(f"  {line}" for line in lines), "</View>"]) + "\n"
