"""Check which user owns the program that listens at a port of this host. Any user can listen at a free port."""

import ipaddress
import os
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
    """Refuse an endpoint on this host if the listener at its port belongs to neither this run's user nor root.

    Without a table of sockets, or without a listener, nothing is refused.

    Raises:
        UserError: another user owns the listener. The message names endpoint, port and user.
    """
    port = urlsplit(endpoint.base_url).port or 80
    addresses = _addresses(endpoint.host)
    for listener in (each for path in tables for each in listeners(_read(path))):
        if listener.port == port and listener.address in addresses and listener.uid not in (0, os.getuid()):
            raise PublicError(
                f"endpoint '{endpoint.name}' ({endpoint.base_url}): the program at port {port} of this host belongs to "
                f"another user (uid {listener.uid}). Nothing is sent to it. Start the server as the user of this run "
                "or as root, or correct base_url."
            )


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def listeners(table: str) -> list[Listener]:
    """Read the listening sockets from a table of Linux (proc_pid_net(5)). The addresses are hexadecimal words."""
    listening = []
    for line in table.splitlines()[1:]:
        _, local, _, state, _, _, _, uid, *_ = line.split()
        if state == LISTENING:
            address, port = local.split(":")
            listening.append(Listener(_address(address), int(port, 16), int(uid)))
    return listening


def _address(words: str) -> str:
    """Read an address from 32-bit words in the host's byte order; an IPv4-mapped IPv6 address becomes IPv4."""
    packed = b"".join(int(words[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(words), 8))
    address = ipaddress.ip_address(packed)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _addresses(host: str) -> set[str]:
    """Local addresses of sockets that a connection to the host can reach: the host's own addresses, and wildcards."""
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        addresses = set()
    return addresses | {"0.0.0.0", "::"}
