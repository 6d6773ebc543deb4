"""Hostile responses: endless, slow and malformed bodies and headers."""

import gzip
import json
from dataclasses import asdict

import pytest

from clinical_dpo.endpoints import bounded_client
from clinical_dpo.endpoints.chat_server import KEPT_CHARACTERS
from clinical_dpo.endpoints.client import request_completions, usage
from clinical_dpo.io import write_json
from tests.helpers.completions import request
from tests.helpers.faulty_server import LATE, FaultyServer, completion

KEY = "sk-secret-0123456789"
NUMBERS = ("1e999", "-1e999", "NaN", "-5000000000", "9" * 4000, '"many"', "[]", "null", "true")


def ask(server, tmp_path, **changes):
    """The reply to a request, the lines of the log, and the stored outcome of each of its calls."""
    lines, store = [], tmp_path / "replies.jsonl"
    reply = request_completions(server.endpoint(**changes), [request()], store, "v1", say=lines.append)["item"]
    rows = [json.loads(line) for line in store.read_text().splitlines()]
    return reply, lines, [row for row in rows if row["event"] == "received"]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("packed", [1, 2, 0])
def test_a_body_is_read_up_to_a_fixed_size_and_its_beginning_stored(tmp_path, monkeypatch, packed, status):
    monkeypatch.setattr(bounded_client, "LARGEST_REPLY", 2_000_000)
    body = completion("4").encode() + b" " * (200_000_000 if packed else 2_000_001)
    for _ in range(packed):
        body = gzip.compress(body, 6)
    encoding = {"content-encoding": ", ".join(["gzip"] * packed)} if packed else {}
    with FaultyServer((status, body, encoding)) as server:
        reply, lines, outcomes = ask(server, tmp_path, timeout_seconds=30)
    assert reply.text == "4" and "a reply of more than 2000000 bytes; next attempt" in lines[1]
    assert len(outcomes[0]["body"]) < KEPT_CHARACTERS and not outcomes[0]["completion"]
    assert {headers["accept-encoding"] for headers in map(lower, server.headers)} == {"identity"}


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}


def test_a_stored_beginning_of_a_body_ends_with_no_part_of_a_key(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    with FaultyServer((500, "x" * (KEPT_CHARACTERS - 9) + KEY * 99)) as server:
        *_, outcomes = ask(server, tmp_path, key_variable="THE_KEY")
    assert set(outcomes[0]["body"]) == {"x"}


@pytest.mark.parametrize("fault", ["dripping head", "dripping body"])
def test_a_call_ends_in_time_even_if_its_reply_arrives_byte_by_byte(tmp_path, fault):
    with FaultyServer(fault) as server:
        reply, _, outcomes = ask(server, tmp_path, timeout_seconds=0.4)
    assert reply.text == "4" and outcomes[0]["status"] == "no reply within 0.4 s"
    assert outcomes[0]["seconds"] < LATE / 2


def completion_with_count(number):
    return completion("4").replace('"prompt_tokens": 7', f'"prompt_tokens": {number}')


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12])
def test_an_invalid_count_of_tokens_is_0(tmp_path, number):
    with FaultyServer((200, completion_with_count(number))) as server:
        reply, lines, outcomes = ask(server, tmp_path)
    assert reply.prompt_tokens == (number == "true") and reply.completion_tokens == 2 and len(outcomes) == 1
    assert usage([reply])["calls"] == 1 and "tokens sent" in lines[-1]


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"error":' * 100_000, f'{{"choices": {"9" * 5000}}}', b"\xff\xfe{}"],
    ids=lambda body: body[:9],
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_call_is_repeated_after_an_unreadable_body(tmp_path, body, status):
    with FaultyServer((status, body)) as server:
        reply, _, outcomes = ask(server, tmp_path)
    assert reply.text == "4" and [row["completion"] for row in outcomes] == [False, True]


@pytest.mark.parametrize(
    "value",
    [
        *(
            "Mon, 01 Jan 0001 00:00:00 +2359",
            "Fri, 31 Dec 9999 99999999999999:59:59",
        ),
        *("Fri, 31 Dec 99999999999 23:59:59 GMT", "soon", "-1", "1e999", "", "0, 0", "\xb2"),
    ],
)
def test_an_invalid_retry_after_is_ignored(tmp_path, value):
    with FaultyServer((429, "", {"retry-after": value})) as server:
        reply, *_ = ask(server, tmp_path)
    assert reply.text == "4"


@pytest.mark.parametrize("charset", ["rot13", "undefined", "idna", "utf-7", "utf-16", "hex", "none such"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_body_is_read_as_utf_8_whatever_its_charset_says(tmp_path, charset, status):
    good = completion("4 \u00e9").encode()
    with FaultyServer((status, good, {"content-type": f"application/json; charset={charset}"})) as server:
        reply, _, outcomes = ask(server, tmp_path)
    assert outcomes[0]["body"].encode() == good and reply.text[0] == "4"
    assert len(outcomes) == (1 if status == 200 else 2)


LONE_SURROGATES = completion("\ud800 a \U0001f600 \udfff", model="m\udc00")


def test_a_lone_surrogate_in_a_reply_can_be_stored_and_written(tmp_path):
    with FaultyServer(*[(200, LONE_SURROGATES)] * 2) as server:
        replies = [ask(server, tmp_path)[0] for _ in range(2)]  # from the server, then from the store
        assert len(server.received) == 1
    for reply in replies:
        write_json(tmp_path / "reply.json", asdict(reply))
        assert (reply.text, reply.model) == ("\ufffd a \U0001f600 \ufffd", "m\ufffd")


def test_a_lone_surrogate_in_a_reply_can_be_sent_back(tmp_path):
    with FaultyServer((200, LONE_SURROGATES)) as server:
        store = tmp_path / "r.jsonl"
        request_completions(server.endpoint(), [request()], store, "v1", valid=str.isdigit, say=lambda line: None)
        assert server.received[1]["messages"][1]["content"] == "\ufffd a \U0001f600 \ufffd"
