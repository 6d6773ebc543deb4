"""What a reasoning model thinks is kept apart from its answer, wherever an answer is read."""

import pytest

from clinical_dpo.grading.answers import answer_texts, reading_shares
from clinical_dpo.grading.grade import grade_answers
from clinical_dpo.thoughts import Reply, split_thought
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
def test_thought_and_answer(text, thought, answer):
    assert split_thought(text) == Reply(thought, answer, False)


@pytest.mark.parametrize(
    "text", ["<think>a", "b <thinking>a", "<think>a</think>b<think>c", "<|channel|>analysis<|message|>a", "[THINK] a"]
)
def test_a_thought_that_never_ends_leaves_no_answer(text):
    reply = split_thought(text)
    assert reply.cut and not reply.answer


def test_grades_and_shares_are_of_the_answers_alone():
    rows = task_rows(*["UTI"] * 4)
    texts = ["<think>No UTI?</think>UTI", "<think>UTI", "UTI", "No UTI"]
    ends = ["stop", "length", "stop", "length"]
    answers = [
        {"id": f"q{i}", "text": text, "finish_reason": end}
        for i, (text, end) in enumerate(zip(texts, ends, strict=True))
    ]
    assert answer_texts(rows, answers) == ["UTI", "", "UTI", "No UTI"]
    graded = grade_answers(rows, answers, {"labels": ["UTI", "No UTI"]}, "label")
    assert [row["grade"] for row in graded] == ["1", "0", "1", "0"]
    assert [row["valid"] for row in graded] == ["true", "false", "true", "true"]
    assert reading_shares(answers) == {"thought_rate": 0.5, "cut_in_thought_rate": 0.25, "cut_rate": 0.5}
    elsewhere = [{"id": "q0", "text": "UTI"}]
    assert reading_shares(elsewhere) == {"thought_rate": 0, "cut_in_thought_rate": 0, "cut_rate": None}
