"""Generate discharge notes, each with a good summary and a worse summary."""

from dataclasses import dataclass, replace
from random import Random

from clinical_dpo.data.sources.synthetic.conditions import ACUTE
from clinical_dpo.data.sources.synthetic.vocabulary import PAST_ILLNESSES, draw_patient, introduce
from clinical_dpo.io import Row

QUESTION = "Summarize this discharge note in two or three sentences."
DESTINATIONS = ("home", "to rehab", "to hospice", "to a nursing home")
WEEKS = ("two", "three", "four", "six", "eight")
DRUGS = (
    *("lisinopril", "metformin", "apixaban", "metoprolol"),
    *("atorvastatin", "gabapentin", "warfarin", "ibuprofen"),
)
_ROUTINE = (
    *("Vital signs were stable.", "Diet was advanced.", "The family was updated.", "The chest film was clear."),
    *("Potassium was replaced.", "Physical therapy saw the patient.", "Pain was controlled.", "Labs were normal."),
    *("No fever was seen.", "The wound was clean."),
)


@dataclass(frozen=True)
class Stay:
    """The facts of one hospital stay."""

    diagnosis: str
    history: str
    treatment: str
    stopped: str | None  # a home drug that is no longer taken
    destination: str
    started: str  # a new drug
    weeks: str  # number of weeks until follow-up, as a word


@dataclass(frozen=True)
class SummaryCase:
    """A generated discharge note, and the facts from which the note was made."""

    text: str
    stay: Stay
    borderline: frozenset[str] = frozenset()


def draw(rng: Random) -> SummaryCase:
    """Draw a note: the facts in the order of the stay, with routine sentences in between."""
    condition = rng.choice(ACUTE)
    started, stopped = rng.sample(DRUGS, 2)
    stay = Stay(
        diagnosis=condition.name,
        history=rng.choice(PAST_ILLNESSES),
        treatment=condition.treatment,
        stopped=stopped if rng.random() < 0.4 else None,
        destination=rng.choice(DESTINATIONS),
        started=started,
        weeks=rng.choice(WEEKS),
    )
    patient = draw_patient(rng)
    opening = introduce(patient, rng)
    sentences = [
        rng.choice((f"{opening} was admitted for {stay.diagnosis}.", f"{opening} came in with {stay.diagnosis}.")),
        rng.choice((f"Past history includes {stay.history}.", f"{patient.pronoun} also has {stay.history}.")),
        rng.choice((f"Treatment was {stay.treatment}.", f"{patient.pronoun} was treated with {stay.treatment}.")),
        rng.choice((f"{patient.pronoun} went {stay.destination}.", f"Discharged {stay.destination}.")),
        rng.choice((f"The new drug is {stay.started}.", f"{patient.pronoun} was started on {stay.started}.")),
        rng.choice((f"Follow up in {stay.weeks} weeks.", f"{patient.pronoun} returns in {stay.weeks} weeks.")),
    ]
    if stay.stopped:
        sentences.insert(4, f"{patient.pronoun} no longer takes {stay.stopped}.")
    for sentence in rng.sample(_ROUTINE, rng.randint(2, 4)):
        sentences.insert(rng.randint(1, len(sentences)), sentence)
    return SummaryCase(" ".join(sentences), stay)


def summary(stay: Stay) -> str:
    """Return the facts that the next physician needs, in two or three sentences."""
    stopped = f" No longer takes {stay.stopped}." if stay.stopped else ""
    return (
        f"Admitted for {stay.diagnosis} and treated with {stay.treatment}.{stopped} "
        f"Discharged {stay.destination} on {stay.started} with follow up in {stay.weeks} weeks."
    )


def worse_summary(stay: Stay, rng: Random) -> str:
    """Return a worse summary of a stay than the function `summary` returns.

    With probability 2/3, the worse summary states wrong facts. Otherwise it adds facts that nobody needs.
    """
    if rng.random() < 1 / 3:
        return f"{summary(stay)} Past history includes {stay.history}. {' '.join(rng.sample(_ROUTINE, 2))}"
    wrong = rng.choice(
        (
            replace(stay, diagnosis=stay.history),
            replace(stay, treatment=rng.choice([other.treatment for other in ACUTE if other.name != stay.diagnosis])),
            replace(stay, started=stay.stopped or rng.choice([drug for drug in DRUGS if drug != stay.started])),
        )
    )
    return summary(replace(wrong, weeks=rng.choice([weeks for weeks in WEEKS if weeks != stay.weeks])))


def record(case: SummaryCase, rng: Random) -> Row:
    """Return a record with the fields `note`, `reference` and `rejected`."""
    return {"note": case.text, "reference": summary(case.stay), "rejected": worse_summary(case.stay, rng)}
