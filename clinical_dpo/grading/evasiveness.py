"""Answers that avoid the question, for the Helpfulness Quotient HQ = (N_total - N_evasive) / N_total (Murphy 2024).

The paper does not say how it counted evasive answers. docs/evasiveness.md has the definition used here and the measured
errors. English only.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clinical_dpo.grading import evasive_wording as wording

VERSION = "2026-11-21"
"""Changes whenever a verdict can change; tables carry it."""

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
_SHORT = 8  # words up to which an answer may leave out what the question has said
_BARE = 3  # words up to which a yes or no stands alone
_STEM = 4  # letters in which a word and its inflections agree
_SIGNS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u2010": "-", "\u2011": "-"})  # one for one


@dataclass(frozen=True)
class Verdict:
    """Whether an answer evades its question, why, and the part of the answer that decided."""

    evasive: bool
    reason: str  # a key of REASONS, "none" where it does not evade
    matched: str


def verdict(question: str, answer: str) -> Verdict:
    """Whether `answer` evades `question`: it does unless one of its clauses is a finding, a direct answer or advice.

    Case, spaces and line breaks do not matter.

    Returns:
        Verdict, whose `matched` is an excerpt of `answer`: the clause that answers, or the words that evade.
    """
    plain = answer.translate(_SIGNS)
    text = " ".join(plain.split())
    asked = " ".join(question.translate(_SIGNS).split())
    reason, piece = _decide(asked, text)
    found = re.search(r"\s+".join(map(re.escape, piece.split())), plain)
    return Verdict(reason != "none", reason, answer[slice(*found.span())] if found else "")


def _decide(question: str, text: str) -> tuple[str, str]:
    """Reason, and the piece of `text` behind it."""
    if _words(text) == _words(question):
        return ("restatement" if _words(text) else "empty"), text
    body = _rule(wording.END_MATTER).split(_rule(wording.PROMPT_ECHO).sub("", text, count=1), maxsplit=1)[0]
    if not _words(body) and _words(text):
        return "boilerplate", text
    relevant = _relevant(question, body)
    evasions = []
    for clause in clauses(body):
        reason, piece = _judge(question, clause, relevant, len(_words(body)))
        if reason == "none":
            return reason, piece
        evasions.append((reason, piece))
    # What an answer says about the question explains more than the courtesies around it.
    telling = [found for found in evasions if found[0] not in ("empty", "boilerplate")]
    polite = [found for found in evasions if found[0] == "boilerplate"]
    return (telling or polite or [("empty", text)])[0]


def clauses(text: str) -> list[str]:
    """Sentences of `text`, cut further where a contrast or a reason begins."""
    found = []
    for sentence in _rule(wording.SENTENCE_END).split(text):
        concession = _rule(wording.CONCESSION).match(sentence)
        parts = [sentence[: concession.end()], sentence[concession.end() :]] if concession else [sentence]
        found += [clause for part in parts for clause in _rule(wording.CLAUSE_START).split(part)]
    return [clause for clause in found if clause.strip()]


def _judge(question: str, clause: str, relevant: bool, length: int) -> tuple[str, str]:
    """Reason of one clause, "none" where it answers.

    Args:
        question: its question.
        clause: a part of an answer.
        relevant: whether the answer as a whole speaks of what was asked.
        length: of the whole answer, in words.
    """
    bare = _rule(wording.QUOTED).sub(lambda quote: " " * len(quote[0]), clause)  # quoted words are mentioned, not meant
    words = _words(bare)
    if not words or _rule(wording.PLACEHOLDER).fullmatch(" ".join(words)):
        return "empty", clause
    if clause.rstrip("\"')").endswith("?") or words == _words(question):
        return "restatement", clause
    for reason, patterns in wording.EVASIONS.items():
        for pattern in patterns:
            if (found := _rule(pattern).search(bare)) and not _outweighed(reason, bare, found):
                return reason, clause[slice(*found.span())]
    direct = _rule(wording.DIRECT).search(bare) is not None
    if direct and (relevant or length <= _SHORT or len(words) <= _BARE or _finds(bare)):
        return "none", clause
    if (not relevant and length > _SHORT) or _garbled(words):
        return "off_topic", clause
    open_question = _rule(wording.OPEN_QUESTION).search(question) is not None
    return ("none" if open_question or _finds(bare) else "vague"), clause


def _outweighed(reason: str, clause: str, found: re.Match[str]) -> bool:
    """Whether a clause says more than the evasive words `found` in it."""
    if reason in ("refusal", "boilerplate"):
        return False
    if _rule(wording.FIGURES).search(clause) and reason != "background":
        return True
    if reason in ("restatement", "background"):
        return _rule(wording.REPORTED).search(clause) is not None
    before = _rule(wording.ADDITION).split(clause[: found.start()])[:-1]
    lead = " ".join(before)
    answers = _finds(lead) or _rule(wording.DIRECT).search(lead) is not None
    return bool(before) and answers and not _rule(wording.INDIRECT).match(lead)


def _finds(clause: str) -> bool:
    """Whether a clause has a word of a finding or of advice."""
    return any(_rule(pattern).search(clause) for pattern in wording.FINDINGS.values())


def _relevant(question: str, text: str) -> bool:
    """Whether a text shares a word with the question, abbreviates its words, or points back to them."""
    asked = _content(question)
    given = _words(text)
    initials = "".join(word[0] for word in _words(question.replace("-", " ")) if word not in wording.STOPWORDS)
    return (
        not _stems(asked).isdisjoint(_stems(_content(text)))
        or any(2 <= len(word) <= 6 and word.removesuffix("s") in initials for word in given if len(word) > 2)
        or _rule(wording.POINTING_BACK).search(text) is not None
    )


def _garbled(words: Sequence[str]) -> bool:
    """Whether most words only repeat the word before."""
    return (
        len(words) > 3
        and 2 * len(set(words)) < len(words)
        and any(first == second for first, second in pairwise(words))
    )


def _words(text: str) -> list[str]:
    """Words and numbers of a text in lower case."""
    return re.findall(r"[^\W_]+(?:['./-][^\W_]+)*", text.lower())


def _content(text: str) -> list[str]:
    """Words of a text without function words and words that any study uses."""
    return [word for word in _words(re.sub(r"[-/]", " ", text)) if len(word) > 2 and word not in wording.STOPWORDS]


def _stems(words: Iterable[str]) -> set[str]:
    """Beginnings of words, with British digraphs written the American way."""
    return {word.replace("ae", "e").replace("oe", "e")[:_STEM] for word in words}


@functools.cache
def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
