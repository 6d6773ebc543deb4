"""Words of a text as answers are compared by them."""

import string
import unicodedata


def plain_words(text: str) -> str:
    """Lower case, single spaces, no punctuation: that of ASCII and that of Unicode (a non-breaking hyphen)."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = (" " if sign in string.punctuation or unicodedata.category(sign)[0] == "P" else sign for sign in plain)
    return " ".join("".join(kept).split())
