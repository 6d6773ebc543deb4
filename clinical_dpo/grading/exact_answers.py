"""Whether a short answer equals a reference once both are normalised."""

from collections.abc import Iterable

from clinical_dpo.grading.plain_words import plain_words


def normalize_answer(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (as in SQuAD's evaluation, Rajpurkar et al. 2016).

    An answer of articles alone keeps them: "A" may be a letter of a multiple-choice question.
    """
    words = plain_words(text)
    return " ".join(word for word in words.split() if word not in ("a", "an", "the")) or words


def exact_match(text: str, accepted: Iterable[str]) -> bool:
    """Whether a normalised answer equals one of the accepted ones; an answer without a word equals none."""
    given = normalize_answer(text)
    return given != "" and given in {normalize_answer(answer) for answer in accepted}
