"""Find answers that evade the question, for the Helpfulness Quotient (N_total - N_evasive) / N_total (Murphy 2024).

The paper does not say how evasive answers were counted. docs/evasiveness.md defines the rules of this module and states
their measured errors. The rules are for English answers only.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clinical_dpo.grading import evasive_wording as wording

VERSION = "2026-11-21"
"""Version of the rules. It changes whenever a verdict can change. Tables name it."""

REASONS = {
    "empty": "no words, a placeholder, or a label with nothing behind it",
    "refusal": "says that it cannot, may not or will not answer",
    "deferral": "sends the reader to a professional or a guideline",
    "more_research": "calls for research",
    "undetermined": "says that it is not known, that it depends, or that the evidence does not decide",
    "restatement": "repeats the question, or says what was studied and how, without a result",
    "boilerplate": "courtesies, disclaimers, end matter of an article, an echoed prompt",
    "background": "general facts about the subject",
    "off_topic": "says nothing about what was asked, or is no language",
    "vague": "names no finding, direction or advice",
    "none": "answers the question",
}
_SHORT_ANSWER = 8  # words; an answer up to this length need not repeat the question's subject
_BARE_CLAUSE = 3  # words; a clause up to this length is a mere yes or no
_STEM_LENGTH = 4  # letters in which a word and its inflections agree
_PLAIN_MARKS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u2010": "-", "\u2011": "-"})  # one to one


@dataclass(frozen=True)
class Verdict:
    """Whether an answer evades its question, the reason, and the part of the answer that shows the reason."""

    evasive: bool
    reason: str  # a key of REASONS; "none" where the answer does not evade
    matched: str


def verdict(question: str, answer: str) -> Verdict:
    """Decide whether `answer` evades `question`. An answer with a finding, a direct reply or advice does not evade.

    Case, spaces and line breaks do not matter.

    Returns:
        The verdict. `matched` is an excerpt of `answer`: the clause that answers, or the words that evade.
    """
    plain = answer.translate(_PLAIN_MARKS)
    text = " ".join(plain.split())
    reason, excerpt = _decide(" ".join(question.translate(_PLAIN_MARKS).split()), text)
    match = re.search(r"\s+".join(map(re.escape, excerpt.split())), plain)
    return Verdict(reason != "none", reason, answer[slice(*match.span())] if match else "")


def _decide(question: str, text: str) -> tuple[str, str]:
    """Return why the answer `text` evades the question (a key of REASONS), and the excerpt that shows the reason.

    If the answer does not evade the question, the reason is "none".
    """
    if _words(text) == _words(question):
        return ("restatement" if _words(text) else "empty"), text
    body = _compiled(wording.END_MATTER).split(_compiled(wording.PROMPT_ECHO).sub("", text, count=1), maxsplit=1)[0]
    if not _words(body) and _words(text):
        return "boilerplate", text
    relevant = _relevant(question, body)
    evasions = []
    for clause in clauses(body):
        reason, excerpt = _clause_reason(question, clause, relevant, len(_words(body)))
        if reason == "none":
            return reason, excerpt
        evasions.append((reason, excerpt))
    # The reason of a statement about the question says more than the reason of a courtesy.
    statements = [evasion for evasion in evasions if evasion[0] not in ("empty", "boilerplate")]
    courtesies = [evasion for evasion in evasions if evasion[0] == "boilerplate"]
    return (statements or courtesies or [("empty", text)])[0]


def clauses(text: str) -> list[str]:
    """Split a text into clauses: at the ends of sentences, and where a contrast or a reason begins in a sentence."""
    parts_of_sentences = []
    for sentence in _compiled(wording.SENTENCE_END).split(text):
        concession = _compiled(wording.CONCESSION).match(sentence)
        parts = [sentence[: concession.end()], sentence[concession.end() :]] if concession else [sentence]
        parts_of_sentences += [clause for part in parts for clause in _compiled(wording.CLAUSE_START).split(part)]
    return [clause for clause in parts_of_sentences if clause.strip()]


def _clause_reason(question: str, clause: str, relevant: bool, length: int) -> tuple[str, str]:
    """Return why a clause evades the question (a key of REASONS), and the excerpt that shows the reason.

    If the clause answers the question, the reason is "none".

    Args:
        question: the question.
        clause: a clause of the answer.
        relevant: whether the answer as a whole concerns the question.
        length: number of words of the whole answer.
    """
    unquoted = _compiled(wording.QUOTED).sub(lambda quote: " " * len(quote[0]), clause)  # a quotation is no statement
    words = _words(unquoted)
    if not words or _compiled(wording.PLACEHOLDER).fullmatch(" ".join(words)):
        return "empty", clause
    if clause.rstrip("\"')").endswith("?") or words == _words(question):
        return "restatement", clause
    for reason, patterns in wording.EVASIONS.items():
        for pattern in patterns:
            if (evasion := _compiled(pattern).search(unquoted)) and not _outweighed(reason, unquoted, evasion):
                return reason, clause[slice(*evasion.span())]
    direct = _compiled(wording.DIRECT).search(unquoted) is not None
    brief = length <= _SHORT_ANSWER or len(words) <= _BARE_CLAUSE
    if direct and (relevant or brief or _has_finding(unquoted)):
        return "none", clause
    if (not relevant and length > _SHORT_ANSWER) or _garbled(words):
        return "off_topic", clause
    open_question = _compiled(wording.OPEN_QUESTION).search(question) is not None
    return ("none" if open_question or _has_finding(unquoted) else "vague"), clause


def _outweighed(reason: str, clause: str, evasion: re.Match[str]) -> bool:
    """Whether a clause answers the question in spite of its evasive words.

    A clause answers if it has one of four signs: a statistic (such as a percentage, P or odds ratio), a reported
    result, a finding before the evasive words, or a direct reply before the evasive words. Which of these signs count
    depends on the kind of evasion. No sign counts for a refusal or for boilerplate.

    Args:
        reason: the kind of evasion: the key of `wording.EVASIONS` whose pattern matched.
        clause: the clause.
        evasion: the match of the evasive words in the clause.
    """
    if reason in ("refusal", "boilerplate"):
        return False
    if _compiled(wording.FIGURES).search(clause) and reason != "background":
        return True
    if reason in ("restatement", "background"):
        return _compiled(wording.REPORTED).search(clause) is not None
    parts_before = _compiled(wording.ADDITION).split(clause[: evasion.start()])[:-1]
    before = " ".join(parts_before)
    answers = _has_finding(before) or _compiled(wording.DIRECT).search(before) is not None
    return bool(parts_before) and answers and not _compiled(wording.INDIRECT).match(before)


def _has_finding(clause: str) -> bool:
    """Whether a clause has a word that states a finding or gives advice."""
    return any(_compiled(pattern).search(clause) for pattern in wording.FINDINGS.values())


def _relevant(question: str, text: str) -> bool:
    """Whether a text concerns a question.

    The text must share or abbreviate words of the question, or refer back to the question.
    """
    initials = "".join(word[0] for word in _words(question.replace("-", " ")) if word not in wording.STOPWORDS)
    return (
        not _stems(_content_words(question)).isdisjoint(_stems(_content_words(text)))
        or any(2 <= len(word) <= 6 and word.removesuffix("s") in initials for word in _words(text) if len(word) > 2)
        or _compiled(wording.POINTING_BACK).search(text) is not None
    )


def _garbled(words: Sequence[str]) -> bool:
    """Whether words form no language: more than half of them are repetitions, and a word occurs twice in a row."""
    return (
        len(words) > 3
        and 2 * len(set(words)) < len(words)
        and any(first == second for first, second in pairwise(words))
    )


def _words(text: str) -> list[str]:
    """Return the words and numbers of a text, in lower case."""
    return re.findall(r"[^\W_]+(?:['./-][^\W_]+)*", text.lower())


def _content_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without stop words and words of one or two characters.

    The stop words (`evasive_wording.STOPWORDS`) are function words, such as "the", and words that are common in
    studies, such as "patients".
    """
    return [word for word in _words(re.sub(r"[-/]", " ", text)) if len(word) > 2 and word not in wording.STOPWORDS]


def _stems(words: Iterable[str]) -> set[str]:
    """Cut each word after _STEM_LENGTH letters, so that a word and its inflections become equal.

    Before the cut, the British digraphs ae and oe become e, as in American spelling.
    """
    return {word.replace("ae", "e").replace("oe", "e")[:_STEM_LENGTH] for word in words}


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
