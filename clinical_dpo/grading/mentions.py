"""Decide whether a sentence asserts a term, denies the term, leaves the term open, or only mentions it.

The rules resemble ConText (Harkema et al. 2009). They use trigger words before or after a term, and words that end the
scope of a trigger. The rules are few, because an answer is short. A term without a trigger word counts as asserted. If
`not` or another denial follows the term in a phrase that no rule covers, the term counts as open.
"""

import re
from typing import Literal

Manner = Literal["asserted", "denied", "open", "aside"]

# Ends the scope of the words before it.
_BREAK = re.compile(
    r"[;:()=?]|\b(?:but|however|although|though|yet|so|therefore|thus|hence|because|since|whereas|while|i would|"
    r"as(?= (?:the|it|she|he|this|there|they)\b)|and (?:it|this|the (?:answer|label|message|patient|diagnosis)|that|"
    r"is|should|must|needs?|requires?|has|have|meets|therefore|so|hence|thus|can|points?)|which (?:is|means|makes|"
    r"indicates|suggests)|and (?:an?|the)(?= $))\b"
)
_NEGATION = re.compile(
    r"\b(?:not (?:only|just|merely|simply|be more)|(?:no|without (?:an?y? )?) ?(?:doubt|question)|no longer|it over|"
    r"i doubt|low (?:likelihood|probability|suspicion|chance)|little|other than|except|apart from|no|not|non|never|"
    r"without|neither|nor|none|nothing|lack(?:s|ing)?|absence|absent|den(?:y|ies|ied|ying)|negative for|free of|"
    r"unlikely|improbable|doubtful|rather than|instead of|as opposed to|fails?|failing|inconsistent|hardly|"
    r"unnecessary|less(?: than)?|more than|opposite of|below|short of|against|rul(?:es?|ed|ing) out|exclud(?:e|es|ed|"
    r"ing)|wrong to|incorrect to|far from|unable|let alone|much less|too \w+)\b"
)
_NO_NEGATION = re.compile(r"(?:no|without).*(?:doubt|question)|not (?:only|just|merely|simply|be more)")
_NOUN_NEGATION = re.compile(r"no|without|lack\w*|absen\w+|none|nothing|den\w+|negative for|free of|neither|nor")
_FINAL_DENIAL = re.compile(r"rul\w+ out|exclud\w+|against|unlikely")  # one denial, with the denials that explain it
_VERB = re.compile(
    r"(?<!that )(?<!which )(?<!to )(?<!would )\b(?:suggests?|makes?|means|indicates?|supports?|confirms?|points|"
    r"favou?rs?|leads|argues)\b"
)
_UNKNOWN = re.compile(  # leaves open what follows, with or without denials
    r"\b(?:can not (?:be )?(?:determine|tell|say|decide|assess|confirm|exclude|rule out|establish|judge)\w*|unclear|"
    r"unknown|uncertain|unsure|not (?:sure|clear|certain|known|possible to|enough information)|"
    r"insufficient (?:information|evidence|data)|depends|depending|may or may not|(?:^|for )rule out|(?:does|do|did|"
    r"can|could) not (?:be )?(?:entirely |fully )?(?:exclude|rule out))"
)
_HEDGE = re.compile(
    r"\b(?:may|might|could|possibl[ey]|perhaps|potentially|either|to (?:rule out|exclude)|concern for|question of|"
    r"risk of)\b"
)
_ASIDE = re.compile(
    r"\b(?:whether|would (?:be|have|need|become|count|make|point|turn)|not (?:only|just|merely|simply)|between|one of|"
    r"options?|labels are|choices|history|prior|previous(?:ly)?|past|former|recurrent|last (?:week|month|year)|"
    r"years? ago|presumed|prevent|all (?:other )?\w+ (?:are|is)|otherwise|else|to be (?:judged|called|counted|graded|"
    r"considered)|to (?:diagnose|confirm|establish)|definition of|defined|criteria for an?(?= $)|called|treated for|"
    r"asked?|asks|asking|wants?|requests?|requesting|appointment with|(?:ordered|prescribed|signed) by|(?:his|her|"
    r"their|my|your|our|patient's|writer's|own)(?: \w+)?(?= $))"
)
_CONDITION = re.compile(
    r"(?:(?<!even )\b(?:if(?! (?:i|we|one|you) (?:had|have|has|must|were)\b| forced)|unless|when|whenever)|^were|"
    r"^had)\b[^;:]*$|\botherwise\b[^;:]*$|\beven (?:if|when)\b[^,;:]*$|\b(?:could|may|might|would|"
    r"can) (?:\w+ )?(?:become|develop|turn|progress|evolve)\b[^,;:]*$"
)
_AT_FIRST = re.compile(
    r"\b(?:at first|initially|(?:first|initial) (?:thought|considered|leaned|impression|reading|reaction|"
    r"instinct))\b(?:(?!\b(?:but|however|yet|though|later)\b)[^;:])*$"
)
_TALK = re.compile(  # statements of other people, and first thoughts
    r"\b(?:(?:nurse|resident|reviewer|registrar|colleague|daughter|son|wife|husband|mother|father|family|friend|"
    r"sender|writer|caller|patient|she|he|they|who|chart|note|tool|alert|screen|clinic|line)(?: \w+){0,4} (?:says?|"
    r"said|writes?|wrote|thinks?|thought|believes?|feels?|claims?|convinced|worried|suggest(?:s|ed)|flagged|triaged|"
    r"marked|labell?ed|told|calls|consider(?:s|ed)|judged|rated|called|wanted)|marked by|(?:tempt(?:ing|ed)|"
    r"inclined) to(?:wards)?)\b"
)
_BE = (
    r"(?:is|are|was|were|be|been|being|can|has|have|had|seems?|appears?|looks?|does|do|did|should|would|could|will|"
    r"need|to)"
)
_HOW = r"(?:\w+ly|very|thus|now|here|at all|then|therefore|also|still|hence|just|an?|the|really)"
_TRUE = (
    r"(?:present|likely|met|supported|established|diagnosed|confirmed|indicated|suspected|evident|require[ds]?|needs?|"
    r"needed|necessary|warranted|appropriate|justified|applicable|correct|right|seen|found|fulfilled|satisfied|"
    r"described|documented|mentioned|apply|exist|fits?|qualify|called for|made|true|shown|identified|detected|"
    r"reported|given|have to|answer|diagnosis|label|case|choice|handle|reply|respond|take|see|deal|manage|decide|"
    r"enough|demonstrated|visible|suitable|hold|possible|involved)"
)
_DENIED_AFTER = re.compile(
    rf"(?:[\w'/]+ ){{0,5}}?(?:(?:{_BE}|{_HOW}) )*(?:(?:not|no longer|never) (?:{_BE} |{_HOW} |"
    rf"\w+ (?={_TRUE}))*{_TRUE}\b|"
    r"(?:unlikely|absent|excluded|ruled out|improbable|doubtful|denied|negative|unnecessary|inappropriate|incorrect|"
    r"wrong|missing|lacking|implausible|rejected|dismissed|refuted|unwarranted)\b)|(?:is|are|was|were) not $"
)
_NOT_AFTER = re.compile(
    rf"(?:[\w']+ )?{_BE} (?:{_HOW} )*(?:not|never)\b"
)  # denials that the patterns above do not cover
_FAR_DENIAL = re.compile(rf", (?:is|are|was|were) (?:{_HOW} )*(?:not|unlikely|excluded|ruled out|absent|nowhere)\b")
_VALUE = re.compile(
    r"(?:(?:status|present|presence|likely|diagnosis|needed|required) )?[:=] (?:(no|false|absent|negative|not|none|0|"
    r"unlikely|ruled out|excluded|denied|n)|(yes|true|present|positive|1|confirmed|y))\b(?! \w)"
)
_OPEN_AFTER = re.compile(
    r"(?:[\w']+ ){0,4}?(?:can (?:be )?neither|can not (?:be )?(?:entirely |fully |completely )?(?:ruled out|excluded|"
    r"determined|confirmed|assessed|established|told|discounted)|(?:is|are|seems?|"
    r"remains?) (?:still )?(?:an? )?(?:possib\w+|unclear|uncertain|unknown|conceivable)|or not|may be|might be|"
    r"should be (?:ruled out|excluded|considered)|not (?:\w+ )?(?:ruled out|excluded))"
)
_ASIDE_AFTER = re.compile(
    r"(?:may|might|can|could) (?:\w+ )?(?:afterwards?|then|also|later|still|book|schedule|send|follow|help|assist|"
    r"call)\b|(?:\w+ ){0,3}in (?:19|20)\d\d\b|(?:[\w']+ ){0,2}?(?:needs?(?! to\b)|requires?|means|includes?|"
    r"is defined|are (?:defined|those|messages|all|any|when)|would|lasts?|develops?|must be seen)\b|answers? (?!is\b)|"
    r"(?:\w+ )?(?:was|were|been) (?:considered|suspected|thought|feared|queried|raised|discussed)\b|is (?:in|"
    r"on) the (?:differential|list)|(?:protocol|bundle|alert|work ?up|screen\w*|pathway|clinic|care (?:and|clinic))\b|"
    r"(?:only )?(?:if|unless|when)\b|(?:\w+ ){0,2}(?:(?:years?|months?|weeks?) ago|in the past)|last (?:year|month|"
    r"week)|[^.;:]{0,60}\b(?:has|have|had|is|are) (?:\w+ )*(?:resolved|cleared|gone)\b"
)
_DEFINITION = re.compile(rf"(?:is|are|was) (?!(?:{_HOW} |most |more |clearly |very )*(?:likely|probable|{_TRUE})\b)\w")
_END = re.compile(r"[;:()=,.!?]|\b(?:but|however|although|though|yet|so|because|since|and|with|on|in)\b")


