"""Rows of the page's table that compares three estimates of the same quantity.

The first estimate comes from the raters' grades of a sample. The second comes from the judge's grades of all items. The
third is the judge's estimate, corrected by the sample, or the first estimate if no reliable correction is possible.
"""

from collections.abc import Mapping

from clinical_dpo.io import Row, optional_number
from clinical_dpo.report.page.comparisons import Rows, Tasks, compared_name
from clinical_dpo.variants import TITLES


def corrected_rows(corrected: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """Make a row for each variant and a row for each comparison, with three estimates and their intervals.

    The first estimate comes from the sample that raters graded. The second estimate comes from the judge, a language
    model that graded all items. The third estimate is used for decisions. The column `basis` says how the third
    estimate was made.

    Args:
        corrected: rows of reports/tables/corrected.csv.
        tasks: task -> settings with `title`.
        models: model -> name shown.
    """
    return [
        {
            "task": tasks[row["task"]]["title"],
            "model": models[row["model"]],
            "compared": compared_name(row["compared"]),
            "estimates": [_estimate(row, prefix) for prefix in ("sample_", "judge_", "")],
            "basis": "pending" if row["status"] == "pending" else row["basis"],
            "rated": f"{row['rated']} of {row['items']}",
            "corrections": row["corrections"] or "–",
        }
        for row in corrected
    ]


def _estimate(row: Mapping[str, str], prefix: str) -> str:
    estimate, low, high = (optional_number(row[f"{prefix}{name}"]) for name in ("estimate", "ci_low", "ci_high"))
    if estimate is None:
        return "–"
    sign = "" if row["compared"] in TITLES else "+"
    interval = "" if low is None or high is None else f" ({low:{sign}.2f} to {high:{sign}.2f})"
    return f"{estimate:{sign}.2f}{interval}".replace("-", "−")
