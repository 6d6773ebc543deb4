"""The statistics table: its rows, and the grades that it refuses."""

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.statistics import comparisons as significance
from clinical_dpo.statistics import f1_effects, paired_tests, power
from tests.conftest import ROOT
from tests.helpers.grade_rows import grade_rows as graded
from tests.helpers.grade_rows import label_rows as labelled

SCHEMA = ROOT / "workflow" / "schemas" / "stats.schema.yaml"
FAMILY = ["uti", "reasoning", "summarization", "triage_personnel", "triage_urgency"]
UTI = {"name": "uti", "metric": "accuracy", "paired_test": "mcnemar", "data": "real", "seed": 1}
LABELS = UTI | {"metric": "f1", "positive": "UTI", "negative": "No UTI"}
SUMMARIES = {"name": "summarization", "metric": "likert", "paired_test": "paired_t", "data": "synthetic", "seed": 1}


def compare(base, sft, dpo, task=UTI, **options):
    grades = {("llama", "base"): base, ("llama", "sft"): sft, ("llama", "dpo"): dpo}
    rows = significance.compare_variants(grades, task, **{"alpha": 0.05, "family": FAMILY} | options)
    return {row["comparison"]: row for row in rows}


# 12 items right with sft only, 2 with base only, 36 with both: the first example of Newcombe 1998.
BASE, SFT = graded([0] * 12 + [1] * 2 + [1] * 36), graded([1] * 12 + [0] * 2 + [1] * 36)


def test_a_row_of_binary_grades_has_mcnemars_test():
    row = compare(BASE, SFT, SFT)["sft_vs_base"]
    assert (row["b"], row["c"], row["n"], row["statistic"]) == (12, 2, 50, 2)
    assert row["p_value"] == pytest.approx(stats.binomtest(2, 14).pvalue)
    assert row["p_mid"] == paired_tests.mcnemar_mid_p(12, 2)
    assert row["p_chi2"] == pytest.approx(mcnemar([[36, 12], [2, 0]], exact=False, correction=False).pvalue)
    assert row["p_chi2_corrected"] == pytest.approx(mcnemar([[36, 12], [2, 0]], exact=False).pvalue)
    assert row["secondary_measure"] is row["p_f1_permutation"] is row["p_wilcoxon"] is None


def test_a_row_of_binary_grades_has_newcombes_interval_and_the_smallest_detectable_difference():
    row = compare(BASE, SFT, SFT)["sft_vs_base"]
    assert row["effect_measure"] == "accuracy_difference" and row["effect"] == 0.2
    assert (row["effect_ci_low"], row["effect_ci_high"]) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    assert power.mcnemar_power(50, 0.2, row["smallest_detectable"], 0.01) == pytest.approx(0.8, abs=1e-6)


def test_significance_is_that_of_the_family():
    row = compare(BASE, SFT, SFT)["sft_vs_base"]
    assert row["p_adjusted"] == pytest.approx(5 * row["p_value"]) and row["threshold"] == 0.05 / 5
    assert row["significant"] == "false" and row["p_value"] < 0.05
    assert row["family"] == " ".join(FAMILY) and row["family_size"] == 5 and row["p_holm"] is None
    assert compare(BASE, SFT, SFT, family=["uti"])["sft_vs_base"]["significant"] == "true"


def test_answers_are_paired_by_id_in_any_order():
    rows = compare(BASE, SFT, SFT[::-1])
    same = rows["dpo_vs_sft"]
    assert (same["b"], same["c"], same["p_value"], same["p_adjusted"], same["effect"]) == (0, 0, 1, 1, 0)
    assert rows["dpo_vs_base"]["p_value"] == rows["sft_vs_base"]["p_value"]


def test_swapped_variants_change_the_sign_of_the_effect():
    row, swapped = compare(BASE, SFT, SFT)["sft_vs_base"], compare(SFT, BASE, BASE)["sft_vs_base"]
    assert (swapped["b"], swapped["c"], swapped["effect"]) == (2, 12, -0.2) and swapped["p_value"] == row["p_value"]


def test_rows_of_a_task_with_labels_have_the_f1_difference():
    labels = ["UTI", "No UTI"] * 30
    sft = labels[:50] + ["", "UTI"] * 5
    base = ["No UTI"] * 20 + labels[20:40] + ["UTI"] * 20
    row = compare(labelled(labels, base), labelled(labels, sft), labelled(labels, sft), LABELS)["sft_vs_base"]
    expected = f1_effects.f1_difference(labels, sft, base, ["UTI", "No UTI"], seed=1)
    assert row["effect_measure"] == "accuracy_difference" and row["secondary_measure"] == "f1_difference"
    assert row["secondary_effect"] == expected.difference > 0
    assert (row["secondary_ci_low"], row["secondary_ci_high"]) == expected.interval
    assert row["p_f1_permutation"] == expected.p_permutation


