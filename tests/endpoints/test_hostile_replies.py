"""What a server may send: bodies without end, slow ones, and such as no reader expects."""

import gzip
import json
from dataclasses import asdict

import pytest

from clinical_dpo.endpoints import bounded_client, client
from clinical_dpo.endpoints.chat_server import KEPT_OF_FAULTS
from clinical_dpo.endpoints.client import Request, request_completions, usage
from clinical_dpo.io import write_json
from tests.helpers.faulty_server import LATE, FaultyServer, completion

KEY = "sk-secret-0123456789"
NUMBERS = ("1e999", "-1e999", "NaN", "-5000000000", "9" * 4000, '"many"', "[]", "null", "true")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)


def ask(server, tmp_path, **changes):
    """The reply to one request, the lines of the log, and how each of its calls ended."""
    lines, store = [], tmp_path / "replies.jsonl"
    requests = [Request("item", ({"role": "user", "content": "question"},))]
    found = request_completions(server.endpoint(**changes), requests, store, "v1", say=lines.append)["item"]
    rows = [json.loads(line) for line in store.read_text().splitlines()]
    return found, lines, [row for row in rows if row["event"] == "received"]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("packed", [1, 2, 0])
def test_a_body_is_read_to_a_fixed_size_and_its_beginning_kept(tmp_path, monkeypatch, packed, status):
    monkeypatch.setattr(bounded_client, "LARGEST_REPLY", 2_000_000)
    body = completion("4").encode() + b" " * (200_000_000 if packed else 2_000_001)
    for _ in range(packed):
        body = gzip.compress(body, 6)
    encoding = {"content-encoding": ", ".join(["gzip"] * packed)} if packed else {}
    with FaultyServer((status, body, encoding)) as server:
        found, lines, ended = ask(server, tmp_path, timeout_seconds=30)
    assert found.text == "4" and "a reply of more than 2000000 bytes; asked again" in lines[1]
    assert len(ended[0]["body"]) < KEPT_OF_FAULTS and not ended[0]["completion"]
    assert {headers["accept-encoding"] for headers in map(lower, server.headers)} == {"identity"}


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}


def test_no_half_of_a_key_is_left_where_a_body_is_cut(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    with FaultyServer((500, "x" * (KEPT_OF_FAULTS - 9) + KEY * 99)) as server:
        *_, ended = ask(server, tmp_path, key_variable="THE_KEY")
    assert set(ended[0]["body"]) == {"x"}


@pytest.mark.parametrize("fault", ["dripping head", "dripping body"])
def test_a_call_ends_in_time_however_slowly_its_reply_drips(tmp_path, fault):
    with FaultyServer(fault) as server:
        found, _, ended = ask(server, tmp_path, timeout_seconds=0.4)
    assert found.text == "4" and ended[0]["status"] == "no reply within 0.4 s"
    assert ended[0]["seconds"] < LATE / 2


def counting(number):
    return completion("4").replace('"prompt_tokens": 7', f'"prompt_tokens": {number}')


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12])
def test_a_count_of_tokens_that_is_none_is_0(tmp_path, number):
    with FaultyServer((200, counting(number))) as server:
        found, lines, ended = ask(server, tmp_path)
    assert found.prompt_tokens == (number == "true") and found.completion_tokens == 2 and len(ended) == 1
    assert usage([found])["calls"] == 1 and "tokens sent" in lines[-1]


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"error":' * 100_000, f'{{"choices": {"9" * 5000}}}', b"\xff\xfe{}"],
    ids=lambda body: body[:9],
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_body_that_cannot_be_read_is_asked_again(tmp_path, body, status):
    with FaultyServer((status, body)) as server:
        found, _, ended = ask(server, tmp_path)
    assert found.text == "4" and [row["completion"] for row in ended] == [False, True]


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
def test_a_retry_after_that_is_no_time_counts_as_none(tmp_path, value):
    with FaultyServer((429, "", {"retry-after": value})) as server:
        found, *_ = ask(server, tmp_path)
    assert found.text == "4"


@pytest.mark.parametrize("charset", ["rot13", "undefined", "idna", "utf-7", "utf-16", "hex", "none such"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_body_is_utf_8_whatever_its_charset_says(tmp_path, charset, status):
    good = completion("4 \u00e9").encode()
    with FaultyServer((status, good, {"content-type": f"application/json; charset={charset}"})) as server:
        found, _, ended = ask(server, tmp_path)
    assert ended[0]["body"].encode() == good and found.text[0] == "4" and len(ended) == (1 if status == 200 else 2)


HALVES = completion("\ud800 a \U0001f600 \udfff", model="m\udc00")


def test_half_of_a_surrogate_pair_can_be_written(tmp_path):
    with FaultyServer((200, HALVES), (200, HALVES)) as server:
        found = [ask(server, tmp_path)[0] for _ in range(2)]  # from the server, then from the store
        assert len(server.received) == 1
    for reply in found:
        write_json(tmp_path / "reply.json", asdict(reply))
        assert (reply.text, reply.model) == ("\ufffd a \U0001f600 \ufffd", "m\ufffd")


def test_half_of_a_surrogate_pair_can_be_sent_back(tmp_path):
    with FaultyServer((200, HALVES)) as server:
        requests = [Request("item", ({"role": "user", "content": "question"},))]
        request_completions(
            server.endpoint(), requests, tmp_path / "r.jsonl", "v1", valid=str.isdigit, say=lambda line: None
        )
        assert server.received[1]["messages"][1]["content"] == "\ufffd a \U0001f600 \ufffd"
