"""Rows of a table of raters and judge, as read from CSV."""

from clinical_dpo.statistics.corrected import COLUMNS, CORRECTED


def corrected_row(**fields):
    """SFT on a task with 100 of 400 items rated, corrected by the sample."""
    shared = {"task": "uti", "model": "llama", "compared": "sft", "metric": "accuracy", "rated": "100", "items": "400"}
    shared |= {"basis": CORRECTED, "estimate": "0.71", "ci_low": "0.62", "ci_high": "0.79", "corrections": "24"}
    shared |= {"sample_estimate": "0.69", "sample_ci_low": "0.59", "sample_ci_high": "0.78"}
    shared |= {"judge_estimate": "0.88", "judge_ci_low": "0.84", "judge_ci_high": "0.91", "judge_weight": "0.4"}
    return dict.fromkeys(COLUMNS, "") | shared | {"data": "real", "status": "complete"} | fields


def pending_row(**fields):
    """The same while ratings are missing."""
    row = corrected_row(**fields)
    numbers = {name: "" for name in COLUMNS if name not in ("task", "model", "compared", "metric", "rated", "items")}
    return row | numbers | {"data": "real", "status": "pending"}