def test_interval_and_p_of_right_answers_agree():
    """Newcombe's interval excludes zero, and the exact P of 5 and 0 is .0625 (Altman 2000, p. 52)."""
    sft, base = graded([1] * 19 + [0] * 22), graded([1] * 14 + [0] * 27)
    row = compare(base, sft, sft, family=["uti"])["sft_vs_base"]
    assert (row["b"], row["c"], row["p_value"], row["significant"]) == (5, 0, 0.0625, "false")
    assert row["effect_ci_low"] < 0 < row["effect"] < row["effect_ci_high"] == pytest.approx(0.226, abs=5e-4)


def test_without_items_of_the_class_f1_is_empty_and_mcnemars_test_is_complete():
    base, sft = labelled(["No UTI"] * 4, ["No UTI", "", "", ""]), labelled(["No UTI"] * 4, ["No UTI"] * 4)
    row = compare(base, sft, sft, LABELS)["sft_vs_base"]
    assert row["secondary_effect"] is row["secondary_ci_low"] is row["p_f1_permutation"] is None
    assert (row["b"], row["p_value"], row["status"]) == (3, 0.25, "complete")


def test_one_item_has_a_p_of_one():
    row = compare(graded([0]), graded([1]), graded([1]))["sft_vs_base"]
    assert (row["n"], row["p_value"], row["effect"]) == (1, 1, 1) and row["smallest_detectable"] is None
    row = compare(graded([3]), graded([4]), graded([4]), SUMMARIES)["sft_vs_base"]
    assert row["effect"] == 1 and row["p_value"] is row["secondary_effect"] is row["smallest_detectable"] is None
    assert row["p_wilcoxon"] == 1


def test_helpfulness_is_a_proportion_and_rouge_a_mean():
    task = {"name": "pubmedqa", "metric": "helpfulness", "paired_test": "mcnemar", "data": "real", "seed": 1}
    row = compare(graded([0, 1, 0]), graded([1, 1, 1]), graded([1, 1, 1]), task)["sft_vs_base"]
    assert (row["effect_measure"], row["b"], row["p_value"]) == ("helpfulness_difference", 2, 0.5)
    task |= {"metric": "rouge_l", "paired_test": "paired_t"}
    base, sft = [0.1, 0.2, 0.3, 0.0], [0.4, 0.2, 0.7, 0.1]
    row = compare(graded(base), graded(sft), graded(sft), task)["sft_vs_base"]
    assert row["effect_measure"] == "mean_difference" and row["effect"] == pytest.approx(0.2)
    assert row["p_value"] == pytest.approx(stats.ttest_rel(sft, base).pvalue)


def test_holm_runs_over_the_tasks_of_a_family(tmp_path):
    rows = []
    for task, worse in zip(FAMILY[:3], (12, 9, 6), strict=True):
        base, sft = graded([0] * worse + [1] * 20), graded([1] * (worse + 20))
        pending = graded([""] * (worse + 20), status="pending")
        rows += compare(base, sft, pending, UTI | {"name": task}).values()
    rows += compare(
        graded([0] * 8), graded([1] * 8), graded([1] * 8), UTI | {"name": "other"}, family=["other"]
    ).values()
    write_csv(tmp_path / "stats.csv", rows, significance.COLUMNS)
    for table in (rows, read_csv(tmp_path / "stats.csv")):
        adjusted = significance.with_holm(table)
        assert [tuple(row) for row in adjusted] == [significance.COLUMNS] * 12
        first = [row for row in adjusted if row["comparison"] == "sft_vs_base"]
        p_values = [float(row["p_value"]) for row in first]
        assert [row["p_holm"] for row in first[:3]] == significance.holm(p_values[:3], 5)
        assert first[3]["p_holm"] == p_values[3]  # another family
        assert {row["p_holm"] for row in adjusted if row["status"] == "pending"} == {None}
        # p_holm_study is over all rows, pending rows too.
        p_or_none = [None if row["p_value"] in (None, "") else float(row["p_value"]) for row in adjusted]
        assert [row["p_holm_study"] for row in adjusted] == significance.holm(p_or_none, 12)
        assert all(row["p_holm_study"] >= float(row["p_value"]) for row in adjusted if row["p_holm_study"] is not None)


def test_rows_of_likert_grades():
    base, sft = [3, 4, 2, 5, 3, 4], [4, 4, 3, 5, 5, 4]
    row = compare(graded(base), graded(sft, proxy="true"), graded(sft), SUMMARIES)["sft_vs_base"]
    expected = stats.ttest_rel(sft, base)
    assert (row["statistic"], row["p_value"]) == pytest.approx((expected.statistic, expected.pvalue))
    interval = expected.confidence_interval(0.95)
    assert (row["effect_ci_low"], row["effect_ci_high"]) == pytest.approx((interval.low, interval.high))
    assert row["effect"] == pytest.approx(4 / 6) and row["b"] is row["c"] is None
    assert row["secondary_measure"] == "cohens_dz"
    assert row["secondary_effect"] == pytest.approx(row["statistic"] / 6**0.5)
    assert row["p_wilcoxon"] == paired_tests.wilcoxon(sft, base)[1] and row["p_mid"] is row["p_chi2"] is None
    assert row["smallest_detectable"] == power.detectable_mean_difference(6, 1.0, 0.01)  # a quarter of 1 to 5
    assert row["proxy"] == "true" and row["data"] == "synthetic"


