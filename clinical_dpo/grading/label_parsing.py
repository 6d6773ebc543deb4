"""The label that a model's answer commits to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from clinical_dpo.errors import UserError
from clinical_dpo.grading.mentions import Manner, manner
from clinical_dpo.grading.sentences import sentences

_COMMON = ("yes", "no", "maybe", "true", "false", "none", "unknown")  # labels only where they stand for an answer
_LEAD = (
    r"(?:^|[,;:(=?/] |\b(?:an?|the) \w+ |\b(?:is|was|be|say|says|said|as|than|an?|the|it|not|clear|towards?|with|"
    r"answers?|answer's|label|definite\w*|clearly|probably|likely|so|thus|hence|therefore|then|overall|or|nor|and|"
    r"and/or|either|neither|choose|conclude|still|i|would|to|into) )"
)
_CUE = re.compile(  # "Final answer:", "The label is"
    r"\b(?:answer|overall|choice|vote|pick|label|class|classification|verdict|diagnosis|decision|category|conclusion|"
    r"level|triage|result|personnel|acuity|final|rating|assessment|impression|response|output)(?: \w+){0,4}? ?(?:\bis|"
    r"\bbe|:|=|;)(?: (?:;|:|,|that|therefore|thus|clearly|most|likely|probably|an?|the|this|patient|it|is|was|has|"
    r"should|be|not))*$"
)
_CONCLUSION = re.compile(
    r"\b(?:so(?! ,)|therefore|thus|hence|consequently|accordingly|overall|in (?:conclusion|summary|short)|conclude|"
    r"which makes|makes? (?:it|this|the message)|meaning|classif\w+|categori\w+|triage|labell?(?:ed)?|go with|choose|"
    r"pick|i (?:would )?(?:say|call|answer|vote|go with|grade|mark|judge|deem|rate|consider)|as it stands|ie)\b[^.;]*$"
)
_CORRECTION = re.compile(
    r"\b(?:wait|actually|correction(?= :)|on (?:reflection|second thoughts?)|rather(?! than)|in fact|instead(?! of)|"
    r"hold on|scratch that|i was wrong|reconsider\w*|correct(?:ing|ed)|hmm|oops|no(?= :)|no , sorry|sorry , i|misread|"
    r"mistaken|my mistake|(?:changed|upgraded|downgraded|revised) to|overrid\w+)\b"
)
_ALONE_BEFORE = re.compile(
    r"(?:^|[,;:()=] ?)(?:(?:an?|the|this|it|is|was|most|likely|probably|definitely|clearly|certainly|yes ,|no ,) ?)*$"
)
_ALONE_AFTER = re.compile(
    r"(?:case|message|patient)? ?(?:[.,;:!()]|because\b|since\b|given\b|as\b|due\b|rather than\b)"
)
_OTHER_KEY = re.compile(r"(?!.*\b(?:so|thus|hence|therefore|is|are)\b)(?:[\w/]+ ){1,3}: ")
# What follows these in a sentence is no verdict.
_DEFINES = re.compile(r"(?:needs?(?! to\b)|requires?|means|is defined|only if|if) ")
_TO_DO = re.compile(r"(?:should|must|will|needs? to|has to|ought to)\b")
_DONE_BY = re.compile(r"\b(?:answered|handled|addressed|managed) by (?:an? |the )?$")
_CUT_OFF = re.compile(r"\b(?:and|or|the|of|with|to|an?|who|because|which|that|in|for|from|by|is|was|has|but|as) [.]$")
_TAKEN_BACK = re.compile(  # a denial further on in the clause
    r"^(?:(?!\b(?:because|since|as|although|though|but|so|and|even|given|rather|with|which|where|"
    r"while)\b)[^;:(.])*?(?<!, )\b(?:not|neither|never|nor|unlikely|excluded|ruled out|absent)\b"
)
_IT_IS_NOT = re.compile(  # of the label named last
    r"(?:^|[,;:] |\b(?:but|so|and|yet|all|therefore) )(?:it|this|that|he|she) (?:(?:is|does|was|has|"
    r"did)(?: \w+ly)? not(?: (?:one|it|so|have (?:one|it)))?|never had it|(?:is|was|can be) (?:\w+ )?(?:ruled out|"
    r"excluded|unlikely|absent|not present)) (?=[.,;:])"
)
_REFUSAL = re.compile(
    r"\b(?:sorry ,? (?:but )?i (?:can not|is (?:not able|unable)|would not)|as an ai|language model|i (?:is |"
    r"am )?(?:not able|unable) to|i can not (?:provide|give|interpret|diagnose|assist|help|offer))\b"
)
_UNDECIDED = re.compile(
    r"\b(?:can not (?:tell|determine|say|decide|be (?:determined|decided|classified|said))|not enough information|"
    r"more information is|impossible to (?:say|tell|determine|decide)|insufficient information|does not settle|"
    r"hard to (?:say|tell))\b"
)
_COMMON_AFTER = (
    r" (?:[.,;:!?()/]|because\b|since\b|rather\b|based\b|as\b|given\b|for\b|if\b|or\b|and\b|nor\b|instead\b|from\b|"
    r"after\b|but\b|when\b|here\b|in\b|overall\b|even\b|although\b|though\b|it is\b)"
)
_BARE = "~"
_REACH = 400  # characters around a mention that say how it is meant
_OPTIONS = re.compile(
    r"\s*(?:[,;/()|]\s*)+(?:(?:or|and|vs|versus|nor)\b[;,/(| ]*)?|\s+(?:or|and|and/or|vs|versus|nor)\s+"
)


class Place(NamedTuple):
    """Where a sentence names a label, and the spelling."""

    start: int
    end: int
    spelling: str


class Mention(NamedTuple):
    """A place of an answer that speaks of a label."""

    label: str  # the one it speaks for; of two labels, a denied one speaks for the other
    manner: Manner
    level: int  # 4: after "final answer:"; 3: after "answer:"; 2: alone, or after "so"; 1: within a sentence
    corrects: bool  # whether words such as "wait" stand between it and the mention before


def parse_label(text: str, labels: Sequence[str], synonyms: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """The label an answer commits to, or None where it commits to none.

    Sentences are read for spellings of the labels, the longest first; `mentions.manner` tells how each is spoken of. A
    label that is denied speaks for the other one, or for the one that is left. "Answer: ..." counts more than a label
    alone or a conclusion, and that more than a label within a sentence. Where what counts most names two labels, or
    what follows contradicts it, the answer commits to none: a wrong label is worse than none.

    Args:
        text: the answer, without a thought (see `thoughts.split_thought`).
        labels: the task's labels, two or more.
        synonyms: label -> further spellings.

    Raises:
        UserError: labels that cannot be told apart.
    """
    found = sentences(text)
    mentions = list(_mentions(found, _label_of(labels, synonyms or {}), labels))
    if any(_REFUSAL.search(sentence) for sentence in found):
        mentions = [mention for mention in mentions if mention.level > 2]
    asserted = [mention for mention in mentions if mention.manner == "asserted"]
    if not asserted:
        left = set(labels) - {mention.label for mention in mentions if mention.manner == "denied"}
        return left.pop() if len(left) == 1 and not any(mention.manner == "open" for mention in mentions) else None
    top = max(mention.level for mention in asserted)
    highest = [mention for mention in asserted if mention.level == top]
    verdict = highest[-1]
    since = max((i for i, mention in enumerate(highest) if mention.corrects), default=0)
    if len({mention.label for mention in highest[since:]}) > 1:
        return None
    place = max(i for i, mention in enumerate(mentions) if mention is verdict)
    others = mentions[place + 1 :] if top > 1 else [mention for mention in mentions if mention is not verdict]
    if top == 1 and _CUT_OFF.search(found[-1]):
        return None
    if top == 1 and any(_UNDECIDED.search(sentence) for sentence in found):
        return None
    contradicted = any(
        mention.manner == "open" or (mention.manner == "asserted") != (mention.label == verdict.label)
        for mention in others
        if top < 3 or mention.level > 1
    )
    return None if contradicted else verdict.label


def _label_of(labels: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Spelling, as `sentences` writes it -> label. The bare term of "no <term>" is marked, where it is no label."""
    spelled = {label: [_plain(label), *map(_plain, synonyms.get(label, []))] for label in labels}
    if len({spelling[0] for spelling in spelled.values()} - {""}) < len(labels):
        raise UserError(f"labels {', '.join(labels)} differ in punctuation alone. Give each its own words.")
    label_of = {spelling: label for label, spellings in spelled.items() for spelling in spellings if spelling}
    for spelling, label in list(label_of.items()):
        if negative := re.match(r"(?:no|not|non) ?(?=\w{3})(.+)", spelling):
            if spelling.startswith("non"):
                label_of.setdefault(f"non {negative[1]}", label)
            if negative[1].removeprefix("a ") not in label_of and " " in spelling:
                label_of.setdefault(negative[1].removeprefix("a "), f"{_BARE}{label}")
    return label_of


