"""Decide what an open-ended exam question asks for: a diagnosis, a treatment, or something else.

The strict rule searches the question for phrases from a list. The wide rule accepts these phrases too. It also searches
for the head of the question, which is a noun such as `vaccine` in `which is the best vaccine for`, or a verb such as
`ordered` in `what should be ordered`.

Under both rules, the topic `treatment` includes the next step in management. Under the wide rule, it also includes
prevention and tests to order.
"""

import re
from collections.abc import Collection

from clinical_dpo.data.sources.open_questions import CURES

# Words that ask for something else, whatever the sentence's subject is. The introductory clause is not searched.
_OTHER_TOPICS = {
    "asks for statistics": r"hypothesis|p-value|\bbias|statistic|sensitivity|specificity|needed to treat",
    "asks for a mechanism": r"mechanism|pathophysiolog|pathogenesis|mutation|enzyme|\bgene\b|inherit|\beffect of"
    r"|\ba (?:deficiency|defect|mutation) in",
    "asks for a pathogen": r"organism|pathogen|(?:etiologic|infectious) agent",
    "asks for a risk or an outcome": r"\brisk\b|predispos|complication|adverse|side effect|outcome|prognosis",
    "asks for a test": r"\btests?\b|diagnostic (?!finding)|diagnosing|in the diagnosis|confirm|screening|evaluation"
    r"|work-?up|imaging|\bstudies\b|rul(?:e|ing) out",
    "asks for a finding": r"\b(?:shows?|seen|found|observed|reveals?|expected|elevated)\b",
    "asks what not to do": r"avoid|contraindicat|discontinu|\bexclude|\bexcept\b|\bnot\b|\bleast\b",
    "asks for conduct": r"\bresponse\b|by the physician|for the (?:physician|resident|student)|ethic|disclos",
}
# Words of these topics say little about a question whose head is a diagnosis or a treatment.
_HEAD_DECIDES = {
    "diagnosis": ("asks for a pathogen", "asks for a risk or an outcome", "asks for a test"),
    "treatment": ("asks for a risk or an outcome", "asks for a test"),
}
_QUALIFIERS = (
    "(?:the|this patient['’]s) (?:(?:most|more|likely|probable|common|appropriate|best|next|initial|first|1st|single"
    "|immediate|optimal|effective|suitable|definitive|correct|proper|recommended|reasonable|ideal|preferred|indicated"
    "|primary|underlying|necessary|required|additional|long-term|first-line|medical|pharmacologic|surgical|course of"
    "|step in|line of) )*"
)
_ASKS = rf"\b(?:what|which(?: [\w-]+)?) (?:(?:is|are|was|were)|(?:would|will|should|could|may) be) {_QUALIFIERS}"
_ADMINISTERED = "given|added|administered|started|initiated|used|prescribed|done|performed|recommended"
_STRICT_TOPICS = {
    "treatment": [
        rf"{_ASKS}(?:steps?|course of action|actions?|treatment|therapy|pharmacotherapy|management|medication|drug"
        r"|agent|antibiotic|intervention|regimen|procedure|recommendation|approach)\b",
        rf"\bwhich (?:[\w-]+ )?(?:{'|'.join(CURES.values())}) (?:(?:is|would be) (?:the )?(?:most |best )?"
        rf"(?:appropriate|indicated|suitable|effective|recommended)|(?:should|would) be (?:{_ADMINISTERED}))",
        rf"\bwhat should (?:be|this patient be|the patient be) (?:{_ADMINISTERED})",
        r"\bwhat (?:is|would) (?:this|the) patient (?:be )?(?:most )?likely (?:to )?benefit from",
        r"\bhow should (?:this|the) (?:patient|infant|child|condition) be (?:managed|treated)",
    ],
    "diagnosis": [
        rf"{_ASKS}(?:diagnosis|condition|disorder|disease|cause (?:of|for)|cause\?|etiology|explanation (?:of|for))",
        r"\b(?:what|which (?:diagnosis|condition|disorder|disease)) (?:most likely |best )*explains?\b",
        r"\b(?:what|which (?:diagnosis|condition|disorder|disease)) (?:is|are) (?:.* )?(?:most likely|most|best) "
        r"(?:due to|caused by|explained by|consistent with)\b",
    ],
}