def test_pending_grades_leave_the_numbers_empty():
    pending = graded([1, 1]) + graded(["", ""], ids=["q2", "q3"], status="pending")
    rows = compare(graded([1, 0, 1, 0]), graded([1, 1, 1, 0]), pending)
    assert rows["sft_vs_base"]["status"] == "complete"
    for comparison in ("dpo_vs_sft", "dpo_vs_base"):
        row = rows[comparison]
        assert (row["status"], row["n"]) == ("pending", 2)
        assert row["p_value"] is row["b"] is row["effect"] is row["significant"] is None


def test_a_test_that_is_not_defined_has_no_p():
    row = compare(graded([3, 4]), graded([4, 5]), graded([4, 5]), SUMMARIES)["sft_vs_base"]
    assert row["effect"] == 1 and row["status"] == "complete"
    assert row["p_value"] is row["p_adjusted"] is row["significant"] is row["effect_ci_low"] is None


def test_rows_keep_to_the_schema():
    validator = Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    rows = [*compare(graded([1, 0]), graded([1, 1]), graded(["", ""], status="pending")).values()]
    rows += compare(graded([3, 4]), graded([4, 5]), graded([4, 4]), SUMMARIES).values()
    for row in rows:
        assert tuple(row) == significance.COLUMNS == tuple(validator.schema["properties"])
        validator.validate(row)


@pytest.mark.parametrize(
    ("base", "sft", "message"),
    [
        (
            graded([1, 0], ["a", "b"]),
            graded([1], ["a"]),
            "uti/llama/sft: the table lacks 1 of the items that 'base' has, such as 'b'",
        ),
        (graded([1], ["a"]), graded([1, 0], ["a", "b"]), "uti/llama/base: the table lacks 1 of the items that 'sft'"),
        (graded([1, 0], ["a", "a"]), graded([1], ["a"]), "uti/llama/base: item 'a' occurs twice.*Remove one"),
        (graded([2], ["a"]), graded([1], ["a"]), "item a, field 'grade': '2' is not 0 or 1"),
        ([], [], "uti/llama/sft: the table has no rows"),
    ],
)
def test_an_error_names_grades_that_cannot_be_paired(base, sft, message):
    with pytest.raises(UserError, match=message):
        compare(base, sft, sft)


def test_labels_that_differ_between_variants_are_named():
    base, sft = labelled(["UTI", "No UTI"], ["UTI", "UTI"]), labelled(["UTI", "UTI"], ["UTI", "UTI"])
    with pytest.raises(
        UserError,
        match=r"uti, item q1, field 'label': the label is 'UTI' .* 'No UTI' .* Delete grades/\*\.csv of this task",
    ):
        compare(base, sft, sft, LABELS)


def test_an_answer_that_is_not_a_label_is_named():
    base, sft = labelled(["UTI", "No UTI"], ["UTI", "UTI"]), labelled(["UTI", "UTI"], ["UTI", "UTI"])
    with pytest.raises(UserError, match=r"uti, item q1, field 'parsed': 'cystitis' .* by one of: UTI, No UTI"):
        compare(base, labelled(["UTI", "No UTI"], ["UTI", "cystitis"]), sft, LABELS)


@pytest.mark.parametrize(("grades", "task"), [([0] * 6, UTI), ([1] * 6, UTI), ([3] * 6, SUMMARIES)])
def test_equal_grades_show_no_difference(grades, task):
    for row in compare(graded(grades), graded(grades), graded(grades), task).values():
        assert (row["effect"], row["p_value"], row["p_adjusted"], row["significant"]) == (0, 1, 1, "false")
        assert row["status"] == "complete"


def test_the_smallest_detectable_difference_does_not_depend_on_the_answers():
    random = np.random.default_rng(1)
    for task, grades in ((UTI, random.integers(0, 2, (3, 80))), (SUMMARIES, random.integers(1, 6, (3, 80)))):
        equal = compare(*[graded(grades[0].tolist())] * 3, task)["dpo_vs_sft"]
        other = compare(*(graded(each.tolist()) for each in grades), task)["dpo_vs_sft"]
        assert equal["smallest_detectable"] == other["smallest_detectable"] is not None


def test_a_test_that_does_not_fit_the_metric_is_refused():
    with pytest.raises(UserError, match=r"task 'uti', key 'paired_test': .* 'paired_t' .* Set paired_test: mcnemar"):
        compare(graded([1]), graded([1]), graded([1]), UTI | {"paired_test": "paired_t"})