def _plain(spelling: str) -> str:
    return " ".join(sentence[:-2] for sentence in sentences(spelling))


def _mentions(found: Sequence[str], label_of: Mapping[str, str], labels: Sequence[str]) -> Iterator[Mention]:
    rare = [re.escape(spelling) for spelling in sorted(label_of, key=len, reverse=True) if spelling not in _COMMON]
    spelled = "|".join(rare) or "(?!)"
    common = [spelling for spelling in label_of if spelling in _COMMON]
    pattern = re.compile(
        rf"(?<!\w)(?:{spelled})(?:'s|s|es|ly)?(?!\w)"
        + (rf"|{_LEAD}(?:{'|'.join(common)})(?={_COMMON_AFTER})" if common else "")
    )
    since, asked, last = "", "", ""
    for sentence in found:
        # "urinary tract infection (UTI)" names it once.
        sentence = re.sub(rf"(?<!\w)({spelled}) \( (?:{spelled}) \)", r"\1", sentence)
        places = [_place(match, label_of) for match in pattern.finditer(sentence)]
        answered = re.match(r"(yes|no|not)\b", sentence)
        if asked and answered:
            yield from _speaking(asked, "asserted" if answered[1] == "yes" else "denied", 2, False, labels)
        options, defined, end, masked = _options(sentence, places, label_of), False, 0, ""
        for number, place in enumerate(places):
            before, rest = sentence[max(0, place.start - _REACH) : place.start], sentence[place.end :].lstrip()
            after = rest if len(rest) <= _REACH else rest[:_REACH] + sentence[-2:]
            since += sentence[end : place.start]
            masked += sentence[end : place.start]
            corrects = bool(_CORRECTION.search(since))
            level = max(_level(before, after), 2 if corrects else 1)
            how = manner(masked[-_REACH:], after)
            if number in options and (how == "asserted" or len(labels) == 2):
                how = "open"
            if defined and not _CONCLUSION.search(before):
                how = "aside"
            how = _weighed(how, level, sentence, before, after)
            defined = defined or bool(_DEFINES.match(after))
            masked += "it"  # a label's own "no" denies no other one
            end, since = place.end, ""
            if place.spelling in _COMMON and level < 3 and _OTHER_KEY.fullmatch(before) and not pattern.search(before):
                continue  # the value of something else: "Fever: no"
            for label, meant in _shared(before, place.spelling, label_of, how):
                yield from _speaking(label, meant, level, corrects, labels)
            last = label_of[place.spelling]
            yield from _speaking(last, how, level, corrects, labels)
        since += sentence[end:]
        if last and places and places[-1].spelling in _COMMON:
            last = ""  # "No, it does not": the same once more
        if last and _IT_IS_NOT.search(sentence, end):
            yield from _speaking(last, "denied", 2, False, labels)
        spoken = {label_of[place.spelling] for place in places}
        asked = spoken.pop() if sentence.endswith("?") and len(spoken) == 1 else ""


