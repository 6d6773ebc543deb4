"""Simulate how often the intervals in the tables contain the true value, and how often P is below .05.

The script draws samples from known truths, passes them to the functions of the package, and writes one table per part:
benchmarks/coverage_{part}.md. Equal samples are computed once. Run it from the project's folder.
"""

import argparse
import datetime
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks import corrected_groups, corrected_means
from benchmarks.grouped_samples import GROUP_SD, difference_of_f1, difference_of_shares, grouped_sample
from benchmarks.seed_samples import BASE, ITEM_SD, ITEMS, POSITIVES, SPREADS, TRAINED, sampled_effects
from clinical_dpo.statistics.f1_effects import f1_difference, f1_interval, macro_f1_interval
from clinical_dpo.statistics.intervals import agreeing, newcombe_paired
from clinical_dpo.statistics.paired_tests import mcnemar_exact

SAMPLES = 10_000  # per row of a table
FEWER = {
    "clustered": 2_000,
    "corrected_groups": 2_000,
    "corrected_groups_difference": 2_000,
    "clustered_f1": 400,
}  # part -> samples, where a sample takes long
CLASSES = ("positive", "negative")
PREVALENCES = (0.05, 0.1, 0.25, 0.5)
ACCURACIES = (0.9, 0.95, 0.97, 0.99)
PAIRED = (*zip(ACCURACIES, ACCURACIES, strict=True), (0.95, 0.9), (0.99, 0.95))
SHARED = 0.7  # share of items on which both variants share a random draw, because similar models err on the same items
FOLDER = Path(__file__).parent

Row = Sequence[object]


def f1_of(sensitivity: float, specificity: float, prevalence: float) -> float:
    """F1 of a class whose share of the items is `prevalence`."""
    true_positives = prevalence * sensitivity
    return 2 * true_positives / (prevalence + true_positives + (1 - prevalence) * (1 - specificity))


def answers(cells: Sequence[int]) -> list[list[str]]:
    """The label of each item, the first variant's answers, and the second variant's answers: three lists.

    Args:
        cells: eight numbers of items. The first four are of the positive class: items that both variants, only the
            first, only the second and no variant answer rightly. The last four are the same of the negative class.
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
    """Shares of items that both variants, only the first, only the second and no variant answer rightly.

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


def coverage(low: np.ndarray, high: np.ndarray, truth: float) -> float:
    """Share of intervals that contain the true value. An interval also counts if a limit equals it up to rounding."""
    return float(np.mean((low <= truth + 1e-12) & (truth - 1e-12 <= high)))


