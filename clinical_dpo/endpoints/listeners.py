"""Check which user owns the program that listens at a port of this host. Any user can listen at a free port."""

import ipaddress
import os
import pwd
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.errors import PublicError

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")  # Linux
LISTENING = "0A"  # state of a socket, in hexadecimal


@dataclass(frozen=True)
class Listener:
    """A listening socket: address, port, and id of the user who owns it."""

    address: str
    port: int
    uid: int


def check_listener(endpoint: Endpoint, tables: Sequence[str] = TABLES) -> None:
    """Refuse an endpoint on this host if the listener at its port belongs to an unexpected user.

    The expected users are this run's user, root, and the endpoint's `server_user`. If no listener is found, the
    endpoint is accepted.

    Args:
        endpoint: the server and its settings.
        tables: files in which the kernel lists the sockets of this host. A missing file counts as empty.

    Raises:
        UserError: another user owns the listener, or this host has no user `server_user`. The message names endpoint,
            port and user.
    """
    owners = {0, os.getuid(), *_server_user(endpoint)}
    port = urlsplit(endpoint.base_url).port or 80
    addresses = _addresses(endpoint.host)
    for listener in (each for path in tables for each in listeners(_read(path))):
        if listener.port == port and listener.address in addresses and listener.uid not in owners:
            raise PublicError(
                f"endpoint '{endpoint.name}' ({endpoint.base_url}): the program at port {port} of this host belongs to "
                f"another user ({_user_name(listener.uid)}uid {listener.uid}). Nothing is sent to it. Start the server "
                "as the user of this run or as root, or correct base_url. If that other user may read the API "
                "key and the text of the requests, set the endpoint's server_user to the name of that user."
            )


def _server_user(endpoint: Endpoint) -> list[int]:
    """Return a list with the id of the endpoint's `server_user`; an empty list if the endpoint names no user."""
    if endpoint.server_user is None:
        return []
    try:
        return [pwd.getpwnam(endpoint.server_user).pw_uid]
    except KeyError:
        raise PublicError(
            f"endpoint '{endpoint.name}': this host has no user '{endpoint.server_user}' (key server_user). Name the "
            "user who runs the server, or remove the key."
        ) from None


def _user_name(uid: int) -> str:
    """Return the user's name, followed by a comma and a blank. If the user has no name, return an empty text.

    A message puts this text before the user's id.
    """
    try:
        return f"{pwd.getpwuid(uid).pw_name}, "
    except KeyError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def listeners(table: str) -> list[Listener]:
    """Read the listening sockets from the text of a table such as /proc/net/tcp (proc_pid_net(5))."""
    listening = []
    for line in table.splitlines()[1:]:
        _, local, _, state, _, _, _, uid, *_ = line.split()
        if state == LISTENING:
            address, port = local.split(":")
            listening.append(Listener(_address(address), int(port, 16), int(uid)))
    return listening


def _address(words: str) -> str:
    """Convert an address from a table such as /proc/net/tcp to its usual form: "0100007F" -> "127.0.0.1".

    An IPv4-mapped IPv6 address becomes IPv4.

    Args:
        words: the address as hexadecimal digits: one 32-bit word for IPv4, four for IPv6. The bytes of each word are in
            the host's byte order (little-endian in the example).
    """
    packed = b"".join(int(words[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(words), 8))
    address = ipaddress.ip_address(packed)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _addresses(host: str) -> set[str]:
    """Return the addresses of `host`, and the wildcards `0.0.0.0` and `::`.

    A socket on this machine receives connections to `host` only if it listens at one of these addresses. If `host`
    cannot be resolved, only the wildcards are returned.
    """
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        addresses = set()
    return addresses | {"0.0.0.0", "::"}
