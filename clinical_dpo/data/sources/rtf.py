"""Read the text of RTF (Rich Text Format 1.9), which editors and hospital systems store in text fields."""

import codecs
import re

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
_SIGNS = {"~": "\u00a0", "_": "-", "\n": "\n", "\r": "\n", "{": "{", "}": "}", "\\": "\\"}


def is_rtf(text: str) -> bool:
    """Whether a text is an RTF document."""
    return text.lstrip().startswith(r"{\rtf")


def rtf_text(rtf: str) -> str:
    """Return the text of an RTF document, without fonts, pictures and styles. Paragraphs end with a line feed."""
    page = re.search(r"\\ansicpg(\d+)", rtf)
    encoding = _code_page(page[1]) if page else "cp1252"
    parts: list[str] = []
    groups: list[tuple[bool, int]] = []  # of each open group: whether it has no text, and `skipped` below
    hidden, skipped, pending = False, 1, 0  # `skipped` characters follow each \u for programs without Unicode
    for word, number, byte, sign, brace, character in _TOKEN.findall(rtf):
        if brace == "{":
            groups.append((hidden, skipped))
            pending = 0
        elif brace == "}":
            hidden, skipped = groups.pop() if groups else (False, 1)
            pending = 0
        elif sign == "*" or word in _NO_TEXT:
            hidden = True
        elif word == "uc":
            skipped = int(number or 1)
        elif hidden:
            continue
        elif word == "u" and number:
            parts.append(chr(int(number) % 65536))
            pending = skipped
        elif pending and (byte or character):
            pending -= 1
        elif byte:
            parts.append(bytes.fromhex(byte).decode(encoding, errors="replace"))
        else:
            parts.append(_WORDS.get(word, "") if word else _SIGNS.get(sign, "") if sign else character)
    return _joined_surrogates("".join(parts)).strip()


def _code_page(number: str) -> str:
    """Return Python's name of a code page; that of Windows-1252 if Python does not have the page."""
    try:
        return codecs.lookup(f"cp{number}").name
    except LookupError:
        return "cp1252"


def _joined_surrogates(text: str) -> str:
    """Return a text in which the two halves of a character beyond U+FFFF are one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
