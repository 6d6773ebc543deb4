"""Keys and private text reach no other user's program on this host."""

import os
import pwd
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clinical_dpo.endpoints.client import request_completions
from clinical_dpo.endpoints.listeners import TABLES, Listener, check_listener, listeners
from clinical_dpo.errors import UserError
from tests.helpers.completions import request
from tests.helpers.faulty_server import FaultyServer

OTHER_UID = 60_001
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: {address}:1F40 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid} 0 1297685 1 0 100 0 0 10 0
"""
V6 = {"::1": "00000000000000000000000001000000", "::": "0" * 32, "mapped": "0000000000000000FFFF00000100007F"}
little_endian = pytest.mark.skipif(
    sys.byteorder != "little", reason="the tables here are those of a little-endian host"
)


def tables(tmp_path, address, uid, state="0A"):
    """Paths of a table of sockets and of a missing table."""
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
def test_listening_sockets_are_read_from_a_table(words, address):
    assert listeners(TABLE.format(address=words, uid=OTHER_UID, state="0A")) == [Listener(address, 8000, OTHER_UID)]
    assert listeners(TABLE.format(address=words, uid=OTHER_UID, state="01")) == []


@little_endian
@pytest.mark.parametrize("words", ["0100007F", "00000000", V6["::"], V6["mapped"]])
def test_the_program_of_another_user_is_refused(tmp_path, endpoint, words):
    with pytest.raises(UserError, match=rf"'local'.*port 8000.*uid {OTHER_UID}.*Start the server"):
        check_listener(endpoint, tables(tmp_path, words, OTHER_UID))


@little_endian
@pytest.mark.parametrize("words", ["0100007F", "00000000", V6["::"], V6["mapped"]])
@pytest.mark.parametrize("uid", [0, os.getuid()])
def test_the_program_of_root_or_of_the_run_s_user_is_accepted(tmp_path, endpoint, words, uid):
    check_listener(endpoint, tables(tmp_path, words, uid))


@little_endian
def test_programs_at_other_ports_and_addresses_are_ignored(tmp_path, endpoint):
    paths = tables(tmp_path, "0100007F", OTHER_UID)
    check_listener(replace(endpoint, base_url="http://127.0.0.1:8001/v1"), paths)
    check_listener(replace(endpoint, base_url="http://127.0.0.1/v1"), paths)
    check_listener(endpoint, tables(tmp_path, "0200007F", OTHER_UID))
    check_listener(endpoint, tables(tmp_path, "0100007F", OTHER_UID, state="06"))
    check_listener(endpoint, [str(tmp_path / "none")])


@little_endian
def test_the_program_of_the_named_user_is_accepted(tmp_path, endpoint):
    user = pwd.getpwuid(max(each.pw_uid for each in pwd.getpwall()))
    paths = tables(tmp_path, "0100007F", user.pw_uid)
    check_listener(replace(endpoint, server_user=user.pw_name), paths)
    if user.pw_uid not in (0, os.getuid()):
        with pytest.raises(UserError, match=rf"another user \({re.escape(user.pw_name)}, uid.*server_user"):
            check_listener(endpoint, paths)
    with pytest.raises(UserError, match=rf"uid {OTHER_UID}"):
        check_listener(replace(endpoint, server_user=user.pw_name), tables(tmp_path, "0100007F", OTHER_UID))


def test_a_named_user_that_this_host_lacks_is_refused(endpoint):
    with pytest.raises(UserError, match=r"'local': this host has no user 'nobody-here' \(key server_user\)"):
        check_listener(replace(endpoint, server_user="nobody-here"))


@pytest.fixture
def other_user_s_server(monkeypatch):
    """A server of another user. Root starts it as that user; without root, `os.getuid` names another user."""
    if os.getuid():
        monkeypatch.setattr(os, "getuid", lambda: OTHER_UID)
        server = FaultyServer()
    else:
        os.seteuid(OTHER_UID)
        try:
            server = FaultyServer()
        finally:
            os.seteuid(0)
    with server:
        yield server


def ask(endpoint, tmp_path, private):
    store = tmp_path / "replies.jsonl"
    return request_completions(endpoint, [request()], store, "v1", private=private, say=lambda line: None)


needs_tables = pytest.mark.skipif(not Path(TABLES[0]).exists(), reason="this system has no table of sockets")


@needs_tables
@pytest.mark.parametrize(("keyed", "private"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_key_and_private_text_go_to_no_other_user(tmp_path, monkeypatch, other_user_s_server, host, keyed, private):
    server = other_user_s_server
    monkeypatch.setenv("THE_KEY", "sk-secret-0123456789")
    base_url = server.url.replace("127.0.0.1", host)
    endpoint = server.endpoint(base_url=base_url, key_variable="THE_KEY" if keyed else None)
    with pytest.raises(UserError, match=r"'local'.*another user.*Start the server"):
        ask(endpoint, tmp_path, private)
    assert not server.received and not (tmp_path / "replies.jsonl").read_text()


@needs_tables
def test_open_text_without_a_key_may_go_to_another_user(tmp_path, other_user_s_server):
    assert ask(other_user_s_server.endpoint(), tmp_path, private=False)["item"].text == "4"


@needs_tables
@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a server as another user")
def test_a_key_and_private_text_go_to_the_server_of_the_named_user(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-secret-0123456789")
    user = next(each for each in pwd.getpwall() if each.pw_uid)
    os.seteuid(user.pw_uid)
    try:
        server = FaultyServer()
    finally:
        os.seteuid(0)
    with server:
        with pytest.raises(UserError, match="another user"):
            ask(server.endpoint(key_variable="THE_KEY"), tmp_path, private=True)
        endpoint = server.endpoint(key_variable="THE_KEY", server_user=user.pw_name)
        assert ask(endpoint, tmp_path, private=True)["item"].text == "4"


def test_a_key_and_private_text_go_to_a_server_of_the_run_s_user(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-secret-0123456789")
    with FaultyServer() as server:
        assert ask(server.endpoint(key_variable="THE_KEY"), tmp_path, private=True)["item"].text == "4"
