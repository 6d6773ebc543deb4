"""Stored replies: which calls they replace, interrupted stores, and stores that cannot be used."""

import json
import stat

import pytest

from clinical_dpo.endpoints.client import kept_replies, request_completions, usage
from clinical_dpo.errors import UserError
from tests.helpers.completions import ask, request, requests
from tests.helpers.faulty_server import FaultyServer


def test_a_stored_reply_is_not_requested_again(tmp_path):
    with FaultyServer() as server:
        ask(server, tmp_path)
        ask(server, tmp_path)
        assert len(server.received) == 4
        ask(server, tmp_path, n=5)
        assert len(server.received) == 5


@pytest.mark.parametrize(
    "changes", [{"model": "other"}, {"seed": 1}, {"max_tokens": 8}, {"parameters": {"top_p": 0.5}}], ids=str
)
def test_other_settings_of_an_endpoint_need_a_new_reply(tmp_path, changes):
    with FaultyServer() as server:
        ask(server, tmp_path, n=1)
        ask(server, tmp_path, n=1, endpoint=server.endpoint(**changes))
        assert len(server.received) == 2


def test_another_version_of_the_prompt_needs_a_new_reply(tmp_path):
    with FaultyServer() as server:
        ask(server, tmp_path, n=1)
        ask(server, tmp_path, n=1, version="v2")
        assert len(server.received) == 2


def test_pace_and_price_of_an_endpoint_need_no_new_reply(tmp_path):
    with FaultyServer() as server:
        ask(server, tmp_path)
        paced = server.endpoint(concurrency=1, timeout_seconds=5, price={"input": 1, "output": 1})
        ask(server, tmp_path, endpoint=paced)
        assert len(server.received) == 4


def test_stored_replies_are_read_without_a_call(tmp_path):
    with FaultyServer() as server:
        ask(server, tmp_path, n=5)
        endpoint, store = server.endpoint(), tmp_path / "replies.jsonl"
        assert set(kept_replies(endpoint, requests(7), store, "v1")) == {f"item{i}" for i in range(5)}
        assert kept_replies(endpoint, requests(7), tmp_path / "none.jsonl", "v1") == {}
        assert len(server.received) == 5


def test_requests_with_equal_messages_share_a_call(tmp_path):
    equal = [request("same", name) for name in "abc"]
    with FaultyServer() as server:
        replies = request_completions(server.endpoint(), equal, tmp_path / "r.jsonl", "v1", say=lambda line: None)
    assert len(server.received) == 1 and set(replies) == {"a", "b", "c"}
    assert usage(replies.values())["calls"] == 1


def test_a_store_whose_last_row_is_cut_off_is_continued(tmp_path):
    with FaultyServer() as server:
        ask(server, tmp_path, n=3)
        path = tmp_path / "replies.jsonl"
        path.write_bytes(path.read_bytes()[:-20])
        replies, lines = ask(server, tmp_path, n=3)
        assert len(server.received) == 4 and len(replies) == 3
    assert "An earlier run was killed during 1 calls" in lines[0]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_store_with_a_line_that_is_not_json_is_refused_with_its_line(tmp_path):
    (tmp_path / "replies.jsonl").write_text("no JSON\n")
    with FaultyServer() as server, pytest.raises(UserError, match=r"replies\.jsonl, line 1"):
        ask(server, tmp_path, n=3)
    assert not server.received


def test_a_store_that_cannot_be_written_is_refused_before_the_first_call(tmp_path):
    (tmp_path / "file").write_text("")
    with FaultyServer() as server, pytest.raises(UserError, match=r"file/replies\.jsonl.*delete files"):
        ask(server, tmp_path, store="file/replies.jsonl")
    assert not server.received


def test_a_private_store_and_its_folder_are_closed_to_other_users(tmp_path):
    with FaultyServer() as server:
        ask(server, tmp_path, n=1, private=True, store="judge/replies.jsonl")
    path = tmp_path / "judge/replies.jsonl"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
