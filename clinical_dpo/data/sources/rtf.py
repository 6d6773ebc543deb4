"""Read the text of RTF (Rich Text Format 1.9), which editors and hospital systems store in text fields."""

import codecs
import re
from dataclasses import dataclass, replace

_START = "{\\rtf"
_TOKEN = re.compile(
    r"\\([a-z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|[\r\n]+|(.)", re.IGNORECASE | re.DOTALL
)
_NO_TEXT = (  # groups with these words have no text of the document
    *("fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "generator", "themedata"),
    *("datastore", "xmlns"),
)
_WORDS = {
    **{"par": "\n", "line": "\n", "sect": "\n\n", "page": "\n\n", "row": "\n", "tab": "\t", "cell": "\t"},
    **{"emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”"},
}
_CHARACTER_SETS = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}  # words of documents without a code page
_FONT_PAGES = {  # character set of a font -> encoding
    **{"77": "mac_roman", "128": "cp932", "129": "cp949", "134": "gb18030", "136": "cp950", "161": "cp1253"},
    **{"162": "cp1254", "163": "cp1258", "177": "cp1255", "178": "cp1256", "186": "cp1257", "204": "cp1251"},
    **{"222": "cp874", "238": "cp1250", "255": "cp850"},
}
_UNSEEN = ("v", "deleted")  # words that hide the text after them
_SIGNS = {"~": "\u00a0", "_": "-", "\n": "\n", "\r": "\n", "{": "{", "}": "}", "\\": "\\"}


def has_rtf(text: str) -> bool:
    """Whether a text contains an RTF document."""
    return _START in text


def without_rtf(text: str) -> str:
    """Return a text in which an RTF document is replaced by its shown text. The text around the document stays."""
    start = text.index(_START)
    return f"{text[:start]}{_read(text[start:])}".strip()


@dataclass
class _Group:
    """The settings of a group of an RTF document. They apply up to the group's closing brace.

    Attributes:
        encoding: the encoding of the group's bytes.
        hidden: whether the group contains data that are not text of the document, such as a list of fonts.
        unseen: whether the group's text is marked as hidden or deleted.
        skipped: number of characters to skip after a Unicode escape (\\u). Only programs without Unicode show them.
    """

    encoding: str
    hidden: bool = False
    unseen: bool = False
    skipped: int = 1


def _read(rtf: str) -> str:
    """Return the text that an RTF document shows, followed by the plain text after the document."""
    page = re.search(r"\\ansicpg(\d+)", rtf)
    named = re.search(r"\\(mac|pca?)\b", rtf[:100])
    default = _code_page(page[1]) if page else _CHARACTER_SETS[named[1]] if named else "cp1252"
    group, outer = _Group(default), list[_Group]()
    fonts: dict[str, str] = {}  # font -> encoding
    font, pending, parts = "", 0, list[str]()  # `pending`: number of characters still to be skipped
    decoder, encoding = _decoder(default), default
    for match in _TOKEN.finditer(rtf):
        word, number, byte, sign, brace, character = (part or "" for part in match.groups())
        if brace == "{":
            outer.append(replace(group))
            pending = 0
        elif brace == "}":
            group = outer.pop() if outer else group
            pending = 0
            if not outer and not re.search(r"[\\{}]", rest := rtf[match.end() :]):
                return _joined_surrogates("".join(parts)).strip() + rest
        elif sign == "*" or word in _NO_TEXT:
            group.hidden = True
        elif word == "uc":
            group.skipped = int(number or 1)
        elif word in _UNSEEN:
            group.unseen = number != "0"
        elif word == "f":
            font = number
            group.encoding = group.encoding if group.hidden else fonts.get(font, default)
        elif word == "fcharset":
            fonts[font] = _FONT_PAGES.get(number, default)
        elif group.hidden or group.unseen:
            continue
        elif word == "u" and number:
            parts.append(chr(int(number) % 65536))
            pending = group.skipped
        elif pending and (byte or character):
            pending -= 1
        elif byte or (character.isascii() and character and decoder.getstate()[0]):  # half of a character of two bytes
            if encoding != group.encoding:
                decoder, encoding = _decoder(group.encoding), group.encoding
            parts.append(decoder.decode(bytes.fromhex(byte) if byte else character.encode()))
        else:
            parts.append(_WORDS.get(word, "") if word else _SIGNS.get(sign, "") if sign else character)
    return _joined_surrogates("".join(parts)).strip()


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(encoding)("replace")


def _code_page(number: str) -> str:
    """Return Python's name of a code page, or cp1252 if Python does not have the code page."""
    try:
        return codecs.lookup(f"cp{number}").name
    except LookupError:
        return "cp1252"


def _joined_surrogates(text: str) -> str:
    """Return a text in which the two halves of a character beyond U+FFFF are one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
