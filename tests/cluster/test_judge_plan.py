"""The plan of a judge's calls: verdicts and controls, their tokens and cost."""

import json
import re

import pytest

from clinical_dpo.cluster.judge_plan import COLUMNS, judge_rows, judge_text
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.endpoints.call_estimate import estimate_calls
from clinical_dpo.grading.judge.controls import ask_controls, most_control_calls
from clinical_dpo.grading.judge.judge import judge_items
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import items_of
from tests.helpers.plans import by

REPLIES = {"likert": "4", "correctness": "correct", "preference": "A"}


def planned(overrides=None, **config):
    study = load_study(merge(PUBLISHED, {"overrides": {"tasks": overrides or {}}, **config}), ROOT)
    rows = judge_rows(study)
    assert all(tuple(row) == COLUMNS for row in rows)
    return rows


@pytest.fixture(autouse=True)
def no_results(tmp_path, monkeypatch):
    """Work in a folder without results."""
    monkeypatch.chdir(tmp_path)


def test_verdicts_and_controls_of_grades_are_counted_and_priced():
    rows = planned(endpoints={"gpt-4": {"price": {"input": 30, "output": 60}}})
    assert {row["task"] for row in rows} == {"summarization"}
    for row in rows:
        assert row["calls"] == (300 * 3 if row["purpose"] == "verdicts" else 24 * 2)
        assert row["tokens_received"] == 16 * row["calls"] and row["tokens_sent"] > 300 * row["calls"]
        assert row["usd"] == pytest.approx((30 * row["tokens_sent"] + 60 * row["tokens_received"]) / 1e6)
    sums = {
        purpose: sum(row["calls"] for row in rows if row["purpose"] == purpose) for purpose in ("verdicts", "controls")
    }
    text = judge_text(rows)
    assert re.search(rf"^summarization +gpt-4 +likert +{sums['verdicts']:,} +{sums['controls']} ", text, re.MULTILINE)
    assert f"{sum(row['usd'] for row in rows):,.2f}" in text


def test_pairs_are_judged_and_repeated_in_both_orders():
    rows = planned({"pubmedqa": {"judge": "gpt-4", "preference_grader": "judge"}})
    pairs = by([row for row in rows if row["judged"] == "preference"], "model", "purpose")
    items = load_study(PUBLISHED, ROOT).tasks["pubmedqa"]["splits"]["test"]
    for model in {model for model, _ in pairs}:
        assert pairs[model, "verdicts"]["calls"] == 2 * items and pairs[model, "controls"]["calls"] == 2 * 24
    assert {row["usd"] for row in rows} == {None} and "no price" in judge_text(rows)


def test_longer_anchors_send_more_tokens():
    short, long = (
        sum(row["tokens_sent"] for row in planned({"summarization": {"anchors": anchors}}))
        for anchors in (list("abcde"), ["a" * 400, *"bcde"])
    )
    calls = sum(row["calls"] for row in planned())
    assert long - short == pytest.approx(calls * 399 / 4, abs=8)


def test_calls_that_are_recorded_are_shown_as_made(tmp_path):
    [row, *_] = planned()
    record = tmp_path / f"results/summarization/{row['model']}/judge/controls/likert.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"calls": 47}))
    made = {(row["model"], row["purpose"]): row["made"] for row in planned()}
    assert made[row["model"], "controls"] == 47 == sum(made.values())


def test_a_run_without_a_judge_has_no_lines():
    assert planned(tasks=["uti"]) == [] and judge_text([]) == ""


@pytest.mark.parametrize("kind", REPLIES)
@pytest.mark.parametrize("rows", [6, 60])
def test_the_planned_controls_are_the_calls_that_a_server_receives(tmp_path, kind, rows):
    """Answers of every row differ, so that no control is left out and no two calls are equal."""
    items = [item for item in items_of(kind, rows) if kind != "preference" or len(item.answers) == 2]
    with FaultyServer(say=lambda messages: REPLIES[kind]) as server:
        ask_controls(kind, items, server.endpoint(), tmp_path / "replies.jsonl")
    assert len(server.received) == most_control_calls(kind, len({item.row_id for item in items}))


def test_the_log_has_the_estimate_of_the_plan_for_the_same_messages(tmp_path, capsys):
    with FaultyServer(say=lambda messages: "4") as server:
        endpoint = server.endpoint(price={"input": 3e3, "output": 6e3})
        judge_items("likert", items_of("likert", 8), endpoint, tmp_path / "replies.jsonl")
        characters = sum(len(body["messages"][0]["content"]) for body in server.received)
        estimate = estimate_calls(endpoint, len(server.received), characters)
    assert (
        f"{estimate.calls} calls to make, about {estimate.sent} tokens to send and {estimate.received} to receive at "
        f"most, about {estimate.usd:.2f} US dollars at most"
    ) in capsys.readouterr().err
