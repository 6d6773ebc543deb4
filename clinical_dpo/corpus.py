"""Pre-training documents for tiny models: a note and a conversation about it.

Side questions are always answered correctly, so a model acquires the skills a task needs. The tasks' exact wordings are
mostly answered by crude rules, those of a hurried reader, so that the base model sits in mid-range and fine-tuning has
something to correct. Crude rules differ systematically from the truth; random errors would not do, since greedy
decoding takes the majority.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from clinical_dpo.sources.synthetic import draw_cases, reasoning, summarization, triage, uti
from clinical_dpo.sources.synthetic.conditions import CONDITIONS
from clinical_dpo.sources.synthetic.reasoning import ReasoningCase
from clinical_dpo.sources.synthetic.summarization import SummaryCase
from clinical_dpo.sources.synthetic.triage import TriageCase
from clinical_dpo.sources.synthetic.uti import UtiCase

Turn = tuple[str, str]  # question, answer
Document = list[Turn]
_WEIGHTS = {"uti": 24, "triage": 18, "reasoning": 23, "summarization": 35}  # longer and harder text more often
_FOOLED = 2 / 3  # of the conditions, for each of the two questions


@dataclass(frozen=True)
class Reader:
    """Habits of a hurried reader."""

    crude_share: float  # how often a task's own wording is answered crudely
    misdiagnosed: frozenset[str]  # conditions taken for their mimic
    mistreated: frozenset[str]  # conditions treated as their mimic
    misled_by: frozenset[
        str
    ]  # roles in which a red flag alarms: always when present, also in two roles that do not count

    def hurries(self, rng: Random) -> bool:
        """Whether this answer is crude."""
        return rng.random() < self.crude_share


def draw_reader(crude_share: float, rng: Random) -> Reader:
    """A reader with habits of its own, as models have."""
    names = [condition.name for condition in CONDITIONS]
    fooled = round(_FOOLED * len(names))
    return Reader(
        crude_share,
        misdiagnosed=frozenset(rng.sample(names, fooled)),
        mistreated=frozenset(rng.sample(names, fooled)),
        misled_by=frozenset(("present", *rng.sample(("denied", "relative", "past"), 2))),
    )


def documents(n: int, seed: str, crude_share: float) -> list[Document]:
    """`n` conversations, each about another note; the first question of each follows its note.

    Args:
        n: number of documents.
        seed: of everything random here, the hurried reader's habits included.
        crude_share: how often a task's exact wording is answered crudely (0 to 1).
    """
    rng = Random(f"pretraining/{seed}")
    reader = draw_reader(crude_share, rng)
    cases = {name: draw_cases(name, rng, for_tasks=False) for name in _WEIGHTS}
    made = []
    for name in rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=n):
        case = next(cases[name])
        turns = _TURNS[name](case, reader, rng)
        rng.shuffle(turns)
        (question, answer), *others = turns
        made.append([(f"{case.text} {question}", answer), *others])
    return made


def _uti_turns(case: UtiCase, reader: Reader, rng: Random) -> Document:
    """Crude: any urinary word means an infection, be it denied, past or a relative's."""
    infected = any(word in case.text for word in uti.URINARY) if reader.hurries(rng) else case.infected
    turns = [
        (uti.QUESTION, uti.LABELS[0] if infected else uti.LABELS[1]),
        ("Are the criteria for urinary infection met?", _yes(case.infected)),
        ("Any urinary symptom now?", _yes(case.urinary)),
        ("Is there pyuria?", _yes(case.pyuria)),
    ]
    asked = rng.choice((*case.present, *case.denied, rng.choice((*uti.URINARY, *uti.OTHER))))
    return [*turns, (f"Does the patient report {asked}?", _yes(asked in case.present))]


def _triage_turns(case: TriageCase, reader: Reader, rng: Random) -> Document:
    """Crude: some red flags that do not count, or a recent start, make it urgent; what lasts is for the physician."""
    urgent = (case.red_flag in reader.misled_by or case.recent) if reader.hurries(rng) else case.urgent
    physician = not case.recent if reader.hurries(rng) else case.physician
    return [
        (triage.URGENCY_QUESTION, triage.URGENCY[0] if urgent else triage.URGENCY[1]),
        (triage.PERSONNEL_QUESTION, triage.PERSONNEL[0] if physician else triage.PERSONNEL[1]),
        ("Must this be seen today?", _yes(case.urgent)),
        ("Is a medical judgement asked for?", _yes(case.medical)),
        rng.choice(
            (("Is a physician needed?", _yes(case.physician)), ("Did it start within a day?", _yes(case.recent)))
        ),
    ]


def _reasoning_turns(case: ReasoningCase, reader: Reader, rng: Random) -> Document:
    """Crude: the mimic, for certain conditions."""
    right, mimic = case.condition, case.mimic
    hurries = reader.hurries(rng)
    diagnosed = mimic if hurries and right.name in reader.misdiagnosed else right
    treated = mimic if hurries and right.name in reader.mistreated else right
    other = rng.choice(CONDITIONS)
    turns = [
        ("Which condition fits these findings?", right.name),
        ("Which treatment fits these findings?", right.treatment),
        (f"Does the patient have {rng.choice(case.findings)}?", "yes"),
        (f"How is {other.name} treated?", other.treatment),
    ]
    return [
        (reasoning.DIAGNOSIS_QUESTION, diagnosed.name),
        (reasoning.TREATMENT_QUESTION, treated.treatment),
        *rng.sample(turns, 3),
    ]


def _summary_turns(case: SummaryCase, reader: Reader, rng: Random) -> Document:
    """Crude: past history and vital signs in place of what happened."""
    stay = case.stay
    crude = f"The patient has {stay.history}. Discharged on {stay.started} with stable vital signs after a long stay."
    facts = [
        ("Reason for admission?", stay.diagnosis),
        ("Treatment in hospital?", stay.treatment),
        ("Where did the patient go?", stay.destination),
        ("When is follow up?", f"in {stay.weeks} weeks"),
    ]
    short = f"{stay.diagnosis}, {stay.treatment}, {stay.destination}, {stay.started}, {stay.weeks} weeks"
    return [
        (summarization.QUESTION, crude if reader.hurries(rng) else summarization.summary(stay)),
        ("List the key facts.", short),
        ("Which drug is new?", stay.started),
        ("Which drug was stopped?", stay.stopped or "none"),
        rng.choice(facts),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


_TURNS: dict[str, Callable[[Any, Reader, Random], Document]] = {
    "uti": _uti_turns,
    "triage": _triage_turns,
    "reasoning": _reasoning_turns,
    "summarization": _summary_turns,
}
