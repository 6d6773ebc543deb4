"""Generate notes with and without a urinary tract infection (UTI).

A note describes a UTI if the patient has pyuria and, at present, a symptom of the lower urinary tract.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from clinical_dpo.data.sources.synthetic.vocabulary import draw_patient, introduce, listed
from clinical_dpo.io import Row

QUESTION = "Does this patient have a urinary tract infection? Answer UTI or No UTI."
LABELS = ("UTI", "No UTI")
PYURIA_CELLS = 10  # white cells per high-power field; urine with at least this many is pyuria
_URINARY_WORDINGS = (
    ("dysuria", "burning with urination"),
    ("urinary frequency", "frequent urination"),
    ("urinary urgency", "an urgent need to void"),
    ("suprapubic pain", "bladder pain"),
)
URINARY = tuple(wording for wordings in _URINARY_WORDINGS for wording in wordings)
OTHER = ("cough", "headache", "knee pain", "a rash", "fatigue", "a sore throat", "nausea", "poor sleep")
_DURATIONS = ("for two days", "for three days", "for a week")
_RELATIVES = ("sister", "mother", "partner")
_CLEAR_COUNTS: tuple[Sequence[int], ...] = ((0, 1, 2, 3, 4), (20, 30, 40, 60, 80))
_CLOSE_COUNTS: tuple[Sequence[int], ...] = (
    range(PYURIA_CELLS - 3, PYURIA_CELLS),
    range(PYURIA_CELLS, PYURIA_CELLS + 3),
)


@dataclass(frozen=True)
class UtiCase:
    """A generated note on a patient, and the facts from which the note was made."""

    text: str
    pyuria: bool
    present: tuple[str, ...]  # symptoms the patient has now
    denied: tuple[str, ...]
    borderline: frozenset[str]  # label fields on which physicians may disagree

    @property
    def urinary(self) -> bool:
        """Whether the patient has a lower urinary tract symptom now."""
        return any(symptom in URINARY for symptom in self.present)

    @property
    def infected(self) -> bool:
        """Whether the label is UTI: the patient has pyuria and a lower urinary tract symptom."""
        return self.pyuria and self.urinary


def draw(rng: Random) -> UtiCase:
    """Draw a note. Half of the notes describe a UTI, and most other notes describe pyuria without urinary symptoms."""
    positive = rng.random() < 0.5
    pyuria, urinary = (
        (True, True) if positive else rng.choices(((True, False), (False, True), (False, False)), (60, 25, 15))[0]
    )
    symptoms = [rng.choice(wordings) for wordings in rng.sample(_URINARY_WORDINGS, 4)]
    others = rng.sample(OTHER, 3)
    present = (symptoms[: rng.randint(1, 2)] if urinary else []) + others[: rng.randint(not urinary, 1)]
    denied = ([symptoms[2]] if rng.random() < (0.35 if urinary else 0.6) else []) + others[1 : 1 + rng.randint(0, 1)]
    rng.shuffle(present)
    rng.shuffle(denied)
    close_count = rng.random() < 0.15
    urine = _urine(pyuria, close_count, rng)
    patient = draw_patient(rng)
    reports = rng.choice(("presents with", "reports", "is seen for"))
    sentences = [f"{introduce(patient, rng)} {reports} {listed(present)} {rng.choice(_DURATIONS)}."]
    if denied:
        sentences.append(rng.choice((f"{patient.pronoun} denies", "There is no")) + f" {' or '.join(denied)}.")
    if rng.random() < (0.15 if urinary else 0.45):
        sentences.append(
            rng.choice(
                (
                    f"{patient.pronoun} had {symptoms[3]} last year.",
                    f"{patient.possessive} {rng.choice(_RELATIVES)} has {symptoms[3]}.",
                )
            )
        )
    sentences.insert(rng.choice((0, len(sentences))), urine)
    return UtiCase(
        " ".join(sentences), pyuria, tuple(present), tuple(denied), frozenset(("label",) if close_count else ())
    )


def _urine(pyuria: bool, close_count: bool, rng: Random) -> str:
    count = rng.choice((_CLOSE_COUNTS if close_count else _CLEAR_COUNTS)[pyuria])
    counted = f"Urine has {count} white cells per field."
    if close_count:
        return counted
    if pyuria:
        return rng.choice((counted, "Urinalysis shows pyuria.", "Urine is positive for pyuria."))
    return rng.choice((counted, "Urinalysis shows no pyuria.", "Urine is negative for pyuria."))


def record(case: UtiCase, rng: Random) -> Row:
    """Return a record with the fields `note` and `label`."""
    return {"note": case.text, "label": LABELS[0] if case.infected else LABELS[1]}
