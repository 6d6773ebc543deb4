"""Raters' sample, judge, and judge corrected by the sample, side by side and in the decisions."""

import random

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.errors import UserError
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.grading.judge.judge import COLUMNS as VERDICT_COLUMNS
from clinical_dpo.grading.judge.judge import judge_items
from clinical_dpo.grading.raters.rating_round import rater_grades, sheet_items
from clinical_dpo.grading.raters.sample import sampled_rows
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, key_rows
from clinical_dpo.io import read_csv, write_csv, write_jsonl
from clinical_dpo.report.decision_sentences import with_sentences
from clinical_dpo.schemas import SCHEMAS
from clinical_dpo.statistics.comparisons import compare_variants
from clinical_dpo.statistics.corrected import COLUMNS, CORRECTED, SAMPLE, corrected_table
from clinical_dpo.statistics.decisions import decisions
from clinical_dpo.statistics.grouped_grades import with_groups
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.prediction_powered import tuned_mean
from clinical_dpo.yaml_files import read_yaml
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.grade_rows import grade_rows
from tests.helpers.judging import between
from tests.helpers.rating import SECRET, rate
from tests.helpers.task_rows import task_row

TASK = {"name": "t", "metric": "accuracy", "paired_test": "mcnemar", "data": "real", "seed": 1}
MARGIN = {"value": 0.05, "source": "set in the task file", "sha256": "0" * 64}
SHARES = {"base": 0.5, "sft": 0.7, "dpo": 0.8}  # of right answers
ITEMS, RATED = 400, 100


def study(lenient=0.6, rated=RATED, seed=5):
    """Grades of raters and of a judge that calls a share `lenient` of the wrong answers right; and the true shares."""
    draw = np.random.default_rng(seed)
    raters, judge, truth = {}, {}, {}
    for variant, share in SHARES.items():
        right = (draw.random(ITEMS) < share).astype(int)
        called_right = np.where(draw.random(ITEMS) < lenient, 1, right)
        raters["m", variant] = grade_rows(right[:rated].tolist(), grader="physicians")
        judge["m", variant] = grade_rows(called_right.tolist(), grader="judge")
        truth[variant] = right
    return raters, judge, truth


def table(raters, judge, task=TASK, alpha=0.05):
    rows = {row["compared"]: row for row in corrected_table(raters, judge, task, alpha)}
    validator = Draft202012Validator(read_yaml(SCHEMAS / "corrected.schema.yaml"))
    for row in rows.values():
        assert tuple(row) == COLUMNS
        validator.validate(row)
    return rows


def as_read(rows):
    """Rows as `read_csv` returns them."""
    return [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]


def test_every_variant_and_comparison_has_a_row():
    assert list(table(*study()[:2])) == ["base", "sft", "dpo", "sft_vs_base", "dpo_vs_sft", "dpo_vs_base"]


@pytest.mark.parametrize("variant", SHARES)
def test_a_variant_has_the_sample_s_the_judge_s_and_the_corrected_share(variant):
    raters, judge, truth = study()
    row = table(raters, judge)[variant]
    sample = truth[variant][:RATED]
    called = np.array([int(each["grade"]) for each in judge["m", variant]])
    assert row["sample_estimate"] == pytest.approx(sample.mean())
    exact = proportion_confint(sample.sum(), RATED, method="beta")
    assert (row["sample_ci_low"], row["sample_ci_high"]) == pytest.approx(exact)
    assert row["judge_estimate"] == pytest.approx(called.mean())
    tuned = tuned_mean(sample, called[:RATED], called[RATED:])
    assert (row["estimate"], row["judge_weight"]) == pytest.approx(tuned)
    assert row["corrections"] == np.sum(sample != called[:RATED]) and row["basis"] == CORRECTED


