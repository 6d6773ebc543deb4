"""Make calls to an OpenAI-compatible server. If a call fails and a retry would fail too, raise an error."""

import contextlib
import logging
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from clinical_dpo.config.endpoints import Endpoint, read_api_key
from clinical_dpo.endpoints.listeners import check_listener
from clinical_dpo.endpoints.refusals import account_refusal, error_code
from clinical_dpo.endpoints.replies import Reply, read_body
from clinical_dpo.endpoints.secrets import SHORTEST_SECRET, sent_secrets, without_secrets
from clinical_dpo.errors import PublicError
from clinical_dpo.records import Message

Messages = tuple[Message, ...]  # messages of the chat API
KEPT_CHARACTERS = 10_000  # characters saved of a body that is not a completion
LONGEST_ECHO = 1_000  # characters of the longest secret, with its escapes


@dataclass(frozen=True)
class Outcome:
    """Outcome of one attempt to get a reply from a server.

    Attributes:
        status: HTTP status of the response. If no complete response was received, a text that says why.
        body: body of the response, with the endpoint's secrets removed.
        wait: seconds that the header Retry-After requests; None without this header.
        reply: the reply or refusal in the body; None if the body is not a completion.
        is_permanent: whether the connection failed for a reason that would make another attempt fail too.
    """

    status: int | str
    body: str = ""
    wait: float | None = None
    reply: Reply | None = None
    is_permanent: bool = False


