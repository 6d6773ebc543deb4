"""Recognise UTF-8 text that a program has decoded with another encoding, such as `FiÃ¨vre`, and restore it."""

import codecs
import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

_WESTERN = "cp1252"


class _Misreading(NamedTuple):
    """A wrong encoding with which programs decode UTF-8, and the UTF-8 bytes of the characters that are restored.

    For example, the character `è` has the UTF-8 bytes C3 A8. A program that decodes these bytes as cp1252 turns `è`
    into the garbled character `Ã¨`.

    Attributes:
        codec: the wrong encoding, such as cp1252.
        leads: possible first bytes of a restored character in UTF-8.
        following: possible further bytes of a restored character in UTF-8.
        least: a text counts as garbled if it has at least this number of garbled characters. The number is above 1 if
            a part of correct text, such as `Å’`, can look like a garbled character.
    """

    codec: str
    leads: Sequence[int]
    following: Sequence[int] = range(0x80, 0xC0)
    least: int = 1


_MISREADINGS = (
    _Misreading(_WESTERN, (0xC2, 0xC3, 0xE2, 0xF0)),  # Western letters, signs and quotation marks, emoji
    _Misreading(_WESTERN, range(0xC2, 0xE0), (0x81, 0x8D, 0x8F, 0x90, 0x9D)),  # bytes without a character there
    _Misreading(_WESTERN, (0xC4, 0xC5, 0xCE, 0xCF, 0xD0, 0xD1, *range(0xD7, 0xDC)), least=2),  # other alphabets
    _Misreading(_WESTERN, range(0xE0, 0xF0), least=2),  # Asian scripts
    _Misreading("mac_roman", (0xC2, 0xC3, 0xE2)),
    _Misreading("cp850", (0xC2, 0xC3)),
    _Misreading("cp437", (0xC2, 0xC3)),
    _Misreading("cp1250", (0xC2, 0xC3), range(0xA0, 0xC0)),
    _Misreading("cp1251", (0xD0, 0xD1), least=4),
)


def is_garbled(text: str) -> bool:
    """Whether a text has UTF-8 characters that were decoded with another encoding."""
    return not text.isascii() and ungarbled(text) != text


def ungarbled(text: str) -> str:
    """Restore the UTF-8 characters of a text that a program decoded with another encoding.

    Correctly decoded characters of the text are left unchanged.
    """
    for misreading in _MISREADINGS:
        pattern = _pattern(misreading)
        if sum(_utf8(match[0], misreading.codec) != match[0] for match in pattern.finditer(text)) >= misreading.least:
            text = pattern.sub(lambda match, codec=misreading.codec: _utf8(match[0], codec), text)  # type: ignore[misc]
    return text.removeprefix("ï»¿")


def _utf8(characters: str, codec: str) -> str:
    try:
        return b"".join(_byte(character, codec) for character in characters).decode()
    except UnicodeError:
        return characters


def _byte(character: str, codec: str) -> bytes:
    """Encode a character as one byte with `codec`, or with Latin-1 if `codec` does not have the character.

    Windows-1252 leaves five bytes undefined. Programs decode these bytes with Latin-1: 0x81 -> U+0081.

    Raises:
        UnicodeEncodeError: Latin-1 does not have the character either.
    """
    try:
        return codecs.encode(character, codec)
    except UnicodeEncodeError:
        return codecs.encode(character, "latin-1")


@cache
def _pattern(misreading: _Misreading) -> re.Pattern[str]:
    """Return a pattern that matches one garbled character: its UTF-8 bytes, each decoded with `misreading.codec`."""
    following = _class(misreading.following, misreading.codec)
    parts = []
    for low, high, count in ((0xC0, 0xE0, 1), (0xE0, 0xF0, 2), (0xF0, 0x100, 3)):
        if leads := [byte for byte in misreading.leads if low <= byte < high]:
            parts.append(f"{_class(leads, misreading.codec)}{following}{{{count}}}")
    return re.compile("|".join(parts))


def _class(values: Sequence[int], codec: str) -> str:
    characters = (bytes([value]).decode(codec, "ignore") or chr(value) for value in values)
    return f"[{''.join(map(re.escape, characters))}]"
