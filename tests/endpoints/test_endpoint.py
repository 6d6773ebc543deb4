"""The client of OpenAI-compatible servers against a real one that misbehaves."""

import json
import stat

import pytest

from clinical_dpo.config.endpoints import check_endpoint_allowed, why_unavailable
from clinical_dpo.endpoints import client
from clinical_dpo.endpoints.chat_server import Reply
from clinical_dpo.endpoints.client import Request, kept_replies, request_completions, usage
from clinical_dpo.errors import UserError
from tests.helpers.faulty_server import PAGE, FaultyServer, completion

KEY = "sk-secret-0123456789"
INVALID = json.dumps({"error": {"code": "invalid_api_key", "message": f"Incorrect key {KEY}"}})


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)


def requests(n, start=0):
    return [Request(f"item{i}", ({"role": "user", "content": f"question {i}"},)) for i in range(start, start + n)]


def ask(server, tmp_path, n=4, version="v1", say=None, store="replies.jsonl", **options):
    endpoint = options.pop("endpoint", None) or server.endpoint()
    lines = []
    found = request_completions(endpoint, requests(n), tmp_path / store, version, say=say or lines.append, **options)
    return found, lines


def test_every_request_gets_the_reply_to_its_own_messages(tmp_path):
    with FaultyServer(say=lambda messages: messages[-1]["content"].upper(), delay=0.05) as server:
        found, lines = ask(server, tmp_path, n=12, endpoint=server.endpoint(concurrency=3, seed=5))
    assert {name: reply.text for name, reply in found.items()} == {f"item{i}": f"QUESTION {i}" for i in range(12)}
    assert found["item3"] == Reply("QUESTION 3", "stop", "tiny-judge-2026", 7, 2)
    assert 1 < server.busiest <= 3 and len(server.received) == 12
    body = server.received[0]
    assert (body["temperature"], body["seed"], body["max_tokens"], body["model"]) == (0, 5, 16, "tiny-judge")
    assert "12 calls to make, about 30 tokens to send and 192 to receive at most" in lines[0]
    assert lines[-1] == "local: 12 calls made; tokens sent 84, received 24"
    assert usage(found.values()) == {"calls": 12, "prompt_tokens": 84, "completion_tokens": 24}


def test_a_kept_reply_belongs_to_one_judge_version_and_text(tmp_path):
    with FaultyServer() as server:
        ask(server, tmp_path)
        ask(server, tmp_path)
        assert len(server.received) == 4
        ask(server, tmp_path, n=5)
        assert len(server.received) == 5
        for changes in ({"model": "other"}, {"seed": 1}, {"max_tokens": 8}, {"parameters": {"top_p": 0.5}}):
            ask(server, tmp_path, n=1, endpoint=server.endpoint(**changes))
        ask(server, tmp_path, n=1, version="v2")
        assert len(server.received) == 10
        ask(
            server,
            tmp_path,
            n=5,
            endpoint=server.endpoint(concurrency=1, timeout_seconds=5, price={"input": 1, "output": 1}),
        )
        assert len(server.received) == 10
        endpoint, store = server.endpoint(), tmp_path / "replies.jsonl"
        assert set(kept_replies(endpoint, requests(7), store, "v1")) == {f"item{i}" for i in range(5)}
        assert kept_replies(endpoint, requests(7), tmp_path / "none.jsonl", "v1") == {}


def test_requests_alike_share_one_call(tmp_path):
    alike = [Request(name, ({"role": "user", "content": "same"},)) for name in "abc"]
    with FaultyServer() as server:
        found = request_completions(server.endpoint(), alike, tmp_path / "r.jsonl", "v1", say=lambda line: None)
    assert len(server.received) == 1 and set(found) == {"a", "b", "c"}
    assert usage(found.values())["calls"] == 1


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
def test_what_may_pass_is_asked_again(tmp_path, fault):
    with FaultyServer(fault, fault) as server:
        found, lines = ask(server, tmp_path, n=3, endpoint=server.endpoint(timeout_seconds=0.3))
    assert [reply.text for reply in found.values()] == ["4"] * 3
    assert len(server.received) == 5 and sum("asked again in" in line for line in lines) == 2
    rows = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    assert sum(row["event"] == "received" for row in rows) == 5
    assert sum(row.get("completion", False) for row in rows) == 3


