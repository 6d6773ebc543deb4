"""Remove API keys and other sent secrets from a server's responses, even if the server encodes or disguises them."""

import base64
import os
import re
import unicodedata
from collections.abc import Iterable

from clinical_dpo.config.endpoints import Endpoint

HIDDEN = "***"
SHORTEST_SECRET = 8  # characters; a shorter key may occur as a word in any reply
# Text between two characters of a key: line breaks of wrapped base64, and zero bytes of another encoding. Repetitions
# are bounded, since a server may send text of any length.
GAP = r"(?:\s|\x00|\\{1,8}[nrt]|\\{1,8}u000[0ad]){0,4}"
# A character beyond ASCII, or its JSON escape, or the JSON escapes of a surrogate pair.
WIDE = re.compile(
    r"[^\x00-\x7f]|\\{1,8}ud[89ab][0-9a-f]{2}\\{1,8}ud[c-f][0-9a-f]{2}|\\{1,8}u[0-9a-f]{4}", re.IGNORECASE
)


def sent_secrets(endpoint: Endpoint, key: str | None) -> list[str]:
    """Return the secret values in an endpoint's requests.

    These are the API key and the values of the environment variables that OpenAI's client may read for this endpoint.
    """
    values = {name: os.environ.get(name, "") for name in endpoint.client_variables}
    headers = values.pop("OPENAI_CUSTOM_HEADERS", "").splitlines()
    words = [word for line in headers for word in line.partition(":")[2].split()]
    return [value for value in dict.fromkeys([key or "", *values.values(), *words]) if value]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text by HIDDEN.

    A secret is recognised as it is, in base64, and as hexadecimal digits. Upper and lower case make no difference. The
    secret's characters may be escaped for JSON (a backslash and then u0073), for a URL (%73) or for HTML (&#115;).

    A secret is also recognised if it is disguised: its letters are Unicode variants (full width, mathematical), or
    invisible characters are between its letters (zero-width spaces, marks). If the text has a disguised secret, the
    returned text has plain letters (NFKC) throughout, without invisible characters.
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


def _plain(match: re.Match[str]) -> str:
    """Return the plain form (NFKC) of a character beyond ASCII. The match is the character or its JSON escape.

    An invisible character, such as a zero-width space or a combining mark, gives "". The match is returned unchanged if
    it is the escape of an ASCII character, or if the plain form has a quotation mark, a backslash or a character that
    is not printable. Such a plain form could change the JSON.
    """
    written = match[0]
    halves = "".join(re.findall(r"u([0-9a-f]{4})", written, re.IGNORECASE))
    character = bytes.fromhex(halves).decode("utf-16-be", "replace") if halves else written
    if character.isascii():
        return written
    if unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return ""
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain.isprintable() and not set(plain) & {'"', "\\"} else written


def _character(character: str) -> str:
    """Return a pattern that matches a character, written as itself or as an escape of JSON, Python, URLs or HTML."""
    code = ord(character)
    itself = character if character.isalnum() else rf"\\{{0,8}}{re.escape(character)}"
    return (
        rf"(?:{itself}|\\{{1,8}}[ux](?:00)?{code:02x}|%(?:25){{0,4}}{code:02x}|&#0{{0,4}}{code};|&#x0{{0,4}}{code:x};)"
    )


def _base64(secret: str) -> list[str]:
    """Return the Base64 digits by which a secret can be recognised in an encoded text.

    The digits depend on where the secret begins within a group of three bytes. For each of the three possible offsets,
    the list has a spelling with the characters `+/` and a spelling with the characters `-_`.
    """
    spellings = []
    for offset in range(3):
        raw = bytes(offset) + secret.encode()
        first, last = -(-offset * 8 // 6), len(raw) * 8 // 6  # digits that depend only on the secret
        digits = base64.b64encode(raw).decode()[first:last]
        spellings += [digits, digits.translate(str.maketrans("+/", "-_"))]
    return list(dict.fromkeys(spellings))