def disagree(low: np.ndarray, high: np.ndarray, p: np.ndarray) -> float:
    """Share of samples in which the 95% interval excludes 0 and P is at least .05, or the other way round."""
    return float(np.mean((p < 0.05) != ((low > 0) | (high < 0))))


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
    """Limits published by Newcombe, limits that a run shows, and exact P of one sample: five numbers.

    Args:
        table: numbers of items that both variants, only the first, only the second and no variant answer rightly.
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


def clustered_rows(samples: int, measure: str) -> Iterator[Row]:
    """Yield the table's rows for items in groups: coverage of intervals that respect and that ignore the groups.

    Args:
        samples: number of samples per row.
        measure: the compared measure, `right answers` or `F1`.
    """
    generator = np.random.default_rng(24)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    for groups in (20, 60, 120):
        for logits in ((2.0, 2.0), (3.5, 3.5), (2.5, 2.0)):
            accuracies = [expit(logit + GROUP_SD * nodes) @ weights / weights.sum() for logit in logits]
            drawn = (grouped_sample(generator, ITEMS, groups, logits, POSITIVES) for _ in range(samples))
            if measure == "F1":
                limits = [difference_of_f1(*sample, CLASSES) for sample in drawn]
                first, second = (f1_of(accuracy, accuracy, POSITIVES) for accuracy in accuracies)
            else:
                limits = [difference_of_shares(*sample[1:]) for sample in drawn]
                first, second = accuracies
            low, high, p, *independent, independent_p = np.array(limits, dtype=float).T
            numbers = [coverage(low, high, first - second), np.mean(p < 0.05)]
            numbers += [coverage(*independent, first - second), np.mean(independent_p < 0.05)]
            yield [groups, "{:.2f}, {:.2f}".format(*accuracies), *(f"{number:.4f}" for number in numbers)]


def seed_rows(samples: int) -> Iterator[Row]:
    """Yield the table's rows: how often the interval over training seeds contains the true difference.

    The difference is that of a trained variant and the base model, in right answers and in F1.

    Args:
        samples: number of samples per row.
    """
    generator = np.random.default_rng(23)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    base = expit(BASE + ITEM_SD * nodes) @ weights
    for name, spread in SPREADS.items():
        trained = expit(TRAINED + spread * nodes[:, np.newaxis] + ITEM_SD * nodes) @ weights  # accuracy by seed
        scores = np.array([f1_of(accuracy, accuracy, POSITIVES) for accuracy in trained])
        truths = trained @ weights - base, scores @ weights - f1_of(base, base, POSITIVES)
        sd = np.sqrt(trained**2 @ weights - (trained @ weights) ** 2)
        for seeds in (2, 3, 5, 10):
            drawn = [sampled_effects(generator, seeds, spread) for _ in range(samples)]
            numbers = []
            for index, truth in enumerate(truths):
                low, high = np.array([(effects[index].ci_low, effects[index].ci_high) for effects in drawn]).T
                numbers += [f"{coverage(low, high, truth):.4f}", f"{np.mean(high - low):.3f}"]
            yield [f"{name} ({100 * sd:.1f} points)", seeds, *numbers]


CORRECTED_COLUMNS = (
    *("rated", "coverage, PPI++", "coverage, sample alone", "coverage, shown", "corrected"),
    "width, shown to sample alone",
)
GROUPED_COLUMNS = ("coverage, independent", *CORRECTED_COLUMNS[2:])
CLUSTERED_COLUMNS = ("groups", "accuracies", "coverage", "P < .05", "coverage, independent", "P < .05, independent")
PARTS: dict[str, tuple[str, Sequence[str], Callable[[int], Iterator[Row]]]] = {
    "f1": (
        "Intervals of one variant's F1 (Wilson's, by way of J) and macro F1 (MOVER)",
        ("accuracy", "positives", "true F1", "coverage, F1", "coverage, macro F1"),
        single_rows,
    ),
    "f1_difference": (
        "Interval (MOVER) and permutation P of an F1 difference; the two variants err independently",
        ("accuracies", "positives", "true difference", "coverage", "mean width", "P < .05", "P and interval disagree"),
        lambda samples: paired_rows(samples, 0.0),
    ),
    "f1_difference_shared": (
        f"The same; the two variants share the draw of {SHARED:.0%} of the items",
        ("accuracies", "positives", "true difference", "coverage", "mean width", "P < .05", "P and interval disagree"),
        lambda samples: paired_rows(samples, SHARED),
    ),
    "right_answers": (
        "Interval of a difference of right answers: Newcombe's as published, and as shown beside the exact McNemar P",
        (
            *("accuracies", "shared items", "P < .05", "coverage, published", "P and interval disagree"),
            *("coverage, shown", "P and interval shown disagree"),
        ),
        share_rows,
    ),
    "clustered": (
        "Interval and Obuchowski's P of a difference of right answers in groups, and as if items were independent",
        CLUSTERED_COLUMNS,
        lambda samples: clustered_rows(samples, "right answers"),
    ),
    "clustered_f1": (
        "The same of F1, with the permutation P of groups",
        CLUSTERED_COLUMNS,
        lambda samples: clustered_rows(samples, "F1"),
    ),
    "seeds": (
        "Interval over training seeds, a trained variant against the base model, 30% positives of 200 items",
        (
            *("spread between seeds (SD)", "seeds", "coverage, right answers", "mean width"),
            *("coverage, F1", "mean width, F1"),
        ),
        seed_rows,
    ),
    "corrected": (
        "Intervals of one variant's share of right answers: PPI++, the rated sample alone, and as shown",
        ("judge", "accuracy", *CORRECTED_COLUMNS),
        corrected_means.mean_rows,
    ),
    "corrected_difference": (
        "Intervals of a difference of right answers: PPI++, the rated sample alone, and as shown",
        ("judge", "accuracies", *CORRECTED_COLUMNS),
        corrected_means.difference_rows,
    ),
    "corrected_groups": (
        f"Intervals of one variant's share of right answers, items in groups, {corrected_groups.RATED} rated: "
        "corrected as if items were independent, the rated sample alone, and as shown",
        ("groups", "judge", "accuracy", *GROUPED_COLUMNS),
        corrected_groups.mean_rows,
    ),
    "corrected_groups_difference": (
        "The same of a difference of right answers",
        ("groups", "judge", "accuracies", *GROUPED_COLUMNS),
        corrected_groups.difference_rows,
    ),
}
ITEMS_OF_PART = {part: corrected_means.ITEMS for part in PARTS if part.startswith("corrected")}


def table(part: str, samples: int) -> str:
    """Simulate one part, and return its table in Markdown.

    Args:
        part: a key of PARTS.
        samples: number of samples per row of the table.
    """
    title, columns, rows = PARTS[part]
    lines = [
        f"# {title}",
        "",
        f"{datetime.date.today()}. Made by `python -m benchmarks.coverage --part {part}`: {samples:,} samples of "
        f"{ITEMS_OF_PART.get(part, ITEMS)} items a row; 95% intervals. A share of .95 has a standard error of "
        f"{(0.95 * 0.05 / samples) ** 0.5:.4f}.",
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows(samples))]) + "\n"


def main() -> None:
    """Simulate and write the tables. With `--samples`, print the tables instead of writing them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, help="write one table; default: all tables")
    parser.add_argument("--samples", type=int, help="number of samples per row; the tables are printed and not written")
    arguments = parser.parse_args()
    for part in [arguments.part] if arguments.part else PARTS:
        text = table(part, arguments.samples or FEWER.get(part, SAMPLES))
        if arguments.samples:
            print(text)
        else:
            (FOLDER / f"coverage_{part}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
