"""Trials, chosen models and extra seeds of the small run."""

import json
import shutil

import jsonschema
import pytest
import yaml

from clinical_dpo.io import read_json
from tests.conftest import ROOT
from tests.helpers.workflow import MODEL, results, rows, typed


def test_a_model_is_loaded_in_four_bits_if_its_file_says_so(finished):
    project, _ = finished
    for run, four_bit in [("uti/tiny-mistral/sft/best", False), ("pubmedqa/tiny-biomistral/sft/best", True)]:
        record = read_json(results(project, run, "run.json"))
        assert record["four_bit"] == four_bit == bool(record["model"].get("quantization"))


def test_the_chosen_trial_has_the_highest_dev_score(finished):
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
    run = json.loads((trial / "adapter/run.json").read_text())
    assert run["steps"] == steps and run.get("same_as_probe", False) == (steps == 6)


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_an_extra_seed_trains_the_chosen_trial_with_other_weights(finished, stage):
    project, _ = finished
    folders = [results(project, "uti", MODEL, stage, name) for name in ("best", "best_seed43")]
    chosen, reseeded = (read_json(folder / "run.json") for folder in folders)
    assert reseeded["settings"] == chosen["settings"] | {"seed": 43} and reseeded["steps"] == chosen["steps"]
    weights = [(folder / "adapter_model.safetensors").read_bytes() for folder in folders]
    assert weights[0] != weights[1]
    files = [{path.name for path in folder.glob("[!.]*")} for folder in folders]
    assert files[0] == files[1]


def test_dpo_of_an_extra_seed_starts_at_its_sft_model_on_the_same_pairs(finished):
    project, _ = finished
    folder = results(project, "uti", MODEL, "dpo/best_seed43")
    inputs = {path.split(f"uti/{MODEL}/")[1] for path in read_json(folder / "run.json")["inputs"]}
    assert {"sft/best_seed43/adapter_model.safetensors", "preferences/train_seed43.reference.parquet"} <= inputs
    assert "preferences/train.jsonl" in inputs
    start = next(row for row in rows(folder / "log.csv") if row["step"] == "0")
    assert float(start["rewards/ties"]) == 1  # at step 0 the policy equals the reference model


def test_the_table_over_seeds_follows_its_schema(finished):
    project, _ = finished
    schema = yaml.safe_load((ROOT / "workflow/schemas/seeds.schema.yaml").read_text())
    table = rows(results(project, "uti/seeds.csv"))
    assert len(table) == 6 and {row["seeds"] for row in table} == {"42 43"}
    for row in table:
        jsonschema.validate({key: typed(value, schema["properties"][key]) for key, value in row.items()}, schema)


def test_the_table_over_seeds_has_the_effects_of_the_first_seed(finished):
    project, _ = finished
    table = rows(results(project, "uti/seeds.csv"))
    by_comparison = {row["comparison"]: row for row in table if row["measure"] == "accuracy_difference"}
    for row in rows(results(project, "uti/stats.csv")):
        first = by_comparison[row["comparison"]]["per_seed"].split()[0]
        assert float(first) == pytest.approx(float(row["effect"]))


def test_report_and_summary_show_only_tasks_with_several_seeds(finished):
    project, printed = finished
    assert rows(project.folder / "reports/small/tables/seeds.csv") == rows(results(project, "uti/seeds.csv"))
    assert "Results over several training seeds: reports/small/tables/seeds.csv   uti (seeds 42 43)" in printed
    assert not results(project, "reasoning/seeds.csv").exists()


def test_full_training_saves_a_model_and_no_adapter(finished):
    project, _ = finished
    best = results(project, "summarization", MODEL, "dpo/best")
    assert (best / "model.safetensors").exists() and not (best / "adapter_config.json").exists()


def test_no_weights_are_pickles(finished):
    project, _ = finished
    assert not list(project.folder.glob("results/**/*.bin")) and not list(project.folder.glob("results/**/*.pt"))


def test_pairs_record_where_their_rejected_answers_come_from(finished):
    project, _ = finished
    manifest = json.loads(results(project, "summarization", MODEL, "preferences/manifest.json").read_text())
    assert manifest["train"]["policy"] == "sft_prediction"


@pytest.mark.slow
def test_training_again_with_the_first_seed_gives_the_chosen_trials_bytes(project):
    """So an extra seed differs from the chosen trial in its seed alone."""
    folder = results(project, "uti", MODEL)
    project.run(f"results/small/uti/{MODEL}/dpo/best_seed42/SHA256SUMS")
    for stage in ("sft", "dpo"):
        for name in ("adapter_model.safetensors", "log.csv"):
            assert (folder / stage / "best_seed42" / name).read_bytes() == (folder / stage / "best" / name).read_bytes()
        shutil.rmtree(folder / stage / "best_seed42")
    for file in (folder / "preferences").glob("*_seed42.*"):  # a later test compares this run with another
        file.unlink()
