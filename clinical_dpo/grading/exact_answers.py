"""Whether a short answer names a reference, as a careful reader takes it."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from clinical_dpo.grading.mentions import manner
from clinical_dpo.grading.sentences import plain_text, sentences

Words = tuple[str, ...]

_TOKEN = re.compile(
    r"(?<![\w.])-?\d+(?:\.\d+)?|\d+(?:\.\d+)?"  # a number, its sign where nothing stands before it
    r"|(?<=\w)\s*-(?=\s*(?:$|[.,;)]))|[+<>≤≥±%]"  # AB-, AB+, <5
    r"|[^\W\d_]+"
)
_LETTERED = (  # names that a letter goes on with: hepatitis A
    *("hepatitis", "vitamin", "group", "type", "factor", "influenza", "protein", "class", "stage", "grade"),
    *("hemophilia", "haemophilia", "immunoglobulin"),
)
_SINGULAR = (  # endings of plurals, the first that fits
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
_PRAISED = re.compile(  # what says of a name before it that it is the answer
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
# Bullets below an answer that is none itself.
_LISTED_REASONS = re.compile(r"(?<=\w)[.:]?\s*\n+(?:\s*[-*•] .*(?:\n|$))+\Z")


class Statement(NamedTuple):
    """A clause that says what the answer is."""

    right: bool  # whether it names an accepted answer, and no other one
    cue: str  # "diagnosis" where it says so: "the diagnosis is", "Diagnosis:"
    corrects: bool  # whether it takes back what was said


def normalize_answer(text: str) -> Words:
    """Words of an answer as they are compared.

    Case, markup, accents, hyphens, apostrophes, plurals and articles do not count. Signs, comparisons and numbers do: a
    number is written in one way (5.0 is 5), and stands apart from its unit. "A" is an article unless it is a capital
    inside the text, follows a word such as "hepatitis", or ends the text.
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
    """Whether an answer names an accepted one and nothing beside it.

    The answer is the accepted one, or a sentence that names it: "The most likely diagnosis is X.", "X, due to Y",
    "X (abbreviation)", "Answer: X". A list of candidates, and what is denied, left open, taken back or named as a cause
    or a past disease, is no match. No medicine is known: another name counts where `accepted` has it.

    Args:
        text: the answer, without a thought (see `thoughts.split_thought`).
        accepted: the reference and further spellings.
    """
    wanted = {words for answer in accepted if (words := normalize_answer(answer))}
    wanted |= {(joined,) for words in wanted if (joined := _joined(words))}
    whole = normalize_answer(text)
    if not whole or _fits(whole, wanted):
        return bool(whole)
    if (letter := re.match(r"\W*([A-H])[.):]\s", text)) and (letter[1].lower(),) in wanted:
        return True
    named = list(_statements(sentences(_LISTED_REASONS.sub("", text)), wanted))
    since = max((i + 1 for i, statement in enumerate(named) if statement.corrects), default=0)
    now = named[max(since - 1, 0) :]
    right = {statement.cue for statement in now if statement.right and statement.cue}
    wrong = {statement.cue for statement in now if not statement.right and statement.cue}
    if right:
        return not right & wrong
    if wrong & _VERDICTS:
        return False
    plain = [statement.right for statement in named[since:] if not statement.cue]
    return bool(plain) and all(plain)


def _statements(found: Iterable[str], wanted: set[Words]) -> Iterator[Statement]:
    """What the sentences say the answer is; other talk is left out."""
    heading = ""
    named = False
    for sentence in found:
        if named and sentence.endswith("?"):
            return  # the model goes on with a question of its own
        clauses = _clauses(sentence)
        if len(clauses) == 1 and _HEADING.fullmatch(clauses[0][1]):
            heading = clauses[0][1]
            continue
        for number, (sign, clause) in enumerate(clauses):
            if _CORRECTION.search(clause) or (clause == "no" and not number):
                yield Statement(False, "", True)
                clause = _CORRECTION.sub("", clause).removeprefix("no").strip()
            before = clauses[number - 1][1] if number else heading
            cue = _CUE.search(before) if sign == ":" or not number else None
            lead = _lead(clause, wanted)
            if lead is not None and not _DENIED.search(clause) and _leads_on(lead):
                told = (
                    sign == ":"
                    and number + 1 == len(clauses)
                    and not _DENIED.search(sentence)
                    and len(before.split()) > 3
                )
                introduced = (
                    not number
                    or cue
                    or _CORRECTION.search(before)
                    or sign in _LINKS
                    or told
                    or (sign == "," and _LEADS.match(before))
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
    """Clauses of a sentence, each with the sign or word before it; what stands in parentheses is left out."""
    plain = re.sub(r"\((?! (?:vs|or|versus)\b)[^()]*(?:\)|$)", " ", sentence.rstrip(" .!?"))
    parts = re.split(
        r"\s*([,;:=]|\b(?:but|so|therefore|thus|hence|yet|however|and (?=(?:the|this|it)\b)|that)\b)\s*", plain
    )
    pairs = zip(["", *parts[1::2]], parts[::2], strict=True)
    return [(sign.strip(), " ".join(clause.split())) for sign, clause in pairs if clause.strip()]


def _noun(cue: re.Match[str] | None) -> str:
    found = re.search(_NOUN, cue[0]) if cue else None
    return found[0] if found else "answer" if cue else ""


def _leads_on(lead: str) -> bool:
    """Whether words that lead to a name leave it standing: no denial, no doubt, nothing past."""
    how = manner(lead.replace("would be", "is"), "")
    return how == "asserted" or (how == "aside" and not _NOT_NOW.search(lead))


def _lead(clause: str, wanted: set[Words]) -> str | None:
    """The words of a clause that lead to an accepted answer, None where it names none or its words lead elsewhere."""
    longest = max(map(len, wanted)) + 8  # words of a name, articles and signs among them
    for pattern in (r"(?!)", _REASONS, _PRAISED, _HERE):
        head = re.sub(pattern, "", clause).strip()
        for place in [0, *(match.end() for match in re.finditer(r"\s+", head))][-longest:]:
            lead = head[:place].strip()
            if _fits(normalize_answer(head[place:]), wanted) and (_ASSERTS.search(lead) or _CUE.search(lead)):
                return lead
    return None


def _rival(following: list[tuple[str, str]]) -> bool:
    """Whether the next clause goes on with another candidate: "Lyme disease; babesiosis"."""
    return any(sign in (",", ";") and _is_bare(clause) for sign, clause in following)


def _is_bare(clause: str) -> bool:
    """Whether a clause is a name alone: few words, no verb, no beginning of a reason."""
    return len(clause.split()) <= 6 and not _VERB.search(clause) and not _REASON.match(clause)


def _fits(words: Words, wanted: set[Words]) -> bool:
    return words in wanted or (_joined(words),) in wanted


def _joined(words: Words) -> str:
    """Words without the blanks between them (beta-blocker, betablocker); "" where two numbers would touch, or few."""
    numbers = any(first[-1].isdigit() and second[0].isdigit() for first, second in pairwise(words))
    joined = "".join(words)
    return "" if numbers or len(joined) < 5 else joined


def _singular(word: str) -> str:
    if re.fullmatch(r"-?\d+\.\d+", word):
        return word.rstrip("0").rstrip(".")
    if len(word) > 3 and word.isalpha():
        for ending, other in _SINGULAR:
            if word.endswith(ending):
                return word.removesuffix(ending) + other
    return word
