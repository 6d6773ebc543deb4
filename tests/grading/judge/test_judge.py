"""A judge's verdicts become grades, preferences and agreement; a killed run pays for nothing twice."""

import json
import pickle
import random
import signal
import subprocess
import sys
import time

import pytest

from clinical_dpo.config.judges import judged_sheets, judging_round
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.endpoints import client
from clinical_dpo.errors import UserError
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.grading.judge.judge import COLUMNS, judge_items, warnings
from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.io import read_csv, write_csv, write_json
from clinical_dpo.report.summary import summary
from clinical_dpo.statistics.agreement import cohen_kappa, judge_agreement
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.win_rate import win_rates
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import between, graded, items_of
from tests.helpers.rating import rate, sheet, study

NAMES = {"task": "t", "model": "m", "data": "synthetic"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)


def first_longer(messages):
    """Prefers the longer answer; the first on the left of two equally long."""
    text = messages[0]["content"]
    first, second = (len(between(text, f"answer {side}")) for side in "AB")
    return "A" if first >= second else "B"


def judged(kind, server, tmp_path, n=8, **options):
    changes = options.pop("changes", {})
    rows, record = judge_items(
        kind, items_of(kind, n), server.endpoint(**changes), tmp_path / f"{kind}.jsonl", **options
    )
    write_csv(tmp_path / f"{kind}.csv", rows, COLUMNS)
    return read_csv(tmp_path / f"{kind}.csv"), record


def test_likert_grades_reach_every_variant_that_gave_the_answer(tmp_path):
    with FaultyServer(say=graded) as server:
        verdicts, record = judged("likert", server, tmp_path)
    rows, answers = study()
    assert len(server.received) == 8 + 8 + 6  # dpo repeats two of sft's answers
    grades = {variant: judge_grades(verdicts, variant, rows) for variant in answers}
    assert [row["grade"] for row in grades["dpo"]] == ["3", "5", "5", "5"] * 2
    assert {row["grade"] for row in grades["base"]} == {"1"}
    assert {(row["grader"], row["status"], row["proxy"]) for row in grades["sft"]} == {("judge", "complete", "false")}
    metric = task_metrics({("m", "dpo"): grades["dpo"]}, {"name": "t", "metric": "likert", "data": "real", "seed": 1})[
        0
    ]
    assert (metric["metric"], metric["estimate"], metric["grader"]) == ("mean_likert", 4.5, "judge")
    assert record["verdicts"] == {"1": 8, "3": 8, "5": 6} and not record["constant"] and warnings(record) == []
    assert (record["status"], record["prompt_version"], record["calls"]) == ("complete", "likert-1", 22)
    assert (record["models"], record["settings"]["temperature"]) == (["tiny-judge-2026"], 0)
    shown = [body["messages"][0]["content"] for body in server.received]
    assert all("reference number" not in text.split("<answer>")[0] and "Be brief" not in text for text in shown)


def test_the_judge_of_right_and_wrong_sees_the_reference(tmp_path):
    def says(messages):
        text = messages[0]["content"]
        return "correct" if between(text, "reference") in between(text, "answer") else "Incorrect."

    with FaultyServer(say=says) as server:
        verdicts, _ = judged("correctness", server, tmp_path)
    rows, _ = study()
    assert [row["grade"] for row in judge_grades(verdicts, "dpo", rows)] == ["0", "1", "1", "1"] * 2
    with pytest.raises(UserError, match="were not judged"):
        judge_grades(verdicts[:3], "dpo", rows)


def test_a_preference_is_what_wins_in_both_orders(tmp_path):
    with FaultyServer(say=first_longer) as server:
        verdicts, record = judged("preference", server, tmp_path)
    assert len(server.received) == 2 * 6
    shown = [row for row in verdicts if row["shown"] == "true"]
    assert {(row["rating"], row["choice"]) for row in shown} == {("A B", "dpo")}
    [row] = win_rates(verdicts, [row for row in verdicts if row["choice"]], NAMES)
    assert (row["wins"], row["ties"], row["identical"], row["status"]) == (6, 2, 2, "complete")
    assert (row["rater"], row["proxy"]) == ("judge:local", "true")  # it stands in for people
    assert record["position_flip_share"] == 0 and not record["constant"]


def test_a_preference_that_turns_with_the_order_is_a_tie_and_told(tmp_path):
    with FaultyServer(say=lambda messages: "A") as server:
        verdicts, record = judged("preference", server, tmp_path)
    assert {row["choice"] for row in verdicts if row["shown"] == "true"} == {"tie"}
    assert record["position_flip_share"] == 1 and record["constant"] and "WARNING" in warnings(record)[0]


def test_a_judge_that_always_says_the_same_is_told_loudly(tmp_path):
    with FaultyServer(say=lambda messages: "5/5 because all is well") as server:
        _, record = judged("likert", server, tmp_path)
    assert record["constant"] and record["verdicts"] == {"5": 22}
    assert "said '5' of all 22 items" in warnings(record)[0]


