"""Keys, private text and addresses with passwords: the hosts that get them, and the files that never hold them."""

import base64
import json
import re
import time
import unicodedata
from pathlib import Path
from urllib.parse import quote

import openai
import pytest

from clinical_dpo.config.endpoints import check_endpoint_allowed, check_keys_are_encrypted
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.endpoints.client import request_completions
from clinical_dpo.endpoints.secrets import without_secrets
from clinical_dpo.errors import UserError
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.completions import request
from tests.helpers.faulty_server import FaultyServer, completion

KEY = "sk-proj-Zm9v/secret_0123456789+AbC"
PUBLISHED = read_yaml(ROOT / "config/config.yaml")
AMBIENT = {
    **{"OPENAI_API_KEY": "sk-ambient", "OPENAI_ADMIN_KEY": "sk-ambient-admin", "OPENAI_WEBHOOK_SECRET": "wh-ambient"},
    **{"OPENAI_ORG_ID": "org-ambient", "OPENAI_PROJECT_ID": "project-ambient", "OPENAI_LOG": "debug"},
    "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-ambient\nX-Gateway: gateway-ambient",
}


@pytest.fixture(autouse=True)
def keyed(monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)


def ask(server, tmp_path, private=False, **changes):
    """The reply to a request, and all written text: the log, the error and the store."""
    lines = []
    endpoint = server.endpoint(**({"key_variable": "THE_KEY"} | changes))
    reply = None
    try:
        store = tmp_path / "r.jsonl"
        reply = request_completions(endpoint, [request()], store, "v1", private=private, say=lines.append)["item"]
    except UserError as error:
        lines.append(str(error))
    return reply, "\n".join([*lines, (tmp_path / "r.jsonl").read_text()])


def escaped(text):
    return "".join(f"\\u{ord(character):04x}" for character in text)


def full_width(text):
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


MATHEMATICAL = {chr(ord("a") + i): chr(0x1D41A + i) for i in range(26)}
ECHOES = {
    "as it is": KEY,
    "in capitals": KEY.upper(),
    "in a header": f"Authorization: Bearer {KEY}",
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of basic authentication": base64.b64encode(f"user:{KEY}!".encode()).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(f"a{KEY}b".encode()).decode(),
    "base64 in lines": base64.encodebytes(f"{'x' * 50}{KEY}{'y' * 50}".encode()).decode(),
    "in an address": quote(KEY, safe=""),
    "in an address within another": quote(quote(KEY, safe=""), safe=""),
    "every character escaped": "".join(f"%{ord(character):02X}" for character in KEY),
    "HTML": "".join(f"&#{ord(character)};" for character in KEY),
    "hexadecimal": KEY.encode().hex(),
    "JSON within JSON": json.dumps({"key": KEY}).replace("/", "\\/"),
    "escapes of JSON within JSON": escaped(KEY),
    "over two lines": f"{KEY[:9]}\n{KEY[9:]}",
    "in full width": full_width(KEY),
    "in full width, escaped once more": escaped(full_width(KEY)),
    "in mathematical letters": "".join(MATHEMATICAL.get(character, character) for character in KEY),
    "with zero-width spaces": "\u200b".join(KEY),
    "with soft hyphens, joiners and marks": "\u00ad\u2060\u034f\ufe0f".join(KEY),
    "base64 with zero-width spaces": "\u200d".join(base64.b64encode(KEY.encode()).decode()),
}


def leaked(text):
    """Spellings of the key that a text contains."""
    visible = "".join(character for character in text if unicodedata.category(character) not in ("Cf", "Mn"))
    text = unicodedata.normalize("NFKC", visible)
    plain = text.encode().decode("unicode_escape", "replace").replace("\n", "")
    middle = KEY[8:-8]
    forms = [middle, base64.b64encode(KEY.encode()).decode()[4:-4], quote(middle, safe=""), middle.encode().hex()]
    return [form for form in forms if form.lower() in plain.lower() or form.lower() in text.lower()]


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_key_in_a_reply_is_hidden_and_not_stored(tmp_path, echo):
    with FaultyServer(say=lambda messages: f"before {echo} after") as server:
        reply, written = ask(server, tmp_path)
    assert re.fullmatch(r"before .*\*\*\*.* after", reply.text, re.DOTALL)
    assert not leaked(reply.text + written) and len(reply.text) < 200


