"""ROUGE-L against rouge-score, in any script, and the proxy grades made from it."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from clinical_dpo.grading.grade import grade_answers
from clinical_dpo.grading.rouge import LATIN, UNICODE, rouge_l, tokenizer_name
from tests.helpers.task_rows import answers_of, task_rows


def numbers(grades):
    return [float(grade["grade"]) for grade in grades]


@pytest.mark.parametrize(
    "text",
    [
        "患者发热两天",
        "Лихорадка два дня",
        "Πυρετός δύο ημερών",
        "दो दिन से बुखार",
        "ไข้สองวัน",
        "Fièvre depuis deux jours",
        "fever 2 d",
    ],
)
def test_identical_texts_of_any_script_score_one(text):
    assert rouge_l([text], [text]) == [1.0]
    assert rouge_l(["?!"], [text]) == [0.0]


def test_texts_of_other_scripts_share_words():
    assert rouge_l(["患者发热三天"], ["患者发热两天"])[0] == pytest.approx(5 / 6)
    assert rouge_l(["Лихорадка три дня"], ["Лихорадка два дня"])[0] == pytest.approx(2 / 3)


def test_a_single_greek_letter_does_not_change_the_tokenizer():
    assert tokenizer_name(["a β-blocker for 5 days"]) == LATIN
    assert tokenizer_name(["бета-блокатор"]) == UNICODE


TEXTS = ["", "the patient has pneumonia", "patients had a pneumonia on the left", "nothing in common", "pneumonia"]
REFERENCE = "The patient has pneumonia of the left lung."


def package_scores():
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return [scorer.score(REFERENCE, text)["rougeL"].fmeasure for text in TEXTS]


def test_rouge_l_equals_the_package_s():
    assert rouge_l(TEXTS, [REFERENCE] * 5) == package_scores()


def test_rouge_needs_a_reference_for_each_text():
    with pytest.raises(ValueError):
        rouge_l(TEXTS, [REFERENCE])


def test_the_proxy_maps_rouge_l_to_grades_from_1_to_5():
    rows, answers = task_rows(*[REFERENCE] * 6), answers_of(*TEXTS, REFERENCE)
    grades = numbers(grade_answers(rows, answers, {}, "rouge_likert"))
    assert grades[0] == 1 and grades[-1] == 5
    assert grades[:-1] == [1 + 4 * score for score in package_scores()]


def test_a_proxy_grade_is_marked_and_an_empty_answer_is_invalid():
    grades = grade_answers(task_rows(*[REFERENCE] * 5), answers_of(*TEXTS), {}, "rouge_likert")
    assert numbers(grades) == [1 + 4 * score for score in rouge_l(TEXTS, [REFERENCE] * 5)]
    assert {row["proxy"] for row in grades} == {"true"}
    assert [row["valid"] for row in grades] == ["false", "true", "true", "true", "true"]
