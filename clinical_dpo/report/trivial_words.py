"""Texts about trivial answers, which need no model: the majority label, or the positive label, for every item.

The texts are names of trivial answers, and remarks on variants. A remark says that a variant is not shown to beat a
trivial answer, or that it nearly always gives one label.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.config.trivial import MAJORITY
from clinical_dpo.io import optional_number
from clinical_dpo.variants import TITLES

Rows = Sequence[Mapping[str, Any]]
Bar = tuple[str, str, str]  # task, model, variant


def trivial_name(row: Mapping[str, Any]) -> str:
    """Name of a trivial answer: "majority label (No UTI)", "always UTI".

    Args:
        row: row of a trivial answer, from trivial.csv.
    """
    return f"majority label ({row['label']})" if row["variant"] == MAJORITY else f"always {row['label']}"


def rival_name(row: Mapping[str, Any], rows: Rows) -> str:
    """Name of the trivial answer with which a variant is compared.

    Args:
        row: row of the variant, from trivial.csv.
        rows: all rows of trivial.csv.
    """
    return trivial_name(_rival(row, rows))


def no_better(rows: Rows) -> set[Bar]:
    """The (task, model, variant) of each variant that is not shown to beat a trivial answer to its task.

    Args:
        rows: rows of trivial.csv, as computed or as read from CSV.
    """
    return {(row["task"], row["model"], row["variant"]) for row in rows if row["above_trivial"] == "false"}


def remarks(rows: Rows, task: str, model: str, variant: str) -> list[str]:
    """Sentences about a variant that is not shown to beat a trivial answer, or that nearly always gives one label.

    The list is empty for any other variant.

    Args:
        rows: rows of trivial.csv, as read from CSV; empty for a task without labels.
        task, model, variant: the variant's values in the columns `task`, `model` and `variant` of `rows`.
    """
    sentences = []
    for row in rows:
        if (row["task"], row["model"], row["variant"]) == (task, model, variant):
            title = TITLES[variant]
            if row["above_trivial"] == "false":
                answer = f"the answer {_rival(row, rows)['label']} to every item"
                sentences.append(f"{title} is not shown to be better than {answer}{_difference(row)}.")
            if row["one_label"] == "true":
                sentences.append(f"{title} answers {row['label']} to {float(row['label_share']):.0%} of the items.")
    return sentences


def _rival(row: Mapping[str, Any], rows: Rows) -> Mapping[str, Any]:
    """Row of the trivial answer with which a variant is compared.

    Args:
        row: row of the variant, from trivial.csv.
        rows: all rows of trivial.csv.
    """
    return next(other for other in rows if (other["task"], other["variant"]) == (row["task"], row["rival"]))


def _difference(row: Mapping[str, Any]) -> str:
    """Text of a variant's difference from a trivial answer, in percentage points; "" if it has no interval.

    Args:
        row: row of the variant, from trivial.csv. `difference`, `ci_low` and `ci_high` are differences of a metric that
            ranges from 0 to 1.
    """
    low, high = optional_number(row["ci_low"]), optional_number(row["ci_high"])
    if low is None or high is None:
        return ""
    level = 100 * float(row["level"])
    return f" ({100 * float(row['difference']):+.1f}, {level:.3g}% interval {100 * low:.1f} to {100 * high:.1f})"