def test_the_corrected_interval_holds_the_truth_and_the_judge_s_own_does_not():
    raters, judge, _ = study(lenient=0.6)
    rows = table(raters, judge)
    for variant, share in SHARES.items():
        row = rows[variant]
        assert row["ci_low"] < share < row["ci_high"] and not row["judge_ci_low"] < share < row["judge_ci_high"]


def test_a_difference_is_that_of_paired_grades():
    raters, judge, truth = study()
    row = table(raters, judge)["dpo_vs_base"]
    called = [np.array([int(each["grade"]) for each in judge["m", name]]) for name in ("dpo", "base")]
    sample = (truth["dpo"] - truth["base"])[:RATED]
    difference = called[0] - called[1]
    tuned = tuned_mean(sample, difference[:RATED], difference[RATED:])
    assert (row["estimate"], row["judge_weight"]) == pytest.approx(tuned)
    assert row["sample_estimate"] == pytest.approx(sample.mean()) and row["p_value"] < 0.05
    assert row["level_ci_low"] == row["ci_low"] < row["margin_ci_low"] < row["margin_ci_high"] < row["ci_high"]


def test_items_may_come_in_any_order():
    raters, judge, _ = study()
    shuffled = {key: random.Random(3).sample(rows, len(rows)) for key, rows in judge.items()}
    for name, row in table(raters, judge).items():
        assert table(raters, shuffled)[name]["estimate"] == pytest.approx(row["estimate"])


@pytest.mark.parametrize(("rated", "lenient"), [(79, 0.6), (100, 0.03)])
def test_with_a_small_sample_or_few_corrections_the_sample_alone_counts(rated, lenient):
    raters, judge, truth = study(lenient, rated)
    rows = table(raters, judge)
    for variant in SHARES:
        row = rows[variant]
        assert (row["basis"], row["judge_weight"]) == (SAMPLE, None)
        exact = proportion_confint(truth[variant][:rated].sum(), rated, method="beta")
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(exact)
    stats = compare_variants(raters, TASK, alpha=0.05, family=["t"])
    for stat in stats:
        row = rows[stat["comparison"]]
        assert (row["estimate"], row["p_value"]) == (stat["effect"], stat["p_value"])
        assert (row["ci_low"], row["ci_high"]) == (stat["effect_ci_low"], stat["effect_ci_high"])


def test_with_many_groups_the_sample_corrects_the_judge_and_copies_of_an_item_count_once():
    raters, judge, _ = study(lenient=0.9, rated=200)
    for rows in (*raters.values(), *judge.values()):
        for first, second in zip(rows[::2], rows[1::2], strict=True):
            second["grade"] = first["grade"]
    test = [{"id": f"q{i}", "group": f"p{i // 2}"} for i in range(ITEMS)]
    grouped, plain = table(with_groups(raters, test), with_groups(judge, test)), table(raters, judge)
    assert {row["basis"] for row in grouped.values()} == {CORRECTED}
    for name, row in grouped.items():
        assert row["estimate"] == pytest.approx(plain[name]["estimate"])
        width, narrow = (each["ci_high"] - each["ci_low"] for each in (row, plain[name]))
        assert width == pytest.approx(2**0.5 * narrow, rel=0.05)


