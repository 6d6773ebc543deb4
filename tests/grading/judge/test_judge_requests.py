"""Requests of a judge: a killed run repeats no paid one, and each names the schema of a reply."""

import json
import pickle
import random
import signal
import subprocess
import sys
import time

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.grading.judge.judge import judge_items
from tests.conftest import ROOT
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import graded, items_of, judged

RUN = """
import pickle, sys
from clinical_dpo.endpoints import caller
from clinical_dpo.grading.judge.judge import judge_items
caller.FIRST_WAIT = 0.01
with open(sys.argv[1], "rb") as file:
    judge_items("likert", *pickle.load(file), sys.argv[2])
"""


def test_a_run_killed_at_random_replies_repeats_no_finished_request(tmp_path):
    """Only requests in flight at the kill are repeated: at most as many as run at once."""
    draw, at_once = random.Random(5), 3
    in_flight = []
    with FaultyServer((500, "oops"), (429, ""), say=graded, delay=0.02) as server:
        items, endpoint = items_of("likert", 20), server.endpoint(concurrency=at_once, timeout_seconds=5)
        (tmp_path / "items").write_bytes(pickle.dumps((items, endpoint)))
        command = [sys.executable, "-c", RUN, str(tmp_path / "items"), str(tmp_path / "replies.jsonl")]
        for kill_after in (draw.randint(2, 12), draw.randint(2, 12), draw.randint(2, 12), None):
            before = len(server.received)
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
            while kill_after and len(server.received) < before + kill_after and process.poll() is None:
                time.sleep(0.002)
            if kill_after:
                process.send_signal(signal.SIGKILL)
            _, log = process.communicate(timeout=120)
            time.sleep(0.1)  # requests in flight arrive
            events = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().split("\n")[:-1]]
            ended = sum(row["event"] == "received" for row in events)
            in_flight.append(len(server.received) - ended - sum(in_flight))
        assert process.returncode == 0, log
        prompts = [body["messages"][0]["content"] for body in server.received]
        needed = len(set(prompts))
        assert needed == 55 and len(prompts) == needed + 2 + sum(in_flight)  # 2: the faults
        assert in_flight[-1] == 0 and all(0 <= lost <= at_once for lost in in_flight)
        _, record = judge_items("likert", items, endpoint, tmp_path / "replies.jsonl")
        assert len(server.received) == len(prompts) and record["calls"] == needed
        _, uninterrupted = judge_items("likert", items, endpoint, tmp_path / "uninterrupted.jsonl")
        assert record == uninterrupted


def test_a_request_names_the_schema_of_a_reply(tmp_path):
    with FaultyServer(say=lambda messages: '{"verdict": 4}') as server:
        verdicts, _ = judged("likert", server, tmp_path)
    assert {row["rating"] for row in verdicts} == {"4"}
    formats = [body["response_format"] for body in server.received]
    assert {response_format["type"] for response_format in formats} == {"json_schema"}
    assert formats[0]["json_schema"]["schema"]["properties"] == {"verdict": {"enum": [1, 2, 3, 4, 5]}}


def test_a_server_that_refuses_the_schema_gets_it_once(tmp_path):
    refusal = (400, '{"error": {"code": "unknown_field"}}', {})
    with FaultyServer(refusal) as server:
        verdicts, record = judged("likert", server, tmp_path)
        first = len(server.received)
        assert [("response_format" in body) for body in server.received].count(True) == 1
        judge_items("likert", items_of("likert", 9), server.endpoint(), tmp_path / "likert.jsonl")
    assert {row["rating"] for row in verdicts} == {"4"} and record["calls"] == first - 1
    assert len(server.received) > first and not any("response_format" in body for body in server.received[first:])


def test_the_first_call_counts_among_the_attempts_at_a_reply(tmp_path):
    with FaultyServer(say=lambda messages: "I cannot grade this.") as server:
        with pytest.raises(UserError, match="unreadable"):
            judge_items("likert", items_of("likert", 2), server.endpoint(concurrency=1), tmp_path / "likert.jsonl")
        first = server.received[0]["messages"]
    assert sum(body["messages"][0] == first[0] for body in server.received) == 3


def test_an_endpoint_s_own_response_format_is_kept(tmp_path):
    for number, own in enumerate(({"type": "json_object"}, None)):
        with FaultyServer() as server:
            changes = {"parameters": {"response_format": own}}
            judge_items("likert", items_of("likert", 1), server.endpoint(**changes), tmp_path / f"{number}.jsonl")
        assert {str(body.get("response_format")) for body in server.received} == {str(own)}
