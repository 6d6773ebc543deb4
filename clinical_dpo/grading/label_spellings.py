"""The spellings of a task's labels that are searched for in an answer."""

import re
from collections.abc import Mapping, Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading.sentences import sentences

BARE = "~"  # prefix of a label "no X" where the answer says X, without the "no"


def labels_by_spelling(labels: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return spelling -> label. The spellings are labels and synonyms, normalised as `sentences` normalises an answer.

    Spellings are added for a label or synonym that begins with a negation:

    - "No UTI" also gets `uti` -> BARE + "No UTI", because an answer that denies a UTI means "No UTI". If `uti` is
      already a spelling, it keeps its label. The same holds for "not" and "non".
    - "Nonurgent" also gets `non urgent` -> "Nonurgent".

    Raises:
        UserError: two labels differ only in punctuation.
    """
    spellings_by_label = {label: [_plain(label), *map(_plain, synonyms.get(label, []))] for label in labels}
    if len({spellings[0] for spellings in spellings_by_label.values()} - {""}) < len(labels):
        quoted = ", ".join(f"'{label}'" for label in labels)
        raise UserError(f"key 'labels': two of {quoted} differ only in punctuation. Use different words in each label.")
    by_spelling = {
        spelling: label for label, spellings in spellings_by_label.items() for spelling in spellings if spelling
    }
    for spelling, label in list(by_spelling.items()):
        if negative := re.fullmatch(r"(?:no|not|non) (?:an? )?(\w{2}.*)", spelling):
            by_spelling.setdefault(negative[1], f"{BARE}{label}")
        elif joined := re.fullmatch(r"non(\w{3}.*)", spelling):
            by_spelling.setdefault(f"non {joined[1]}", label)
    return by_spelling


def _plain(spelling: str) -> str:
    return " ".join(sentence[:-2] for sentence in sentences(spelling))
