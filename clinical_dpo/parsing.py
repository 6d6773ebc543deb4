"""What models' answers say: the label it gives, or whether it equals a reference once both are normalised."""

import re
import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.records import Row

_NEGATION = r"(?:no|non|not|never|without|cannot|\w+n t)"  # as _words writes them


def answer_texts(rows: Sequence[Row], answers: Sequence[Row], variant: str = "") -> list[str]:
    """The text of each row's answer, in the order of `rows`.

    Args:
        rows: task rows.
        answers: one answer (`id`, `text`) per row, in any order.
        variant: whose answers, for the message.

    Raises:
        UserError: answers of other items than `rows`.
    """
    by_id = {answer["id"]: answer["text"] for answer in answers}
    if strange := sorted({row["id"] for row in rows} ^ set(by_id)):
        of = f" of {variant}" if variant else ""
        raise UserError(
            f"answers{of} and test items differ, for example {strange[:3]}. Delete the answers and run again."
        )
    return [by_id[row["id"]] for row in rows]


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
    spellings = {_words(label): label for label in labels}
    for label, others in (synonyms or {}).items():
        spellings |= {_words(other): label for other in others}
    if len({_words(label) for label in labels} - {""}) < len(labels):
        raise UserError(f"labels {', '.join(labels)} differ in punctuation alone. Give each its own words.")
    spelling = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
    words = _words(text)
    found = re.findall(rf"(?<!\w)(?:({spelling})|{_NEGATION} (?:\S+ ){{0,4}}?(?:{spelling}))(?!\w)", words)
    named = [spellings[match] for match in found if match]
    hedge = re.match(rf"({spelling}) or ({spelling})(?!\w)", words)
    if re.match(rf"(?:{spelling})(?!\w)", words) and not (hedge and spellings[hedge[1]] != spellings[hedge[2]]):
        return named[0]
    return named[0] if len(set(named)) == 1 else None


def normalize_answer(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (as in SQuAD's evaluation, Rajpurkar et al. 2016).

    An answer of articles alone keeps them: "A" may be a letter of a multiple-choice question.
    """
    words = _words(text)
    return " ".join(word for word in words.split() if word not in ("a", "an", "the")) or words


def _words(text: str) -> str:
    """Lower case, single spaces, no punctuation: that of ASCII and that of Unicode (a non-breaking hyphen)."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = (" " if sign in string.punctuation or unicodedata.category(sign)[0] == "P" else sign for sign in plain)
    return " ".join("".join(kept).split())


def exact_match(text: str, accepted: Iterable[str]) -> bool:
    """Whether a normalised answer equals one of the accepted ones; an answer without a word equals none."""
    given = normalize_answer(text)
    return given != "" and given in {normalize_answer(answer) for answer in accepted}
