"""Rubrics: a yes or no per item of the rubric from raters and judge, the weighted score, and its agreement."""

import json
import random

import krippendorff
import pytest
from openpyxl import load_workbook
from sklearn.metrics import cohen_kappa_score

from clinical_dpo.errors import UserError
from clinical_dpo.grading.judge.controls import ask_controls
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.grading.judge.judge import judge_items
from clinical_dpo.grading.judge.prompts import PROMPTS, task_prompt
from clinical_dpo.grading.judge.reply_parsing import parse_rubric
from clinical_dpo.grading.raters.final_grades import mean_grades, variant_grades
from clinical_dpo.grading.raters.rating_round import rater_grades
from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.grading.raters.sheet_files import label_studio_config, write_sheet
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, key_rows, rubric_items, sheet_rows
from clinical_dpo.io import read_csv, read_json, write_csv
from clinical_dpo.report.latex import table_columns
from clinical_dpo.report.rating_rounds import agreement_rows
from clinical_dpo.schemas import problems
from clinical_dpo.statistics.agreement import agreement, judge_agreement
from clinical_dpo.statistics.judge_bias import judge_bias
from clinical_dpo.statistics.metrics import task_metrics
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import between, items_of
from tests.helpers.rating import RUBRIC, SECRET, rate, study

NAMES = {"task": "t", "model": "m", "data": "real"}
TEXTS = [criterion["item"] for criterion in RUBRIC]
WEIGHTS = {criterion["item"]: criterion["weight"] for criterion in RUBRIC}


@pytest.fixture
def items():
    return rubric_items(items_of("rubric"), RUBRIC)


@pytest.fixture
def key(items):
    return key_rows(items, "rubric", "rubric", ["r1", "r2"], SECRET)


def rated(tmp_path, key, **words):
    """Ratings of each rater, from rater -> words in the order of the key."""
    files = {rater: rate(tmp_path / f"rubric.{rater}.csv", key, rater, said) for rater, said in words.items()}
    return collect_ratings(key, files)


def met(messages):
    """Reply for the answer in a prompt: base meets no criterion, sft the first, dpo the first and the third."""
    answer = between(messages[0]["content"], "answer")
    dose, brief = "reference" in answer, "indeed" in answer
    return json.dumps({"1": "yes" if dose else "no", "2": "no", "3": "yes" if brief else "no"})


def judged(tmp_path, say=met, **arguments):
    with FaultyServer(say=say) as server:
        endpoint = server.endpoint(max_tokens=64)
        rows, record = judge_items(
            "rubric", items_of("rubric"), endpoint, tmp_path / "replies.jsonl", rubric=RUBRIC, **arguments
        )
    return rows, record, server


def test_a_sheet_asks_for_each_item_of_the_rubric_and_keeps_those_of_an_answer_together(items, key):
    rows = sheet_rows(items, key, "r1")
    assert {tuple(row) for row in rows} == {("item_id", "text_sha256", "question", "answer", "criterion")}
    assert len(rows) == 22 * 3 and len({row["item_id"] for row in rows}) == 22 * 3
    for first in range(0, len(rows), 3):
        of_answer = rows[first : first + 3]
        assert [row["criterion"] for row in of_answer] == TEXTS
        assert len({(row["question"], row["answer"]) for row in of_answer}) == 1
    assert [row["item_id"] for row in rows] != [row["item_id"] for row in sheet_rows(items, key, "r2")]


def test_every_format_of_a_sheet_offers_yes_and_no(items, key, tmp_path):
    rows = sheet_rows(items, key, "r1")
    html, table, workbook, tasks = write_sheet(tmp_path / "rubric.r1", rows, "rubric", "rubric", "r1")
    assert '"words": ["yes", "no", "cannot judge"]' in html.read_text(encoding="utf-8")
    assert [row["criterion"] for row in read_csv(table)][:3] == TEXTS
    sheet = load_workbook(workbook).active
    assert [cell.value for cell in sheet[1]][:4] == ["question", "answer", "criterion", "rating"]
    assert sheet.data_validations.dataValidation[0].formula1 == '"yes,no,cannot judge"'
    assert read_json(tasks)[0]["data"]["criterion"] == TEXTS[0]
    config = label_studio_config("rubric")
    assert '<Text name="criterion" value="$criterion"/>' in config and '<Choice value="yes"/>' in config


