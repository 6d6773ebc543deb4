"""Simulate how often the intervals in the tables contain the true value, and how often P is below .05.

The script draws samples from known truths, passes them to the functions of the package, and writes one table per part:
benchmarks/coverage_{part}.md. Equal samples are computed once. Run it from the project's folder.
"""

import argparse
import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import corrected_groups, corrected_means
from benchmarks.coverage_measures import Row
from benchmarks.grouped_samples import clustered_rows
from benchmarks.independent_items import SHARED, paired_rows, share_rows, single_rows
from benchmarks.seed_samples import ITEMS, seed_rows

SAMPLES = 10_000  # per row of a table
FEWER = {
    "clustered": 2_000,
    "corrected_groups": 2_000,
    "corrected_groups_difference": 2_000,
    "clustered_f1": 400,
}  # part -> samples, where a sample takes long
FOLDER = Path(__file__).parent

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
