"""The whole workflow on barely trained models: real questions, and every rule, grader, rejected source and status."""

import json
import re
import shutil
from dataclasses import replace

import jsonschema
import pytest
import yaml

from clinical_dpo.io import sha256
from clinical_dpo.line_length import LONGEST
from clinical_dpo.schemas import validate
from tests.conftest import ROOT, public_data, real_data
from tests.helpers.compare_runs import compare_runs, run_files
from tests.helpers.rating import rate
from tests.helpers.workflow import MODEL, MODELS, READ, SMALL, TASKS, VARIANTS, Project, results, rows, typed


def test_a_finished_run_plans_no_job(finished):
    project, _ = finished
    assert project.planned() == set()
    assert "Nothing to be done" in project.run()


def test_a_run_ends_with_its_folders_and_pending_ratings(finished):
    _, printed = finished
    assert "Figures: reports/small/figures" in printed
    awaited = printed.rstrip().split("Still awaited:")[1]
    words = " ".join(awaited.split())  # long lines are folded
    assert re.search(r"anna: \d+ of \d+ items of sheet correctness, triage_urgency/tiny-mistral", words)
    assert re.search(r"anna: \d+ of \d+ items of sheet preference, pubmedqa/tiny-biomistral", words)
    assert "send results/small/triage_urgency/tiny-mistral/grading/correctness.anna.html" in words
    assert "the returned file as ratings/small/triage_urgency/tiny-mistral/correctness.anna.csv" in words
    assert "Next:\n  open reports/small/summary.html in a browser\n" in awaited
    assert f"snakemake --cores 1 all --configfile {SMALL}  # once the awaited grades are there" in awaited
    assert max(map(len, awaited.partition("Next:")[0].splitlines())) <= LONGEST


def test_every_figure_and_table_is_written_in_every_format(finished):
    project, _ = finished
    figures = ["figure2a", "figure2b", "figure2c", "figure2e", "reward_margin", "training_curves_uti", "sweep", "cost"]
    figures += ["figure2f", "confusion_pubmedqa_labels", "reliability_pubmedqa_labels"]
    for figure in figures:
        for suffix in ("svg", "pdf", "png", "csv"):
            assert (project.folder / f"reports/small/figures/{figure}.{suffix}").stat().st_size > 0
    for table in ("metrics", "stats", "decisions", "murphy2024_table1", "murphy2024_rouge"):
        assert r"\toprule" in (project.folder / f"reports/small/tables/{table}.tex").read_text()


@pytest.mark.parametrize("task", TASKS)
def test_splits_are_exact_and_share_no_prompt(finished, task):
    project, _ = finished
    manifest = json.loads(results(project, task, "data/manifest.json").read_text())
    prompts = []
    for split, count in manifest["counts"].items():
        part = rows(results(project, task, "data", f"{split}.jsonl"))
        assert len(part) == count
        prompts += [row["prompt"][0]["content"] for row in part]
    assert len(set(prompts)) == len(prompts)
    if task not in ("reasoning", "meqsum"):
        overrides = yaml.safe_load((ROOT / SMALL).read_text())["overrides"]
        assert manifest["counts"] == overrides["tasks"][task]["splits"]


def test_real_questions_are_unchanged_in_prompts(finished):
    """Every prompt is a question of the publisher up to its last sentence, with units, tables, quotes and accents."""
    medqa = real_data("medqa", "phrases_no_exclude_test.jsonl")
    project, _ = finished
    manifest = json.loads(results(project, "reasoning/data/manifest.json").read_text())
    assert manifest["source"]["data"] == "real" and manifest["source"]["rows"] == 650
    assert manifest["shrunk"]["asked"]["train"] == 400
    stems = [row["question"].strip() for row in rows(medqa)]
    long_cases = 0
    for split in ("train", "test"):
        for row in rows(results(project, "reasoning/data", f"{split}.jsonl")):
            question = row["prompt"][0]["content"].split("\n\nAnswer with the diagnosis")[0]
            case = question[: max(question.rfind(end) for end in (". ", "? ", ".\n", ".  ")) + 1]
            assert any(stem.startswith(case) for stem in stems), row["id"]
            assert "of the following" not in question and row["completion"][0]["content"] not in row["options"]
            long_cases += len(case) > 100
    assert long_cases > 150


