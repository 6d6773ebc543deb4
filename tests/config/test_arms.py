"""The arms of a task file: its variants and files, and the settings that are refused."""

import pytest

from clinical_dpo.config import files
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from clinical_dpo.paths import parse_trial
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED

FEW_SHOT = {"few_shot": {"examples": 4}}
RATES = [1.0e-3, 5.0e-4, 1.0e-4, 5.0e-5, 1.0e-5, 5.0e-6, 1.0e-6, 5.0e-7, 1.0e-7, 5.0e-8, 1.0e-8, 5.0e-9]
LONGER = {"sft_longer": {"learning_rate": [*RATES, 1.0e-9, 5.0e-10, 1.0e-10]}}  # DPO has 15 trials


def study(arms, task="uti", **config):
    """The published study with arms of a task."""
    return load_study(merge(PUBLISHED | config, {"overrides": {"tasks": {task: {"arms": arms}}}}), ROOT)


def test_a_study_without_arms_has_the_three_variants():
    published = load_study(PUBLISHED, ROOT)
    assert {tuple(published.variants(task)) for task in published.tasks} == {("base", "sft", "dpo")}
    assert {tuple(published.stages(task)) for task in published.tasks} == {("sft", "dpo")}
    assert published.arm_family("uti") == []


def test_an_arm_is_a_variant_of_its_task_alone():
    changed = study(FEW_SHOT)
    assert changed.variants("uti") == ["base", "sft", "dpo", "few_shot"]
    assert changed.variants("reasoning") == ["base", "sft", "dpo"]
    assert "results/uti/llama3-8b-instruct/grades/few_shot.csv" in files.grades(changed, "uti")
    assert changed.stages("uti") == ["sft", "dpo"]


def test_the_arms_of_a_recipes_tasks_are_one_family():
    changed = study(FEW_SHOT, overrides={"tasks": {"reasoning": {"arms": FEW_SHOT}, "meqsum": {"arms": FEW_SHOT}}})
    expected = [f"{task}/few_shot_vs_{rival}" for task in ("uti", "reasoning") for rival in ("sft", "dpo")]
    assert changed.arm_family("uti") == changed.arm_family("triage_urgency") == expected
    assert len(changed.arm_family("meqsum")) == 2


def test_an_arm_does_not_change_the_family_of_the_published_comparisons():
    assert study(FEW_SHOT).family("uti") == load_study(PUBLISHED, ROOT).family("uti")


def test_sft_longer_is_a_stage_with_dpos_settings_and_its_own_learning_rates():
    changed = study(LONGER)
    assert changed.stages("uti") == ["sft", "dpo", "sft_longer"]
    longer, dpo = changed.training("uti", "sft_longer"), changed.training("uti", "dpo")
    assert longer == {key: value for key, value in dpo.items() if key not in ("loss", "label_smoothing")} | {
        "plateau": False
    }
    trials = changed.trials("uti", "sft_longer")
    assert [trial["learning_rate"] for trial in trials.values()] == LONGER["sft_longer"]["learning_rate"]
    assert all(parse_trial(name, "sft_longer") == values for name, values in trials.items())
    weights = files.trial_files(changed, "adapter")
    assert sum("/uti/llama3-8b-instruct/sft_longer/" in file for file in weights) == 15
    assert not any("sft_longer" in file for file in files.trial_files(changed, "trial_run", part="probe"))


def test_dpo_sft_has_dpos_settings_trials_and_probes_and_a_weight():
    changed = study({"dpo_sft": {"sft_weight": 0.5}})
    assert changed.training("uti", "dpo_sft") == changed.training("uti", "dpo") | {"sft_weight": 0.5}
    assert changed.trials("uti", "dpo_sft") == changed.trials("uti", "dpo")
    assert all(parse_trial(name, "dpo_sft") == values for name, values in changed.trials("uti", "dpo_sft").items())
    probes = files.trial_files(changed, "trial_run", part="probe")
    assert sum("/uti/llama3-8b-instruct/dpo_sft/" in file for file in probes) == 15


def test_another_number_of_trials_than_dpo_is_refused():
    with pytest.raises(UserError, match=r"uti\.yaml: key 'arms\.sft_longer' has 1 trials, but dpo has 15\."):
        study({"sft_longer": {"learning_rate": [1.0e-4]}})


@pytest.mark.parametrize(
    ("dpo", "fixed"),
    [({"plateau": False}, True), ({}, False), ({"plateau": False, "max_steps": None, "epochs": 1}, False)],
)
def test_the_config_alone_sets_dpos_steps_without_plateau_and_epochs(dpo, fixed):
    """Pairs can be fewer than rows, so epochs of pairs can be fewer steps than epochs of rows."""
    changed = load_study(merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"training": {"dpo": dpo}}}}}), ROOT)
    assert changed.has_fixed_steps("uti") is fixed


@pytest.mark.parametrize(
    ("arms", "key"),
    [
        ({"few_shots": {"examples": 4}}, r"arms\.few_shots' is not known\. Did you mean 'few_shot'"),
        ({"few_shot": {}}, r"arms\.few_shot\.examples' is missing"),
        ({"few_shot": {"examples": 0}}, r"arms\.few_shot\.examples'"),
    ],
)
def test_a_wrong_arm_is_refused(arms, key):
    with pytest.raises(UserError, match=rf"uti\.yaml.*key '{key}"):
        study(arms)
