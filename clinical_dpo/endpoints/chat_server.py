"""One call to an OpenAI-compatible server: what comes back, what it means, and what no second attempt would mend."""

import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from clinical_dpo.config.endpoints import Endpoint, read_api_key
from clinical_dpo.endpoints.listeners import check_listener
from clinical_dpo.endpoints.secrets import SHORTEST, sent_secrets, without_secrets
from clinical_dpo.errors import PublicError

Messages = tuple[Mapping[str, str], ...]  # of the chat API: role, content
KEPT_OF_FAULTS = 10_000  # characters of a body that is no completion
MOST_TOKENS = 10**9
LONGEST_ECHO = 1_000  # characters that a secret may fill, escaped


@dataclass(frozen=True)
class Reply:
    """What the server's model said.

    Attributes:
        text: its words; empty where it gave none.
        finish_reason: `stop`, or `length` where max_tokens cut it off; whatever else the server says.
        model: as the server names it.
        prompt_tokens, completion_tokens: as the server counts them, 0 where it does not; over all calls.
        calls: calls until the reply could be read.
    """

    text: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    calls: int = 1


@dataclass(frozen=True)
class Outcome:
    """How one call ended.

    Attributes:
        status: HTTP status, or in words why there is none.
        body: what came back, without the endpoint's secrets should they be quoted there.
        wait: seconds that Retry-After asks for, None where it does not.
        reply: what the body says, None where it is no completion.
    """

    status: int | str
    body: str = ""
    wait: float | None = None
    reply: Reply | None = None


@dataclass(frozen=True)
class ChatServer:
    """A server to ask, with its connections; from `connect`."""

    endpoint: Endpoint
    client: Any
    secrets: Sequence[str]  # the values that requests are sent with, and nothing may keep
    is_confidential: bool = False  # whether a key or private text is sent

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"endpoint '{self.endpoint.name}' ({self.endpoint.base_url})"

    def check_listener(self) -> None:
        """Raise PublicError where a key or private text would go to another user of this host."""
        if self.is_confidential and self.endpoint.is_readable_here:
            check_listener(self.endpoint)

    def ask(self, messages: Messages, form: Mapping[str, Any] | None = None) -> Outcome:
        """Make one call; what goes wrong on the way is an outcome too.

        Args:
            messages: the conversation.
            form: JSON schema that the reply is to keep to.
        """
        import openai

        from clinical_dpo.endpoints.bounded_client import LARGEST_REPLY

        body = self.endpoint.body
        if form:
            schema = {"name": "reply", "strict": True, "schema": form}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        model = body.pop("model")
        try:
            create = self.client.chat.completions.with_raw_response.create
            response = create(model=model, messages=list(messages), extra_body=body).http_response
        except openai.APIStatusError as error:
            response = error.response
        except openai.APITimeoutError:
            return Outcome(f"no reply within {self.endpoint.timeout_seconds:g} s")
        except openai.APIConnectionError:
            return Outcome("no connection, or one that broke off")
        status: int | str = response.status_code
        if len(response.content) > LARGEST_REPLY:
            status = f"a reply of more than {LARGEST_REPLY} bytes"
        text, reply = response.text, None
        if status == 200 and read_body(text):
            text = without_secrets(text, [each for each in self.secrets if len(each) >= SHORTEST])
            reply = read_body(text)
        text = text if reply else _beginning(text, self.secrets)
        return Outcome(status, text, _retry_after(response.headers["retry-after"]), reply)

    @staticmethod
    def refuses_request(outcome: Outcome) -> bool:
        """Whether the server does not take a request of this shape, whatever its text."""
        return outcome.status in (400, 404, 405, 415, 422, 501)

    def check_refusal(self, outcome: Outcome, name: str) -> None:
        """Raise PublicError for an outcome that another attempt would only repeat; `name` says what was asked."""
        status, code = outcome.status, _error_code(outcome.body)
        if status == 200 and re.match(r"\s*<", outcome.body):
            raise PublicError(f"{self.where} answers with a web page. Correct base_url; it often ends in /v1.")
        if isinstance(status, str) or not 300 <= status < 500 or status in (408, 409, 429):
            return
        if status in (401, 403):
            variable = self.endpoint.key_variable
            mend = f"Check the key in environment variable {variable}" if variable else "Name its key_variable"
            raise PublicError(f"{self.where} refuses the key ({status}{code}). {mend}, and what the key may use.")
        if status < 400:
            raise PublicError(f"{self.where} points elsewhere ({status}), and nothing is sent on. Correct base_url.")
        raise PublicError(
            f"{self.where} refuses the request for {name} ({status}{code}). Check base_url, model "
            f"'{self.endpoint.model}', max_tokens and parameters; replies so far are kept."
        )


