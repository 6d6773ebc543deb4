"""The whole path on a barely trained model: real MedQA questions, every rule, grader, policy and state."""

import csv
import json
import os
import shutil

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT, public_data, real_data
from tests.workflow import Project

TASKS = ("uti", "reasoning", "summarization", "triage_urgency")
MODEL = "tiny-mistral"
SOURCES = ("config", "clinical_dpo", "workflow", "tests")
VARIANTS = ("base", "sft", "dpo")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run; where the real questions are absent, generated ones take their place."""
    folder = tmp_path_factory.mktemp("project")
    medqa = public_data("medqa", "phrases_no_exclude_test.jsonl")
    project = Project.copy(folder, "tests/config/small.yaml", MEDQA_FILE=str(medqa))
    return project, project.run()


@pytest.fixture
def project(finished):
    """The finished run, as it was, whatever the test before changed."""
    project, _ = finished
    kept = project.folder.with_name("kept")
    for name in SOURCES:
        shutil.copytree(project.folder / name, kept / name)
    yield project
    for name in SOURCES:
        shutil.rmtree(project.folder / name)
        shutil.move(kept / name, project.folder / name)


def results(project, *parts):
    return project.folder.joinpath("results/small", *parts)


def rows(path):
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_nothing_is_left_to_do_and_the_end_is_readable(finished):
    project, printed = finished
    assert project.planned() == set()
    assert "Nothing to be done" in project.run()
    assert "Figures: reports/small/figures" in printed
    assert printed.rstrip().split("Grades still awaited:")[1].count("physicians: 12 answers of triage_urgency") == 3
    for panel in "abce":
        for suffix in ("svg", "pdf", "png", "csv"):
            assert (project.folder / f"reports/small/figures/figure2{panel}.{suffix}").stat().st_size > 0


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
    if task != "reasoning":
        wanted = yaml.safe_load((ROOT / "tests/config/small.yaml").read_text())["overrides"]["tasks"][task]["splits"]
        assert manifest["counts"] == wanted


def test_real_questions_come_through_whole(finished):
    """Every prompt is a publisher's stem up to its last sentence: units, tables, quotes and accents untouched."""
    medqa = real_data("medqa", "phrases_no_exclude_test.jsonl")
    project, _ = finished
    manifest = json.loads(results(project, "reasoning/data/manifest.json").read_text())
    assert manifest["source"]["data"] == "real" and manifest["source"]["rows"] == 650
    assert manifest["shrunk"]["asked"]["train"] == 400
    stems = [row["question"].strip() for row in rows(medqa)]
    whole = 0
    for split in ("train", "test"):
        for row in rows(results(project, "reasoning/data", f"{split}.jsonl")):
            question = row["prompt"][0]["content"].split("\n\nAnswer with the diagnosis")[0]
            case = question[: max(question.rfind(end) for end in (". ", "? ", ".\n", ".  ")) + 1]
            assert any(stem.startswith(case) for stem in stems), row["id"]
            assert "of the following" not in question and row["completion"][0]["content"] not in row["options"]
            whole += len(case) > 100
    assert whole > 150
    pairs = rows(results(project, "reasoning", MODEL, "preferences/train.jsonl"))
    options = {row["id"]: row["options"] for row in rows(results(project, "reasoning/data/train.jsonl"))}
    assert all(pair["rejected"][0]["content"] in options[pair["id"]] for pair in pairs)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_test_item_has_an_answer_and_a_grade(finished, task, variant):
    project, _ = finished
    test = [row["id"] for row in rows(results(project, task, "data/test.jsonl"))]
    answers = rows(results(project, task, MODEL, "predictions", f"{variant}.jsonl"))
    grades = rows(results(project, task, MODEL, "grades", f"{variant}.csv"))
    assert [row["id"] for row in answers] == [row["id"] for row in grades] == test
    expected = "pending" if task == "triage_urgency" else "complete"
    assert {row["status"] for row in grades} == {expected}


@pytest.mark.parametrize("table", ["metrics", "stats"])
def test_tables_keep_to_their_schema(finished, table):
    project, _ = finished
    schema = yaml.safe_load((ROOT / f"workflow/schemas/{table}.schema.yaml").read_text())
    for task in TASKS:
        for row in rows(results(project, task, f"{table}.csv")):
            typed = {key: _typed(value, schema["properties"][key]) for key, value in row.items()}
            jsonschema.validate(typed, schema)
    found = {row["task"]: row for row in rows(project.folder / "reports/small/tables/metrics.csv")}
    assert {task: found[task]["data"] for task in TASKS} == {
        "uti": "synthetic",
        "reasoning": "real" if public_data("medqa").exists() else "synthetic",
        "summarization": "synthetic",
        "triage_urgency": "synthetic",
    }
    assert found["summarization"]["proxy"] == "true" and found["summarization"]["grader"] == "rouge_likert"


