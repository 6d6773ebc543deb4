"""What all synthetic notes share: people, the shape of sentences, and which notes are for tasks."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

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
    """Who a note is about, in the words a sentence needs."""

    age: int  # years
    noun: str
    pronoun: str  # as it opens a sentence
    possessive: str


def draw_patient(rng: Random) -> Patient:
    """An adult, woman or man."""
    noun, pronoun, possessive = rng.choice((("woman", "She", "Her"), ("man", "He", "His")))
    return Patient(rng.randint(20, 89), noun, pronoun, possessive)


def introduce(patient: Patient, rng: Random) -> str:
    """How a note names its patient the first time."""
    article = "An" if 80 <= patient.age < 90 else "A"
    return rng.choice((f"{article} {patient.age}-year-old {patient.noun}", f"A {patient.noun} aged {patient.age}"))


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return " and ".join((", ".join(words[:-1]), words[-1]) if len(words) > 1 else words)


def sentence_case(text: str) -> str:
    """The text with its first letter raised; the rest keeps its case (D-dimer, TSH)."""
    return text[:1].upper() + text[1:]


def normalised(text: str) -> str:
    """The text without regard to case and spacing: two notes that agree in it are the same note."""
    return " ".join(text.casefold().split())


def is_task_note(text: str) -> bool:
    """Whether a note may stand in a task; all others are for pre-training, so the two can never share one."""
    return hashlib.sha256(normalised(text).encode()).digest()[0] % 2 == 0
