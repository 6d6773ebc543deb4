"""Recognise UTF-8 text that a program has read in another encoding, such as `FiÃ¨vre`, and read it again."""

import codecs
import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

_WESTERN = "cp1252"


class _Misreading(NamedTuple):
    """A wrong encoding, and the bytes of the UTF-8 characters that show that a program used it.

    Attributes:
        codec: the wrong encoding.
        leads: first bytes of such characters.
        following: all bytes after the first.
        least: a text with fewer such characters counts as correct. It is above 1 if correct text can look the same,
            such as `É’`.
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
    """Whether a text has UTF-8 characters that were read in another encoding."""
    return not text.isascii() and ungarbled(text) != text


def ungarbled(text: str) -> str:
    """Return a text in which such characters are read as UTF-8; other characters stay."""
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
    """Return the byte of a character. Programs read the five bytes that Windows-1252 leaves undefined as U+0081 etc."""
    try:
        return codecs.encode(character, codec)
    except UnicodeEncodeError:
        return codecs.encode(character, "latin-1")


@cache
def _pattern(misreading: _Misreading) -> re.Pattern[str]:
    """Return the pattern of the misread characters: a first byte, and one to three bytes that follow it."""
    following = _class(misreading.following, misreading.codec)
    parts = []
    for low, high, count in ((0xC0, 0xE0, 1), (0xE0, 0xF0, 2), (0xF0, 0x100, 3)):
        if leads := [byte for byte in misreading.leads if low <= byte < high]:
            parts.append(f"{_class(leads, misreading.codec)}{following}{{{count}}}")
    return re.compile("|".join(parts))


def _class(values: Sequence[int], codec: str) -> str:
    characters = (bytes([value]).decode(codec, "ignore") or chr(value) for value in values)
    return f"[{''.join(map(re.escape, characters))}]"