def test_rejected_answers_are_options_of_their_question(finished):
    project, _ = finished
    pairs = rows(results(project, "reasoning", MODEL, "preferences/train.jsonl"))
    options = {row["id"]: row["options"] for row in rows(results(project, "reasoning/data/train.jsonl"))}
    assert all(pair["rejected"][0]["content"] in options[pair["id"]] for pair in pairs)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_test_item_has_an_answer_and_a_grade(finished, task, variant):
    project, _ = finished
    test = [row["id"] for row in rows(results(project, task, "data/test.jsonl"))]
    answers = rows(results(project, task, MODELS[task], "predictions", f"{variant}.jsonl"))
    grades = rows(results(project, task, MODELS[task], "grades", f"{variant}.csv"))
    assert [row["id"] for row in answers] == [row["id"] for row in grades] == test
    expected = "pending" if task == "triage_urgency" else "complete"
    assert {row["status"] for row in grades} == {expected}


@pytest.mark.parametrize("table", ["metrics", "stats", "decisions", "trivial", "unreadable"])
def test_tables_follow_their_schema(finished, table):
    project, _ = finished
    schema = yaml.safe_load((ROOT / f"workflow/schemas/{table}.schema.yaml").read_text())
    for task in {"trivial": ("uti", "pubmedqa_labels"), "unreadable": READ}.get(table, TASKS):
        for row in rows(results(project, task, f"{table}.csv")):
            values = {key: typed(value, schema["properties"][key]) for key, value in row.items()}
            jsonschema.validate(values, schema)


def test_answers_by_likelihood_are_labels_with_probabilities_in_all_tables(finished):
    """Three labels: the metrics of each, of all and of their probabilities, and the tables behind the figures."""
    project, _ = finished
    test = rows(results(project, "pubmedqa_labels/data/test.jsonl"))
    for variant in VARIANTS:
        answers = rows(results(project, "pubmedqa_labels", MODEL, "predictions", f"{variant}.jsonl"))
        for answer in answers:
            assert list(answer["probabilities"]) == ["yes", "no", "maybe"]
            assert sum(answer["probabilities"].values()) == pytest.approx(1)
            assert answer["text"] == max(answer["probabilities"], key=answer["probabilities"].get)
    counts = [row for row in rows(results(project, "pubmedqa_labels/confusion.csv")) if row["variant"] == "sft"]
    assert sum(int(row["n"]) for row in counts) == len(test)
    metrics = [row for row in rows(results(project, "pubmedqa_labels/metrics.csv")) if row["variant"] == "sft"]
    assert {"macro_f1", "auroc", "brier", "ece"} <= {row["metric"] for row in metrics}
    assert {row["positive_class"] for row in metrics} >= {"yes", "no", "maybe"}
    assert {row["invalid_rate"] for row in metrics} == {"0.0"}


@pytest.mark.parametrize("table", ["confusion", "symmetry", "reliability"])
def test_tables_of_labels_follow_their_schema(finished, table):
    project, _ = finished
    schema = yaml.safe_load((ROOT / f"workflow/schemas/{table}.schema.yaml").read_text())
    for row in rows(results(project, "pubmedqa_labels", f"{table}.csv")):
        jsonschema.validate({key: typed(value, schema["properties"][key]) for key, value in row.items()}, schema)


