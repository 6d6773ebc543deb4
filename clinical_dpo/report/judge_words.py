"""Texts about the checks of a judge (a language model that grades answers)."""

from collections.abc import Iterable, Mapping

from clinical_dpo.grading.judge.controls import REPEATED, SHUFFLED
from clinical_dpo.statistics.judge_bias import FAMILY, LENGTH, LONGER, ORDER
from clinical_dpo.variants import TITLES


def bias_words(row: Mapping[str, str]) -> str | None:
    """What a check of a judge found, as words that follow the judge's name.

    An example is "prefers the longer answer in 60% of 50 preferences". The result is None if the check is pending or
    has no estimate. For the check of model families, the result is also None if the check gives no warning.

    Args:
        row: row of judge_bias.csv, as read from CSV.
    """
    if row["status"] == "pending" or not row["estimate"]:
        return None
    value, n, warns = float(row["estimate"]), row["n"], row["suspicious"] == "true"
    share = f"{value:.0%}"
    texts = {
        ORDER: f"changes its verdict in {share} of {n} pairs when the two answers change places",
        LONGER: f"prefers the longer answer in {share} of {n} preferences",
        SHUFFLED: (
            f"grades {share} of {n} answers to other questions as correct"
            if row["judged"] == "correctness"
            else f"gives {n} answers to other questions a mean score of {value:.2f} on a scale from 0 to 1"
            if row["judged"] == "rubric"
            else f"gives {n} answers to other questions a mean grade of {value:.1f} on a scale from 1 to 5"
        ),
        REPEATED: f"gives the same verdict in {share} of {n} items that it judges twice",
    }
    if row["check"] == LENGTH:
        variant = TITLES[row["variant"]]
        if not warns:
            return f"gives longer answers of {variant} no higher grades (rank correlation {value:.2f})"
        grades = f"gives longer answers of {variant} higher grades (rank correlation {value:.2f})"
        return f"{grades}; the reason may be their length or their quality"
    if row["check"] == FAMILY:
        return f"is of the same family as {row['variant']}, and may favour it" if warns else None
    return texts[row["check"]]


def bias_lines(rows: Iterable[Mapping[str, str]], only_suspicious: bool = False) -> list[str]:
    """Return what the checks of judges found, as lines of text.

    There is one line per row of judge_bias.csv. A row for which `bias_words` returns None has no line.

    Args:
        rows: rows of judge_bias.csv of all tasks, as read from CSV.
        only_suspicious: whether to return only the lines of suspicious rows. If all lines are returned, the lines of
            suspicious rows end in "a warning".
    """
    return [
        f"{row['task']}, {row['model']}: judge {row['judge']} ({row['judged']}) {words}"
        + (" - a warning" if row["suspicious"] == "true" and not only_suspicious else "")
        for row in rows
        if (words := bias_words(row)) and (row["suspicious"] == "true" or not only_suspicious)
    ]
