"""Rows of the page's table of decisions."""

from collections.abc import Mapping

from clinical_dpo.io import Row
from clinical_dpo.report.decision_sentences import margin_text
from clinical_dpo.report.page.comparisons import Rows, Tasks


def decision_rows(decisions: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """One row per task and model: its sentence, its margin, and what the paper concluded.

    Args:
        decisions: rows of reports/tables/decisions.csv.
        tasks: task -> title.
        models: model -> name shown.
    """
    return [
        {
            "task": tasks[row["task"]]["title"],
            "model": models[row["model"]],
            "sentence": row["sentence"],
            "margin": margin_text(row["metric"], float(row["margin"])),
            "source": row["margin_source"],
            "published": row["published"] or "–",
        }
        for row in decisions
        if row["sentence"]
    ]
