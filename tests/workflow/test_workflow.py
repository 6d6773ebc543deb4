"""The whole path on a barely trained model: real MedQA questions, every rule, grader, policy and state."""

import json
import re
import shutil

import jsonschema
import pytest
import yaml

from clinical_dpo.grading.raters.rating_files import write_ratings
from clinical_dpo.io import read_json, sha256
from clinical_dpo.schemas import validate
from tests.conftest import ROOT, public_data, real_data
from tests.helpers.compare_runs import compare_runs, run_files
from tests.helpers.workflow import MODEL, MODELS, SMALL, TASKS, Project, results, rows

VARIANTS = ("base", "sft", "dpo")


def test_nothing_is_left_to_do_and_the_end_is_readable(finished):
    project, printed = finished
    assert project.planned() == set()
    assert "Nothing to be done" in project.run()
    assert "Figures: reports/small/figures" in printed
    awaited = printed.rstrip().split("Still awaited:")[1]
    assert re.search(r"anna: \d+ of \d+ items of sheet correctness, triage_urgency/tiny-mistral", awaited)
    assert re.search(r"anna: \d+ of \d+ items of sheet preference, pubmedqa/tiny-biomistral", awaited)
    figures = ["figure2a", "figure2b", "figure2c", "figure2e", "reward_margin", "training_curves_uti", "sweep", "cost"]
    for figure in figures:
        for suffix in ("svg", "pdf", "png", "csv"):
            assert (project.folder / f"reports/small/figures/{figure}.{suffix}").stat().st_size > 0
    for table in ("metrics", "stats", "murphy2024_table1", "murphy2024_rouge"):
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
        wanted = yaml.safe_load((ROOT / "tests/workflow/config/small.yaml").read_text())["overrides"]["tasks"][task][
            "splits"
        ]
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
    answers = rows(results(project, task, MODELS[task], "predictions", f"{variant}.jsonl"))
    grades = rows(results(project, task, MODELS[task], "grades", f"{variant}.csv"))
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
        "pubmedqa": "real" if public_data("pubmedqa").exists() else "synthetic",
        "meqsum": "real" if public_data("meqsum").exists() else "synthetic",
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


def test_a_model_is_loaded_in_four_bits_where_its_file_says_so(finished):
    project, _ = finished
    for run, four_bit in [("uti/tiny-mistral/sft/best", False), ("pubmedqa/tiny-biomistral/sft/best", True)]:
        record = read_json(results(project, run, "run.json"))
        assert record["four_bit"] == four_bit == bool(record["model"].get("quantization"))


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


def test_another_seed_trains_the_chosen_trial_again(finished):
    """Same settings and steps, other weights; DPO starts at that seed's SFT model, its reference, on the same pairs."""
    project, _ = finished
    for stage in ("sft", "dpo"):
        best, again = (results(project, "uti", MODEL, stage, name) for name in ("best", "best_seed43"))
        chosen, repeat = (json.loads((folder / "run.json").read_text()) for folder in (best, again))
        assert repeat["settings"] == chosen["settings"] | {"seed": 43} and repeat["steps"] == chosen["steps"]
        weights = [(folder / "adapter_model.safetensors").read_bytes() for folder in (best, again)]
        assert weights[0] != weights[1]
        files = [{path.name for path in folder.glob("[!.]*")} for folder in (best, again)]
        assert files[0] == files[1]
    names = {path.split(f"uti/{MODEL}/")[1] for path in repeat["inputs"]}
    assert {"sft/best_seed43/adapter_model.safetensors", "preferences/train_seed43.reference.parquet"} <= names
    assert "preferences/train.jsonl" in names
    log = rows(again / "log.csv")
    start = next(row for row in log if row["step"] == "0")
    assert float(start["rewards/ties"]) == 1  # at the start the policy is the reference


def test_the_table_over_seeds_holds_what_one_seed_found(finished):
    project, printed = finished
    schema = yaml.safe_load((ROOT / "workflow/schemas/seeds.schema.yaml").read_text())
    table = rows(results(project, "uti/seeds.csv"))
    for row in table:
        jsonschema.validate({key: _typed(value, schema["properties"][key]) for key, value in row.items()}, schema)
    found = {row["comparison"]: row for row in table if row["measure"] == "accuracy_difference"}
    for row in rows(results(project, "uti/stats.csv")):
        assert float(found[row["comparison"]]["per_seed"].split()[0]) == pytest.approx(float(row["effect"]))
    assert len(table) == 6 and {row["seeds"] for row in table} == {"42 43"}
    assert rows(project.folder / "reports/small/tables/seeds.csv") == table
    assert "Over training seeds: reports/small/tables/seeds.csv   uti (seeds 42 43)" in printed
    assert not results(project, "reasoning/seeds.csv").exists()


def test_all_weights_are_kept_where_they_are_trained(finished):
    project, _ = finished
    best = results(project, "summarization", MODEL, "dpo/best")
    assert (best / "model.safetensors").exists() and not (best / "adapter_config.json").exists()
    assert not list(project.folder.glob("results/**/*.bin")) and not list(project.folder.glob("results/**/*.pt"))
    manifest = json.loads(results(project, "summarization", MODEL, "preferences/manifest.json").read_text())
    assert manifest["train"]["policy"] == "sft_prediction"


