"""The client of OpenAI-compatible servers against a real server that misbehaves."""

import json
import re

import pytest

from clinical_dpo.config.endpoints import check_endpoint_allowed, why_unavailable
from clinical_dpo.endpoints import caller
from clinical_dpo.endpoints.client import usage
from clinical_dpo.endpoints.replies import Reply
from clinical_dpo.errors import UserError
from tests.helpers.completions import ask
from tests.helpers.faulty_server import PAGE, FaultyServer, completion

KEY = "sk-secret-0123456789"
INVALID = json.dumps({"error": {"code": "invalid_api_key", "message": f"Incorrect key {KEY}"}})


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    """A server that was sent twelve requests, three at once; its replies, and the lines of the log."""
    with FaultyServer(say=lambda messages: messages[-1]["content"].upper(), delay=0.05) as server:
        endpoint = server.endpoint(concurrency=3, seed=5)
        replies, lines = ask(server, tmp_path_factory.mktemp("twelve"), n=12, endpoint=endpoint)
    return server, replies, lines


def test_every_request_gets_the_reply_to_its_own_messages(twelve):
    _, replies, _ = twelve
    assert {name: reply.text for name, reply in replies.items()} == {f"item{i}": f"QUESTION {i}" for i in range(12)}
    assert replies["item3"] == Reply("QUESTION 3", "stop", "tiny-judge-2026", 7, 2)


def test_calls_are_concurrent_up_to_the_endpoint_s_limit(twelve):
    server, _, _ = twelve
    assert 1 < server.busiest <= 3 and len(server.received) == 12


def test_a_call_has_temperature_0_and_the_endpoint_s_settings(twelve):
    body = twelve[0].received[0]
    assert (body["temperature"], body["seed"], body["max_tokens"], body["model"]) == (0, 5, 16, "tiny-judge")


def test_the_log_has_an_estimate_first_and_the_tokens_used_last(twelve):
    _, replies, lines = twelve
    assert "12 calls to make, about 30 tokens to send and 192 to receive at most" in lines[0]
    assert lines[-1] == "local: 12 calls made, 84 tokens sent, 24 received"
    assert usage(replies.values()) == {"calls": 12, "prompt_tokens": 84, "completion_tokens": 24}


@pytest.mark.parametrize(
    "fault",
    [
        (429, '{"error": {"code": "rate_limit_exceeded"}}', {}),
        (500, "oops"),
        (503, PAGE, {"content-type": "text/html"}),
        "late",
        "cut off",
        "hang up",
        (200, completion("4")[:50]),
        (200, '{"error": "overloaded"}'),
        (200, '{"choices": []}'),
        (200, ""),
        (200, "[1]"),
    ],
    ids=str,
)
def test_a_call_is_repeated_after_a_temporary_fault(tmp_path, fault):
    with FaultyServer(fault, fault) as server:
        replies, lines = ask(server, tmp_path, n=3, endpoint=server.endpoint(timeout_seconds=1))
    assert [reply.text for reply in replies.values()] == ["4"] * 3
    assert len(server.received) == 5 and sum("next attempt in" in line for line in lines) == 2
    rows = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    assert sum(row["event"] == "received" for row in rows) == 5
    assert sum(row.get("completion", False) for row in rows) == 3