@pytest.mark.parametrize(
    "body",
    [
        completion("4", model=KEY),
        completion(escaped(KEY)).replace("\\\\u", "\\u"),  # escapes of the body's own JSON
        json.dumps({"error": {"code": KEY.lower(), "message": KEY}}),
        f"<html>{KEY}</html>",
        f'{{"choices": ["{escaped(KEY)}',
    ],
    ids=["model's name", "escaped", "error", "page", "cut off"],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_key_in_any_body_is_not_stored(tmp_path, body, status):
    with FaultyServer(*[(status, body)] * 3) as server:
        reply, written = ask(server, tmp_path)
    assert "***" in written and not leaked(f"{reply}{written}")


def test_a_short_key_changes_no_reply(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "4")
    with FaultyServer(say=lambda messages: "4") as server:
        reply, _ = ask(server, tmp_path)
    assert reply.text == "4"


def test_no_reply_makes_the_search_for_keys_slow():
    started = time.monotonic()
    for hostile in ("\\" * 100_000, "\\n" * 50_000, f"{KEY[:-1]}\n" * 2000, "s\\\\\\\\n" * 20_000, "%25" * 30_000):
        assert without_secrets(hostile, [KEY, "snt" * 12]) == hostile
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "reply", ["½ of Ｈｂ, 5 µg, “no”, x², e\u0301", "\uff02 \uff3c \ud83d\ude00", "naïve \u200b\u202e"]
)
def test_a_reply_without_a_key_keeps_its_characters(reply):
    assert without_secrets(completion(reply), [KEY]) == completion(reply)
    assert without_secrets(reply, [KEY]) == reply


def test_a_reply_with_a_key_in_full_width_remains_valid_json():
    body = completion(f"＂ ＼ \x00 “½” {full_width(KEY)}")
    for written in (body, json.dumps(json.loads(body), ensure_ascii=False)):
        text = json.loads(without_secrets(written, [KEY]))["choices"][0]["message"]["content"]
        assert text == "＂ ＼ \x00 “1⁄2” ***"


def test_variables_of_openai_s_client_reach_no_endpoint_that_does_not_list_them(tmp_path, monkeypatch):
    with FaultyServer() as server, FaultyServer() as elsewhere:
        for name, value in (AMBIENT | {"OPENAI_BASE_URL": elsewhere.url}).items():
            monkeypatch.setenv(name, value)
        ask(server, tmp_path)
        ask(server, tmp_path, key_variable=None, model="other")
        assert len(server.received) == 2 and not elsewhere.received
    assert "ambient" not in str(server.headers)
    assert [headers["authorization"] for headers in server.headers] == [f"Bearer {KEY}", "Bearer none"]


def test_an_endpoint_that_lists_variables_gets_them_and_keeps_its_own_key(tmp_path, monkeypatch):
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)
    with FaultyServer(say=lambda messages: "for gateway-ambient") as server:
        variables = ["OPENAI_ORG_ID", "OPENAI_CUSTOM_HEADERS"]
        reply, written = ask(server, tmp_path, client_variables=variables)
    headers = {name.lower(): value for name, value in server.headers[0].items()}
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (headers["openai-organization"], headers["x-gateway"]) == ("org-ambient", "gateway-ambient")
    assert "openai-project" not in headers
    assert reply.text == "for ***" and "gateway-ambient" not in written


def test_openai_s_client_reads_only_variables_that_begin_with_its_name():
    """If a new version reads others, `_client_variables` must remove them too."""
    folder = Path(openai.__file__).parent
    sources = [(folder / name).read_text() for name in ("_client.py", "_base_client.py", "lib/_client_auth.py")]
    names = set(re.findall(r"\benviron(?:\.get\(|\[)([^,)\]]+)|\bgetenv\(", "".join(sources)))
    assert '"OPENAI_CUSTOM_HEADERS"' in names and all(name.startswith('"OPENAI_') for name in names)


def test_a_key_bypasses_a_proxy_that_could_read_it(tmp_path, proxy):
    with FaultyServer() as server:
        ask(server, tmp_path)
        assert (len(server.received), len(proxy.received)) == (1, 0)


