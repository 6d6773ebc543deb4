"""Rows of a table of decisions."""

from clinical_dpo.statistics.decisions import COLUMNS


def decision_row(**fields):
    """DPO against SFT on a task with the headline F1, as `statistics.decisions.decisions` makes it."""
    shared = {"task": "uti", "model": "llama", "comparison": "dpo_vs_sft", "metric": "f1", "n": 200, "margin": 0.05}
    shared |= {"margin_source": "default, not set by you", "level": 0.99, "margin_level": 0.98, "grader": "label"}
    shared |= {"margin_ci_low": -0.1, "margin_ci_high": 0.1}
    return dict.fromkeys(COLUMNS) | shared | {"proxy": "false", "data": "real", "status": "complete"} | fields
