"""What a judge's reply says. Read strictly: a reply that could mean two things means nothing and is asked for again.

A reply is the verdict alone ("4", "4/5", "**Grade: 4**", "correct", "B."), or begins with it and gives reasons after
punctuation, a dash, a line's end or "because". A grade that reasons follow must name its scale, as in "5/5 because all
findings are there": "1. The summary ..." is a list, and "5 medications" a count. A range ("3-4"), a fraction ("4.5"),
another scale ("4/10") and reasons with another grade ("5/5. Rather 3/5") are no verdict. Nor is a word that its reasons
take back: with the other one alone in its clause ("A. Better: B."), said of the answer ("Correct. The answer is
incorrect"), or with a clause that begins with a change of mind ("Correct! Actually, it is not"). "Incorrect: the
correct dose is 5 mg" takes nothing back. Before the verdict a reasoning model's <think> block may stand.
"""

import re

_THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_MARKS = re.compile(r"[*_`\"'“”]|\[\[|\]\]")  # bold, code, quotation marks
_LABEL = (
    r"(?:(?:the |my )?(?:final )?(?:grade|score|rating|verdict|answer|preference|better answer)(?: is)?\s*[:=]?\s*)?"
)
_REASONS = r"(?:\s*[.!]?\s*$|\s*[.,:;!](?=\s)|\s+[-–—](?=\s)|\s*\n|\s+because\b)"
_SCALE = re.compile(r"([0-9.]+)\s*(?:/|out of)\s*5(?![0-9.]*\d)", re.IGNORECASE)
_ALONE = re.compile(rf"{_LABEL}([1-5])(?:\s*(?:/|out of)\s*5)?\s*[.!]?", re.IGNORECASE)
_GRADE = re.compile(rf"{_LABEL}([1-5])\s*(?:/|out of)\s*5{_REASONS}", re.IGNORECASE)
_WORD = re.compile(rf"{_LABEL}(correct|incorrect){_REASONS}", re.IGNORECASE)
_SIDE = re.compile(rf"(?i:{_LABEL})(A|B|(?i:tie)){_REASONS}")
_CLAUSE = r"(?:^|[.,:;!?\n]|\s[-–—]\s)\s*"
_MIND = r"(?:wait|actually|correction|rather(?! than)|instead(?! of)|on (?:reflection|second thoughts?))\b"
_CHANGE = re.compile(rf"{_CLAUSE}(?:no,? )?{_MIND}", re.IGNORECASE)
_STANDS = rf"(?i:{_CLAUSE}{_LABEL}|\b(?:(?:answer|response|it|this) is (?:a )?|prefer ))"
_END = r"(?=\s*(?:[.!?\n]|$|is (?:\w+ )?better))"
_FORMS = {  # kind -> how a reply begins, and a verdict that stands alone in its reasons
    "correctness": (_WORD, re.compile(rf"{_STANDS}((?i:correct|incorrect)){_END}")),
    "preference": (_SIDE, re.compile(rf"{_STANDS}(A|B|(?i:tie)){_END}")),
}


def parse_verdict(kind: str, reply: str) -> str | None:
    """The verdict in a reply, None where there is none.

    Args:
        kind: likert (gives 1 to 5), correctness (correct, incorrect) or preference (A, B, tie).
        reply: the judge's words.
    """
    text = _MARKS.sub("", _THOUGHT.sub("", reply, count=1)).strip()
    if kind == "likert":
        if alone := _ALONE.fullmatch(text):
            return alone[1]
        found = _GRADE.match(text)
        return found[1] if found and set(_SCALE.findall(text)) == {found[1]} else None
    form, standing = _FORMS[kind]
    found = form.match(text)
    reasons = text[found.end() :] if found else ""
    if not found or _CHANGE.search(reasons):
        return None
    said = {word if word in "AB" else word.lower() for word in (found[1], *standing.findall(reasons))}
    return said.pop() if len(said) == 1 else None
