"""Whose program answers at a port of this host: any user of the machine can listen at one that is free."""

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

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")  # of Linux
LISTENING = "0A"


@dataclass(frozen=True)
class Listener:
    """A socket that takes connections: its address and port, and the user who made it."""

    address: str
    port: int
    uid: int


def check_listener(endpoint: Endpoint, tables: Sequence[str] = TABLES) -> None:
    """Refuse an endpoint on this host where another user listens at its port; root may.

    Nothing is refused where this cannot be told: there is no table, or nobody listens.

    Raises:
        UserError: naming endpoint, port and user.
    """
    port = urlsplit(endpoint.base_url).port or 80
    found = [each for path in tables for each in listeners(_read(path))]
    reached = _addresses(endpoint.host)
    for each in found:
        if each.port == port and each.address in reached and each.uid not in (0, os.getuid()):
            raise PublicError(
                f"endpoint '{endpoint.name}' ({endpoint.base_url}): at port {port} of this host another user's program "
                f"listens (uid {each.uid}). Nothing is sent there. Start the server as the user of this run or as "
                "root, or correct base_url."
            )


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def listeners(table: str) -> list[Listener]:
    """What listens, by a table of Linux's (proc_pid_net(5)): local address in hexadecimal words, state, uid."""
    found = []
    for line in table.splitlines()[1:]:
        _, local, _, state, _, _, _, uid, *_ = line.split()
        if state == LISTENING:
            address, port = local.split(":")
            found.append(Listener(_address(address), int(port, 16), int(uid)))
    return found


def _address(words: str) -> str:
    """An address from its words of 32 bits, each in the machine's order of bytes; of IPv4 where it is that in IPv6."""
    packed = b"".join(int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    address = ipaddress.ip_address(packed)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _addresses(host: str) -> set[str]:
    """Where sockets listen that a host's name leads to: its addresses, and those that stand for any."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        found = set()
    return found | {"0.0.0.0", "::"}
