"""Read, map and split every malformed input; `python -m tests.helpers.malformed_table` writes docs/malformed.md."""

import html
import sys
import tempfile
from pathlib import Path
from typing import Any

from clinical_dpo.config.label_rules import with_composed_labels
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources.retrieve import retrieve
from clinical_dpo.data.splits import split
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json, read_jsonl, write_json, write_jsonl
from tests.helpers.malformed import (
    binary,
    cells,
    delimited,
    encodings,
    exports,
    fields,
    json_files,
    merged,
    merged_names,
    texts,
    unseen,
)
from tests.helpers.malformed.case import Case

PARTS = {
    "Encodings and characters": encodings.CASES,
    "CSV and TSV": delimited.CASES,
    "Rows and marks of other programs": exports.CASES,
    "JSON and JSON Lines": json_files.CASES,
    "Workbooks and Parquet": binary.CASES,
    "Cells as a sheet shows them": cells.CASES,
    "Cells, rows and columns that a sheet does not show": unseen.CASES,
    "Merged cells": merged.CASES,
    "Merged names, titles and remarks": merged_names.CASES,
    "Texts in another form": texts.CASES,
    "Fields of a row, and their mapping": fields.CASES,
}
CASES = [case for cases in PARTS.values() for case in cases]
TASK = {"name": "uti", "answer_type": "label", "labels": ["UTI", "No UTI"], "prompt": "{{ note }}"}
SIZES = {"train": 1, "eval": 1, "dev": 0, "test": 1}


def run(case: Case, folder: Path) -> dict[str, Any]:
    """Run the steps of the data rules on a case, with the same files.

    Returns:
        `outcome`, `message` (of the refusal, or the repairs and warnings), and `rows` (id, prompt, answer) of all
        splits.
    """
    path = folder / case.file
    if isinstance(case.content, bytes):
        path.write_bytes(case.content)
    else:
        case.content(path)
    try:
        rows, provenance = retrieve({"kind": "file", "path": str(path), **case.source}, seed=1, n=3)
        write_jsonl(folder / "source.jsonl", rows)
        write_json(folder / "source.json", provenance)
        repairs = Tally()
        task = TASK | case.task
        records = read_jsonl(folder / "source.jsonl")
        mapped = task_rows(records, task | with_composed_labels(task), provenance, repairs)
        splits, _ = split(mapped, SIZES, 1, stratify=True, on_shortfall="shrink")
        write_jsonl(folder / "rows.jsonl", (row for part in splits.values() for row in part))
    except UserError as error:
        return {"outcome": "refused", "message": str(error).replace(f"{folder}/", ""), "rows": ()}
    record = read_json(folder / "source.json")
    repaired = record.get("repairs", {}) | repairs.record()
    warned = record.get("warnings", {})
    message = "; ".join(
        f"{description} ({occurrence['count']}, first in {occurrence['first']})"
        + (f", mended by `repair: [{occurrence['repair']}]`" if "repair" in occurrence else "")
        for description, occurrence in (repaired | warned).items()
    )
    reasons = [reason.replace(f"{folder}/", "") for reason in record.get("unread", {}).values()]
    message = "; ".join([message, *reasons[:1]])
    kept = [
        (row["id"], row["prompt"][0]["content"], row["completion"][0]["content"])
        for row in read_jsonl(folder / "rows.jsonl")
    ]
    outcome = "repaired" if repaired else "kept with a warning" if warned else "kept"
    return {"outcome": outcome, "message": message, "rows": tuple(sorted(kept))}


def document() -> str:
    """Return the text of docs/malformed.md."""
    parts = [INTRODUCTION]
    for title, cases in PARTS.items():
        parts += [f"\n## {title}\n", "| input | outcome | message, or repairs and warnings |", "|---|---|---|"]
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                result = run(case, Path(folder))
            parts.append(f"| {_cell(case.description)} | {result['outcome']} | {_cell(result['message'])} |")
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    shown = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    return html.escape(shown, quote=False).replace("|", "\\|")


INTRODUCTION = """\
# Malformed data files

This page lists faults of data files and their outcomes. **Refused**: the run writes nothing and ends with the message.
**Repaired**: something around a text is dropped or read in another way, but no word of it changes. Each repair is
counted, with its first location, under `repairs` of `results/{task}/data/manifest.json` and of its `source`.
**Kept with a warning**: the text does not change, and the fault is counted under `warnings` of `source`, for a person
to check. **Kept**: there is no fault.

Ten rules decide the outcome:

- No encoding is guessed. A file is read as its byte-order mark says, or as UTF-8. Any other encoding must be set as
  `encoding` under `source`; the message proposes one, with some words decoded in it.
- A text of a CSV, TSV, JSON or Parquet file does not change, except for white space at its ends. Blanks around the
  quotation marks of a CSV cell are no part of its text. A text of a workbook loses Excel's own marks: `_x000D_`
  escapes, carriage returns, non-breaking spaces.
- A number of a workbook becomes the text that its cell shows, such as `95%` or `004711`; the first stored number that
  differs is named. `as: number` under `source` reads stored numbers, for all columns or by column
  (`as: {Share: number}`). If a format such as `;;;` shows nothing of a value, its column is not read: `as: number`
  reads the stored numbers, and `as: shown` reads such cells as empty. Dates and times of workbooks and Parquet have one
  form: `2026-05-01`, `08:30:00`, `2026-05-01T08:30:00`.
- A text that another program has changed is refused if it is lost (a date in a column of other values, errors, rounded
  digits of a long number), and kept with a warning if it is not (HTML, written escapes, garbled characters). `repair`
  under `source` names the forms that are restored, such as `repair: [html, escapes]`; the data card shows the first
  text of each before and after. A backslash of a Windows path or of LaTeX is no escape.
- A column that no field needs never stops a run for its values: it is not read, with a warning. List it under `ignore`
  of `source`, and there is no warning.
- Only the first of merged cells has their value. A column with other cells of these is not read, unless `merged_cells:
  fill` under `source` says that the value holds for all of them, or `merged_cells: empty` that it does not. It is for
  all columns or by column (`merged_cells: {MRN: fill}`). The names of columns are in one row, a name in each cell.
- Rows and columns that a sheet hides are read, with a warning. Totals rows of Excel tables, rows that repeat the names
  of the columns, and merged headings are no data, and are skipped.
- Case, white space and Unicode form (NFC or NFD) of a label do not matter, nor does the Unicode form of a column's
  name. Templates and conditions compare texts in NFC, and change none. Two ids must differ in more than case, white
  space, Unicode form and the spelling of a number.
- A prompt or reference of more than 1,000,000 characters is refused, because it is several records in one.
- A file that exceeds `limits` of the config (bytes, rows, columns, cells, characters, depth of lists) is refused before
  it is unpacked. The size that it states does not matter.

`row` counts the rows of data from 1; without a column it is the row of a workbook's sheet. `line` and `cell` are those
of the file. The command `python -m tests.helpers.malformed_table > docs/malformed.md` writes this page, and
`tests/data/test_malformed.py` checks it."""

if __name__ == "__main__":
    sys.stdout.write(document())
