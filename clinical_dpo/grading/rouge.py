"""ROUGE of texts against references, by the rouge-score package (Lin 2004)."""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby

KINDS = ("rouge1", "rouge2", "rougeL")
SCORES = ("f1", "precision", "recall")


LATIN, UNICODE = "rouge-score", "unicode words"  # tokenizers
_FEW = 0.1  # share of letters of other scripts that rouge-score may leave out: "β" in an English text
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")  # scripts without blanks between words


def tokenizer_of(references: Iterable[str]) -> str:
    """The tokenizer that texts of this language need.

    rouge-score's own drops all but Latin letters without accents and digits: of a Greek text nothing is left.
    """
    letters = [sign for text in references for sign in text if sign.isalpha()]
    others = sum(not sign.isascii() and "LATIN" not in unicodedata.name(sign, "") for sign in letters)
    return UNICODE if others > _FEW * len(letters) else LATIN


class _UnicodeWords:
    """Words of any script: letters with their marks and digits; in scripts without blanks each letter is one."""

    def tokenize(self, text: str) -> list[str]:
        plain = unicodedata.normalize("NFKC", text).casefold()
        return [
            word
            for held, signs in groupby(plain, key=lambda sign: unicodedata.category(sign)[0] in "LMN")
            if held
            for word in self._parts("".join(signs))
        ]

    @staticmethod
    def _parts(word: str) -> list[str]:
        return list(word) if unicodedata.name(word[0], "").startswith(_UNSPACED) else [word]


def rouge(
    texts: Sequence[str], references: Sequence[str], kinds: Sequence[str] = KINDS, *, stemmer: bool = True
) -> list[dict[tuple[str, str], float]]:
    """(kind, score) -> value from 0 to 1, for each text. Words are those of `tokenizer_of(references)`.

    Args:
        texts: what a model wrote.
        references: what it is measured against, one per text.
        kinds: rouge1 and rouge2 count words and word pairs in common, rougeL the longest common subsequence.
        stemmer: whether words count as equal that Porter's stemmer makes equal; it knows English, and stems no other.
    """
    from rouge_score.rouge_scorer import RougeScorer  # imported late: grading is read at every start of Snakemake

    own = tokenizer_of(references) == UNICODE
    scorer = RougeScorer(list(kinds), use_stemmer=stemmer, tokenizer=_UnicodeWords() if own else None)
    found = (scorer.score(reference, text) for text, reference in zip(texts, references, strict=True))
    return [
        {
            (kind, name): value
            for kind, score in scores.items()
            for name, value in zip(SCORES, (score.fmeasure, score.precision, score.recall), strict=True)
        }
        for scores in found
    ]


def rouge_l(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """ROUGE-L F1 of each text, stemmed."""
    return [scores["rougeL", "f1"] for scores in rouge(texts, references, ["rougeL"])]
