"""Abstracts of small trials with a question that they answer: two outcomes are reported, one is asked about."""

from dataclasses import dataclass
from random import Random

from clinical_dpo.data.sources.synthetic.vocabulary import LONG_ILLNESSES, MEDICINES, listed, sentence_case
from clinical_dpo.io import Row

INSTRUCTION = "Answer in one or two sentences."
TREATMENTS = (*MEDICINES, "exercise", "yoga", "vitamin D", "fish oil", "massage", "acupuncture", "zinc", "counseling")
OUTCOMES = (
    *("mortality", "relapse", "pain", "fatigue", "falls", "bleeding", "infection", "stroke"),
    *("anxiety", "readmission", "nausea", "hospital stay"),
)
WEAK_DESIGNS = ("pilot study", "chart review")
DESIGNS = (
    *("randomized trial", "blinded trial", "crossover trial", "cohort study", "registry study", "factorial trial"),
    *WEAK_DESIGNS,
)
SMALL = 60  # patients, below which a study is small
_SIZES = ((24, 32, 40, 48), (120, 180, 240, 360, 480, 640, 900))
_WEEKS = ("six", "eight", "ten", "twelve")
_SIGNIFICANT = (".001", ".004", ".01", ".02", ".03")
_CHANCE = (".24", ".38", ".47", ".56", ".62", ".81")
EFFECTS = ("reduced", "unchanged", "increased")


@dataclass(frozen=True)
class Finding:
    """One outcome of a trial: its effect, by significance, and the P value that the abstract gives."""

    outcome: str
    effect: str  # one of EFFECTS
    p_value: str  # as printed, without a leading zero


@dataclass(frozen=True)
class PubmedqaCase:
    """An abstract and what it reports."""

    text: str
    treatment: str
    condition: str
    design: str
    size: int  # patients
    asked: Finding
    other: Finding  # the distractor
    first: Finding  # which of the two is reported first
    borderline: frozenset[str] = frozenset()


def draw(rng: Random) -> PubmedqaCase:
    """An abstract: objective, methods, and the results of both outcomes in any order."""
    treatment, condition = rng.choice(TREATMENTS), rng.choice(LONG_ILLNESSES)
    design = rng.choice(DESIGNS)
    size = rng.choice(_SIZES[rng.random() < 0.88])
    effects = rng.choices(EFFECTS, (45, 40, 15), k=2)
    asked, other = (
        Finding(outcome, effect, rng.choice(_CHANCE if effect == "unchanged" else _SIGNIFICANT))
        for outcome, effect in zip(rng.sample(OUTCOMES, 2), effects, strict=True)
    )
    told = [asked, other]
    rng.shuffle(told)
    goal = f"the effect of {treatment} on {listed([finding.outcome for finding in told])} in {condition}"
    a_design = f"a {design} of {size} adults over {rng.choice(_WEEKS)} weeks"
    sentences = [
        rng.choice((f"We studied {goal}.", f"The aim was to test {goal}.")),
        rng.choice((f"This was {a_design}.", f"We report {a_design}.", f"Methods: {a_design}.")),
        *(_result(finding, rng) for finding in told),
    ]
    return PubmedqaCase(" ".join(sentences), treatment, condition, design, size, asked, other, told[0])


def _result(finding: Finding, rng: Random) -> str:
    """Rates of treated and untreated patients, whose difference may be due to chance."""
    untreated = rng.randint(24, 40)
    change = rng.randint(8, 15) if finding.effect != "unchanged" else rng.randint(-3, 3)
    treated = untreated + (-change if finding.effect == "reduced" else change)
    fell = treated < untreated
    wordings = {
        "reduced": ("{} fell", "{} was lower"),
        "increased": ("{} rose", "{} was higher"),
        "unchanged": ("{} did not differ", "{} fell slightly" if fell else "{} was similar"),
    }
    worded = rng.choice(wordings[finding.effect]).format(sentence_case(finding.outcome))
    return f"{worded} ({treated}% against {untreated}%, P = {finding.p_value})."


def question(case: PubmedqaCase, rng: Random) -> str:
    """A question of the outcome asked about that can be answered with yes or no."""
    treatment, outcome, condition = case.treatment, case.asked.outcome, case.condition
    return rng.choice(
        (
            f"Does {treatment} reduce {outcome} in {condition}?",
            f"Can {treatment} lower {outcome} in {condition}?",
            f"Is {treatment} of use against {outcome} in {condition}?",
        )
    )


def conclusion(case: PubmedqaCase, finding: Finding) -> str:
    """What the abstract shows of one outcome, in one sentence."""
    verb = {"reduced": "reduces", "unchanged": "does not change", "increased": "increases"}[finding.effect]
    return f"{sentence_case(case.treatment)} {verb} {finding.outcome} in adults with {case.condition}."


def record(case: PubmedqaCase, rng: Random) -> Row:
    """Fields `context`, `question`, `reference` and `final_decision` (yes or no)."""
    return {
        "context": case.text,
        "question": question(case, rng),
        "reference": conclusion(case, case.asked),
        "final_decision": "yes" if case.asked.effect == "reduced" else "no",
    }
