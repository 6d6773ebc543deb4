"""Read a judge's verdict from a reply. An ambiguous reply has no verdict, and the judge is then asked again."""

import json
import re
from collections.abc import Iterator
from typing import Any

from clinical_dpo.grading.judge.likert_replies import likert_grade
from clinical_dpo.grading.judge.preference_replies import preferred_side
from clinical_dpo.grading.label_parsing import parse_label
from clinical_dpo.grading.sentences import shortened
from clinical_dpo.thoughts import split_thought

# Names of keys and tags that hold a verdict, and beginnings of the names of other keys.
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
_QUOTED = re.compile(r"(?<!\w)[\"“](?=\w)[^\"“”\n]* [^\"“”\n]*[\"”]|~~.*?~~")  # quotations and struck-out words
_PART = re.compile(  # verdicts on a part of the answer, or on the reference answer
    r"\b(?:sentences?|parts?|half|statements?|steps?|spelling|arithmetic|wording|items?|drugs?|claims?|reference|"
    r"question)\b[^.;,\n]*? (?:(?:is|are|was|were) )?(?:in)?correct\b|^\s*(?!.*(?:verdict|final|overall|judg|answer|"
    r"result|conclu|assess|decision|grade|score|rating|correct\w* *:|eval|label|class|reply|response|"
    r"status))[^\W\d]+(?: [^\W\d]+)?\s*[:–-]\s*(?:in)?correct\b|\bothers? (?:are )?(?:in)?correct\b|(?:\d\s*(?:%|"
    r"percent|of\b)|\b(?:one|two|three|four|five|some|most|half|none) of\b)[^.;\n]*?\b(?:in)?correct\b",
    re.MULTILINE,
)
_THE_ANSWER = re.compile(r"\b(?:the|this) (?:\w+'s )?(?:answer|response|reply|diagnosis|conclusion)\b", re.IGNORECASE)
_PARTIAL = re.compile(  # "partially correct", "correct in part"
    r"\b(?:partial|partly|mostly|almost|nearly|largely|half|somewhat|partially|fairly|more or less|not (?:entirely|"
    r"fully|quite|strictly|completely|wholly))[\w ]{0,8}\b(?:(?:in)?correct|wrong)\b|"
    r"\b(?:in)?correct\b[ (,]{1,3}(?:partially|partly|in (?:part|places)|mostly|for the most part)"
)
_NO_VERDICT = re.compile(  # "the correct dose", "to correct the sodium"
    r"\b(?:(?:in)?correct(?:ed|ly|ing|ion|s)?|wrong)\b(?= +(?!because|since|as\b|and\b|nor\b|but|given|overall|here|"
    r"though|too\b|or incorrect)\w)"
)


def parse_verdict(kind: str, reply: str) -> str | None:
    """Return the verdict in a reply; None if the reply has no clear verdict.

    A verdict may be the whole reply, a value in JSON, or the text of a tag. It may follow words such as "Final score:",
    or be part of a sentence. A verdict after words of correction, such as "wait", outranks earlier verdicts. A verdict
    that is called final also outranks earlier verdicts. A reasoning model's thought is not searched. A range, a
    grade on another scale, the score of a single criterion, and two contradicting verdicts are no verdict.

    Args:
        kind: likert (verdicts 1 to 5), correctness (correct, incorrect) or preference (A, B, tie).
        reply: the judge's reply.
    """
    text = shortened(split_thought(reply).answer)
    record = _record(text)
    if record is not None:
        verdicts = {verdict for value in _verdict_values(record) if (verdict := _value_verdict(kind, value))}
        return verdicts.pop() if len(verdicts) == 1 else None
    text = _HEADING.sub("Verdict: ", _CELLS.sub(r"\1: \2", _TAG.sub(r"\n\nVerdict: \2\n\n", text)))
    return _text_verdict(kind, _MARKS.sub(" ", _QUOTED.sub(" ", text)))


def parse_rubric(criteria: int, reply: str) -> str | None:
    """Return the verdicts on all criteria of a rubric, joined by commas, such as `yes,no,yes`.

    The reply is a JSON object. The number of each criterion is a key of the object, and the value is yes or no, or true
    or false. The object may be a value in another object. A reasoning model's thought is not searched.

    If a verdict is missing, or if a number occurs twice or is not the number of a criterion, return None.

    Args:
        criteria: number of criteria.
        reply: the judge's reply.
    """
    record = _record(shortened(split_thought(reply).answer), object_pairs_hook=_without_repeats)
    numbers = [str(number) for number in range(1, criteria + 1)]
    for values in (record, *(value for value in (record or {}).values() if isinstance(value, dict))):
        if values and sorted(filter(str.isdecimal, values), key=int) == numbers:
            words = {"true": "yes", "false": "no"}
            said = [str(values[number]).strip().casefold() for number in numbers]
            verdicts = [words.get(word, word) for word in said]
            return ",".join(verdicts) if {*verdicts} <= {"yes", "no"} else None
    return None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the JSON object that has these (key, value) pairs.

    Raises:
        ValueError: a key occurs twice.
    """
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _text_verdict(kind: str, text: str) -> str | None:
    """Return the verdict in plain text; None if the text has no clear verdict."""
    text = re.sub(r"[ \t]+", " ", text.replace("|", " / "))
    if kind == "likert":
        return likert_grade(text)
    if kind == "preference":
        return preferred_side(text)
    text = re.sub(r"\b(is|was) an? ((?:in)?correct) (?:answer|response|reply)\b", r"\1 \2", text, flags=re.IGNORECASE)
    text = _THE_ANSWER.sub("it", text)
    plain = _PART.sub("so so", text.casefold())
    plain = _NO_VERDICT.sub("proper", _PARTIAL.sub("so so", plain))
    return parse_label(plain, ("correct", "incorrect"), {"incorrect": ["not correct", "wrong"]})


def _value_verdict(kind: str, value: Any) -> str | None:
    """Return the verdict of a JSON value; None if the value has no verdict.

    A text of 60 or more characters has no verdict.
    """
    if isinstance(value, bool):
        return ("correct" if value else "incorrect") if kind == "correctness" else None
    return _text_verdict(kind, str(value).replace("_", " ")) if len(str(value)) < 60 else None


def _record(text: str, **options: Any) -> dict[str, Any] | None:
    """Return the JSON object in a reply; None if the reply has none. Single quotation marks are allowed.

    Args:
        text: the reply.
        options: arguments of `json.loads`.
    """
    match = re.search(r"\{.*\}", text, re.DOTALL)
    for attempt in (match[0], re.sub(r"(?<![a-z])'|'(?![a-z])", '"', match[0])) if match else ():
        try:
            record = json.loads(attempt, **options)
        except ValueError:
            continue
        return record if isinstance(record, dict) else None
    return None


def _verdict_values(record: dict[str, Any]) -> Iterator[Any]:
    """Yield the values of the keys that hold a verdict, such as `score`.

    If some of these keys are called final, overall or total, the other keys are left out.
    """
    keys = [key for key in record if _KEY.fullmatch(key.casefold()) and not _NO_KEY.match(key.casefold())]
    for key, value in record.items():
        if isinstance(value, dict) and (not keys or key in keys):
            yield from _verdict_values(value)
    final = [key for key in keys if re.match(r"(?:final|overall|total)", key.casefold())]
    yield from (record[key] for key in final or keys if not isinstance(record[key], dict | list))