def _weighed(how: Manner, level: int, sentence: str, before: str, after: str) -> Manner:
    """How a label is spoken of, by the weight of its place: a verdict's words count, an unfinished clause does not."""
    if level > 2 and how == "aside" and re.search(r"\bwould be\b", before) and not re.search(r"\bif\b", sentence):
        return "asserted"  # "My answer would be no"
    if level == 1 and how == "asserted" and (_CUT_OFF.search(sentence) or _TAKEN_BACK.search(after)):
        return "open"
    return how


def _place(match: re.Match[str], label_of: Mapping[str, str]) -> Place:
    """Where a spelling stands in a match, which may begin with words that lead to it and end with a plural's ending."""
    last = match[0].split()[-1]
    if last in _COMMON and last in label_of and match[0] not in label_of:
        return Place(match.end() - len(last), match.end(), last)
    forms = (match[0].removesuffix(ending) for ending in ("", "'s", "s", "es", "ly"))
    return Place(match.start(), match.end(), next(form for form in forms if form in label_of))


def _speaking(label: str, how: Manner, level: int, corrects: bool, labels: Sequence[str]) -> Iterator[Mention]:
    """A mention as what it says of the task's labels."""
    if label.startswith(_BARE):
        if how in ("denied", "open"):
            yield Mention(label[1:], "asserted" if how == "denied" else "open", level, corrects)
    elif how == "denied" and len(labels) == 2:
        yield Mention(labels[1 - list(labels).index(label)], "asserted", level, corrects)
    elif how != "aside":
        yield Mention(label, how, level, corrects)


def _shared(before: str, spelling: str, label_of: Mapping[str, str], how: Manner) -> Iterator[tuple[str, Manner]]:
    """Another label that shares the last words of a spelling: `acute` in "acute or chronic pneumonia"."""
    joined = re.search(r"(\w+) (or|nor|and|/|rather than|, not|instead of) $", before)
    other = f"{joined[1]} {spelling.partition(' ')[2]}" if joined else ""
    if joined and other in label_of:
        contrast = joined[2] in ("rather than", ", not", "instead of")
        yield label_of[other], "asserted" if contrast else "denied" if how == "denied" else "open"


def _options(sentence: str, places: Sequence[Place], label_of: Mapping[str, str]) -> set[int]:
    """Which places list a label beside another one: "UTI or No UTI"."""
    listed: set[int] = set()
    for number, (first, second) in enumerate(pairwise(places)):
        between = sentence[first.end : second.start]
        if label_of[first.spelling] != label_of[second.spelling] and _OPTIONS.fullmatch(between):
            listed |= {number, number + 1}
    return listed


def _level(before: str, after: str) -> int:
    if cue := _CUE.search(before.rstrip()):
        return 4 if re.search(r"\b(?:final|overall)\b", before[max(0, cue.start() - 9) :]) else 3
    if _DONE_BY.search(before):
        return 2
    alone = _ALONE_BEFORE.search(before) and _ALONE_AFTER.match(after)
    value = re.match(r"[;:=] (?:no|yes|false|true|absent|present|negative|positive)\b", after)
    return 2 if alone or value or _CONCLUSION.search(before) or _TO_DO.match(after) else 1
