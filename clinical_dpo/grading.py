"""Grades of answers: labels parsed, short answers matched, proxies named as such, and people who are still awaited."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.evasiveness import verdict
from clinical_dpo.parsing import answer_texts, exact_match, parse_label
from clinical_dpo.records import Row, read_csv
from clinical_dpo.rouge import rouge_l

COLUMNS = ("id", "grade", "grader", "label", "parsed", "valid", "status", "proxy")
AWAITED = ("physicians", "judge")  # graders that speak after the run
PROXIES = ("rouge_likert",)  # automatic stand-ins for a judge


def rouge_likert(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """A proxy for a judge's 1-5 grade: ROUGE-L F1 from 0 to 1 laid on the scale. Not a quality rating.

    Not rounded: whole grades would call every answer above .875 perfect.
    """
    return [1 + 4 * score for score in rouge_l(texts, references)]


def grade_answers(rows: Sequence[Row], answers: Sequence[Row], task: Mapping[str, Any], grader: str) -> list[Row]:
    """One row of COLUMNS per test item, in the order of `rows`.

    An answer that cannot be parsed is wrong and marked invalid, never dropped. Graders who have not spoken leave
    `status` pending and no grade.

    Args:
        rows: test rows with the reference in `completion`.
        answers: one answer per row.
        task: the task file's settings.
        grader: label, exact, evasiveness, rouge_l, rouge_likert, physicians or judge.

    Raises:
        UserError: answers of other items than `rows`.
    """
    texts = answer_texts(rows, answers)
    references = [row["completion"][0]["content"] for row in rows]
    blank: Row = dict.fromkeys(COLUMNS, "") | {
        "grader": grader,
        "valid": "true",
        "status": "complete",
        "proxy": "true" if grader in PROXIES else "false",
    }
    if grader in AWAITED:
        return [{**blank, "id": row["id"], "valid": "", "status": "pending"} for row in rows]
    if grader == "label":
        parsed = [parse_label(text, task["labels"], task.get("label_synonyms")) for text in texts]
        return [
            {**blank, "id": row["id"], "grade": int(found == label), "label": label}
            | ({"parsed": found} if found else {"valid": "false"})
            for row, label, found in zip(rows, references, parsed, strict=True)
        ]
    if grader == "exact":
        grades: Sequence[float] = [
            int(exact_match(text, [reference, *(row.get("accepted") or [])]))
            for row, text, reference in zip(rows, texts, references, strict=True)
        ]
    elif grader == "evasiveness":
        questions = [row.get("question") or row["prompt"][-1]["content"] for row in rows]
        verdicts = map(verdict, questions, texts)
        return [
            {**blank, "id": row["id"], "grade": int(not found.evasive), "valid": "true" if text else "false"}
            | ({"parsed": f"{found.reason}: {found.matched}"} if found.evasive else {})
            for row, text, found in zip(rows, texts, verdicts, strict=True)
        ]
    else:
        grades = {"rouge_l": rouge_l, "rouge_likert": rouge_likert}[grader](texts, references)
    return [
        {**blank, "id": row["id"], "grade": grade, "valid": "true" if text else "false"}
        for row, text, grade in zip(rows, texts, grades, strict=True)
    ]


def read_grades(paths: Iterable[str]) -> dict[tuple[str, str], list[dict[str, str]]]:
    """(model, variant) -> rows of grades, from files named {model}/grades/{variant}.csv."""
    return {(Path(path).parent.parent.name, Path(path).stem): read_csv(path) for path in paths}