@pytest.mark.parametrize(
    "sends", [{"key_variable": "THE_KEY"}, {"client_variables": ["OPENAI_CUSTOM_HEADERS"]}], ids=str
)
@pytest.mark.parametrize(
    "host", ["llm.ward.example.org", "10.0.0.7:8000", "0.0.0.0", "[::2]", "localhost.example.org", "127.0.0.1.example"]
)
def test_a_key_leaves_this_host_only_encrypted_or_if_allowed(host, sends):
    endpoint = {"ward": settings(base_url=f"http://{host}/v1", key_variable=None) | sends}
    config = merge(PUBLISHED, {"endpoints": endpoint})
    name = re.sub(r":\d+$|[\[\]]", "", host)
    with pytest.raises(UserError) as error:
        load_study(config, ROOT)
    variable = sends.get("key_variable") or "OPENAI_CUSTOM_HEADERS"
    words = ("endpoints.ward.base_url", variable, name, "plain_http_hosts")
    assert all(word in str(error.value) for word in words) and KEY not in str(error.value)
    check_keys_are_encrypted(config | {"plain_http_hosts": [name]})
    check_keys_are_encrypted(merge(config, {"endpoints": {"ward": {"base_url": f"https://{host}/v1"}}}))
    check_keys_are_encrypted(merge(config, {"endpoints": {"ward": {"key_variable": None, "client_variables": []}}}))


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "127.8.0.1", "[::1]:8000"])
def test_a_key_may_go_to_this_host_unencrypted(host):
    check_keys_are_encrypted(merge(PUBLISHED, {"endpoints": {"ward": settings(base_url=f"http://{host}/v1")}}))


def test_private_text_may_leave_this_host_encrypted_or_if_allowed():
    with FaultyServer() as server:
        task, host = {"name": "notes", "phi": True}, "llm.example.org"
        plain = server.endpoint(base_url=f"http://{host}/v1")
        check_endpoint_allowed(task, server.endpoint(), ["127.0.0.1"])
        check_endpoint_allowed(task, server.endpoint(base_url=f"https://{host}/v1"), [host])
        check_endpoint_allowed(task | {"phi": False}, plain, [])
        check_endpoint_allowed(task, plain, [host], [host])


def test_private_text_may_not_leave_this_host_unencrypted():
    with FaultyServer() as server:
        task, host = {"name": "notes", "phi": True}, "llm.example.org"
        plain = server.endpoint(base_url=f"http://{host}/v1")
        with pytest.raises(UserError, match=r"notes.yaml.*unencrypted \(http://\).*plain_http_hosts"):
            check_endpoint_allowed(task, plain, [host])
        with pytest.raises(UserError, match="phi_hosts"):
            check_endpoint_allowed(task, plain, [], [host])


PASSWORD = "pw-Secret123"


@pytest.mark.parametrize(
    "endpoints",
    [
        {"ward": {"base_url": f"https://user:{PASSWORD}@llm.example.org/v1"}},
        {"ward": {"base_url": f"https://llm.example.org/v1?token={PASSWORD}"}},
        {"ward": {"base_url": f"https://llm.example.org/v1#{PASSWORD}"}},
        {"ward": {"base_url": f"https://user:{PASSWORD} @llm.example.org/v1"}},
        {"ward": {"base_url": [f"https://user:{PASSWORD}@llm.example.org/v1"]}},
        {"ward": {"base_url": {"address": PASSWORD}}},
        {"ward": {f"https://user:{PASSWORD}@llm.example.org/v1": None}},
        {"ward": {"model": [PASSWORD]}},
        {"ward": {"parameters": PASSWORD}},
        {"ward": f"https://user:{PASSWORD}@llm.example.org/v1"},
        {f"https://user:{PASSWORD}@llm.example.org": {}},
        [f"https://user:{PASSWORD}@llm.example.org/v1"],
        PASSWORD,
    ],
    ids=str,
)
def test_a_refused_address_shows_no_password(endpoints):
    block = endpoints if not isinstance(endpoints, dict) else PUBLISHED["endpoints"] | endpoints
    if isinstance(block, dict) and isinstance(block.get("ward"), dict):
        block = block | {"ward": settings() | block["ward"]}
    with pytest.raises(UserError) as error:
        load_study(PUBLISHED | {"endpoints": block}, ROOT)
    assert "endpoints" in str(error.value) and PASSWORD not in str(error.value)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"https://me:{PASSWORD}@host/x.csv: no such file", "https://***@host/x.csv: no such file"),
        (f"(s3://me:{PASSWORD}/@/@host/x?a=1&b=2#c) is not there", "(s3://***@host/x?*** is not there"),
        ("https://host/x/commits/main that does.", "https://host/x/commits/main that does."),
        ("mail a@b.org? Yes", "mail a@b.org? Yes"),
    ],
)
def test_no_message_shows_the_password_of_an_address(message, shown):
    assert str(UserError(message)) == shown
    assert UserError("", public=message).public == shown


def settings(**changes):
    """Settings of an endpoint in a config."""
    entry = {"base_url": "https://llm.example.org/v1", "model": "m", "key_variable": "THE_KEY", "concurrency": 1}
    return entry | {"timeout_seconds": 1, "max_tokens": 16} | changes
