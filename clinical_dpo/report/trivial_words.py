"""Name trivial answers, and find the variants that are not significantly better than a trivial answer.

A trivial answer gives every item the same label, the majority label or the positive label. It needs no model.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.config.trivial import MAJORITY

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
    return trivial_name(rival_of(row, rows))


def rival_of(row: Mapping[str, Any], rows: Rows) -> Mapping[str, Any]:
    """Find the row of the trivial answer (one label for every item) with which a variant is compared.

    Args:
        row: row of the variant, from trivial.csv. Its `rival` names the trivial answer.
        rows: all rows of trivial.csv.
    """
    return next(other for other in rows if (other["task"], other["variant"]) == (row["task"], row["rival"]))


def no_better(rows: Rows) -> set[Bar]:
    """Find the variants that are not significantly better than a trivial answer (one label for every item).

    Args:
        rows: rows of trivial.csv, as computed or as read from CSV.

    Returns:
        The (task, model, variant) of each of these variants.
    """
    return {(row["task"], row["model"], row["variant"]) for row in rows if row["above_trivial"] == "false"}
