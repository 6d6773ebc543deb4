"""The plan of test items: one row per task and spread, at the level of the family, with the margin's source."""

import re

from clinical_dpo.cluster.item_plan import COLUMNS, item_rows, item_text
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.metrics import METRICS
from clinical_dpo.config.study import merge
from clinical_dpo.statistics.planning import items_needed
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED


def test_rows_have_the_margin_the_level_and_the_spread_of_their_task():
    study = load_study(merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"margin": 0.1}}}}), ROOT)
    rows = item_rows(study)
    assert all(tuple(row) == COLUMNS for row in rows) and {row["task"] for row in rows} == set(study.tasks)
    uti = {row["spread"]: row for row in rows if row["task"] == "uti"}
    assert list(uti) == [0.1, 0.2, 0.3, 0.4, 0.5]
    row = uti[0.3]
    assert (row["margin"], row["alpha"], row["items"], row["spread_measure"]) == (0.1, 0.01, 200, "discordance")
    assert row["items_needed"] == items_needed(METRICS["f1"], 0.1, 0.3, 0.01)
    [row] = [row for row in rows if row["task"] == "summarization" and row["spread"] == 1.0]
    assert (row["spread_measure"], row["margin"], row["items"]) == ("sd", 0.2, 300)


def test_a_headline_metric_without_a_paired_interval_is_planned_by_right_answers():
    study = load_study(merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"metric": "balanced_accuracy"}}}}), ROOT)
    assert {(row["metric"], row["margin"]) for row in item_rows(study) if row["task"] == "uti"} == {("accuracy", 0.05)}


def test_the_text_has_a_line_per_task_and_names_a_default_margin():
    study = load_study(merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"margin": 0.2}}}}), ROOT)
    rows = item_rows(study)
    text = item_text(rows)
    needed = next(row["items_needed"] for row in rows if row["task"] == "uti" and row["spread"] == 0.3)
    assert re.search(
        rf"^uti +20 points \(set in the task file\) +0.01 +200 +10.9  0.1: none .* 0.3: {needed}", text, re.M
    )
    assert re.search(r"^meqsum +5 points \(default, not set by you\) +0.025 +200 ", text, re.M)
    assert re.search(r"^summarization +0.2 .* 0.01 +300 +0.20  0.5: ", text, re.M)
