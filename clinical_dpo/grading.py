"""Grades of answers: labels parsed, short answers matched, proxies named as such, and people who are still awaited."""

import re
import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.records import Row, read_csv

COLUMNS = ("id", "grade", "grader", "label", "parsed", "valid", "status", "proxy")
AWAITED = ("physicians", "judge")  # graders that speak after the run
PROXIES = ("rouge_likert",)  # automatic stand-ins for a judge
_NEGATION = r"(?:no|non|not|never|without|cannot|\w+n t)"  # as _words writes them


def parse_label(text: str, labels: Sequence[str], synonyms: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """The label an answer gives, or None where it gives none or more than one.

    An answer that begins with a label gives that label, unless it goes on "or" with another one; any other answer must
    name exactly one. Case, punctuation and white space do not matter; where one spelling contains another ("No UTI",
    "UTI") the longer one counts. A spelling up to four words behind a negation that is no part of it ("does not have
    a UTI") names nothing.

    Args:
        text: the model's answer.
        labels: the task's labels.
        synonyms: label -> further spellings.

    Raises:
        UserError: labels that cannot be told apart.
    """
    spellings = {_words(label): label for label in labels}
    for label, others in (synonyms or {}).items():
        spellings |= {_words(other): label for other in others}
    if len({_words(label) for label in labels} - {""}) < len(labels):
        raise UserError(f"labels {', '.join(labels)} differ in punctuation alone. Give each its own words.")
    spelling = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
    words = _words(text)
    found = re.findall(rf"(?<!\w)(?:({spelling})|{_NEGATION} (?:\S+ ){{0,4}}?(?:{spelling}))(?!\w)", words)
    named = [spellings[match] for match in found if match]
    hedge = re.match(rf"({spelling}) or ({spelling})(?!\w)", words)
    if re.match(rf"(?:{spelling})(?!\w)", words) and not (hedge and spellings[hedge[1]] != spellings[hedge[2]]):
        return named[0]
    return named[0] if len(set(named)) == 1 else None


def normalize_answer(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (as in SQuAD's evaluation, Rajpurkar et al. 2016).

    An answer of articles alone keeps them: "A" may be a letter of a multiple-choice question.
    """
    words = _words(text)
    return " ".join(word for word in words.split() if word not in ("a", "an", "the")) or words


def _words(text: str) -> str:
    """Lower case, single spaces, no punctuation: that of ASCII and that of Unicode (a non-breaking hyphen)."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = (" " if sign in string.punctuation or unicodedata.category(sign)[0] == "P" else sign for sign in plain)
    return " ".join("".join(kept).split())


def exact_match(text: str, accepted: Iterable[str]) -> bool:
    """Whether a normalised answer equals one of the accepted ones; an answer without a word equals none."""
    given = normalize_answer(text)
    return given != "" and given in {normalize_answer(answer) for answer in accepted}


def rouge_l(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """ROUGE-L F1 of each text against its reference (Lin 2004), stemmed, by the rouge-score package."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return [scorer.score(reference, text)["rougeL"].fmeasure for text, reference in zip(texts, references, strict=True)]


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
        grades: Sequence[float] = [
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