@contextlib.contextmanager
def connect(endpoint: Endpoint, private: bool) -> Iterator[ChatServer]:
    """A server to ask; past any proxy where what is sent is private, or where the proxy could read a key.

    Raises:
        UserError: the key's variable is not set, empty or holds no key.
    """
    key = read_api_key(endpoint)
    import openai  # a second to import

    from clinical_dpo.endpoints.bounded_client import BoundedClient

    for name in ("openai", "httpx2", "httpcore2"):  # at their debug level they log what is sent
        logging.getLogger(name).setLevel(logging.WARNING)
    past_proxies = private or (endpoint.base_url.startswith("http://") and endpoint.secret_variables)
    direct: Any = {"mounts": dict.fromkeys(("http://", "https://", "all://"))} if past_proxies else {}
    # A redirect could lead to a host that may not see the text.
    with BoundedClient(endpoint.timeout_seconds, follow_redirects=False, **direct) as http:
        with _client_variables(endpoint.client_variables):
            client = openai.OpenAI(
                api_key=key or "none",
                default_headers={"Authorization": f"Bearer {key or 'none'}"},  # before any of OPENAI_CUSTOM_HEADERS
                base_url=endpoint.base_url,
                timeout=endpoint.timeout_seconds,
                max_retries=0,  # every attempt is kept, so they are made by `client.complete`
                http_client=http,
            )
        secrets = sent_secrets(endpoint, key)
        yield ChatServer(endpoint, client, secrets, bool(secrets) or private)


@contextlib.contextmanager
def _client_variables(meant: Sequence[str]) -> Iterator[None]:
    """An environment in which OpenAI's client finds those of its variables alone that are meant for the server."""
    others = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OPENAI_") and name not in meant
    }
    try:
        yield
    finally:
        os.environ.update(others)


def read_body(body: str) -> Reply | None:
    """The reply in a body, None where that is no completion."""
    try:
        value = json.loads(body)
        choice, used = value["choices"][0], value.get("usage") or {}
        return Reply(
            text=_text(choice["message"].get("content") or ""),
            finish_reason=_text(choice.get("finish_reason")),
            model=_text(value.get("model")),
            prompt_tokens=_count(used.get("prompt_tokens")),
            completion_tokens=_count(used.get("completion_tokens")),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _text(value: object) -> str:
    """Text that can be written as UTF-8: half of a pair of surrogates is a replacement sign."""
    return re.sub(r"[\ud800-\udfff]", "\ufffd", str(value))


def _count(value: object) -> int:
    """A number of tokens; 0 where it is none, or none that a reply can have."""
    return int(value) if isinstance(value, int | float) and 0 <= value <= MOST_TOKENS else 0


def _beginning(body: str, secrets: Sequence[str]) -> str:
    """What is kept of a body that is no completion. Where it is cut, no part of a secret is left."""
    if len(body) <= KEPT_OF_FAULTS:
        return without_secrets(body, secrets)
    return without_secrets(body[:KEPT_OF_FAULTS], secrets)[:-LONGEST_ECHO]


def _error_code(body: str) -> str:
    """The server's own word for an error. Its sentences are left out: they may quote the key, or the text."""
    with contextlib.suppress(KeyError, TypeError, ValueError, RecursionError):
        code = json.loads(body)["error"]["code"]
        if re.fullmatch(r"[a-z_]{1,50}", code):
            return f", {code}"
    return ""


def _retry_after(value: str) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date (RFC 9110, section 10.2.3)."""
    try:
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
