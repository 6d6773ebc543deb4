"""Rows of the page's table of decisions."""

from collections.abc import Mapping

from clinical_dpo.io import Row
from clinical_dpo.report.decision_sentences import margin_text, over_seeds
from clinical_dpo.report.page.comparisons import Rows, Tasks


def decision_rows(decisions: Rows, tasks: Tasks, models: Mapping[str, str], seeds: Rows = ()) -> list[Row]:
    """One row per task and model: its sentence, its margin, and what the paper concluded.

    Args:
        decisions: rows of reports/tables/decisions.csv.
        tasks: task -> title.
        models: model -> name shown.
        seeds: rows of seeds.csv of all tasks; empty with a single training seed.
    """
    return [
        {
            "task": tasks[row["task"]]["title"],
            "model": models[row["model"]],
            "sentence": row["sentence"] + over_seeds(row, seeds),
            "margin": margin_text(row["metric"], float(row["margin"])),
            "source": row["margin_source"],
            "published": row["published"] or "–",
        }
        for row in decisions
        if row["sentence"]
    ]
