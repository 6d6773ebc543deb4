"""Recognise texts that a program has written in another form, such as HTML or URL encoding, and restore them."""

import base64
import binascii
import html
import quopri
import re
from collections.abc import Callable
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from html.entities import html5
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from clinical_dpo.data.sources.escapes import escapes, outside, path_spans, without_escapes
from clinical_dpo.data.sources.garbled import is_garbled, ungarbled
from clinical_dpo.data.sources.printed import decoded, printed_value
from clinical_dpo.data.sources.rtf import has_rtf, without_rtf

_EXCEL = re.compile(r"_x([0-9A-Fa-f]{4})_")
_EXCEL_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_APOSTROPHE = re.compile(r"'(?:=.*[^']|[+-]?[0-9][0-9.,:/ -]*%?)", re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7};|#[xX][0-9A-Fa-f]{1,6};|([A-Za-z][A-Za-z0-9]{1,31};))")
_HTML_NAMES = (
    "br|hr|p|div|span|b|i|u|s|em|strong|font|sub|sup|small|big|pre|code|li|ul|ol|dl|dt|dd|table|thead|tbody|tr|td|th|"
    "h[1-6]|a|img|html|head|body|title|meta|style|script|section|center|blockquote"
)
_ATTRIBUTES = (
    r"""(?:\s+[\w:.-]+\s*=(?:\s*"[^"]*"|\s*'[^']*'|[^<>\s]*)|\s+(?:nowrap|hidden|checked|compact|noshade)\b)*\s*"""
)
_TAG = re.compile(rf"<(?:{_HTML_NAMES}){_ATTRIBUTES}/?>", re.IGNORECASE)
_ANY_NAME = r"[A-Za-z][\w:.-]{0,60}"
# A search for the end of a comment, an element or a CDATA section stops at the next start, so that its time is linear.
_COMMENT = r"<!--(?:(?!<!--).)*?-->"
_ELEMENT = re.compile(rf"</{_ANY_NAME}\s*>|<{_ANY_NAME}{_ATTRIBUTES}/>|{_COMMENT}|<\?xml[^<>]*\?>", re.DOTALL)
_ANY_TAG = re.compile(rf"<{_ANY_NAME}{_ATTRIBUTES}/?>|</{_ANY_NAME}\s*>|{_COMMENT}|<[?!][A-Za-z][^<>]*>", re.DOTALL)
_UNSHOWN = re.compile(r"<(style|script|head)\b[^<>]*>(?:(?!<\1\b).)*?</\1>", re.DOTALL | re.IGNORECASE)
_INLINE = "b|i|u|s|a|em|strong|span|font|sub|sup|small|big|code|o:p|st1:[a-z]+"  # elements within a line
_LINE_TAG = re.compile(rf"<(?:br|hr){_ATTRIBUTES}/?>|</(?!(?:{_INLINE})\s*>){_ANY_NAME}\s*>", re.IGNORECASE)
_CELL_TAG = re.compile(r"</t[dh]\s*>(?!\s*</tr)", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[((?:(?!<!\[CDATA\[).)*?)\]\]>", re.DOTALL)
_HL7 = re.compile(
    r"(?P<edge>\\\\?)(?:\.(?P<layout>(?i:br|sp|ce|fi|nf|in|ti|sk))[ +-]?\d*|(?P<sign>[FSTREHNP])"
    r"|X(?P<hexadecimal>(?:[0-9A-Fa-f]{2})+)|[CM][0-9A-F]{4,6}|Z\w{1,10})(?P=edge)(?!ref\{)"  # \S\ref{} is of LaTeX
)
_HL7_SIGNS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", "P": "#"}
_QUOTED = re.compile(
    r"=(?:C[2-9A-F]|D[0-9A-F]|(?:E[0-9A-F]|F[0-4]=[89AB][0-9A-F])=[89AB][0-9A-F])=[89AB][0-9A-F]"
    r"|=3D|=0D=0A|=0A(?![0-9])|=[ \t]*\r?\n(?=.)"
    r"|(?<=[A-Za-z])=[C-F][0-9A-F](?=[a-z])|(?<=[a-z]{2})=E[0-9A-F](?![0-9A-Za-z])|(?<=[0-9 ])=B0(?=[CF]\b)"
)
_QUOTED_LOWER = re.compile(r"=(?:c[2-9a-f]|d[0-9a-f]|e[0-9a-f]=[89ab][0-9a-f])=[89ab][0-9a-f]")
_ENCODED_WORD = re.compile(r"=\?[\w-]+\?[QqBb]\?[^?\s]*\?=")
_PERCENT = re.compile(
    r"(?<![0-9 ])%(?:[2-7][0-9A-Fa-f]|0[AaDd9])|(?:%[C-Fc-f][0-9A-Fa-f])(?:%[89ABab][0-9A-Fa-f])+"
    r"|(?<=[A-Za-z])%(?:[C-F][0-9A-F](?=[a-z])|u[0-9A-Fa-f]{4})"
)
_BASE64 = re.compile(r"(?:data:[\w/+.-]*;base64,)?((?:[A-Za-z0-9+/_-]\s*+){6,}+={0,2})")
# Joiners and marks of direction belong to scripts such as Persian, but not between Latin letters.
_INVISIBLE = re.compile("[\ufeff\u200b\u2060-\u2064\u00ad\u180e\u202d\u202e]|(?<=[A-Za-z])[\u200c-\u200f](?=[A-Za-z])")


class Form(NamedTuple):
    """A form in which a program may have written a text, such as Base64 or HTML entities.

    Attributes:
        fault: description of the form, for messages.
        repair: the name of the repair that restores texts of this form. A task file lists such names under `repair`.
        shows: a function that returns whether a text has this form.
        restored: a function that returns the restored text. For a printed Python or JSON value, it returns the parsed
            value: a list, an object or a text.
    """

    fault: str
    repair: str
    shows: Callable[[str], bool]
    restored: Callable[[str], Any]


def without_excel_escapes(text: str) -> str:
    """Return a text in which Excel's escapes, such as `_x000D_`, are replaced by the characters that they stand for."""
    return _EXCEL.sub(lambda match: chr(int(match[1], 16)), text)


def without_invisible(text: str) -> str:
    """Return a text without characters that show nothing, such as zero-width spaces and soft hyphens."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def with_line_feeds(text: str) -> str:
    """Return a text in which every line end is converted to a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _has_entities(text: str) -> bool:
    return "&" in text and any(not match[1] or match[1] in html5 for match in _ENTITY.finditer(text))


def _has_tags(text: str) -> bool:
    return "<" in text and bool(_TAG.search(text) or _ELEMENT.search(text))


def _without_tags(text: str) -> str:
    lines = _LINE_TAG.sub("\n", _CELL_TAG.sub("\t", _UNSHOWN.sub("", text)))
    return _ANY_TAG.sub("", lines).strip()


def _hl7_escapes(text: str) -> list[re.Match[str]]:
    """Return the matches of HL7 escapes in a text. Parts of a Windows path such as D:\\T\\notes are not escapes."""
    return outside(list(_HL7.finditer(text)), path_spans(text)) if "\\" in text else []


def _without_hl7(text: str) -> str:
    parts, end = [], 0
    for match in _hl7_escapes(text):
        parts += [text[end : match.start()], _hl7_character(match)]
        end = match.end()
    return "".join([*parts, text[end:]])


def _hl7_character(match: re.Match[str]) -> str:
    if match["layout"]:
        return "\n" if match["layout"].lower() in ("br", "sp", "ce") else ""
    if match["hexadecimal"]:
        return with_line_feeds(decoded(bytes.fromhex(match["hexadecimal"])))
    return _HL7_SIGNS.get(match["sign"] or "", "")


def _has_quoted_printable(text: str) -> bool:
    return "=" in text and bool(_QUOTED.search(text) or _QUOTED_LOWER.search(text))


def _without_quoted_printable(text: str) -> str:
    raw = "".join(
        character if ord(character) < 128 else quopri.encodestring(character.encode()).decode() for character in text
    )
    return with_line_feeds(decoded(quopri.decodestring(raw.encode("ascii"))))


def _without_encoded_words(text: str) -> str:
    def decode(match: re.Match[str]) -> str:
        try:
            return str(make_header(decode_header(match[0])))
        except (HeaderParseError, LookupError, UnicodeError):
            return match[0]

    return _ENCODED_WORD.sub(decode, text)


def _has_percent(text: str) -> bool:
    if "%" not in text:
        return False
    words = [word for word in text.split() if "://" not in word]
    return any(map(_PERCENT.search, words)) or (len(words) == 1 and "%20" in words[0])


def _without_percent(text: str) -> str:
    plus = text if re.search(r"\s", text) else text.replace("+", " ")  # web forms write a blank as +
    restored = re.sub(r"\S+", lambda word: word[0] if "://" in word[0] else _unquoted(word[0]), plus)
    return with_line_feeds(restored)


def _unquoted(word: str) -> str:
    with_characters = re.sub(r"%u([0-9A-Fa-f]{4})", lambda code: chr(int(code[1], 16)), word)  # JavaScript's escape()
    return decoded(unquote_to_bytes(with_characters.encode("utf-8", "surrogatepass")))


def _base64_bytes(text: str) -> bytes | None:
    """Return the bytes that `text` encodes as Base64; None if `text` is not Base64."""
    match = _BASE64.fullmatch(text.strip())
    compact = "".join(match[1].split()).replace("-", "+").replace("_", "/") if match else ""
    missing = -len(compact) % 4
    if missing == 3 or (missing and len(compact) < 24) or (len(compact) < 16 and not compact.endswith("=")):
        return None
    try:
        return base64.b64decode(compact + "=" * missing, validate=True)
    except binascii.Error:
        return None


def _base64_text(text: str) -> str | None:
    """Return the text that `text` encodes as Base64; None if `text` is not Base64, or does not encode text."""
    raw = _base64_bytes(text)
    for codec in ("utf-8", "utf-16-le", "cp1252") if raw else ():
        try:
            decoded_text = str(raw, codec)  # type: ignore[arg-type]
        except UnicodeDecodeError:
            continue
        readable = all(character.isprintable() or character in "\n\r\t" for character in decoded_text)
        # Any bytes are text in the last two encodings.
        letters = sum(each.isalnum() and (codec == "utf-8" or each.isascii()) for each in decoded_text)
        letters += decoded_text.count(" ")
        if readable and letters > len(decoded_text) * (0.5 if codec == "utf-8" else 0.8):
            return decoded_text
    return None


def is_base64_file(text: str) -> bool:
    """Whether a text is Base64 of something that is not text, such as a PDF or a picture."""
    if len(text) < 64 or _base64_text(text) is not None:
        return False
    letters = text.removeprefix("data:")
    mixed = all(re.search(kind, letters) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return mixed and _base64_bytes(text) is not None


FORMS = (
    Form("Base64", "base64", lambda text: _base64_text(text) is not None, lambda text: _base64_text(text)),
    Form("printed Python or JSON values", "values", lambda text: printed_value(text) is not None, printed_value),
    Form("RTF", "rtf", has_rtf, without_rtf),
    Form(
        "URL encoding (%20)",
        "url",
        _has_percent,
        _without_percent,
    ),
    Form(
        "encoded words of e-mail (=?utf-8?Q?...?=)",
        "quoted_printable",
        lambda text: "=?" in text and _without_encoded_words(text) != text,
        _without_encoded_words,
    ),
    Form("quoted-printable encoding (=C3=A9)", "quoted_printable", _has_quoted_printable, _without_quoted_printable),
    Form("HL7 escapes (\\.br\\)", "hl7", lambda text: bool(_hl7_escapes(text)), _without_hl7),
    Form("escapes written out (\\n)", "escapes", lambda text: bool(escapes(text)), without_escapes),
    Form(
        "Excel's escapes (_x000D_)",
        "excel",
        lambda text: "_x" in text and bool(_EXCEL.search(text)),
        lambda text: with_line_feeds(without_excel_escapes(text)),
    ),
    Form(
        'texts as formulas (="007")',
        "excel",
        lambda text: text.startswith("=") and bool(_EXCEL_FORMULA.fullmatch(text.strip())),
        lambda text: text.strip()[2:-1].replace('""', '"'),
    ),
    Form(
        "apostrophes before numbers and formulas ('007)",
        "excel",
        lambda text: text.startswith("'") and bool(_APOSTROPHE.fullmatch(text)),
        lambda text: text[1:],
    ),
    Form(
        "CDATA sections",
        "html",
        lambda text: "<![CDATA[" in text and bool(_CDATA.search(text)),
        lambda text: _CDATA.sub(lambda match: match[1], text),
    ),
    Form("HTML tags", "html", _has_tags, _without_tags),
    Form("HTML entities", "html", _has_entities, lambda text: with_line_feeds(html.unescape(text))),
    Form("characters garbled by a wrong encoding", "garbled", is_garbled, ungarbled),
    Form(
        "invisible characters",
        "invisible",
        lambda text: without_invisible(text) != text,
        without_invisible,
    ),
    Form("carriage returns", "line_ends", lambda text: "\r" in text, with_line_feeds),
)
REPAIRS = tuple(dict.fromkeys(form.repair for form in FORMS))