def test_another_item_or_weight_keeps_the_ratings_of_the_other_items(items, key, tmp_path):
    ratings = rated(tmp_path, key, r1=["yes"] * 66)
    longer = [{"item": "Is polite", "weight": 1}, *(criterion | {"weight": 7} for criterion in RUBRIC[:2])]
    new_key = key_rows(rubric_items(items_of("rubric"), longer), "rubric", "rubric", ["r1"], SECRET)
    known = {row["item_id"]: row["text_sha256"] for row in new_key}
    kept = [row for row in key if row["rater"] == "r1" and row["item_id"] in known]
    assert {row["criterion"] for row in kept} == set(TEXTS[:2]) and len(kept) == 44 and len(ratings) == 66
    assert all(known[row["item_id"]] == row["text_sha256"] for row in kept)


def test_the_score_is_the_weighted_share_of_yes(key, tmp_path):
    # Answers of the key in order; weights 2, 1 and 0.5, so that all is 3.5.
    first = ["yes", "no", "yes", "yes", "yes", "yes", "no", "no", "no", "cannot judge", "yes", "no"]
    second = ["yes", "yes", "no", "yes", "yes", "yes", "no", "no", "no", "cannot judge", "no", "no"]
    first += [*["cannot judge"] * 3, "cannot judge", "yes", "no", None, "yes", "yes", *["no"] * 45]
    second += [*["cannot judge"] * 3, "yes", "yes", "no", *["yes"] * 3, *["no"] * 45]
    finals = mean_grades(key, rated(tmp_path, key, r1=first, r2=second))
    expected = [(2 + 0.5 + 0.25) / 3.5, 1, 0, 0.5 / 3.5]
    assert [float(row["grade"]) for row in finals[:4]] == pytest.approx(expected)
    assert finals[4]["grade"] == "cannot judge" and float(finals[5]["grade"]) == pytest.approx((2 + 1) / 3.5)
    assert (finals[6]["grade"], finals[6]["status"]) == ("", "pending") and len(finals) == 22
    rows, _ = study()
    graded = {
        (grade["id"], variant): grade
        for variant in ("base", "sft", "dpo")
        for grade in variant_grades(finals, variant, rows)
    }
    shown = [graded[final["row_id"], final["variants"].split()[0]] for final in finals[:7]]
    assert [grade["valid"] for grade in shown] == ["true", "true", "true", "false", "false", "true", ""]
    assert shown[4]["grade"] == "0"  # nobody could judge the answer


@pytest.mark.parametrize("word", ["1", "partly", "correct"])
def test_a_rating_other_than_yes_or_no_is_refused(key, tmp_path, word):
    with pytest.raises(UserError, match=rf"'{word}' is not a rating\. Write one of: yes, no, cannot judge"):
        rated(tmp_path, key, r1=[word])


def test_sheets_give_the_mean_score_of_a_variant(key, tmp_path):
    path = tmp_path / "results/t/m/grading/keys/rubric.csv"
    path.parent.mkdir(parents=True)
    write_csv(path, key, KEY_COLUMNS)
    rated(tmp_path, key, r1=["yes", "no", "no"] * 22, r2=["yes", "yes", "no"] * 22)
    grades = rater_grades(str(path), tmp_path, None, study()[0])
    metric = task_metrics({("m", "sft"): grades["sft"]}, {"name": "t", "metric": "rubric", "data": "real", "seed": 1})
    assert metric[0]["metric"] == "rubric_score" and metric[0]["estimate"] == pytest.approx(2.5 / 3.5)


