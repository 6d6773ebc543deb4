"""Error rates of the parsers on labelled answers and replies.

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
HALVES = {"development": "used to develop the code", "heldout": "not used for tuning"}
Reading = tuple[str, str, str]  # group, the person's label, the code's label; "" for no label


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
    """Each row of a file of labelled texts, as a person and as the code labels it."""
    with (FOLDER / f"{kind}_{half}.csv").open(encoding="utf-8", newline="") as file:
        return [READERS[kind](row) for row in csv.DictReader(file)]


def shares(rows: list[Reading]) -> tuple[float, float]:
    """Shares of rows with a wrong label, and of rows without a label that a person labelled."""
    wrong = sum(predicted not in ("", label) for _, label, predicted in rows)
    unread = sum(bool(label) and not predicted for _, label, predicted in rows)
    return wrong / len(rows), unread / len(rows)


def confusion(rows: list[Reading]) -> Iterator[str]:
    """Lines of a Markdown table: rows, precision, recall and confusions of each group's labels."""
    yield "| group | label by a person | rows | precision | recall | other labels by the code |"
    yield "|---|---|---|---|---|---|"
    for group, label in dict.fromkeys(sorted((group, label) for group, label, _ in rows)):
        counts = Counter(predicted for *pair, predicted in rows if pair == [group, label])
        predictions = sum(predicted == label for each, _, predicted in rows if each == group)
        precision = f"{counts[label] / predictions:.2f}" if predictions else "-"
        others = ", ".join(f"{each or 'none'} {count}" for each, count in sorted(counts.items()) if each != label)
        total = counts.total()
        yield (
            f"| {group} | {label or 'none'} | {total} | {precision} | {counts[label] / total:.2f} | {others or '-'} |"
        )


def document() -> str:
    """Text of docs/reading.md."""
    lines = [HEAD]
    for kind, title in (("labels", "Labels"), ("exact", "Exact matches"), ("judge", "Replies of judges")):
        lines.append(f"\n## {title}\n")
        for half, use in HALVES.items():
            rows = readings(kind, half)
            wrong, unread = shares(rows)
            lines += [
                f"{len(rows)} rows, {use}. Wrong labels: {wrong:.1%} of the rows; missing labels: {unread:.1%}.\n"
            ]
            lines += [*confusion(rows), ""]
    return "\n".join(lines).rstrip() + "\n"


HEAD = """\
# Error rates of the parsers of answers

This page is written by `python -m tests.helpers.reading_table > docs/reading.md`; `tests/grading/test_reading.py`
compares it with the parsers. The rows are in `tests/grading/answers/`. They were written from the descriptions of the
tasks, without sight of the code, and labelled as a careful person reads them. They are harder than the answers of a
fine-tuned model, and they imitate no single model. A study's own shares of invalid answers are in its metrics.

A label is the one that an answer commits to (`grading/label_parsing.py`, `grading/mentions.py`). An answer that denies
a label commits to the other; a contradiction, a hedge, an echoed question or a refusal commits to none. An exact match
(`grading/exact_answers.py`) is an answer, or a sentence of it, that names an accepted answer and no other candidate. A
judge's verdict (`grading/judge/reply_parsing.py`) is the last verdict, or the one that the reply calls final. Thoughts
(`thoughts.py`) are not read. An ambiguous text gets no label, since a wrong label is worse than none."""

if __name__ == "__main__":
    print(document(), end="")
