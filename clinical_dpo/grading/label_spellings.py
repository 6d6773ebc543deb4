"""The spellings of a task's labels that are searched for in an answer."""

import re
from collections.abc import Mapping, Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading.sentences import sentences

BARE = "~"  # prefix of a label "no X" where the answer says X, without the "no"


def labels_by_spelling(labels: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return spelling -> label. The spellings are labels and synonyms, normalised as `sentences` normalises an answer.

    A label or synonym that begins with a negation adds a second spelling. If the second spelling already has a
    label, it keeps this label.

    - "No UTI" adds `uti` -> "~No UTI". The prefix "~" (BARE) says that the spelling lacks the "no": an answer that
      denies `uti` means "No UTI". The words "not" and "non" are treated like "no".
    - "Nonurgent" adds `non urgent` -> "Nonurgent".

    Raises:
        UserError: two labels are equal, or a label is empty, after the normalisation.
    """
    spellings_by_label = {label: [_plain(label), *map(_plain, synonyms.get(label, []))] for label in labels}
    if len({spellings[0] for spellings in spellings_by_label.values()} - {""}) < len(labels):
        quoted = ", ".join(f"'{label}'" for label in labels)
        raise UserError(
            f"key 'labels': two of {quoted} differ only in punctuation, or one of them has no letter and no digit. Use "
            "different words in each label."
        )
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