@pytest.mark.parametrize(
    ("reply", "verdicts"),
    [
        ('{"1": "yes", "2": "no"}', "yes,no"),
        ('{"2": "no", "1": "Yes "}', "yes,no"),
        ('```json\n{"1": true, "2": false}\n```', "yes,no"),
        ("{'1': 'no', '2': 'no'}", "no,no"),
        ('{"answers": {"1": "yes", "2": "yes"}, "note": "fine"}', "yes,yes"),
        ('<think>{"1": "no", "2": "no"}</think>{"1": "yes", "2": "no"}', "yes,no"),
        ('{"1": "yes"}', None),
        ('{"1": "yes", "2": "no", "3": "no"}', None),
        ('{"1": "yes", "2": "partly"}', None),
        ('{"1": "yes or no", "2": "yes or no"}', None),
        ('{"1": "yes", "2": "no", "2": "yes"}', None),
        ('{"1": "yes", "2": "no"} {"1": "no", "2": "no"}', None),
        ('{"1": "yes", "2": ', None),
        ("yes, no", None),
        ("", None),
    ],
)
def test_a_reply_has_a_verdict_on_every_item_or_none(reply, verdicts):
    assert parse_rubric(2, reply) == verdicts


def test_the_judge_is_asked_once_per_answer_and_gives_a_row_per_item(items, tmp_path):
    rows, record, server = judged(tmp_path)
    assert len(server.received) == record["calls"] == record["items"] == 22 and record["status"] == "complete"
    assert [row["item_id"] for row in rows] == [item.item_id for item in items]
    assert record["verdicts"] == {"no,no,no": 8, "yes,no,no": 8, "yes,no,yes": 6} and not record["constant"]
    schema = server.received[0]["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["1", "2", "3"] and schema["properties"]["2"] == {"enum": ["yes", "no"]}
    text = server.received[0]["messages"][0]["content"]
    assert "1. Names the dose\n2. Names {the} follow-up\n3. Is brief\n" in text and "[" not in text
    test_rows = study()[0]
    scores = [{grade["grade"] for grade in judge_grades(rows, name, test_rows)} for name in ("base", "sft")]
    assert scores == [{"0"}, {f"{2 / 3.5:.10g}"}]
    dpo = [float(grade["grade"]) for grade in judge_grades(rows, "dpo", test_rows)]
    assert sorted(dpo) == pytest.approx([2 / 3.5] * 2 + [2.5 / 3.5] * 6)


def test_an_unreadable_reply_is_asked_for_again_and_then_ends_the_job(tmp_path):
    def one_is_missing(messages):
        return met(messages) if len(messages) > 1 else '{"1": "yes", "2": "no"}'

    rows, record, _ = judged(tmp_path, one_is_missing)
    assert record["calls"] == 44 and {row["status"] for row in rows} == {"complete"}
    with pytest.raises(UserError, match="22 replies are unreadable"):
        judged(tmp_path / "other", lambda messages: '{"1": "yes"}')


@pytest.mark.parametrize(
    ("refusals", "expected"), [("pending", ("", "", "true", "pending")), ("failure", ("", "no", "false", "complete"))]
)
def test_a_refused_answer_is_pending_or_meets_no_item(tmp_path, refusals, expected):
    changes = {"max_tokens": 64, "concurrency": 1, "parameters": {"response_format": None}}
    with FaultyServer((400, '{"error": {"code": "content_filter"}}'), say=met) as server:
        rows, record = judge_items(
            *("rubric", items_of("rubric"), server.endpoint(**changes), tmp_path / "replies.jsonl"),
            refusals=refusals,
            rubric=RUBRIC,
        )
    refused = [row for row in rows if row["refusal"]]
    assert {(row["rating"], row["choice"], row["valid"], row["status"]) for row in refused} == {expected}
    assert len(refused) == 3 and len(record["refused"]) == 1


def test_the_prompt_of_a_rubric_has_a_version_of_its_own():
    one, other = task_prompt("rubric", rubric=RUBRIC), task_prompt("rubric", rubric=RUBRIC[:2])
    assert len({one.version, other.version, PROMPTS["rubric"].version}) == 3
    assert one.version == task_prompt("rubric", rubric=[criterion | {"weight": 9} for criterion in RUBRIC]).version
    assert one.reminder.endswith('{"1": "yes or no", "2": "yes or no", "3": "yes or no"}')


def test_agreement_is_kappa_per_item_and_alpha_and_icc_of_the_score(key, tmp_path):
    draw = random.Random(3)
    words = {rater: draw.choices(["yes", "no"], k=66) for rater in ("r1", "r2")}
    words["r2"] = [draw.choice([word, word, other]) for word, other in zip(words["r1"], words["r2"], strict=True)]
    ratings = rated(tmp_path, key, **words)
    rows = agreement(key, ratings, NAMES)
    assert [(row["criterion"], row["metric"]) for row in rows] == [
        *((text, metric) for text in TEXTS for metric in ("raw_agreement", "cohen_kappa")),
        *((None, metric) for metric in ("krippendorff_alpha", "icc_2_1")),
    ]
    assert not [problem for row in rows for problem in problems(row, "agreement")]
    choice = {(row["rater"], row["item_id"]): row["rating"] for row in ratings}
    of_r1 = [row for row in key if row["rater"] == "r1"]
    for text in TEXTS:
        pairs = [[choice[rater, row["item_id"]] for rater in words] for row in of_r1 if row["criterion"] == text]
        [kappa] = [row for row in rows if (row["criterion"], row["metric"]) == (text, "cohen_kappa")]
        assert kappa["estimate"] == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True))) and kappa["n"] == 22
    scores = {rater: {} for rater in words}
    for rater, row in ((rater, row) for rater in words for row in of_r1):
        answer, yes = (row["row_id"], row["variants"]), choice[rater, row["item_id"]] == "yes"
        scores[rater][answer] = scores[rater].get(answer, 0) + yes * WEIGHTS[row["criterion"]] / 3.5
    table = [[scores[rater][answer] for answer in scores["r1"]] for rater in words]
    alpha, icc = rows[-2:]
    assert alpha["estimate"] == pytest.approx(krippendorff.alpha(table, level_of_measurement="interval"))
    assert alpha["n"] == icc["n"] == 22 and 0 < icc["estimate"] < 1
    assert [row["sheet"] for row in agreement_rows(rows, {"t": "T"})] == [
        *(f"rubric: {text}" for text in TEXTS),
        "rubric",
    ]
    assert "criterion" in table_columns("agreement", rows)[1]
    assert "criterion" not in table_columns("agreement", rows[-2:])[1]


