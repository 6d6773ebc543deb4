"""The text of a file: UTF-8, what its byte-order mark says, or the encoding that the task file names; never a guess."""

import codecs
from pathlib import Path

from clinical_dpo.data.sources.bounded_text import bounded_bytes
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError

_MARKS = {  # byte-order mark -> codec that drops it; UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Of the encodings that clinical systems write, since any bytes make sense in some code page.
_PROPOSED = ("cp1252", "cp1250", "cp1251", "cp1253", "cp850", "mac_roman", "shift_jis", "gb18030", "big5", "euc_kr")
_SAMPLE = 65_536  # bytes that a proposal is made of
_OTHERS = {  # how a file begins that is no text -> what it is
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel 97",
    b"\x1f\x8b": "compressed",
    b"PAR1": "Parquet",
    b"%PDF": "a PDF",
}


def read_text(path: Path, encoding: str | None = None, repairs: Tally | None = None) -> tuple[str, str]:
    """A file's text and the encoding it was read in.

    Args:
        path: the file.
        encoding: a text encoding of Python, where the file is neither UTF-8 nor has a byte-order mark.
        repairs: counts a byte-order mark dropped.

    Raises:
        UserError: the file cannot be opened, is larger than `limits.bytes`, is in another encoding, or holds NUL
            bytes; with the line, and the encoding to set.
    """
    try:
        raw = bounded_bytes(path)
    except FileNotFoundError:
        raise PublicError(f"{path}: no such file. Put it there, or change the path in the task file.") from None
    except OSError as error:
        raise PublicError(
            f"{path}: cannot be read ({error.strerror}). Give a file, with permission to read it."
        ) from None
    other = next((what for start, what in _OTHERS.items() if raw.startswith(start)), None)
    if other:
        raise PublicError(
            f"{path}: this is {other}, not text. Unpack it, or give it the extension that says what it is."
        )
    marked = next((codec for mark, codec in _MARKS.items() if raw.startswith(mark)), None)
    codec = marked or encoding or "utf-8"
    if marked and encoding and codecs.lookup(_known(encoding, path)).name not in (marked, marked.removesuffix("-sig")):
        raise PublicError(
            f"{path}: `encoding` is {encoding}, but the file begins with the mark of {marked.removesuffix('-sig')}. "
            "Remove `encoding` from `source`."
        )
    if marked and repairs is not None:
        repairs.add("byte-order mark dropped", "line 1")
    try:
        text = raw.decode(_known(codec, path))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        byte = f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not {codec.removesuffix('-sig').upper()}"
        mend = _proposal(raw, error.start) if codec == "utf-8" else "Correct `encoding` under `source`."
        raise UserError(f"{byte} ({error.reason}). {mend} Or save the file with UTF-8 encoding.") from None
    except UnicodeError as error:
        raise UserError(f"{path}: cannot be read as {codec} ({error}). Correct `encoding`.") from None
    nul = text.find("\0")
    if nul >= 0:
        mend = _utf16(raw) or "Remove them, or export again."
        raise PublicError(f"{path}, line {text.count(chr(10), 0, nul) + 1}: NUL bytes, which no text has. {mend}")
    return text, codec


def _known(encoding: str, path: Path) -> str:
    try:
        "".encode(encoding)
    except (LookupError, UnicodeError):
        raise PublicError(
            f"{path}: `encoding: {encoding}` is not known. Known are utf-8, utf-16, cp1252, ..."
        ) from None
    return encoding


def _utf16(raw: bytes) -> str:
    """What to set where every other byte of Latin text is NUL."""
    places = [place for place, byte in enumerate(raw[:_SAMPLE]) if not byte]
    if len(places) < len(raw[:_SAMPLE]) / 4:
        return ""
    odd = sum(place % 2 for place in places)
    return f"It may be UTF-16: set `encoding: utf-16-{'le' if odd > len(places) / 2 else 'be'}` under `source`."


def _proposal(raw: bytes, start: int) -> str:
    """What to set, with the words around byte `start` as they would then read."""
    if utf16 := _utf16(raw):
        return utf16
    # Imported late: only this message needs it.
    from charset_normalizer import from_bytes

    sample = raw[max(0, start - _SAMPLE // 2) : start + _SAMPLE // 2]
    matches = list(from_bytes(sample, cp_isolation=list(_PROPOSED)))
    likely = {name for match in matches for name in match.could_be_from_charset if match.chaos == matches[0].chaos}
    if not likely:
        return "Its encoding is not recognised: ask who exported it, and set `encoding` under `source`."
    name = "cp1252" if "cp1252" in likely else matches[0].encoding  # several often fit; this is Windows' own
    words = raw[max(0, start - 10) : start + 10].decode(name, errors="replace")
    return f"Set `encoding: {name}` under `source` if '{' '.join(words.split())}' reads right."