# The head is the last word before a preposition, a clause or the end. The words before the head qualify the head.
_BREAKS = (
    "of|on|in|for|to|towards?|at|by|with|from|during|after|before|prior|that|which|who|given|if|when|while|and|or|as|is"
    "|are|was|were|be|would|will|should|could|can|may|regarding|among|than"
)
_BARE = rf"(?!(?:{_BREAKS})\b)[\w'’/.-]+"
_WORD = rf"(?:{_BARE} )"
_HEAD_OF = (
    rf"\b(?:what|which(?: {_BARE}){{0,4}}?) (?:is|are|was|were|(?:would|will|should|could|may) be) {_WORD}{{0,8}}?"
)
_END = rf"(?=[?,;.]| (?:{_BREAKS}|now|next|this|these|his|her)\b)"
_CARE = (
    "steps?|course|actions?|treatments?|therapy|pharmacotherapy|management|medications?|drugs?|agents?|antibiotics?"
    "|interventions?|regimens?|procedures?|recommendations?|approach|plan|strategy|measures?|prophylaxis|vaccines?"
    "|vaccinations?|immunizations?|supplements?|supplementation|surgery|advice|counseling|diet|contraceptives?"
    "|contraception|modality|fluids?|dose|diuretics?|antidote|maneuver|tests?|study|studies|imaging|investigations?"
    "|evaluation|examination|work-?up|screening|biopsy"
)
_HELPS = (
    "appropriate|indicated|suitable|effective|recommended|beneficial|useful|helpful|benefit|help|improve|prevent"
    "|reduce|decrease|relieve|alleviate|resolve|treat|cure|control|correct|reverse|provide|address|manage|slow|halt"
    "|delay|lower|confirm|establish|differentiate|distinguish"
)
_DONE = (
    rf"{_ADMINISTERED}|ordered|obtained|measured|checked|offered|considered|advised|pursued|sent|undertaken|instituted"
)
_ILLNESS = (
    "diagnos[ie]s|conditions?|disorders?|diseases?|causes?|etiology|explanation|syndrome|pathology|illness|infection"
    "|tumou?r|malignancy|neoplasm|cancer|injury|fracture|poisoning|intoxication|overdose|toxicity|organism|pathogen"
    "|(?:etiologic|infectious) agent|reason"
)
_EXPLAINS = (
    "explains?|accounts? for|responsible for|caus(?:ed|ing)|led to|due to|explained by|consistent with|suggestive of"
    "|suspected|secondary to|a result of"
)
_MAY = "is|are|would|will|could|should|may|might"
_LIKELY = "(?:be |have )?(?:(?:most|more|best|very) )?(?:likely )?(?:be |to |to have )?(?:most |best )?"
_SUBJECTS = "patient|boy|girl|man|woman|child|infant|he|she"
_MANAGED = "managed?|treat(?:ed)?|evaluated?|proceed|approach(?:ed)?"
_WIDE_TOPICS = {
    "diagnosis": [
        rf"{_HEAD_OF}(?:{_ILLNESS}){_END}",
        rf"\b(?:what|which {_WORD}{{0,3}}(?:{_ILLNESS})) .*\b(?:{_EXPLAINS})\b",
        r"\bwhat (?:does|do) (?:this|the) .* (?:most )?likely (?:have|suffer from)\b",
        r"\bwhat (?:is|are) (?:this|the) .* (?:most )?likely (?:suffering from|experiencing)\b",
    ],
    "treatment": [
        rf"{_HEAD_OF}(?:{_CARE}){_END}",
        rf"\bwhich {_WORD}{{0,4}}(?:{_CARE}) .*\b(?:{_HELPS}|(?:should|would|could|must|to) be (?:{_DONE}))\b",
        rf"\bwhat (?:{_MAY}) {_LIKELY}(?:{_HELPS})(?:ed)?\b",
        rf"\bwhat (?:should|must|would|can) (?:\w+ ){{0,4}}?be (?:\w+ ){{0,2}}?(?:{_DONE})\b",
        r"\bwhat should (?:the|this|his|her|you|a)\b[\w' -]*? (?:do|receive|get|take|undergo)\b",
        rf"\bhow should (?:this|the|his|her|you|these) .*\b(?:{_MANAGED})\b",
        rf"\bwhat .*\b(?:{_SUBJECTS}) .*\bbenefit (?:most )?from\b",
    ],
}
TOPICS = tuple(_WIDE_TOPICS)


def topic(sentence: str | None, asked: str, strict: bool = False) -> str:
    """Return the topic of a question, `diagnosis` or `treatment`, or the reason why the question has neither topic.

    A reason is a text such as "asks for a mechanism".

    Args:
        sentence: the question's last sentence, rewritten so that it needs no options; None if `open_sentence` could
            not rewrite it.
        asked: the last sentence as published, without its introductory clause.
        strict: whether to search only for the phrases of _STRICT_TOPICS. Otherwise, those of _WIDE_TOPICS count too.
    """
    reason = _other_topic(asked)
    rules: list[tuple[str, list[str], Collection[str]]] = [(name, each, ()) for name, each in _STRICT_TOPICS.items()]
    if not strict:
        rules += [(name, patterns, _HEAD_DECIDES[name]) for name, patterns in _WIDE_TOPICS.items()]
    for name, patterns, decided in rules:
        if sentence and not _other_topic(asked, decided) and any(re.search(each, sentence, re.I) for each in patterns):
            return name
    return reason or (
        "asks for neither a diagnosis nor a treatment" if sentence else "cannot stand without its options"
    )


def _other_topic(asked: str, decided: Collection[str] = ()) -> str | None:
    """Return the first topic of `_OTHER_TOPICS` whose pattern matches the question, or None.

    Topics in `decided` are skipped.
    """
    for name, pattern in _OTHER_TOPICS.items():
        if name not in decided and re.search(pattern, asked, re.I):
            return name
    return None
