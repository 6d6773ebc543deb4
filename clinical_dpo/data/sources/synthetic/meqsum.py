"""Generate messages of patients, each with the formal question that the message asks."""

from dataclasses import dataclass
from random import Random

from clinical_dpo.data.sources.synthetic.vocabulary import LONG_ILLNESSES, MEDICINES, sentence_case
from clinical_dpo.io import Row

INSTRUCTION = "Summarize this message in one short question."
_OF_ILLNESS = {
    "What are the treatments for {}?": ("how can {} be treated?", "is there anything that helps against {}?"),
    "What are the causes of {}?": ("what brings {} on?", "why do people get {}?"),
    "What are the symptoms of {}?": ("how would I notice {}?", "what does {} feel like?"),
    "Is {} hereditary?": ("can my children get {} from me?", "does {} run in families?"),
    "What diet is best for {}?": ("what should one eat with {}?", "which foods are bad in {}?"),
    "How is {} diagnosed?": ("how do doctors find {}?", "which test shows {}?"),
}
_OF_MEDICINE = {
    "What are the side effects of {}?": ("what trouble can {} make?", "is {} bad for me in the long run?"),
    "Can {} be taken during pregnancy?": ("I am expecting, may I go on with {}?", "is {} safe for the baby?"),
    "How should {} be stopped?": ("how do I come off {}?", "may I quit {} all at once?"),
    "Can {} be taken with alcohol?": ("may I have wine with {}?", "does beer go with {}?"),
}
KINDS = tuple(_OF_ILLNESS | _OF_MEDICINE)
_GREETINGS = ("Hi.", "Hello.", "Good morning.", "Dear doctor.")
COURTESIES = ("Can you help me?", "May I ask you something?", "Would you have a minute?")
_LEADS = ("I want to know,", "My question is,", "Please tell me,", "So,")
_RELATIVES = ("mother", "father", "sister", "uncle", "neighbor")
_THANKS = ("Thank you.", "Thanks a lot.", "Many thanks.", "God bless.")
_ASIDES = (
    *("I work nights.", "We live far from town.", "I have no insurance.", "I read a lot online."),
    *("My doctor is on leave.", "I never smoked.", "I sleep badly."),
)


@dataclass(frozen=True)
class MeqsumCase:
    """A generated message of a patient, and the facts from which the message was made."""

    text: str
    kind: str  # one of KINDS
    subject: str  # the illness or medicine that is asked about
    asked: str  # the question in the writer's words
    history: str  # the sentence on the writer's own illness, not asked about
    courtesy: str | None  # a polite question without content
    borderline: frozenset[str] = frozenset()


def draw(rng: Random) -> MeqsumCase:
    """Draw a message of a patient.

    A greeting comes first. The patient's history, a sentence that distracts, and the question follow in random order.
    Thanks may come last.
    """
    kind = rng.choice(KINDS)
    illness, relatives, asked_about = rng.sample(LONG_ILLNESSES, 3)
    medicine, other = rng.sample(MEDICINES, 2)
    of_medicine = kind in _OF_MEDICINE
    subject = medicine if of_medicine else asked_about
    wordings = _OF_MEDICINE if of_medicine else _OF_ILLNESS
    asked = rng.choice(wordings[kind]).format(subject)
    years = f"{rng.randint(2, 30)} years"
    history = rng.choice((f"I have had {illness} for {years}.", f"They found {illness} in me {years} ago."))
    distractors = (
        f"I also use {other}." if of_medicine else f"My {rng.choice(_RELATIVES)} has {relatives}.",
        rng.choice(_ASIDES),
    )
    courtesy = rng.choice(COURTESIES) if rng.random() < 0.4 else None
    sentences = [history, rng.choice(distractors)]
    rng.shuffle(sentences)
    sentences.insert(rng.choice((0, 1, 2, 2)), f"{rng.choice(_LEADS)} {asked}")
    opening = [rng.choice(_GREETINGS), *([courtesy] if courtesy else [])]
    closing = [rng.choice(_THANKS)] if rng.random() < 0.6 else []
    return MeqsumCase(" ".join([*opening, *sentences, *closing]), kind, subject, asked, history, courtesy)


def summary(case: MeqsumCase) -> str:
    """Return the formal version of the question that a message asks in everyday words."""
    return sentence_case(case.kind.format(case.subject))


def record(case: MeqsumCase, rng: Random) -> Row:
    """Return a record with `question` (the message) and `reference` (the formal question)."""
    return {"question": case.text, "reference": summary(case)}
