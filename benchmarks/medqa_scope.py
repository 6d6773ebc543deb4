"""Compare two rules that select questions of MedQA, wide and strict, with the labels of two readers.

The script reads a file of MedQA, such as phrases_no_exclude_test.jsonl, and writes precision, recall and the shares of
selected questions to benchmarks/medqa_scope.md. benchmarks/medqa_readers.csv has the readers' labels of 200 of the 296
questions of step 2 and 3: what a question asks for, and whether its last sentence reads well without the answer
options. If the wide rule drops a question, the label for reading well is empty.
"""

import argparse
import datetime
from pathlib import Path

from clinical_dpo.data.sources.medqa import PUBLISHED, question_id, to_open_question
from clinical_dpo.data.sources.question_topics import TOPICS
from clinical_dpo.io import Row, read_csv, read_jsonl
from clinical_dpo.statistics.intervals import wilson

LABELS, TABLE = Path(__file__).parent / "medqa_readers.csv", Path(__file__).parent / "medqa_scope.md"
READERS = ("1", "2")


def share(count: int, n: int) -> str:
    """A share as text, with its 95% Wilson interval."""
    low, high = wilson(count, n)
    return f"{count} of {n} ({count / n:.3f}, {low:.3f} to {high:.3f})"


def agreement(rows: dict[str, Row], labels: list[Row], reader: str, strict: bool) -> tuple[int, int, int]:
    """Count questions that a reader finds right and that a rule keeps.

    A question is right if it asks for a diagnosis or a treatment. A question that is kept must also read well.

    Args:
        rows: id -> question of MedQA.
        labels: rows of medqa_readers.csv.
        reader: number of the reader.
        strict: True for the strict rule, False for the wide rule.

    Returns:
        Three numbers of questions: those kept and right, all kept ones, and all right ones.
    """
    right_kept = kept = right = 0
    for label in labels:
        asks, well = label[f"asks_{reader}"] in TOPICS, label[f"reads_well_{reader}"] == "yes"
        is_kept = isinstance(to_open_question(rows[label["id"]], strict), dict)
        kept += is_kept
        right += asks
        right_kept += is_kept and asks and well
    return right_kept, kept, right


def table(path: Path) -> str:
    """The two tables of the page and a sentence on the agreement of the readers, in Markdown.

    Args:
        path: a file of MedQA.
    """
    rows = read_jsonl(path)
    by_id = {question_id(row): row for row in rows}
    labels = read_csv(LABELS)
    asked = sum(row["meta_info"] == "step2&3" for row in rows)
    lines = ["| rule | reader | precision | recall |", "|---|---|---|---|"]
    shares = ["| rule | of all rows | of step 2 and 3 |", "|---|---|---|"]
    for name, strict in (("wide", False), ("strict", True)):
        for reader in READERS:
            both, kept, right = agreement(by_id, labels, reader, strict)
            lines.append(f"| {name} | {reader} | {share(both, kept)} | {share(both, right)} |")
        kept = sum(isinstance(to_open_question(row, strict), dict) for row in rows)
        shares.append(f"| {name} | {share(kept, len(rows))} | {share(kept, asked)} |")
    shares.append(
        f"| Savage et al. 2025 | {PUBLISHED[0]} of {PUBLISHED[1]} ({PUBLISHED[0] / PUBLISHED[1]:.3f}) | not stated |"
    )
    same = sum(label["asks_1"] == label["asks_2"] for label in labels)
    relevant = sum(label["asks_1"] in TOPICS for label in labels)
    return "\n".join(
        [
            *lines,
            "",
            *shares,
            "",
            f"The readers agree on what is asked in {same} of {len(labels)} questions. By reader 1, {relevant} of "
            f"{len(labels)} questions of step 2 and 3 ask for a diagnosis or a treatment.",
        ]
    )


def main() -> None:
    """Write benchmarks/medqa_scope.md from a file of MedQA."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="a file of MedQA, JSON Lines")
    path = parser.parse_args().file
    head = (
        f"{datetime.date.today()}, `python -m benchmarks.medqa_scope {path.name}`: {len(read_jsonl(path))} of the "
        "1,273 rows of MedQA's test file (US, four options).\n\n"
        "Precision: of the questions that a rule keeps, the share that asks for a diagnosis or a treatment and reads "
        "well when open. Recall: of the questions that ask for a diagnosis or a treatment, the share that is kept and "
        "reads well. Intervals are Wilson's, 95%. Both readers are language models of one kind, not physicians. They "
        "read the questions without the rules' decisions. The rules were written with these rows in view, so new rows "
        "may give lower shares."
    )
    TABLE.write_text(f"# The two rules of reader medqa\n\n{head}\n\n{table(path)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
