"""Generate messages of patients to a clinic. Each message has one of three ordered levels of urgency."""

from dataclasses import dataclass
from random import Random

from clinical_dpo.data.sources.synthetic import triage
from clinical_dpo.io import Row

LEVELS = ("urgent", "physician", "medical assistant")  # who answers: a physician at once, a physician, an assistant


@dataclass(frozen=True)
class LevelledCase:
    """A message and its level.

    If physicians may disagree about the level, `borderline` is the set {"level"}. Otherwise it is the empty set.
    """

    text: str
    level: str
    borderline: frozenset[str]


def draw(rng: Random) -> LevelledCase:
    """Draw a message by `triage.draw`, and give it one of LEVELS.

    About four in ten messages are `urgent`. About a quarter of all messages are not urgent but ask for a medical
    judgement: their level is `physician`. All other messages have the level `medical assistant`.
    """
    case = triage.draw(rng)
    level = LEVELS[0] if case.urgent else LEVELS[1] if case.medical else LEVELS[2]
    return LevelledCase(case.text, level, frozenset({"level"} if case.borderline else ()))


def record(case: LevelledCase, rng: Random) -> Row:
    """Return a record with the fields `message` and `level`."""
    return {"message": case.text, "level": case.level}
