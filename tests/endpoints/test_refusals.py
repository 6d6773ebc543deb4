"""Requests that a server refuses, replies without a text, and faults that no waiting cures."""

import json

import pytest

from clinical_dpo.endpoints import caller
from clinical_dpo.endpoints.client import kept_replies, usage
from clinical_dpo.errors import UserError
from tests.helpers.completions import ask, requests
from tests.helpers.faulty_server import FaultyServer, completion

QUESTION = "question 1"


def error(**fields):
    return json.dumps({"error": fields})


def message(finish_reason="stop", **fields):
    """The body of a completion whose message has these fields."""
    body = json.loads(completion(""))
    body["choices"][0] |= {"message": {"role": "assistant", **fields}, "finish_reason": finish_reason}
    return json.dumps(body)


class Particular(FaultyServer):
    """Answers a question with a fixed response, as often as it comes; any other question with "4"."""

    def __init__(self, response, question=QUESTION):
        super().__init__()
        answer = self.http.RequestHandlerClass.send

        def send(handler, status, body, headers=()):
            asked = self.received[-1]["messages"][0]["content"] == question
            answer(handler, *(response if asked else (status, body, headers)))

        self.http.RequestHandlerClass.send = send


REFUSALS = [
    ((400, error(code="context_length_exceeded", type="invalid_request_error")), "context_length_exceeded"),
    # vLLM, llama.cpp, a proxy's limit of bytes
    ((400, error(code=400, message="This model's maximum context length is 8192 tokens.")), "context_length_exceeded"),
    ((400, error(code=400, type="exceed_context_size_error", message="too large")), "context_length_exceeded"),
    ((413, "<html>413 Request Entity Too Large</html>"), "context_length_exceeded"),
    # Azure; OpenAI
    ((400, error(code="content_filter", message="content management policy")), "content_filter"),
    ((403, error(code="content_policy_violation")), "content_filter"),
    ((200, message("content_filter", content="I would")), "content_filter"),
    # a code that this project does not know
    ((422, error(code="text_not_liked")), "text_not_liked"),
    ((400, error(code=KeyError.__name__)), "http_400"),
]


@pytest.mark.parametrize(("response", "code"), REFUSALS, ids=lambda value: str(value)[:40])
def test_a_refused_request_stops_no_other_and_is_named_with_its_code(tmp_path, response, code):
    with Particular(response) as server:
        replies, _ = ask(server, tmp_path, n=5, endpoint=server.endpoint(concurrency=1))
        assert {name: reply.refusal for name, reply in replies.items() if reply.refusal} == {"item1": code}
        assert [reply.text for reply in replies.values()] == ["4", "", "4", "4", "4"]
        assert len(server.received) == 5


def test_a_refusal_is_kept_and_only_its_request_is_sent_again(tmp_path):
    with Particular((200, message("content_filter", content=""))) as server:
        endpoint = server.endpoint(concurrency=1)
        first, _ = ask(server, tmp_path, endpoint=endpoint)
        kept = kept_replies(endpoint, requests(4), tmp_path / "replies.jsonl", "v1")
        assert kept == first and kept["item1"].prompt_tokens == 7
        again, lines = ask(server, tmp_path, endpoint=endpoint)
        assert len(server.received) == 5 and "4 replies needed, 1 calls to make" in lines[0]
        assert again["item1"].refusal == "content_filter" and usage(again.values())["calls"] == 4


def test_a_server_that_accepts_a_text_later_gives_its_reply(tmp_path):
    with FaultyServer((400, error(code="context_length_exceeded"))) as server:
        endpoint = server.endpoint(concurrency=1)
        assert [reply.refusal for reply in ask(server, tmp_path, n=2)[0].values()].count("") == 1
        replies, _ = ask(server, tmp_path, n=2)
        assert [reply.text for reply in replies.values()] == ["4", "4"] and len(server.received) == 3
        assert kept_replies(endpoint, requests(2), tmp_path / "replies.jsonl", "v1").keys() == replies.keys()


@pytest.mark.parametrize("n", [1, 3, 40])
def test_a_server_that_refuses_everything_ends_the_run(tmp_path, n):
    with FaultyServer(*[(400, error(code="unsupported_parameter"))] * 99) as server:
        with pytest.raises(UserError, match=r"'item0' \(400, unsupported_parameter\).*Check base_url, model"):
            ask(server, tmp_path, n=n, endpoint=server.endpoint(concurrency=1))
        assert len(server.received) == min(n, caller.REFUSALS_WITHOUT_REPLY)
        assert kept_replies(server.endpoint(), requests(n), tmp_path / "replies.jsonl", "v1") == {}


