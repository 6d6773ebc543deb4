"""Grade the sheets of the example in place of its two raters: `python -m examples.orders.rate`.

Each rater is a rule, not a person. A rule reads a blinded sheet of the finished run and writes grades from 1 to 5. In a
study of your own, two people open the HTML sheets and send back files like those that the rules write.
"""

import re
import sys
from pathlib import Path

from clinical_dpo.grading.raters.formulas import unguarded
from clinical_dpo.grading.raters.rating_files import COLUMNS
from clinical_dpo.io import Row, read_csv, write_csv
from examples.data import DURATIONS, FREQUENCIES, MEALS, REVIEWS, WARNINGS

SHEETS = Path("results/orders/instructions")  # {model}/grading/likert.{rater}.csv
RETURNED = Path("ratings/orders/instructions")  # {model}/likert.{rater}.csv
RATERS = ("anna", "ben")
ORDER = re.compile(r"Order: (\w+) (\d+ mg) (\d) tab po (\w+) (.+) (x \d+ d); (.+); (f/u .+)")
ABBREVIATIONS = re.compile(r"\b(?:po|qd|bid|tid|qid|ac|pc|c cibo|f/u|AE|EtOH|wk)\b")
MOST_WORDS = 45  # longer instructions repeat themselves or add what the order does not say


def points(order: str, answer: str) -> dict[str, bool]:
    """Map each point of an order, such as dose or warning, to whether an instruction states it in plain words.

    Args:
        order: the question on the sheet, which quotes the order.
        answer: the instruction.

    Raises:
        ValueError: the question does not quote an order of the example.
    """
    match = ORDER.search(order)
    if not match:
        raise ValueError(f"{order!r} is not an order of examples/orders/orders.csv")
    drug, dose, tablets, frequency, meal, duration, warning, review = match.groups()
    text = " ".join(answer.lower().split())
    return {
        "dose": all(part in text for part in (drug, dose, f"{tablets} tablet")),
        "frequency": FREQUENCIES[frequency] in text,
        "meal": MEALS[meal] in text,
        "duration": DURATIONS[duration] in text,
        "warning": WARNINGS[warning].rstrip(".").lower() in text,
        "review": REVIEWS[review].rstrip(".").lower() in text,
    }


def anna(order: str, answer: str) -> int:
    """Anna's grade of an instruction, from 1 to 5.

    She gives at most 2 if dose or frequency is missing. Each other missing point costs a grade, down to 3.
    """
    has = points(order, answer)
    if not (has["dose"] and has["frequency"]):
        return 2 if has["dose"] or has["frequency"] else 1
    return max(3, 5 - sum(not present for present in has.values()))


def ben(order: str, answer: str) -> int:
    """Ben's grade of an instruction, from 1 to 5.

    It is Anna's grade, or one less if the text has abbreviations or more than MOST_WORDS words.
    """
    unclear = bool(ABBREVIATIONS.search(answer)) or len(answer.split()) > MOST_WORDS
    return max(1, anna(order, answer) - unclear)


def graded(rows: list[Row], rater: str) -> list[Row]:
    """Fill in a rater's grades and comments in the rows of a sheet.

    Args:
        rows: rows of `likert.{rater}.csv`.
        rater: anna or ben.
    """
    rule = {"anna": anna, "ben": ben}[rater]
    grades = []
    for row in rows:
        order, answer = row["question"], unguarded(row["answer"])
        missing = [point for point, present in points(order, answer).items() if not present]
        grades.append(
            row | {"rating": str(rule(order, answer)), "comment": f"missing: {', '.join(missing)}" if missing else ""}
        )
    return grades


def main() -> None:
    """Grade the sheets of both raters, and print the paths of the written files."""
    sheets = [(rater, sheet) for rater in RATERS for sheet in SHEETS.glob(f"*/grading/likert.{rater}.csv")]
    if not sheets:
        sys.exit(f"{SHEETS}: no sheets. Run the commands of examples/orders/README.md.")
    for rater, sheet in sheets:
        path = RETURNED / sheet.parts[-3] / sheet.name
        write_csv(path, [{name: row[name] for name in COLUMNS} for row in graded(read_csv(sheet), rater)], COLUMNS)
        sys.stdout.write(f"{path} written\n")


if __name__ == "__main__":
    main()
