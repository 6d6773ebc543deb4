"""The spellings by which sentences name a task's labels."""

import re
from collections.abc import Mapping, Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading.sentences import sentences

BARE = "~"  # prefix of a label "no X" where the answer says X, without the "no"


def labels_by_spelling(labels: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return spelling -> label. The spellings are normalised as `sentences` normalises an answer.

    Spellings are added for a label or synonym that begins with a negation:

    - For `no X`, `not X` or `non X`, the spelling `X` is added with the value BARE + label, because an answer that
      denies `X` means this label. If `X` already is a spelling, it is not added.
    - For `nonX`, the spelling `non X` is added with the same label.

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
        if negative := re.match(r"(?:no|not|non) ?(?=\w{3})(.+)", spelling):
            if spelling.startswith("non"):
                by_spelling.setdefault(f"non {negative[1]}", label)
            if negative[1].removeprefix("a ") not in by_spelling and " " in spelling:
                by_spelling.setdefault(negative[1].removeprefix("a "), f"{BARE}{label}")
    return by_spelling


def _plain(spelling: str) -> str:
    return " ".join(sentence[:-2] for sentence in sentences(spelling))
