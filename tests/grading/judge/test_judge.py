"""A judge's verdicts become grades, preferences and agreement; a killed run repeats no paid request."""

import json
import pickle
import random
import signal
import subprocess
import sys
import time

import pytest

from clinical_dpo.config.judges import judging_round
from clinical_dpo.endpoints import caller
from clinical_dpo.errors import UserError
from clinical_dpo.grading.judge.grades import judge_grades
from clinical_dpo.grading.judge.judge import COLUMNS, judge_items, warnings
from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.io import read_csv, write_csv, write_json
from clinical_dpo.statistics.agreement import cohen_kappa, judge_agreement
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.rater_reliability import krippendorff_alpha
from clinical_dpo.statistics.win_rate import win_rates
from tests.conftest import ROOT
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import between, graded, items_of
from tests.helpers.rating import rate, sheet, study

NAMES = {"task": "t", "model": "m", "data": "synthetic"}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(caller, "FIRST_WAIT", 0.01)


def prefer_longer(messages):
    """Prefer the longer answer, A of two equally long ones."""
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


KEYED = {"changes": {"key_variable": "THE_KEY"}}


def test_verdicts_are_pending_without_the_endpoint_s_key(tmp_path, monkeypatch):
    monkeypatch.delenv("THE_KEY", raising=False)
    with FaultyServer(say=graded) as server:
        verdicts, record = judged("likert", server, tmp_path, **KEYED)
    assert not server.received and {row["status"] for row in verdicts} == {"pending"}
    assert record["waiting_for"] == "judge local: environment variable THE_KEY is not set"
    assert warnings(record) == [f"{record['waiting_for']}; 22 of 22 items are pending"]
    assert {row["status"] for row in judge_grades(verdicts, "sft", study()[0])} == {"pending"}


