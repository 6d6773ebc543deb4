"""Remarks on variants that are not shown to beat a trivial answer, or that nearly always give one label.

A trivial answer gives every item the same label and needs no model.
"""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.io import optional_number
from clinical_dpo.report.amounts import with_interval
from clinical_dpo.report.trivial_words import Rows, rival_of
from clinical_dpo.variants import TITLES


def remarks(rows: Rows, task: str, model: str, variant: str) -> list[str]:
    """Sentences about weak results of a variant. The list is empty if there are none.

    One sentence says that the variant is not shown to be better than a trivial answer (the same label for every item).
    Another sentence says that the variant gives nearly all items the same label.

    Args:
        rows: rows of trivial.csv, as read from CSV; empty for a task without labels.
        task, model, variant: the variant's values in the columns `task`, `model` and `variant` of `rows`.
    """
    sentences = []
    for row in rows:
        if (row["task"], row["model"], row["variant"]) == (task, model, variant):
            title = TITLES[variant]
            if row["above_trivial"] == "false":
                answer = f"the answer {rival_of(row, rows)['label']} to every item"
                sentences.append(f"{title} is not shown to be better than {answer}{_difference(row)}.")
            if row["one_label"] == "true":
                sentences.append(f"{title} answers {row['label']} to {float(row['label_share']):.0%} of the items.")
    return sentences


def _difference(row: Mapping[str, Any]) -> str:
    """Text of a variant's difference from a trivial answer; "" if the difference has no interval.

    Example: ` (+3.1, 95% interval -0.4 to 6.6, 200 items)`, in percentage points.

    Args:
        row: row of the variant, from trivial.csv.
    """
    low, high = optional_number(row["ci_low"]), optional_number(row["ci_high"])
    if low is None or high is None:
        return ""
    interval = (float(row["level"]), low, high)
    # F1, macro F1 and accuracy are compared. The scale of all three ends at 1.
    text = with_interval("accuracy", float(row["difference"]), interval, (0.0,))
    return f" ({text}, {row['n']} items)"
