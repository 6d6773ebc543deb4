"""The OpenAI-compatible servers of a run: their settings and keys, and which of them may receive private text."""

import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from clinical_dpo.errors import PublicError, UserError, did_you_mean

# Fields of a request that limit the tokens of its reply. Servers name the limit differently.
TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "n_predict")


@dataclass(frozen=True)
class Endpoint:
    """A model behind a server: one entry of the config's `endpoints`. The config's schema describes every key.

    Attributes:
        name: name of the entry.
        key_variable: name of the environment variable that contains the API key; None if the server needs no key.
        price: US dollars per million tokens, `input` and `output`; empty if unknown.
        parameters: further fields of every request. A field with the value None is left out of the request.
        client_variables: environment variables whose values OpenAI's client sends to this server.
        server_user: a user of this host. A server on this host may receive keys and private text if it was started by
            `server_user`, by root or by the run's own user.
    """

    name: str
    base_url: str
    model: str
    key_variable: str | None
    concurrency: int
    timeout_seconds: float
    max_tokens: int
    seed: int | None = None
    price: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    client_variables: Sequence[str] = ()
    server_user: str | None = None

    @property
    def host(self) -> str:
        """The host that receives the requests."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def secret_variables(self) -> list[str]:
        """The environment variables whose values are sent to the server."""
        return [*([self.key_variable] if self.key_variable else []), *self.client_variables]

    @property
    def is_readable_on_the_way(self) -> bool:
        """Whether requests go unencrypted from this machine to a server on another host."""
        return urlsplit(self.base_url).scheme == "http" and not _is_this_host(self.host)

    @property
    def is_readable_here(self) -> bool:
        """Whether requests go unencrypted to a server on this host.

        Another user of this host may have started that server, and could then read the requests.
        """
        return urlsplit(self.base_url).scheme == "http" and _is_this_host(self.host)

    @property
    def body(self) -> dict[str, Any]:
        """All fields of a request except the messages. The reply depends on each of these fields."""
        fields = {"model": self.model, "temperature": 0, "max_tokens": self.max_tokens, "seed": self.seed}
        return {key: value for key, value in (fields | dict(self.parameters)).items() if value is not None}

    @property
    def token_limit(self) -> int:
        """The most tokens that a reply may have.

        A request may have several of the fields that TOKEN_LIMITS lists. The smallest of their integers is the limit.
        If none of these fields has an integer, the limit is the setting `max_tokens`.
        """
        limits = [self.body[name] for name in TOKEN_LIMITS if isinstance(self.body.get(name), int)]
        return min(limits, default=self.max_tokens)

    def cost(self, sent: int, received: int) -> float | None:
        """US dollars for tokens sent and received; None if the price is unknown."""
        return (sent * self.price["input"] + received * self.price["output"]) / 1e6 if self.price else None

    def with_token_limit(self, tokens: int) -> "Endpoint":
        """A copy of this endpoint with another token limit.

        Fields in `parameters` that state the limit are changed too.
        """
        parameters = {
            name: tokens if name in TOKEN_LIMITS and value is not None else value
            for name, value in self.parameters.items()
        }
        return replace(self, max_tokens=tokens, parameters=parameters)


def endpoint_named(name: str, endpoints: Mapping[str, Mapping[str, Any]], where: str) -> Endpoint:
    """The endpoint with this name in the config's `endpoints`.

    Args:
        name: name of the entry.
        endpoints: the config's `endpoints`.
        where: the file and the key that name the endpoint. The error message begins with this text.

    Raises:
        UserError: no entry has this name.
    """
    if name not in endpoints:
        raise UserError(
            f"{where} '{name}' is not an entry of the config's endpoints.{did_you_mean(name, sorted(endpoints))}"
        )
    return Endpoint(name, **endpoints[name])


def check_keys_are_encrypted(config: Mapping[str, Any]) -> None:
    """Refuse an endpoint that would receive keys unencrypted over the network, or whose `server_user` has no effect.

    A host in `plain_http_hosts` may receive keys unencrypted. A `server_user` has an effect only if `base_url` is an
    http:// address of the computer that sends the requests (localhost or a loopback address).

    Args:
        config: the run's config.

    Raises:
        UserError: an endpoint is refused. The message names the endpoint. If keys would be sent unencrypted, it
            also names the host and the environment variables that contain the keys.
    """
    for name, settings in config["endpoints"].items():
        endpoint = Endpoint(name, **settings)
        if endpoint.server_user is not None and not endpoint.is_readable_here:
            raise UserError(
                f"config: key 'endpoints.{name}.server_user' has an effect only if base_url begins with http:// and "
                "names localhost or a loopback address such as 127.0.0.1. But base_url is "
                f"'{endpoint.base_url}'. Remove server_user."
            )
        if endpoint.secret_variables and not _may_be_plain(endpoint, config["plain_http_hosts"]):
            variables = " and ".join(endpoint.secret_variables)
            raise UserError(
                f"config: key 'endpoints.{name}.base_url': http:// would send the secrets in the "
                f"environment ({variables}) to {endpoint.host} unencrypted. {_encrypted(endpoint)}"
            )


def check_endpoint_allowed(
    task: Mapping[str, Any], endpoint: Endpoint, allowed: Sequence[str], plain: Sequence[str] = ()
) -> None:
    """Refuse an endpoint that may not receive the private text of a task with `phi: true`.

    The endpoint's host must be in `allowed`. If the endpoint's address is not encrypted (http://), its host must also
    be in `plain`, or be a loopback address: requests to a loopback address do not leave the machine that sends them.

    Args:
        task: the task file's settings.
        endpoint: the endpoint that would receive the text.
        allowed: the config's `phi_hosts`.
        plain: the config's `plain_http_hosts`.

    Raises:
        UserError: the endpoint is refused. The message names task, endpoint and host.
    """
    if task.get("phi") and endpoint.host not in allowed:
        raise UserError(
            f"config/tasks/{task['name']}.yaml: the text is private (phi: true), and endpoint '{endpoint.name}' would "
            f"send it to {endpoint.host}. Name an endpoint on {', '.join(allowed) or 'an allowed host'}. If "
            f"{endpoint.host} may receive the text, add {endpoint.host} to the config's phi_hosts."
        )
    if task.get("phi") and not _may_be_plain(endpoint, plain):
        raise UserError(
            f"config/tasks/{task['name']}.yaml: the text is private (phi: true), and endpoint '{endpoint.name}' would "
            f"send it to {endpoint.host} unencrypted (http://). {_encrypted(endpoint)}"
        )


def _may_be_plain(endpoint: Endpoint, plain: Sequence[str]) -> bool:
    """Whether private requests may go to the endpoint without further encryption.

    They may if they stay on this host, if they are encrypted already, or if the user allows plain HTTP to the host.

    Args:
        endpoint: the endpoint.
        plain: the hosts to which the user allows plain HTTP (`plain_http_hosts` of the config).
    """
    return not endpoint.is_readable_on_the_way or endpoint.host in plain


def _encrypted(endpoint: Endpoint) -> str:
    """The end of an error message about private text or secrets sent unencrypted: two ways to mend the settings."""
    return (
        f"Use https://. If others on the network are allowed to read the requests, add {endpoint.host} to the "
        "config's plain_http_hosts."
    )


def _is_this_host(host: str) -> bool:
    """Whether a host name or address is this host's loopback."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def why_unavailable(endpoint: Endpoint) -> str | None:
    """The reason why no request can be sent to an endpoint: its API key is not set. None if requests can be sent."""
    variable = endpoint.key_variable
    return f"environment variable {variable} is not set" if variable and variable not in os.environ else None


def read_api_key(endpoint: Endpoint) -> str | None:
    """The API key of an endpoint; None if the server needs no key.

    Raises:
        PublicError: the environment variable of the key is not set, is empty, or contains characters that a key cannot
            have. No message shows the value.
    """
    variable = endpoint.key_variable
    if not variable:
        return None
    where = f"endpoint '{endpoint.name}': environment variable {variable}"
    if variable not in os.environ:
        raise PublicError(f"{where} is not set. Set it to an API key for {endpoint.host}.")
    key = os.environ[variable].strip()
    if not key:
        raise PublicError(f"{where} is empty. Set it to an API key for {endpoint.host}.")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise PublicError(f"{where} contains characters that no key has. Copy the API key of {endpoint.host} again.")
    return key
