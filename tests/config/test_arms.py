"""The arms of a task file: its variants and files, and the settings that are refused."""

import pytest

from clinical_dpo.config import files
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED

FEW_SHOT = {"few_shot": {"examples": 4}}


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