def test_stored_replies_count_without_the_endpoint_s_key(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-1")
    with FaultyServer(say=graded) as server:
        first = judged("likert", server, tmp_path, **KEYED)
        monkeypatch.delenv("THE_KEY")
        assert judged("likert", server, tmp_path, **KEYED) == first
        assert len(server.received) == 22


def test_new_items_are_pending_beside_stored_replies(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-1")
    with FaultyServer(say=graded) as server:
        stored, _ = judged("likert", server, tmp_path, **KEYED)
        monkeypatch.delenv("THE_KEY")
        verdicts, record = judged("likert", server, tmp_path, n=9, **KEYED)
    assert (record["status"], record["pending"], record["calls"]) == ("pending", 2, 22)
    assert [row for row in verdicts if row["status"] == "complete"] == stored


CONTENT_FILTER = (400, '{"error": {"code": "content_filter"}}')
ONE_AT_A_TIME = {"changes": {"concurrency": 1, "parameters": {"response_format": None}}}


@pytest.mark.parametrize("kind", ["likert", "correctness", "preference"])
def test_a_refused_item_is_pending_and_named_and_the_others_are_judged(tmp_path, kind):
    replies = {"likert": "4", "correctness": "correct", "preference": "A"}
    with FaultyServer(CONTENT_FILTER, say=lambda messages: replies[kind]) as server:
        verdicts, record = judged(kind, server, tmp_path, **ONE_AT_A_TIME)
    refused, *others = [row for row in verdicts if row["shown"] == "true"]
    assert (refused["refusal"], refused["choice"], refused["status"]) == ("content_filter", "", "pending")
    assert {(row["refusal"], row["status"]) for row in others} == {("", "complete")}
    assert record["refused"] == {refused["item_id"]: "content_filter"} and record["pending"] == 1
    assert "judge local refuses 1 items (content_filter 1)" in record["waiting_for"]
    assert f"judge local refuses item {refused['item_id']} (content_filter)" in warnings(record)


def test_a_refused_item_is_a_failure_by_choice(tmp_path):
    with FaultyServer(CONTENT_FILTER) as server:
        verdicts, record = judged("likert", server, tmp_path, refusals="failure", **ONE_AT_A_TIME)
        assert (record["status"], record["waiting_for"]) == ("complete", None) and len(record["refused"]) == 1
        grades = [row for variant in ("base", "sft", "dpo") for row in judge_grades(verdicts, variant, study()[0])]
        assert {row["status"] for row in grades} == {"complete"}
        assert {(row["grade"], row["valid"]) for row in grades} == {("1", "false"), ("4", "true")}


def test_a_refused_item_starts_no_round_of_its_own(tmp_path):
    path = tmp_path / "record.json"
    with FaultyServer(CONTENT_FILTER) as server:
        for _ in range(2):
            number = judging_round(path, server.endpoint())
            _, record = judged("likert", server, tmp_path, **ONE_AT_A_TIME)
            write_json(path, record | {"round": number})
            assert number == 0 and len(server.received) in (22, 23)  # a job that runs again sends the item again
    assert (record["refused"], record["status"], record["calls"]) == ({}, "complete", 22)


def test_a_refusal_is_the_same_without_the_endpoint_s_key(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-1")
    keyed = {"changes": ONE_AT_A_TIME["changes"] | {"key_variable": "THE_KEY"}}
    with FaultyServer(CONTENT_FILTER) as server:
        first = judged("likert", server, tmp_path, **keyed)
        monkeypatch.delenv("THE_KEY")
        assert judged("likert", server, tmp_path, **keyed) == first and first[1]["refused"]


def test_a_judge_runs_again_once_pending_verdicts_are_available(tmp_path, monkeypatch):
    """The round is a parameter of the rule, which runs again when the round is not that of its last run."""
    path = tmp_path / "likert.json"
    with FaultyServer(say=graded) as server:
        endpoint = server.endpoint(key_variable="THE_KEY")

        def run(n=8):
            number = judging_round(path, endpoint)
            record = judged("likert", server, tmp_path, n, changes={"key_variable": "THE_KEY"})[1]
            write_json(path, record | {"round": number})
            return number, record["status"]

        def is_current():
            return judging_round(path, endpoint) == json.loads(path.read_text())["round"]

        monkeypatch.delenv("THE_KEY", raising=False)
        assert run() == (0, "pending") and is_current()
        monkeypatch.setenv("THE_KEY", "sk-1")
        assert not is_current() and run() == (1, "complete") and is_current()
        monkeypatch.delenv("THE_KEY")
        assert is_current() and run(9) == (1, "pending") and is_current()  # new answers to judge
        monkeypatch.setenv("THE_KEY", "sk-1")
        assert not is_current() and run(9) == (2, "complete") and is_current()


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


RUN = """
import pickle, sys
from clinical_dpo.endpoints import caller
from clinical_dpo.grading.judge.judge import judge_items
caller.FIRST_WAIT = 0.01
with open(sys.argv[1], "rb") as file:
    judge_items("likert", *pickle.load(file), sys.argv[2])
"""


def test_a_run_killed_at_random_replies_repeats_no_finished_request(tmp_path):
    """Only requests in flight at the kill are repeated: at most as many as run at once."""
    draw, at_once = random.Random(5), 3
    in_flight = []
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
            time.sleep(0.1)  # requests in flight arrive
            events = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().split("\n")[:-1]]
            ended = sum(row["event"] == "received" for row in events)
            in_flight.append(len(server.received) - ended - sum(in_flight))
        assert process.returncode == 0, log
        prompts = [body["messages"][0]["content"] for body in server.received]
        needed = len(set(prompts))
        assert needed == 55 and len(prompts) == needed + 2 + sum(in_flight)  # 2: the faults
        assert in_flight[-1] == 0 and all(0 <= lost <= at_once for lost in in_flight)
        _, record = judge_items("likert", items, endpoint, tmp_path / "replies.jsonl")
        assert len(server.received) == len(prompts) and record["calls"] == needed
        _, uninterrupted = judge_items("likert", items, endpoint, tmp_path / "uninterrupted.jsonl")
        assert record == uninterrupted


def test_a_request_names_the_schema_of_a_reply(tmp_path):
    with FaultyServer(say=lambda messages: '{"verdict": 4}') as server:
        verdicts, _ = judged("likert", server, tmp_path)
    assert {row["rating"] for row in verdicts} == {"4"}
    formats = [body["response_format"] for body in server.received]
    assert {response_format["type"] for response_format in formats} == {"json_schema"}
    assert formats[0]["json_schema"]["schema"]["properties"] == {"verdict": {"enum": [1, 2, 3, 4, 5]}}


def test_a_server_that_refuses_the_schema_gets_it_once(tmp_path):
    refusal = (400, '{"error": {"code": "unknown_field"}}', {})
    with FaultyServer(refusal) as server:
        verdicts, record = judged("likert", server, tmp_path)
        first = len(server.received)
        assert [("response_format" in body) for body in server.received].count(True) == 1
        judge_items("likert", items_of("likert", 9), server.endpoint(), tmp_path / "likert.jsonl")
    assert {row["rating"] for row in verdicts} == {"4"} and record["calls"] == first - 1
    assert len(server.received) > first and not any("response_format" in body for body in server.received[first:])


def test_the_first_call_counts_among_the_attempts_at_a_reply(tmp_path):
    with FaultyServer(say=lambda messages: "I cannot grade this.") as server:
        with pytest.raises(UserError, match="unreadable"):
            judge_items("likert", items_of("likert", 2), server.endpoint(concurrency=1), tmp_path / "likert.jsonl")
        first = server.received[0]["messages"]
    assert sum(body["messages"][0] == first[0] for body in server.received) == 3


def test_an_endpoint_s_own_response_format_is_kept(tmp_path):
    for number, own in enumerate(({"type": "json_object"}, None)):
        with FaultyServer() as server:
            changes = {"parameters": {"response_format": own}}
            judge_items("likert", items_of("likert", 1), server.endpoint(**changes), tmp_path / f"{number}.jsonl")
        assert {str(body.get("response_format")) for body in server.received} == {str(own)}
