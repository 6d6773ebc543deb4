"""Generate messages of patients to a clinic, with their urgency and the personnel who should answer."""

from dataclasses import dataclass
from random import Random

from clinical_dpo.data.sources.synthetic.vocabulary import sentence_case
from clinical_dpo.io import Row

URGENCY_QUESTION = "Is this message urgent? Answer urgent or nonurgent."
PERSONNEL_QUESTION = "Who should answer this message? Answer physician or medical assistant."
URGENCY = ("urgent", "nonurgent")
PERSONNEL = ("physician", "medical assistant")
URGENT_FEVER = 103  # degrees Fahrenheit; a fever of at least this is urgent
RED_FLAGS = (
    *("chest pressure", "trouble breathing", "a drooping face"),
    *("slurred speech", "heavy bleeding", "fainting spells"),
)
MILD = ("a mild cough", "dry skin", "a runny nose", "an itchy toe", "a sore knee", "stuffy ears")
RECENT = ("since this morning", "since last night", "for two hours")
LASTING = ("for two weeks", "for a month", "since last year")
MEDICAL_REQUESTS = (
    *("Should I change my dose?", "What could this be?", "Is my blood test result bad?", "Do I need antibiotics?"),
    *("I wonder if my new pill causes this.", "Please tell me which treatment is best."),
)
OFFICE_REQUESTS = (
    *("Please refill my inhaler.", "Can you fill out my work form?", "I want to book a visit."),
    *("Please mail my records.", "When does the clinic open?", "Can you fax my insurance card?"),
)
_GREETINGS = ("Hello doctor.", "Good morning.", "Hi.")
_CLOSINGS = ("Thank you.", "Best wishes.")
_RELATIVES = ("father", "sister", "neighbor")


@dataclass(frozen=True)
class TriageCase:
    """A generated message of a patient to a clinic, and the facts from which the message was made."""

    text: str
    main: str  # the writer's chief symptom
    red_flag: str | None  # role of the red flag in the message: present, denied, relative or past
    recent: bool
    urgent: bool
    medical: bool  # the request needs a medical judgement
    borderline: frozenset[str]  # label fields on which physicians may disagree

    @property
    def physician(self) -> bool:
        """Whether a physician should answer: the message is urgent, or the request needs a medical judgement."""
        return self.urgent or self.medical


def draw(rng: Random) -> TriageCase:
    """Draw a message. About four in ten messages are urgent."""
    red, mild, second_symptom = rng.choice(RED_FLAGS), *rng.sample(MILD, 2)
    kind = rng.choices(("red", "fever", "mild"), (32, 22, 46))[0]
    degrees = rng.randint(100, 105)
    main = {"red": red, "fever": f"a fever of {degrees}", "mild": mild}[kind]
    urgent = kind == "red" or (kind == "fever" and degrees >= URGENT_FEVER)
    recent = rng.random() < 0.5
    medical = rng.random() < 0.4
    since = rng.choice(RECENT if recent else LASTING)
    sentences = [
        rng.choice(
            (
                f"I have had {main} {since}.",
                f"{sentence_case(since)} I have had {main}.",
                f"My problem is {main} {since}.",
            )
        )
    ]
    asides = {
        "denied": f"I have no {red.removeprefix('a ')}.",
        "relative": f"My {rng.choice(_RELATIVES)} had {red} years ago.",
        "past": f"I had {red} as a child.",
    }
    role = "present" if kind == "red" else rng.choice(list(asides)) if rng.random() < 0.6 else None
    if role in asides:
        sentences.append(asides[role])
    second = rng.random() < 0.3
    if second:
        sentences.append(f"I also have {second_symptom}.")
    request = rng.choice(MEDICAL_REQUESTS if medical else OFFICE_REQUESTS)
    sentences.insert(rng.choice((0, len(sentences), len(sentences))), request)
    if rng.random() < 0.5:
        sentences.insert(0, rng.choice(_GREETINGS))
    if rng.random() < 0.3:
        sentences.append(rng.choice(_CLOSINGS))
    doubts = {
        "urgency": kind == "fever" and degrees in (URGENT_FEVER - 1, URGENT_FEVER),
        "personnel": not medical and second,
    }
    borderline = frozenset(field for field, doubtful in doubts.items() if doubtful)
    return TriageCase(" ".join(sentences), main, role, recent, urgent, medical, borderline)


def record(case: TriageCase, rng: Random) -> Row:
    """Return a record with the fields `message`, `urgency` and `personnel`."""
    return {
        "message": case.text,
        "urgency": URGENCY[0] if case.urgent else URGENCY[1],
        "personnel": PERSONNEL[0] if case.physician else PERSONNEL[1],
    }
