"""Pre-training documents for tiny models. A document is a note and a conversation about the note.

Some questions have the exact wording of a task. A share of them, `crude_share`, is answered by crude rules. The rules
imitate an imagined hurried reader (`Reader`). The base model learns the crude answers. It therefore scores in the
middle of the range, and fine-tuning can improve the score. All other questions get the correct answer, so the base
model acquires the skills that the task needs. The errors of the crude rules are systematic. Random errors would not
lower the score, since greedy decoding takes the majority answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from clinical_dpo.data.sources.synthetic import meqsum, pubmedqa, reasoning, summarization, triage, uti
from clinical_dpo.data.sources.synthetic.conditions import CONDITIONS
from clinical_dpo.data.sources.synthetic.generate import draw_cases
from clinical_dpo.data.sources.synthetic.meqsum import MeqsumCase
from clinical_dpo.data.sources.synthetic.pubmedqa import PubmedqaCase
from clinical_dpo.data.sources.synthetic.reasoning import ReasoningCase
from clinical_dpo.data.sources.synthetic.summarization import SummaryCase
from clinical_dpo.data.sources.synthetic.triage import TriageCase
from clinical_dpo.data.sources.synthetic.uti import UtiCase
from clinical_dpo.data.sources.synthetic.vocabulary import LONG_ILLNESSES, MEDICINES, sentence_case
from clinical_dpo.errors import UserError

Turn = tuple[str, str]  # question, answer
Document = list[Turn]
# Generators of longer and harder text have larger weights.
_WEIGHTS = {"uti": 24, "triage": 18, "reasoning": 23, "summarization": 35, "pubmedqa": 55, "meqsum": 45}
EVASIVE = {  # weakness of a study -> evasive answer of a hurried reader
    "pilot study": "More research is needed.",
    "chart review": "It is not possible to say.",
    "small": "Please consult a physician.",
}
_MISTAKEN_SHARE = 2 / 3  # share of the conditions that the reader mistakes, for each of the two questions


@dataclass(frozen=True)
class Reader:
    """Habits of an imagined hurried reader, who answers some questions by crude rules."""

    crude_share: float  # share of the questions in a task's exact wording that get a crude answer
    misdiagnosed: frozenset[str]  # conditions that the reader takes for a similar condition, the mimic
    mistreated: frozenset[str]  # conditions that the reader treats as the mimic
    misled_by: frozenset[str]  # roles of a red flag that alarm the reader: `present`, and two wrong roles

    def hurries(self, rng: Random) -> bool:
        """Return True with probability `crude_share`. True means that a crude rule answers the next question."""
        return rng.random() < self.crude_share


def draw_reader(crude_share: float, rng: Random) -> Reader:
    """Draw the habits of a hurried reader, who answers the share `crude_share` of the questions by crude rules."""
    names = [condition.name for condition in CONDITIONS]
    mistaken = round(_MISTAKEN_SHARE * len(names))
    return Reader(
        crude_share,
        misdiagnosed=frozenset(rng.sample(names, mistaken)),
        mistreated=frozenset(rng.sample(names, mistaken)),
        misled_by=frozenset(("present", *rng.sample(("denied", "relative", "past"), 2))),
    )


def documents(n: int, seed: str, crude_share: float, generators: Sequence[str]) -> list[Document]:
    """Draw `n` documents. Each document is a conversation about a different note.

    The first user message of a conversation contains the note and then the first question.

    Args:
        n: number of documents.
        seed: seed of all random draws.
        crude_share: probability (0 to 1) that a question with the exact wording of a task gets a crude answer. A crude
            answer follows a simple rule that can be wrong. For example, the answer is "UTI" if the note mentions a
            urinary symptom, even if the patient denies the symptom. `draw_reader` draws some details of the rules, once
            for all documents.
        generators: names of the generators of the notes. The order of the generators changes the documents.

    Raises:
        UserError: a name in `generators` is unknown, or `generators` is empty.
    """
    unknown = [name for name in generators if name not in _WEIGHTS]
    if unknown or not generators:
        problem = f"'{unknown[0]}' is not known" if unknown else "the list is empty"
        raise UserError(f"pretraining: key 'corpus': {problem}. Name at least one of {', '.join(_WEIGHTS)}.")
    rng = Random(f"pretraining/{seed}")
    reader = draw_reader(crude_share, rng)
    cases = {name: draw_cases(name, rng, for_tasks=False) for name in generators}
    conversations = []
    for name in rng.choices(generators, [_WEIGHTS[name] for name in generators], k=n):
        case = next(cases[name])
        turns = _TURNS[name](case, reader, rng)
        rng.shuffle(turns)
        (question, answer), *others = turns
        conversations.append([(f"{case.text} {question}", answer), *others])
    return conversations


def _uti_turns(case: UtiCase, reader: Reader, rng: Random) -> Document:
    """Return (question, answer) pairs about a note on urinary symptoms.

    If the imagined reader (`Reader`) hurries, a crude rule answers the task's question. The rule answers that there is
    a UTI if the note mentions any urinary symptom, even one that the patient denies or had in the past, or one that a
    relative has. The rule ignores pyuria. The other questions always have correct answers.
    """
    infected = any(word in case.text for word in uti.URINARY) if reader.hurries(rng) else case.infected
    turns = [
        (uti.QUESTION, uti.LABELS[0] if infected else uti.LABELS[1]),
        ("Are the criteria for urinary infection met?", _yes(case.infected)),
        ("Any urinary symptom now?", _yes(case.urinary)),
        ("Is there pyuria?", _yes(case.pyuria)),
    ]
    symptom = rng.choice((*case.present, *case.denied, rng.choice((*uti.URINARY, *uti.OTHER))))
    return [*turns, (f"Does the patient report {symptom}?", _yes(symptom in case.present))]


def _triage_turns(case: TriageCase, reader: Reader, rng: Random) -> Document:
    """Return (question, answer) pairs about a message to a clinic.

    The task has two questions: is the message urgent, and should a physician or a medical assistant answer it? If the
    imagined reader (`Reader`) hurries at one of these questions, a crude rule answers the question. For urgency, the
    rule answers "urgent" if the message has a red flag that alarms the reader, or a recent onset of symptoms. For
    personnel, the rule answers "physician" if the onset is not recent. Three further questions of the document always
    have correct answers.
    """
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
    """Return (question, answer) pairs about the description of a patient.

    The first two questions are those of the task: the diagnosis and the treatment. If the imagined reader (`Reader`)
    hurries, the answers can be those of the mimic, a similar condition. The diagnosis is then the mimic if the
    patient's condition is in `reader.misdiagnosed`. The treatment is then the mimic's treatment if the condition is in
    `reader.mistreated`. Otherwise, these answers are correct. Three further questions, drawn at random from four,
    always have correct answers.
    """
    condition, mimic = case.condition, case.mimic
    hurries = reader.hurries(rng)
    diagnosed = mimic if hurries and condition.name in reader.misdiagnosed else condition
    treated = mimic if hurries and condition.name in reader.mistreated else condition
    random_condition = rng.choice(CONDITIONS)
    turns = [
        ("Which condition fits these findings?", condition.name),
        ("Which treatment fits these findings?", condition.treatment),
        (f"Does the patient have {rng.choice(case.findings)}?", "yes"),
        (f"How is {random_condition.name} treated?", random_condition.treatment),
    ]
    return [
        (reasoning.DIAGNOSIS_QUESTION, diagnosed.name),
        (reasoning.TREATMENT_QUESTION, treated.treatment),
        *rng.sample(turns, 3),
    ]


def _summary_turns(case: SummaryCase, reader: Reader, rng: Random) -> Document:
    """Return (question, answer) pairs about a discharge note.

    If the imagined reader (`Reader`) hurries, the task's question gets a crude answer. The crude answer is a summary of
    past history, the new drug and stable vital signs. It leaves out the diagnosis, the treatment, the stopped drug, the
    destination and the follow-up. The other questions always have correct answers.
    """
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


def _pubmedqa_turns(case: PubmedqaCase, reader: Reader, rng: Random) -> Document:
    """Return (question, answer) pairs about an abstract.

    The abstract reports two findings. The first pair has the task's question, which asks for one of the findings. If
    the imagined reader (`Reader`) hurries, the answer of this pair is crude. For a weak study, the crude answer is an
    evasive sentence: the sentence of `EVASIVE` for the study's design or for its small number of patients. For any
    other study, the crude answer is the finding that the abstract reports first, which may be the wrong finding. Three
    further pairs always have correct answers.
    """
    finding = case.asked
    answer = pubmedqa.conclusion(case, finding)
    if reader.hurries(rng):
        crude = pubmedqa.conclusion(case, case.first)
        answer = EVASIVE.get(case.design, EVASIVE["small"] if case.size < pubmedqa.SMALL else crude)
    turns = [
        (f"State the finding on {finding.outcome}.", pubmedqa.conclusion(case, finding)),
        (f"State the finding on {case.other.outcome}.", pubmedqa.conclusion(case, case.other)),
        (f"Was {finding.outcome} changed?", finding.effect),
        (f"Was {case.other.outcome} changed?", case.other.effect),
        (f"What was the P value for {finding.outcome}?", finding.p_value),
        rng.choice((("What was the design?", case.design), ("How many adults took part?", str(case.size)))),
    ]
    question = f"{pubmedqa.question(case, rng)} {pubmedqa.INSTRUCTION}"
    return [(question, answer), *rng.sample(turns, 3)]


def _meqsum_turns(case: MeqsumCase, reader: Reader, rng: Random) -> Document:
    """Return (question, answer) pairs about a patient's message.

    The question of the first pair is the task's instruction to summarize the message in one short question. If the
    imagined reader (`Reader`) hurries, the answer of this pair is crude. It copies the polite question that follows the
    greeting of the message, such as "Can you help me?". If the message has no polite question, the crude answer copies
    the patient's question or the patient's history, whichever comes first in the message.
    """
    early = case.text.index(case.asked) < case.text.index(case.history)
    crude = case.courtesy or (sentence_case(case.asked) if early else case.history)
    subject = rng.choice((case.subject, rng.choice((*LONG_ILLNESSES, *MEDICINES))))
    turns = [
        (f"Does the writer ask about {subject}?", _yes(subject == case.subject)),
        ("What does the writer say of an illness?", case.history),
    ]
    return [
        (meqsum.INSTRUCTION, crude if reader.hurries(rng) else meqsum.summary(case)),
        ("Which formal question is meant?", meqsum.summary(case)),
        ("What is the question about?", case.subject),
        rng.choice(turns),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


_TURNS: dict[str, Callable[[Any, Reader, Random], Document]] = {
    "uti": _uti_turns,
    "triage": _triage_turns,
    "reasoning": _reasoning_turns,
    "summarization": _summary_turns,
    "pubmedqa": _pubmedqa_turns,
    "meqsum": _meqsum_turns,
}
