"""The published configuration has the papers' values, and each mistake in a configuration has its own message."""

import pytest

from clinical_dpo.cluster.time_and_memory import parameter_count
from clinical_dpo.config.display import notes
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.model_sizes import KEYS
from clinical_dpo.config.study import merge
from clinical_dpo.config.task_rules import check_used
from clinical_dpo.errors import UserError
from clinical_dpo.model_files import count_weights
from clinical_dpo.paths import parse_trial, trial_name
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


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_the_name_of_a_trial_has_its_values(stage):
    for name, values in STUDY.trials("uti", stage).items():
        assert parse_trial(name, stage) == values


@pytest.mark.parametrize(("beta", "name"), [(1e-5, "lr1e-06_beta1e-05"), (2.5e-6, "lr1e-06_beta2.5e-06")])
def test_a_small_beta_has_an_exponent_in_the_name(beta, name):
    values = {"learning_rate": 1e-6, "beta": beta}
    assert trial_name(values) == name and parse_trial(name, "dpo") == values


def test_trials_are_in_the_order_of_the_config():
    assert list(STUDY.trials("uti", "dpo"))[3:5] == ["lr1e-05_beta0.1", "lr1e-05_beta0.3"]


@pytest.mark.parametrize(
    ("name", "stage", "mend"),
    [
        ("fast", "sft", "such as 'lr1e-05'"),
        ("lr1e-05", "dpo", "such as 'lr1e-06_beta0.1'"),
        ("lr1e-5", "sft", "Write 'lr1e-05'"),
        ("lr1e-05_beta0.1.2", "dpo", "such as 'lr1e-06_beta0.1'"),
    ],
)
def test_a_wrong_name_of_a_trial_is_refused_with_the_mend(name, stage, mend):
    with pytest.raises(UserError) as error:
        parse_trial(name, stage)
    assert f"'{name}'" in str(error.value) and mend in str(error.value)


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


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"alpah": 0.1}, ["config: key 'alpah'", "Did you mean 'alpha'?"]),
        ({"alpha": 2}, ["config: key 'alpha'", "maximum of 1"]),
        ({"tasks": ["utii"]}, ["config/tasks/utii.yaml", "Did you mean 'uti'?"]),
        ({"figure2": {"a": "utii"}}, ["config: key 'figure2'", "'utii'", "Did you mean 'uti'?"]),
        (
            {"run_name": "uti"},
            ["config: run_name 'uti'", "results/uti", "config/tasks/uti.yaml", "Use another run_name"],
        ),
        ({"run_name": "models"}, ["run_name 'models'", "the base models"]),
        ({"seeds": [43, 42]}, ["config: key 'seeds'", "begins with 43", "Write 42 first."]),
        ({"seed": 7}, ["config: key 'seeds'", "begins with 42", "Write 7 first."]),
        ({"seeds": [42, 42]}, ["config: key 'seeds'", "[42, 42]", "non-unique"]),
        ({"overrides": {"tasks": {"utii": {}}}}, ["'overrides.tasks'", "'utii'", "Did you mean 'uti'?"]),
    ],
)
def test_a_mistake_in_the_config_is_refused_with_key_and_mend(change, parts):
    assert_refused(change, parts)


