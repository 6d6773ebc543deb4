"""MedQA questions: opened, dropped with a reason, or refused."""

import hashlib
import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.medqa_scope import LABELS, READERS, agreement
from clinical_dpo.data.sources.medqa import question_id, to_open_question
from clinical_dpo.data.sources.open_questions import open_sentence
from clinical_dpo.data.sources.question_topics import topic
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, read_jsonl
from tests.conftest import ROOT

DATA = Path(os.environ.get("CLINICAL_DPO_DATA", ROOT.parent / "shared" / "data"))
MEDQA = DATA / "medqa" / "phrases_no_exclude_test.jsonl"


def medqa(question: str, **fields: object) -> dict[str, object]:
    options = {"A": "Gout", "B": "Scurvy", "C": "Rickets", "D": "Pellagra"}
    row = {"question": question, "answer": "Scurvy", "options": options, "meta_info": "step2&3", "answer_idx": "B"}
    return row | {"metamap_phrases": []} | fields


KEPT = {
    "Which of the following is the most likely diagnosis?": ("What is the most likely diagnosis?", "diagnosis"),
    'Which of the following is the most likely diagnosis?"': ("What is the most likely diagnosis?", "diagnosis"),
    "Which one of the following is the likely cause of her fever?": (
        "What is the likely cause of her fever?",
        "diagnosis",
    ),
    "What is the most likely diagnosis?": ("What is the most likely diagnosis?", "diagnosis"),
    "With this rash, which is the most likely diagnosis?": (
        "With this rash, what is the most likely diagnosis?",
        "diagnosis",
    ),
    "Which of the following best explains these findings?": ("What best explains these findings?", "diagnosis"),
    "Which of the following conditions is the most likely diagnosis?": (
        "Which condition is the most likely diagnosis?",
        "diagnosis",
    ),
    "The patient's condition is most likely due to which of the following?": (
        "What is the patient's condition most likely due to?",
        "diagnosis",
    ),
    "Her symptoms are most consistent with which of the following diagnoses?": (
        "Which diagnosis are her symptoms most consistent with?",
        "diagnosis",
    ),
    "Which of the following is the most appropriate next step in management?": (
        "What is the most appropriate next step in management?",
        "treatment",
    ),
    "In addition to rest, which of the following is the best initial therapy?": (
        "In addition to rest, what is the best initial therapy?",
        "treatment",
    ),
    "Which of the following is  the best treatment option for this boy?": (
        "What is the best treatment for this boy?",
        "treatment",
    ),
    "Of the following options, which is the best pharmacotherapy?": ("What is the best pharmacotherapy?", "treatment"),
    "Which of the following choices is the proper management?": ("What is the proper management?", "treatment"),
    "Which of the following drugs should be given first?": ("Which drug should be given first?", "treatment"),
    "Which of the following pharmacologic agents is indicated?": (
        "Which pharmacologic agent is indicated?",
        "treatment",
    ),
    "Treatment with which of the following drugs is most appropriate?": (
        "Treatment with which drug is most appropriate?",
        "treatment",
    ),
    "The patient would most likely benefit from treatment with which of the following?": (
        "What would the patient most likely benefit from treatment with?",
        "treatment",
    ),
    "While you await further tests, which of the following should be administered?": (
        "While you await further tests, what should be administered?",
        "treatment",
    ),
    "How should this patient be managed?": ("How should this patient be managed?", "treatment"),
}


