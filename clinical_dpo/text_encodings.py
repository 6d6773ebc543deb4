"""Check the names of text encodings. A name is valid if Python knows it."""

from difflib import get_close_matches
from encodings.aliases import aliases

from clinical_dpo.errors import PublicError


def check_encoding(encoding: str, where: str) -> None:
    """Refuse a name that is not a text encoding.

    Args:
        encoding: the name.
        where: the file and key, with which the message begins.

    Raises:
        PublicError: the name is refused. The message has the most similar known name.
    """
    if _is_text_encoding(encoding):
        return
    known = filter(_is_text_encoding, sorted({*aliases, *aliases.values()}))
    near = get_close_matches(encoding.lower(), known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise PublicError(
        f"{where}: `encoding: {encoding}` is not known.{hint} Set a text encoding that Python knows, such as utf-8, "
        "utf-16 or cp1252."
    )


def _is_text_encoding(name: str) -> bool:
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return False
    return True
