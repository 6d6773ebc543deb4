"""Presets are recipes for any task; a paper's recipe is for the paper's tasks, and an error names the choice."""

import re

import pytest

from clinical_dpo.cluster.plan import cost_rows
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import complete_recipes, merge
from clinical_dpo.errors import UserError
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED

PRESETS = ("trial", "small", "published")
TASKS = ("pubmedqa_labels", "triage_levels", "summarization")


def study_with(task, recipe):
    """The published config with one task and a recipe for it."""
    return load_study(merge(PUBLISHED, {"tasks": [task], "overrides": {"tasks": {task: {"recipe": recipe}}}}), ROOT)


@pytest.mark.parametrize("recipe", PRESETS)
@pytest.mark.parametrize("task", ["triage_levels", "uti", "meqsum"])
def test_a_preset_trains_any_task(task, recipe):
    if (task, recipe) in (
        ("meqsum", "small"),
        ("meqsum", "published"),
    ):  # its file has no dev rows, which a sweep needs
        with pytest.raises(UserError, match=r"splits\.dev is 0"):
            study_with(task, recipe)
    else:
        assert study_with(task, recipe).tasks[task]["recipe"] == recipe


@pytest.mark.parametrize(("task", "recipe"), [("triage_levels", "savage2025"), ("uti", "murphy2024")])
def test_a_papers_recipe_is_refused_for_other_tasks_with_the_choice(task, recipe):
    message = rf"config/tasks/{task}\.yaml: recipe '{recipe}' .*trial or small or published.*based_on: {recipe}"
    with pytest.raises(UserError, match=message):
        study_with(task, recipe)


def test_a_recipe_of_ones_own_may_be_based_on_a_preset_and_on_a_papers_recipe():
    recipes = {"mine": {"based_on": "small", "models": ["mistral-7b-instruct"]}, "grid": {"based_on": "murphy2024"}}
    config = merge(PUBLISHED, {"recipes": recipes})
    mine = complete_recipes(config)["recipes"]["mine"]
    small = complete_recipes(config)["recipes"]["small"]
    assert mine == small | {"models": ["mistral-7b-instruct"]} and "only_tasks" not in mine
    assert "only_tasks" not in complete_recipes(config)["recipes"]["grid"]


def test_recipes_based_on_each_other_are_refused():
    recipes = {"one": {"based_on": "two"}, "two": {"based_on": "one"}}
    with pytest.raises(UserError, match=r"recipes\.two\.based_on' names 'one'.*in a circle"):
        complete_recipes({"recipes": recipes})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("recipe", PRESETS)
def test_the_document_has_the_planned_hours_of_each_preset(task, recipe):
    hours = sum(row["hours"] for row in cost_rows(study_with(task, recipe)))
    line = re.search(rf"^\| `{recipe}` \|.*$", (ROOT / "docs/costs.md").read_text(encoding="utf-8"), re.MULTILINE)[0]
    assert line.split("|")[3 + TASKS.index(task)].strip() == f"{hours:.1f}"


def test_a_trial_takes_less_than_an_hour_of_a_card():
    assert all(sum(row["hours"] for row in cost_rows(study_with(task, "trial"))) < 1 for task in TASKS)
