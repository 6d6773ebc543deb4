"""How labels, columns, ids and prompts are compared: in Unicode form NFC (canonical composition).

Comparisons with `comparable` and `comparable_id` also ignore case and repeated white space.
"""

import re
import unicodedata
from typing import Any


def nfc(text: str) -> str:
    """Return the text in Unicode form NFC. In NFC `è` is one character, not `e` followed by an accent."""
    return unicodedata.normalize("NFC", text)


class DecomposedText(str):
    """A text in a Unicode form other than NFC.

    It keeps its characters, but is compared and searched as if it were in NFC.
    """

    def __hash__(self) -> int:
        """Return the hash of the text in NFC."""
        return hash(nfc(self))

    def __eq__(self, other: object) -> bool:
        """Whether both texts are equal in NFC."""
        return isinstance(other, str) and nfc(self) == nfc(other)

    def __ne__(self, other: object) -> bool:
        """Whether the texts still differ after both are converted to NFC."""
        return not self == other

    def __contains__(self, part: Any) -> bool:
        """Whether the text contains the part after both are converted to NFC."""
        return nfc(part) in nfc(self)

    def lower(self) -> "DecomposedText":
        """Return the text in small letters."""
        return DecomposedText(str.lower(self))

    def upper(self) -> "DecomposedText":
        """Return the text in capital letters."""
        return DecomposedText(str.upper(self))

    def strip(self, chars: str | None = None) -> "DecomposedText":
        """Return the text without the characters `chars` at its ends, or without white space if `chars` is None."""
        return DecomposedText(str.strip(self, chars))


def compared_in_nfc(value: Any) -> Any:
    """Return the value with a `DecomposedText` in place of each text that is not in NFC.

    Two texts of the result are equal if they are equal in NFC. Their order (`<`, sorting) is that of their characters.
    The texts in a list and the values of a dict are replaced too, at any depth. The keys of a dict stay unchanged.
    """
    if isinstance(value, str):
        return value if unicodedata.is_normalized("NFC", value) else DecomposedText(value)
    if isinstance(value, list):
        return list(map(compared_in_nfc, value))
    return {name: compared_in_nfc(part) for name, part in value.items()} if isinstance(value, dict) else value


def comparable(text: str) -> str:
    """Return a key for comparing texts. Texts that differ only in case, white space or Unicode form have equal keys."""
    return nfc(" ".join(nfc(text).casefold().split()))


def comparable_id(row_id: str) -> str:
    """Return a key for comparing ids. Ids that people easily take for the same id have equal keys.

    The key ignores what `comparable` ignores. In whole numbers it also ignores leading zeros, and zeros after the
    decimal point: 7, 007 and 7.0 have the same key.
    """
    plain = comparable(row_id)
    number = re.fullmatch(r"0*(\d+)(?:\.0*)?", plain)
    return number[1] if number else plain
