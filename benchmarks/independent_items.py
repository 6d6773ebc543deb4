"""Simulate intervals of F1 and of right answers, for independent test items.

`benchmarks.coverage` writes the results to its tables.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from benchmarks.coverage_measures import CLASSES, Row, coverage, disagree, f1_of
from benchmarks.seed_samples import ITEMS
from clinical_dpo.statistics.f1_effects import f1_difference, f1_interval, macro_f1_interval
from clinical_dpo.statistics.intervals import agreeing, newcombe_paired
from clinical_dpo.statistics.paired_tests import mcnemar_exact

PREVALENCES = (0.05, 0.1, 0.25, 0.5)
ACCURACIES = (0.9, 0.95, 0.97, 0.99)
PAIRED = (*zip(ACCURACIES, ACCURACIES, strict=True), (0.95, 0.9), (0.99, 0.95))
SHARED = 0.7  # share of items on which both variants share a random draw, because similar models err on the same items


def answers(cells: Sequence[int]) -> list[list[str]]:
    """The label of each item, the first variant's answers, and the second variant's answers: three lists.

    Args:
        cells: eight numbers of items. The first four are of the positive class: items answered rightly by both
            variants, only by the first, only by the second, and by none. The last four are of the negative class.
    """
    rows = []
    for label, other, numbers in zip(CLASSES, CLASSES[::-1], (cells[:4], cells[4:]), strict=True):
        pairs = ((label, label), (label, other), (other, label), (other, other))
        rows += [(label, *pair) for pair, number in zip(pairs, numbers, strict=True) for _ in range(number)]
    return [list(column) for column in zip(*rows, strict=True)]


@cache
def paired_f1(cells: tuple[int, ...]) -> tuple[Any, ...]:
    """Lower limit, upper limit and P of the difference of two variants' F1 in one sample.

    Args:
        cells: numbers of items, as in `answers`.
    """
    f1 = f1_difference(*answers(cells), CLASSES, 1)
    # A sample without positive items and answers has no F1: the interval is the whole range of a difference.
    return (-1.0, 1.0, 1.0) if f1.difference is None else (*f1.interval, f1.p_permutation)


def right_or_wrong(accuracies: Sequence[float], shared: float) -> list[float]:
    """Shares of items answered rightly by both variants, only by the first, only by the second, and by none.

    Args:
        accuracies: accuracy of the first and of the second variant.
        shared: share of items on which both variants use the same random draw.
    """
    first, second = accuracies
    both = shared * min(accuracies) + (1 - shared) * first * second
    return [both, first - both, second - both, 1 - first - second + both]


def tables(generator: np.random.Generator, kinds: Sequence[float], samples: int) -> list[tuple[int, ...]]:
    """Draw samples of ITEMS items. Each sample is a tuple with the number of items of each kind.

    Args:
        generator: source of the draws.
        kinds: true share of each kind of item.
        samples: number of samples.
    """
    return list(map(tuple, generator.multinomial(ITEMS, kinds, samples).tolist()))


def paired_rows(samples: int, shared: float) -> Iterator[Row]:
    """Yield the table's rows: how often the interval of a difference of two F1 contains the true difference.

    Args:
        samples: number of samples per row.
        shared: share of items on which both variants use the same random draw.
    """
    generator = np.random.default_rng(20)
    for accuracies in PAIRED:
        cells = right_or_wrong(accuracies, shared)
        for prevalence in PREVALENCES:
            first, second = (f1_of(accuracy, accuracy, prevalence) for accuracy in accuracies)
            kinds = [share * cell for share in (prevalence, 1 - prevalence) for cell in cells]
            low, high, p = np.array([paired_f1(table) for table in tables(generator, kinds, samples)]).T
            numbers = [
                f"{coverage(low, high, first - second):.4f}",
                f"{np.mean(high - low):.3f}",
                f"{np.mean(p < 0.05):.4f}",
            ]
            names = [f"{accuracies[0]:.2f}, {accuracies[1]:.2f}", f"{prevalence:.0%}", f"{first - second:.3f}"]
            yield [*names, *numbers, f"{disagree(low, high, p):.4f}"]
        paired_f1.cache_clear()


@cache
def single(cells: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Lower and upper limit of F1, then lower and upper limit of macro F1, in one sample of one variant.

    Args:
        cells: numbers of positive items answered rightly and wrongly, then of negative items answered rightly and
            wrongly.
    """
    labels, parsed, _ = answers((cells[0], 0, 0, cells[1], cells[2], 0, 0, cells[3]))
    low, high = f1_interval(labels, parsed, CLASSES)
    macro_low, macro_high = macro_f1_interval(labels, parsed, CLASSES)
    # A sample without positive items and answers has no F1: the interval is the whole range of F1.
    return low or 0.0, 1.0 if high is None else high, macro_low or 0.0, 1.0 if macro_high is None else macro_high


def single_rows(samples: int) -> Iterator[Row]:
    """Yield the table's rows: how often the intervals of F1 and of macro F1 contain the true value.

    Args:
        samples: number of samples per row.
    """
    generator = np.random.default_rng(21)
    for accuracy in ACCURACIES:
        for prevalence in PREVALENCES:
            kinds = [share * part for share in (prevalence, 1 - prevalence) for part in (accuracy, 1 - accuracy)]
            limits = np.array([single(table) for table in tables(generator, kinds, samples)]).T
            f1, negative_f1 = (f1_of(accuracy, accuracy, share) for share in (prevalence, 1 - prevalence))
            shares = coverage(limits[0], limits[1], f1), coverage(limits[2], limits[3], (f1 + negative_f1) / 2)
            yield [f"{accuracy:.2f}", f"{prevalence:.0%}", f"{f1:.3f}", *(f"{share:.4f}" for share in shares)]


@cache
def share_difference(table: tuple[int, ...]) -> tuple[Any, ...]:
    """Limits of Newcombe's published interval, limits that a run shows, and exact P, for one sample: five numbers.

    Args:
        table: numbers of items answered rightly by both variants, only by the first, only by the second, and by none.
    """
    both, b, c, neither = table
    published, p = newcombe_paired(both, b, c, neither), mcnemar_exact(b, c)
    return (*published, *agreeing(published, (b - c) / ITEMS, p), p)


def share_rows(samples: int) -> Iterator[Row]:
    """Yield the table's rows: how often the interval of a difference of right answers contains the true difference.

    Each row has the coverage of Newcombe's published interval and of the interval that a run shows.

    Args:
        samples: number of samples per row.
    """
    generator = np.random.default_rng(22)
    for accuracies in ((0.5, 0.5), (0.7, 0.7), *PAIRED):
        for shared in (0.0, SHARED):
            kinds, truth = right_or_wrong(accuracies, shared), accuracies[0] - accuracies[1]
            low, high, *shown, p = np.array([share_difference(table) for table in tables(generator, kinds, samples)]).T
            numbers = [np.mean(p < 0.05), coverage(low, high, truth), disagree(low, high, p)]
            numbers += [coverage(*shown, truth), disagree(*shown, p)]
            names = [f"{accuracies[0]:.2f}, {accuracies[1]:.2f}", f"{shared:.0%}"]
            yield [*names, *(f"{number:.4f}" for number in numbers)]
