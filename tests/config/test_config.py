"""The configuration as a user meets it: published values, one clear message per mistake, trials as paths."""

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.config.task_rules import check_used
from clinical_dpo.errors import UserError
from clinical_dpo.variants import parse_trial, trial_name
from tests.conftest import ROOT
from tests.helpers.configs import DEMO, PUBLISHED

STUDY = load_study(PUBLISHED, ROOT)
DEMO_STUDY = load_study(DEMO, ROOT)


def test_published_splits_are_the_papers():
    """Savage et al. 2025, Methods: train, eval, dev, test of each task. Murphy 2024 names 5,000 and 500 of PubMedQA."""
    found = {name: tuple(task["splits"].values()) for name, task in STUDY.tasks.items()}
    assert found == {
        "uti": (300, 200, 100, 200),
        "reasoning": (4095, 456, 200, 410),
        "summarization": (4500, 300, 150, 300),
        "triage_personnel": (1300, 200, 100, 200),
        "triage_urgency": (1300, 200, 100, 200),
        "pubmedqa": (5000, 200, 0, 500),
        "meqsum": (700, 100, 0, 200),
    }


def test_each_study_runs_its_models_and_corrects_for_its_tasks():
    assert STUDY.task_models("uti") == ["llama3-8b-instruct", "mistral-7b-instruct"]
    assert STUDY.task_models("meqsum") == ["biomistral-7b"]
    assert STUDY.family("uti") == ["uti", "reasoning", "summarization", "triage_personnel", "triage_urgency"]
    assert STUDY.family("meqsum") == ["pubmedqa", "meqsum"]
    assert list(load_study(PUBLISHED | {"tasks": ["uti"]}, ROOT).models) == STUDY.task_models("uti")


def test_murphys_settings_are_the_papers():
    """Murphy 2024, Supervised Fine-Tuning and Direct Preference Optimization."""
    for task in ("pubmedqa", "meqsum"):
        sft, dpo = STUDY.training(task, "sft"), STUDY.training(task, "dpo")
        assert sft["lora"] == {"rank": 64, "alpha": 16, "dropout": 0.1}
        assert dpo["lora"] == {"rank": 128, "alpha": 128, "dropout": 0.05}
        assert (sft["batch_size"], dpo["batch_size"], sft["epochs"], dpo["epochs"]) == (4, 8, 1, 1)
        assert list(STUDY.trials(task, "sft")) == ["lr2e-05"] and list(STUDY.trials(task, "dpo")) == [
            "lr5e-06_beta0.01"
        ]
        assert dpo["loss"] == "sigmoid" and not sft["plateau"] and not dpo["plateau"]


def test_published_grid_stands_in_every_sweep():
    """Savage et al. 2025, Fine-Tuning Hyperparameters."""
    rates = {trial["learning_rate"] for trial in STUDY.trials("uti", "sft").values()}
    assert {1e-5, 1e-6, 1e-7, 1e-8} <= rates
    pairs = {(trial["learning_rate"], trial["beta"]) for trial in STUDY.trials("uti", "dpo").values()}
    assert {(lr, beta) for lr in (1e-5, 1e-6, 1e-7, 1e-8) for beta in (0.1, 0.3, 0.5)} <= pairs
    assert STUDY.training("uti", "dpo")["max_steps"] == 1000


def test_demo_keeps_every_mechanism_alive():
    demo = DEMO_STUDY
    assert list(demo.tasks) == list(STUDY.tasks)
    assert demo.paths.folder("results") == "results/demo" and STUDY.paths.folder("results") == "results"
    swept = [task for task in demo.tasks if len(demo.trials(task, "sft")) > 1 and len(demo.trials(task, "dpo")) > 1]
    assert swept == ["uti", "reasoning"]
    assert any(demo.training(task, "sft")["plateau"] for task in demo.tasks)


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_trials_name_spells_its_values(stage):
    for name, values in STUDY.trials("uti", stage).items():
        assert parse_trial(name, stage) == values


