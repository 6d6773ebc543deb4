"""Keys taken out of what a server sends back, however it quotes them."""

import base64
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping

from clinical_dpo.config.endpoints import Endpoint

HIDDEN = "***"
SHORTEST = 8  # characters; a shorter key could be a word of any reply
# Between two characters of a key: line breaks, as base64 is wrapped, and the zero bytes of another encoding. Every
# repetition has an end, since a server may send any length of them.
GAP = r"(?:\s|\x00|\\{1,8}[nrt]|\\{1,8}u000[0ad]){0,4}+"
# Characters beyond ASCII, and the escapes that JSON has for characters: one, or the two halves of a pair.
WIDE = re.compile(
    r"[^\x00-\x7f]|\\{1,8}ud[89ab][0-9a-f]{2}\\{1,8}ud[c-f][0-9a-f]{2}|\\{1,8}u[0-9a-f]{4}", re.IGNORECASE
)


def sent_secrets(endpoint: Endpoint, key: str | None, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The key of an endpoint, and the values of the headers that its client's variables hold."""
    values = {name: environment.get(name, "") for name in endpoint.client_variables}
    headers = values.pop("OPENAI_CUSTOM_HEADERS", "").splitlines()
    words = [word for line in headers for word in line.partition(":")[2].split()]
    return [value for value in dict.fromkeys([key or "", *values.values(), *words]) if value]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with HIDDEN for every secret.

    A secret is found as it is, in base64 and as hexadecimal digits, in either case of its letters, and with any of its
    characters written as an escape of JSON (backslash, u0073), of a URL (%73) or of HTML (&#115;). It is also found in
    other forms of its letters (full width, mathematical) and with signs between them that show nothing of themselves
    (zero-width spaces, marks); all other letters of such a text then lose these forms too.
    """
    patterns = [
        re.compile(GAP.join(map(_character, spelling)), re.IGNORECASE)
        for secret in secrets
        for spelling in (secret, secret.encode().hex(), *_base64(secret))
    ]
    hidden = _hide(text, patterns)
    plain = WIDE.sub(_plain, hidden)
    plain_hidden = _hide(plain, patterns) if plain != hidden else plain
    return hidden if plain_hidden == plain else plain_hidden


def _hide(text: str, patterns: Iterable[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(HIDDEN, text)
    return text


def _plain(found: re.Match[str]) -> str:
    """A character beyond ASCII, or an escape, as letters that look like it: its NFKC form, nothing for a format sign.

    What JSON would take for the end of a string stays as it is.
    """
    written = found[0]
    halves = "".join(re.findall(r"u([0-9a-f]{4})", written, re.IGNORECASE))
    character = bytes.fromhex(halves).decode("utf-16-be", "replace") if halves else written
    if character.isascii():
        return written
    if unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return ""
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain.isprintable() and not set(plain) & {'"', "\\"} else written


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
