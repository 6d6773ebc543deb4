"""Keys taken out of what a server sends back, however it quotes them."""

import base64
import os
import re
from collections.abc import Iterable, Mapping

from clinical_dpo.config.endpoints import Endpoint

HIDDEN = "***"
SHORTEST = 8  # characters; a shorter key could be a word of any reply
# Between two characters of a key: line breaks, as base64 is wrapped, and the zero bytes of another encoding. Every
# repetition has an end, since a server may send any length of them.
GAP = r"(?:\s|\x00|\\{1,8}[nrt]|\\{1,8}u000[0ad]){0,4}+"


def sent_secrets(endpoint: Endpoint, key: str | None, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The key of an endpoint, and the values of the headers that its client's variables hold."""
    values = {name: environment.get(name, "") for name in endpoint.client_variables}
    headers = values.pop("OPENAI_CUSTOM_HEADERS", "").splitlines()
    words = [word for line in headers for word in line.partition(":")[2].split()]
    return [value for value in dict.fromkeys([key or "", *values.values(), *words]) if value]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with HIDDEN for every secret.

    A secret is found as it is, in base64 and as hexadecimal digits, in either case of its letters, and with any of its
    characters written as an escape of JSON (backslash, u0073), of a URL (%73) or of HTML (&#115;).
    """
    for secret in secrets:
        for spelling in (secret, secret.encode().hex(), *_base64(secret)):
            text = re.sub(GAP.join(map(_character, spelling)), HIDDEN, text, flags=re.IGNORECASE)
    return text


def _character(character: str) -> str:
    """A pattern of one character and its escapes."""
    code = ord(character)
    itself = character if character.isalnum() else rf"\\{{0,8}}{re.escape(character)}"
    return (
        rf"(?:{itself}|\\{{1,8}}[ux](?:00)?{code:02x}|%(?:25){{0,4}}{code:02x}|&#0{{0,4}}{code};|&#x0{{0,4}}{code:x};)"
    )


def _base64(secret: str) -> list[str]:
    """What every base64 of a text holds that the secret stands in: one spelling for each place of its first byte."""
    cores = []
    for before in range(3):
        raw = bytes(before) + secret.encode()
        first, last = -(-before * 8 // 6), len(raw) * 8 // 6  # digits that depend on the secret alone
        digits = base64.b64encode(raw).decode()[first:last]
        cores += [digits, digits.translate(str.maketrans("+/", "-_"))]
    return list(dict.fromkeys(cores))
