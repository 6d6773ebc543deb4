"""Rewrite the last sentence of a multiple-choice exam question so that it needs no options."""

import re
from collections.abc import Sequence
from typing import Any

# Plural after "which of the following" -> singular after "which". Strict grammar rewrites no other noun.
DISEASES = {"diagnoses": "diagnosis", "conditions": "condition", "disorders": "disorder", "diseases": "disease"}
CURES = {
    "actions": "action",
    "agents": "agent",
    "antibiotics": "antibiotic",
    "drugs": "drug",
    "interventions": "intervention",
    "measures": "measure",
    "medications": "medication",
    "pharmacotherapies": "pharmacotherapy",
    "procedures": "procedure",
    "regimens": "regimen",
    "steps": "step",
    "therapies": "therapy",
    "treatments": "treatment",
}
_NOUNS = DISEASES | CURES
_IRREGULAR = _NOUNS | {"studies": "study", "analyses": "analysis", "neuroses": "neurosis", "causes": "cause"}

_OPTIONS = r"which (?:one )?of the following"
_STRICT_NOUN = rf"((?:[\w-]+ )?)({'|'.join([*_NOUNS, *_NOUNS.values()])})"
_ANY_NOUN = (
    r"((?:(?!(?:is|are|was|were|would|will|should|could|can|may|best|most|has|have|did|does|do)\b)[\w-]+ ){0,3}?)"
    r"((?!(?:choices|options|explains|describes|represents|is|was|has|does|accounts|characterizes|increases|causes)\b)[a-z-]+s"
    r"|test|treatment|antibiotic|medication|drug|therapy|step)"
)
_AUXILIARY = "is|are|was|were|would|will|should|could|can|may"
# "which of the following" as a subject is followed by its verb, an adverb or an inserted clause.
_STRICT_PREDICATE = rf"(?=,|(?:{_AUXILIARY}|best|most|has|explains)\b)"
# A noun after "which of the following" may also be followed by a phrase that begins with in, for or to.
_PREDICATE = rf"(?=,|(?:{_AUXILIARY}|did|does|do|best|most|likely|has|have|had|explains|in|for|to)\b)"
_VERB = rf"(?=,|(?:{_AUXILIARY}|best|most|likely|has|had|explains|accounts|did|does)\b)"

# First words of a subject that may move into mid-sentence and lose their capital; a name must keep its capital.
_SUBJECT = re.compile(r"(?:The|This|That|These|His|Her|Their|Its|An?|Further|Management|Therapy|Treatment)\b")
_TITLE = re.compile(r"(?:Mr|Mrs|Ms|Dr)\.? ")
_ACTIVITY = re.compile(r"[A-Z][a-z]+(?:ation|ition|ing|ment) (?:of|with|for|by)\b")  # "Administration of"

_CHOICE = r"(treatment|therapy|management|antibiotic|medication|drug|pharmacotherapy|test|imaging|intervention)"
_REFERS_TO_OPTIONS = re.compile(r"\b(?:following|options?|choices?|which one|below|above|listed|statements?)\b", re.I)


def open_sentence(sentence: str, strict: bool = False) -> str | None:
    """Rewrite the last sentence of an exam question so that it needs no options; None if no rule gives good grammar.

    The result is also None if the rewritten sentence would still refer to the options.

    With `strict`, the rules accept fewer sentences. For example, `strict` accepts only the nouns in `_NOUNS` after
    "which of the following". Without `strict`, almost any plural noun and some singular nouns are accepted.
    """
    noun, predicate, verb = (
        (_STRICT_NOUN, _STRICT_PREDICATE, _STRICT_PREDICATE) if strict else (_ANY_NOUN, _PREDICATE, _VERB)
    )
    sentence = _plain(sentence, strict)
    last = re.fullmatch(rf"([^,]+?) ({_AUXILIARY}) (.*?) ?\b{_OPTIONS}(?: {noun})?\?", sentence)
    if last:
        inverted = _inverted(last.groups(), strict)
        if inverted is None:
            return None
        sentence = inverted
    else:
        sentence = re.sub(
            rf"\b([Ww]){_OPTIONS[1:]} {noun} {predicate}",
            lambda match: f"{match[1]}hich {match[2]}{_singular(match[3])} ",
            sentence,
        )
        # "what" replaces the phrase at the start of a clause only; after a preposition it is not grammatical.
        sentence = re.sub(
            rf"(^|, )([Ww]){_OPTIONS[1:]}(?: options| choices)? ?{verb}",
            lambda match: f"{match[1]}{match[2]}hat ",
            sentence,
        )
    asks = re.search(r"\b(?:what|which|how)\b", sentence, re.I)
    return sentence if asks and not _REFERS_TO_OPTIONS.search(sentence) else None


def _plain(sentence: str, strict: bool) -> str:
    """Return a sentence without words that only point to the options: "treatment option" -> "treatment".

    Two more changes are "Of the following, which" -> "Which" and "which is" -> "what is". With `strict`, "option" is
    removed only after "treatment", "therapy" and "management". Without `strict`, there are these changes too:

    - After every noun of `_CHOICE`, "option" and "choice" are removed: "drug choice" -> "drug".
    - The same words with "of" or "for" are removed if such a noun follows: "choice of drug" -> "drug".
    - At the start of the sentence, "What is best" becomes "What is the best".
    """
    sentence = " ".join(sentence.split())
    if not strict:
        sentence = re.sub(rf"\b{_CHOICE} (?:option|choice)\b", r"\1", sentence)
        sentence = re.sub(rf"\b(?:option|choice) (?:of|for) {_CHOICE}\b", r"\1", sentence)
        sentence = re.sub(r"^(What|Which) is (?=best|most)", r"\1 is the ", sentence)
    sentence = re.sub(r"\b(treatment|therapy|management) option\b", r"\1", sentence)
    sentence = re.sub(r"^Of the following(?: options| choices)?, which", "Which", sentence, flags=re.I)
    return re.sub(r"\b([Ww])hich (?=is\b)", r"\1hat ", sentence)


def _inverted(parts: Sequence[str | Any], strict: bool) -> str | None:
    """Turn "the rash is due to which of the following" into a question that begins with "what" or "which".

    `parts` are five parts of the sentence: the subject, the auxiliary, the words before "which of the following", and
    the adjective and the noun after "which of the following". The adjective and the noun are None if there is no noun.
    The result is None if no rule gives good grammar. With `strict`, fewer kinds of subject have a rule.
    """
    subject, auxiliary, rest, adjective, noun = parts
    if re.search(rf"\b(?:{_AUXILIARY})\b", rest):  # the first auxiliary may belong to a clause inside the subject
        return None
    if _SUBJECT.match(subject) or (not strict and _ACTIVITY.match(subject)):
        subject = subject[0].lower() + subject[1:]
    elif strict or not _TITLE.match(subject):
        return None
    interrogative = f"Which {adjective or ''}{_singular(noun)}" if noun else "What"
    return f"{interrogative} {auxiliary} {subject} {rest}".rstrip() + "?"


def _singular(noun: str) -> str:
    """Return the singular of an English noun."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    for plural, singular in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("shes", "sh"), ("ches", "ch"), ("ss", "ss")):
        if noun.endswith(plural):
            return noun.removesuffix(plural) + singular
    return noun.removesuffix("s") if not noun.endswith(("is", "us")) else noun
