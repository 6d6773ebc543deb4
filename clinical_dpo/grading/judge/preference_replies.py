"""Read the preferred side in a judge's reply: A, B, or tie."""

import re

_SIDE = (
    r"(?:(?i:(?:the )?(?:answer|response|option|reply|model|assistant|candidate|text|version)s?) )?(?P<side>A|B|"
    r"[Tt]ie|TIE)\b(?!')"
)
_BETTER = (
    r"(?:(?:clearly|slightly|much|far|somewhat|marginally|overall|a bit|a little|definitely|still|therefore|thus|"
    r"the) )*(?:better|best|superior|preferable|preferred|stronger|winner|safer|more (?:accurate|helpful|complete|"
    r"appropriate|correct|precise|useful|reliable)|the one)(?! if\b)"
)
_WORSE = r"(?:(?:clearly|slightly|much|far|somewhat|overall|a bit|the) )*(?:worse|worst|inferior|weaker|less \w+)"
_CUE = re.compile(
    r"\b(?i:verdict|winner|better(?: (?:answer|response|one))?|prefer(?:ence|red)(?: (?:answer|response))?|choice|"
    r"decision|pick|final answer|answer|result|overall|conclusion|judge?ment|vote)(?: (?i:is|for|goes to|would be|"
    r"falls on)|\s*[:=\-–→>]+)+"
    rf"(?: (?i:therefore|thus|clearly|the (?:first|second) one,))?\s*{_SIDE}(?!\s*(?:,|or|and|vs|/)\s*(?:B|A|"
    rf"[Tt]ie)\b)(?! (?:if|unless|when|provided)\b)"
)
_LABELLED = re.compile(rf"(?:^|\n)\s*[^\W\d]+(?: [^\W\d]+)?\s*: *{_SIDE}(?=\s*(?:[.!\n]|$))")  # in any language
_RESULT = re.compile(rf"\bRESULT\]?:?\s+{_SIDE}")
_CHOSEN = re.compile(
    rf"\b(?i:prefer|choose|pick|go with|going with|favou?r|vote for|lean towards|select|goes to|so|therefore|thus|"
    rf"hence|make it|call it|it is|it's|would be)[, ]+(?:an? )?{_SIDE}(?=\s*(?:[.,;:!\n]|$|because|since|as\b|for\b|"
    rf"over\b|is\b))"
)
_COMPARED = re.compile(
    rf"{_SIDE} (?:(?:is|was|seems|looks|would be|comes out) (?:(?P<better>{_BETTER})|(?P<worse>{_WORSE}))|"
    r"(?P<wins>wins|outperforms|beats|surpasses))\b(?! if\b)"
)
_PRAISED = re.compile(rf"{_SIDE} (?:is|was) (?:\w+ )?(?:more \w+|\w+er)\b")
_VERDICT = re.compile(r"better|best|superior|prefer|winner|wins|the one|outperforms|beats|surpasses")
_EQUAL = re.compile(
    r"\b(?i:an? (?:\w+ )?(?:tie|draw|toss.up)(?! (?:would|needs?|means))|equally (?:good|bad|strong|weak|helpful|"
    r"accurate|well|correct|\w+)|(?:are|is) equal|of equal|equivalent|neither (?:\w+ )?is better|no (?:real |"
    r"meaningful |clear )?(?:difference|winner|preference)|(?:just )?as good as)\b|\bA ?= ?B\b"
)
_BOTH = re.compile(  # a list of sides is no choice among them
    r"\b(?:A|B|[Tt]ie)(?:\s*(?:,|/|\bor\b|\band\b|\bvs\.?|\bversus\b)+\s*(?:or )?(?:(?:answer|response|option) )?(?:A|"
    r"B|[Tt]ie)\b)+"
)
_NOT = re.compile(
    r"\bif\b[^.;\n]*$|(?:\bwould have been|\bcould have been|\btempted|\bwhether|\bneeds?|\bnot|n't|n’t|"
    r"\bcannot)\b[^.,;\n]*$",
    re.IGNORECASE,
)
_OVER = re.compile(r"^\W*(A|B)\s*>+\s*[AB]\W*$")
_ALONE = re.compile(rf"\W*{_SIDE}\W*")
_LEAD = re.compile(
    rf"\W*{_SIDE}(?:\s*[.!;:](?=\s)|\s+[–—-]\s|\s*\n|\s+(?:because|since)\b|, (?:because|since|as|not)\b)"
)
_TURN = re.compile(
    r"(?:^|[.!?\n,;…] *)(?:hmm, )?(?:no,? )?(?:wait|actually|correction|on (?:reflection|second thoughts?)|no,)\b,?:?",
    re.I,
)
_HEADED = re.compile(rf"(?:^|[\n.,;])\s*{_SIDE}\s*:")  # "Answer A: ... Answer B: ..." describes both
_CHANGE = re.compile(
    r"\b(?:wait|actually|correction|on (?:reflection|second thoughts?)|at first|first thought|however|though|but)\b",
    re.I,
)