def _typed(value, column):
    kinds = column.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if value == "" and ("null" in kinds or None in column.get("enum", [])):
        return None
    if "integer" in kinds:
        return int(value)
    return float(value) if "number" in kinds else value


def test_the_best_trial_is_the_one_with_the_highest_dev_score(finished):
    project, _ = finished
    for stage in ("sft", "dpo"):
        table = rows(results(project, "uti", MODEL, stage, "selection.csv"))
        assert len(table) == 2 and all(row["n"] == "16" for row in table)
        chosen = [row for row in table if row["chosen"] == "true"]
        assert len(chosen) == 1 and float(chosen[0]["score"]) == max(float(row["score"]) for row in table)
        best = results(project, "uti", MODEL, stage, "best/adapter_model.safetensors")
        trial = results(project, "uti", MODEL, stage, chosen[0]["trial"], "adapter/adapter_model.safetensors")
        assert best.read_bytes() == trial.read_bytes()


def test_a_trial_is_trained_again_up_to_its_plateau(finished):
    project, _ = finished
    trial = results(project, "uti", MODEL, "sft/lr1e-03")
    steps = json.loads((trial / "probe/steps.json").read_text())["steps"]
    assert json.loads((trial / "probe/run.json").read_text())["steps"] == 6
    assert json.loads((trial / "adapter/run.json").read_text())["steps"] == steps


def test_all_weights_are_kept_where_they_are_trained(finished):
    project, _ = finished
    best = results(project, "summarization", MODEL, "dpo/best")
    assert (best / "model.safetensors").exists() and not (best / "adapter_config.json").exists()
    assert not list(project.folder.glob("results/**/*.bin")) and not list(project.folder.glob("results/**/*.pt"))
    manifest = json.loads(results(project, "summarization", MODEL, "preferences/manifest.json").read_text())
    assert manifest["train"]["policy"] == "sft_prediction"


def test_one_table_is_one_job(project):
    target = "results/small/uti/stats.csv"
    (project.folder / target).unlink()
    assert project.planned(target) == {("compare_variants", "task=uti")}
    project.run(target)


STATS = {("collect_results", ""), ("summarize_run", "")}
FIGURES = {("plot_figure2", f"panel={panel}") for panel in "abce"}


def tables(*tasks):
    return {(rule, f"task={task}") for rule in ("compute_metrics", "compare_variants") for task in tasks}


def per_model(rule, task, **more):
    return {(rule, ", ".join([f"task={task}", f"model={MODEL}", *(f"{key}={value}" for key, value in more.items())]))}


def answers(task, *variants):
    rules = ("predict_answers", "grade_answers")
    return {job for rule in rules for variant in variants for job in per_model(rule, task, variant=variant)}


def after_dpo(task, panel):
    """From the choice of the DPO trial to the figure."""
    chosen = per_model("select_dpo", task) | answers(task, "dpo")
    return chosen | tables(task) | STATS | {("plot_figure2", f"panel={panel}")}


def after_sft(task, panel, trials):
    """From the choice of the SFT trial on."""
    jobs = per_model("select_sft", task) | per_model("score_reference", task) | answers(task, "sft")
    for trial in trials:
        jobs |= per_model("probe_dpo", task, trial=trial) | per_model("train_dpo", task, trial=trial)
        jobs.add(("find_plateau", f"task={task}, model={MODEL}, stage=dpo, trial={trial}"))
    return jobs | after_dpo(task, panel)


UTI_DPO = ("lr5e-04_beta0.1", "lr5e-04_beta0.3")
SMALL = "tests/config/small.yaml"


def test_a_comment_a_docstring_or_a_newer_file_changes_nothing(project):
    project.edit("clinical_dpo/training.py", "    settings = run.settings\n", "    settings = run.settings  # all\n")
    project.edit("clinical_dpo/grading.py", '"""Grades of answers:', '"""The grades of answers:')
    project.edit("workflow/scripts/train_sft.py", '"""Fine-tune', '"""Now fine-tune')
    for path in project.folder.rglob("*"):
        if path.is_file() and "results" not in path.parts and ".snakemake" not in path.parts:
            os.utime(path)
    assert project.planned() == set()


def test_a_plot_colour_redraws_the_figures_alone(project):
    project.edit("clinical_dpo/figures.py", '"#0077BB"', '"#0077CC"')
    assert project.planned() == FIGURES | {("summarize_run", "")}


def test_one_tasks_alpha_retrains_that_task_from_sft_on(project):
    project.edit(SMALL, "sft: {learning_rate", "sft: {lora: {alpha: 32}, learning_rate")
    rates = ("lr1e-03", "lr1e-04")
    trained = [per_model(rule, "uti", trial=rate) for rule in ("probe_sft", "train_sft") for rate in rates]
    plateaus = {("find_plateau", f"task=uti, model={MODEL}, stage=sft, trial={rate}") for rate in rates}
    assert project.planned() == set().union(*trained, plateaus, after_sft("uti", "a", UTI_DPO))


