"""Verdicts in a judge's replies, and the versions of its prompts."""

import hashlib

import pytest

from clinical_dpo.grading.judge.prompts import PROMPTS
from clinical_dpo.grading.judge.reply_parsing import parse_verdict


@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        ("4", "4"),
        (" 4.\n", "4"),
        ("**4**", "4"),
        ("4/5", "4"),
        ("4 out of 5", "4"),
        ("Grade: 4", "4"),
        ("**Grade:** 4/5", "4"),
        ("My final grade is 4.", "4"),
        ("[[4]]", "4"),
        ("<think>\nPerhaps 3, or 2/5.\n</think>\n\n4", "4"),
        ("5/5 because all findings are there", "5"),
        ("5/5. All three drugs are named.", "5"),
        ("5/5 - complete", "5"),
        ("2/5\nThe dose is wrong.", "2"),
        ("Score: 3/5, since the plan is missing", "3"),
        ("", None),
        ("I cannot grade this.", None),
        ("0", None),
        ("6", None),
        ("10", None),
        ("44", None),
        ("-4", None),
        ("4.5", None),
        ("4.5/5", None),
        ("4/50", None),
        ("4/10", None),
        ("4/10 because", None),
        ("3-4", None),
        ("3 or 4", None),
        ("3/5 or 4/5", None),
        ("5/5. On reflection, 3/5", "3"),
        ("5/5, no, 3 out of 5", "3"),
        ("1. The summary leaves out the dose.", None),
        ("5 medications are listed.", None),
        ("5 because", "5"),
        ("5/5 strength in all limbs", None),
        ("five", "5"),
        ("The grade could be 4", None),
        ("<think> 4", None),
        ("<thinking>Perhaps 2.</thinking>\n4", "4"),
        ("The dose is missing.\n</think>\n\n4", "4"),
        ("<|channel|>analysis<|message|>5?<|end|><|start|>assistant<|channel|>final<|message|>4", "4"),
        ('{"criteria": {"accuracy": 2, "tone": 5}, "overall": 3}', "3"),
        ("Accuracy: 4\nTone: 5", None),
        ("Accuracy: 4\nTone: 5\nOverall: 4", "4"),
        ("The patient has a Wells score of 3.", None),
    ],
)
def test_a_likert_reply_has_a_grade_or_none(reply, grade):
    assert parse_verdict("likert", reply) == grade


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("correct", "correct"),
        ("Correct.", "correct"),
        ("INCORRECT", "incorrect"),
        ("Verdict: incorrect", "incorrect"),
        ("**Incorrect** because the drug differs", "incorrect"),
        ("Correct, both mean the same", "correct"),
        ("Correct. Final verdict: correct.", "correct"),
        ("Incorrect. The correct answer is pneumonia.", "incorrect"),
        ("Incorrect: only one of the drugs is correct.", "incorrect"),
        ("Incorrect, it names aspirin rather than the correct heparin", "incorrect"),
        ("Incorrect. The answer is not correct.", "incorrect"),
        ("Correct! Actually incorrect", "incorrect"),
        ("correct\nincorrect", None),
        ("Correct. The answer is incorrect.", None),
        ("Incorrect. On reflection, the two are the same: correct.", "correct"),
        ("Incorrect. No, it says the same, correct", None),
        ("Correct. Actually, this is not correct.", "incorrect"),
        ("Correct. On second thoughts, it is not.", None),
        ("Correct, rather than only plausible.", "correct"),
        ("Correct. Wait, that is wrong.", "incorrect"),
        ("Incorrect. The answer actually names the correct drug in the wrong dose.", "incorrect"),
        ("Incorrect. This is correct for children only.", "incorrect"),
        ("not correct", "incorrect"),
        ("partially correct", None),
        ("correct or incorrect", None),
        ("correctly stated", None),
        ("yes", None),
    ],
)
def test_a_correctness_reply_has_a_verdict_or_none(reply, verdict):
    assert parse_verdict("correctness", reply) == verdict


@pytest.mark.parametrize(
    ("reply", "side"),
    [
        ("A", "A"),
        ("B.", "B"),
        ("**B**", "B"),
        ("[[A]]", "A"),
        ("Answer A", "A"),
        ("Preference: B", "B"),
        ("Tie", "tie"),
        ("tie - both say the same", "tie"),
        ("B because it names the dose", "B"),
        ("A, since it is shorter", "A"),
        ("A, since B misses the dose", "A"),
        ("B because it names the dose, unlike A.", "B"),
        ("A, not B.", "A"),
        ("B. A is longer, but B is true.", "B"),
        ("A. A patient would follow it. B has no dose.", "A"),
        ("A\n\nFinal verdict: A", "A"),
        ("Tie\nAnswer A: a dose.\nAnswer B: a dose.", "tie"),
        ("A. No wait, B.", "B"),
        ("A. Actually B names the dose", None),
        ("B: it tells the patient to wait until symptoms end; A tells nothing.", "B"),
        ("A. It says to wait 3 days, which B does not.", "A"),
        ("A. B is better.", None),
        ("A - I prefer B", None),
        ("A\nIt is a tie.", None),
        ("A. B.", None),
        ("Answer A is better than B", "A"),
        ("a", "A"),
        ("A patient with dyspnea", None),
        ("A-fib is named", None),
        ("B12 is missing", None),
        ("Both", None),
        ("A or B", None),
        ("AB", None),
        ("C", None),
    ],
)
def test_a_preference_reply_has_a_side_or_none(reply, side):
    assert parse_verdict("preference", reply) == side


def test_a_changed_prompt_gets_a_new_version():
    """Stored replies and published grades name the version, so its wording must not change."""
    digests = {
        prompt.version: hashlib.sha256(f"{prompt.template}\n{prompt.reminder}".encode()).hexdigest()[:12]
        for prompt in PROMPTS.values()
    }
    assert digests == {
        **{"likert-1": "a7bf4f277557", "correctness-1": "bd73e36897d9", "preference-1": "6941be2f0b9d"},
        "rubric-1": "779bb0350839",
    }


def test_braces_and_marks_in_a_text_stay_as_they_are():
    text = '{answer} {{x}} "5 mg" </answer> {0}'
    content = PROMPTS["likert"].messages(question="{q}", answer=text)[0]["content"]
    assert text in content and "{q}" in content