@pytest.mark.parametrize(
    ("recipe", "stage", "settings", "parts"),
    [
        ("savage2025", "sft", {"learnin_rate": [1e-4]}, ["recipes.savage2025.sft.learnin_rate", "'learning_rate'?"]),
        (
            "savage2025",
            "sft",
            {"micro_batch_size": 3},
            ["stage sft", "micro_batch_size 3", "4", "Set micro_batch_size to a divisor"],
        ),
        ("savage2025", "dpo", {"save_steps": 25}, ["stage dpo", "save_steps 25", "10", "Set save_steps to a multiple"]),
        ("savage2025", "dpo", {"weight_decay": 0.1}, ["stage dpo", "weight_decay", "Set weight_decay to 0"]),
        ("savage2025", "sft", {"beta": [0.1]}, ["stage sft", "key 'beta'", "Remove it"]),
        ("murphy2024", "sft", {"max_steps": 10}, ["stage sft", "max_steps and epochs", "Set one of the two"]),
    ],
)
def test_a_mistake_in_a_recipe_is_refused_with_stage_key_and_mend(recipe, stage, settings, parts):
    assert_refused({"recipes": {recipe: {stage: settings}}}, parts)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"savage2025": {"models": ["lama3-8b-instruct"]}}, ["lama3-8b-instruct", "'llama3-8b-instruct'?"]),
        (
            {"savage2025": {"sft": {"optimizer": "adamw_trch"}, "dpo": {"loss": "sigmod"}}},
            ["2 mistakes", "Did you mean 'adamw_torch'?", "Did you mean 'sigmoid'?"],
        ),
        ({"murphy2024": {"adapter": "full"}}, ["biomistral-7b.yaml", "four-bit", "Set quantization: null"]),
    ],
)
def test_a_model_that_a_recipe_cannot_use_is_refused(change, parts):
    assert_refused({"recipes": change}, parts)


@pytest.mark.parametrize(
    ("task", "settings", "parts"),
    [
        ("uti", {"spltis": {}}, ["key 'spltis'", "Did you mean 'splits'?"]),
        ("uti", {"source": {"kind": "hub", "id": "a/b"}}, ["key 'source.revision'", "missing", "Add it"]),
        ("uti", {"recipe": "savage"}, ["recipe 'savage'", "Did you mean 'savage2025'?"]),
        ("uti", {"splits": {"dev": 0}}, ["splits.dev is 0", "Set splits.dev"]),
        ("uti", {"label_synonyms": {"Uti": ["x"]}}, ["label_synonyms", "'Uti'", "Use one of"]),
        ("uti", {"when_missing": "error"}, ["data/savage2025/uti.csv does not exist", "Add the file"]),
        ("uti", {"paired_test": "paired_t"}, ["paired_test 'paired_t'", "metric 'f1'", "Use 'mcnemar'"]),
        ("uti", {"grader": "exact"}, ["metric 'f1'", "grader 'exact'", "Use grader 'label'"]),
        ("uti", {"training": {"seeds": [1]}}, ["key 'training.seeds'", "begins with 1", "Write 42 first."]),
        ("meqsum", {"tables": ["helpfulness"]}, ["table 'helpfulness'", "rouge_l", "Set grader: evasiveness"]),
        ("pubmedqa", {"raters": None}, ["key 'raters'"]),
    ],
)
def test_a_mistake_in_a_task_file_is_refused_with_file_key_and_mend(task, settings, parts):
    assert_refused({"overrides": {"tasks": {task: settings}}}, [f"config/tasks/{task}.yaml", *parts])


@pytest.mark.parametrize(
    ("task", "settings", "user"),
    [
        ("uti", {"judge": "gpt-4"}, "grader judge, preference_grader judge"),
        ("meqsum", {"raters": ["anna"]}, "answer_type answer"),
        ("pubmedqa", {"adjudicator": "anna"}, "raters who grade answers as right or wrong"),
        ("reasoning", {"preference_grader": "raters"}, "table win_rate"),
        ("uti", {"rouge_stemmer": True}, "table rouge"),
    ],
)
def test_a_key_without_effect_is_refused_with_what_would_use_it(task, settings, user):
    (key,) = settings
    change = {"overrides": {"tasks": {task: settings}}}
    assert_refused(change, [f"config: overrides.tasks.{task}: key '{key}'", user, "Add what is missing, or remove"])


