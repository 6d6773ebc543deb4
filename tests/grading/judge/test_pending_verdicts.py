"""Verdicts without the endpoint's key: stored ones count, others are pending and follow later."""

import json

from clinical_dpo.config.judges import judging_round
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.grading.judge.judge import warnings
from clinical_dpo.io import write_json
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import graded, judged
from tests.helpers.rating import study

KEYED = {"changes": {"key_variable": "THE_KEY"}}


def test_verdicts_are_pending_without_the_endpoint_s_key(tmp_path, monkeypatch):
    monkeypatch.delenv("THE_KEY", raising=False)
    with FaultyServer(say=graded) as server:
        verdicts, record = judged("likert", server, tmp_path, **KEYED)
    assert not server.received and {row["status"] for row in verdicts} == {"pending"}
    assert record["waiting_for"] == "judge local: environment variable THE_KEY is not set"
    assert warnings(record) == [f"{record['waiting_for']}; 22 of 22 items are pending"]
    assert {row["status"] for row in judge_grades(verdicts, "sft", study()[0])} == {"pending"}


def test_stored_replies_count_without_the_endpoint_s_key(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-1")
    with FaultyServer(say=graded) as server:
        first = judged("likert", server, tmp_path, **KEYED)
        monkeypatch.delenv("THE_KEY")
        assert judged("likert", server, tmp_path, **KEYED) == first
        assert len(server.received) == 22


def test_new_items_are_pending_beside_stored_replies(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-1")
    with FaultyServer(say=graded) as server:
        stored, _ = judged("likert", server, tmp_path, **KEYED)
        monkeypatch.delenv("THE_KEY")
        verdicts, record = judged("likert", server, tmp_path, n=9, **KEYED)
    assert (record["status"], record["pending"], record["calls"]) == ("pending", 2, 22)
    assert [row for row in verdicts if row["status"] == "complete"] == stored


def test_a_judge_runs_again_once_pending_verdicts_are_available(tmp_path, monkeypatch):
    """The round is a parameter of the rule, which runs again when the round is not that of its last run."""
    path = tmp_path / "likert.json"
    with FaultyServer(say=graded) as server:
        endpoint = server.endpoint(key_variable="THE_KEY")

        def run(n=8):
            number = judging_round(path, endpoint)
            record = judged("likert", server, tmp_path, n, changes={"key_variable": "THE_KEY"})[1]
            write_json(path, record | {"round": number})
            return number, record["status"]

        def is_current():
            return judging_round(path, endpoint) == json.loads(path.read_text())["round"]

        monkeypatch.delenv("THE_KEY", raising=False)
        assert run() == (0, "pending") and is_current()
        monkeypatch.setenv("THE_KEY", "sk-1")
        assert not is_current() and run() == (1, "complete") and is_current()
        monkeypatch.delenv("THE_KEY")
        assert is_current() and run(9) == (1, "pending") and is_current()  # new answers to judge
        monkeypatch.setenv("THE_KEY", "sk-1")
        assert not is_current() and run(9) == (2, "complete") and is_current()