def manner(before: str, after: str) -> Manner:
    """Decide whether a sentence asserts a term, denies it, leaves it open, or only mentions it ("aside").

    A term is only mentioned, for example, in a question, in a condition, in a definition or in the words of another
    person.

    Args:
        before: the sentence up to the term, as `sentences` writes it.
        after: the rest of the sentence, with the mark that ends it.
    """
    if value := _VALUE.match(after):
        return "denied" if value[1] else "asserted"
    clause = _BREAK.split(before)[-1].strip() + " "
    rest = _END.split(after)[0].strip() + " "
    if (
        after.endswith("?")
        or _ASIDE_AFTER.match(after)
        or _CONDITION.search(before)
        or _TALK.search(clause)
        or _AT_FIRST.search(before)
    ):
        return "aside"
    if clause.strip() in ("", "a", "an", "the") and _DEFINITION.match(rest) and not _DENIED_AFTER.match(rest):
        return "aside"  # a definition: "A UTI is an infection of ..."
    if _OPEN_AFTER.match(rest) or _UNKNOWN.search(clause):
        return "open"
    denials = _denials(clause) + bool(_DENIED_AFTER.match(rest))
    if denials:
        return "denied" if denials == 1 else "open"
    if _HEDGE.search(clause) or _NOT_AFTER.match(rest) or _FAR_DENIAL.search(after):
        return "open"
    return "aside" if _ASIDE.search(clause.rsplit(",", 1)[-1]) else "asserted"


def _denials(clause: str) -> int:
    """Return how many words of a clause deny the term that follows the clause."""
    count = 0
    for word in _NEGATION.finditer(clause):
        gap = clause[word.end() :]
        commas = gap.count(",")
        listed = commas and re.search(r"\b(?:or|nor)\b[^,]*$", gap)
        if _NO_NEGATION.fullmatch(word[0]) or (commas and not gap.startswith(" ,") and not listed):
            continue
        if _NOUN_NEGATION.fullmatch(word[0]) and ((commas and not listed) or _VERB.search(gap)):
            continue
        if re.search(r"(?:\b(?:and|or)|,) (?:no|not|without)\b", gap):
            continue  # "no edema and no effusion": each noun has its own denial
        if word[0] == "neither" and re.search(r"\bnor\b", gap):
            continue
        explained = _FINAL_DENIAL.fullmatch(word[0]) and not re.search(
            r"\b(?:not|no evidence|nothing)\b", clause[: word.start()]
        )
        count = 1 if explained else count + 1
    return count