def test_all_mistakes_of_a_model_file_are_told_at_once():
    wrong = {"revision": 10**39, "dtyp": "bfloat16", "gpu": "one", "architecture": "llama"}
    models = {"mistral-7b-instruct": wrong, "llama3-8b-instruct": {"source": "folder", "path": "/no/folder"}}
    parts = [
        "key 'revision'",
        "Without quotes, digits are read as a number: put the text in quotes",
        "'dtyp' is not known. Did you mean 'dtype'?",
    ]
    parts += ["key 'gpu'", "'architecture' has no effect", "key 'path': /no/folder is not a folder"]
    assert_refused({"overrides": {"models": models}}, parts)


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


def assert_refused(change, parts):
    """The published config with a change is refused, and the message has all parts."""
    with pytest.raises(UserError) as error:
        load_study(merge(PUBLISHED, change), ROOT)
    assert [part for part in parts if part not in str(error.value)] == [], str(error.value)


def test_a_key_without_effect_is_refused_in_a_task_file_but_not_after_an_override():
    """An override cannot remove a key: the demo grades summaries by ROUGE-L, and their task file names a judge."""
    task = DEMO_STUDY.tasks["summarization"]
    assert (task["grader"], task["judge"]) == ("rouge_likert", "gpt-4")
    with pytest.raises(UserError, match=r"^summarization\.yaml: key 'judge' has no effect"):
        check_used(task, task, "summarization.yaml")
    check_used(task, ["grader"], "summarization.yaml")


def test_the_demos_prompts_end_with_the_questions_of_pre_training():
    from clinical_dpo.data.sources.synthetic.generate import QUESTIONS

    for name, question in QUESTIONS.items():
        prompt = DEMO_STUDY.tasks[name]["prompt"]
        assert prompt.split("}} ")[-1] == (question or prompt)


def test_examples_of_labels_share_no_level_of_significance_with_the_studies():
    assert DEMO_STUDY.family("uti") == STUDY.family("uti") and DEMO_STUDY.family("triage_levels") == ["triage_levels"]


def test_all_mistakes_of_all_task_files_are_in_one_message():
    tasks = {
        "uti": {"paired_test": "paired_t", "label_synonyms": {"Uti": ["x"]}, "judge": "gpt-4"},
        "triage_urgency": {"training": {"sft": {"micro_batch_size": 3, "save_steps": 7}}},
    }
    assert_refused(
        {"overrides": {"tasks": tasks}},
        ["paired_test 'paired_t'", "'Uti'", "key 'judge' has no effect", "micro_batch_size 3", "save_steps 7"],
    )


@pytest.mark.parametrize(
    ("model", "targets", "parts"),
    [
        ("llama3-8b-instruct", ["q_proj", "gate_porj", "dwn_proj"], ["'gate_proj'?", "'down_proj'?"]),
        ("tiny-llama", ["q_proj", "query"], ["'query' is no linear layer", "q_proj"]),
    ],
)
def test_a_mistyped_layer_is_refused_with_the_nearest_names(model, targets, parts):
    config = DEMO if model.startswith("tiny") else PUBLISHED
    change = {"overrides": {"models": {model: {"lora_targets": targets}}}}
    with pytest.raises(UserError) as error:
        load_study(merge(config, change), ROOT)
    for part in (f"config/models/{model}.yaml with overrides", "key 'lora_targets'", *parts):
        assert part in str(error.value)


def test_a_layer_of_another_model_passes():
    change = {"overrides": {"models": {"llama3-8b-instruct": {"lora_targets": ["q_proj", "my_special_linear"]}}}}
    assert (
        load_study(merge(PUBLISHED, change), ROOT).models["llama3-8b-instruct"]["lora_targets"][1]
        == "my_special_linear"
    )


def test_the_schema_has_every_optimizer_of_transformers():
    from transformers.training_args import OptimizerNames

    stage = read_yaml(ROOT / "workflow/schemas/stage.schema.yaml")
    assert stage["properties"]["optimizer"]["enum"] == [name.value for name in OptimizerNames]
