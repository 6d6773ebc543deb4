"""Paired tests and intervals against scipy, statsmodels and published examples."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from clinical_dpo import significance
from clinical_dpo.errors import UserError

SCHEMA = Path(__file__).parent.parent / "workflow" / "schemas" / "stats.schema.yaml"
UTI = {"name": "uti", "test": "mcnemar", "data": "real"}
SUMMARIES = {"name": "summarization", "test": "paired_t", "data": "synthetic"}


def graded(grades, ids=None, status="complete", grader="label", proxy="false"):
    return [
        {"id": name, "grade": str(grade), "grader": grader, "label": "", "parsed": "", "valid": "true"}
        | {"status": status, "proxy": proxy}
        for name, grade in zip(ids or [f"q{number}" for number in range(len(grades))], grades, strict=True)
    ]


def compare(base, sft, dpo, task=UTI, **options):
    grades = {("llama", "base"): base, ("llama", "sft"): sft, ("llama", "dpo"): dpo}
    rows = significance.compare_variants(grades, task, **{"alpha": 0.05, "family_size": 5} | options)
    return {row["comparison"]: row for row in rows}


def test_mcnemar_by_hand():
    assert significance.mcnemar_exact(0, 0) == 1
    assert significance.mcnemar_exact(0, 5) == pytest.approx(2 / 32)
    assert significance.mcnemar_exact(1, 5) == pytest.approx(2 * (1 + 6) / 64)
    assert significance.mcnemar_exact(3, 3) == 1  # both tails hold the middle term: capped


def test_mcnemar_equals_scipy_and_statsmodels_and_is_symmetric():
    for b in range(0, 30, 3):
        for c in range(1, 30, 4):
            p = significance.mcnemar_exact(b, c)
            assert p == pytest.approx(stats.binomtest(b, b + c, 0.5).pvalue, abs=1e-12)
            assert p == pytest.approx(mcnemar([[9, b], [c, 9]], exact=True).pvalue, abs=1e-12)
            assert p == significance.mcnemar_exact(c, b)


def test_paired_t_equals_scipy_and_changes_sign_when_swapped():
    generator = np.random.default_rng(0)
    x, y = generator.integers(1, 6, 40).tolist(), generator.integers(1, 6, 40).tolist()
    t, p = significance.paired_t(x, y)
    expected = stats.ttest_rel(x, y)
    assert (t, p) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-12)
    assert significance.paired_t(y, x) == pytest.approx((-t, p), abs=1e-12)


def test_paired_t_of_students_sleep_data():
    # Student 1908 (R's `sleep`): t = -4.0621, df = 9, P = .002833.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    assert significance.paired_t(first, second) == (pytest.approx(-4.0621, abs=5e-5), pytest.approx(0.002833, abs=5e-7))


def test_paired_t_where_it_is_not_defined():
    assert significance.paired_t([4], [3]) == (None, None)
    assert significance.paired_t([3, 4, 5], [3, 4, 5]) == (0, 1)
    assert significance.paired_t([4, 5], [3, 4]) == (None, None)
    assert significance.paired_t([4.1, 3.2], [4.0, 3.1]) == (None, None)  # constant but for rounding


@pytest.mark.parametrize(
    ("table", "interval"),
    [
        # Newcombe 1998, Stat Med 17:2635-2650, table III, method 10.
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        ((20, 12, 2, 16), (0.0562, 0.3292)),
        ((18, 12, 2, 18), (0.0562, 0.3290)),
        ((35, 14, 0, 1), (0.1461, 0.4175)),
        ((18, 14, 0, 18), (0.1441, 0.3963)),
        ((1, 97, 1, 1), (0.8736, 0.9850)),  # the print cuts 0.87367
        ((0, 30, 0, 0), (0.8395, 1.0)),
        ((54, 0, 0, 0), (-0.0664, 0.0664)),
        ((30, 0, 0, 24), (-0.0358, 0.0358)),
        ((14, 5, 0, 22), (0.011, 0.226)),  # Altman et al. 2000, Statistics with Confidence, p. 52
        ((59, 6, 16, 80), (-0.1186, -0.0046)),  # Fagerland et al. 2017, Contingency Tables, ch. 8: Cavo et al. 2012
    ],
)
def test_newcombe_interval_is_the_published_one(table, interval):
    rounding = 5e-4 if interval == (0.011, 0.226) else 1e-4
    assert significance.newcombe_paired(*table) == pytest.approx(interval, abs=rounding)


def test_newcombe_interval_changes_sign_when_swapped_and_stays_in_range():
    for table in [(36, 12, 2, 0), (0, 9, 0, 0), (5, 0, 0, 5), (0, 0, 0, 4), (3, 8, 8, 1), (1, 0, 0, 0)]:
        both, b, c, neither = table
        low, high = significance.newcombe_paired(both, b, c, neither)
        assert significance.newcombe_paired(both, c, b, neither) == pytest.approx((-high, -low), abs=1e-12)
        assert -1 <= low <= (b - c) / sum(table) <= high <= 1
    assert significance.newcombe_paired(0, 0, 0, 0) == (None, None)


def test_bonferroni_is_capped():
    assert significance.bonferroni(0.004, 5) == pytest.approx(0.02)
    assert significance.bonferroni(0.3, 5) == 1


@pytest.mark.parametrize(
    ("p", "printed"),
    [
        *[(0.0, "<.001"), (0.00099, "<.001"), (0.001, ".001"), (0.0034, ".003"), (0.0096, ".010"), (0.0151, ".02")],
        *[(0.04, ".04"), (0.0461, ".046"), (0.0512, ".05"), (0.55, ".55"), (0.99, ".99"), (0.995, ">.99"), (1, ">.99")],
        (None, "n/a"),
    ],
)
def test_p_as_printed(p, printed):
    assert significance.format_p(p) == printed


def test_rows_of_binary_grades():
    # 12 items right with sft only, 2 with base only, 36 with both: Newcombe's first example.
    base, sft = graded([0] * 12 + [1] * 2 + [1] * 36), graded([1] * 12 + [0] * 2 + [1] * 36)
    rows = compare(base, sft, list(reversed(sft)))
    row = rows["sft_vs_base"]
    assert (row["b"], row["c"], row["n"], row["statistic"]) == (12, 2, 50, 2)
    assert row["p_value"] == pytest.approx(stats.binomtest(2, 14).pvalue)
    assert row["p_adjusted"] == pytest.approx(5 * row["p_value"]) and row["threshold"] == 0.05 / 5
    assert row["significant"] == "false" and row["p_value"] < 0.05
    assert row["effect_measure"] == "accuracy_difference" and row["effect"] == 0.2
    assert (row["effect_ci_low"], row["effect_ci_high"]) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    # Order does not matter: pairs are made by id.
    same = rows["dpo_vs_sft"]
    assert (same["b"], same["c"], same["p_value"], same["p_adjusted"], same["effect"]) == (0, 0, 1, 1, 0)
    assert rows["dpo_vs_base"]["p_value"] == row["p_value"]
    assert compare(base, sft, sft, family_size=1)["sft_vs_base"]["significant"] == "true"
    swapped = compare(sft, base, base)["sft_vs_base"]
    assert (swapped["b"], swapped["c"], swapped["effect"]) == (2, 12, -0.2) and swapped["p_value"] == row["p_value"]


def test_rows_of_likert_grades():
    base, sft = [3, 4, 2, 5, 3, 4], [4, 4, 3, 5, 5, 4]
    row = compare(graded(base), graded(sft, proxy="true"), graded(sft), SUMMARIES)["sft_vs_base"]
    expected = stats.ttest_rel(sft, base)
    assert (row["statistic"], row["p_value"]) == pytest.approx((expected.statistic, expected.pvalue))
    interval = expected.confidence_interval(0.95)
    assert (row["effect_ci_low"], row["effect_ci_high"]) == pytest.approx((interval.low, interval.high))
    assert row["effect"] == pytest.approx(4 / 6) and row["b"] is row["c"] is None
    assert row["proxy"] == "true" and row["data"] == "synthetic"


def test_awaited_grades_leave_the_numbers_empty():
    waiting = graded([1, 1]) + graded(["", ""], ids=["q2", "q3"], status="pending")
    rows = compare(graded([1, 0, 1, 0]), graded([1, 1, 1, 0]), waiting)
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
    ("base", "sft", "said"),
    [
        (graded([1, 0], ["a", "b"]), graded([1], ["a"]), "uti/llama/sft: 1 items of the other variant .* first b"),
        (graded([1], ["a"]), graded([1, 0], ["a", "b"]), "uti/llama/base: 1 items of the other variant"),
        (graded([1, 0], ["a", "a"]), graded([1], ["a"]), "uti/llama/base: an item stands there twice"),
        (graded([2], ["a"]), graded([1], ["a"]), "item a, field 'grade': '2', where 0 or 1"),
    ],
)
def test_what_cannot_be_paired_is_named(base, sft, said):
    with pytest.raises(UserError, match=said):
        compare(base, sft, sft)
