"""A run in which raters grade a sample, a biased judge grades everything, and the sample corrects the judge."""

import json

import numpy as np
import pytest

from clinical_dpo.io import write_json, write_jsonl
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import between
from tests.helpers.rating import rate
from tests.helpers.task_rows import task_row
from tests.helpers.workflow import Project, rows, write_answers

pytestmark = pytest.mark.slow
# These rules need only test rows and answers, which the tests write.
RULES = ("ask_judge", "ask_judge_controls", "compute_judge_bias", "write_blinding_key", "grade_by_raters")
RULES += ("compute_corrected", "compute_metrics", "summarize_ratings")
TARGETS = [f"results/rated/reasoning/{table}.csv" for table in ("corrected", "metrics", "judge_bias", "agreement")]
SHARES = {"base": 0.4, "sft": 0.6, "dpo": 0.7}  # of right answers
ITEMS, RATED = 240, 100
RATERS = ("anna", "ben")


def config(server):
    local = {"base_url": server.url, "model": "tiny-judge", "key_variable": None}
    local |= {"concurrency": 8, "timeout_seconds": 20, "max_tokens": 16}
    raters = {"people": list(RATERS), "sample": RATED}
    return {
        "run_name": "rated",
        "tasks": ["reasoning"],
        "figure2": {},
        "endpoints": {"local": local},
        "recipes": {"savage2025": {"models": ["tiny-llama"]}},
        "overrides": {"tasks": {"reasoning": {"judge": "local", "raters": raters}}},
    }


def lenient(messages):
    """A judge that calls right answers correct, and six of ten wrong ones too."""
    answer = between(messages[0]["content"], "answer")
    return "correct" if answer.startswith("right") or int(answer.split()[-1]) % 10 < 6 else "incorrect"


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """The finished run, its state before the ratings, and the true share of right answers of each variant."""
    draw = np.random.default_rng(4)
    test = [task_row(f"r{i}", f"Question {i}?", f"reference {i}") for i in range(ITEMS)]
    right = {variant: draw.random(ITEMS) < share for variant, share in SHARES.items()}
    answers = {
        variant: [
            {"id": f"r{i}", "text": f"{'right' if right[variant][i] else 'wrong'}, {variant} {number}"}
            for i, number in enumerate(draw.permutation(ITEMS))
        ]
        for variant in SHARES
    }
    with FaultyServer(say=lenient) as server:
        project = Project.copy(tmp_path_factory.mktemp("rated"), "rated.json")
        write_json(project.folder / project.config, config(server))
        write_jsonl(project.folder / "results/rated/reasoning/data/test.jsonl", test)
        write_answers(project, "rated", "reasoning", "tiny-llama", answers)
        project.run(cores=1, rules=RULES, targets=TARGETS)
        before = {table: rows(project.folder / f"results/rated/reasoning/{table}.csv") for table in ("corrected",)}
        key = rows(project.folder / "results/rated/reasoning/tiny-llama/grading/keys/correctness.csv")
        text_of = {(variant, row["id"]): row["text"] for variant, texts in answers.items() for row in texts}
        folder = project.folder / "ratings/rated/reasoning/tiny-llama"
        folder.mkdir(parents=True)
        first_texts = {row["item_id"]: text_of[row["variants"].split()[0], row["row_id"]] for row in key}
        words = {item: "correct" if text.startswith("right") else "incorrect" for item, text in first_texts.items()}
        for rater in RATERS:
            rate(folder / f"correctness.{rater}.csv", key, rater, words, comment=rater)  # two equal files are refused
        project.run(cores=1, rules=RULES, targets=TARGETS)
        calls = len(server.received)
        assert "Nothing to be done" in project.run(cores=1, rules=RULES, targets=TARGETS)
        assert len(server.received) == calls
    return project, before, key, {variant: float(right[variant].mean()) for variant in SHARES}


def table(rated, name):
    return rows(rated[0].folder / f"results/rated/reasoning/{name}.csv")


def test_sheets_hold_the_same_sample_of_test_items_for_all_variants(rated):
    _, _, key, _ = rated
    items = {variant: {row["row_id"] for row in key if variant in row["variants"].split()} for variant in SHARES}
    assert items["base"] == items["sft"] == items["dpo"] and len(items["base"]) == RATED


def test_estimates_are_pending_until_the_sample_is_rated(rated):
    assert {row["status"] for row in rated[1]["corrected"]} == {"pending"}
    assert {row["status"] for row in table(rated, "corrected")} == {"complete"}


def test_the_corrected_interval_holds_the_truth_and_the_judge_s_own_does_not(rated):
    truth, by_name = rated[3], {row["compared"]: row for row in table(rated, "corrected")}
    for variant, share in truth.items():
        row = by_name[variant]
        assert row["basis"] == "judge corrected by the sample" and int(row["rated"]) == RATED
        assert float(row["ci_low"]) < share < float(row["ci_high"])
        assert not float(row["judge_ci_low"]) < share < float(row["judge_ci_high"])


def test_the_judge_s_bias_is_measured(rated):
    checks = {row["check"]: row for row in table(rated, "judge_bias")}
    assert (checks["repeated"]["estimate"], checks["repeated"]["suspicious"]) == ("1.0", "false")
    assert checks["shuffled"]["suspicious"] == "true"  # it calls right answers to other questions correct
    record = rated[0].folder / "results/rated/reasoning/tiny-llama/judge/controls/correctness.json"
    assert json.loads(record.read_text())["calls"] == 48