def test_one_beta_trains_that_trial_and_what_follows_the_choice(project):
    project.edit(SMALL, "beta: [0.1, 0.3]", "beta: [0.1, 0.5]")
    trial = "lr5e-04_beta0.5"
    trained = per_model("probe_dpo", "uti", trial=trial) | per_model("train_dpo", "uti", trial=trial)
    plateau = {("find_plateau", f"task=uti, model={MODEL}, stage=dpo, trial={trial}")}
    assert project.planned() == trained | plateau | after_dpo("uti", "a")


def test_a_plateau_tolerance_trains_no_probe_again(project):
    project.edit(SMALL, "plateau: true}\n        dpo", "plateau: true, plateau_tolerance: 0.5}\n        dpo")
    rules = {rule for rule, _ in project.planned()}
    assert {"find_plateau", "train_sft"} <= rules and "probe_sft" not in rules


def test_a_label_parser_regrades_and_chooses_again(project):
    """Grades and the choice on dev use it: so do they, and what hangs on the choice, and no SFT trial."""
    project.edit("clinical_dpo/grading.py", "named[0] if len(set(named)) == 1", "named[-1] if len(set(named)) == 1")
    jobs = project.planned()
    graded = set().union(
        *(per_model("grade_answers", task, variant=v) for task in TASKS for v in ("base", "sft", "dpo"))
    )
    assert graded <= jobs
    assert after_sft("uti", "a", UTI_DPO) <= jobs
    assert not {rule for rule, _ in jobs} & {"build_base_model", "split_dataset", "probe_sft", "train_sft"}
    assert ("predict_answers", f"task=uti, model={MODEL}, variant=base") not in jobs


def test_one_tasks_prompt_rebuilds_that_task_alone(project):
    project.edit(SMALL, "{{ message }} Is this", "{{ message }}\\nIs this")
    jobs = project.planned()
    assert ("split_dataset", "task=triage_urgency") in jobs
    assert {("build_base_model", ""), ("retrieve_source", "task=triage_urgency")}.isdisjoint(jobs)
    assert {wildcards for _, wildcards in jobs if "task=" in wildcards and "triage_urgency" not in wildcards} == set()


def test_a_micro_batch_changes_nothing(project):
    project.edit(SMALL, "micro_batch_size: 4", "micro_batch_size: 2")
    project.edit(SMALL, "generation_batch_size: 50", "generation_batch_size: 25")
    assert project.planned() == set()


def test_another_level_reruns_the_comparisons(project):
    project.edit("config/config.yaml", "alpha: 0.05", "alpha: 0.01")
    compared = {("compare_variants", f"task={task}") for task in TASKS}
    assert project.planned() == compared | FIGURES | STATS


def test_a_snapshot_of_the_hub_serves_as_base_model(finished, tmp_path):
    """A pinned revision in the hub's cache, offline: links to it load as the model built here does."""
    project, _ = finished
    revision = "0123456789abcdef0123456789abcdef01234567"
    cache = tmp_path / "hub/models--clinic--tiny"
    shutil.copytree(results(project, "../small/models", MODEL), cache / "snapshots" / revision)
    (cache / "refs").mkdir()
    (cache / "refs/main").write_text(revision)
    name = "mistral-7b-instruct"
    override = {"id": "clinic/tiny", "revision": revision, "dtype": "float32", "gpu": 0}
    config = yaml.safe_load((ROOT / SMALL).read_text()) | {"run": "hub", "models": [name], "tasks": ["uti"]}
    config["figure2"], config["overrides"]["models"] = {"a": "uti"}, {name: override}
    (project.folder / "hub.yaml").write_text(yaml.safe_dump(config))
    hub = Project(project.folder, "hub.yaml", project.environment | {"HF_HOME": str(tmp_path)})
    hub.run(f"results/hub/uti/{name}/predictions/base.jsonl")
    answered = rows(project.folder / f"results/hub/uti/{name}/predictions/base.jsonl")
    assert [row["text"] for row in answered] == [
        row["text"] for row in rows(results(project, f"uti/{MODEL}/predictions/base.jsonl"))
    ]
    record = json.loads((project.folder / f"results/hub/models/{name}/base.json").read_text())
    assert record == {"source": "hub", "id": "clinic/tiny", "revision": revision}


@pytest.mark.slow
def test_two_clean_runs_give_the_same_bytes(finished, tmp_path):
    project, _ = finished
    again = Project.copy(tmp_path, project.config, **project.environment)
    again.run()
    kept = ("**/predictions/*.jsonl", "**/*.csv", "**/*.safetensors", "**/data/*.jsonl", "**/figures/*.*")
    tops = [project.folder / top for top in ("results/small", "reports/small")]
    files = [path for top in tops for pattern in kept for path in top.glob(pattern)]
    assert len(files) > 60
    differ = [
        str(path.relative_to(project.folder))
        for path in files
        if path.read_bytes() != (again.folder / path.relative_to(project.folder)).read_bytes()
    ]
    assert differ == []
