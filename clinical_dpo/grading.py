"""Grades of answers: labels parsed, short answers matched, proxies named as such, and people who are still awaited."""

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.records import Row, read_csv

COLUMNS = ("id", "grade", "grader", "label", "parsed", "valid", "status", "proxy")
AWAITED = ("physicians", "judge")  # graders that speak after the run
PROXIES = ("rouge_likert",)  # automatic stand-ins for a judge


def parse_label(text: str, labels: Sequence[str], synonyms: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """The label an answer gives, or None where it gives none or more than one.

    An answer that begins with a label gives that label; otherwise it must name exactly one. Case, punctuation and
    white space do not matter; where one spelling contains another ("No UTI", "UTI") the longer one counts.

    Args:
        text: the model's answer.
        labels: the task's labels.
        synonyms: label -> further spellings.
    """
    spellings = {_words(label): label for label in labels}
    for label, others in (synonyms or {}).items():
        spellings |= {_words(other): label for other in others}
    longest_first = sorted(spellings, key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")
    words = _words(text)
    named = [spellings[match] for match in pattern.findall(words)]
    start = pattern.match(words)
    if start:
        return spellings[start.group()]
    return named[0] if len(set(named)) == 1 else None


def normalize_answer(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (as in SQuAD's evaluation, Rajpurkar et al. 2016)."""
    return " ".join(word for word in _words(text).split() if word not in ("a", "an", "the"))


def _words(text: str) -> str:
    kept = "".join(" " if character in string.punctuation else character for character in text.casefold())
    return " ".join(kept.split())


def exact_match(text: str, accepted: Iterable[str]) -> bool:
    """Whether a normalised answer equals one of the accepted ones."""
    return normalize_answer(text) in {normalize_answer(answer) for answer in accepted}


def rouge_l(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """ROUGE-L F1 of each text against its reference (Lin 2004), stemmed, by the rouge-score package."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return [scorer.score(reference, text)["rougeL"].fmeasure for text, reference in zip(texts, references, strict=True)]


def rouge_likert(texts: Sequence[str], references: Sequence[str]) -> list[int]:
    """A proxy for a judge's 1-5 grade: ROUGE-L F1 from 0 to 1 laid on the scale and rounded. Not a quality rating."""
    return [1 + round(4 * score) for score in rouge_l(texts, references)]


def grade_answers(rows: Sequence[Row], answers: Sequence[Row], task: Mapping[str, Any], grader: str) -> list[Row]:
    """One row of COLUMNS per test item, in the order of `rows`.

    An answer that cannot be parsed is wrong and marked invalid, never dropped. Graders who have not spoken leave
    `status` pending and no grade.

    Args:
        rows: test rows with the reference in `completion`.
        answers: one answer per row.
        task: the task file's settings.
        grader: label, exact, physicians, judge or rouge_likert.

    Raises:
        UserError: answers of other items than `rows`.
    """
    by_id = {answer["id"]: answer["text"] for answer in answers}
    if len(by_id) != len(rows) or any(row["id"] not in by_id for row in rows):
        strange = sorted({row["id"] for row in rows} ^ set(by_id))
        raise UserError(f"answers and test items differ, for example {strange[:3]}. Delete the answers and run again.")
    texts = [by_id[row["id"]] for row in rows]
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
        grades: Sequence[int] = [
            int(exact_match(text, [reference, *(row.get("accepted") or [])]))
            for row, text, reference in zip(rows, texts, references, strict=True)
        ]
    else:
        grades = rouge_likert(texts, references)
    return [
        {**blank, "id": row["id"], "grade": grade, "valid": "true" if text else "false"}
        for row, text, grade in zip(rows, texts, grades, strict=True)
    ]


def read_grades(paths: Iterable[str]) -> dict[tuple[str, str], list[dict[str, str]]]:
    """(model, variant) -> rows of grades, from files named {model}/grades/{variant}.csv."""
    return {(Path(path).parent.parent.name, Path(path).stem): read_csv(path) for path in paths}
