"""The thought of a reasoning model is split from its answer wherever an answer is read."""

import pytest

from clinical_dpo.grading.answers import answer_texts, reading_shares
from clinical_dpo.grading.grade import grade_answers
from clinical_dpo.thoughts import ThoughtAndAnswer, split_thought
from tests.helpers.task_rows import task_rows


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("pneumonia", "", "pneumonia"),
        ("<think>\n\n</think>\n\npneumonia", "", "pneumonia"),
        ("<THINK>a or b?</Think> b", "a or b?", "b"),
        ("<thinking>a</thinking>b", "a", "b"),
        ("<reasoning>a</reasoning><answer>b</answer>", "a", "b"),
        ("[THINK]a[/THINK]b", "a", "b"),
        ("<think>a</think>\n<think>b</think>\nc", "a\nb", "c"),
        ("a is likelier\n</think>\n\nb", "a is likelier", "b"),
        ("<think>a <reasoning>b</reasoning> c</think>d", "a <reasoning>b</reasoning> c", "d"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "a", "b"),
        ("analysisWe weigh a.assistantfinalb", "We weigh a.", "b"),
        ("<unused94>thought\na<unused95>b", "thought\na", "b"),
        ("◁think▷a◁/think▷b", "a", "b"),
        ("a < b and c > d", "", "a < b and c > d"),
        ("Analysis: a. Final: b", "", "Analysis: a. Final: b"),
    ],
)
def test_a_text_is_split_into_thought_and_answer(text, thought, answer):
    assert split_thought(text) == ThoughtAndAnswer(thought, answer, False)


@pytest.mark.parametrize(
    "text", ["<think>a", "b <thinking>a", "<think>a</think>b<think>c", "<|channel|>analysis<|message|>a", "[THINK] a"]
)
def test_a_thought_without_an_end_leaves_no_answer(text):
    reply = split_thought(text)
    assert reply.cut and not reply.answer


ROWS = task_rows(*["UTI"] * 4)
TEXTS = ("<think>No UTI?</think>UTI", "<think>UTI", "UTI", "No UTI")
ENDS = ("stop", "length", "stop", "length")
ANSWERS = [
    {"id": f"q{i}", "text": text, "finish_reason": end} for i, (text, end) in enumerate(zip(TEXTS, ENDS, strict=True))
]


def test_answers_are_read_without_their_thoughts():
    assert answer_texts(ROWS, ANSWERS) == ["UTI", "", "UTI", "No UTI"]


def test_grades_do_not_depend_on_thoughts():
    graded = grade_answers(ROWS, ANSWERS, {"labels": ["UTI", "No UTI"]}, "label")
    assert [(row["grade"], row["valid"]) for row in graded] == [
        ("1", "true"),
        ("0", "false"),
        ("1", "true"),
        ("0", "true"),
    ]


def test_shares_of_thoughts_and_of_cut_answers_are_counted():
    assert reading_shares(ANSWERS) == {"thought_rate": 0.5, "cut_in_thought_rate": 0.25, "cut_rate": 0.5}


def test_external_predictions_have_no_share_of_cut_answers():
    external = [{"id": "q0", "text": "UTI"}]
    assert reading_shares(external) == {"thought_rate": 0, "cut_in_thought_rate": 0, "cut_rate": None}