def test_a_small_beta_is_spelled_with_an_exponent():
    for beta, name in ((1e-5, "lr1e-06_beta1e-05"), (2.5e-6, "lr1e-06_beta2.5e-06")):
        values = {"learning_rate": 1e-6, "beta": beta}
        assert trial_name(values) == name and parse_trial(name, "dpo") == values


def test_trial_names():
    assert list(STUDY.trials("uti", "dpo"))[3:5] == ["lr1e-05_beta0.1", "lr1e-05_beta0.3"]
    for name, stage, message in [
        ("fast", "sft", "no trial of sft. One is spelled lr1e-05"),
        ("lr1e-05", "dpo", "no trial of dpo. One is spelled lr1e-06_beta0.1"),
        ("lr1e-5", "sft", "Write lr1e-05"),
        ("lr1e-05_beta0.1.2", "dpo", "no trial of dpo"),
    ]:
        with pytest.raises(UserError, match=message):
            parse_trial(name, stage)


def test_a_tasks_training_overrides_its_recipe():
    config = merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"training": {"sft": {"lora": {"alpha": 7}}}}}}})
    study = load_study(config, ROOT)
    assert study.training("uti", "sft")["lora"] == {"rank": 64, "alpha": 7, "dropout": 0.0}
    assert study.training("reasoning", "sft")["lora"]["alpha"] == 128


def test_a_task_may_have_seeds_of_its_own():
    config = merge(PUBLISHED, {"seeds": [42, 43], "overrides": {"tasks": {"uti": {"training": {"seeds": [42]}}}}})
    study = load_study(config, ROOT)
    assert study.seeds("uti") == [42] and study.seeds("reasoning") == [42, 43] and STUDY.seeds("reasoning") == [42]


