"""The label that a model's answer gives."""

import re
from collections.abc import Mapping, Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading.plain_words import plain_words

_NEGATION = r"(?:no|non|not|never|without|cannot|\w+n t)"  # as plain_words writes them


def parse_label(text: str, labels: Sequence[str], synonyms: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """The label an answer gives, or None where it gives none or more than one.

    An answer that begins with a label gives that label, unless it goes on "or" with another one; any other answer must
    name exactly one. Case, punctuation and white space do not matter; where one spelling contains another ("No UTI",
    "UTI") the longer one counts. A spelling up to four words behind a negation that is no part of it ("does not have
    a UTI") names nothing.

    Args:
        text: the model's answer.
        labels: the task's labels.
        synonyms: label -> further spellings.

    Raises:
        UserError: labels that cannot be told apart.
    """
    spellings = {plain_words(label): label for label in labels}
    for label, others in (synonyms or {}).items():
        spellings |= {plain_words(other): label for other in others}
    if len({plain_words(label) for label in labels} - {""}) < len(labels):
        raise UserError(f"labels {', '.join(labels)} differ in punctuation alone. Give each its own words.")
    spelling = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
    words = plain_words(text)
    found = re.findall(rf"(?<!\w)(?:({spelling})|{_NEGATION} (?:\S+ ){{0,4}}?(?:{spelling}))(?!\w)", words)
    named = [spellings[match] for match in found if match]
    hedge = re.match(rf"({spelling}) or ({spelling})(?!\w)", words)
    if re.match(rf"(?:{spelling})(?!\w)", words) and not (hedge and spellings[hedge[1]] != spellings[hedge[2]]):
        return named[0]
    return named[0] if len(set(named)) == 1 else None
