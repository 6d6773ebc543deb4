"""The published configuration has the papers' values, the demo has their tasks, and settings can be overridden."""

import pytest

from clinical_dpo.cluster.time_and_memory import parameter_count
from clinical_dpo.config.display import notes
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.model_sizes import KEYS
from clinical_dpo.config.study import merge
from clinical_dpo.model_files import count_weights
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT, TINY
from tests.helpers.configs import DEMO, PUBLISHED

STUDY = load_study(PUBLISHED, ROOT)
DEMO_STUDY = load_study(DEMO, ROOT)


def test_published_splits_are_the_papers():
    """Savage et al. 2025, Methods: train, eval, dev, test of each task. Murphy 2024 has 5,000 and 500 of PubMedQA."""
    splits = {name: tuple(task["splits"].values()) for name, task in STUDY.tasks.items()}
    assert splits == {
        "uti": (300, 200, 100, 200),
        "reasoning": (4095, 456, 200, 410),
        "summarization": (4500, 300, 150, 300),
        "triage_personnel": (1300, 200, 100, 200),
        "triage_urgency": (1300, 200, 100, 200),
        "pubmedqa": (5000, 200, 0, 500),
        "meqsum": (700, 100, 0, 200),
    }


def test_each_study_runs_its_models():
    assert STUDY.task_models("uti") == ["llama3-8b-instruct", "mistral-7b-instruct"]
    assert STUDY.task_models("meqsum") == ["biomistral-7b"]


def test_each_study_corrects_for_its_tasks():
    assert STUDY.family("uti") == ["uti", "reasoning", "summarization", "triage_personnel", "triage_urgency"]
    assert STUDY.family("meqsum") == ["pubmedqa", "meqsum"]


def test_only_models_of_the_run_are_loaded():
    assert list(load_study(PUBLISHED | {"tasks": ["uti"]}, ROOT).models) == STUDY.task_models("uti")


@pytest.mark.parametrize("task", ["pubmedqa", "meqsum"])
def test_murphys_settings_are_the_papers(task):
    """Murphy 2024, Supervised Fine-Tuning and Direct Preference Optimization."""
    sft, dpo = STUDY.training(task, "sft"), STUDY.training(task, "dpo")
    assert sft["lora"] == {"rank": 64, "alpha": 16, "dropout": 0.1}
    assert dpo["lora"] == {"rank": 128, "alpha": 128, "dropout": 0.05}
    assert (sft["batch_size"], dpo["batch_size"], sft["epochs"], dpo["epochs"]) == (4, 8, 1, 1)
    assert dpo["loss"] == "sigmoid" and not sft["plateau"] and not dpo["plateau"]


@pytest.mark.parametrize("task", ["pubmedqa", "meqsum"])
def test_murphys_tasks_have_a_single_trial_per_stage(task):
    assert list(STUDY.trials(task, "sft")) == ["lr2e-05"]
    assert list(STUDY.trials(task, "dpo")) == ["lr5e-06_beta0.01"]


def test_the_sweep_contains_the_published_grid():
    """Savage et al. 2025, Fine-Tuning Hyperparameters."""
    rates = {trial["learning_rate"] for trial in STUDY.trials("uti", "sft").values()}
    assert {1e-5, 1e-6, 1e-7, 1e-8} <= rates
    pairs = {(trial["learning_rate"], trial["beta"]) for trial in STUDY.trials("uti", "dpo").values()}
    assert {(lr, beta) for lr in (1e-5, 1e-6, 1e-7, 1e-8) for beta in (0.1, 0.3, 0.5)} <= pairs
    assert STUDY.training("uti", "dpo")["max_steps"] == 1000


def test_the_demo_has_the_published_tasks_and_an_example_of_labels_in_its_own_folder():
    assert list(DEMO_STUDY.tasks) == [*STUDY.tasks, "triage_levels"]
    assert DEMO_STUDY.paths.folder("results") == "results/demo" and STUDY.paths.folder("results") == "results"


