"""Tables of metrics, comparisons and decisions of a task whose test items are in groups."""

import numpy as np
import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, write_csv, write_jsonl
from clinical_dpo.schemas import validate
from clinical_dpo.statistics import clustered
from clinical_dpo.statistics.comparisons import COLUMNS, compare_variants
from clinical_dpo.statistics.decisions import decisions
from clinical_dpo.statistics.f1_effects import f1_difference
from clinical_dpo.statistics.grouped_grades import read_grouped_grades, with_groups
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.trivial import compare_trivial
from clinical_dpo.statistics.unreadable import vary_unreadable
from tests.helpers.grade_rows import grade_rows, label_rows

LABELS = {"name": "uti", "metric": "f1", "paired_test": "mcnemar", "data": "real", "seed": 1}
LABELS |= {"positive": "UTI", "negative": "No UTI"}
LIKERT = {"name": "notes", "metric": "likert", "paired_test": "paired_t", "data": "real", "seed": 1}
LEVELS = LABELS | {"metric": "macro_f1", "labels": ["a", "b", "c"], "ordered": True, "positive": "", "negative": ""}
RNG = np.random.default_rng(8)
GROUPS = np.repeat(np.arange(24), 5)


def answered(classes, shift):
    """Labels and answers of 24 groups of 5 items."""
    truth = np.random.default_rng(1).integers(0, len(classes), len(GROUPS))
    ease = np.random.default_rng(2).normal(0.5, 1.5, 24)[GROUPS]
    right = RNG.random(len(GROUPS)) < 1 / (1 + np.exp(-ease - shift))
    answers = np.where(right, truth, (truth + 1) % len(classes))
    return [classes[i] for i in truth], [classes[i] for i in answers]


def items(groups=GROUPS):
    return [{"id": f"q{i}", "group": f"p{group:03d}"} for i, group in enumerate(groups)]


def grades_of(classes=("UTI", "No UTI")):
    return {("llama", variant): label_rows(*answered(classes, shift)) for variant, shift in
            (("base", -0.5), ("sft", 0.0), ("dpo", 1.5))}  # fmt: skip


def likert_grades():
    ease = RNG.normal(0, 0.8, 24)[GROUPS]
    means = {"base": 2.4, "sft": 3.0, "dpo": 3.3}
    return {
        ("llama", variant): grade_rows(np.clip(np.round(mean + ease + RNG.normal(0, 0.6, 120)), 1, 5).tolist())
        for variant, mean in means.items()
    }


def stats_of(grades, task):
    rows = compare_variants(grades, task, alpha=0.05, family=[task["name"]])
    for row in rows:
        validate(row, "stats", "row")
    return {row["comparison"]: row for row in rows}


def test_right_answers_and_f1_have_the_clustered_tests_and_the_others_beside_them():
    plain = grades_of()
    row = stats_of(with_groups(plain, items()), LABELS)["dpo_vs_sft"]
    independent = stats_of(plain, LABELS)["dpo_vs_sft"]
    first, second = ([float(each["grade"]) for each in plain["llama", variant]] for variant in ("dpo", "sft"))
    share = clustered.share_difference(first, second, GROUPS)
    assert (row["test"], row["n_groups"], row["b"]) == ("obuchowski", 24, independent["b"])
    assert (row["statistic"], row["p_value"], row["effect"]) == (share.statistic, share.p_value, share.effect)
    assert (row["effect_ci_low"], row["effect_ci_high"]) == share.interval
    assert row["p_unclustered"] == independent["p_value"] != row["p_value"]
    assert row["unclustered_ci_low"] == independent["effect_ci_low"]
    assert row["p_mid"] is row["p_chi2"] is row["smallest_detectable"] is None
    labels = [each["label"] for each in plain["llama", "dpo"]]
    parsed = [[each["parsed"] for each in plain["llama", variant]] for variant in ("dpo", "sft")]
    f1 = f1_difference(labels, *parsed, ["UTI", "No UTI"], 1, groups=GROUPS)
    assert (row["secondary_effect"], row["p_f1_permutation"]) == (f1.difference, f1.p_permutation)
    assert (row["secondary_ci_low"], row["secondary_ci_high"]) == f1.interval