def test_retry_after_is_honoured_and_has_an_end(tmp_path):
    with FaultyServer(
        (429, "", {"retry-after": "0.4"}), (503, "", {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
    ) as server:
        _, lines = ask(server, tmp_path, n=1)
    pauses = [float(line.split("again in ")[1].split()[0]) for line in lines if "again in" in line]
    assert 0.4 <= pauses[0] < 0.6 and pauses[1] < 0.1
    with FaultyServer((429, "", {"retry-after": "86400"})) as server, pytest.raises(UserError) as error:
        ask(server, tmp_path, n=1)
    assert "last: 429, to be asked again in 86400 s. Run again" in str(error.value) and len(server.received) == 1


def test_a_server_that_stays_down_ends_the_run_and_keeps_what_came(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "ATTEMPTS", 3)
    with FaultyServer() as server:
        ask(server, tmp_path, n=2)
        server.faults += [(500, "oops")] * 99
        with pytest.raises(UserError) as error:
            ask(server, tmp_path, n=40, endpoint=server.endpoint(concurrency=1))
        assert "gave no usable reply for item2, last: 500" in str(error.value) and len(server.received) == 5
        server.faults.clear()
        ask(server, tmp_path, n=40)
        assert len(server.received) == 5 + 38
    with pytest.raises(UserError, match="gave no usable reply for item0, last: no connection"):
        ask(server, tmp_path, n=1, version="v9")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ((401, INVALID), "refuses the key (401, invalid_api_key). Check the key in environment variable THE_KEY"),
        ((403, KEY), "refuses the key (403)"),
        (
            (404, '{"error": {"code": "model_not_found"}}'),
            "refuses the request for item0 (404, model_not_found). Check base_url, model",
        ),
        ((400, json.dumps({"error": {"code": KEY}})), "refuses the request for item0 (400). Check"),
        ((200, PAGE, {"content-type": "text/html"}), "answers with a web page. Correct base_url; it often ends in /v1"),
        ((307, "", {"location": "http://elsewhere.example/v1"}), "points elsewhere (307), and nothing is sent on"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_will_not_pass_is_told_at_once_and_no_key_shows(tmp_path, monkeypatch, capfd, fault, message):
    monkeypatch.setenv("THE_KEY", f"{KEY}\n")
    with FaultyServer(fault) as server, pytest.raises(UserError) as error:
        ask(server, tmp_path, n=1, endpoint=server.endpoint(key_variable="THE_KEY"), say=print)
    assert message in str(error.value) and len(server.received) == 1
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    written = "".join(path.read_text() for path in tmp_path.rglob("*.*"))
    captured = capfd.readouterr()
    assert KEY not in f"{error.value}{written}{captured.out}{captured.err}"


@pytest.mark.parametrize(
    ("key", "message"),
    [("", "is empty"), (" \n", "is empty"), ("sk-1\nsk-2", "no key has"), ("schlüssel", "no key has")],
)
def test_a_key_that_cannot_be_one_is_refused_before_a_call(tmp_path, monkeypatch, key, message):
    monkeypatch.setenv("THE_KEY", key)
    with FaultyServer() as server, pytest.raises(UserError) as error:
        ask(server, tmp_path, endpoint=server.endpoint(key_variable="THE_KEY"))
    assert "endpoint 'local': environment variable THE_KEY" in str(error.value)
    assert message in str(error.value) and not server.received and (not key.strip() or key not in str(error.value))


def test_replies_that_cannot_be_read_are_asked_again_then_listed(tmp_path):
    def say(messages):
        bad = messages[0]["content"] == "question 1" or (messages[0]["content"] == "question 2" and len(messages) < 2)
        return "I would rather not" if bad else "5"

    with FaultyServer(say=say) as server:
        for done in (1, 2):
            with pytest.raises(UserError) as error:
                ask(server, tmp_path, valid=str.isdigit, reminder="A digit.", store="odd.jsonl")
            assert "1 replies of endpoint 'local' (tiny-judge) cannot be read: item1." in str(error.value)
            # item1 takes three calls a run, item2 two, the others one.
            assert len(server.received) == 4 + 1 + 2 + 3 * (done - 1)
        asked = [body for body in server.received if body["messages"][0]["content"] == "question 1"]
        assert [message["content"] for message in asked[1]["messages"]] == [
            "question 1",
            "I would rather not",
            "A digit.",
        ]
        server.say = lambda messages: "3"
        found, _ = ask(server, tmp_path, valid=str.isdigit, reminder="A digit.", store="odd.jsonl")
        assert [reply.text for reply in found.values()] == ["5", "3", "5", "5"]
        assert found["item2"].calls == 2 and found["item2"].prompt_tokens == 14
        assert found["item1"].calls == 7 and usage(found.values())["calls"] == len(server.received) == 11


def test_a_store_cut_off_in_the_middle_of_a_row_goes_on(tmp_path):
    with FaultyServer() as server:
        ask(server, tmp_path, n=3)
        path = tmp_path / "replies.jsonl"
        path.write_bytes(path.read_bytes()[:-20])
        found, lines = ask(server, tmp_path, n=3)
        assert len(server.received) == 4 and len(found) == 3
        assert "1 were under way when a run was killed" in lines[0]
        assert all(json.loads(line) for line in path.read_text().splitlines())
        path.write_text("no JSON\n")
        with pytest.raises(UserError, match="line 1"):
            ask(server, tmp_path, n=3)


def test_a_store_that_cannot_be_written_is_told_before_the_first_call(tmp_path):
    (tmp_path / "file").write_text("")
    with FaultyServer() as server, pytest.raises(UserError, match="replies cannot be kept"):
        ask(server, tmp_path, store="file/replies.jsonl")
    assert not server.received


def test_a_field_may_be_added_or_taken_out(tmp_path):
    extra = {"temperature": None, "max_tokens": None, "max_completion_tokens": 9}
    with FaultyServer() as server:
        ask(server, tmp_path, n=1, endpoint=server.endpoint(parameters=extra))
    assert set(server.received[0]) == {"model", "messages", "max_completion_tokens"}


def test_a_server_without_a_key_is_not_told_another_servers(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FaultyServer() as server:
        ask(server, tmp_path, n=1)
    assert KEY not in str(server.headers)


def test_the_estimate_tells_what_it_may_cost(tmp_path):
    with FaultyServer() as server:
        _, lines = ask(server, tmp_path, n=4, endpoint=server.endpoint(price={"input": 1e4, "output": 1e5}))
    assert "about 10 tokens to send and 64 to receive at most, about 6.50 US dollars at most" in lines[0]


def test_private_text_goes_past_proxies_into_a_store_of_ones_own(tmp_path, monkeypatch):
    with FaultyServer() as server, FaultyServer() as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, proxy.url.removesuffix("/v1"))
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(variable, raising=False)
        ask(server, tmp_path, n=1, private=True, store="judge/replies.jsonl")
        assert (len(server.received), len(proxy.received)) == (1, 0)
        ask(server, tmp_path, n=1, store="open.jsonl")
        assert (len(server.received), len(proxy.received)) == (1, 1)
    path = tmp_path / "judge/replies.jsonl"
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)] == [0o600, 0o700]


def test_only_allowed_hosts_see_private_text():
    with FaultyServer() as server:
        local, other = server.endpoint(), server.endpoint(name="gpt", base_url="https://API.openai.com/v1")
    allowed = ["localhost", "127.0.0.1"]
    check_endpoint_allowed({"name": "notes", "phi": True}, local, allowed)
    check_endpoint_allowed({"name": "notes"}, other, allowed)
    check_endpoint_allowed({"name": "notes", "phi": True}, other, [*allowed, "api.openai.com"])
    for url in ("https://api.openai.com/v1", "http://127.0.0.1.example.org/v1", "http://localhost.evil.org:8000"):
        with pytest.raises(UserError) as error:
            check_endpoint_allowed({"name": "notes", "phi": True}, server.endpoint(name="gpt", base_url=url), allowed)
        assert all(word in str(error.value) for word in ("config/tasks/notes.yaml", "'gpt'", "phi_hosts", "localhost"))


def test_what_is_missing_before_an_endpoint_can_be_asked(monkeypatch):
    with FaultyServer() as server:
        keyed = server.endpoint(key_variable="THE_KEY")
        monkeypatch.delenv("THE_KEY", raising=False)
        assert why_unavailable(keyed) == "environment variable THE_KEY is not set"
        assert why_unavailable(server.endpoint()) is None
        monkeypatch.setenv("THE_KEY", KEY)
        assert why_unavailable(keyed) is None