def test_a_judge_without_its_key_is_waited_for_and_what_is_kept_counts(tmp_path, monkeypatch):
    monkeypatch.delenv("THE_KEY", raising=False)
    with FaultyServer(say=graded) as server:
        keyed = {"changes": {"key_variable": "THE_KEY"}}
        verdicts, record = judged("likert", server, tmp_path, **keyed)
        assert not server.received and {row["status"] for row in verdicts} == {"pending"}
        assert record["waiting_for"] == "judge local: environment variable THE_KEY is not set"
        assert warnings(record) == [f"{record['waiting_for']}; 22 of 22 items are pending"]
        assert {row["status"] for row in judge_grades(verdicts, "sft", study()[0])} == {"pending"}
        monkeypatch.setenv("THE_KEY", "sk-1")
        done, whole = judged("likert", server, tmp_path, **keyed)
        monkeypatch.delenv("THE_KEY")
        again, same = judged("likert", server, tmp_path, **keyed)
        assert (again, same) == (done, whole) and len(server.received) == 22
        more, partly = judged("likert", server, tmp_path, n=9, **keyed)
        assert (partly["status"], partly["pending"]) == ("pending", 2)
        assert [row for row in more if row["status"] == "complete"] == done
        assert partly["calls"] == 22


def test_a_judge_is_asked_again_once_what_is_pending_can_be_had(tmp_path, monkeypatch):
    """The round is a parameter of the rule: it runs again where the round is not that of its last run."""
    path = tmp_path / "likert.json"
    with FaultyServer(say=graded) as server:
        endpoint = server.endpoint(key_variable="THE_KEY")

        def run(n=8):
            number = judging_round(path, endpoint)
            record = judged("likert", server, tmp_path, n, changes={"key_variable": "THE_KEY"})[1]
            write_json(path, record | {"round": number})
            return number, record["status"]

        def rests():
            return judging_round(path, endpoint) == json.loads(path.read_text())["round"]

        monkeypatch.delenv("THE_KEY", raising=False)
        assert run() == (0, "pending") and rests()
        monkeypatch.setenv("THE_KEY", "sk-1")
        assert not rests() and run() == (1, "complete") and rests()
        monkeypatch.delenv("THE_KEY")
        assert rests() and run(9) == (1, "pending") and rests()  # other answers to judge
        monkeypatch.setenv("THE_KEY", "sk-1")
        assert not rests() and run(9) == (2, "complete") and rests()


def test_agreement_of_judge_and_physicians(tmp_path):
    _, key = sheet("correctness")
    words = ["correct", "incorrect"]
    said = {rater: random.Random(rater).choices(words, k=22) for rater in ("r1", "r2")}
    files = {rater: rate(tmp_path / f"correctness.{rater}.csv", key, rater, said[rater]) for rater in said}
    draw = random.Random(3)
    with FaultyServer(say=lambda messages: draw.choice(words)) as server:
        verdicts, _ = judged("correctness", server, tmp_path)
    rows = judge_agreement(key, collect_ratings(key, files), verdicts, NAMES)
    choices = [row["choice"] for row in verdicts]
    for rater in said:
        raw, kappa = (row for row in rows if row["raters"] == f"{rater} judge:local")
        same = sum(one == other for one, other in zip(said[rater], choices, strict=True))
        assert (raw["metric"], raw["estimate"], raw["n"]) == ("raw_agreement", same / 22, 22)
        assert (kappa["metric"], kappa["estimate"]) == ("cohen_kappa", cohen_kappa(said[rater], choices)[0])
    pending = [row | {"choice": ""} for row in verdicts]
    for row in judge_agreement(key, collect_ratings(key, files), pending, NAMES):
        assert (row["status"], row["pending"], row["estimate"]) == ("pending", 22, None)


RUN = """
import pickle, sys
from clinical_dpo.endpoints import client as endpoint
from clinical_dpo.grading.judge.judge import judge_items
endpoint.FIRST_WAIT = 0.01
with open(sys.argv[1], "rb") as file:
    judge_items("likert", *pickle.load(file), sys.argv[2])
"""


def test_a_run_killed_at_random_replies_makes_no_call_twice(tmp_path):
    """But for those under way at the kill: at most as many as are made at once."""
    draw, at_once = random.Random(5), 3
    excused = []
    with FaultyServer((500, "oops"), (429, ""), say=graded, delay=0.02) as server:
        items, endpoint = items_of("likert", 20), server.endpoint(concurrency=at_once, timeout_seconds=5)
        (tmp_path / "items").write_bytes(pickle.dumps((items, endpoint)))
        command = [sys.executable, "-c", RUN, str(tmp_path / "items"), str(tmp_path / "replies.jsonl")]
        for kill_after in (draw.randint(2, 12), draw.randint(2, 12), draw.randint(2, 12), None):
            before = len(server.received)
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
            while kill_after and len(server.received) < before + kill_after and process.poll() is None:
                time.sleep(0.002)
            if kill_after:
                process.send_signal(signal.SIGKILL)
            _, log = process.communicate(timeout=120)
            time.sleep(0.1)  # what was under way arrives
            events = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().split("\n")[:-1]]
            ended = sum(row["event"] == "received" for row in events)
            excused.append(len(server.received) - ended - sum(excused))
        assert process.returncode == 0, log
        asked = [body["messages"][0]["content"] for body in server.received]
        needed = len(set(asked))
        assert needed == 55 and len(asked) == needed + 2 + sum(excused)  # 2: the faults
        assert excused[-1] == 0 and all(0 <= lost <= at_once for lost in excused)
        _, record = judge_items("likert", items, endpoint, tmp_path / "replies.jsonl")
        assert len(server.received) == len(asked) and record["calls"] == needed
        _, unbroken = judge_items("likert", items, endpoint, tmp_path / "other.jsonl")
        assert record == unbroken


