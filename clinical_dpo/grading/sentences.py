"""Split an answer into sentences of normalised wording. Labels and diagnoses are then read from these sentences."""

import json
import re
import unicodedata

_QUOTES = str.maketrans({**dict.fromkeys("‘’ʼ`´", "'"), **dict.fromkeys("‐‑‒−", "-"), "—": " : "})
_CONTINUED = re.compile(  # where a base model continues with a new item after its answer
    r"(?<=\S)\s*(?:<\||</s>|(?<=\S) *###|###\s*(?:\n|$)|\n\s*(?:### )?(?:follow.up )?(?:passage|message|question|"
    r"abstract|report|input|user|human|patient|context|note|text|instruction)(?: \w+)?\s*:|\n\s*(?:read the|q:|"
    r"#+ *question\b|-{3,}\s*\n\s*(?:next|another|new)|(?:next|another|new) (?:item|question|case|patient|message)))"
)
_MARKS = re.compile(r"\\(?:boxed|text\w*|mathbf|mathrm)\b|[*_#$\\{}\[\]\"“”„«»|]|^\s*>+", re.MULTILINE)
_TAG = re.compile(r"</?\s*\w+\s*>")
_BULLET = re.compile(r"^\s*(?:[-•–]|\(?\d{1,2}[.)]|\(?[a-h][.):])\s+(?=\S)", re.MULTILINE)
_OPTION = re.compile(r"\(?\b[a-h]\)\s*")
_WORDS = (
    (r"\bcan(?:'t|not|t)\b", "can not"),
    (r"\bwon'?t\b", "will not"),
    (r"\b(is|are|was|were|does|do|did|has|have|had|would|could|should|need|must)n'?t\b", r"\1 not"),
    (r"\b(i|you|he|she|it|we|they|that|this|there|what)'(?:s|re|m|ve)\b", r"\1 is"),
    (r"\b(i|you|he|she|it|we|they)'(?:d|ll)\b", r"\1 would"),
    (r"\bas soon as possible\b", "soon"),
    (r"\b(vs|dr|pt|approx|dx)\.", r"\1"),
    (r"(?<!\w)-ve\b|\bneg\b(?! pred)|(?<=\w) [-−](?=\s*[,.;)]|\s*$)", " negative"),
    (r"\+ve\b|\bpos\b", " positive"),
    (r"\br/o\b", "rule out"),
    (r"\bw/o\b", "without"),
    (r"\bs/s\b", "symptoms"),
    (r"\bw/(?=\s|$)", "with"),
    (r"\bnon\s*-\s*(?=\w)", "non "),
    (r"\banything but\b|\bby no means\b|\bin no way\b", "not"),
    (r"\b([ie])\.([eg])\.", r"\1\2"),
    (r"\bdr\b", "doctor"),
    (r"\bemergenc(?:y|ies)\b", "emergent"),
)


_MAX_CHARACTERS = 6000  # characters of a text that are read; a verdict is at the beginning or the end
_RUN = re.compile(r"(.)\1{8,}", re.DOTALL)


def shortened(text: str) -> str:
    """Shorten a text from which a verdict is read later, such as a label or a judge's grade.

    If the text has more than _MAX_CHARACTERS characters, its middle is cut out. Of more than eight equal characters in
    a row, eight are kept.
    """
    half = _MAX_CHARACTERS // 2
    kept = text if len(text) <= _MAX_CHARACTERS else f"{text[:half]}\n{text[-half:]}"
    return _RUN.sub(lambda run: run[1] * 8, kept)


def _json_as_lines(text: str) -> str:
    """Replace the JSON object in a text by lines `key: value`. Nested lists and objects are dropped.

    A text without a JSON object is returned unchanged.
    """
    match = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        record = json.loads(match[0]) if match else None
    except ValueError:
        return text
    if not isinstance(record, dict) or not match:
        return text
    kept = {key: str(value).lower() if isinstance(value, bool) else value for key, value in record.items()}
    lines = [f"{key}: {value}." for key, value in kept.items() if isinstance(value, str | int | float)]
    return text[: match.start()] + "\n" + "\n".join(lines) + "\n" + text[match.end() :]


def plain_text(text: str) -> str:
    """Return a text in lower case, without markup and with contractions written out.

    If a model goes on after its answer, for example with a new question, the continuation is cut off. A hyphen inside a
    word becomes a blank, and a dash becomes a colon.
    """
    plain = unicodedata.normalize(
        "NFKC", re.sub(r"\b([A-Z])\.(?= [a-z])", r"\1", _json_as_lines(shortened(text).translate(_QUOTES)))
    )  # E. coli
    plain = _CONTINUED.split(plain.casefold().translate(_QUOTES), maxsplit=1)[0]
    plain = _TAG.sub("\n", _MARKS.sub(" ", plain))
    plain = re.sub(r":\s*\n\s*", ": ", _OPTION.sub(" ", _BULLET.sub("", plain)))
    plain = re.sub(r"((?:[:=]|\bis) )[a-h][.),] (?=\w)", r"\1", plain)
    for pattern, words in _WORDS:
        plain = re.sub(pattern, words, plain)
    plain = re.sub(r"(?<=\w)[-–](?=\w)", " ", plain)
    return re.sub(r"\s[-–]+>?\s|–|\s*(?:->|→|=>)\s*", " : ", re.sub(r"\.{3}|…", " ; ", plain))


def sentences(text: str) -> list[str]:
    """Return the sentences of `plain_text(text)`, each with the punctuation mark that ends it.

    Each of the marks , ; : ( ) = / + has a blank before and after it.
    """
    parts = re.split(r"([!?]+|\.(?=\s|$|[a-z'])|[。\n]+)", plain_text(text))
    pairs = zip(parts[::2], [*parts[1::2], ""], strict=True)
    spaced = [(" ".join(re.sub(r"([,;:()=/+])", r" \1 ", words).split()), end.strip()[:1]) for words, end in pairs]
    return [f"{words} {end or '.'}" for words, end in spaced if words.strip(" ,;:.")]