@pytest.mark.parametrize("task", TASKS)
def test_the_margin_is_recorded_before_the_first_test_answers(finished, task):
    project, _ = finished
    record = results(project, task, "margin.json")
    answers = [results(project, task, MODELS[task], f"predictions/{variant}.jsonl") for variant in VARIANTS]
    assert record.stat().st_mtime < min(path.stat().st_mtime for path in answers)
    [decision] = [row for row in rows(results(project, task, "decisions.csv")) if row["comparison"] == "dpo_vs_sft"]
    assert json.loads(record.read_text())["sha256"] == decision["margin_sha256"]
    assert "The margin was" not in decision["sentence"]


def test_metrics_name_synthetic_data_and_proxies(finished):
    project, _ = finished
    metrics = {row["task"]: row for row in rows(project.folder / "reports/small/tables/metrics.csv")}
    assert {task: metrics[task]["data"] for task in TASKS} == {
        "uti": "synthetic",
        "reasoning": "real" if public_data("medqa").exists() else "synthetic",
        "summarization": "synthetic",
        "triage_urgency": "synthetic",
        "pubmedqa": "real" if public_data("pubmedqa").exists() else "synthetic",
        "meqsum": "real" if public_data("meqsum").exists() else "synthetic",
        "pubmedqa_labels": "real" if public_data("pubmedqa").exists() else "synthetic",
    }
    assert metrics["summarization"]["proxy"] == "true" and metrics["summarization"]["grader"] == "rouge_likert"


@pytest.fixture
def with_ratings(project):
    """The finished run with ratings: of two raters who disagree on two answers, and of one who prefers DPO.

    Yields:
        The project, and the rows of the first rater's key, of which the first two are the disputed ones.
    """
    key = rows(results(project, "triage_urgency", "tiny-mistral", "grading/keys/correctness.csv"))
    folder = project.folder / "ratings/small"
    sheet = [row for row in key if row["rater"] == "anna"]
    words = dict.fromkeys((row["item_id"] for row in sheet), "correct")
    rate(folder / "triage_urgency/tiny-mistral/correctness.anna.csv", key, "anna", words)
    words |= dict.fromkeys((row["item_id"] for row in sheet[:2]), "incorrect")
    rate(folder / "triage_urgency/tiny-mistral/correctness.ben.csv", key, "ben", words)
    key = rows(results(project, "pubmedqa", "tiny-biomistral", "grading/keys/preference.csv"))
    preferred = {row["item_id"]: "A" if row["A"] == "dpo" else "B" for row in key}
    rate(folder / "pubmedqa/tiny-biomistral/preference.anna.csv", key, "anna", preferred)
    yield project, sheet
    shutil.rmtree(folder, ignore_errors=True)
    project.run()
    assert not project.planned()


def test_ratings_rerun_only_the_jobs_of_their_tasks(with_ratings):
    project, _ = with_ratings
    jobs = project.planned()
    assert ("grade_by_raters", "task=triage_urgency, model=tiny-mistral") in jobs
    assert ("compute_win_rate", "task=pubmedqa") in jobs
    tasks = {wildcards.split(",")[0] for _, wildcards in jobs if "task=" in wildcards}
    assert tasks == {"task=triage_urgency", "task=pubmedqa"}


def test_ratings_give_agreement_win_rate_and_then_final_grades_by_adjudication(with_ratings):
    project, sheet = with_ratings
    assert "carla: 2 of 2 items of sheet adjudication, triage_urgency/tiny-mistral" in project.run()
    agreement = {row["metric"]: row for row in rows(results(project, "triage_urgency/agreement.csv"))}
    assert float(agreement["raw_agreement"]["estimate"]) == pytest.approx(1 - 2 / len(sheet))
    win_rates = {row["rater"]: row for row in rows(results(project, "pubmedqa/win_rate.csv"))}
    assert float(win_rates["anna"]["rate"]) == 1 and win_rates["pooled"]["status"] == "complete"

    disputed = {row["item_id"]: row["row_id"] for row in sheet[:2]}
    key = rows(results(project, "triage_urgency", "tiny-mistral", "grading/keys/adjudication.csv"))
    assert {row["item_id"] for row in key if row["shown"] == "true"} == set(disputed)
    adjudications = project.folder / "ratings/small/triage_urgency/tiny-mistral/adjudication.carla.csv"
    rate(adjudications, key, "carla", dict.fromkeys(disputed, "incorrect"))
    assert "Still awaited:" not in project.run()
    for variant in VARIANTS:
        grades = rows(results(project, "triage_urgency", "tiny-mistral", f"grades/{variant}.csv"))
        assert {row["status"] for row in grades} == {"complete"}
        assert {row["id"] for row in grades if row["grade"] == "0"} <= set(disputed.values())

    shutil.rmtree(project.folder / "ratings/small")
    assert "Still awaited:" in project.run()