def test_an_item_that_a_rater_cannot_judge_leaves_the_score_out_of_the_agreement(key, tmp_path):
    words = ["cannot judge", "yes", "no", *["yes", "no", "no", "yes", "yes", "no"] * 10, *["no"] * 3]
    rows = agreement(key, rated(tmp_path, key, r1=words, r2=["yes"] * 66), NAMES)
    assert [row["n"] for row in rows] == [22] * 6 + [21] * 2
    half = agreement(key, rated(tmp_path, key, r1=words, r2=["yes"] * 64), NAMES)
    assert half[-1]["status"] == "pending" and half[-1]["estimate"] is None


def test_the_judge_agrees_with_raters_on_the_same_items_and_is_checked_for_bias(key, tmp_path):
    rows, record, _ = judged(tmp_path)
    word = {row["item_id"]: row["choice"] for row in rows}
    said = [word[row["item_id"]] for row in key if row["rater"] == "r1"]
    measured = judge_agreement(key, rated(tmp_path, key, r1=said, r2=said), rows, NAMES)
    raw = [row for row in measured if row["metric"] == "raw_agreement"]
    assert [row["raters"] for row in raw] == ["r1 judge:local"] * 3 + ["r2 judge:local"] * 3
    assert {row["estimate"] for row in raw} == {1} and {row["status"] for row in measured} == {"complete"}
    assert [row["estimate"] for row in measured if row["metric"] == "icc_2_1"] == pytest.approx([1, 1])
    with FaultyServer(say=met) as server:
        endpoint = server.endpoint(max_tokens=64)
        controls, _ = ask_controls("rubric", items_of("rubric"), endpoint, tmp_path / "c.jsonl", rubric=RUBRIC)
    bias = judge_bias("rubric", items_of("rubric"), rows, controls, record, {"m": "m"}, NAMES)
    by_check = {row["check"]: row for row in bias}
    assert (by_check["repeated"]["estimate"], by_check["repeated"]["n"]) == (1, 24)
    foreign = [row for row in controls if row["control"] == "shuffled"]
    expected = sum((row["rating"] == "yes") * WEIGHTS[row["criterion"]] / 3.5 for row in foreign) / 8
    assert by_check["shuffled"]["estimate"] == pytest.approx(expected) and len(foreign) == 24
    assert not [problem for row in bias for problem in problems(row, "judge_bias")]
