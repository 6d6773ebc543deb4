"""Each mistake in a configuration has its own message, which names the key and the mend."""

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.config.task_rules import check_used
from clinical_dpo.errors import UserError
from tests.conftest import ROOT
from tests.helpers.configs import DEMO, PUBLISHED

DEMO_STUDY = load_study(DEMO, ROOT)


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
        ("summarization", {"metric": "rouge_l"}, ["metric 'rouge_l'", "Use grader"]),
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
