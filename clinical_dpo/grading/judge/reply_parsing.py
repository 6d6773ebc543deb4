"""What a judge's reply says. A reply that could mean two things means nothing and is asked for again."""

import json
import re
from collections.abc import Iterator
from typing import Any

from clinical_dpo.grading.judge.likert_replies import grade_of
from clinical_dpo.grading.judge.preference_replies import side_of
from clinical_dpo.grading.label_parsing import parse_label
from clinical_dpo.grading.sentences import shortened
from clinical_dpo.thoughts import split_thought

# Keys and tags that hold a verdict, and words of keys that do not.
_KEY = re.compile(
    r"(?:final|overall|total|my|match|likert|judge|quality|assigned)?[_ ]?(?:overall|total|score|grade|rating|verdict|"
    r"judge?ment|decision|result|label|answer|winner|prefer(?:red|ence)|better|best|choice|correct|"
    r"is_(?:\w+_)?correct|correctness)(?:[_ ](?:score|grade|rating|answer|response|verdict|1[_ ]to[_ ]5))?"
)
_NO_KEY = re.compile(r"max|min|confidence|correct.answer|reference")
_TAG = re.compile(rf"<\s*({_KEY.pattern})\s*>\s*([^<]*?)\s*<\s*/\s*\1\s*>", re.IGNORECASE | re.DOTALL)
_MARKS = re.compile(r"\\(?:boxed|text\w*)|<\|[^|>]*\|>|[*_`$#{}\"“”]|\[\[|\]\]")
_HEADING = re.compile(rf"^\s*#+\s*(?:{_KEY.pattern})\s*:?\s*\n+", re.IGNORECASE | re.MULTILINE)
_CELLS = re.compile(r"^\s*\|\s*([^|\n]+?)\s*\|\s*([^|\n]+?)\s*\|\s*$", re.MULTILINE)  # a row of a table
_QUOTED = re.compile(r"(?<!\w)[\"“](?=\w)[^\"“”\n]* [^\"“”\n]*[\"”]|~~.*?~~")  # words of others; what is struck out
_PART = re.compile(  # of a part of the answer, or of the reference
    r"\b(?:sentences?|parts?|half|statements?|steps?|spelling|arithmetic|wording|items?|drugs?|claims?|reference|"
    r"question)\b[^.;,\n]*? (?:(?:is|are|was|were) )?(?:in)?correct\b|^\s*(?!.*(?:verdict|final|overall|judg|answer|"
    r"result|conclu|assess|decision|grade|score|rating|correct\w* *:|eval|label|class|reply|response|"
    r"status))[^\W\d]+(?: [^\W\d]+)?\s*[:–-]\s*(?:in)?correct\b|\bothers? (?:are )?(?:in)?correct\b|(?:\d\s*(?:%|"
    r"percent|of\b)|\b(?:one|two|three|four|five|some|most|half|none) of\b)[^.;\n]*?\b(?:in)?correct\b",
    re.MULTILINE,
)
_THE_ANSWER = re.compile(r"\b(?:the|this) (?:\w+'s )?(?:answer|response|reply|diagnosis|conclusion)\b", re.IGNORECASE)
_SPOILT = re.compile(  # "partially correct", "correct in part"
    r"\b(?:partial|partly|mostly|almost|nearly|largely|half|somewhat|partially|fairly|more or less|not (?:entirely|"
    r"fully|quite|strictly|completely|wholly))[\w ]{0,8}\b(?:(?:in)?correct|wrong)\b|"
    r"\b(?:in)?correct\b[ (,]{1,3}(?:partially|partly|in (?:part|places)|mostly|for the most part)"
)
_OF_SOMETHING = re.compile(  # "the correct dose", "to correct the sodium": no verdict
    r"\b(?:(?:in)?correct(?:ed|ly|ing|ion|s)?|wrong)\b(?= +(?!because|since|as\b|and\b|nor\b|but|given|overall|here|"
    r"though|too\b|or incorrect)\w)"
)


def parse_verdict(kind: str, reply: str) -> str | None:
    """The verdict in a reply, None where there is none.

    Read are the verdict alone, in JSON or a tag, after words such as "Final score:", and in a sentence. A verdict that
    comes last or is called final counts more than what is weighed before it; a thought does not count. Ranges, other
    scales, scores of single criteria and contradictions are no verdict.

    Args:
        kind: likert (gives 1 to 5), correctness (correct, incorrect) or preference (A, B, tie).
        reply: the judge's words.
    """
    text = shortened(split_thought(reply).answer)
    record = _record(text)
    if record is not None:
        said = {verdict for value in _verdicts(record) if (verdict := _value(kind, value))}
        return said.pop() if len(said) == 1 else None
    text = _HEADING.sub("Verdict: ", _CELLS.sub(r"\1: \2", _TAG.sub(r"\n\nVerdict: \2\n\n", text)))
    return _read(kind, _MARKS.sub(" ", _QUOTED.sub(" ", text)))


def _read(kind: str, text: str) -> str | None:
    text = re.sub(r"[ \t]+", " ", text.replace("|", " / "))
    if kind == "likert":
        return grade_of(text)
    if kind == "preference":
        return side_of(text)
    text = re.sub(r"\b(is|was) an? ((?:in)?correct) (?:answer|response|reply)\b", r"\1 \2", text, flags=re.IGNORECASE)
    text = _THE_ANSWER.sub("it", text)
    plain = _PART.sub("so so", text.casefold())
    plain = _OF_SOMETHING.sub("proper", _SPOILT.sub("so so", plain))
    return parse_label(plain, ("correct", "incorrect"), {"incorrect": ["not correct", "wrong"]})


def _value(kind: str, value: Any) -> str | None:
    if isinstance(value, bool):
        return ("correct" if value else "incorrect") if kind == "correctness" else None
    return _read(kind, str(value).replace("_", " ")) if len(str(value)) < 60 else None


def _record(text: str) -> dict[str, Any] | None:
    """The JSON object of a reply, also with quotation marks of Python."""
    found = re.search(r"\{.*\}", text, re.DOTALL)
    for attempt in (found[0], re.sub(r"(?<![a-z])'|'(?![a-z])", '"', found[0])) if found else ():
        try:
            record = json.loads(attempt)
        except ValueError:
            continue
        return record if isinstance(record, dict) else None
    return None


def _verdicts(record: dict[str, Any]) -> Iterator[Any]:
    """Values that a record gives as its verdict: those that are called final or overall, else all under such a key."""
    keys = [key for key in record if _KEY.fullmatch(key.casefold()) and not _NO_KEY.match(key.casefold())]
    for key, value in record.items():
        if isinstance(value, dict) and (not keys or key in keys):
            yield from _verdicts(value)
    final = [key for key in keys if re.match(r"(?:final|overall|total)", key.casefold())]
    yield from (record[key] for key in final or keys if not isinstance(record[key], dict | list))
