"""The judge in a run: pending without its key, graded with it, beside raters; and a real model behind a server."""

import dataclasses
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from clinical_dpo.script import PRIVATE
from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.endpoints.client import Request, request_completions
from clinical_dpo.errors import UserError
from clinical_dpo.grading.judge.judge import judge_items
from clinical_dpo.io import write_json
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import graded, items_of
from tests.helpers.rating import rate
from tests.helpers.workflow import Project, rows, write_study_answers

pytestmark = pytest.mark.slow
# These rules need only answers, which the tests write.
RULES = ("ask_judge", "grade_by_judge", "grade_by_raters", "grade_answers", "write_blinding_key", "compute_metrics")
RULES += ("compare_variants", "compute_win_rate", "summarize_ratings")
KEY = "sk-secret-0123456789"
MODELS = {"summarization": "tiny-llama", "reasoning": "tiny-llama", "pubmedqa": "tiny-biomistral"}
TARGETS = [
    *(f"results/judged/summarization/{table}.csv" for table in ("metrics", "stats")),
    "results/judged/reasoning/agreement.csv",
    *(f"results/judged/pubmedqa/{table}.csv" for table in ("win_rate", "agreement")),
]
CALLS = 22 + 22 + 2 * 6  # grades of summaries, grades beside the physicians', both orders of the preference items
PACE = {"concurrency": 3, "timeout_seconds": 30}


def config(server, **judge):
    """Three tasks with a judge: of grades, beside two physicians, and of preferences; `judge` are its settings."""
    local = {"base_url": server.url, "model": "tiny-judge", "key_variable": "JUDGE_KEY"}
    local |= {"concurrency": 2, "timeout_seconds": 20, "max_tokens": 16}
    tasks = {"summarization": {"judge": "local", "phi": True}, "reasoning": {"judge": "local"}}
    tasks["pubmedqa"] = {"judge": "local", "preference_grader": "judge"}
    recipes = {"savage2025": {"models": ["tiny-llama"]}, "murphy2024": {"models": ["tiny-biomistral"]}}
    return {
        "run_name": "judged",
        "tasks": list(MODELS),
        "figure2": {"c": "summarization"},
        "endpoints": {"local": local | judge},
        "recipes": recipes,
        "overrides": {"tasks": tasks},
    }


def judge_reply(messages):
    """A verdict of the kind that a prompt asks for."""
    text = messages[0]["content"]
    if "<answer A>" in text:
        return "B"
    return "correct" if "<reference>" in text else graded(messages)


def run(project):
    """Make the tables that the judge's verdicts enter."""
    return project.run(cores=1, rules=RULES, targets=TARGETS)


def table(project, name):
    return rows(project.folder / "results/judged" / name)


def statuses(project, name):
    return {row["status"] for row in table(project, name)}


def with_key(project):
    """The same project with the judge's key in its environment."""
    return dataclasses.replace(project, environment={"JUDGE_KEY": KEY})


def copy(project, folder):
    """A copy of a project with its own config."""
    shutil.copytree(project.folder, folder, symlinks=True)
    return Project(folder, project.config, {})


@pytest.fixture(scope="module")
def server():
    with FaultyServer(say=judge_reply) as server:
        yield server


@pytest.fixture(scope="module")
def pending(server, tmp_path_factory):
    """A project that ran without the judge's key."""
    project = Project.copy(tmp_path_factory.mktemp("pending"), "judged.json")
    write_json(project.folder / project.config, config(server))
    for task, model in MODELS.items():
        write_study_answers(project, "judged", task, model)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("JUDGE_KEY", raising=False)
        run(project)
        assert not server.received
        yield project


@pytest.fixture(scope="module")
def judged(pending, server, tmp_path_factory):
    """A copy of that project that ran with the judge's key, and the number of calls."""
    project = copy(pending, tmp_path_factory.mktemp("judged") / "project")
    run(with_key(project))
    return project, len(server.received)


def test_verdicts_are_pending_without_the_judges_key(pending):
    assert statuses(pending, "summarization/metrics.csv") == {"pending"}
    assert statuses(pending, "pubmedqa/win_rate.csv") == {"pending"}
    record = json.loads((pending.folder / "results/judged/summarization/tiny-llama/judge/likert.json").read_text())
    assert record["waiting_for"] == "judge local: environment variable JUDGE_KEY is not set"


def test_results_and_logs_of_a_private_task_are_closed_to_other_users(pending):
    logs = pending.folder / "logs/judged"
    folders = (pending.folder / "results/judged/summarization", logs)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
    assert (logs / PRIVATE).exists()


def test_the_judge_is_called_once_for_each_item_with_its_key(judged, server):
    assert judged[1] == CALLS
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_judged_run_is_complete_with_and_without_the_key(judged):
    project, _ = judged
    assert "Nothing to be done" in run(with_key(project))
    assert "Nothing to be done" in run(project)


