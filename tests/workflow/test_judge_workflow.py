"""The judge as a user meets it: pending without its key, graded with it, beside people; a real model that serves."""

import json
import os
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
from clinical_dpo.io import write_json, write_jsonl
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.judging import graded, items_of
from tests.helpers.rating import rate, study
from tests.helpers.workflow import Project, describe_answers, rows

# Answers are there already: models are nothing to a judge.
RULES = ("ask_judge", "grade_by_judge", "grade_by_raters", "grade_answers", "write_blinding_key", "compute_metrics")
RULES += ("compare_variants", "compute_win_rate", "summarize_ratings")
KEY = "sk-secret-0123456789"
MODELS = {"summarization": "tiny-llama", "reasoning": "tiny-llama", "pubmedqa": "tiny-biomistral"}
TARGETS = [
    *(f"results/judged/summarization/{table}.csv" for table in ("metrics", "stats")),
    "results/judged/reasoning/agreement.csv",
    *(f"results/judged/pubmedqa/{table}.csv" for table in ("win_rate", "agreement")),
]


def config(server):
    """Three tasks with a judge: of grades, beside two physicians, and of preferences beside one."""
    local = {"base_url": server.url, "model": "tiny-judge", "key_variable": "JUDGE_KEY"}
    local |= {"concurrency": 2, "timeout_seconds": 20, "max_tokens": 16}
    tasks = {"summarization": {"judge": "local", "phi": True}, "reasoning": {"judge": "local"}}
    tasks["pubmedqa"] = {"judge": "local", "preference_grader": "judge"}
    recipes = {"savage2025": {"models": ["tiny-llama"]}, "murphy2024": {"models": ["tiny-biomistral"]}}
    return {
        "run_name": "judged",
        "tasks": list(MODELS),
        "figure2": {"c": "summarization"},
        "endpoints": {"local": local},
        "recipes": recipes,
        "overrides": {"tasks": tasks},
    }


def changed(server, **settings):
    """That config with other settings of the judge."""
    made = config(server)
    made["endpoints"]["local"] |= settings
    return made


def says(messages):
    text = messages[0]["content"]
    if "<answer A>" in text:
        return "B"
    return "correct" if "<reference>" in text else graded(messages)


