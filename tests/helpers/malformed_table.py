"""Every malformed input read, mapped and split; `python -m tests.helpers.malformed_table` writes docs/malformed.md."""

import html
import sys
import tempfile
from pathlib import Path
from typing import Any

from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources.retrieve import retrieve
from clinical_dpo.data.splits import split
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json, read_jsonl, write_json, write_jsonl
from tests.helpers.malformed import binary, delimited, encodings, fields, json_files
from tests.helpers.malformed.case import Case

PARTS = {
    "Encodings and characters": encodings.CASES,
    "CSV and TSV": delimited.CASES,
    "JSON and JSON Lines": json_files.CASES,
    "Workbooks and Parquet": binary.CASES,
    "Fields of a row, and their mapping": fields.CASES,
}
CASES = [case for cases in PARTS.values() for case in cases]
TASK = {"name": "uti", "answer_type": "label", "labels": ["UTI", "No UTI"], "prompt": "{{ note }}"}
SIZES = {"train": 1, "eval": 1, "dev": 0, "test": 1}


def run(case: Case, folder: Path) -> dict[str, Any]:
    """What the data rules make of a case, by way of the same files.

    Returns:
        `outcome`, `told` (the message, or the findings), and `rows` (id, prompt, answer) of all splits.
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
        made = task_rows(read_jsonl(folder / "source.jsonl"), TASK | case.task, provenance, repairs)
        splits, _ = split(made, SIZES, 1, stratify=True, on_shortfall="shrink")
        write_jsonl(folder / "rows.jsonl", (row for part in splits.values() for row in part))
    except UserError as error:
        return {"outcome": "refused", "told": str(error).replace(f"{folder}/", ""), "rows": ()}
    record = read_json(folder / "source.json")
    repaired = record.get("repairs", {}) | repairs.record()
    warned = record.get("warnings", {})
    told = "; ".join(
        f"{what} ({found['count']}, first in {found['first']})" for what, found in (repaired | warned).items()
    )
    kept = [
        (row["id"], row["prompt"][0]["content"], row["completion"][0]["content"])
        for row in read_jsonl(folder / "rows.jsonl")
    ]
    outcome = "repaired" if repaired else "kept and told" if warned else "kept"
    return {"outcome": outcome, "told": told, "rows": tuple(sorted(kept))}


def document() -> str:
    """docs/malformed.md."""
    parts = [INTRODUCTION]
    for title, cases in PARTS.items():
        parts += [f"\n## {title}\n", "| input | what happens | message, or what is counted |", "|---|---|---|"]
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                found = run(case, Path(folder))
            parts.append(f"| {_cell(case.what)} | {found['outcome']} | {_cell(found['told'])} |")
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    shown = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    return html.escape(shown, quote=False).replace("|", "\\|")


INTRODUCTION = """\
# Malformed data files

What becomes of a data file that is not quite in order. **Refused**: nothing is written, the run ends with the message.
**Repaired**: something around a text is dropped or read otherwise, never a word of it; each repair is counted, with the
first place, under `repairs` of `results/{task}/data/manifest.json` and of its `source`. **Kept and told**: the text is
kept to the letter and counted under `warnings` of `source`, for a person to look at. **Kept**: nothing to tell.

What is refused and what is not follows from six rules:

- No encoding is guessed. UTF-8, or what a byte-order mark says, is read; anything else needs `encoding` under `source`,
  which the message proposes with the words as they would then read.
- A text of a CSV, TSV, JSON or Parquet file is never changed but for white space at its ends. Of a workbook's cell
  Excel's own marks are dropped: `_x000D_` escapes, carriage returns, non-breaking spaces. A date of Parquet, which
  tells dates from texts, becomes `2026-05-01`.
- What a program between the clinic and this file has made of a text is refused where the text is lost (Excel's dates,
  errors, rounded numbers) and told where it is not (HTML entities, garbled characters). A column that no field needs is
  passed over with `ignore` under `source`.
- A label counts whatever its case and white space; two ids that a person would take for one do not.
- A text of more than 1,000,000 characters in a prompt or a reference is several records in one.
- A file that holds more than `limits` of the config allow (bytes, rows, columns, cells, characters, depth of lists)
  is refused before it is unpacked, whatever it says of its own size.

`row` counts the rows of data from 1, `line` and `cell` those of the file. This page is written by `python -m
tests.helpers.malformed_table > docs/malformed.md`; `tests/data/test_malformed.py` holds it to what happens."""

if __name__ == "__main__":
    sys.stdout.write(document())