def preferred_side(text: str) -> str | None:
    """Return the verdict of a judge's reply: A, B or tie; None if the reply has no clear verdict.

    If the reply corrects itself ("wait", "actually"), only the text after the last correction is read.

    A verdict after words such as "Verdict:" or "winner is" takes precedence. If several such verdicts differ, the
    result is None.

    Without such words, the reply names a side as its verdict in one of four ways: it calls the side better, it chooses
    the side, it begins with the side, or it has a line or sentence that consists only of the side. The statement that
    both sides are equal counts as the verdict tie. If the reply has several verdicts that differ, the result is:

    - tie, if they include A, B and tie.
    - Otherwise the last verdict, if a word such as "however" comes before it.
    - Otherwise None.
    """
    plain = re.sub(r"^\s*[Aa] (?=(?:clear |close |near |dead )?(?:tie|draw|toss))", "", text.strip())
    plain = re.sub(r"\(([AB])\)", r"\1", plain)
    plain = re.sub(r"[^.!?\n]*\?|[^.!?\n]*\b(?:A|B|tie)\s+means\b[^.!?\n]*", " ", plain)  # not a verdict
    for ordinal, side in (("first", "A"), ("second", "B")):
        plain = re.sub(rf"\b(?i:(?:the )?{ordinal}) (?:answer|response)\b", f"Answer {side}", plain)
    plain = _BOTH.sub("both", plain)
    if over := _OVER.search(plain):
        return over[1]
    if re.fullmatch(r"\W*[ab]\W*", plain):
        plain = plain.upper()
    if turns := list(_TURN.finditer(plain)):
        return preferred_side(plain[turns[-1].end() :])
    cued = [_name(match["side"]) for pattern in (_CUE, _RESULT) for match in pattern.finditer(plain)]
    cued = cued or [_name(match["side"]) for match in _LABELLED.finditer(plain)]
    if cued:
        return cued[0] if len(set(cued)) == 1 else None
    verdicts = [  # (position, side)
        (match.start(), _opposite(match) if match["worse"] else _name(match["side"]))
        for match in _COMPARED.finditer(plain)
    ]
    verdicts += [(match.start(), _name(match["side"])) for match in _CHOSEN.finditer(plain)]
    verdicts += [(match.start(), "tie") for match in _EQUAL.finditer(plain)]
    praised = {_name(match["side"]) for match in _PRAISED.finditer(plain)}
    if len(praised) > 1 and not any(
        match["worse"] or _VERDICT.search(match["better"] or match["wins"]) for match in _COMPARED.finditer(plain)
    ):
        verdicts = []
    verdicts = [(start, side) for start, side in verdicts if not _NOT.search(plain[:start])]
    lines = [line for line in re.split(r"\n|(?<=[.!?])\s+", plain) if line.strip()]
    headed = len(_HEADED.findall(plain)) > 1
    lines = [line for line in lines if not (headed and line.rstrip().endswith(":"))]
    alone = [(number, match) for number, line in enumerate(lines) if (match := _ALONE.fullmatch(line))]
    verdicts += [(len(plain) * number, _name(match["side"])) for number, match in alone]
    lead = None if alone or headed else _LEAD.match(plain)
    verdicts += [(0, _name(lead["side"]))] if lead else []
    sides = [side for _, side in sorted(verdicts)]
    if not sides:
        return None
    if {"A", "B"} <= set(sides) and "tie" in sides:
        return "tie"  # the reply praises each side for something
    changed = any(change.start() < max(verdicts)[0] for change in _CHANGE.finditer(plain))
    return sides[-1] if len(set(sides)) == 1 or changed else None


def _name(side: str) -> str:
    return side if side in "AB" else "tie"


def _opposite(match: re.Match[str]) -> str:
    return {"A": "B", "B": "A"}.get(match["side"], "tie")
