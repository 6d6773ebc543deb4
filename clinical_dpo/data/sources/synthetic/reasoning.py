"""Generate vignettes with an open question about diagnosis or treatment."""

from dataclasses import dataclass
from random import Random

from clinical_dpo.data.sources.synthetic.conditions import DIFFERENTIALS, Condition, Differential
from clinical_dpo.data.sources.synthetic.vocabulary import PAST_ILLNESSES, draw_patient, introduce, listed
from clinical_dpo.io import Row

DIAGNOSIS_QUESTION = "What is the most likely diagnosis?"
TREATMENT_QUESTION = "What is the best treatment?"
_DURATIONS = ("for two days", "for a week", "for a month")


@dataclass(frozen=True)
class ReasoningCase:
    """A generated vignette, the condition that it describes, and all conditions with the same complaints."""

    text: str
    condition: Condition
    differential: Differential
    findings: tuple[str, ...]
    borderline: frozenset[str] = frozenset()

    @property
    def mimic(self) -> Condition:
        """The condition that is most easily mistaken for the vignette's condition."""
        return self.differential.mimic(self.condition)


def draw(rng: Random) -> ReasoningCase:
    """Draw a condition, and a vignette of a patient with this condition.

    The complaints in the vignette fit several conditions. The vignette also names a symptom of the drawn condition, a
    sign of it, or both. No other condition has this symptom or this sign.
    """
    differential = rng.choice(DIFFERENTIALS)
    condition = rng.choice(differential.conditions)
    symptom, sign = rng.choice(condition.symptoms), rng.choice(condition.signs)
    shown = rng.choices(("both", "symptom", "sign"), (40, 30, 30))[0]
    complaints = rng.sample(differential.complaints, rng.randint(1, 2))
    patient = draw_patient(rng)
    sentences = [
        f"{introduce(patient, rng)} {rng.choice(('presents with', 'has had', 'reports'))} "
        f"{listed(complaints)} {rng.choice(_DURATIONS)}."
    ]
    findings = []
    if shown != "sign":
        findings.append(symptom)
        sentences.append(f"{rng.choice((f'{patient.pronoun} describes', 'The history reveals'))} {symptom}.")
    if rng.random() < 0.3:
        sentences.append(f"{patient.possessive} past history includes {rng.choice(PAST_ILLNESSES)}.")
    if shown != "symptom":
        findings.append(sign)
        sentences.append(f"{rng.choice(('Work-up shows', 'Findings include'))} {sign}.")
    if rng.random() < 0.3:
        excluded = rng.choice([candidate for candidate in differential.conditions if candidate != condition])
        absent = rng.choice(excluded.signs).removeprefix("a ").removeprefix("an ")
        sentences.append(f"The team finds no {absent}.")
    return ReasoningCase(" ".join(sentences), condition, differential, tuple(findings))


def record(case: ReasoningCase, rng: Random) -> Row:
    """Return a record with `question`, `reference`, `accepted` (synonyms) and `options` (wrong answers).

    The wrong answers are the names or treatments of the other conditions with the same complaints.
    """
    right = case.condition
    others = [other for other in case.differential.conditions if other != right]
    rng.shuffle(others)
    if rng.random() < 0.5:
        question, reference, accepted = DIAGNOSIS_QUESTION, right.name, right.synonyms
        options = [other.name for other in others]
    else:
        question, reference, accepted = TREATMENT_QUESTION, right.treatment, right.treatment_synonyms
        options = [other.treatment for other in others]
    return {
        "question": f"{case.text} {question}",
        "reference": reference,
        "accepted": list(accepted),
        "options": options,
    }