def test_what_raters_send_back_reruns_what_hangs_on_it(project):
    """Two raters who agree on all but two answers, an adjudicator, and a physician who compares SFT with DPO."""
    key = rows(results(project, "triage_urgency", "tiny-mistral", "grading/keys/correctness.csv"))
    folder = project.folder / "ratings/small"
    sheet = [row for row in key if row["rater"] == "anna"]
    disputed = {row["item_id"] for row in sheet[:2]}
    words = {row["item_id"]: "incorrect" if row["item_id"] in disputed else "correct" for row in sheet}
    for rater, said in (("anna", {**words, **dict.fromkeys(disputed, "correct")}), ("ben", words)):
        rate(folder / f"triage_urgency/tiny-mistral/correctness.{rater}.csv", key, rater, said)
    preferred = rows(results(project, "pubmedqa", "tiny-biomistral", "grading/keys/preference.csv"))
    shown = [row for row in preferred if row["shown"] == "true"]
    best = {row["item_id"]: "A" if row["A"] == "dpo" else "B" for row in shown}
    rate(folder / "pubmedqa/tiny-biomistral/preference.anna.csv", preferred, "anna", best)
    jobs = project.planned()
    assert {
        ("grade_by_raters", "task=triage_urgency, model=tiny-mistral"),
        ("compute_win_rate", "task=pubmedqa"),
    } <= jobs
    assert {wildcards.split(",")[0] for _, wildcards in jobs if "task=" in wildcards} == {
        "task=triage_urgency",
        "task=pubmedqa",
    }
    assert "carla: 2 of 2 items of sheet adjudication, triage_urgency/tiny-mistral" in project.run()
    agreed = {row["metric"]: row for row in rows(results(project, "triage_urgency/agreement.csv"))}
    assert float(agreed["raw_agreement"]["estimate"]) == pytest.approx(1 - 2 / len(sheet))
    won = {row["rater"]: row for row in rows(results(project, "pubmedqa/win_rate.csv"))}
    assert float(won["anna"]["rate"]) == 1 and won["pooled"]["status"] == "complete"

    asked = rows(results(project, "triage_urgency", "tiny-mistral", "grading/keys/adjudication.csv"))
    assert {row["item_id"] for row in asked if row["shown"] == "true"} == disputed
    verdict = dict.fromkeys(disputed, "incorrect")
    rate(folder / "triage_urgency/tiny-mistral/adjudication.carla.csv", asked, "carla", verdict)
    assert "Still awaited:" not in project.run()
    wrong = {row["row_id"] for row in sheet if row["item_id"] in disputed}
    for variant in VARIANTS:
        grades = rows(results(project, "triage_urgency", "tiny-mistral", f"grades/{variant}.csv"))
        assert {row["status"] for row in grades} == {"complete"}
        assert {row["id"] for row in grades if row["grade"] == "0"} <= wrong
    shutil.rmtree(folder)
    assert "Still awaited:" in project.run()


def rate(path, key, rater, words):
    """A file of ratings as the page exports it: item id -> word."""
    shown = [row for row in key if row["rater"] == rater and row["item_id"] in words]
    write_ratings(path, [row | {"rating": words[row["item_id"]], "comment": "", "rated_at": ""} for row in shown])


def test_one_table_is_one_job(project):
    target = "results/small/uti/stats.csv"
    (project.folder / target).unlink()
    assert project.planned(target) == {("compare_variants", "task=uti")}
    project.run(target)


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
    config = yaml.safe_load((ROOT / SMALL).read_text()) | {"run_name": "hub", "tasks": ["uti"]}
    config["recipes"]["savage2025"]["models"] = [name]
    config["figure2"], config["overrides"]["models"] = {"a": "uti"}, {name: override}
    (project.folder / "hub.yaml").write_text(yaml.safe_dump(config))
    hub = Project(project.folder, "hub.yaml", project.environment | {"HF_HOME": str(tmp_path)})
    hub.run(f"results/hub/uti/{name}/predictions/base.jsonl")
    answered = rows(project.folder / f"results/hub/uti/{name}/predictions/base.jsonl")
    assert [row["text"] for row in answered] == [
        row["text"] for row in rows(results(project, f"uti/{MODEL}/predictions/base.jsonl"))
    ]
    record = json.loads((project.folder / f"results/hub/models/{name}/base.json").read_text())
    weights = sha256(cache / "snapshots" / revision / "model.safetensors")
    assert record == {"source": "hub", "id": "clinic/tiny", "revision": revision} | {
        "sha256": {"model.safetensors": weights}
    }


def test_each_figure_of_training_draws_its_own_task(finished):
    project, _ = finished
    folder = project.folder / "reports/small/figures"
    drawn = {task: {row["task"] for row in rows(folder / f"training_curves_{task}.csv")} for task in TASKS}
    assert drawn == {task: {task} for task in TASKS}


@pytest.mark.slow
def test_a_repeat_with_the_first_seed_is_the_chosen_trial(project):
    """Both stages to the byte: a repeat differs by its seed and nothing else."""
    folder = results(project, "uti", MODEL)
    project.run(f"results/small/uti/{MODEL}/dpo/best_seed42/SHA256SUMS")
    for stage in ("sft", "dpo"):
        for name in ("adapter_model.safetensors", "log.csv"):
            assert (folder / stage / "best_seed42" / name).read_bytes() == (folder / stage / "best" / name).read_bytes()
        shutil.rmtree(folder / stage / "best_seed42")
    for file in (folder / "preferences").glob("*_seed42.*"):  # the next tests compare this run with another
        file.unlink()


@pytest.mark.slow
def test_two_clean_runs_give_the_same_bytes(finished, tmp_path):
    project, _ = finished
    again = Project.copy(tmp_path, project.config, **project.environment)
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
