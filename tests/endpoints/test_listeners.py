"""Whose program an endpoint on this host is."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clinical_dpo.endpoints.client import Request, request_completions
from clinical_dpo.endpoints.listeners import TABLES, Listener, check_listener, listeners
from clinical_dpo.errors import UserError
from tests.helpers.faulty_server import FaultyServer

OTHER = 60_001  # a uid
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: {address}:1F40 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid} 0 1297685 1 0 100 0 0 10 0
"""
V6 = {"::1": "00000000000000000000000001000000", "::": "0" * 32, "mapped": "0000000000000000FFFF00000100007F"}
little_endian = pytest.mark.skipif(sys.byteorder != "little", reason="the tables here are of a little-endian machine")


def table(tmp_path, address, uid, state="0A"):
    path = tmp_path / "tcp"
    path.write_text(TABLE.format(address=address, uid=uid, state=state))
    return [str(path), str(tmp_path / "none")]


@pytest.fixture
def endpoint():
    with FaultyServer() as server:
        return server.endpoint(base_url="http://127.0.0.1:8000/v1")


@little_endian
@pytest.mark.parametrize(
    ("words", "address"),
    [("0100007F", "127.0.0.1"), (V6["::1"], "::1"), (V6["::"], "::"), (V6["mapped"], "127.0.0.1")],
)
def test_a_table_tells_who_listens(words, address):
    assert listeners(TABLE.format(address=words, uid=OTHER, state="0A")) == [Listener(address, 8000, OTHER)]
    assert listeners(TABLE.format(address=words, uid=OTHER, state="01")) == []


@little_endian
@pytest.mark.parametrize("words", ["0100007F", "00000000", V6["::"], V6["mapped"]])
def test_another_user_s_program_is_refused(tmp_path, endpoint, words):
    with pytest.raises(UserError, match=rf"'local'.*port 8000.*uid {OTHER}.*Nothing is sent.*Start the server"):
        check_listener(endpoint, table(tmp_path, words, OTHER))
    for uid in (0, os.getuid()):
        check_listener(endpoint, table(tmp_path, words, uid))


@little_endian
def test_what_is_another_s_elsewhere_is_no_matter(tmp_path, endpoint):
    others = table(tmp_path, "0100007F", OTHER)
    check_listener(replace(endpoint, base_url="http://127.0.0.1:8001/v1"), others)
    check_listener(replace(endpoint, base_url="http://127.0.0.1/v1"), others)
    check_listener(endpoint, table(tmp_path, "0200007F", OTHER))
    check_listener(endpoint, table(tmp_path, "0100007F", OTHER, state="06"))
    check_listener(endpoint, [str(tmp_path / "none")])


@pytest.fixture
def another_s(monkeypatch):
    """A server of another user's: root makes it as one; for others the run's user is the one who changes."""
    if os.getuid():
        monkeypatch.setattr(os, "getuid", lambda: OTHER)
        server = FaultyServer()
    else:
        os.seteuid(OTHER)
        try:
            server = FaultyServer()
        finally:
            os.seteuid(0)
    with server:
        yield server


def ask(endpoint, tmp_path, private):
    requests = [Request("item", ({"role": "user", "content": "question"},))]
    return request_completions(
        endpoint, requests, tmp_path / "replies.jsonl", "v1", private=private, say=lambda line: None
    )


needs_tables = pytest.mark.skipif(not Path(TABLES[0]).exists(), reason="no table of Linux's")


@needs_tables
@pytest.mark.parametrize(("keyed", "private"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_key_and_private_text_go_to_no_other_user(tmp_path, monkeypatch, another_s, host, keyed, private):
    monkeypatch.setenv("THE_KEY", "sk-secret-0123456789")
    base_url = another_s.url.replace("127.0.0.1", host)
    endpoint = another_s.endpoint(base_url=base_url, key_variable="THE_KEY" if keyed else None)
    with pytest.raises(UserError, match="another user's program listens"):
        ask(endpoint, tmp_path, private)
    assert not another_s.received and not (tmp_path / "replies.jsonl").read_text()


@needs_tables
def test_open_text_without_a_key_goes_where_it_is_told(tmp_path, another_s):
    assert ask(another_s.endpoint(), tmp_path, private=False)["item"].text == "4"


def test_a_key_and_private_text_go_to_one_s_own_server(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-secret-0123456789")
    with FaultyServer() as server:
        assert ask(server.endpoint(key_variable="THE_KEY"), tmp_path, private=True)["item"].text == "4"
