"""Draw patients and form sentences for all synthetic notes, and divide the notes between tasks and pre-training."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from clinical_dpo.comparable import comparable

PAST_ILLNESSES = ("hypertension", "type 2 diabetes", "atrial fibrillation", "eczema", "glaucoma", "psoriasis")
LONG_ILLNESSES = (
    *("asthma", "gout", "psoriasis", "epilepsy", "migraine", "lupus", "emphysema", "osteoporosis", "sarcoidosis"),
    *("heart failure", "kidney disease", "multiple sclerosis", "sickle cell disease", "cystic fibrosis", "rosacea"),
)
MEDICINES = (
    *("metformin", "warfarin", "prednisone", "methotrexate", "amlodipine", "gabapentin", "lithium", "ibuprofen"),
    *("sertraline", "levothyroxine", "colchicine", "digoxin"),
)


@dataclass(frozen=True)
class Patient:
    """The patient of a note, with the words that sentences about the patient need."""

    age: int  # years
    noun: str
    pronoun: str  # as the first word of a sentence
    possessive: str


def draw_patient(rng: Random) -> Patient:
    """Draw a patient: a woman or a man, 20 to 89 years old."""
    noun, pronoun, possessive = rng.choice((("woman", "She", "Her"), ("man", "He", "His")))
    return Patient(rng.randint(20, 89), noun, pronoun, possessive)


def introduce(patient: Patient, rng: Random) -> str:
    """Return words that introduce a patient in a note, such as `A 54-year-old woman`."""
    article = "An" if 80 <= patient.age < 90 else "A"
    return rng.choice((f"{article} {patient.age}-year-old {patient.noun}", f"A {patient.noun} aged {patient.age}"))


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence: `a`, `a and b`, or `a, b and c`."""
    return " and ".join((", ".join(words[:-1]), words[-1]) if len(words) > 1 else words)


def sentence_case(text: str) -> str:
    """Return the text with its first letter in upper case. The other letters keep their case, as in TSH."""
    return text[:1].upper() + text[1:]


def is_task_note(text: str) -> bool:
    """Whether a note is for tasks. All other notes are for pre-training, so tasks and pre-training share no note."""
    return hashlib.sha256(comparable(text).encode()).digest()[0] % 2 == 0
