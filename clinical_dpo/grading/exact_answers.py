"""Decide whether a short answer names an accepted answer and no other candidate."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from clinical_dpo.grading.mentions import manner
from clinical_dpo.grading.sentences import plain_text, sentences

Words = tuple[str, ...]

_TOKEN = re.compile(
    r"(?<![\w.])-?\d+(?:\.\d+)?|\d+(?:\.\d+)?"  # a number, signed unless a word or point precedes it
    r"|(?<=\w)\s*-(?=\s*(?:$|[.,;)]))|[+<>≤≥±%]"  # AB-, AB+, <5
    r"|[^\W\d_]+"
)
_LETTERED = (  # names that a letter completes: hepatitis A
    *("hepatitis", "vitamin", "group", "type", "factor", "influenza", "protein", "class", "stage", "grade"),
    *("hemophilia", "haemophilia", "immunoglobulin"),
)
_SINGULAR = (  # ending -> singular ending; the first that matches counts
    *(
        ("ies", "y"),
        ("ices", "ix"),
        ("ex", "ix"),
        ("ses", "s"),
        ("sis", "s"),
        ("xes", "x"),
        ("ches", "ch"),
        ("shes", "sh"),
    ),
    *(("ata", "a"), ("ae", "a"), ("um", "a"), ("us", "i"), ("on", "a"), ("ss", "ss"), ("is", "is"), ("s", "")),
)
_NOUN = (
    r"(?:answer|diagnosis|dx|treatment|therapy|management|choice|option|cause|impression|conclusion|drug|medication|"
    r"agent|test|study|finding|organism|pathogen|condition|disease|disorder|step|intervention|procedure|explanation|"
    r"response|result|dose|value)"
)
_KIND = (
    r"(?:the|my|most|likely|final|correct|right|best|next|working|primary|probable|definitive|initial|suggested|"
    r"recommended|appropriate|single|first|line|preferred|leading)"
)
_HEADING = re.compile(rf"(?:{_KIND} )*(?:{_NOUN}|final)")
_CUE = re.compile(
    rf"\b(?:{_NOUN}|final)\b[\w ]*\b(?:is|are|be|was|remains)(?: (?:an?|the))?$|"
    rf"^(?:{_KIND} )*(?:{_NOUN}(?: \w+){{0,3}}|final)$|^(?:{_KIND} )+$"
)
_ASSERTS = re.compile(
    r"(?:\b(?:is|are|be|would be|has|have|had|needs?|requires?|receives?|get|undergo|undergone|developed|given|on|"
    r"suggests?|establish(?:es)?|indicates?|confirms?|corresponds? to|(?:consistent|compatible|fits?|go|treat(?:ed)?|"
    r"managed?|sounds|looks|dealing|presents?|presented) (?:with|like|for)|(?:classic|typical|characteristic|"
    r"pathognomonic|case|picture|features|treat) (?:for|of)|sufferin?g? from|kept at|believe|tells us|think|"
    r"see here is|points? to(?:wards?)?|diagnosed with|called|represents?|means?|makes? (?:it|this)|suspect|favou?rs?|"
    r"choose|give|start|recommend|prescribe|administer|begin|order|perform|shows?|describes?|supports?|diagnosis of|"
    r"diagnostic of|indicative of|suggestive of|suffers from|say|diagnose)(?: (?:most|likely|probably|clearly|"
    r"therefore|thus|now|here|classic|typical|almost|certainly|definitely|an?|the|probable|him|her|them|it|patient|"
    r"this|oral|intravenous|iv|im|intramuscular|topical|emergency|urgent|immediate|prompt|severe|first|only|case|of|"
    r"he|she))*|^(?:(?:most|likely|probably|probable|clearly|classic|typical|so|therefore|thus|hence|an?|the|overall|"
    r"yes))*)$"
)
_PRAISED = re.compile(  # words after a name that call the name the answer
    rf" (?:is|are|would be|should be|must be|seems|remains|appears|has to be|needs to be|can be) (?!not\b|never\b|"
    rf"less\b)(?:[\w']+ )*?(?:{_NOUN}|likely|probable|correct|step|done|given|performed|carried out|started|indicated|"
    rf"recommended|required|needed|present|used|"
    r"preferred|warranted|evident|confirmed|what i)\b.*$"
)
_HERE = re.compile(
    r" (?:today|now|here|first|immediately|urgently|to me|at once|without delay|in this case|before|unlike|"
    r"rather than|instead of|not|then|during|as soon|over|until)\b.*$"
)
_REASON = re.compile(
    r"^(?:given|most|likely|probably|due|because|with|secondary|an?|the|which|as|considering|since|based|caused|not|"
    r"presenting|characteri[sz]ed|complicated|in|after|from|on|so|but|and (?:not|the|this|so|therefore)|manifest\w+|"
    r"confirmed|explaining|start|give|treat|begin|order|admit|consult|refer|consistent|unlike|giving|making|once|"
    r"twice|daily|\d+|rather|resulting|this|these|she|he|it|who|where|while|whereas|although|though|i|we|supported|"
    r"suggested|evidenced|for|to|there|no)\b"
)
_CORRECTION = re.compile(
    r"\b(?:wait|actually|^correction$|on (?:reflection|second thoughts?)|hold on|scratch that|instead|"
    r"rather(?! than))\b"
)


_LINKS = ("but", "so", "therefore", "thus", "hence", "yet", "however", "and", "that")
_VERDICTS = {"answer", "diagnosis", "dx", "impression", "conclusion", "choice", "option"}
_LEADS = re.compile(
    r"(?:most|likely|probably|clinically|overall|yes|okay|ok|sure|certainly|well|thanks|in|given|based|with|"
    r"considering|for|because|since|as|due|after|from|on)\b"
)
_REASONS = re.compile(
    r"\b(?:due to|secondary to|caused by|because|given|since|based on|considering|as (?:shown|evidenced|suggested|"
    r"indicated|the|she|he|it)|in (?:an?|this|the|view|light)|from|which|although|while|whereas)\b.*"
)
_DENIED = re.compile(
    r"\b(?:mother|father|brother|sister|aunt|uncle|family|relative|past|previous|unlikely|excluded|ruled out|"
    r"less likely|not (?:likely|present)|history of|rule out)\b"
)
_NOT_NOW = re.compile(
    r"\b(?:if|unless|when|history|prior|previous|past|whether|between|initially|first|thought|considered|asked|told|"
    r"presumed|recurrent)\b"
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|shows?|suggests?|establish(?:es)?|means?|argues?|supports?|confirms?|needs?|"
    r"should|would|can|may|\w{2,}ed|makes?|i|thought|think|fits?|lacks?)\b"
)
_CUE_IS = re.compile(rf"\b{_NOUN}(?: \w+){{0,4}} (?:is|are|was|remains) \w")
# Bullets below an answer that is not a bullet itself.
_LISTED_REASONS = re.compile(r"(?<=\w)[.:]?\s*\n+(?:\s*[-*•] .*(?:\n|$))+\Z")


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
    - Otherwise, an "a" is kept if it is the last word or follows a word of _LETTERED ("hepatitis a infection").
    - Any other "a" is ignored as an article.

    If all words of a text are articles, they are kept.
    """
    capital = re.search(r"(?<=\w )A\b", text) is not None
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain_text(text)) if not unicodedata.combining(c))
    plain = re.sub(r"\s[+&]\s+(?=\w)|\bplus\b", " and ", plain)
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", re.sub(r"'s?\b", "", plain))
    tokens = [_singular(token.strip()) for token in _TOKEN.findall(plain)]
    return tuple(
        token
        for i, token in enumerate(tokens)
        if token not in ("an", "the")
        and not (token == "a" and i + 1 < len(tokens) and not capital and (not i or tokens[i - 1] not in _LETTERED))
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
    statements = list(_statements(sentences(_LISTED_REASONS.sub("", text)), wanted))
    after_correction = max((i + 1 for i, statement in enumerate(statements) if statement.corrects), default=0)
    valid = statements[max(after_correction - 1, 0) :]
    right_cues = {statement.cue for statement in valid if statement.right and statement.cue}
    wrong_cues = {statement.cue for statement in valid if not statement.right and statement.cue}
    if right_cues:
        return not right_cues & wrong_cues
    if wrong_cues & _VERDICTS:
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
        if len(clauses) == 1 and _HEADING.fullmatch(clauses[0][1]):
            heading = clauses[0][1]
            continue
        for number, (link, clause) in enumerate(clauses):
            if _CORRECTION.search(clause) or (clause == "no" and not number):
                yield Statement(False, "", True)
                clause = _CORRECTION.sub("", clause).removeprefix("no").strip()
            before = clauses[number - 1][1] if number else heading
            cue = _CUE.search(before) if link == ":" or not number else None
            lead = _lead(clause, wanted)
            if lead is not None and not _DENIED.search(clause) and _is_assertive(lead):
                concludes = (
                    link == ":"
                    and number + 1 == len(clauses)
                    and not _DENIED.search(sentence)
                    and len(before.split()) > 3
                )
                introduced = (
                    not number
                    or cue
                    or _CORRECTION.search(before)
                    or link in _LINKS
                    or concludes
                    or (link == "," and _LEADS.match(before))
                )
                if lead or introduced:
                    named = True
                    yield Statement(
                        not _rival(clauses[number + 1 : number + 2]), _noun(cue or _CUE.search(lead)), False
                    )
                    continue
            # "The correct option is E: phenytoin"
            explained = number + 1 < len(clauses) and clauses[number + 1][0] == ":"
            if (noun := _noun(cue or _CUE_IS.search(clause))) and not explained:
                yield Statement(False, noun, False)
            elif len(clauses) == 1 and _is_bare(clause) and not _LEADS.match(clause):
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
    noun = re.search(_NOUN, cue[0]) if cue else None
    return noun[0] if noun else "answer" if cue else ""


def _is_assertive(lead: str) -> bool:
    """Whether the words before an accepted answer state it as the answer, without denial or doubt.

    The result is True in two cases:

    - `manner` classifies the words as "asserted".
    - `manner` classifies the words as "aside" (a mere mention), and they contain no word of _NOT_NOW. The words of
      _NOT_NOW mark a condition, a past disease, an earlier guess or another person's words.
    """
    how = manner(lead.replace("would be", "is"), "")
    return how == "asserted" or (how == "aside" and not _NOT_NOW.search(lead))


def _lead(clause: str, wanted: set[Words]) -> str | None:
    """Return the words of a clause before an accepted answer, or None.

    Examples: `"this suggests gout given the crystals" -> "this suggests"`, `"gout is most likely" -> ""`.

    The result is None unless both conditions hold:

    - The words introduce an answer (_ASSERTS, _CUE), or the clause begins with the answer.
    - Nothing follows the answer, or one of these: a reason ("given the crystals"), praise ("is most likely"), or an
      addition such as "first" or "rather than X".
    """
    longest = max(map(len, wanted)) + 8  # words of a name, with articles and marks
    for pattern in (r"(?!)", _REASONS, _PRAISED, _HERE):
        head = re.sub(pattern, "", clause).strip()
        for start in [0, *(match.end() for match in re.finditer(r"\s+", head))][-longest:]:
            lead = head[:start].strip()
            if _is_wanted(normalize_answer(head[start:]), wanted) and (_ASSERTS.search(lead) or _CUE.search(lead)):
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

    A mere name has at most six words and no verb (_VERB), and does not start with a match of _REASON ("because").
    """
    return len(clause.split()) <= 6 and not _VERB.search(clause) and not _REASON.match(clause)


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
        for ending, singular_ending in _SINGULAR:
            if word.endswith(ending):
                return word.removesuffix(ending) + singular_ending
    return word