def test_a_refused_text_does_not_cost_the_reply_schema(tmp_path):
    schema = {"type": "object"}
    with Particular((400, error(code="content_filter")), "question 0") as server:
        ask(server, tmp_path, n=3, reply_schema=schema, endpoint=server.endpoint(concurrency=1))
        assert len(server.received) == 3 and all("response_format" in body for body in server.received)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (message(content=""), "empty_reply"),
        (message(content=None), "empty_reply"),
        (message(content=" \n"), "empty_reply"),
        (message(content=[]), "empty_reply"),
        (message("length", content="", reasoning_content="I think"), "thought_without_reply"),
        (message("length", content=None), "thought_without_reply"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_a_reply_without_a_text_is_no_reply(tmp_path, body, code):
    with Particular((200, body)) as server:
        replies, lines = ask(server, tmp_path, n=3, endpoint=server.endpoint(concurrency=1))
        assert replies["item1"].refusal == code and replies["item1"].text == ""
        assert len(server.received) == 2 + caller.CALLS_PER_REPLY and replies["item1"].calls == caller.CALLS_PER_REPLY
        assert any(f"item1: {code}; next attempt" in line for line in lines)
    with FaultyServer((200, body)) as server:
        assert ask(server, tmp_path, n=1, store="second.jsonl")[0]["item0"].text == "4"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"content": [{"type": "text", "text": "It is "}, {"type": "text", "text": "4"}]}, "It is 4"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, "4"]}, "4"),
        ({"content": "4", "reasoning_content": "It may be 5"}, "4"),
        ({"content": None, "reasoning_content": "4"}, "4"),
        ({"content": "", "reasoning": "4"}, "4"),
    ],
    ids=str,
)
def test_parts_of_a_content_and_a_text_in_the_field_of_the_thought_are_read(tmp_path, fields, text):
    with FaultyServer((200, message(**fields))) as server:
        assert ask(server, tmp_path, n=1)[0]["item0"].text == text


@pytest.mark.parametrize("content", [5, {"text": "4"}, True], ids=str)
def test_a_content_of_another_type_is_a_fault_of_the_server(tmp_path, content):
    with FaultyServer((200, message(content=content))) as server:
        replies, lines = ask(server, tmp_path, n=1)
    assert replies["item0"].text == "4" and "a body that is not a completion; next attempt" in lines[1]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ((429, error(code="insufficient_quota", message="billing details")), "429, insufficient_quota"),
        ((429, error(type="insufficient_quota", code=None)), "429, insufficient_quota"),
        ((429, error(code="billing_hard_limit_reached")), "429, billing_hard_limit_reached"),
        ((402, "{}"), "402, payment_required"),
    ],
    ids=str,
)
def test_an_account_that_cannot_pay_is_named_at_once(tmp_path, fault, reason):
    with FaultyServer(fault) as server, pytest.raises(UserError, match=rf"cannot pay for the call \({reason}\)"):
        ask(server, tmp_path, n=1)
    assert len(server.received) == 1


def test_a_limit_per_minute_that_speaks_of_billing_is_waited_for(tmp_path):
    words = error(code=429, type="RESOURCE_EXHAUSTED", message="You exceeded your current quota: plan and billing")
    with FaultyServer((429, words)) as server:
        assert ask(server, tmp_path, n=1)[0]["item0"].text == "4"


def test_a_server_without_tls_is_named_at_once(tmp_path):
    with FaultyServer() as server:
        address = server.url.replace("http://", "https://")
        with pytest.raises(UserError, match=r"https:// reaches a server that does not speak TLS\. Correct base_url"):
            ask(server, tmp_path, n=1, endpoint=server.endpoint(base_url=address))


def test_a_host_without_an_address_is_named_at_once(tmp_path, monkeypatch):
    import socket

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with FaultyServer() as server, pytest.raises(UserError, match=r"no host has this name\. Correct base_url"):
        ask(server, tmp_path, n=1, endpoint=server.endpoint(base_url="http://ward.invalid/v1"))
