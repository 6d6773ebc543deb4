"""Sheets of grades from 1 to 5: what raters see, their mean grades, their agreement, and the judge's same scale."""

import random

import pytest
from openpyxl import load_workbook
from sklearn.metrics import cohen_kappa_score

from clinical_dpo.config.judges import is_corrected, judged_sheets
from clinical_dpo.config.raters import ANCHORS, awaited_sheets, rated_sheets, with_sample
from clinical_dpo.config.task_rules import check_fit, check_used
from clinical_dpo.errors import UserError
from clinical_dpo.grading.judge.judge import judge_items
from clinical_dpo.grading.judge.prompts import PROMPTS
from clinical_dpo.grading.raters.final_grades import mean_grades, variant_grades
from clinical_dpo.grading.raters.rating_round import rater_grades
from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.grading.raters.sheet_files import label_studio_config, page, write_sheet
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, key_rows, sheet_rows
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.agreement import agreement, judge_agreement, quadratic_kappa
from clinical_dpo.statistics.metrics import task_metrics
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import graded, items_of
from tests.helpers.rating import SECRET, rate, study

NAMES = {"task": "t", "model": "m", "data": "real"}
OWN = ["bad", "poor", "fair {x}", "good", "best"]
GRADES = ["1", "2", "3", "4", "5"]


@pytest.fixture
def key():
    return key_rows(items_of("likert"), "likert", "likert", ["r1", "r2"], SECRET)


def rated(tmp_path, key, r1, r2):
    files = {
        rater: rate(tmp_path / f"likert.{rater}.csv", key, rater, words) for rater, words in (("r1", r1), ("r2", r2))
    }
    return collect_ratings(key, files)


def test_a_likert_sheet_shows_question_and_answer_as_the_judge_sees_them(key):
    rows = sheet_rows(items_of("likert"), key, "r1")
    assert {tuple(row) for row in rows} == {("item_id", "text_sha256", "question", "answer")} and len(rows) == 22


def test_a_likert_sheet_has_the_same_items_as_the_judge(key, tmp_path):
    with FaultyServer(say=graded) as server:
        verdicts, _ = judge_items("likert", items_of("likert"), server.endpoint(), tmp_path / "replies.jsonl")
    assert {row["item_id"] for row in verdicts} == {row["item_id"] for row in key}


def test_every_format_of_a_sheet_offers_the_grades(key, tmp_path):
    rows = sheet_rows(items_of("likert"), key, "r1")
    paths = write_sheet(tmp_path / "likert.r1", rows, "likert", "likert", "r1", "Be calm.", anchors=OWN)
    html, _, workbook, _ = paths
    assert '"anchors": ["bad", "poor", "fair {x}", "good", "best"]' in html.read_text(encoding="utf-8")
    table, meaning = load_workbook(workbook)
    [choices] = table.data_validations.dataValidation
    assert choices.formula1 == '"1,2,3,4,5,cannot judge"'
    lines = [f"{grade}: {anchor}." for grade, anchor in enumerate(OWN, start=1)]
    assert [row[0] for row in meaning.values] == [
        "Be calm.",
        *lines[::-1],
        "Cannot judge: the texts do not show what is right.",
    ]
    assert '<Choice value="5"/>' in label_studio_config("likert") and "reference" not in label_studio_config("likert")
    assert ANCHORS[4] in page(rows, "likert", "likert", "r1")


def test_the_grade_is_the_mean_of_the_raters_who_could_judge(key, tmp_path):
    first = ["4", "4.0", "cannot judge", "cannot judge", None, *["3"] * 17]
    second = ["5", "4,00", "2", "cannot judge", "3", *["3"] * 17]
    finals = mean_grades(key, rated(tmp_path, key, first, second))
    assert [row["grade"] for row in finals[:6]] == ["4.5", "4", "2", "cannot judge", "", "3"]
    assert [row["status"] for row in finals[:6]] == ["complete"] * 4 + ["pending", "complete"]
    rows, _ = study()
    by_row = {
        (grade["id"], variant): grade
        for variant in ("base", "sft", "dpo")
        for grade in variant_grades(finals, variant, rows, lowest="1")
    }
    nobody = by_row[finals[3]["row_id"], finals[3]["variants"].split()[0]]
    assert (nobody["grade"], nobody["valid"], nobody["parsed"]) == ("1", "false", "cannot judge")


@pytest.mark.parametrize("word", ["0", "6", "4.5", "four"])
def test_a_grade_off_the_scale_is_refused(key, tmp_path, word):
    path = rate(tmp_path / "likert.r1.csv", key, "r1", [word])
    with pytest.raises(UserError, match=rf"'{word}' is not a rating\. Write one of: 1, 2, 3, 4, 5, cannot judge"):
        collect_ratings(key, {"r1": path})


