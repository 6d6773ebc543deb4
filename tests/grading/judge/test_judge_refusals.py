"""Items that the judge's endpoint refuses are pending and named, or failures by choice."""

import pytest

from clinical_dpo.config.judges import judging_round
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.grading.judge.judge import warnings
from clinical_dpo.io import write_json
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import judged
from tests.helpers.rating import study

CONTENT_FILTER = (400, '{"error": {"code": "content_filter"}}')
ONE_AT_A_TIME = {"changes": {"concurrency": 1, "parameters": {"response_format": None}}}


@pytest.mark.parametrize("kind", ["likert", "correctness", "preference"])
def test_a_refused_item_is_pending_and_named_and_the_others_are_judged(tmp_path, kind):
    replies = {"likert": "4", "correctness": "correct", "preference": "A"}
    with FaultyServer(CONTENT_FILTER, say=lambda messages: replies[kind]) as server:
        verdicts, record = judged(kind, server, tmp_path, **ONE_AT_A_TIME)
    refused, *others = [row for row in verdicts if row["shown"] == "true"]
    assert (refused["refusal"], refused["choice"], refused["status"]) == ("content_filter", "", "pending")
    assert {(row["refusal"], row["status"]) for row in others} == {("", "complete")}
    assert record["refused"] == {refused["item_id"]: "content_filter"} and record["pending"] == 1
    assert "judge local refuses 1 items (content_filter 1)" in record["waiting_for"]
    assert f"judge local refuses item {refused['item_id']} (content_filter)" in warnings(record)


def test_a_refused_item_is_a_failure_by_choice(tmp_path):
    with FaultyServer(CONTENT_FILTER) as server:
        verdicts, record = judged("likert", server, tmp_path, refusals="failure", **ONE_AT_A_TIME)
        assert (record["status"], record["waiting_for"]) == ("complete", None) and len(record["refused"]) == 1
        grades = [row for variant in ("base", "sft", "dpo") for row in judge_grades(verdicts, variant, study()[0])]
        assert {row["status"] for row in grades} == {"complete"}
        assert {(row["grade"], row["valid"]) for row in grades} == {("1", "false"), ("4", "true")}


def test_a_refused_item_starts_no_round_of_its_own(tmp_path):
    path = tmp_path / "record.json"
    with FaultyServer(CONTENT_FILTER) as server:
        for _ in range(2):
            number = judging_round(path, server.endpoint())
            _, record = judged("likert", server, tmp_path, **ONE_AT_A_TIME)
            write_json(path, record | {"round": number})
            assert number == 0 and len(server.received) in (22, 23)  # a job that runs again sends the item again
    assert (record["refused"], record["status"], record["calls"]) == ({}, "complete", 22)


def test_a_refusal_is_the_same_without_the_endpoint_s_key(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-1")
    keyed = {"changes": ONE_AT_A_TIME["changes"] | {"key_variable": "THE_KEY"}}
    with FaultyServer(CONTENT_FILTER) as server:
        first = judged("likert", server, tmp_path, **keyed)
        monkeypatch.delenv("THE_KEY")
        assert judged("likert", server, tmp_path, **keyed) == first and first[1]["refused"]
