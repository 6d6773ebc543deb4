"""A judge's verdicts become grades, preferences and agreement."""

import random

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.grading.judge.judge import warnings
from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.statistics.agreement import cohen_kappa, judge_agreement
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.rater_reliability import krippendorff_alpha
from clinical_dpo.statistics.win_rate import win_rates
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import between, graded, judged
from tests.helpers.rating import rate, sheet, study

NAMES = {"task": "t", "model": "m", "data": "synthetic"}


def prefer_longer(messages):
    """Prefer the longer answer, A of two equally long ones."""
    text = messages[0]["content"]
    first, second = (len(between(text, f"answer {side}")) for side in "AB")
    return "A" if first >= second else "B"


@pytest.fixture
def likert(tmp_path):
    """Verdicts and record of a Likert judge of the study, and the requests that its server received."""
    with FaultyServer(say=graded) as server:
        verdicts, record = judged("likert", server, tmp_path)
    return verdicts, record, server.received


def test_an_answer_of_several_variants_is_judged_once(likert):
    assert len(likert[2]) == 8 + 8 + 6  # dpo repeats two of sft's answers


def test_likert_grades_reach_every_variant_that_gives_the_answer(likert):
    rows, answers = study()
    grades = {variant: judge_grades(likert[0], variant, rows) for variant in answers}
    assert [row["grade"] for row in grades["dpo"]] == ["3", "5", "5", "5"] * 2
    assert {row["grade"] for row in grades["base"]} == {"1"}
    assert {(row["grader"], row["status"], row["proxy"]) for row in grades["sft"]} == {("judge", "complete", "false")}


def test_likert_grades_give_the_mean_grade(likert):
    grades = {("m", "dpo"): judge_grades(likert[0], "dpo", study()[0])}
    metric = task_metrics(grades, {"name": "t", "metric": "likert", "data": "real", "seed": 1})[0]
    assert (metric["metric"], metric["estimate"], metric["grader"]) == ("mean_likert", 4.5, "judge")


def test_the_record_counts_verdicts_and_names_prompt_and_model(likert):
    _, record, _ = likert
    assert record["verdicts"] == {"1": 8, "3": 8, "5": 6} and not record["constant"] and warnings(record) == []
    assert (record["status"], record["prompt_version"], record["calls"]) == ("complete", "likert-1", 22)
    assert (record["models"], record["settings"]["temperature"]) == (["tiny-judge-2026"], 0)


def test_a_likert_prompt_has_neither_reference_answer_nor_system_message(likert):
    prompts = [body["messages"][0]["content"] for body in likert[2]]
    assert all("reference number" not in text.split("<answer>")[0] and "Be brief" not in text for text in prompts)


def test_a_correctness_judge_sees_the_reference_answer(tmp_path):
    def says(messages):
        text = messages[0]["content"]
        return "correct" if between(text, "reference") in between(text, "answer") else "Incorrect."

    with FaultyServer(say=says) as server:
        verdicts, _ = judged("correctness", server, tmp_path)
    rows, _ = study()
    assert [row["grade"] for row in judge_grades(verdicts, "dpo", rows)] == ["0", "1", "1", "1"] * 2


def test_a_test_item_without_a_verdict_is_refused(likert):
    with pytest.raises(UserError, match=r"answers of dpo: .* items \['medqa-row-.*Delete judge/"):
        judge_grades(likert[0][:3], "dpo", study()[0])


@pytest.fixture
def preference(tmp_path):
    """Verdicts and record of a judge that prefers the longer answer, and the requests that its server received."""
    with FaultyServer(say=prefer_longer) as server:
        verdicts, record = judged("preference", server, tmp_path)
    return verdicts, record, server.received


def test_a_pair_is_judged_in_both_orders(preference):
    verdicts, record, received = preference
    assert len(received) == 2 * 6
    shown = [row for row in verdicts if row["shown"] == "true"]
    assert {(row["rating"], row["choice"]) for row in shown} == {("A B", "dpo")}
    assert record["position_flip_share"] == 0 and not record["constant"]


def test_preferences_give_a_win_rate_that_is_marked_as_a_proxy(preference):
    verdicts, _, _ = preference
    [row] = win_rates(verdicts, [row for row in verdicts if row["choice"]], NAMES)
    assert (row["wins"], row["ties"], row["identical"], row["status"]) == (6, 2, 2, "complete")
    assert (row["rater"], row["proxy"]) == ("judge:local", "true")


def test_a_preference_that_flips_with_the_order_is_a_tie_with_a_warning(tmp_path):
    with FaultyServer(say=lambda messages: "A") as server:
        verdicts, record = judged("preference", server, tmp_path)
    assert {row["choice"] for row in verdicts if row["shown"] == "true"} == {"tie"}
    assert record["position_flip_share"] == 1 and record["constant"] and "WARNING" in warnings(record)[0]


def test_a_constant_judge_gets_a_warning(tmp_path):
    with FaultyServer(say=lambda messages: "5/5 because all is well") as server:
        _, record = judged("likert", server, tmp_path)
    assert record["constant"] and record["verdicts"] == {"5": 22}
    [line] = warnings(record)
    assert line.startswith("WARNING: judge local") and "'5'" in line and "22 items" in line and "Read some" in line


def test_agreement_of_judge_and_physicians(tmp_path):
    _, key = sheet("correctness")
    words = ["correct", "incorrect"]
    ratings = {rater: random.Random(rater).choices(words, k=22) for rater in ("r1", "r2")}
    files = {rater: rate(tmp_path / f"correctness.{rater}.csv", key, rater, ratings[rater]) for rater in ratings}
    draw = random.Random(3)
    with FaultyServer(say=lambda messages: draw.choice(words)) as server:
        verdicts, _ = judged("correctness", server, tmp_path)
    rows = judge_agreement(key, collect_ratings(key, files), verdicts, NAMES)
    choices = [row["choice"] for row in verdicts]
    for rater in ratings:
        raw, kappa, alpha = (row for row in rows if row["raters"] == f"{rater} judge:local")
        same = sum(by_rater == by_judge for by_rater, by_judge in zip(ratings[rater], choices, strict=True))
        assert (raw["metric"], raw["estimate"], raw["n"]) == ("raw_agreement", same / 22, 22)
        assert (kappa["metric"], kappa["estimate"]) == ("cohen_kappa", cohen_kappa(ratings[rater], choices)[0])
        votes = list(zip(ratings[rater], choices, strict=True))
        assert (alpha["metric"], alpha["estimate"]) == ("krippendorff_alpha", krippendorff_alpha(votes)[0])
    pending = [row | {"choice": ""} for row in verdicts]
    for row in judge_agreement(key, collect_ratings(key, files), pending, NAMES):
        assert (row["status"], row["pending"], row["estimate"]) == ("pending", 22, None)
