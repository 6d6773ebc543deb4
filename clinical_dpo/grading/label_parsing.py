"""Read the label that a model's answer commits to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from clinical_dpo.grading.label_spellings import BARE, labels_by_spelling
from clinical_dpo.grading.mentions import Manner, manner
from clinical_dpo.grading.sentences import sentences

_COMMON = ("yes", "no", "maybe", "true", "false", "none", "unknown")  # labels only in the position of an answer
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
# After these words, a sentence states no verdict.
_DEFINES = re.compile(r"(?:needs?(?! to\b)|requires?|means|is defined|only if|if) ")
_TO_DO = re.compile(r"(?:should|must|will|needs? to|has to|ought to)\b")
_DONE_BY = re.compile(r"\b(?:answered|handled|addressed|managed) by (?:an? |the )?$")
_CUT_OFF = re.compile(r"\b(?:and|or|the|of|with|to|an?|who|because|which|that|in|for|from|by|is|was|has|but|as) [.]$")
_RETRACTED = re.compile(  # a later denial in the clause
    r"^(?:(?!\b(?:because|since|as|although|though|but|so|and|even|given|rather|with|which|where|"
    r"while)\b)[^;:(.])*?(?<!, )\b(?:not|neither|never|nor|unlikely|excluded|ruled out|absent)\b"
)
_IT_IS_NOT = re.compile(  # denies the label named last
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
_CONTEXT = 400  # characters around a mention that decide how it is meant
_OPTIONS = re.compile(
    r"\s*(?:[,;/()|]\s*)+(?:(?:or|and|vs|versus|nor)\b[;,/(| ]*)?|\s+(?:or|and|and/or|vs|versus|nor)\s+"
)


class LabelSpan(NamedTuple):
    """The part of a sentence that names a label.

    Attributes:
        start: index of the first character of the part.
        end: index of the character after the part.
        spelling: the spelling of the label in the sentence.
    """

    start: int
    end: int
    spelling: str


class Mention(NamedTuple):
    """A mention of a label in an answer."""

    label: str  # the supported label; with two labels, a denied label supports the other label
    manner: Manner
    level: int  # 4: after "final answer:"; 3: after "answer:"; 2: alone, or after "so"; 1: within a sentence
    corrects: bool  # whether words such as "wait" separate it from the previous mention


def parse_label(text: str, labels: Sequence[str], synonyms: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """Return the label that an answer commits to, or None if it commits to no label.

    Each sentence is searched for spellings of the labels. If several spellings fit the same words, the longest one
    counts. `mentions.manner` decides whether a mention asserts the label, denies it or leaves it open. If a task has
    two labels, the denial of one label supports the other label. If a task has more labels, an answer may deny all of
    them but one. It then commits to the remaining label, if it asserts no label and leaves none open.

    The place of a mention gives it a level (see `Mention`). From high to low, the places are: after "Final answer:",
    after "Answer:", alone ("UTI.") or in a conclusion ("so UTI"), and anywhere else in a sentence. The answer commits
    to the label that it asserts at the highest level. It commits to no label in these cases, because a wrong label is
    worse than no label:

    - The highest level asserts several labels, and no word such as "wait" takes back the earlier ones.
    - Another mention contradicts the label: it denies the label, asserts another label, or leaves any label open. For a
      label after "Answer:" or "Final answer:", only later mentions above the lowest level count. For a label alone or
      in a conclusion, all later mentions count. For a label at the lowest level, all other mentions count.
    - The answer asserts labels only at the lowest level, and it breaks off or says that it cannot decide.

    In an answer that refuses ("As an AI"), only labels after "Answer:" or "Final answer:" count.

    Args:
        text: the answer, without a thought (see `thoughts.split_thought`).
        labels: the task's labels, two or more.
        synonyms: label -> further spellings.

    Raises:
        UserError: two labels are equal, or a label is empty, after the normalisation of `labels_by_spelling`.
    """
    answer_sentences = sentences(text)
    mentions = list(_mentions(answer_sentences, labels_by_spelling(labels, synonyms or {}), labels))
    if any(_REFUSAL.search(sentence) for sentence in answer_sentences):
        mentions = [mention for mention in mentions if mention.level > 2]
    asserted = [mention for mention in mentions if mention.manner == "asserted"]
    if not asserted:
        remaining = set(labels) - {mention.label for mention in mentions if mention.manner == "denied"}
        any_open = any(mention.manner == "open" for mention in mentions)
        return remaining.pop() if len(remaining) == 1 and not any_open else None
    top = max(mention.level for mention in asserted)
    highest = [mention for mention in asserted if mention.level == top]
    verdict = highest[-1]
    last_correction = max((i for i, mention in enumerate(highest) if mention.corrects), default=0)
    if len({mention.label for mention in highest[last_correction:]}) > 1:
        return None
    verdict_index = max(i for i, mention in enumerate(mentions) if mention is verdict)
    rest = mentions[verdict_index + 1 :] if top > 1 else [mention for mention in mentions if mention is not verdict]
    if top == 1 and _CUT_OFF.search(answer_sentences[-1]):
        return None
    if top == 1 and any(_UNDECIDED.search(sentence) for sentence in answer_sentences):
        return None
    contradicted = any(
        mention.manner == "open" or (mention.manner == "asserted") != (mention.label == verdict.label)
        for mention in rest
        if top < 3 or mention.level > 1
    )
    return None if contradicted else verdict.label


def _mentions(
    answer_sentences: Sequence[str], by_spelling: Mapping[str, str], labels: Sequence[str]
) -> Iterator[Mention]:
    """Yield the mentions of labels in the order of the answer.

    Args:
        answer_sentences: the sentences of the answer.
        by_spelling: spelling -> label, from `labels_by_spelling`.
        labels: the task's labels.
    """
    rare = [re.escape(spelling) for spelling in sorted(by_spelling, key=len, reverse=True) if spelling not in _COMMON]
    any_rare = "|".join(rare) or "(?!)"
    common = [spelling for spelling in by_spelling if spelling in _COMMON]
    pattern = re.compile(
        rf"(?<!\w)(?:{any_rare})(?:'s|s|es|ly)?(?!\w)"
        + (rf"|{_LEAD}(?:{'|'.join(common)})(?={_COMMON_AFTER})" if common else "")
    )
    since_mention, question_label, last_label = "", "", ""
    for sentence in answer_sentences:
        # "urinary tract infection (UTI)" is one mention.
        sentence = re.sub(rf"(?<!\w)({any_rare}) \( (?:{any_rare}) \)", r"\1", sentence)
        spans = [_span(match, by_spelling) for match in pattern.finditer(sentence)]
        reply = re.match(r"(yes|no|not)\b", sentence)
        if question_label and reply:
            manner_of_reply: Manner = "asserted" if reply[1] == "yes" else "denied"
            yield from _supported(question_label, manner_of_reply, 2, False, labels)
        options, defined, end, masked = _options(sentence, spans, by_spelling), False, 0, ""
        for number, span in enumerate(spans):
            before, rest = sentence[max(0, span.start - _CONTEXT) : span.start], sentence[span.end :].lstrip()
            after = rest if len(rest) <= _CONTEXT else rest[:_CONTEXT] + sentence[-2:]
            since_mention += sentence[end : span.start]
            masked += sentence[end : span.start]
            corrects = bool(_CORRECTION.search(since_mention))
            level = max(_level(before, after), 2 if corrects else 1)
            how = manner(masked[-_CONTEXT:], after)
            if number in options and (how == "asserted" or len(labels) == 2):
                how = "open"
            if defined and not _CONCLUSION.search(before):
                how = "aside"
            how = _weighed(how, level, sentence, before, after)
            defined = defined or bool(_DEFINES.match(after))
            masked += "it"  # the "no" of a label denies no later label
            end, since_mention = span.end, ""
            if span.spelling in _COMMON and level < 3 and _OTHER_KEY.fullmatch(before) and not pattern.search(before):
                continue  # the value of another key: "Fever: no"
            for label, shared_manner in _shared(before, span.spelling, by_spelling, how):
                yield from _supported(label, shared_manner, level, corrects, labels)
            last_label = by_spelling[span.spelling]
            yield from _supported(last_label, how, level, corrects, labels)
        since_mention += sentence[end:]
        if last_label and spans and spans[-1].spelling in _COMMON:
            last_label = ""  # "No, it does not" is one denial
        if last_label and _IT_IS_NOT.search(sentence, end):
            yield from _supported(last_label, "denied", 2, False, labels)
        named = {by_spelling[span.spelling] for span in spans}
        question_label = named.pop() if sentence.endswith("?") and len(named) == 1 else ""


def _weighed(how: Manner, level: int, sentence: str, before: str, after: str) -> Manner:
    """Return the manner of a mention after two corrections that depend on the level and on the words around the label.

    - Above level 2, "aside" changes to "asserted" if the words before the label contain "would be", as in "My answer
      would be X", and the sentence does not contain "if".
    - At level 1, "asserted" changes to "open" if the sentence breaks off, or if later words of the clause deny the
      label.

    Args:
        how: the manner before the corrections.
        level: level of the mention (see `Mention`).
        sentence: the whole sentence.
        before, after: the text of the sentence before and after the mention, each shortened to about _CONTEXT
            characters.
    """
    if level > 2 and how == "aside" and re.search(r"\bwould be\b", before) and not re.search(r"\bif\b", sentence):
        return "asserted"  # "My answer would be no"
    if level == 1 and how == "asserted" and (_CUT_OFF.search(sentence) or _RETRACTED.search(after)):
        return "open"
    return how


def _span(match: re.Match[str], by_spelling: Mapping[str, str]) -> LabelSpan:
    """Return the span of a label's spelling within a match.

    The span leaves out words that the match has before the spelling. It includes an ending, such as a plural `s`.
    """
    last_word = match[0].split()[-1]
    if last_word in _COMMON and last_word in by_spelling and match[0] not in by_spelling:
        return LabelSpan(match.end() - len(last_word), match.end(), last_word)
    forms = (match[0].removesuffix(ending) for ending in ("", "'s", "s", "es", "ly"))
    return LabelSpan(match.start(), match.end(), next(form for form in forms if form in by_spelling))


def _supported(label: str, how: Manner, level: int, corrects: bool, labels: Sequence[str]) -> Iterator[Mention]:
    """Yield a `Mention` of the label that a sentence supports, or nothing.

    The manner `how` decides what is yielded:

    - "asserted" or "open": the label, with this manner.
    - "denied": if the task has two labels, the other label as "asserted"; else the label as "denied".
    - "aside": nothing.

    If `label` begins with BARE ("~No UTI"), the sentence says "UTI" without the "no" of the label "No UTI". Then `how`
    is the manner of "UTI", and it decides as follows:

    - "denied": "No UTI" as "asserted".
    - "open": "No UTI" as "open".
    - "asserted" or "aside": nothing.

    Args:
        label: a label, or BARE followed by a label.
        how: the manner in which the sentence mentions the label, or the word without "no".
        level, corrects: see `Mention`.
        labels: the task's labels.
    """
    if label.startswith(BARE):
        if how in ("denied", "open"):
            yield Mention(label[1:], "asserted" if how == "denied" else "open", level, corrects)
    elif how == "denied" and len(labels) == 2:
        yield Mention(labels[1 - list(labels).index(label)], "asserted", level, corrects)
    elif how != "aside":
        yield Mention(label, how, level, corrects)


def _shared(before: str, spelling: str, by_spelling: Mapping[str, str], how: Manner) -> Iterator[tuple[str, Manner]]:
    """Yield the label of a word such as "acute" in "acute or chronic pneumonia", with the manner of its mention.

    The word stands before a full spelling, here `chronic pneumonia`. It is short for another spelling of a label, here
    `acute pneumonia`. If there is no such word, nothing is yielded.

    In a contrast such as "acute rather than chronic pneumonia", the manner is "asserted". Without a contrast, the
    manner is "denied" if `how` is "denied", and "open" for every other `how`.

    Args:
        before: the text of the sentence before the full spelling, at most _CONTEXT characters.
        spelling: the full spelling.
        by_spelling: spelling -> label, from `labels_by_spelling`.
        how: the manner in which the sentence mentions the full spelling.
    """
    joined = re.search(r"(\w+) (or|nor|and|/|rather than|, not|instead of) $", before)
    first_spelling = f"{joined[1]} {spelling.partition(' ')[2]}" if joined else ""
    if joined and first_spelling in by_spelling:
        contrast = joined[2] in ("rather than", ", not", "instead of")
        yield by_spelling[first_spelling], "asserted" if contrast else "denied" if how == "denied" else "open"


def _options(sentence: str, spans: Sequence[LabelSpan], by_spelling: Mapping[str, str]) -> set[int]:
    """Return the indices of the spans that are in a list of different labels, as in "UTI or No UTI"."""
    listed: set[int] = set()
    for number, (first, second) in enumerate(pairwise(spans)):
        between = sentence[first.end : second.start]
        if by_spelling[first.spelling] != by_spelling[second.spelling] and _OPTIONS.fullmatch(between):
            listed |= {number, number + 1}
    return listed


def _level(before: str, after: str) -> int:
    """Return the level of a mention (see `Mention`), read from the texts before and after the mention."""
    if cue := _CUE.search(before.rstrip()):
        return 4 if re.search(r"\b(?:final|overall)\b", before[max(0, cue.start() - 9) :]) else 3
    if _DONE_BY.search(before):
        return 2
    alone = _ALONE_BEFORE.search(before) and _ALONE_AFTER.match(after)
    value = re.match(r"[;:=] (?:no|yes|false|true|absent|present|negative|positive)\b", after)
    return 2 if alone or value or _CONCLUSION.search(before) or _TO_DO.match(after) else 1