def test_grades_follow_the_verdicts(judged):
    means = {row["variant"]: row["estimate"] for row in table(judged[0], "summarization/metrics.csv")[::2]}
    assert means == {"base": "1.0", "sft": "3.0", "dpo": "4.5"}


def test_a_win_rate_follows_the_verdicts(judged):
    """The judge prefers the second answer in both orders, which is a tie."""
    [row] = table(judged[0], "pubmedqa/win_rate.csv")
    assert (row["rater"], row["status"], row["ties"], row["identical"]) == ("judge:local", "complete", "8", "2")


def test_raters_are_compared_with_each_other_and_with_the_judge(judged, server, tmp_path):
    project, calls = copy(judged[0], tmp_path / "project"), len(server.received)
    assert statuses(project, "reasoning/agreement.csv") == {"pending"}
    key = table(project, "reasoning/tiny-llama/grading/keys/correctness.csv")
    folder = project.folder / "ratings/judged/reasoning/tiny-llama"
    folder.mkdir(parents=True)
    for rater, words in (("physician1", ["correct"] * 22), ("physician2", ["correct", "incorrect"] * 11)):
        rate(folder / f"correctness.{rater}.csv", key, rater, words)
    run(project)
    agreement = {
        row["raters"]: float(row["estimate"])
        for row in table(project, "reasoning/agreement.csv")
        if row["metric"] == "raw_agreement"
    }
    assert agreement == {
        "physician1 physician2": 0.5,
        "physician1 judge:local": 1.0,
        "physician2 judge:local": 0.5,
    }
    assert len(server.received) == calls


def test_another_pace_asks_nothing_again(judged, server, tmp_path):
    project = copy(judged[0], tmp_path / "project")
    write_json(project.folder / project.config, config(server, **PACE))
    assert "Nothing to be done" in run(project)


def test_another_judge_is_asked_everything_again(judged, server, tmp_path):
    project, calls = copy(judged[0], tmp_path / "project"), len(server.received)
    write_json(project.folder / project.config, config(server, model="another-judge"))
    run(project)
    assert statuses(project, "summarization/metrics.csv") == {"pending"}
    run(with_key(project))
    assert statuses(project, "summarization/metrics.csv") == {"complete"}
    assert len(server.received) == calls + CALLS and "Nothing to be done" in run(project)


def test_no_file_holds_the_key_and_no_log_a_private_text(judged):
    project, _ = judged
    logs = "".join(path.read_text() for path in (project.folder / "logs").rglob("*.log"))
    folders = (project.folder / "results/judged", project.folder / ".snakemake")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert KEY not in logs + "".join(path.read_text(errors="replace") for path in files)
    assert "22 calls to make" in logs and "some reference" not in logs


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of the API of `transformers serve`, and the folder of the tiny model that it serves."""
    from clinical_dpo.models.tiny.pretraining import build_tiny_model
    from tests.conftest import TINY

    model = tmp_path_factory.mktemp("served") / "tiny"
    build_tiny_model("llama", TINY | {"sliding_window": None}, 7, model)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(model), "--device", "cpu"]
    with open(model.with_suffix(".log"), "w") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )
        try:
            wait_for(process, f"http://127.0.0.1:{port}/health", model.with_suffix(".log"))
            yield f"http://127.0.0.1:{port}/v1", model
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(process, url, log):
    end = time.monotonic() + 180
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise AssertionError(log.read_text())


def test_replies_of_a_real_server_equal_its_models_greedy_generation(served, tmp_path):
    """The expected texts and token counts come from transformers' `generate` on the same conversations."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    url, folder = served
    endpoint = Endpoint("served", url, str(folder), None, concurrency=2, timeout_seconds=120, max_tokens=12, seed=3)
    questions = ["Does this patient have a urinary tract infection?", "Is this message urgent?", "Who should answer?"]
    requests = [Request(name, ({"role": "user", "content": name},)) for name in questions]
    replies = request_completions(endpoint, requests, tmp_path / "replies.jsonl", "v1")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    for request in requests:
        inputs = tokenizer.apply_chat_template(
            list(request.messages), add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        with torch.no_grad():
            tokens = model.generate(**inputs, do_sample=False, max_new_tokens=12)[0, inputs["input_ids"].shape[1] :]
        reply = replies[request.id]
        assert reply.text == tokenizer.decode(tokens, skip_special_tokens=True)
        assert (reply.prompt_tokens, reply.completion_tokens) == (inputs["input_ids"].shape[1], len(tokens))


def test_a_model_whose_replies_hold_no_verdict_is_refused(served, tmp_path):
    url, folder = served
    judge = Endpoint("served", url, str(folder), None, concurrency=1, timeout_seconds=120, max_tokens=4)
    with pytest.raises(UserError) as error:
        judge_items("likert", items_of("likert", 1), judge, tmp_path / "replies.jsonl")
    message = str(error.value)
    assert "endpoint 'served'" in message and "2 replies are unreadable" in message
    assert sum(row.get("completion", False) for row in rows(tmp_path / "replies.jsonl")) == 6
