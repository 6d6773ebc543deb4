"""ROUGE of texts against references, by the rouge-score package (Lin 2004)."""

from collections.abc import Sequence

KINDS = ("rouge1", "rouge2", "rougeL")
SCORES = ("f1", "precision", "recall")


def rouge(
    texts: Sequence[str], references: Sequence[str], kinds: Sequence[str] = KINDS, *, stemmer: bool = True
) -> list[dict[tuple[str, str], float]]:
    """(kind, score) -> value from 0 to 1, for each text.

    Args:
        texts: what a model wrote.
        references: what it is measured against, one per text.
        kinds: rouge1 and rouge2 count words and word pairs in common, rougeL the longest common subsequence.
        stemmer: whether words count as equal that Porter's stemmer makes equal.
    """
    from rouge_score.rouge_scorer import RougeScorer  # imported late: grading is read at every start of Snakemake

    scorer = RougeScorer(list(kinds), use_stemmer=stemmer)
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