# Questions that the wide rule alone keeps.
KEPT_IF_WIDE = {
    "Which of the following is the best next step to confirm the diagnosis?": (
        "What is the best next step to confirm the diagnosis?",
        "treatment",
    ),
    "Which of the following laboratory studies should be obtained first?": (
        "Which laboratory study should be obtained first?",
        "treatment",
    ),
    "Which of the following would most likely relieve his pain?": (
        "What would most likely relieve his pain?",
        "treatment",
    ),
    "Which of the following vaccines is most appropriate to prevent this?": (
        "Which vaccine is most appropriate to prevent this?",
        "treatment",
    ),
    "Which of the following vitamins is the best treatment?": ("Which vitamin is the best treatment?", "treatment"),
    "Which of the following is the best choice of treatment?": ("What is the best treatment?", "treatment"),
    "What is best antibiotic choice?": ("What is the best antibiotic?", "treatment"),
    "What should the nurse do next?": ("What should the nurse do next?", "treatment"),
    "Mr. Hook's condition is most likely due to which of the following?": (
        "What is Mr. Hook's condition most likely due to?",
        "diagnosis",
    ),
    "Which of the following is the best next step in the care of Ms. Smith?": (
        "What is the best next step in the care of Ms. Smith?",
        "treatment",
    ),
    "Which of the following organisms is the most likely cause?": (
        "Which organism is the most likely cause?",
        "diagnosis",
    ),
    "Which of the following syndromes is most likely responsible for the rash?": (
        "Which syndrome is most likely responsible for the rash?",
        "diagnosis",
    ),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("last", KEPT | KEPT_IF_WIDE)
def test_the_last_sentence_is_opened(last, strict):
    if strict and last in KEPT_IF_WIDE:
        assert isinstance(to_open_question(medqa(f"He is ill. {last}"), strict), str)
        return
    stem = 'He says "it hurts"; T 38.5°C (101.3°F).\nNa⁺ 135 mEq/L\nK⁺  3.5 mEq/L\n'
    record = to_open_question(medqa(stem + last), strict)
    sentence, expected_topic = (KEPT | KEPT_IF_WIDE)[last]
    assert record["question"] == stem + sentence
    assert record["topic"] == expected_topic


DROPPED = {
    "Which of the following is the mechanism of action of the best treatment?": "mechanism",
    "Which of the following is the greatest risk factor for the condition?": "risk",
    "Which of the following is a complication of this treatment?": "outcome",
    "Further evaluation of the boy is most likely to show which of the following findings?": "test",
    "A smear would show which of the following?": "finding",
    "Which of the following is most likely to be seen on biopsy?": "finding",
    "Which of the following drugs should be avoided?": "what not to do",
    "Which of the following is the most appropriate response by the physician?": "conduct",
    "Which of the following is the null hypothesis of this study?": "statistics",
    "Which of the following is associated with the most likely diagnosis?": "neither a diagnosis nor a treatment",
    "Which of the following is the most likely age of the boy?": "neither a diagnosis nor a treatment",
    "Infusion of which of the following is the best treatment?": "without its options",
    "The rash that is seen here is most likely due to which of the following?": "finding",
    "The rash that was noted is most likely due to which of the following?": "without its options",
    "Which of the options below is the best treatment?": "without its options",
    "Which of the following medications is most likely responsible for the rash?": "neither a diagnosis",
    "Which of the following medications did the boy most likely take?": "neither a diagnosis",
    "What is the dose? (Round to the nearest whole number.)": "does not end in a question",
    "What is the most likely diagnosis?\nHemoglobin 12.9 g/dL": "does not end in a question",
}


@pytest.mark.parametrize("last", DROPPED)
def test_other_questions_are_dropped_with_a_reason(last):
    reason = to_open_question(medqa(f"A boy has gums that bleed. {last}"))
    assert isinstance(reason, str)
    assert DROPPED[last] in reason


def test_a_record_holds_the_answer_and_the_wrong_ones():
    stem = "A sailor's gums bleed. Which of the following is the most likely diagnosis?"
    options = {"A": 'Gout\n"', "B": "Scurvy ", "C": "None of the above", "D": "Rickets", "E": None}
    record = to_open_question(medqa(stem, options=options))
    assert record == {
        "id": "medqa-" + hashlib.sha256(stem.encode()).hexdigest()[:12],
        "question": "A sailor's gums bleed. What is the most likely diagnosis?",
        "reference": "Scurvy",
        "options": ["Gout", "Rickets"],
        "topic": "diagnosis",
    }
    assert to_open_question(medqa(stem, meta_info="step1")) == "not of step 2 or 3"
    for twice in ({"A": "All of the above", "B": "x"}, {"A": "scurvy", "B": "Scurvy"}):
        letter = "A" if "All of the above" in twice.values() else "B"
        assert to_open_question(medqa(stem, options=twice, answer_idx=letter)).startswith(
            "answer refers to its options"
        )


def test_a_row_of_another_format_is_named():
    row = medqa("What is the diagnosis?")
    del row["meta_info"]
    with pytest.raises(UserError, match=r"field 'meta_info' is missing. Reader medqa needs question, answer"):
        to_open_question(row)
    with pytest.raises(UserError, match=r"answer_idx 'Z' is not one of the options A, B, C, D. Correct answer_idx"):
        to_open_question(medqa("What is the most likely diagnosis?", answer_idx="Z"))
    listed = medqa("What is the most likely diagnosis?") | {"options": [{"key": "A", "value": "Gout"}]}
    with pytest.raises(UserError, match=r"field 'options' has the type list, not an object"):
        to_open_question(listed)


def test_a_sentence_is_opened_once():
    for sentence, expected_topic in KEPT.values():
        for strict in (False, True):
            assert open_sentence(sentence, strict) == sentence
            assert topic(sentence, sentence.split(", ")[-1], strict) == expected_topic


@pytest.mark.skipif(not MEDQA.exists(), reason="MedQA is not there; set CLINICAL_DPO_DATA")
@pytest.mark.parametrize(("strict", "least", "most"), [(True, 0.6, 0.75), (False, 0.7, 0.85)])
def test_every_kept_question_of_the_publisher_needs_no_options(strict, least, most):
    rows = read_jsonl(MEDQA)
    opened = [(row, to_open_question(row, strict)) for row in rows]
    kept = [(row, record) for row, record in opened if isinstance(record, dict)]
    topics = Counter(record["topic"] for _, record in kept)
    asked = [row for row in rows if row["meta_info"] == "step2&3"]
    assert least * len(asked) < len(kept) < most * len(asked)
    assert min(topics.values()) > 0.3 * len(kept)
    assert len({record["id"] for _, record in kept}) == len(kept)
    for row, record in kept:
        stem, last = row["question"].strip(), re.split(r"(?<=[.?!]) |\n", record["question"])[-1].lstrip()
        assert record["question"].startswith(stem[: len(record["question"]) - len(last)])
        assert re.match(r"(?:[A-Z][^?]*[ ,] ?)?(?:what|which|how) [^?]+\?$", last, re.I), last
        assert not re.search(r"following|which one|\boptions?\b|\bchoices?\b|  ", last), last
        assert record["reference"] and len(record["options"]) == 3 and record["reference"] not in record["options"]
        assert not any(text.endswith(("\n", " ")) for text in [record["reference"], *record["options"]])
    plain = sum("Which of the following is the most likely diagnosis?" in row["question"] for row in asked)
    opened_plain = sum("What is the most likely diagnosis?" in record["question"] for _, record in kept)
    assert opened_plain >= plain > 0
    assert json.loads(json.dumps([record for _, record in kept])) == [record for _, record in kept]


@pytest.mark.skipif(not MEDQA.exists(), reason="MedQA is not there; set CLINICAL_DPO_DATA")
def test_the_wide_rule_agrees_with_two_readers_and_keeps_all_that_the_strict_rule_keeps():
    rows = {question_id(row): row for row in read_jsonl(MEDQA)}
    for reader in READERS:
        right_kept, kept, right = agreement(rows, read_csv(LABELS), reader, strict=False)
        assert right_kept / kept >= 0.9
        assert right_kept / right >= 0.9
    for row in rows.values():
        record = to_open_question(row, strict=True)
        assert isinstance(record, str) or to_open_question(row) == record
