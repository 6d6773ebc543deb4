"""Verdicts of the report page: what they follow from, and what they name."""

import pytest

from clinical_dpo.report.page.page import report_page
from clinical_dpo.report.page.tables import verdict
from clinical_dpo.statistics import comparisons as significance
from tests.helpers.figure2 import tables
from tests.helpers.report_page import MODELS, TASKS, Page, costs, page
from tests.helpers.trivial_rows import YES_TO_ALL, trivial_rows


def test_the_page_counts_and_names_the_verdicts():
    text = page().text
    assert "SFT against Base, 2 comparisons: better in 1, worse in 0, no difference shown in 1." in text
    assert "DPO against SFT, 2 comparisons: better in 0, worse in 0, no difference shown in 2." in text
    assert "SFT better than Base" in text and "no difference shown between DPO and SFT" in text


def test_a_variant_that_is_no_better_than_a_trivial_answer_is_not_called_better():
    text = page(trivial=trivial_rows(sft=YES_TO_ALL)).text
    assert "SFT better than Base" not in text and "SFT better than Base" in page(trivial=trivial_rows()).text
    assert "SFT ahead of Base in right answers, not shown to be better than a trivial answer" in text
    assert "better in 0, worse in 0, no difference shown in 1, ahead but not shown to be better than a trivial" in text


@pytest.mark.parametrize(
    ("effect", "significant", "status", "kind"),
    [
        (0.2, "true", "complete", "better"),
        ("-0.2", "true", "complete", "worse"),
        (0.2, "false", "complete", "open"),
        (None, None, "complete", "untested"),
        ("", "", "pending", "pending"),
    ],
)
def test_a_verdict_follows_the_test(effect, significant, status, kind):
    row = {"comparison": "dpo_vs_sft", "effect": effect, "significant": significant, "status": status}
    assert verdict(row)[0] == kind


@pytest.mark.parametrize(
    ("significant", "p_f1", "effect", "f1", "kind", "words"),
    [
        (
            "true",
            "0.2",
            "-0.175",
            "0.05",
            "mixed",
            "DPO against SFT: F1 is higher, but the share of right answers is lower",
        ),
        (
            "false",
            "0.001",
            "0.01",
            "-0.2",
            "mixed",
            "DPO against SFT: F1 is lower, but the share of right answers is higher",
        ),
        (
            "false",
            "0.2",
            "0.01",
            "-0.02",
            "open",
            "DPO against SFT: F1 is lower, but the share of right answers is higher",
        ),
        ("true", "0.001", "0.1", "0.2", "better", "DPO better than SFT in right answers"),
        ("true", "0.2", "-0.1", "-0.2", "worse", "DPO worse than SFT in right answers, no difference shown in F1"),
        (
            "false",
            "0.001",
            "0.1",
            "0.2",
            "open",
            "no difference shown between DPO and SFT in right answers, but F1 of DPO is higher",
        ),
    ],
)
def test_a_verdict_names_right_answers_and_f1(significant, p_f1, effect, f1, kind, words):
    row = {"comparison": "dpo_vs_sft", "status": "complete", "significant": significant, "threshold": "0.01"}
    row |= {"effect_measure": "accuracy_difference", "effect": effect, "p_f1_permutation": p_f1}
    assert verdict(row | {"secondary_measure": "f1_difference", "secondary_effect": f1}) == (kind, words)


def test_both_tests_of_a_task_with_labels_stand_in_the_table_and_each_names_what_it_compares():
    metric_rows, stats_rows = tables()
    [row] = [row for row in stats_rows if (row["model"], row["comparison"]) == ("llama", "dpo_vs_sft")]
    row |= {"effect": -0.175, "effect_ci_low": -0.25, "effect_ci_high": -0.0003, "p_value": 0.0096}
    row |= {"significant": "true", "secondary_effect": 0.05, "secondary_ci_low": -0.0004, "secondary_ci_high": 0.1}
    row |= {"p_f1_permutation": 0.0512}
    given = {"metrics": metric_rows, "stats": significance.with_holm(stats_rows), "cost": costs()}
    text = Page(report_page(**given, tasks=TASKS, models=MODELS)).text
    assert "F1 and right answers point different ways in 1" in text
    # Limits keep the digits that show their side of zero, P those that show its side of the threshold.
    assert "−17.50 points (−25.00 to −0.03) .0096* right answers (McNemar)" in text
    assert "+0.0500 (−0.0004 to +0.1000) .05 F1 (permutation) –" in text
    assert "Holm’s P is corrected over all tasks" in text
