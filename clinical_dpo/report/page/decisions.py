"""Rows of the report page with the decisions on whether SFT is enough or DPO is worth its cost."""

from collections.abc import Mapping

from clinical_dpo.io import Row
from clinical_dpo.report.amounts import margin_text
from clinical_dpo.report.decision_sentences import over_seeds
from clinical_dpo.report.page.comparisons import Rows


def decision_rows(decisions: Rows, models: Mapping[str, str], seeds: Rows = ()) -> dict[str, list[Row]]:
    """Make a row for each task and model: verdict, reasons, margin, and what the published study concluded.

    Args:
        decisions: rows of reports/tables/decisions.csv. A row that compares DPO with SFT has its verdict and reasons in
            the column `sentence`. All other rows have no text in this column, and are left out.
        models: model -> name shown.
        seeds: rows of seeds.csv of all tasks; empty with a single training seed.

    Returns:
        Task -> its rows, one per model.
    """
    answers: dict[str, list[Row]] = {}
    for row in decisions:
        if row["sentence"]:
            verdict, colon, reasons = row["sentence"].partition(": ")
            answers.setdefault(row["task"], []).append(
                {
                    "model": models[row["model"]],
                    "verdict": verdict if colon else "",
                    "reasons": (reasons if colon else row["sentence"]) + over_seeds(row, seeds),
                    "margin": margin_text(row["metric"], float(row["margin"])),
                    "source": row["margin_source"],
                    "published": row["published"],
                }
            )
    return answers
