"""Find equal and similar texts.

MinHash proposes pairs of texts. The Jaccard similarity of their shingles (sequences of five words) confirms a pair.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

SHINGLE = 5  # words
SIMILAR = 0.8  # two texts are near-duplicates if the Jaccard similarity of their shingles is at least this
# Two texts are compared if one of 21 bands of 6 hash values agrees. A pair with similarity 0.8 is missed once in 600
# (1 - (1 - 0.8^6)^21), and a pair with 0.9 practically never. Of the pairs with 0.4, 8% are compared without a result.
BANDS, BAND = 21, 6

Hashes = npt.NDArray[np.uint64]


def words(text: str) -> list[str]:
    """Return the words of a text in Unicode form NFKC, casefolded and without punctuation."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def equal_texts(texts: Iterable[str]) -> dict[int, int]:
    """Return index -> index of the first occurrence, for each text that repeats an earlier text."""
    first: dict[str, int] = {}
    repeats = {}
    for i, text in enumerate(texts):
        if (earlier := first.setdefault(text, i)) != i:
            repeats[i] = earlier
    return repeats


def similar_texts(texts: Iterable[str], groups: Sequence[str]) -> list[dict[str, tuple[int, float]]]:
    """Return for every text its first near-duplicate in each group of texts, with the similarity.

    The first is the one that comes first in `texts`. It may come before or after the text itself.

    Shingles that all texts contain come from the prompt template and do not count. Min-wise hashing: Broder 1997;
    banding: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3.

    Args:
        texts: each text's words, separated by spaces.
        groups: each text's group, such as its split.

    Returns:
        For each text a dict: group -> index and Jaccard similarity (at least 0.8) of the first near-duplicate in this
        group. A group without a near-duplicate is left out.
    """
    # Every start of the workflow reads this module, and datasketch takes a second, because it imports scipy.
    from datasketch import MinHash, MinHashLSH

    sets = _distinctive_shingles(texts)
    index = MinHashLSH(num_perm=BANDS * BAND, params=(BANDS, BAND))
    halves = ((hashes >> np.uint64(32)).tolist() for hashes in sets)  # MinHash takes 32 bits
    sketches = MinHash.bulk(halves, num_perm=BANDS * BAND, hashfunc=int)
    for i, (sketch, hashes) in enumerate(zip(sketches, sets, strict=True)):
        if len(hashes):
            index.insert(i, sketch, check_duplication=False)
    near_duplicates: list[dict[str, tuple[int, float]]] = []
    for i, sketch in enumerate(sketches):
        near: dict[str, tuple[int, float]] = {}
        for j in sorted(index.query(sketch)) if len(sets[i]) else []:
            if j != i and groups[j] not in near and (similarity := _jaccard(sets[i], sets[j])) >= SIMILAR:
                near[groups[j]] = (j, similarity)
        near_duplicates.append(near)
    return near_duplicates


def _distinctive_shingles(texts: Iterable[str]) -> list[Hashes]:
    """Return sorted 64-bit hashes of each text's distinct shingles, without the shingles that all texts share.

    Each hash is made by tabulation hashing (Zobrist 1970): it is the XOR of random numbers, one for each word at its
    position in the shingle. Among a million shingles, the probability of at least one collision is one in tens of
    millions.
    """
    number: dict[str, int] = {}
    numbered = [
        np.array([number.setdefault(word, len(number)) for word in text.split()], dtype=np.int32) for text in texts
    ]
    table = np.random.default_rng(0).integers(0, 2**64, size=(SHINGLE, max(1, len(number))), dtype=np.uint64)
    sets = [_shingles(text, table) for text in numbered]
    shared = reduce(partial(np.intersect1d, assume_unique=True), sets) if len(sets) > 1 else np.empty(0, np.uint64)
    return [np.setdiff1d(hashes, shared, assume_unique=True) for hashes in sets] if len(shared) else sets


def _shingles(text: npt.NDArray[np.int32], table: Hashes) -> Hashes:
    """Return the sorted, distinct hashes of a text's shingles.

    A text shorter than a shingle is one shingle. An empty text has none.

    Args:
        text: the words as numbers. Equal words have equal numbers.
        table: an array of shape (positions in a shingle, words): a random number for each position and word.
    """
    width = min(SHINGLE, len(text))
    count = len(text) - width + 1 if width else 0
    columns: Any = (table[position][text[position : position + count]] for position in range(width))
    return np.unique(reduce(np.bitwise_xor, columns)) if count else np.empty(0, np.uint64)


def _jaccard(first: Hashes, second: Hashes) -> float:
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)