def test_the_demo_has_sweeps_and_a_plateau():
    sizes = {
        task: (len(DEMO_STUDY.trials(task, "sft")), len(DEMO_STUDY.trials(task, "dpo"))) for task in DEMO_STUDY.tasks
    }
    assert [task for task, (sft, dpo) in sizes.items() if sft > 1 and dpo > 1] == ["uti"]
    assert any(DEMO_STUDY.training(task, "sft")["plateau"] for task in DEMO_STUDY.tasks)


def test_the_training_settings_of_a_task_override_its_recipe():
    config = merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"training": {"sft": {"lora": {"alpha": 7}}}}}}})
    study = load_study(config, ROOT)
    assert study.training("uti", "sft")["lora"] == {"rank": 64, "alpha": 7, "dropout": 0.0}
    assert study.training("reasoning", "sft")["lora"]["alpha"] == 128


def test_a_task_can_have_seeds_of_its_own():
    config = merge(PUBLISHED, {"seeds": [42, 43], "overrides": {"tasks": {"uti": {"training": {"seeds": [42]}}}}})
    study = load_study(config, ROOT)
    assert study.seeds("uti") == [42] and study.seeds("reasoning") == [42, 43] and STUDY.seeds("reasoning") == [42]


def test_synthetic_text_replaces_missing_data():
    assert STUDY.is_missing("uti") and STUDY.is_synthetic("uti")
    assert not STUDY.is_synthetic("reasoning")


def test_a_task_with_missing_data_can_be_left_out():
    study = load_study(merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"when_missing": "leave_out"}}}}), ROOT)
    assert "uti" not in study.tasks and "data/savage2025/uti.csv does not exist" in study.left_out["uti"]


def test_an_override_of_a_models_source_replaces_the_keys_of_its_source(tiny_base):
    change = {"overrides": {"models": {"llama3-8b-instruct": {"source": "folder", "path": str(tiny_base)}}}}
    model = load_study(merge(PUBLISHED, change), ROOT).models["llama3-8b-instruct"]
    assert not {"id", "revision"} & model.keys() and model["source"] == "folder"
    assert model["parameters"] == count_weights(tiny_base)
    width = {"head_dim": TINY["hidden_size"] // TINY["heads"]}
    assert model["sizes"] == {key: TINY[key] for key in KEYS} | width  # read from config.json


def test_estimates_assume_8_billion_weights_for_a_model_that_is_not_fetched():
    change = {"overrides": {"models": {"llama3-8b-instruct": {"source": "hub", "id": "a/b", "revision": "c" * 40}}}}
    study = load_study(merge(PUBLISHED, change), ROOT)
    assert parameter_count(study.models["llama3-8b-instruct"]) == 8030261248
    del study.models["llama3-8b-instruct"]["parameters"]
    assert parameter_count(study.models["llama3-8b-instruct"]) == 8030261248  # from `sizes`
    assert not [line for line in notes(study) if "its size is not known" in line]
    del study.models["llama3-8b-instruct"]["sizes"]
    assert parameter_count(study.models["llama3-8b-instruct"]) == 8e9
    assert any("model 'llama3-8b-instruct' is not fetched yet" in line for line in notes(study))


def test_the_demos_prompts_end_with_the_questions_of_pre_training():
    from clinical_dpo.data.sources.synthetic.generate import QUESTIONS

    for name, question in QUESTIONS.items():
        prompt = DEMO_STUDY.tasks[name]["prompt"]
        assert prompt.split("}} ")[-1] == (question or prompt)


def test_examples_of_labels_share_no_level_of_significance_with_the_studies():
    assert DEMO_STUDY.family("uti") == STUDY.family("uti") and DEMO_STUDY.family("triage_levels") == ["triage_levels"]


def test_the_schema_has_every_optimizer_of_transformers():
    from transformers.training_args import OptimizerNames

    stage = read_yaml(ROOT / "workflow/schemas/stage.schema.yaml")
    assert stage["properties"]["optimizer"]["enum"] == [name.value for name in OptimizerNames]