@dataclass(frozen=True)
class ChatServer:
    """A model's server, with the client that is connected to the server. `connect` makes this object."""

    endpoint: Endpoint
    client: Any
    secrets: Sequence[str]  # secret values in the requests; no file or message may contain them
    is_confidential: bool = False  # whether requests contain a key or private text

    @property
    def label(self) -> str:
        """Name and address of the endpoint, for messages."""
        return f"endpoint '{self.endpoint.name}' ({self.endpoint.base_url})"

    def check_listener(self) -> None:
        """Raise PublicError if another user of this host would receive an API key, another secret or private text.

        This can happen only if the requests go unencrypted to a server on this host, and the program that listens at
        the server's port belongs to another user.
        """
        if self.is_confidential and self.endpoint.is_readable_here:
            check_listener(self.endpoint)

    def call(self, messages: Messages, reply_schema: Mapping[str, Any] | None = None) -> Outcome:
        """Send the messages to the server once, and return the outcome.

        A failed connection or a timeout is an outcome, not an exception.

        Args:
            messages: the conversation.
            reply_schema: JSON schema that the text of the reply must follow.
        """
        import openai

        from clinical_dpo.endpoints.bounded_client import LARGEST_REPLY

        body = self.endpoint.body
        if reply_schema:
            schema = {"name": "reply", "strict": True, "schema": reply_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        model = body.pop("model")
        try:
            create = self.client.chat.completions.with_raw_response.create
            response = create(model=model, messages=list(messages), extra_body=body).http_response
        except openai.APIStatusError as error:
            response = error.response
        except openai.APITimeoutError:
            return Outcome(f"no reply within {self.endpoint.timeout_seconds:g} s")
        except openai.APIConnectionError as error:
            reason = _permanent_reason(error)
            return Outcome(reason or "no connection, or a broken connection", is_permanent=bool(reason))
        status: int | str = response.status_code
        if len(response.content) > LARGEST_REPLY:
            status = f"a reply of more than {LARGEST_REPLY} bytes"
        text, reply = response.text, None
        if status == 200 and read_body(text):
            text = without_secrets(text, [secret for secret in self.secrets if len(secret) >= SHORTEST_SECRET])
            reply = read_body(text)
        text = text if reply else _beginning(text, self.secrets)
        return Outcome(status, text, _retry_after(response.headers["retry-after"]), reply)

    @staticmethod
    def refuses_request(outcome: Outcome) -> bool:
        """Whether the HTTP status of an outcome may mean that the server does not support a field of the request."""
        return outcome.status in (400, 404, 405, 415, 422, 501)

    def check_refusal(self, outcome: Outcome, name: str) -> None:
        """Raise PublicError if a call failed and another attempt would fail in the same way.

        Args:
            outcome: outcome of the call.
            name: id of the request, for the message.
        """
        status, code = outcome.status, error_code(outcome.body)
        code = f", {code}" if code else ""
        if outcome.is_permanent:
            raise PublicError(f"{self.label}: {status}")
        if status == 200 and re.match(r"\s*<", outcome.body):
            raise PublicError(
                f"{self.label} answers with a web page. Correct base_url. Many servers need a base_url that ends in "
                "/v1."
            )
        if reason := account_refusal(status, outcome.body):
            raise PublicError(
                f"{self.label}: the account cannot pay for the call ({status}, {reason}). Waiting does not help. "
                "Replies so far are saved. Check quota and billing of the account, and run again."
            )
        if isinstance(status, str) or not (300 <= status < 500 or status == 501) or status in (408, 409, 429):
            return
        if status in (401, 403):
            variable = self.endpoint.key_variable
            if not variable:
                raise PublicError(
                    f"{self.label} requires a key ({status}{code}). Set key_variable to the name of the environment "
                    "variable that has the key. If a variable of client_variables has the key, correct that variable."
                )
            raise PublicError(
                f"{self.label} refuses the key ({status}{code}). Check the key in environment variable {variable}. "
                f"Check the permissions of the key for model '{self.endpoint.model}'."
            )
        if status < 400:
            raise PublicError(
                f"{self.label} redirects the request ({status}). The run does not follow redirects. Correct base_url."
            )
        raise PublicError(
            f"{self.label} refuses request '{name}' ({status}{code}). Replies so far are saved. Check "
            f"base_url, model '{self.endpoint.model}', seed, parameters and max_tokens. For a generated field, check "
            "max_new_tokens of the field instead of max_tokens."
        )


@contextlib.contextmanager
def connect(endpoint: Endpoint, private: bool) -> Iterator[ChatServer]:
    """Connect to a server, and yield the connected server.

    Requests with private text bypass all proxies. Requests that send the API key or another secret unencrypted
    (http://) also bypass all proxies, because a proxy could read the secret.

    Args:
        endpoint: the server and its settings.
        private: whether requests contain private text.

    Raises:
        UserError: the environment variable for the API key is not set, is empty or holds no valid key.
    """
    key = read_api_key(endpoint)
    import openai  # takes a second to import

    from clinical_dpo.endpoints.bounded_client import BoundedClient

    for name in ("openai", "httpx2", "httpcore2"):  # at debug level, these libraries log requests
        logging.getLogger(name).setLevel(logging.WARNING)
    past_proxies = private or (endpoint.base_url.startswith("http://") and endpoint.secret_variables)
    direct: Any = {"mounts": dict.fromkeys(("http://", "https://", "all://"))} if past_proxies else {}
    # A redirect may lead to a host that must not receive the text.
    with BoundedClient(endpoint.timeout_seconds, follow_redirects=False, **direct) as http:
        with _client_variables(endpoint.client_variables):
            client = openai.OpenAI(
                api_key=key or "none",
                default_headers={"Authorization": f"Bearer {key or 'none'}"},  # overrides OPENAI_CUSTOM_HEADERS
                base_url=endpoint.base_url,
                timeout=endpoint.timeout_seconds,
                max_retries=0,  # `client.request_completions` repeats calls, and stores each attempt
                http_client=http,
            )
        secrets = sent_secrets(endpoint, key)
        yield ChatServer(endpoint, client, secrets, bool(secrets) or private)


@contextlib.contextmanager
def _client_variables(allowed: Sequence[str]) -> Iterator[None]:
    """Remove the environment variables that begin with `OPENAI_`, except `allowed`, while the block runs.

    OpenAI's client would otherwise read them.
    """
    removed = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OPENAI_") and name not in allowed
    }
    try:
        yield
    finally:
        os.environ.update(removed)


def _permanent_reason(error: BaseException | None) -> str | None:
    """Return why a connection failed and what to do, if another attempt would fail too; else None.

    The reasons are a refused certificate, a server without TLS, and an unknown host name.
    """
    while error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the server's certificate is refused ({error.verify_message}). Correct the certificate or base_url."
        if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            return "https:// reaches a server that does not speak TLS. Correct base_url, or set up TLS on the server."
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
            return "no host has this name. Correct base_url."
        error = error.__cause__ or error.__context__
    return None


def _beginning(body: str, secrets: Sequence[str]) -> str:
    """Return at most the first KEPT_CHARACTERS of a body that is not a completion, with the secrets removed.

    If a secret continues past that length, no part of the secret is returned.
    """
    if len(body) <= KEPT_CHARACTERS:
        return without_secrets(body, secrets)
    return without_secrets(body[:KEPT_CHARACTERS], secrets)[:-LONGEST_ECHO]


def _retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After header states, as a number or as a date (RFC 9110, section 10.2.3).

    If the header is neither a number nor a date, return None.
    """
    try:
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
