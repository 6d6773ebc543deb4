"""The code's reading of answers and replies beside a person's.

`python -m tests.helpers.reading_table` writes docs/reading.md.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator

import yaml

from clinical_dpo.grading.exact_answers import exact_match
from clinical_dpo.grading.judge.reply_parsing import parse_verdict
from clinical_dpo.grading.label_parsing import parse_label
from tests.conftest import ROOT

FOLDER = ROOT / "tests/grading/answers"
HALVES = {"development": "served to develop the code", "heldout": "nobody tunes on it"}
Reading = tuple[str, str, str]  # task or kind, a person's reading, the code's reading; "" for none


def read_labels(row: dict[str, str]) -> Reading:
    task = TASKS[row["task"]]
    return row["task"], row["label"], parse_label(row["answer"], task["labels"], task.get("synonyms")) or ""


def read_match(row: dict[str, str]) -> Reading:
    accepted = [row["reference"], *filter(None, row["accepted"].split("|"))]
    return "exact", "right" if row["right"] == "1" else "", "right" if exact_match(row["answer"], accepted) else ""


def read_verdict(row: dict[str, str]) -> Reading:
    return row["kind"], row["verdict"], parse_verdict(row["kind"], row["reply"]) or ""


TASKS = yaml.safe_load((FOLDER / "tasks.yaml").read_text(encoding="utf-8"))
READERS: dict[str, Callable[[dict[str, str]], Reading]] = {
    "labels": read_labels,
    "exact": read_match,
    "judge": read_verdict,
}


def readings(kind: str, half: str) -> list[Reading]:
    """A person's and the code's reading of each row of a file."""
    with (FOLDER / f"{kind}_{half}.csv").open(encoding="utf-8", newline="") as file:
        return [READERS[kind](row) for row in csv.DictReader(file)]


def shares(rows: list[Reading]) -> tuple[float, float]:
    """Shares of the rows that the code reads wrongly, and that only a person reads."""
    wrong = sum(read not in ("", true) for _, true, read in rows)
    unread = sum(bool(true) and not read for _, true, read in rows)
    return wrong / len(rows), unread / len(rows)


def confusion(rows: list[Reading]) -> Iterator[str]:
    """Lines of a Markdown table: rows, precision, recall and misreadings of each class."""
    yield "| of | read by a person | rows | precision | recall | read by the code as |"
    yield "|---|---|---|---|---|---|"
    for task, true in dict.fromkeys(sorted((task, true) for task, true, _ in rows)):
        counts = Counter(read for row_task, row_true, read in rows if (row_task, row_true) == (task, true))
        predicted = sum(read == true for row_task, _, read in rows if row_task == task)
        precision = f"{counts[true] / predicted:.2f}" if predicted else "-"
        wrong = ", ".join(f"{read or 'none'} {count}" for read, count in sorted(counts.items()) if read != true) or "-"
        total = counts.total()
        yield f"| {task} | {true or 'none'} | {total} | {precision} | {counts[true] / total:.2f} | {wrong} |"


def document() -> str:
    """docs/reading.md."""
    lines = [HEAD]
    for kind, title in (("labels", "Labels"), ("exact", "Exact matches"), ("judge", "Replies of judges")):
        lines.append(f"\n## {title}\n")
        for half, use in HALVES.items():
            rows = readings(kind, half)
            wrong, unread = shares(rows)
            lines += [f"{len(rows)} rows; {use}. Read wrongly {wrong:.1%}, unread {unread:.1%} of the rows.\n"]
            lines += [*confusion(rows), ""]
    return "\n".join(lines).rstrip() + "\n"


HEAD = """\
# How answers are read, and how often wrongly

The code reads a label, an exact match or the verdict of a judge (a language model that grades) from a text. The tables
compare its readings with those of a careful person. The rows (`tests/grading/answers/`) were written from the
descriptions of the tasks alone, without sight of the code. They are harder than the answers of a tuned model, and come
from no single model. A study's own shares of unreadable answers are in its `metrics.csv` (`invalid_rate`).

A label is read where an answer commits to it. Of two labels, a denied label supports the other. A contradiction, a
hedge, an echoed question and a refusal support no label. An exact match is an answer, or a sentence of it, that names
an accepted answer and no other candidate. A judge's verdict is the last one, or the one that is called final. A
thought (`<think>` and similar) is not read. Where two readings are possible, the code reads none, because a wrong
reading is worse. The rules are in `clinical_dpo`: `grading/label_parsing.py`, `grading/mentions.py`,
`grading/exact_answers.py`, `grading/judge/reply_parsing.py` and `thoughts.py`.

*Read wrongly* means that the code reads something, and the person something else or nothing. *Unread* means that only
the person reads something. *Precision* is the share that the person reads so, among the rows that the code reads so.
*Recall* is the share that the code reads so, among those that the person reads so. *none* is no label, match or
verdict.

`python -m tests.helpers.reading_table > docs/reading.md` writes this page, and `tests/grading/test_reading.py`
compares it with the code."""

if __name__ == "__main__":
    print(document(), end="")