def test_a_deleted_table_is_one_job(project):
    target = "results/small/uti/stats.csv"
    (project.folder / target).unlink()
    assert project.planned(target) == {("compare_variants", "task=uti")}
    project.run(target)


def test_a_snapshot_in_the_hubs_cache_answers_as_the_same_model_built_here(finished, tmp_path):
    """The hub is offline, and the base model is links to its cache."""
    project, _ = finished
    revision = "0123456789abcdef0123456789abcdef01234567"
    cache = tmp_path / "hub/models--clinic--tiny"
    shutil.copytree(results(project, "../small/models", MODEL), cache / "snapshots" / revision)
    (cache / "refs").mkdir()
    (cache / "refs/main").write_text(revision)
    name = "mistral-7b-instruct"
    override = {"id": "clinic/tiny", "revision": revision, "dtype": "float32", "gpu": 0}
    config = yaml.safe_load((ROOT / SMALL).read_text()) | {"run_name": "hub", "tasks": ["uti"]}
    config["recipes"]["savage2025"]["models"] = [name]
    config["figure2"], config["overrides"]["models"] = {"a": "uti"}, {name: override}
    (project.folder / "hub.yaml").write_text(yaml.safe_dump(config))
    hub = Project(project.folder, "hub.yaml", project.environment | {"HF_HOME": str(tmp_path)})
    hub.run(f"results/hub/uti/{name}/predictions/base.jsonl")
    answers = rows(project.folder / f"results/hub/uti/{name}/predictions/base.jsonl")
    assert [row["text"] for row in answers] == [
        row["text"] for row in rows(results(project, f"uti/{MODEL}/predictions/base.jsonl"))
    ]
    record = json.loads((project.folder / f"results/hub/models/{name}/base.json").read_text())
    weights = sha256(cache / "snapshots" / revision / "model.safetensors")
    assert record == {"source": "hub", "id": "clinic/tiny", "revision": revision} | {
        "sha256": {"model.safetensors": weights}
    }


def test_each_figure_of_training_curves_shows_its_task(finished):
    project, _ = finished
    folder = project.folder / "reports/small/figures"
    drawn = {task: {row["task"] for row in rows(folder / f"training_curves_{task}.csv")} for task in TASKS}
    assert drawn == {task: {task} for task in TASKS}


@pytest.mark.slow
def test_two_runs_from_scratch_give_the_same_bytes(finished, tmp_path):
    """Each job of one task of the second run starts a Python of its own; the other jobs are forks, as in the first."""
    project, _ = finished
    again = Project.copy(tmp_path, project.config, project.python, **project.environment)
    replace(again, python=None).run("results/small/reasoning/stats.csv")
    again.run()
    assert len(run_files(project.folder, "small")) > 200
    assert compare_runs(project.folder, again.folder, "small") == []


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("task_row", "*/data/t*.jsonl"),
        ("pair", "*/*/preferences/train.jsonl"),
        ("answer", "*/*/predictions/*.jsonl"),
        ("grade", "*/*/grades/*.csv"),
    ],
)
def test_files_follow_their_schemas(finished, schema, pattern):
    project, _ = finished
    files = sorted(results(project).glob(pattern))
    assert len(files) >= len(TASKS)
    for path in files:
        for row in rows(path):
            validate(row, schema, str(path))
