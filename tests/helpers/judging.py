"""Items for a judge, and replies that follow from an answer's wording."""

from clinical_dpo.grading.raters.sheets import correctness_items, preference_items
from tests.helpers.rating import SEED, study


def between(text, mark):
    return text.split(f"<{mark}>\n")[1].split(f"\n</{mark}>")[0]


def graded(messages):
    """Grades by the answer: base 1, sft 3, dpo 5."""
    answer = between(messages[0]["content"], "answer")
    return "5" if "indeed" in answer else "3" if "some" in answer else "1/5 because it says nothing"


def items_of(kind, n=8):
    rows, answers = study(n)
    if kind == "preference":
        return preference_items(rows, answers, ("dpo", "sft"), SEED)
    return correctness_items(rows, answers, SEED)