@pytest.mark.slow
def test_waiting_grading_and_resting(tmp_path):
    with FaultyServer(say=says) as server:
        write_json(tmp_path / "judged.json", config(server))
        project = Project.copy(tmp_path / "project", str(tmp_path / "judged.json"))
        os.environ.pop("JUDGE_KEY", None)
        for task, model in MODELS.items():
            test, answers = study()
            folder = project.folder / "results/judged" / task
            write_jsonl(folder / "data/test.jsonl", test)
            for variant, texts in answers.items():
                write_jsonl(folder / model / f"predictions/{variant}.jsonl", texts)
            describe_answers(project, task, model, folder / model / "predictions")
        results = project.folder / "results/judged"
        arguments = ("--allowed-rules", *RULES, "--", *TARGETS)

        def run(*more):
            done = subprocess.run(
                [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", project.config, *more, *arguments],
                cwd=project.folder,
                capture_output=True,
                text=True,
                env=os.environ | project.environment,
            )
            assert done.returncode == 0, done.stderr[-5000:]
            return done.stdout + done.stderr

        run()
        assert not server.received
        assert {row["status"] for row in rows(results / "summarization/metrics.csv")} == {"pending"}
        assert {row["status"] for row in rows(results / "pubmedqa/win_rate.csv")} == {"pending"}
        record = json.loads((results / "summarization/tiny-llama/judge/likert.json").read_text())
        assert record["waiting_for"] == "judge local: environment variable JUDGE_KEY is not set"
        logs = results.parents[1] / "logs" / results.name
        assert [stat.S_IMODE(each.stat().st_mode) for each in (results / "summarization", logs)] == [0o700, 0o700]
        assert (logs / PRIVATE).exists()

        os.environ["JUDGE_KEY"] = KEY
        try:
            run()
            calls = len(server.received)
            assert calls == 22 + 22 + 2 * 6 and server.headers[0]["authorization"] == f"Bearer {KEY}"
            assert "Nothing to be done" in run()
        finally:
            del os.environ["JUDGE_KEY"]
        assert "Nothing to be done" in run()  # what is graded needs no key
        means = {row["variant"]: row["estimate"] for row in rows(results / "summarization/metrics.csv")[::2]}
        assert means == {"base": "1.0", "sft": "3.0", "dpo": "4.5"}
        [row] = rows(results / "pubmedqa/win_rate.csv")
        assert (row["rater"], row["status"], row["ties"], row["identical"]) == ("judge:local", "complete", "8", "2")

        [pending] = {row["status"] for row in rows(results / "reasoning/agreement.csv")}
        assert pending == "pending"
        key = rows(results / "reasoning/tiny-llama/grading/keys/correctness.csv")
        for rater, words in (("physician1", ["correct"] * 22), ("physician2", ["correct", "incorrect"] * 11)):
            folder = project.folder / "ratings/judged/reasoning/tiny-llama"
            folder.mkdir(parents=True, exist_ok=True)
            rate(folder / f"correctness.{rater}.csv", key, rater, words)
        run()
        raw = {
            row["raters"]: float(row["estimate"])
            for row in rows(results / "reasoning/agreement.csv")
            if row["metric"] == "raw_agreement"
        }
        assert raw == {
            "physician1 physician2": 0.5,
            "physician1 judge:local": 1.0,
            "physician2 judge:local": 0.5,
        }
        assert len(server.received) == calls

        pace = {"concurrency": 3, "timeout_seconds": 30}
        write_json(project.folder / project.config, changed(server, **pace))
        assert "Nothing to be done" in run()
        write_json(project.folder / project.config, changed(server, **pace, model="another-judge"))
        run()
        assert {row["status"] for row in rows(results / "summarization/metrics.csv")} == {"pending"}
        os.environ["JUDGE_KEY"] = KEY
        try:
            run()
        finally:
            del os.environ["JUDGE_KEY"]
        assert {row["status"] for row in rows(results / "summarization/metrics.csv")} == {"complete"}
        assert len(server.received) == 2 * calls and "Nothing to be done" in run()

        logs = "".join(path.read_text() for path in (project.folder / "logs").rglob("*.log"))
        written = "".join(
            path.read_text(errors="replace")
            for path in (*results.rglob("*"), *(project.folder / ".snakemake").rglob("*"))
            if path.is_file()
        )
        assert KEY not in logs + written and "22 calls to make" in logs and "some reference" not in logs


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A tiny model behind `transformers serve`: the address of its API, and the model's folder."""
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


@pytest.mark.slow
def test_a_real_server_says_what_its_model_generates(served, tmp_path):
    """Against transformers' own greedy generation of the same conversations."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    url, folder = served
    endpoint = Endpoint("served", url, str(folder), None, concurrency=2, timeout_seconds=120, max_tokens=12, seed=3)
    questions = ["Does this patient have a urinary tract infection?", "Is this message urgent?", "Who should answer?"]
    asked = [Request(name, ({"role": "user", "content": name},)) for name in questions]
    replies = request_completions(endpoint, asked, tmp_path / "replies.jsonl", "v1")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    for request in asked:
        inputs = tokenizer.apply_chat_template(
            list(request.messages), add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        with torch.no_grad():
            tokens = model.generate(**inputs, do_sample=False, max_new_tokens=12)[0, inputs["input_ids"].shape[1] :]
        reply = replies[request.id]
        assert reply.text == tokenizer.decode(tokens, skip_special_tokens=True)
        assert (reply.prompt_tokens, reply.completion_tokens) == (inputs["input_ids"].shape[1], len(tokens))


@pytest.mark.slow
def test_a_real_model_that_cannot_judge_is_told_so(served, tmp_path):
    url, folder = served
    judge = Endpoint("served", url, str(folder), None, concurrency=1, timeout_seconds=120, max_tokens=4)
    with pytest.raises(UserError) as error:
        judge_items("likert", items_of("likert", 1), judge, tmp_path / "replies.jsonl")
    assert "2 replies of endpoint 'served'" in str(error.value) and "cannot be read" in str(error.value)
    kept = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    assert sum(row.get("completion", False) for row in kept) == 6