def test_a_server_that_takes_a_form_of_replies_is_asked_for_it(tmp_path):
    with FaultyServer(say=lambda messages: '{"verdict": 4}') as server:
        verdicts, _ = judged("likert", server, tmp_path)
    assert {row["rating"] for row in verdicts} == {"4"}
    asked = [body["response_format"] for body in server.received]
    assert {form["type"] for form in asked} == {"json_schema"}
    assert asked[0]["json_schema"]["schema"]["properties"] == {"verdict": {"enum": [1, 2, 3, 4, 5]}}


def test_a_server_that_refuses_the_form_is_found_out_once_and_remembered(tmp_path):
    refusal = (400, '{"error": {"code": "unknown_field"}}', {})
    with FaultyServer(refusal) as server:
        verdicts, record = judged("likert", server, tmp_path)
        first = len(server.received)
        assert [("response_format" in body) for body in server.received].count(True) == 1
        judge_items("likert", items_of("likert", 9), server.endpoint(), tmp_path / "likert.jsonl")
    assert {row["rating"] for row in verdicts} == {"4"} and record["calls"] == first - 1
    assert len(server.received) > first and not any("response_format" in body for body in server.received[first:])


def test_the_call_that_finds_out_counts_among_the_times_a_reply_is_asked_for(tmp_path):
    with FaultyServer(say=lambda messages: "I cannot grade this.") as server:
        with pytest.raises(UserError, match="cannot be read"):
            judge_items("likert", items_of("likert", 2), server.endpoint(concurrency=1), tmp_path / "likert.jsonl")
        first = server.received[0]["messages"]
    assert sum(body["messages"][0] == first[0] for body in server.received) == 3


def test_an_endpoint_that_names_its_own_form_keeps_it(tmp_path):
    for number, own in enumerate(({"type": "json_object"}, None)):
        with FaultyServer() as server:
            changes = {"parameters": {"response_format": own}}
            judge_items("likert", items_of("likert", 1), server.endpoint(**changes), tmp_path / f"{number}.jsonl")
        assert {str(body.get("response_format")) for body in server.received} == {str(own)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"judge": "gpt"},
            "config/tasks/summarization.yaml: judge 'gpt' is no entry of the config's endpoints. Did you",
        ),
        ({"phi": True}, "endpoint 'gpt-4' would send it to api.openai.com"),
        ({"judge": None}, "key 'judge'"),
    ],
)
def test_a_judge_that_cannot_be_is_refused_before_a_run(change, message):
    with pytest.raises(UserError) as error:
        load_study(merge(PUBLISHED, {"overrides": {"tasks": {"summarization": change}}}), ROOT)
    assert message in str(error.value)


def test_a_key_in_place_of_its_variable_is_not_shown():
    with pytest.raises(UserError) as error:
        load_study(merge(PUBLISHED, {"endpoints": {"gpt-4": {"key_variable": "sk-proj-123"}}}), ROOT)
    assert "endpoints.gpt-4.key_variable" in str(error.value) and "sk-proj" not in str(error.value)


def test_the_end_of_a_run_says_what_a_judge_waits_for():
    words = "summarization: judge gpt-4: environment variable OPENAI_API_KEY is not set"
    nothing = {"headlines": {}, "folders": [], "seeds": [], "seeds_file": "", "left_out": {}, "pending_ratings": []}
    assert summary([], [], **nothing, judges=[words]).endswith(f"Still awaited:\n  {words}\n")


def test_what_a_judge_is_asked_for():
    likert = {"grader": "judge", "metric": "likert", "judge": "gpt-4"}
    beside = {"grader": "physicians", "metric": "accuracy", "judge": "gpt-4"}
    paired = {"grader": "evasiveness", "metric": "helpfulness", "judge": "gpt-4", "preference_grader": "judge"}
    assert judged_sheets(likert, []) == ["likert"]
    assert judged_sheets(beside | {"grader": "judge"}, []) == ["correctness"]
    assert judged_sheets(beside, ["correctness", "adjudication"]) == ["correctness"]
    assert (
        judged_sheets(paired, [])
        == ["preference"]
        == judged_sheets(paired | {"preference_grader": "raters"}, ["preference"])
    )
    assert (
        judged_sheets(beside | {"grader": "exact"}, [])
        == []
        == judged_sheets({"grader": "judge", "metric": "likert"}, [])
    )
