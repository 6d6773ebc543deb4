"""What a server may send: bodies without end, slow ones, and such as no reader expects."""

import gzip
import json
import time

import pytest

from clinical_dpo.endpoints import bounded_client, client
from clinical_dpo.endpoints.chat_server import KEPT_OF_FAULTS
from clinical_dpo.endpoints.client import Request, complete
from tests.faulty_server import FaultyServer, completion

KEY = "sk-secret-0123456789"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)


def ask(server, tmp_path, **changes):
    """The reply to one request, the lines of the log, and how each of its calls ended."""
    lines, store = [], tmp_path / "replies.jsonl"
    requests = [Request("item", ({"role": "user", "content": "question"},))]
    found = complete(server.endpoint(**changes), requests, store, "v1", say=lines.append)["item"]
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
    started = time.monotonic()
    with FaultyServer(fault) as server:
        found, _, ended = ask(server, tmp_path, timeout_seconds=0.4)
    assert found.text == "4" and ended[0]["status"] == "no reply within 0.4 s"
    assert ended[0]["seconds"] < 1 and time.monotonic() - started < 2
