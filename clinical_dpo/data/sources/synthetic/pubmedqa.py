"""Generate abstracts of studies that report two outcomes, with a question about one of the outcomes."""

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
SMALL = 60  # a study with fewer patients is small
_SIZES = ((24, 32, 40, 48), (120, 180, 240, 360, 480, 640, 900))
_WEEKS = ("six", "eight", "ten", "twelve")
_SIGNIFICANT = (".001", ".004", ".01", ".02", ".03")
_CHANCE = (".24", ".38", ".47", ".56", ".62", ".81")
EFFECTS = ("reduced", "unchanged", "increased")


@dataclass(frozen=True)
class OutcomeResult:
    """The result for one outcome of a study. The P value of an `unchanged` outcome is not significant."""

    outcome: str
    effect: str  # one of EFFECTS
    p_value: str  # as printed, without a leading zero


@dataclass(frozen=True)
class PubmedqaCase:
    """A generated abstract, and the facts from which the abstract was made."""

    text: str
    treatment: str
    condition: str
    design: str
    size: int  # patients
    asked: OutcomeResult  # the result that the question asks for
    other: OutcomeResult  # the distractor
    first: OutcomeResult  # the result that is reported first
    borderline: frozenset[str] = frozenset()


def draw(rng: Random) -> PubmedqaCase:
    """Draw an abstract of a study with two outcomes.

    The abstract states the objective, the methods, and the result for each outcome. The two outcomes are in random
    order. The question will ask for one of the two results.
    """
    treatment, condition = rng.choice(TREATMENTS), rng.choice(LONG_ILLNESSES)
    design = rng.choice(DESIGNS)
    size = rng.choice(_SIZES[rng.random() < 0.88])
    effects = rng.choices(EFFECTS, (45, 40, 15), k=2)
    asked, other = (
        OutcomeResult(outcome, effect, rng.choice(_CHANCE if effect == "unchanged" else _SIGNIFICANT))
        for outcome, effect in zip(rng.sample(OUTCOMES, 2), effects, strict=True)
    )
    results = [asked, other]
    rng.shuffle(results)
    goal = f"the effect of {treatment} on {listed([result.outcome for result in results])} in {condition}"
    a_design = f"a {design} of {size} adults over {rng.choice(_WEEKS)} weeks"
    sentences = [
        rng.choice((f"We studied {goal}.", f"The aim was to test {goal}.")),
        rng.choice((f"This was {a_design}.", f"We report {a_design}.", f"Methods: {a_design}.")),
        *(_result_sentence(result, rng) for result in results),
    ]
    return PubmedqaCase(" ".join(sentences), treatment, condition, design, size, asked, other, results[0])


def _result_sentence(result: OutcomeResult, rng: Random) -> str:
    """Return a sentence that compares the outcome's rates in treated and untreated patients.

    The rates of an unchanged outcome differ by at most three percentage points.
    """
    untreated = rng.randint(24, 40)
    change = rng.randint(8, 15) if result.effect != "unchanged" else rng.randint(-3, 3)
    treated = untreated + (-change if result.effect == "reduced" else change)
    fell = treated < untreated
    wordings = {
        "reduced": ("{} fell", "{} was lower"),
        "increased": ("{} rose", "{} was higher"),
        "unchanged": ("{} did not differ", "{} fell slightly" if fell else "{} was similar"),
    }
    worded = rng.choice(wordings[result.effect]).format(sentence_case(result.outcome))
    return f"{worded} ({treated}% against {untreated}%, P = {result.p_value})."


def question(case: PubmedqaCase, rng: Random) -> str:
    """Return a yes-or-no question about the outcome `case.asked`."""
    treatment, outcome, condition = case.treatment, case.asked.outcome, case.condition
    return rng.choice(
        (
            f"Does {treatment} reduce {outcome} in {condition}?",
            f"Can {treatment} lower {outcome} in {condition}?",
            f"Is {treatment} of use against {outcome} in {condition}?",
        )
    )


def conclusion(case: PubmedqaCase, result: OutcomeResult) -> str:
    """Return a sentence with the abstract's conclusion about the outcome of `result`."""
    verb = {"reduced": "reduces", "unchanged": "does not change", "increased": "increases"}[result.effect]
    return f"{sentence_case(case.treatment)} {verb} {result.outcome} in adults with {case.condition}."


def record(case: PubmedqaCase, rng: Random) -> Row:
    """Return a record with the fields `context`, `question`, `reference` and `final_decision` (yes or no)."""
    return {
        "context": case.text,
        "question": question(case, rng),
        "reference": conclusion(case, case.asked),
        "final_decision": "yes" if case.asked.effect == "reduced" else "no",
    }