def test_missing_data_are_replaced_or_left_out():
    assert STUDY.is_missing("uti") and STUDY.is_synthetic("uti")
    assert not STUDY.is_synthetic("reasoning")
    study = load_study(merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"when_missing": "leave_out"}}}}), ROOT)
    assert "uti" not in study.tasks and "data/savage2025/uti.csv is not there" in study.left_out["uti"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpah": 0.1}, "key 'alpah' is not known. Did you mean 'alpha'?"),
        (
            {"recipes": {"savage2025": {"sft": {"learnin_rate": [1e-4]}}}},
            "key 'recipes.savage2025.sft.learnin_rate' is not known. Did you mean 'learning_rate'?",
        ),
        ({"alpha": 2}, "key 'alpha': 2 is greater than or equal to the maximum of 1"),
        ({"tasks": ["utii"]}, "config/tasks/utii.yaml: no such file. Did you mean 'uti'?"),
        ({"recipes": {"savage2025": {"models": ["lama3-8b-instruct"]}}}, "Did you mean 'llama3-8b-instruct'?"),
        ({"overrides": {"tasks": {"uti": {"spltis": {}}}}}, "key 'spltis' is not known. Did you mean 'splits'?"),
        (
            {"overrides": {"tasks": {"uti": {"source": {"kind": "hub", "id": "a/b"}}}}},
            "key 'source.revision' is missing",
        ),
        ({"overrides": {"tasks": {"uti": {"recipe": "savage"}}}}, "Did you mean 'savage2025'?"),
        ({"overrides": {"tasks": {"uti": {"splits": {"dev": 0}}}}}, "several trials but splits.dev is 0"),
        (
            {"overrides": {"tasks": {"uti": {"label_synonyms": {"Uti": ["x"]}}}}},
            "names 'Uti', which is not one of labels",
        ),
        (
            {"recipes": {"savage2025": {"sft": {"micro_batch_size": 3}}}},
            "micro_batch_size 3 does not divide batch_size 4",
        ),
        (
            {"recipes": {"savage2025": {"dpo": {"save_steps": 25}}}},
            "save_steps 25 is no multiple of logging_steps 10",
        ),
        ({"recipes": {"savage2025": {"dpo": {"weight_decay": 0.1}}}}, "weight_decay must be 0 with adapter lora"),
        ({"recipes": {"savage2025": {"sft": {"beta": [0.1]}}}}, "stage sft: key 'beta' is for dpo"),
        (
            {"overrides": {"tasks": {"utii": {}}}},
            "'overrides.tasks' names 'utii', no file of config/tasks.",
        ),
        ({"figure2": {"a": "utii"}}, "key 'figure2' names 'utii'"),
        ({"run_name": "uti"}, "run_name 'uti' is a folder of the published study"),
        ({"overrides": {"tasks": {"uti": {"when_missing": "error"}}}}, "data/savage2025/uti.csv is not there. Put it"),
        (
            {"overrides": {"tasks": {"uti": {"paired_test": "paired_t"}}}},
            "test paired_t does not go with metric f1. Take mcnemar",
        ),
        ({"overrides": {"tasks": {"uti": {"grader": "exact"}}}}, "metric f1 cannot be computed from grader exact"),
        (
            {"overrides": {"tasks": {"meqsum": {"tables": ["helpfulness"]}}}},
            "table helpfulness needs grader evasiveness, this task's is rouge_l",
        ),
        ({"overrides": {"tasks": {"pubmedqa": {"raters": None}}}}, "key 'raters'"),
        (
            {"overrides": {"tasks": {"uti": {"judge": "gpt-4"}}}},
            "config: overrides.tasks.uti: key 'judge' does nothing without grader judge, preference_grader judge",
        ),
        (
            {"overrides": {"tasks": {"meqsum": {"raters": ["anna"]}}}},
            "key 'raters' does nothing without answer_type answer",
        ),
        (
            {"overrides": {"tasks": {"pubmedqa": {"adjudicator": "anna"}}}},
            "key 'adjudicator' does nothing without raters who say right or wrong. Add that, or leave",
        ),
        (
            {"overrides": {"tasks": {"reasoning": {"preference_grader": "raters"}}}},
            "key 'preference_grader' does nothing without table win_rate",
        ),
        (
            {"overrides": {"tasks": {"uti": {"rouge_stemmer": True}}}},
            "key 'rouge_stemmer' does nothing without table rouge",
        ),
        ({"recipes": {"murphy2024": {"sft": {"max_steps": 10}}}}, "one of max_steps and epochs is needed"),
        ({"seeds": [43, 42]}, "config: key 'seeds' begins with 43; it must begin with the run's seed, 42."),
        ({"seed": 7}, "config: key 'seeds' begins with 42; it must begin with the run's seed, 7."),
        ({"seeds": [42, 42]}, "key 'seeds': [42, 42] has non-unique elements"),
        (
            {"overrides": {"tasks": {"uti": {"training": {"seeds": [1]}}}}},
            "config/tasks/uti.yaml: key 'training.seeds' begins with 1",
        ),
        ({"recipes": {"murphy2024": {"adapter": "full"}}}, "biomistral-7b.yaml: four-bit weights cannot be trained"),
    ],
)
def test_a_mistake_is_named_with_its_mend(change, message):
    with pytest.raises(UserError) as error:
        load_study(merge(PUBLISHED, change), ROOT)
    assert message in str(error.value)


def test_a_key_without_effect_is_refused_in_a_task_file_and_left_by_an_override():
    """An override cannot take a key away: summaries graded by ROUGE-L still name the judge that the study asks."""
    task = DEMO_STUDY.tasks["summarization"]
    assert (task["grader"], task["judge"]) == ("rouge_likert", "gpt-4")
    with pytest.raises(UserError, match=r"^summarization\.yaml: key 'judge' does nothing"):
        check_used(task, task, "summarization.yaml")
    check_used(task, ["grader"], "summarization.yaml")


def test_the_demo_asks_in_the_words_its_models_were_pre_trained_on():
    from clinical_dpo.data.sources.synthetic.generate import QUESTIONS

    for name, task in DEMO_STUDY.tasks.items():
        assert task["prompt"].split("}} ")[-1] == (QUESTIONS[name] or task["prompt"])