def test_a_repeated_call_waits_as_long_as_retry_after_requests(tmp_path):
    with FaultyServer(
        (429, "", {"retry-after": "0.4"}), (503, "", {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
    ) as server:
        _, lines = ask(server, tmp_path, n=1)
    pauses = [float(line.split("attempt in ")[1].split()[0]) for line in lines if "attempt in" in line]
    assert 0.4 <= pauses[0] < 0.6 and pauses[1] < 0.1


def test_a_retry_after_of_a_day_ends_the_run(tmp_path):
    with FaultyServer((429, "", {"retry-after": "86400"})) as server, pytest.raises(UserError) as error:
        ask(server, tmp_path, n=1)
    assert all(word in str(error.value) for word in ("'local'", "item0", "429", "86400 s", "Run again"))
    assert len(server.received) == 1


def test_a_server_that_stays_down_ends_the_run_and_keeps_earlier_replies(tmp_path, monkeypatch):
    monkeypatch.setattr(caller, "ATTEMPTS", 3)
    with FaultyServer() as server:
        ask(server, tmp_path, n=2)
        server.faults += [(500, "oops")] * 99
        with pytest.raises(UserError) as error:
            ask(server, tmp_path, n=40, endpoint=server.endpoint(concurrency=1))
        assert all(word in str(error.value) for word in ("'local'", "item2", "500", "Run again"))
        assert len(server.received) == 5
        server.faults.clear()
        ask(server, tmp_path, n=40)
        assert len(server.received) == 5 + 38
    with pytest.raises(UserError, match=r"'local'.*item0.*no connection.*Run again"):
        ask(server, tmp_path, n=1, version="v9")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ((401, INVALID), r"key \(401, invalid_api_key\)\. Check the key in environment variable THE_KEY"),
        ((403, KEY), r"key \(403\)\. Check the key in environment variable THE_KEY"),
        ((404, '{"error": {"code": "model_not_found"}}'), r"'item0' \(404, model_not_found\).*Check base_url, model"),
        ((400, json.dumps({"error": {"code": KEY}})), r"'item0' \(400\).*Check base_url, model"),
        ((200, PAGE, {"content-type": "text/html"}), r"web page\. Correct base_url"),
        ((307, "", {"location": "http://elsewhere.example/v1"}), r"redirects .*\(307\).*Correct base_url"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_permanent_fault_ends_the_run_at_once_and_shows_no_key(tmp_path, monkeypatch, capfd, fault, message):
    monkeypatch.setenv("THE_KEY", f"{KEY}\n")
    with FaultyServer(fault) as server, pytest.raises(UserError) as error:
        ask(server, tmp_path, n=1, endpoint=server.endpoint(key_variable="THE_KEY"), say=print)
    assert re.search(f"'local'.*{message}", str(error.value)) and len(server.received) == 1
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    written = "".join(path.read_text() for path in tmp_path.rglob("*.*"))
    captured = capfd.readouterr()
    assert KEY not in f"{error.value}{written}{captured.out}{captured.err}"


@pytest.mark.parametrize(
    ("key", "message"),
    [("", "is empty"), (" \n", "is empty"), ("sk-1\nsk-2", "no key has"), ("schlüssel", "no key has")],
)
def test_an_empty_or_malformed_key_is_refused_before_a_call(tmp_path, monkeypatch, key, message):
    monkeypatch.setenv("THE_KEY", key)
    with FaultyServer() as server, pytest.raises(UserError) as error:
        ask(server, tmp_path, endpoint=server.endpoint(key_variable="THE_KEY"))
    assert "endpoint 'local': environment variable THE_KEY" in str(error.value)
    assert message in str(error.value) and not server.received and (not key.strip() or key not in str(error.value))


def ask_for_digits(server, tmp_path):
    return ask(server, tmp_path, valid=str.isdigit, reminder="A digit.")[0]


@pytest.fixture
def reluctant():
    """A server that never answers question 1 with a digit, and question 2 only after a reminder."""

    def say(messages):
        question = messages[0]["content"]
        unreadable = question == "question 1" or (question == "question 2" and len(messages) < 2)
        return "I would rather not" if unreadable else "5"

    with FaultyServer(say=say) as server:
        yield server


def test_an_unreadable_reply_is_requested_up_to_three_times_a_run_and_named(tmp_path, reluctant):
    for run in (1, 2):
        with pytest.raises(UserError, match=r"'local' \(tiny-judge\): 1 replies.*: item1\..*replies\.jsonl.*Run again"):
            ask_for_digits(reluctant, tmp_path)
        # item1 takes three calls a run, item2 two in the first run, the others one.
        assert len(reluctant.received) == 4 + 1 + 2 + 3 * (run - 1)


def test_an_unreadable_reply_is_followed_by_the_reminder(tmp_path, reluctant):
    with pytest.raises(UserError, match="item1"):
        ask_for_digits(reluctant, tmp_path)
    bodies = [body for body in reluctant.received if body["messages"][0]["content"] == "question 1"]
    contents = [message["content"] for message in bodies[1]["messages"]]
    assert contents == ["question 1", "I would rather not", "A digit."]


def test_calls_and_tokens_of_unreadable_replies_are_counted(tmp_path, reluctant):
    for _ in range(2):
        with pytest.raises(UserError, match="item1"):
            ask_for_digits(reluctant, tmp_path)
    reluctant.say = lambda messages: "3"
    replies = ask_for_digits(reluctant, tmp_path)
    assert [reply.text for reply in replies.values()] == ["5", "3", "5", "5"]
    assert replies["item2"].calls == 2 and replies["item2"].prompt_tokens == 14
    assert replies["item1"].calls == 7 and usage(replies.values())["calls"] == len(reluctant.received) == 11


def test_parameters_add_and_remove_fields_of_a_call(tmp_path):
    extra = {"temperature": None, "max_tokens": None, "max_completion_tokens": 9}
    with FaultyServer() as server:
        ask(server, tmp_path, n=1, endpoint=server.endpoint(parameters=extra))
    assert set(server.received[0]) == {"model", "messages", "max_completion_tokens"}


def test_a_server_without_a_key_gets_no_key_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FaultyServer() as server:
        ask(server, tmp_path, n=1)
    assert KEY not in str(server.headers)


def test_the_estimate_has_the_largest_cost(tmp_path):
    with FaultyServer() as server:
        _, lines = ask(server, tmp_path, n=4, endpoint=server.endpoint(price={"input": 1e4, "output": 1e5}))
    assert "about 10 tokens to send and 64 to receive at most, about 6.50 US dollars at most" in lines[0]


def test_private_text_bypasses_proxies_and_other_text_does_not(tmp_path, proxy):
    with FaultyServer() as server:
        ask(server, tmp_path, n=1, private=True, store="private.jsonl")
        assert (len(server.received), len(proxy.received)) == (1, 0)
        ask(server, tmp_path, n=1, store="open.jsonl")
        assert (len(server.received), len(proxy.received)) == (1, 1)


ALLOWED = ["localhost", "127.0.0.1"]
PRIVATE = {"name": "notes", "phi": True}


def test_private_text_may_go_to_an_allowed_host():
    with FaultyServer() as server:
        outside = server.endpoint(name="gpt", base_url="https://API.openai.com/v1")
        check_endpoint_allowed(PRIVATE, server.endpoint(), ALLOWED)
        check_endpoint_allowed({"name": "notes"}, outside, ALLOWED)
        check_endpoint_allowed(PRIVATE, outside, [*ALLOWED, "api.openai.com"])


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1", "http://127.0.0.1.example.org/v1", "http://localhost.evil.org:8000"]
)
def test_private_text_may_not_go_to_another_host(url):
    with FaultyServer() as server, pytest.raises(UserError) as error:
        check_endpoint_allowed(PRIVATE, server.endpoint(name="gpt", base_url=url), ALLOWED)
    assert all(word in str(error.value) for word in ("config/tasks/notes.yaml", "'gpt'", "phi_hosts", "localhost"))


def test_an_endpoint_is_unavailable_until_its_key_is_set(monkeypatch):
    with FaultyServer() as server:
        keyed = server.endpoint(key_variable="THE_KEY")
        monkeypatch.delenv("THE_KEY", raising=False)
        assert why_unavailable(keyed) == "environment variable THE_KEY is not set"
        assert why_unavailable(server.endpoint()) is None
        monkeypatch.setenv("THE_KEY", KEY)
        assert why_unavailable(keyed) is None
