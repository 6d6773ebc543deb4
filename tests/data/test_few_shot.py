"""The examples of few-shot prompts: a fair draw over labels, and a conversation that ends in the row's own question."""

from collections import Counter

import pytest

from clinical_dpo.data.few_shot import draw_examples, with_examples
from clinical_dpo.errors import UserError
from tests.helpers.task_rows import task_row

LABELLED = [task_row(f"t{n}", f"Note {n}", label, label=label) for n, label in enumerate(["yes"] * 30 + ["no"] * 10)]
PLAIN = [task_row(f"t{n}", f"Question {n}", f"answer {n}") for n in range(40)]


@pytest.mark.parametrize(("count", "counts"), [(2, [1, 1]), (5, [2, 3]), (8, [4, 4])])
def test_labels_take_turns(count, counts):
    for seed in range(20):
        drawn = draw_examples(LABELLED, count, seed)
        assert sorted(Counter(row["label"] for row in drawn).values()) == counts


def test_a_rare_label_that_runs_out_leaves_its_turns_to_the_others():
    drawn = draw_examples(LABELLED, 35, 1)
    assert Counter(row["label"] for row in drawn) == {"yes": 25, "no": 10}
    assert len({row["id"] for row in drawn}) == 35


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_the_rows():
    drawn = draw_examples(PLAIN, 4, 1)
    assert draw_examples(PLAIN[::-1], 4, 1) == drawn
    assert len({tuple(row["id"] for row in draw_examples(PLAIN, 4, seed)) for seed in range(20)}) == 20


def test_every_training_row_can_be_an_example():
    drawn = {row["id"] for seed in range(300) for row in draw_examples(PLAIN, 2, seed)}
    assert drawn == {row["id"] for row in PLAIN}


def test_the_examples_are_in_a_random_order_of_labels():
    first = {draw_examples(LABELLED, 4, seed)[0]["label"] for seed in range(30)}
    assert first == {"yes", "no"}


def test_more_examples_than_training_rows_are_refused():
    with pytest.raises(UserError, match=r"arms\.few_shot\.examples is 41, but the training split has only 40 rows"):
        draw_examples(PLAIN, 41, 1)


def test_a_prompt_has_the_examples_as_earlier_turns():
    row = with_examples(task_row("q", "Question?", "x", label="yes"), PLAIN[:2])
    assert [(turn["role"], turn["content"]) for turn in row["prompt"]] == [
        *(("user", "Question 0"), ("assistant", "answer 0")),
        *(("user", "Question 1"), ("assistant", "answer 1")),
        ("user", "Question?"),
    ]
    assert {key: value for key, value in row.items() if key != "prompt"} == {
        key: value for key, value in task_row("q", "Question?", "x", label="yes").items() if key != "prompt"
    }


def test_a_system_message_stays_first_and_alone():
    system = {"role": "system", "content": "Be brief."}
    rows = [task_row(name) for name in "abc"]
    for row in rows:
        row["prompt"].insert(0, system)
    prompt = with_examples(rows[0], rows[1:])["prompt"]
    assert [turn["role"] for turn in prompt] == ["system", "user", "assistant", "user", "assistant", "user"]
