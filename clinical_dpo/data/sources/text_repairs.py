"""Recognise texts that a program has written in another form, such as HTML or URL encoding, and restore them."""

import ast
import base64
import binascii
import codecs
import html
import json
import quopri
import re
from collections.abc import Callable, Mapping
from html.entities import html5
from typing import Any, NamedTuple
from urllib.parse import unquote

from clinical_dpo.data.sources.rtf import is_rtf, rtf_text

_EXCEL = re.compile(r"_x([0-9A-Fa-f]{4})_")
_EXCEL_FAULT = re.compile(r"_x(?:00[01][0-9A-Fa-f]|005[Ff])_")
_ENTITY = re.compile(r"&(?:#\d{1,7};|#[xX][0-9A-Fa-f]{1,6};|([A-Za-z][A-Za-z0-9]{1,31};))")
_HTML_NAMES = (
    "br|hr|p|div|span|b|i|u|s|em|strong|font|sub|sup|small|big|pre|code|li|ul|ol|dl|dt|dd|table|thead|tbody|tr|td|th|"
    "h[1-6]|a|img|html|head|body|title|meta|style|script|section|center|blockquote"
)
_TAG = re.compile(rf"</?(?:{_HTML_NAMES})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_ELEMENT = re.compile(r"<([A-Za-z][\w:.-]{0,60})(?:\s[^<>]*)?>[^<>]*</\1>|<!--.*?-->|<\?xml[^<>]*\?>", re.DOTALL)
_ANY_TAG = re.compile(r"</?[A-Za-z][\w:.-]{0,60}(?:\s[^<>]*)?/?>|<!--.*?-->|<[?!][A-Za-z][^<>]*>", re.DOTALL)
_UNSHOWN = re.compile(r"<(style|script|head)\b[^<>]*>.*?</\1>", re.DOTALL | re.IGNORECASE)
_LINE_TAG = re.compile(r"<(?:br|hr)\b[^<>]*>|</(?:p|div|li|tr|h[1-6]|dt|dd|blockquote)\s*>", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_ESCAPE = re.compile(r"""\\(?:([nrt"'/])|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2}))""")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_HL7 = re.compile(r"\\(?:\.(br|sp|ce|fi|nf|in|ti|sk)[+-]?\d*|([FSTREHN])|X((?:[0-9A-F]{2})+)|[CMZ][0-9A-F]{4,6})\\")
_HL7_SIGNS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", "H": "", "N": ""}
_QUOTED = re.compile(
    r"=(?:C[2-9A-F]|D[0-9A-F]|E[0-9A-F]=[89AB][0-9A-F])=[89AB][0-9A-F]|=3D|=0D=0A|=[ \t]*\r?\n"
    r"|(?<=[A-Za-z])=E[0-9A-F](?=[a-z ])"
)
_PERCENT = re.compile(r"(?<![0-9 ])%(?:[2-7][0-9A-Fa-f]|0[AaDd9])|(?:%[C-Fc-f][0-9A-Fa-f])(?:%[89ABab][0-9A-Fa-f])+")
_BASE64 = re.compile(r"(?:data:[\w/+.-]*;base64,)?((?:[A-Za-z0-9+/]\s*+){6,}+={0,2})")
_GARBLED = re.compile("[ÂÃ][\x80-\xbf]|â€|Ã[‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Î[\xa0-\xbf]|Ð[\xa0-\xbf]")
# The drives S, O, A and P are left out: notes have them as headings (subjective, objective, assessment, plan).
_PATH = re.compile(r"""(?:\A|[\s"'(])(?:[B-NQRT-Zb-nqrt-z]:|\\\\)\S*\Z""")
_LONGEST_PATH = 260
_INVISIBLE = re.compile("[\ufeff\u200b\u2060]")


class Form(NamedTuple):
    """A form in which a program may have written a text.

    Attributes:
        fault: its description in messages.
        repair: the value of `repair` that restores texts of this form.
        shows: whether a text has this form.
        restored: the restored text, or a list or object that the text shows.
    """

    fault: str
    repair: str
    shows: Callable[[str], bool]
    restored: Callable[[str], Any]


def without_excel_escapes(text: str) -> str:
    """Return a text with the characters that `_x000D_` and similar escapes of Excel stand for."""
    return _EXCEL.sub(lambda match: chr(int(match[1], 16)), text)


def with_line_feeds(text: str) -> str:
    """Return a text whose line ends are line feeds."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _has_entities(text: str) -> bool:
    return "&" in text and any(not match[1] or match[1] in html5 for match in _ENTITY.finditer(text))


def _has_tags(text: str) -> bool:
    return "<" in text and bool(_TAG.search(text) or _ELEMENT.search(text))


def _without_tags(text: str) -> str:
    return _ANY_TAG.sub("", _LINE_TAG.sub("\n", _UNSHOWN.sub("", text))).strip()


def _escapes(text: str) -> list[re.Match[str]]:
    """Return the escapes of a text, without those in a path of Windows such as C:\\notes."""
    if "\\" not in text or is_rtf(text):
        return []
    return [match for match in _ESCAPE.finditer(text) if not _in_path(text, match.start())]


def _in_path(text: str, position: int) -> bool:
    """Whether a backslash belongs to a path of Windows, such as C:\\notes or \\\\server\\notes."""
    return bool(_PATH.search(text[max(0, position - _LONGEST_PATH) : position + 1]))


def _without_escapes(text: str) -> str:
    parts, end = [], 0
    for match in _escapes(text):
        code = match[2] or match[3] or match[4]
        number = int(code, 16) if code else 0
        character = (chr(number) if number < 0x110000 else match[0]) if code else _ESCAPED.get(match[1], match[1])
        parts += [text[end : match.start()], character]
        end = match.end()
    joined = "".join([*parts, text[end:]])
    with_pairs = joined.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return with_line_feeds(with_pairs)


def _hl7_character(match: re.Match[str]) -> str:
    if match[1]:
        return "\n" if match[1] in ("br", "sp", "ce") else ""
    if match[3]:
        raw = bytes.fromhex(match[3])
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    return _HL7_SIGNS.get(match[2] or "", "")


def _decoded(raw: bytes) -> str:
    """Return UTF-8 text, or else text of Windows-1252."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _without_quoted_printable(text: str) -> str:
    raw = "".join(
        character if ord(character) < 128 else quopri.encodestring(character.encode()).decode() for character in text
    )
    return with_line_feeds(_decoded(quopri.decodestring(raw.encode("ascii"))))


def _has_percent(text: str) -> bool:
    return "%" in text and any(_PERCENT.search(word) for word in text.split() if "://" not in word)


def _without_percent(text: str) -> str:
    plus = text if re.search(r"\s", text) else text.replace("+", " ")  # forms write a blank as +
    return re.sub(r"\S+", lambda word: word[0] if "://" in word[0] else unquote(word[0]), plus)


def _base64_text(text: str) -> str | None:
    """Return the text that Base64 encodes; None if `text` is no Base64, or encodes no text."""
    match = _BASE64.fullmatch(text.strip())
    compact = "".join(match[1].split()) if match else ""
    if len(compact) % 4 or (len(compact) < 16 and not compact.endswith("=")) or not compact:
        return None
    try:
        decoded = base64.b64decode(compact, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    readable = sum(character.isprintable() or character in "\n\r\t" for character in decoded)
    letters = sum(character.isalpha() for character in decoded)
    return decoded if decoded and readable == len(decoded) and letters > len(decoded) / 2 else None


def _printed(text: str) -> Any:
    """Return the list, object or bytes that Python or JSON printed as `text`; None if it is something else."""
    bare = text.strip()
    if (
        len(bare) < 2
        or len(bare) > 100_000
        or (bare[0] + bare[-1] not in ("[]", "{}", "()") and not re.match(r"[bB]['\"]", bare))
    ):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(bare)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, bytes):
            return _decoded(value)
        try:
            value = json.loads(json.dumps(value, default=_json_value, allow_nan=False))
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(value, list | dict) and value and _has_text(value):
            return value
    return None


def _json_value(value: Any) -> Any:
    """Return a printed value that JSON does not have as one that it has."""
    if isinstance(value, bytes):
        return _decoded(value)
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)


def _has_text(value: Any) -> bool:
    """Whether a value is an object, or a list with texts. A list of numbers such as [1] may be a citation."""
    return isinstance(value, Mapping) or any(isinstance(part, str | list | dict) for part in value)


def _ungarbled(text: str) -> str:
    """Return a text in which UTF-8 that was read as Windows-1252 is read as UTF-8; parts that are no UTF-8 stay."""

    def read_again(match: re.Match[str]) -> str:
        try:
            return b"".join(map(_cp1252_byte, match[0])).decode()
        except UnicodeError:
            return match[0]

    return re.sub(r"[^\x00-\x7f]{2,}", read_again, text)


def _cp1252_byte(character: str) -> bytes:
    """Return the byte of a character. Programs read the five bytes that Windows-1252 leaves undefined as U+0081 etc."""
    try:
        return codecs.encode(character, "cp1252")
    except UnicodeEncodeError:
        return codecs.encode(character, "latin-1")


FORMS = (
    Form("Base64", "base64", lambda text: _base64_text(text) is not None, lambda text: _base64_text(text)),
    Form("printed Python or JSON values", "values", lambda text: _printed(text) is not None, _printed),
    Form("RTF", "rtf", is_rtf, rtf_text),
    Form(
        "URL encoding (%20)",
        "url",
        _has_percent,
        _without_percent,
    ),
    Form(
        "quoted-printable encoding (=C3=A9)",
        "quoted_printable",
        lambda text: "=" in text and bool(_QUOTED.search(text)),
        _without_quoted_printable,
    ),
    Form(
        "HL7 escapes (\\.br\\)",
        "hl7",
        lambda text: "\\" in text and bool(_HL7.search(text)),
        lambda text: _HL7.sub(_hl7_character, text),
    ),
    Form("escapes written out (\\n)", "escapes", lambda text: bool(_escapes(text)), _without_escapes),
    Form(
        "Excel's escapes (_x000D_)",
        "excel",
        lambda text: "_x0" in text and bool(_EXCEL_FAULT.search(text)),
        lambda text: with_line_feeds(without_excel_escapes(text)),
    ),
    Form(
        "CDATA sections",
        "html",
        lambda text: "<![CDATA[" in text and bool(_CDATA.search(text)),
        lambda text: _CDATA.sub(lambda match: match[1], text),
    ),
    Form("HTML tags", "html", _has_tags, _without_tags),
    Form("HTML entities", "html", _has_entities, html.unescape),
    Form(
        "characters garbled by a wrong encoding",
        "garbled",
        lambda text: not text.isascii() and bool(_GARBLED.search(text)),
        _ungarbled,
    ),
    Form(
        "invisible characters",
        "invisible",
        lambda text: not text.isascii() and bool(_INVISIBLE.search(text)),
        lambda text: _INVISIBLE.sub("", text),
    ),
    Form("carriage returns", "line_ends", lambda text: "\r" in text, with_line_feeds),
)
REPAIRS = tuple(dict.fromkeys(form.repair for form in FORMS))
