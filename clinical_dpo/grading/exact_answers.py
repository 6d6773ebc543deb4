"""Decide whether a short answer names an accepted answer and no other candidate."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from clinical_dpo.grading import exact_wording as wording
from clinical_dpo.grading.mentions import manner
from clinical_dpo.grading.sentences import plain_text, sentences

Words = tuple[str, ...]


class Statement(NamedTuple):
    """A clause that names an answer to the question, or that retracts earlier clauses."""

    right: bool  # whether the clause names an accepted answer and no other candidate
    cue: str  # noun that introduces the answer: "diagnosis" of "the diagnosis is" and "Diagnosis:"; "" without a noun
    corrects: bool  # whether the clause retracts earlier statements


def normalize_answer(text: str) -> Words:
    """Return the words of an answer, normalised for comparison.

    Case, markup, accents, hyphens, apostrophes, plurals and articles are ignored. Signs (such as + and %), comparisons
    (such as <) and numbers are kept. A number has one spelling (5.0 is 5) and is separate from its unit.

    The word "a" can be an article or a letter in a name:

    - If a capital "A" follows a word and a space anywhere in the text ("Child-Pugh A cirrhosis"), every "a" is kept.
    - Otherwise, an "a" is kept if it is the last word or follows a word of `wording.LETTERED` ("hepatitis a").
    - Any other "a" is ignored as an article.

    If all words of a text are articles, they are kept.
    """
    capital = re.search(r"(?<=\w )A\b", text) is not None
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain_text(text)) if not unicodedata.combining(c))
    plain = re.sub(r"\s[+&]\s+(?=\w)|\bplus\b", " and ", plain)
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", re.sub(r"'s?\b", "", plain))
    tokens = [_singular(token.strip()) for token in wording.TOKEN.findall(plain)]
    return tuple(
        token
        for i, token in enumerate(tokens)
        if token not in ("an", "the")
        and not (
            token == "a" and i + 1 < len(tokens) and not capital and (not i or tokens[i - 1] not in wording.LETTERED)
        )
    ) or tuple(tokens)


def exact_match(text: str, accepted: Iterable[str]) -> bool:
    """Whether an answer names an accepted answer and no other candidate.

    The answer matches if it equals an accepted answer, or if a sentence names an accepted answer: "The most likely
    diagnosis is X.", "X, due to Y", "X (abbreviation)", "Answer: X". An answer that lists several candidates does not
    match. A name does not match if it is denied, left open, retracted, or named as a cause or a past disease. Synonyms
    match only if `accepted` lists them.

    Args:
        text: the answer. A reasoning model's thought must already be removed (see `thoughts.split_thought`).
        accepted: the reference answer and further spellings.
    """
    wanted = {name for answer in accepted if (name := normalize_answer(answer))}
    wanted |= {(joined,) for name in wanted if (joined := _joined(name))}
    words = normalize_answer(text)
    if not words or _is_wanted(words, wanted):
        return bool(words)
    if (letter := re.match(r"\W*([A-H])[.):]\s", text)) and (letter[1].lower(),) in wanted:
        return True
    statements = list(_statements(sentences(wording.LISTED_REASONS.sub("", text)), wanted))
    after_correction = max((i + 1 for i, statement in enumerate(statements) if statement.corrects), default=0)
    valid = statements[max(after_correction - 1, 0) :]
    right_cues = {statement.cue for statement in valid if statement.right and statement.cue}
    wrong_cues = {statement.cue for statement in valid if not statement.right and statement.cue}
    if right_cues:
        return not right_cues & wrong_cues
    if wrong_cues & wording.VERDICTS:
        return False
    without_cue = [statement.right for statement in statements[after_correction:] if not statement.cue]
    return bool(without_cue) and all(without_cue)


def _statements(answer_sentences: Iterable[str], wanted: set[Words]) -> Iterator[Statement]:
    """Yield a Statement for each clause that names a right or wrong answer, or that retracts earlier clauses.

    All other clauses are skipped. If the text names an accepted answer and then asks a question, the question and
    everything after it are also skipped.

    Args:
        answer_sentences: the sentences of the answer.
        wanted: the accepted answers, normalised.
    """
    heading = ""
    named = False
    for sentence in answer_sentences:
        if named and sentence.endswith("?"):
            return  # the model continues with a question of its own
        clauses = _clauses(sentence)
        if len(clauses) == 1 and wording.HEADING.fullmatch(clauses[0][1]):
            heading = clauses[0][1]
            continue
        for number, (link, clause) in enumerate(clauses):
            if wording.CORRECTION.search(clause) or (clause == "no" and not number):
                yield Statement(False, "", True)
                clause = wording.CORRECTION.sub("", clause).removeprefix("no").strip()
            before = clauses[number - 1][1] if number else heading
            cue = wording.CUE.search(before) if link == ":" or not number else None
            lead = _lead(clause, wanted)
            if lead is not None and not wording.DENIED.search(clause) and _is_assertive(lead):
                concludes = (
                    link == ":"
                    and number + 1 == len(clauses)
                    and not wording.DENIED.search(sentence)
                    and len(before.split()) > 3
                )
                introduced = (
                    not number
                    or cue
                    or wording.CORRECTION.search(before)
                    or link in wording.LINKS
                    or concludes
                    or (link == "," and wording.LEADS.match(before))
                )
                if lead or introduced:
                    named = True
                    yield Statement(
                        not _rival(clauses[number + 1 : number + 2]), _noun(cue or wording.CUE.search(lead)), False
                    )
                    continue
            # "The correct option is E: phenytoin"
            explained = number + 1 < len(clauses) and clauses[number + 1][0] == ":"
            if (noun := _noun(cue or wording.CUE_IS.search(clause))) and not explained:
                yield Statement(False, noun, False)
            elif len(clauses) == 1 and _is_bare(clause) and not wording.LEADS.match(clause):
                yield Statement(False, "", False)
        heading = ""


def _clauses(sentence: str) -> list[tuple[str, str]]:
    """Return a pair (link, clause) for each clause of a sentence.

    Text in parentheses is left out, unless it begins with "vs", "versus" or "or".

    The link is the mark or word between the clause and the clause before it. The first clause has an empty link.
    """
    plain = re.sub(r"\((?! (?:vs|or|versus)\b)[^()]*(?:\)|$)", " ", sentence.rstrip(" .!?"))
    parts = re.split(
        r"\s*([,;:=]|\b(?:but|so|therefore|thus|hence|yet|however|and (?=(?:the|this|it)\b)|that)\b)\s*", plain
    )
    pairs = zip(["", *parts[1::2]], parts[::2], strict=True)
    return [(link.strip(), " ".join(clause.split())) for link, clause in pairs if clause.strip()]


def _noun(cue: re.Match[str] | None) -> str:
    """Return the noun of a cue, such as "diagnosis" for "the diagnosis is".

    A cue is the match of words that introduce an answer. For a cue without a noun, return "answer". Without a cue,
    return "".
    """
    noun = re.search(wording.NOUN, cue[0]) if cue else None
    return noun[0] if noun else "answer" if cue else ""


def _is_assertive(lead: str) -> bool:
    """Whether the words before an accepted answer state it as the answer, without denial or doubt.

    The result is True in two cases:

    - `manner` classifies the words as "asserted".
    - `manner` classifies the words as "aside" (a mere mention), and they contain no word of `wording.NOT_NOW`. Those
      words mark a condition, a past disease, an earlier guess or another person's words.
    """
    how = manner(lead.replace("would be", "is"), "")
    return how == "asserted" or (how == "aside" and not wording.NOT_NOW.search(lead))


def _lead(clause: str, wanted: set[Words]) -> str | None:
    """Return the words of a clause before an accepted answer, or None.

    Examples: `"this suggests gout given the crystals" -> "this suggests"`, `"gout is most likely" -> ""`.

    The result is None unless both conditions hold:

    - The words introduce an answer (`wording.ASSERTS`, `wording.CUE`), or the clause begins with the answer.
    - Nothing follows the answer, or one of these: a reason ("given the crystals"), praise ("is most likely"), or an
      addition such as "first" or "rather than X".
    """
    longest = max(map(len, wanted)) + 8  # words of a name, with articles and marks
    for pattern in (r"(?!)", wording.REASONS, wording.PRAISED, wording.HERE):
        head = re.sub(pattern, "", clause).strip()
        for start in [0, *(match.end() for match in re.finditer(r"\s+", head))][-longest:]:
            lead = head[:start].strip()
            if _is_wanted(normalize_answer(head[start:]), wanted) and (
                wording.ASSERTS.search(lead) or wording.CUE.search(lead)
            ):
                return lead
    return None


def _rival(following: list[tuple[str, str]]) -> bool:
    """Whether the next clause names another candidate, as in "Lyme disease; babesiosis".

    Args:
        following: the next clause with the mark or word before it: `[(";", "babesiosis")]`; `[]` after the last clause.
    """
    return any(link in (",", ";") and _is_bare(clause) for link, clause in following)


def _is_bare(clause: str) -> bool:
    """Whether a clause is a mere name, such as "babesiosis".

    A mere name has at most six words and no verb (`wording.VERB`), and does not start with a match of `wording.REASON`
    ("because").
    """
    return len(clause.split()) <= 6 and not wording.VERB.search(clause) and not wording.REASON.match(clause)


def _is_wanted(words: Words, wanted: set[Words]) -> bool:
    return words in wanted or (_joined(words),) in wanted


def _joined(words: Words) -> str:
    """Join words without blanks, so that "beta blocker" equals "betablocker".

    If the joined text is shorter than five characters, or if two numbers would be joined, return "".
    """
    numbers = any(first[-1].isdigit() and second[0].isdigit() for first, second in pairwise(words))
    joined = "".join(words)
    return "" if numbers or len(joined) < 5 else joined


def _singular(word: str) -> str:
    if re.fullmatch(r"-?\d+\.\d+", word):
        return word.rstrip("0").rstrip(".")
    if len(word) > 3 and word.isalpha():
        for ending, singular_ending in wording.SINGULAR:
            if word.endswith(ending):
                return word.removesuffix(ending) + singular_ending
    return word
