"""MedQA (Jin et al., 2021): turn multiple-choice board questions into open questions of diagnosis and treatment.

A row of the publisher is `question, answer, options {letter: text}, meta_info (step1 or step2&3), answer_idx`. Only the
last sentence of the stem decides whether a question is used. First, the sentence is rewritten into a sentence that
needs no options. Second, the subject of the rewritten sentence must ask for a diagnosis or a treatment.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.io import Row

FIELDS = ("question", "answer", "options", "meta_info", "answer_idx")

# Plural after "which of the following" -> singular after "which". Other nouns are not rewritten.
_DISEASES = {"diagnoses": "diagnosis", "conditions": "condition", "disorders": "disorder", "diseases": "disease"}
_CURES = {
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
_SINGULAR = _DISEASES | _CURES | {noun: noun for noun in [*_DISEASES.values(), *_CURES.values()]}

_OPTIONS = r"which (?:one )?of the following"
_NOUN = rf"((?:[\w-]+ )?)({'|'.join(_SINGULAR)})"
_AUXILIARY = "is|are|was|were|would|will|should|could|can|may"
# "which of the following" as a subject is followed by its verb, an adverb or an inserted clause.
_PREDICATE = rf"(?=,|(?:{_AUXILIARY}|best|most|has|explains)\b)"

# First words of a subject that may move into mid-sentence and lose its capital; a name must keep its capital.
_SUBJECT = re.compile(r"(?:The|This|That|These|His|Her|Their|Its|An?|Further|Management|Therapy|Treatment)\b")

_SENTENCE_BREAK = re.compile(r"(?<=[.?!])[\"”')\]]*\s+|\s*\n\s*")
_REFERS_TO_OPTIONS = re.compile(r"\b(?:following|options?|choices?|which one|below|above|listed|statements?)\b", re.I)
_OPTION_OF_OPTIONS = re.compile(
    r"\b(?:all|none|any|both|neither|either) (?:of )?(?:the )?(?:above|these|options)\b", re.I
)

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
_QUALIFIERS = (
    "(?:the|this patient['’]s) (?:(?:most|more|likely|probable|common|appropriate|best|next|initial|first|1st|single"
    "|immediate|optimal|effective|suitable|definitive|correct|proper|recommended|reasonable|ideal|preferred|indicated"
    "|primary|underlying|necessary|required|additional|long-term|first-line|medical|pharmacologic|surgical|course of"
    "|step in|line of) )*"
)
_ASKS = rf"\b(?:what|which(?: [\w-]+)?) (?:(?:is|are|was|were)|(?:would|will|should|could|may) be) {_QUALIFIERS}"
_ADMINISTERED = "given|added|administered|started|initiated|used|prescribed|done|performed|recommended"
_TOPICS = {
    "treatment": [
        rf"{_ASKS}(?:steps?|course of action|actions?|treatment|therapy|pharmacotherapy|management|medication|drug"
        r"|agent|antibiotic|intervention|regimen|procedure|recommendation|approach)\b",
        rf"\bwhich (?:[\w-]+ )?(?:{'|'.join(_CURES.values())}) (?:(?:is|would be) (?:the )?(?:most |best )?"
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


def open_sentence(sentence: str) -> str | None:
    """Rewrite the last sentence of a stem into a question that needs no options; None if no rule gives good grammar."""
    sentence = " ".join(sentence.split())
    sentence = re.sub(r"\b(treatment|therapy|management) option\b", r"\1", sentence)
    sentence = re.sub(r"^Of the following(?: options| choices)?, which", "Which", sentence, flags=re.I)
    sentence = re.sub(r"\b([Ww])hich (?=is\b)", r"\1hat ", sentence)
    last = re.fullmatch(rf"([^,]+?) ({_AUXILIARY}) (.*?) ?\b{_OPTIONS}(?: {_NOUN})?\?", sentence)
    if last:
        subject, auxiliary, rest, adjective, noun = last.groups()
        interrogative = f"Which {adjective or ''}{_SINGULAR[noun]}" if noun else "What"
        # If there is a second auxiliary, the first may belong to a clause inside the subject.
        if not _SUBJECT.match(subject) or re.search(rf"\b(?:{_AUXILIARY})\b", rest):
            return None
        sentence = f"{interrogative} {auxiliary} {subject[0].lower()}{subject[1:]} {rest}".rstrip() + "?"
    else:
        sentence = re.sub(
            rf"\b([Ww]){_OPTIONS[1:]} {_NOUN} {_PREDICATE}",
            lambda match: f"{match[1]}hich {match[2]}{_SINGULAR[match[3]]} ",
            sentence,
        )
        # "what" replaces the phrase at the start of a clause only; after a preposition it is not grammatical.
        sentence = re.sub(
            rf"(^|, )([Ww]){_OPTIONS[1:]}(?: options| choices)? ?{_PREDICATE}",
            lambda match: f"{match[1]}{match[2]}hat ",
            sentence,
        )
    asks = re.search(r"\b(?:what|which|how)\b", sentence, re.I)
    return sentence if asks and not _REFERS_TO_OPTIONS.search(sentence) else None


def topic(sentence: str) -> str | None:
    """Return the topic of an open question, `diagnosis` or `treatment`; None for any other topic."""
    for name, patterns in _TOPICS.items():
        if any(re.search(pattern, sentence, re.I) for pattern in patterns):
            return name
    return None


def to_open_question(row: Mapping[str, Any]) -> Row | str:
    """Return a record (`id`, `question`, `reference`, `options`, `topic`), or the reason why the question is dropped.

    `id` is a digest of the publisher's question text. `options` holds the wrong answers in the publisher's order. Only
    the last sentence of the stem changes.

    Raises:
        UserError: a field of the publisher's format is missing, or the answer is not one of the options.
    """
    for field in FIELDS:
        if field not in row:
            raise UserError(
                f"field '{field}' is missing. Reader medqa needs {', '.join(FIELDS)}. Fields here: {', '.join(row)}. "
                "Add the field, or choose another reader."
            )
    if row["meta_info"] != "step2&3":
        return "not of step 2 or 3"
    stem = _unquoted(row["question"])
    if not stem.endswith("?"):
        return "does not end in a question"
    breaks = list(_SENTENCE_BREAK.finditer(stem))
    start = breaks[-1].end() if breaks else 0
    core = re.split(r", (?=wh)", stem[start:])[-1]
    for reason, pattern in _OTHER_TOPICS.items():
        if re.search(pattern, core, re.I):
            return reason
    sentence = open_sentence(stem[start:])
    if sentence is None:
        return "cannot stand without its options"
    question_topic = topic(sentence)
    if question_topic is None:
        return "asks for neither a diagnosis nor a treatment"
    answers = {letter: _unquoted(text) for letter, text in row["options"].items() if text}
    if row["answer_idx"] not in answers:
        raise UserError(
            f"answer_idx '{row['answer_idx']}' is not one of the options {', '.join(answers)}. Correct answer_idx."
        )
    reference = answers.pop(row["answer_idx"])
    wrong = [text for text in answers.values() if text.casefold() != reference.casefold()]
    if _OPTION_OF_OPTIONS.search(reference) or len(wrong) < len(answers):
        return "answer refers to its options or is two of them"
    return {
        "id": f"medqa-{hashlib.sha256(row['question'].encode()).hexdigest()[:12]}",
        "question": stem[:start] + sentence,
        "reference": reference,
        "options": [text for text in wrong if not _OPTION_OF_OPTIONS.search(text)],
        "topic": question_topic,
    }


def _unquoted(text: str) -> str:
    """Return `text` without outer white space and without a final quotation mark that closes nothing."""
    text = text.strip()
    if text.endswith('"') and text.count('"') % 2:
        text = text[:-1].rstrip()
    return text
