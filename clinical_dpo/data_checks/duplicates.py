"""Texts that are alike: candidates by MinHash, each verified by the Jaccard similarity of the texts' own shingles."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from datasketch import MinHash, MinHashLSH

SHINGLE = 5  # words
SIMILAR = 0.8  # Jaccard similarity of two texts' shingles from which they are near-duplicates
# Bands of hash values of which one must agree. At 0.8 a pair is missed once in 600 (1 - (1 - 0.8^6)^21), at 0.9 never;
# of pairs at 0.4, 8% are compared in vain.
BANDS, BAND = 21, 6

Hashes = npt.NDArray[np.uint64]


def words(text: str) -> list[str]:
    """The words of a text whatever their case, punctuation and Unicode form."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def equal_texts(texts: Iterable[str]) -> dict[int, int]:
    """Index of each text that equals an earlier one -> index of the first such."""
    first: dict[str, int] = {}
    found = {}
    for i, text in enumerate(texts):
        if (earlier := first.setdefault(text, i)) != i:
            found[i] = earlier
    return found


def similar_texts(texts: Iterable[str], groups: Sequence[str]) -> list[dict[str, tuple[int, float]]]:
    """For every text and every group, the first other text of that group which is a near-duplicate, and how similar.

    Shingles that stand in every text are the prompt template's and do not count. Min-wise hashing: Broder 1997;
    banding: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3.

    Args:
        texts: each text's words, parted by spaces.
        groups: each text's group, such as its split.

    Returns:
        For each text a dict of group -> (index of the other text, Jaccard similarity >= 0.8).
    """
    sets = _own_shingles(texts)
    index = MinHashLSH(num_perm=BANDS * BAND, params=(BANDS, BAND))
    halves = ((hashes >> np.uint64(32)).tolist() for hashes in sets)  # MinHash takes 32 bits
    sketches = MinHash.bulk(halves, num_perm=BANDS * BAND, hashfunc=int)
    for i, (sketch, hashes) in enumerate(zip(sketches, sets, strict=True)):
        if len(hashes):
            index.insert(i, sketch, check_duplication=False)
    found: list[dict[str, tuple[int, float]]] = []
    for i, sketch in enumerate(sketches):
        near: dict[str, tuple[int, float]] = {}
        for j in sorted(index.query(sketch)) if len(sets[i]) else []:
            if j != i and groups[j] not in near and (similarity := _jaccard(sets[i], sets[j])) >= SIMILAR:
                near[groups[j]] = (j, similarity)
        found.append(near)
    return found


def _own_shingles(texts: Iterable[str]) -> list[Hashes]:
    """Sorted 64-bit hashes of each text's distinct shingles, without those that all texts share.

    Tabulation hashing (Zobrist 1970): a random number for each word and place, xored. Two of a million shingles collide
    once in tens of millions of times.
    """
    number: dict[str, int] = {}
    numbered = [
        np.array([number.setdefault(word, len(number)) for word in text.split()], dtype=np.int32) for text in texts
    ]
    table = np.random.default_rng(0).integers(0, 2**64, size=(SHINGLE, max(1, len(number))), dtype=np.uint64)
    sets = [_shingles(text, table) for text in numbered]
    shared = reduce(partial(np.intersect1d, assume_unique=True), sets) if len(sets) > 1 else np.empty(0, np.uint64)
    return [np.setdiff1d(one, shared, assume_unique=True) for one in sets] if len(shared) else sets


def _shingles(text: npt.NDArray[np.int32], table: Hashes) -> Hashes:
    """A text shorter than a shingle is one."""
    width = min(SHINGLE, len(text))
    count = len(text) - width + 1 if width else 0
    columns: Any = (table[place][text[place : place + count]] for place in range(width))
    return np.unique(reduce(np.bitwise_xor, columns)) if count else np.empty(0, np.uint64)


def _jaccard(one: Hashes, other: Hashes) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)
