"""Compute ROUGE of texts against reference answers with the rouge-score package (Lin 2004)."""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby

KINDS = ("rouge1", "rouge2", "rougeL")
SCORES = ("f1", "precision", "recall")


LATIN, UNICODE = "rouge-score", "unicode words"  # tokenizers
_MAX_NON_LATIN = 0.1  # share of letters that rouge-score may drop, such as "β" in an English text
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")  # scripts without blanks between words


def tokenizer_name(references: Iterable[str]) -> str:
    """Return the name of the tokenizer that suits the writing system of the references: LATIN or UNICODE.

    LATIN is the tokenizer of rouge-score. It keeps only unaccented Latin letters and digits. It is chosen for texts in
    Latin letters, with or without accents. UNICODE keeps the letters of every script. It is chosen if more than a tenth
    of the letters are not Latin.
    """
    letters = [character for text in references for character in text if character.isalpha()]
    non_latin = sum(not letter.isascii() and "LATIN" not in unicodedata.name(letter, "") for letter in letters)
    return UNICODE if non_latin > _MAX_NON_LATIN * len(letters) else LATIN


class _UnicodeWords:
    """Tokenizer for any script.

    A word is a run of letters, marks and digits. In a script without blanks between words, each letter is a word.
    """

    def tokenize(self, text: str) -> list[str]:
        plain = unicodedata.normalize("NFKC", text).casefold()
        return [
            word
            for is_word, characters in groupby(plain, key=lambda character: unicodedata.category(character)[0] in "LMN")
            if is_word
            for word in self._parts("".join(characters))
        ]

    @staticmethod
    def _parts(word: str) -> list[str]:
        return list(word) if unicodedata.name(word[0], "").startswith(_UNSPACED) else [word]


def rouge(
    texts: Sequence[str], references: Sequence[str], kinds: Sequence[str] = KINDS, *, stemmer: bool = True
) -> list[dict[tuple[str, str], float]]:
    """Return the ROUGE scores of each text: (kind, score) -> value from 0 to 1. Scores are f1, precision and recall.

    Args:
        texts: a model's answers.
        references: reference answers, one per text. Their script determines the tokenizer (`tokenizer_name`).
        kinds: rouge1 counts the words that a text shares with its reference, rouge2 the shared pairs of adjacent words,
            and rougeL the words of the longest common subsequence.
        stemmer: whether to compare words by their Porter stems. The stemmer changes only English words.
    """
    from rouge_score.rouge_scorer import RougeScorer  # late: every start of Snakemake imports this module

    unicode_words = tokenizer_name(references) == UNICODE
    scorer = RougeScorer(list(kinds), use_stemmer=stemmer, tokenizer=_UnicodeWords() if unicode_words else None)
    scores_of_texts = (scorer.score(reference, text) for text, reference in zip(texts, references, strict=True))
    return [
        {
            (kind, name): value
            for kind, score in scores.items()
            for name, value in zip(SCORES, (score.fmeasure, score.precision, score.recall), strict=True)
        }
        for scores in scores_of_texts
    ]


def rouge_l(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return ROUGE-L F1 of each text against its reference answer. Words are compared by their stems."""
    return [scores["rougeL", "f1"] for scores in rouge(texts, references, ["rougeL"])]
