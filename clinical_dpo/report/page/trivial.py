"""Rows of the page's table that compares each variant with trivial answers (the same label for every item)."""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.io import Row, optional_number
from clinical_dpo.report.page.comparisons import Rows, Tasks
from clinical_dpo.report.trivial_words import rival_name, trivial_name
from clinical_dpo.statistics.trivial import METRICS
from clinical_dpo.variants import TITLES


def trivial_rows(trivial: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """Make a row for each trivial answer to a task, and a row for each variant of each model.

    A trivial answer gives every item the same label. Every row has metrics, and a text with the most frequent label and
    the share of items that get this label: "UTI: 62%". The row of a variant also compares the variant with the task's
    best trivial answer (see `compare_trivial`).

    Args:
        trivial: rows of reports/tables/trivial.csv.
        tasks: task -> settings with `title`.
        models: model -> name shown.
    """
    return [
        {
            "task": tasks[row["task"]]["title"],
            "model": models[row["model"]] if row["model"] else "no model",
            "variant": TITLES[row["variant"]] if row["model"] else trivial_name(row),
            "metrics": [_number(row[metric]) for metric in METRICS],
            "label": f"{row['label']}: {float(row['label_share']):.0%}",
            "one_label": row["one_label"] == "true" and bool(row["model"]),
            "against": _against(row, trivial) if row["model"] else "",
        }
        for row in trivial
    ]


def _number(value: Any) -> str:
    number = optional_number(value)
    return "–" if number is None else f"{number:.2f}"


def _against(row: Mapping[str, Any], trivial: Rows) -> str:
    difference, low, high = (optional_number(row[key]) for key in ("difference", "ci_low", "ci_high"))
    rival = rival_name(row, trivial)
    if difference is None or low is None or high is None:
        return f"not compared with {rival}"
    words = "better than" if row["above_trivial"] == "true" else "not shown to be better than"
    return f"{words} {rival}: {difference:+.2f} ({low:+.2f} to {high:+.2f})".replace("-", "−")
