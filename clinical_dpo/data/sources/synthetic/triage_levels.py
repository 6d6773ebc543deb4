"""Messages of patients to a clinic, sorted into three ordered levels of urgency."""

from dataclasses import dataclass
from random import Random

from clinical_dpo.data.sources.synthetic import triage
from clinical_dpo.io import Row

LEVELS = ("urgent", "physician", "medical assistant")  # who answers: a physician at once, a physician, an assistant


@dataclass(frozen=True)
class LevelledCase:
    """A message, its level, and whether physicians may disagree about it."""

    text: str
    level: str
    borderline: frozenset[str]


def draw(rng: Random) -> LevelledCase:
    """A message of `triage.draw`; about four in ten are urgent, a quarter are for a physician.

    Of the messages that are not urgent, a physician answers those that ask for a medical judgement.
    """
    case = triage.draw(rng)
    level = LEVELS[0] if case.urgent else LEVELS[1] if case.medical else LEVELS[2]
    return LevelledCase(case.text, level, frozenset({"level"} if case.borderline else ()))


def record(case: LevelledCase, rng: Random) -> Row:
    """Fields `message` and `level`."""
    return {"message": case.text, "level": case.level}
