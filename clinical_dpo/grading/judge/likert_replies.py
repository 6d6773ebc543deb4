"""Read the Likert grade from 1 to 5 in a judge's reply."""

import re
import unicodedata
from itertools import pairwise

_DIGITS = {"one": "1", "two": "2", "three": "3", "four": "4", "five": "5"}
_OUT_OF_FIVE = (  # not "3 out of 5 findings"
    r"(?:\s*(?:/|(?:points? )?out of|sur|von|de|su)\s*(?:5|five)\b(?! +(?!because|since|for|as|on|in|overall|stars?|"
    r"points?|given|with|and|but|it|the|this|due)[a-z]))"
)
_CRITERION = (
    r"(?:accuracy|safety|complet\w+|clarity|readab\w+|empathy|helpful\w+|relevan\w+|style|tone|fluency|fact\w+|"
    r"correctness|length|concise\w*|coheren\w+|faithful\w+|detail|structure|communication|reasoning|criteri\w+)\b"
)
_NO_GRADE = (
    r"(?!\s*(?:/|out of|of)\s*\d|[.,]?\d|\s*%|\s*(?:-|–|to|or|and|vs)\s*[1-5]\b(?!\s*:)|\+|\s+(?:if|under|when|unless|"
    r"provided|assuming)\b|,? "
    rf"(?:maybe|perhaps|possibly) |,? or\b|\s+(?:for|on|in) (?:the |its )?(?:{_CRITERION}|\w+ (?:and|but)\b))"
)  # signs of a part of another number, a range, a condition, or the grade of one criterion
_GRADE = rf"(?<!\s-)(?<!\A-)(?<!\d[.,])(?P<grade>\b[1-5])(?:\.0+)?(?:{_OUT_OF_FIVE}(?!\d)|{_NO_GRADE})(?!\w)"
_LEAD_IN = (
    r"(?:^|[\n.:;!?|(,]\s*|\b(?:my|own|the|an?|this|final|overall|total|likert|quality|give|assign|numeric(?:al)?|"
    r"maximum|highest|lowest|top|minimum|corrected|revised|new|is|in|as|with|single|of)\s+)"
)
_NAME = r"(?:scores?|grades?|rating|marks?|verdict|judge?ment|evaluation|assessment|points|result|stars)"
_CHANGE = re.compile(
    r"(?:^|[.!?\n,;] *)(?:hmm, )?(?:wait\b|no,)|\b(?:correction\b|corrected\b|on (?:reflection|second thoughts?)\b|"
    r"hold on\b|chang(?:e|ed|ing) my\b|revis\w+)",
    re.I,
)
_FINAL = re.compile(
    rf"(?:\b(?:final|overall|total)\b(?: \w+){{0,3}}?(?: {_NAME})?(?: (?:would be|is|of|to|at|as|on|for \w+ \w+|"
    rf"an?)\b|\s*[:=–→>-])+\s*(?:an? )?|"
    r"\boverall,? (?:an? )?|\[result\]\s*\(?|\bresult\s+|\b(?:settle[ds]?|round(?:ed)?) [^.\n;:]{0,20}?(?:on|to|for|"
    r"of) (?:an? )?|"
    rf"\b(?:so|therefore|thus|hence),? (?:the |my )?(?:{_NAME}(?: is)?\s*[:=]?\s*|it is |that is |i (?:give|rate|"
    rf"grade|assign) (?:it |this )?)?(?:an? )?){_GRADE}",
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"{_LEAD_IN}{_NAME}(?: for (?:the|this) \w+)?\s*(?:\( *\)\s*)?(?:(?:is|of|as|would be|to|at|should be)\b|"
    rf"[:=\-–→>])+\s*(?:an? |the |be )*{_GRADE}",
    re.IGNORECASE,
)
_STATED = re.compile(  # "Grade: 4" at the start of a line, "grade (4)" anywhere; not "Grade 4 toxicity"
    rf"(?:^\W*{_NAME}\s*(?:[:=–→>-]+\s*)?|(?P<inside>\b{_NAME} \()){_GRADE}(?(inside)\)|(?![ \t]+(?!because|since|as|"
    r"for|due|given|with|and|but|stars?|points?|out)[a-z]))",
    re.IGNORECASE | re.MULTILINE,
)
_TRAIL = re.compile(rf"(?:[:;–-]|\bi\.e\.,?)\s+(?:an? )?{_GRADE}\W*$", re.IGNORECASE)
_LABELS = re.compile(r"[^\W\d]\w*\s*:\s*[1-5]\b")  # scores of criteria
_LIST = re.compile(r"^\s*\d[.)]\s+", re.MULTILINE)
_NOT_THE_GRADE = re.compile(  # another judge's grade, or a grade of a part of the answer
    r"\b(?:tempted|would have|might|could|some|reviewers?|another|others?|more than|less than|not|n't|if|previous|"
    r"graders?|resident|colleagues?|alone|only)\b[^.;:\n]*$",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(
    r"\b(?:can(?:no|['’])t|could(?:n['’]t| not)|unable to|cannot) (?:\w+ )?(?:settle|decide|assess|tell|grade|choose)",
    re.I,
)
_FAIR = re.compile(
    rf"\b(?:an? )?{_GRADE} (?:is|seems|feels|looks) (?:fair|appropriate|right|warranted|justified|fitting|my|"
    r"reasonable)",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    rf"\b(?:give|rate|(?:score|grade|mark)(?= (?:this|it|the|that)\b)|put|assign|award|settle|deserves?|earns?|gets?|"
    rf"merits?|call|say|going with|go with|gave|(?:this|that|it)(?: is|['’]s))\b(?: (?:this|it|the|an?|answer|"
    rf"response|reply|at|on|for|as|with|of|full marks|score|grade|rating|solid|clear|weak|strong|good|bare|low|high|"
    rf"generous|fair|maximum|highest|lowest|top|minimum|be))*[: ]+{_GRADE}",
    re.IGNORECASE,
)
_OFF_SCALE = re.compile(
    rf"\b(?:{_NAME}|overall|total)\b(?: for \w+ \w+)?\s*(?:is|of|:|=|-)+\s*(?:[06-9]|\d\d|\d[.,][1-9])", re.IGNORECASE
)
_LINE = re.compile(
    rf"^\W*(?!{_CRITERION})(?:[^\W\d]+\s*[:=–→>-]+\s*|{_NAME}\s+|(?:an?|solid|so|it is|that is|"
    rf"this is)\s+)?{_GRADE}(?: stars?)?\W*$",
    re.IGNORECASE,
)
_LEAD = re.compile(  # "1. The dose ..." may be a list
    rf"^\W*{_GRADE}\s*(?:[!,;:–—(-]\s?|\.?\s*\n|stars?\b|because\b|since\b|$)", re.IGNORECASE
)
_SCALE = re.compile(r"^\W*[1-5]\s*[=:–-]\s*\w[^\n]*", re.MULTILINE)  # "1 = very poor", a list


def likert_grade(text: str) -> str | None:
    """Return the grade from 1 to 5 in a reply; None if the reply has no grade or is ambiguous.

    The first of these forms that occurs in the reply decides:

    1. a grade that is called final or overall ("Overall: 4"),
    2. a grade after a heading ("Grade: 4" at the start of a line) or in parentheses ("grade (4)"),
    3. a grade after a word such as "score" ("my score is 4"),
    4. a grade that is assigned ("I give it a 4"),
    5. a grade before a word such as "fair" ("4 seems fair"),
    6. a digit that stands alone.

    A reply is ambiguous if the form that decides occurs with different grades. If the reply corrects itself, only the
    text after the last correction is read.
    """
    plain = _plain(text)
    if undecided := _UNDECIDED.search(plain):
        return likert_grade(plain[undecided.end() :])
    if changes := list(_CHANGE.finditer(plain)):
        return likert_grade(plain[changes[-1].end() :].strip(" .,:;"))
    for pattern in (_FINAL, _STATED, _NAMED, _ASSIGNED, _FAIR):
        grades = [m["grade"] for m in pattern.finditer(plain) if not _NOT_THE_GRADE.search(plain[: m.start()])]
        if grades:
            if pattern is not _FINAL and _OFF_SCALE.search(plain):
                return None
            return grades[0] if len(set(grades)) == 1 else None
    if _OFF_SCALE.search(plain) or re.search(r"\d\s*(?:/|out of)\s*(?:10|100)\b", plain):
        return None
    lines = [line.strip() for line in re.split(r"\n|(?<!\n\d\.)(?<=[.!?])\s+", f"\n{plain}") if line.strip()]
    alone = [match["grade"] for line in lines if (match := _LINE.match(line))]
    announced = any(line.endswith(":") and _LINE.match(after) for line, after in pairwise(lines))
    if len(alone) == 1 and (announced or _LINE.match(lines[0]) or _LINE.match(lines[-1])):
        return alone[0]
    if not alone and len(_LABELS.findall(plain)) < 2 and (trail := _TRAIL.search(plain)):
        return trail["grade"]
    lead = _LEAD.match(plain)
    if lead and not alone and not re.search(r"^\W*2[.)] ", plain, re.MULTILINE):
        return lead["grade"]
    out_of_five = re.findall(rf"(?<!\d[.,])\b([1-5])(?:\.0+)?{_OUT_OF_FIVE}(?!\d)", plain)
    return out_of_five[0] if len(out_of_five) == 1 and not re.search(r"\w: *[1-5]\s*/", plain) else None


def _plain(text: str) -> str:
    """Return the reply in a form that is easier to search for a grade.

    Number words become digits, and stars become their number. Questions, ranges, and lines that explain the scale are
    removed.
    """
    plain = re.sub(r"[★⭐]+", lambda stars: f" {len(stars[0].replace(chr(0xFE0F), ''))} ", text.replace("☆", ""))
    if len(re.findall(_SCALE, plain)) > 2:
        plain = _SCALE.sub("", plain)
    plain = re.sub(r"[^.!?\n]*\?", " ", unicodedata.normalize("NFKC", plain))  # questions
    plain = re.sub(r"(?:\b[1-5]\s*,\s*){2,}(?:and |or )?[1-5]\b", " a range ", plain)
    plain = re.sub(
        rf"\A\W*({'|'.join(_DIGITS)})\b[.!,:;]", lambda word: f"Score: {_DIGITS[word[1].lower()]}.", plain, flags=re.I
    )
    if len(_LIST.findall(plain)) > 1:
        plain = _LIST.sub("", plain)
    plain = re.sub(r"\b1 ?[=(:][^.\n]*?\b5 ?[=(:] ?[^.\n,)]*\)?", " ", plain)
    plain = re.sub(r"\(not [1-5]\)", " ", re.sub(r"\b([1-5])\b[\s–-]+\1\b", r"\1", plain))
    plain = re.sub(rf"\b(?:{'|'.join(_DIGITS)}) \(([1-5])\)", r"\1", plain, flags=re.I)
    plain = re.sub(r"\bfrom 1 to 5\b|\b1 ?(?:-|–|to) ?5\b", " ", plain)
    plain = re.sub(
        r"\b[1-5](?:\.\d)? ?(?:-|–|to|or|/) ?[1-5](?:\.\d)?(?:\s*(?:/|out of) ?5)?\b(?<!/5)(?<!/ 5)", " a range ", plain
    )
    plain = re.sub(r"[\[(]\s*[\])]", " ", plain)
    plain = re.sub(
        rf"\b(a|grade|score|rating|at|it|this) ({'|'.join(_DIGITS)})\b(?! \w+s\b)",
        lambda m: f"{m[1]} {_DIGITS[m[2].lower()]}",
        plain,
        flags=re.I,
    )
    return re.sub(
        r"\b(?:one|two|three|four|five)\b(?= (?:out of|of|/)|\W*$|\s*[.\n])",
        lambda word: _DIGITS[word[0].lower()],
        plain,
        flags=re.I,
    )
