"""Controls of a judge: answers to other questions, and the same items once more."""

from itertools import cycle

import pytest

from clinical_dpo.endpoints import caller
from clinical_dpo.grading.judge.controls import COLUMNS, CONTROL_ITEMS, ask_controls, control_items, shuffled_items
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import between, items_of

REPLIES = {"likert": "4", "correctness": "correct", "preference": "A"}


def ask(kind, tmp_path, server, n=8, **changes):
    return ask_controls(kind, items_of(kind, n), server.endpoint(**changes), tmp_path / f"{kind}.jsonl")


def test_controls_have_one_item_of_each_test_row_up_to_a_few_dozen():
    few, many = control_items(items_of("likert", 8)), control_items(items_of("likert", 60))
    assert len(few) == len({item.row_id for item in few}) == 8
    assert len(many) == len({item.row_id for item in many}) == CONTROL_ITEMS
    assert control_items(items_of("likert", 60)[::-1]) == many


def test_a_shuffled_item_has_the_answer_to_another_question():
    items = control_items(items_of("correctness", 60))
    answers = {item.row_id: item.answers[0] for item in items}
    shuffled = shuffled_items(items)
    assert [item.question for item in shuffled] == [item.question for item in items]
    for item in shuffled:
        [source] = [row_id for row_id, answer in answers.items() if answer == item.answers[0]]
        assert source != item.row_id and item.answers[0] not in (answers[item.row_id], item.reference)


def test_an_item_without_a_foreign_answer_has_no_shuffled_control():
    items = control_items(items_of("correctness", 8))
    assert shuffled_items(items[:1]) == [] and shuffled_items([items[0], items[0]]) == []


@pytest.mark.parametrize(("kind", "controls", "calls"), [("likert", 2, 16), ("correctness", 2, 16)])
def test_a_judge_reads_foreign_answers_and_the_same_answers_again(tmp_path, kind, controls, calls):
    with FaultyServer(say=lambda messages: REPLIES[kind]) as server:
        rows, record = ask(kind, tmp_path, server)
        assert ask(kind, tmp_path, server) == (rows, record) and len(server.received) == calls
    assert {tuple(row) for row in rows} == {COLUMNS} and len({row["control"] for row in rows}) == controls
    assert {row["status"] for row in rows} == {"complete"} and record["calls"] == calls
    texts = [between(body["messages"][0]["content"], "answer") for body in server.received]
    items = {item.item_id: item.answers[0] for item in control_items(items_of(kind, 8))}
    assert sorted(texts[8:]) == sorted(items.values())  # the repetition


def test_pairs_are_repeated_in_both_orders_and_not_shuffled(tmp_path):
    sides = cycle("AB")
    with FaultyServer(say=lambda messages: next(sides)) as server:
        rows, _ = ask("preference", tmp_path, server, concurrency=1)
    assert {row["control"] for row in rows} == {"repeated"} and len(rows) == 6 and len(server.received) == 12
    assert {row["rating"] for row in rows} == {"A B"}


def test_a_judge_that_gives_no_verdict_ends_no_job(tmp_path):
    with FaultyServer(say=lambda messages: "I would rather not") as server:
        rows, record = ask("likert", tmp_path, server, n=2, concurrency=1)
    assert {row["refusal"] for row in rows} == {"unreadable_reply"} and len(rows) == 4
    assert (record["status"], record["waiting_for"]) == ("complete", None)
    assert record["calls"] == len(server.received) == 4 * caller.CALLS_PER_REPLY


def test_controls_are_pending_without_the_key(tmp_path, monkeypatch):
    monkeypatch.delenv("THE_KEY", raising=False)
    with FaultyServer() as server:
        rows, record = ask("likert", tmp_path, server, key_variable="THE_KEY")
    assert {row["status"] for row in rows} == {"pending"} and not server.received
    assert record["waiting_for"] == "judge local: environment variable THE_KEY is not set"
    assert record["unanswered"] == 16
