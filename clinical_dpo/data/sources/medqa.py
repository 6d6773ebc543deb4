"""MedQA (Jin et al., 2021): turn multiple-choice board questions into open questions of diagnosis and treatment.

A row of the publisher has `question`, `answer`, `options` {letter: text}, `meta_info` (step1 or step2&3) and
`answer_idx`. A question of step 2 or 3 is used only if the last sentence of its stem passes two rules. First, the
sentence can be rewritten into a sentence that needs no options (`open_questions`). Second, the rewritten sentence asks
for a diagnosis or a treatment (`question_topics`). benchmarks/medqa_scope.md compares the rules with the judgement of
two language models.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from clinical_dpo.data.sources.open_questions import open_sentence
from clinical_dpo.data.sources.question_topics import TOPICS, topic
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row

FIELDS = ("question", "answer", "options", "meta_info", "answer_idx")

PUBLISHED = (5161, 12723)  # questions of Savage et al. 2025 (4,095 + 456 + 200 + 410), and rows of MedQA
_SENTENCE_BREAK = re.compile(r"(?<=[.?!])[\"”')\]]*\s+|\s*\n\s*")
_TITLED_BREAK = re.compile(
    rf"(?<!Mr\.)(?<!Mrs\.)(?<!Ms\.)(?<!Dr\.)(?:{_SENTENCE_BREAK.pattern})"
)  # a title such as Dr. ends no sentence
_OPTION_OF_OPTIONS = re.compile(
    r"\b(?:all|none|any|both|neither|either) (?:of )?(?:the )?(?:above|these|options)\b", re.I
)


def to_open_question(row: Mapping[str, Any], strict: bool = False) -> Row | str:
    """Return a record (`id`, `question`, `reference`, `options`, `topic`), or the reason why the question is dropped.

    `id` contains a digest of the publisher's question text. `question` is this text with a rewritten last sentence.
    `options` has the wrong answers in the publisher's order. `strict` selects the strict rules of `open_questions` and
    `question_topics`.

    Raises:
        UserError: a field of the publisher's format is missing, `options` is no object, or the answer is not one of the
            options.
    """
    for field in FIELDS:
        if field not in row:
            raise UserError(
                f"field '{field}' is missing. Reader medqa needs {', '.join(FIELDS)}. Fields here: {', '.join(row)}. "
                "Add the field, or choose another reader."
            )
    if row["meta_info"] != "step2&3":
        return "not of step 2 or 3"
    stem = _unquoted(row["question"])
    if not stem.endswith("?"):
        return "does not end in a question"
    breaks = list((_SENTENCE_BREAK if strict else _TITLED_BREAK).finditer(stem))
    start = breaks[-1].end() if breaks else 0
    sentence = open_sentence(stem[start:], strict)
    question_topic = topic(sentence, re.split(r", (?=wh)", stem[start:])[-1], strict)
    if sentence is None or question_topic not in TOPICS:
        return question_topic
    if not isinstance(row["options"], dict):
        raise UserError(
            f"field 'options' has the type {type(row['options']).__name__}, not an object of letters and texts. Use a "
            "JSON file, or choose another reader."
        )
    answers = {letter: _unquoted(text) for letter, text in row["options"].items() if text}
    if row["answer_idx"] not in answers:
        raise UserError(
            f"answer_idx '{row['answer_idx']}' is not one of the options {', '.join(answers)}. Correct answer_idx. "
            f"If option '{row['answer_idx']}' is there but its text is empty, fill in the text."
        )
    reference = answers.pop(row["answer_idx"])
    wrong = [text for text in answers.values() if text.casefold() != reference.casefold()]
    if _OPTION_OF_OPTIONS.search(reference) or len(wrong) < len(answers):
        return "answer refers to its options or equals two of them"
    return {
        "id": question_id(row),
        "question": stem[:start] + sentence,
        "reference": reference,
        "options": [text for text in wrong if not _OPTION_OF_OPTIONS.search(text)],
        "topic": question_topic,
    }


def question_id(row: Mapping[str, Any]) -> str:
    """Return the id of a question: `medqa-` and a digest of the publisher's question text."""
    return f"medqa-{hashlib.sha256(row['question'].encode()).hexdigest()[:12]}"


def _unquoted(text: str) -> str:
    """Return `text` without outer white space and without a final quotation mark that was never opened."""
    text = text.strip()
    if text.endswith('"') and text.count('"') % 2:
        text = text[:-1].rstrip()
    return text
