"""Decode a text file by its byte-order mark, by the encoding in the task file, or as UTF-8. Nothing is guessed."""

import codecs
from pathlib import Path

from clinical_dpo.data.sources.bounded_text import bounded_bytes
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError, missing_file, unreadable_file
from clinical_dpo.text_encodings import check_encoding

_MARKS = {  # byte-order mark -> codec that drops the mark. UTF-32 is first: its mark begins with the mark of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Only encodings that clinical systems write are proposed, because any bytes are text in some code page.
_PROPOSED = ("cp1252", "cp1250", "cp1251", "cp1253", "cp850", "mac_roman", "shift_jis", "gb18030", "big5", "euc_kr")
_SAMPLE = 65_536  # bytes from which an encoding is proposed
_BINARY_FORMATS = {  # first bytes of a file -> its format
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel 97",
    b"\x1f\x8b": "compressed",
    b"PAR1": "Parquet",
    b"%PDF": "a PDF",
}


def read_text(path: Path, encoding: str | None = None, repairs: Tally | None = None) -> tuple[str, str]:
    """Return a file's text, and the name of the codec that decoded it.

    Args:
        path: the file.
        encoding: a text encoding of Python, needed if the file is not UTF-8 and has no byte-order mark.
        repairs: counts a dropped byte-order mark and a dropped end-of-file mark of DOS.

    Raises:
        UserError: the file is not readable, exceeds `limits.bytes`, has a binary format, cannot be decoded, or contains
            NUL bytes. The message names the line and the encoding to set.
    """
    try:
        raw = bounded_bytes(path)
    except FileNotFoundError:
        raise missing_file(path) from None
    except OSError as error:
        raise unreadable_file(path, error) from None
    binary = next((name for start, name in _BINARY_FORMATS.items() if raw.startswith(start)), None)
    if binary:
        raise PublicError(
            f"{path}: the file is {binary}, not text. If it is an archive, unpack it. Otherwise correct its extension."
        )
    marked = next((codec for mark, codec in _MARKS.items() if raw.startswith(mark)), None)
    codec = marked or encoding or "utf-8"
    if encoding:
        check_encoding(encoding, str(path))
    if marked and encoding and codecs.lookup(encoding).name not in (marked, marked.removesuffix("-sig")):
        raise PublicError(
            f"{path}: `encoding` is {encoding}, but the file has the byte-order mark of "
            f"{marked.removesuffix('-sig')}, which names its encoding. Remove `encoding` of this file from the task "
            "file."
        )
    if marked and repairs is not None:
        repairs.add("byte-order mark dropped", "line 1")
    try:
        raw = raw.removeprefix(codecs.BOM_UTF8)  # the codec gives the position of an error without the mark
        text = raw.decode(codec)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        byte = f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not {codec.removesuffix('-sig').upper()}"
        if marked:
            mend = "The byte-order mark names this encoding. The file may consist of two files. Export the file again."
        else:
            mend = (
                _proposal(raw, error.start) if codec == "utf-8" else "Correct `encoding` of this file in the task file."
            )
        raise UserError(f"{byte} ({error.reason}). {mend} Alternatively, save the file with UTF-8 encoding.") from None
    except UnicodeError as error:
        raise UserError(
            f"{path}: the file cannot be decoded with the encoding '{codec}' ({error}). Correct `encoding` of "
            "this file in the task file."
        ) from None
    if text.endswith("\x1a"):  # the end-of-file mark of DOS
        text = text.rstrip("\x1a")
        if repairs is not None:
            repairs.add("end-of-file mark of DOS dropped", f"line {text.count(chr(10)) + 1}")
    nul = text.find("\0")
    if nul >= 0:
        is_wide = codecs.lookup(codec).name.startswith(("utf-16", "utf-32"))
        mend = (not is_wide and _utf16_proposal(raw)) or "Remove the NUL bytes, or export the file again."
        line = text.count("\n", 0, nul) + 1
        raise PublicError(f"{path}, line {line}: the line contains NUL bytes, which are not text. {mend}")
    return text, codec


def _utf16_proposal(raw: bytes) -> str:
    """Return a sentence that proposes UTF-16 if many bytes are NUL; otherwise an empty text.

    In UTF-16, every other byte of Latin text is NUL.
    """
    positions = [position for position, byte in enumerate(raw[:_SAMPLE]) if not byte]
    odd = sum(position % 2 for position in positions) / max(1, len(positions))
    if len(positions) < len(raw[:_SAMPLE]) / 4 or 0.1 < odd < 0.9:
        return ""
    return f"The file may be UTF-16: set `encoding: utf-16-{'le' if odd > 0.5 else 'be'}` for this file."


def _proposal(raw: bytes, start: int) -> str:
    """Return a sentence that proposes an encoding and shows the words around byte `start` in this encoding."""
    if utf16 := _utf16_proposal(raw):
        return utf16
    # Imported late: only this message needs it.
    from charset_normalizer import from_bytes

    sample = raw[max(0, start - _SAMPLE // 2) : start + _SAMPLE // 2]
    matches = list(from_bytes(sample, cp_isolation=list(_PROPOSED)))
    likely = {name for match in matches for name in match.could_be_from_charset if match.chaos == matches[0].chaos}
    if not likely:
        return "Ask the person who exported the file for its encoding, and set `encoding` for this file."
    name = "cp1252" if "cp1252" in likely else matches[0].encoding  # several often fit; Windows writes cp1252
    words = raw[max(0, start - 10) : start + 10].decode(name, errors="replace")
    return f"Set `encoding: {name}` for this file if '{' '.join(words.split())}' reads correctly."