@pytest.mark.parametrize("metric", ["accuracy", "likert"])
def test_with_few_groups_the_sample_alone_counts_with_the_intervals_of_groups(metric):
    task = TASK | {"metric": metric, "paired_test": "mcnemar" if metric == "accuracy" else "paired_t"}
    raters, judge, _ = study()
    test = [{"id": f"q{i}", "group": f"p{i // 4}"} for i in range(ITEMS)]  # 25 groups have rated items
    if metric == "likert":  # 1 and 5
        for rows in (*raters.values(), *judge.values()):
            for row in rows:
                row["grade"] = str(1 + 4 * int(row["grade"]))
    raters, judge = with_groups(raters, test), with_groups(judge, test)
    rows = table(raters, judge, task)
    assert {row["basis"] for row in rows.values()} == {SAMPLE}
    shown = {row["variant"]: row for row in task_metrics(raters, task) if row["metric"] == METRICS[metric].name}
    judged = {row["variant"]: row for row in task_metrics(judge, task) if row["metric"] == METRICS[metric].name}
    for variant in SHARES:
        row = rows[variant]
        assert (row["estimate"], row["ci_low"]) == (shown[variant]["estimate"], shown[variant]["ci_low"])
        assert (row["judge_ci_low"], row["judge_ci_high"]) == (judged[variant]["ci_low"], judged[variant]["ci_high"])
    for stat in compare_variants(raters, task, alpha=0.05, family=["t"]):
        row = rows[stat["comparison"]]
        assert (row["estimate"], row["p_value"]) == pytest.approx((stat["effect"], stat["p_value"]))
        assert (row["ci_low"], row["ci_high"]) == (stat["effect_ci_low"], stat["effect_ci_high"])


def test_grades_on_a_scale_are_means():
    draw = np.random.default_rng(8)
    raters, judge, means = {}, {}, {}
    for variant, centre in (("base", 2), ("sft", 3), ("dpo", 4)):
        grades = np.clip(draw.integers(centre - 1, centre + 2, ITEMS), 1, 5)
        raters["m", variant] = grade_rows(grades[:RATED].tolist(), grader="physicians")
        judge["m", variant] = grade_rows(np.clip(grades + draw.integers(0, 3, ITEMS), 1, 5).tolist(), grader="judge")
        means[variant] = grades
    rows = table(raters, judge, TASK | {"metric": "likert", "paired_test": "paired_t"})
    row, first, second = rows["dpo_vs_sft"], means["dpo"][:RATED], means["sft"][:RATED]
    assert row["basis"] == CORRECTED and row["p_value"] < 1e-6
    assert (row["sample_ci_low"], row["sample_ci_high"]) == pytest.approx(DescrStatsW(first - second).tconfint_mean())
    assert rows["base"]["ci_low"] < means["base"].mean() < rows["base"]["ci_high"] < rows["base"]["judge_ci_low"]


def test_a_missing_rating_or_verdict_makes_a_row_pending():
    raters, judge, _ = study()
    raters["m", "dpo"][3] |= {"status": "pending", "grade": ""}
    rows = table(raters, judge)
    assert {name for name, row in rows.items() if row["status"] == "pending"} == {"dpo", "dpo_vs_sft", "dpo_vs_base"}
    assert rows["dpo"]["estimate"] is None and (rows["dpo"]["rated"], rows["dpo"]["items"]) == (RATED, ITEMS)


def test_a_sampled_item_without_a_verdict_is_refused():
    raters, judge, _ = study()
    del judge["m", "base"][0]
    with pytest.raises(UserError, match=r"verdicts on t/m/base: the judge has no verdict on .* such as 'q0'"):
        corrected_table(raters, judge, TASK, 0.05)


def decided(raters, judge):
    corrected = as_read(corrected_table(raters, judge, TASK, 0.05))
    stats = as_read(compare_variants(raters, TASK, alpha=0.05, family=["t"]))
    rows = decisions(stats, raters, TASK, MARGIN, corrected=corrected)
    validator = Draft202012Validator(read_yaml(SCHEMAS / "decisions.schema.yaml"))
    made = with_sentences(rows, {}, 0.05, headline=TASK["metric"])
    for row in made:
        validator.validate(row)
    return {row["comparison"]: row for row in made}, {row["compared"]: row for row in corrected}


def test_a_decision_takes_the_corrected_difference():
    made, corrected = decided(*study()[:2])
    for comparison, row in made.items():
        assert row["effect"] == float(corrected[comparison]["estimate"])
        assert row["margin_ci_low"] == float(corrected[comparison]["margin_ci_low"])
        assert (row["basis"], row["rated"], row["n"]) == (CORRECTED, RATED, ITEMS)
        assert row["grader"] == "physicians and judge"
    assert made["sft_vs_base"]["decision"] == made["dpo_vs_base"]["decision"] == "better"
    assert "[judge corrected by the sample of 100 rated items]" in made["dpo_vs_sft"]["sentence"]