def test_means_have_the_clustered_t_test():
    plain = likert_grades()
    row = stats_of(with_groups(plain, items()), LIKERT)["sft_vs_base"]
    differences = np.subtract(*([float(each["grade"]) for each in plain["llama", v]] for v in ("sft", "base")))
    expected = clustered.clustered_mean(differences, GROUPS)
    assert (row["test"], row["p_value"], row["effect"]) == ("clustered_t", expected.p_value, expected.mean)
    assert row["p_unclustered"] == stats_of(plain, LIKERT)["sft_vs_base"]["p_value"]
    assert row["p_wilcoxon"] is row["secondary_ci_low"] is None


@pytest.mark.parametrize(
    ("task", "grades"), [(LABELS, grades_of()), (LIKERT, likert_grades()), (LEVELS, grades_of(("a", "b", "c")))]
)
def test_every_metric_has_the_interval_of_groups_and_that_of_independent_items(task, grades):
    plain = task_metrics(grades, task)
    rows = task_metrics(with_groups(grades, items()), task)
    for row, independent in zip(rows, plain, strict=True):
        validate(row, "metrics", "row")
        assert (row["metric"], row["estimate"], row["n_groups"]) == (independent["metric"], independent["estimate"], 24)
        assert (row["unclustered_ci_low"], row["unclustered_ci_high"]) == (
            independent["ci_low"],
            independent["ci_high"],
        )
        assert row["ci_method"] is None or "cluster" in row["ci_method"]
        assert independent["n_groups"] is independent["unclustered_ci_low"] is None
    headline, plain_headline = rows[0], plain[0]
    widths = [each["ci_high"] - each["ci_low"] for each in (headline, plain_headline)]
    assert widths[0] > 1.15 * widths[1]  # items of a group are alike here


@pytest.mark.parametrize(("task", "grades"), [(LABELS, grades_of()), (LIKERT, likert_grades())])
def test_groups_of_one_item_change_no_number(task, grades):
    single = with_groups(grades, items(range(120)))
    for name, row in stats_of(single, task).items():
        assert row == stats_of(grades, task)[name] | {"n_groups": 120}
    assert task_metrics(single, task) == [row | {"n_groups": 120} for row in task_metrics(grades, task)]


def test_decisions_trivial_answers_and_unreadable_answers_use_the_intervals_of_groups(tmp_path):
    plain = grades_of()
    grouped = with_groups(plain, items())
    margin = {"value": 0.05, "source": "task file", "sha256": "a" * 64}
    tables = {}
    for name, grades in (("plain", plain), ("grouped", grouped)):
        write_csv(tmp_path / f"{name}.csv", list(stats_of(grades, LABELS).values()), COLUMNS)
        tables[name] = (
            decisions(read_csv(tmp_path / f"{name}.csv"), grades, LABELS, margin),
            compare_trivial(grades, ["UTI", "No UTI"], LABELS, 0.05),
            vary_unreadable(grades, LABELS, 0.05, 0.05),
        )
    for independent, clustered_rows in zip(tables["plain"], tables["grouped"], strict=True):
        changed = [
            row["ci_high"] - row["ci_low"] != other["ci_high"] - other["ci_low"]
            for row, other in zip(independent, clustered_rows, strict=True)
            if row["ci_low"] is not None
        ]
        assert all(changed) and changed


def test_groups_come_from_the_test_split(tmp_path):
    path = tmp_path / "results/uti/llama/grades/base.csv"
    path.parent.mkdir(parents=True)
    write_csv(path, grades_of()["llama", "base"], tuple(grades_of()["llama", "base"][0]))
    write_jsonl(tmp_path / "test.jsonl", items())
    grouped = read_grouped_grades([str(path)], str(tmp_path / "test.jsonl"))
    assert [row["group"] for row in grouped["llama", "base"]] == [row["group"] for row in items()]
    assert "group" not in read_grouped_grades([str(path)], [])["llama", "base"][0]


def test_a_grade_of_another_item_is_refused_by_its_id():
    with pytest.raises(UserError, match=r"llama/base: item 'q119' is not in the test split"):
        with_groups(grades_of(), items()[:-1])
