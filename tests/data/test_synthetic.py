"""Synthetic text: distinct, reproducible, and with labels that follow from the text by independent rules."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from clinical_dpo.data.sources.synthetic import generate as synthetic
from clinical_dpo.data.sources.synthetic.conditions import CONDITIONS, DIFFERENTIALS
from clinical_dpo.data.sources.synthetic.generate import GENERATORS, QUESTIONS, draw_cases, generate
from clinical_dpo.data.sources.synthetic.meqsum import COURTESIES, KINDS
from clinical_dpo.data.sources.synthetic.vocabulary import LONG_ILLNESSES, MEDICINES
from clinical_dpo.errors import UserError
from clinical_dpo.models.tiny import corpus

PUBLISHED = {
    **{"uti": 800, "triage": 1800, "reasoning": 5161, "summarization": 5250},
    **{"pubmedqa": 5700, "meqsum": 1000},
}
TEXT = {
    **{"uti": "note", "triage": "message", "reasoning": "question", "summarization": "note"},
    **{"pubmedqa": "context", "meqsum": "question"},
}
FIELDS = {
    "uti": {"id", "note", "label"},
    "triage": {"id", "message", "urgency", "personnel"},
    "reasoning": {"id", "question", "reference", "accepted", "options"},
    "summarization": {"id", "note", "reference", "rejected"},
    "pubmedqa": {"id", "context", "question", "reference", "final_decision"},
    "meqsum": {"id", "question", "reference"},
}


def key(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()


@pytest.mark.parametrize("generator", GENERATORS)
def test_records_of_the_published_sizes_are_distinct(generator: str) -> None:
    rows = generate(generator, PUBLISHED[generator], seed=1)
    assert len({key(row[TEXT[generator]]) for row in rows}) == PUBLISHED[generator]
    assert all(set(row) == FIELDS[generator] for row in rows)
    assert rows[17]["id"] == f"{generator}-00017"
    assert len({row["id"] for row in rows}) == len(rows)


def digest(rows: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_same_seed_gives_the_same_records_in_another_process(generator: str) -> None:
    code = (
        "import hashlib, json; from clinical_dpo.data.sources.synthetic.generate import generate;"
        f"print(hashlib.sha256(json.dumps(generate({generator!r}, 60, 5, 0.1)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for salt in ("1", "2")
    }
    assert digests == {digest(generate(generator, 60, 5, 0.1))}


@pytest.mark.parametrize("generator", GENERATORS)
def test_another_seed_gives_other_records(generator: str) -> None:
    first, second = ({row[TEXT[generator]] for row in generate(generator, 60, seed)} for seed in (5, 6))
    assert len(first & second) < 10


def test_pretraining_documents_contain_no_task_note(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []

    def recording(*arguments: Any) -> Iterator[Any]:
        for case in draw_cases(*arguments):
            texts.append(case.text)
            yield case

    monkeypatch.setattr(corpus, "draw_cases", lambda name, rng, for_tasks: recording(name, rng, for_tasks))
    documents = corpus.documents(5000, "any", 0.8, list(GENERATORS))
    assert all(document[0][0].startswith(text + " ") for document, text in zip(documents, texts, strict=True))
    notes = {key(text) for text in texts}
    for generator, column in TEXT.items():
        for row in generate(generator, PUBLISHED[generator], seed=3):
            note = row[column]
            assert key(note[: note.rindex(" What is the ")] if generator == "reasoning" else note) not in notes


def test_notes_of_tasks_and_of_pretraining_are_disjoint() -> None:
    tasks = {case.text for case, _ in zip(draw_cases("uti", Random("a"), True), range(3000), strict=False)}
    pretraining = {case.text for case, _ in zip(draw_cases("uti", Random("b"), False), range(3000), strict=False)}
    assert len(tasks) == len(pretraining) == 3000
    assert not tasks & pretraining


def test_uti_labels_follow_from_the_text() -> None:
    urinary = r"dysuria|burning with urination|urinary|frequent urination|urgent need|suprapubic|bladder pain"
    elsewhere = r"denies|There is no|last year|(?:sister|mother|partner) has|Urin\w+ (?:is|has|shows)"
    rows = generate("uti", 800, seed=2)
    for row in rows:
        sentences = re.split(r"(?<=\.) ", row["note"])
        now = any(re.search(urinary, s) for s in sentences if not re.search(elsewhere, s))
        count = re.search(r"has (\d+) white cells", row["note"])
        pyuria = int(count[1]) >= 10 if count else bool(re.search(r"shows pyuria|positive for pyuria", row["note"]))
        assert row["label"] == ("UTI" if now and pyuria else "No UTI"), row["note"]
    assert Counter(row["label"] for row in rows) == {"UTI": 400, "No UTI": 400}


def test_triage_labels_follow_from_the_text() -> None:
    flags = r"chest pressure|trouble breathing|drooping face|slurred speech|heavy bleeding|fainting spells"
    judgement = r"dose|What could this be|test result|antibiotics|new pill|best"
    for row in generate("triage", 1800, seed=2):
        message = row["message"].replace("Best wishes", "")
        sentences = re.split(r"(?<=[.?]) ", message)
        now = any(re.search(flags, s) for s in sentences if not re.search(r"I have no |My \w+ had|as a child", s))
        fever = re.search(r"a fever of (\d+)", message)
        urgent = now or bool(fever and int(fever[1]) >= 103)
        physician = urgent or bool(re.search(judgement, message))
        assert row["urgency"] == ("urgent" if urgent else "nonurgent"), message
        assert row["personnel"] == ("physician" if physician else "medical assistant"), message


def test_a_vignette_has_findings_of_one_condition_alone() -> None:
    for row in generate("reasoning", 1000, seed=2):
        present = re.sub(r"The team finds no [^.]*\.", "", row["question"])
        possible = [
            c for c in CONDITIONS if any(re.search(rf"\b{re.escape(f)}\b", present) for f in c.symptoms + c.signs)
        ]
        assert len(possible) == 1, row["question"]
        right = possible[0]
        treatment = row["question"].endswith("treatment?")
        assert row["reference"] == (right.treatment if treatment else right.name)
        assert row["accepted"] == list(right.treatment_synonyms if treatment else right.synonyms)
        group = next(d for d in DIFFERENTIALS if right in d.conditions)
        answers = {c.treatment if treatment else c.name for c in group.conditions}
        assert set(row["options"]) == answers - {row["reference"]}
        assert not {key(o) for o in row["options"]} & {key(a) for a in row["accepted"]}


def test_conditions_and_treatments_are_unambiguous() -> None:
    names = [name for c in CONDITIONS for name in (c.name, *c.synonyms)]
    treatments = [name for c in CONDITIONS for name in (c.treatment, *c.treatment_synonyms)]
    assert len({key(name) for name in names}) == len(names)
    assert len({key(name) for name in treatments}) == len(treatments)
    for group in DIFFERENTIALS:
        assert {group.mimic(c).name for c in group.conditions} == {c.name for c in group.conditions}
        assert all(group.mimic(c) != c for c in group.conditions)


def test_summaries_state_the_notes_facts_and_worse_ones_do_not() -> None:
    padded = 0
    for row in generate("summarization", 600, seed=2):
        facts = re.fullmatch(
            r"Admitted for (.+) and treated with (.+?)\.(?: No longer takes (\w+)\.)? "
            r"Discharged (.+) on (\w+) with follow up in (\w+ weeks)\.",
            row["reference"],
        )
        assert facts is not None
        assert all(fact in row["note"] for fact in facts.groups() if fact)
        assert (facts[3] is None) == ("no longer takes" not in row["note"])
        assert row["rejected"] != row["reference"]
        if row["rejected"].startswith(row["reference"]):
            padded += 1
            assert len(row["rejected"]) > len(row["reference"]) + 40
    assert 150 < padded < 250


RESULT = r"([A-Z][a-z ]+?) ({}) \((\d+)% against (\d+)%, P = (\.\d+)\)\."
VERBS = "fell slightly|fell|was lower|rose|was higher|did not differ|was similar"


def test_conclusions_follow_from_the_results_of_the_abstract() -> None:
    effects: Counter[str] = Counter()
    for row in generate("pubmedqa", 800, seed=2):
        reported = re.findall(RESULT.format(VERBS), row["context"])
        assert len(reported) == 2
        asked = [result for result in reported if re.search(rf"\b{result[0].lower()}\b", row["question"])]
        assert len(asked) == 1, row
        outcome, verb, treated, untreated, p_value = asked[0]
        significant = float(p_value) < 0.05
        effect = "does not change"
        if significant:
            effect = "reduces" if int(treated) < int(untreated) else "increases"
            assert verb in (("fell", "was lower") if effect == "reduces" else ("rose", "was higher"))
        else:
            assert abs(int(treated) - int(untreated)) <= 3
            assert verb in ("fell slightly", "did not differ", "was similar")
        effects[effect] += 1
        treatment, condition = re.search(r"effect of (.+?) on .+? in (.+?)\.", row["context"]).groups()
        expected = f"{treatment} {effect} {outcome} in adults with {condition}."
        assert row["reference"].lower() == expected.lower()
        assert row["final_decision"] == ("yes" if effect == "reduces" else "no")
        assert not any(sentence in row["reference"] for sentence in corpus.EVASIVE.values())
    assert min(effects.values()) > 80


def test_formal_questions_follow_from_the_question_of_the_message() -> None:
    kinds: Counter[str] = Counter()
    for row in generate("meqsum", 800, seed=2):
        sentences = re.split(r"(?<=[.?]) ", row["question"])
        questions = [s for s in sentences if s.endswith("?") and s not in COURTESIES]
        assert len(questions) == 1, row
        named = [name for name in (*LONG_ILLNESSES, *MEDICINES) if re.search(rf"\b{name}\b", questions[0])]
        assert len(named) == 1
        [kind] = [kind for kind in KINDS if kind.format(named[0]).lower() == row["reference"].lower()]
        kinds[kind] += 1
        context = " ".join(sentence for sentence in sentences if sentence != questions[0])
        assert not re.search(rf"\b{named[0]}\b", context)
        assert any(re.search(rf"\b{name}\b", context) for name in LONG_ILLNESSES)
        assert row["reference"][0].isupper() and row["reference"].endswith("?")
    assert set(kinds) == set(KINDS)


def test_label_noise_flips_borderline_records_of_both_labels() -> None:
    clean, noisy = generate("uti", 400, 4), generate("uti", 400, 4, label_noise=0.05)
    assert [row["note"] for row in clean] == [row["note"] for row in noisy]
    flipped = [row for row, noisy_row in zip(clean, noisy, strict=True) if row["label"] != noisy_row["label"]]
    assert Counter(row["label"] for row in flipped) == {"UTI": 10, "No UTI": 10}
    assert all(re.search(r"has (7|8|9|10|11|12) white", row["note"]) for row in flipped)


@dataclass(frozen=True)
class SingleCase:
    text: str = "The only note."
    borderline: frozenset[str] = frozenset()


def test_more_records_than_notes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "is_task_note", lambda text: True)
    monkeypatch.setitem(
        GENERATORS, "uti", synthetic.Generator(lambda rng: SingleCase(), lambda case, rng: {"note": case.text})
    )
    assert len(generate("uti", 1, 1)) == 1
    with pytest.raises(UserError, match=r"only 1 distinct records exist, not 2\. Lower"):
        generate("uti", 2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("utis", 5, 1), "'utis' is not known. Choose one of uti, triage"),
        (("uti", 5, 1, 0.7), "label_noise is 0.7. Set a share from 0 to 0.5"),
        (("uti", -1, 1), "number of records is -1"),
    ],
)
def test_wrong_arguments_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(UserError, match=message):
        generate(*arguments)


def test_questions_name_the_labels() -> None:
    heads = {"uti", "triage_urgency", "triage_personnel", "reasoning", "summarization", "pubmedqa", "meqsum"}
    assert set(QUESTIONS) == heads
    assert "UTI or No UTI" in QUESTIONS["uti"]
    assert "physician or medical assistant" in QUESTIONS["triage_personnel"]