def test_a_decision_from_the_sample_alone_says_so():
    made, _ = decided(*study(rated=60)[:2])
    row = made["dpo_vs_sft"]
    assert (row["basis"], row["rated"], row["n"]) == (SAMPLE, 60, 60)
    assert "[sample alone of 60 rated items]" in row["sentence"] and "rated items would decide" in row["sentence"]


def test_a_decision_waits_for_the_judge():
    raters, judge, _ = study()
    judge["m", "sft"][399] |= {"status": "pending", "grade": ""}
    made, _ = decided(raters, judge)
    assert made["dpo_vs_sft"]["sentence"].startswith("Grades awaited.") and made["dpo_vs_sft"]["decision"] is None
    assert made["dpo_vs_base"]["status"] == "complete"


def test_from_sheets_and_a_real_server_to_the_corrected_share(tmp_path):
    """A judge behind HTTP calls every answer right that names a dose; raters grade 80 of 160 items."""
    draw = np.random.default_rng(2)
    rows = [task_row(f"r{i}", f"Question {i}?", f"reference {i}") for i in range(160)]
    right = {variant: draw.random(160) < share for variant, share in SHARES.items()}
    doses = draw.random(160) < 0.5
    write_jsonl(tmp_path / "test.jsonl", rows)
    answers = {}
    for variant in SHARES:
        texts = [f"{'right' if right[variant][i] else 'wrong'} {variant}{' 5 mg' * int(doses[i])}" for i in range(160)]
        write_jsonl(tmp_path / f"{variant}.jsonl", [{"id": f"r{i}", "text": text} for i, text in enumerate(texts)])
        answers[variant] = str(tmp_path / f"{variant}.jsonl")

    def verdict(messages):
        answer = between(messages[0]["content"], "answer")
        return "correct" if "right" in answer or "mg" in answer else "incorrect"

    with FaultyServer(say=verdict) as server:
        items = sheet_items("correctness", tmp_path / "test.jsonl", answers, 42)
        verdicts, record = judge_items("correctness", items, server.endpoint(concurrency=8), tmp_path / "r.jsonl")
    write_csv(tmp_path / "verdicts.csv", verdicts, VERDICT_COLUMNS)
    assert record["status"] == "complete" and len(items) == 480
    sampled = sheet_items("correctness", tmp_path / "test.jsonl", answers, 42, sample=80)
    key = key_rows(sampled, "correctness", "correctness", ["r1"], SECRET)
    key_path = tmp_path / "results/t/m/grading/keys/correctness.csv"
    key_path.parent.mkdir(parents=True)
    write_csv(key_path, key, KEY_COLUMNS)
    words = {item.item_id: "correct" if "right" in item.answers[0] else "incorrect" for item in sampled}
    (tmp_path / "ratings").mkdir()
    rate(tmp_path / "ratings/correctness.r1.csv", read_csv(key_path), "r1", words)
    sample = sampled_rows(rows, 80, 42)
    raters = rater_grades(str(key_path), tmp_path / "ratings", None, sample)
    judged = read_csv(tmp_path / "verdicts.csv")
    measured = table(
        {("m", variant): grades for variant, grades in raters.items()},
        {("m", variant): judge_grades(judged, variant, rows) for variant in SHARES},
    )
    assert {len(grades) for grades in raters.values()} == {len(sample)} == {80}
    for variant, share in SHARES.items():
        row, truth = measured[variant], right[variant].mean()
        assert row["judge_estimate"] == pytest.approx((right[variant] | doses).mean())
        if (1 - share) * 40 > 15:  # enough corrections
            assert row["basis"] == CORRECTED and row["ci_low"] < truth < row["ci_high"]