def test_grades_of_raters_give_the_mean_grade_of_a_variant(key, tmp_path):
    path = tmp_path / "results/t/m/grading/keys/likert.csv"
    path.parent.mkdir(parents=True)
    write_csv(path, key, KEY_COLUMNS)
    rated(tmp_path, key, ["5"] * 22, ["4"] * 22)
    grades = rater_grades(str(path), tmp_path, None, study()[0])
    metric = task_metrics({("m", "sft"): grades["sft"]}, {"name": "t", "metric": "likert", "data": "real", "seed": 1})[
        0
    ]
    assert (metric["metric"], metric["estimate"], metric["grader"]) == ("mean_likert", 4.5, "physicians")


def test_weighted_kappa_is_that_of_scikit_learn():
    draw = random.Random(1)
    first = draw.choices(GRADES, k=80)
    second = [draw.choice([grade, *GRADES]) for grade in first]
    kappa, (low, high) = quadratic_kappa(first, second)
    assert kappa == pytest.approx(cohen_kappa_score(first, second, weights="quadratic", labels=GRADES))
    assert low < kappa < high
    with_gap = ["1", "5"] * 20, ["1", "5", "5", "5"] * 10
    expected = cohen_kappa_score(*with_gap, weights="quadratic", labels=GRADES)
    assert quadratic_kappa(*with_gap)[0] == pytest.approx(expected)
    assert quadratic_kappa(["3", "3"], ["3", "3"]) == (None, (None, None))


def test_an_item_that_a_rater_cannot_judge_is_not_in_weighted_kappa_and_its_number_of_items(key, tmp_path):
    draw = random.Random(3)
    first, second = draw.choices(GRADES, k=22), draw.choices(GRADES, k=22)
    ratings = rated(tmp_path, key, ["cannot judge", "cannot judge", *first[2:]], second)
    kappa, raw = (
        next(row for row in agreement(key, ratings, NAMES) if row["metric"] == metric)
        for metric in ("quadratic_kappa", "raw_agreement")
    )
    assert (kappa["n"], raw["n"]) == (20, 22)
    assert kappa["estimate"] == pytest.approx(quadratic_kappa(first[2:], second[2:])[0])


def test_agreement_of_raters_and_judge_is_on_the_scale(key, tmp_path):
    draw = random.Random(2)
    ratings = rated(tmp_path, key, draw.choices(GRADES, k=22), draw.choices(GRADES, k=22))
    measures = ["raw_agreement", "quadratic_kappa", "krippendorff_alpha", "icc_2_1"]
    assert [row["metric"] for row in agreement(key, ratings, NAMES)] == measures
    with FaultyServer(say=graded) as server:
        verdicts, _ = judge_items("likert", items_of("likert"), server.endpoint(), tmp_path / "replies.jsonl")
    rows = judge_agreement(key, ratings, verdicts, NAMES)
    assert [(row["raters"], row["metric"]) for row in rows] == [
        (f"{rater} judge:local", metric) for rater in ("r1", "r2") for metric in measures
    ]
    assert {row["status"] for row in rows} == {"complete"}


def test_the_judge_s_prompt_has_the_task_s_anchors_and_a_version_of_its_own(tmp_path):
    likert = PROMPTS["likert"]
    own = likert.with_anchors(OWN)
    text = own.messages(question="q {y}", answer="a")[0]["content"]
    assert "5 = best\n4 = good\n3 = fair {x}\n2 = poor\n1 = bad\n" in text and "q {y}" in text
    assert ANCHORS[0] not in text and own.version != likert.version == likert.with_anchors(ANCHORS).version
    with FaultyServer(say=graded) as server:
        for anchors, calls in ((None, 22), (OWN, 44), (OWN, 44)):
            _, record = judge_items(
                "likert", items_of("likert"), server.endpoint(), tmp_path / "replies.jsonl", anchors=anchors
            )
            assert len(server.received) == calls
    assert record["prompt_version"] == own.version


TASK = {"name": "t", "answer_type": "text", "grader": "physicians", "metric": "likert", "paired_test": "paired_t"}
TASK |= {"rejected_source": "field", "selection_metric": "rouge_l", "raters": ["anna"], "splits": {"test": 400}}


def test_texts_may_be_graded_by_physicians():
    check_fit(TASK, "t.yaml")
    assert rated_sheets(TASK) == {"likert": ["anna"]} and awaited_sheets(TASK) == ["likert"]
    with pytest.raises(
        UserError, match="key 'adjudicator' has no effect without raters who grade answers as right or wrong"
    ):
        check_used(TASK | {"adjudicator": "dora"}, {"adjudicator"}, "t.yaml")
    with pytest.raises(UserError, match="key 'anchors' has no effect without metric likert"):
        check_used(TASK | {"metric": "rouge_l", "grader": "rouge_l"}, {"anchors"}, "t.yaml")


def test_a_sample_of_grades_corrects_a_judge_of_texts():
    task = TASK | {"judge": "ward", "raters": {"people": ["anna"], "sample": 80}}
    task = with_sample(task)
    assert judged_sheets(task, rated_sheets(task)) == ["likert"] and is_corrected(task)
    assert is_corrected(task | {"grader": "judge"}) and not is_corrected(task | {"grader": "rouge_likert"})
