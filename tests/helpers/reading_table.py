"""How answers and replies are read that a person has read.

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
Reading = tuple[str, str, str]  # what it belongs to, what a person reads, what the code reads; "" for nothing


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


def readings(what: str, half: str) -> list[Reading]:
    """Each row of a file, as a person and as the code reads it."""
    with (FOLDER / f"{what}_{half}.csv").open(encoding="utf-8", newline="") as file:
        return [READERS[what](row) for row in csv.DictReader(file)]


def shares(rows: list[Reading]) -> tuple[float, float]:
    """Shares of the rows: read as something else than a person reads, and left unread though a person reads them."""
    wrong = sum(read not in ("", said) for _, said, read in rows)
    unread = sum(bool(said) and not read for _, said, read in rows)
    return wrong / len(rows), unread / len(rows)


def confusion(rows: list[Reading]) -> Iterator[str]:
    """Lines of a Markdown table: of each class its rows, precision, recall and what it was taken for."""
    yield "| of | read by a person | rows | precision | recall | read by the code as |"
    yield "|---|---|---|---|---|---|"
    for of, said in dict.fromkeys(sorted((of, said) for of, said, _ in rows)):
        taken = Counter(read for other, label, read in rows if (other, label) == (of, said))
        named = sum(read == said for other, _, read in rows if other == of)
        precision = f"{taken[said] / named:.2f}" if named else "-"
        others = ", ".join(f"{read or 'none'} {count}" for read, count in sorted(taken.items()) if read != said) or "-"
        total = taken.total()
        yield f"| {of} | {said or 'none'} | {total} | {precision} | {taken[said] / total:.2f} | {others} |"


def document() -> str:
    """docs/reading.md."""
    lines = [HEAD]
    for what, title in (("labels", "Labels"), ("exact", "Exact matches"), ("judge", "Replies of judges")):
        lines.append(f"\n## {title}\n")
        for half, use in HALVES.items():
            rows = readings(what, half)
            wrong, unread = shares(rows)
            lines += [f"{len(rows)} rows; {use}. Read wrongly {wrong:.1%}, unread {unread:.1%} of the rows.\n"]
            lines += [*confusion(rows), ""]
    return "\n".join(lines).rstrip() + "\n"


HEAD = """\
# How answers are read, and how often wrongly

Written by `python -m tests.helpers.reading_table > docs/reading.md`; `tests/grading/test_reading.py` holds it to what
happens. The rows lie in `tests/grading/answers/`. They were written from the descriptions of tasks alone, without sight
of the code, with what a careful person reads. They are harder than what a tuned model writes, and of no single model: a
study's own shares of invalid answers stand in its metrics.

A label is what an answer commits to (`grading/label_parsing.py`, `grading/mentions.py`): a denied label speaks for the
other one, and a contradiction, a hedge, an echoed question or a refusal for none. An exact match
(`grading/exact_answers.py`) is an answer, or a sentence of it, that names an accepted answer and no other candidate. A
judge's verdict (`grading/judge/reply_parsing.py`) is the one that comes last or is called final. Nothing is read of a
thought (`thoughts.py`). Where two readings are possible there is none: a wrong one is worse."""

if __name__ == "__main__":
    print(document(), end="")
