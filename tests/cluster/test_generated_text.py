"""Generated text does not replace missing data unless the config allows it."""

import pytest

from clinical_dpo.cluster.generated_text import generated_tasks, refuse_generated
from clinical_dpo.cluster.plan import cost_rows
from clinical_dpo.config.display import notes
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from tests.conftest import ROOT
from tests.helpers.configs import DEMO, PUBLISHED

TINY = {"run_name": "mine", "recipes": {"savage2025": {"models": ["tiny-llama"]}}}


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A function that loads the published study with changes, in a folder without data files."""
    monkeypatch.chdir(tmp_path)
    return lambda change: load_study(merge(PUBLISHED, change), ROOT)


def refusal(study, tasks):
    with pytest.raises(UserError) as error:
        refuse_generated(study, tasks)
    return error.value


def test_missing_data_are_refused_with_reasons_costs_and_the_key(published):
    study = published({})
    message = str(refusal(study, ["uti", "reasoning", "meqsum"]))
    hours = sum(row["hours"] for row in cost_rows(study) if row["task"] == "uti")
    assert f"uti: data/savage2025/uti.csv does not exist ({hours:.1f} GPU hours)" in message and hours > 1
    assert "meqsum: " in message and "reasoning" not in message
    assert "--config allow_generated=true" in message and "leave_out" in message


def test_the_message_is_shown_for_private_tasks_too(published):
    change = {"overrides": {"tasks": {"uti": {"phi": True}}}}
    assert refusal(published(change), ["uti"]).public


def test_tiny_models_cost_jobs_and_no_gpu_hours(published):
    assert "jobs without a GPU" in str(refusal(published(TINY), ["uti"]))


def test_the_config_allows_it(published):
    refuse_generated(published({"allow_generated": True}), ["uti", "meqsum"])


def test_records_that_exist_are_not_asked_about(published):
    refuse_generated(published({}), [])


def test_a_task_whose_source_is_synthetic_needs_no_leave():
    demo = load_study(DEMO, ROOT)
    refuse_generated(demo, list(demo.tasks))
    assert generated_tasks(demo)["uti"] == "its source is synthetic"


def test_the_start_of_a_run_names_the_key_until_it_is_set(published):
    for allowed in (False, True):
        (line,) = [line for line in notes(published({"allow_generated": allowed})) if "data of task 'uti'" in line]
        assert line.endswith("The run stops unless the config has allow_generated: true.") != allowed


@pytest.mark.parametrize(("word", "value"), [("true", True), ("false", False)])
def test_the_key_can_be_set_on_the_command_line(published, word, value):
    """Snakemake reads `--config allow_generated=true` as text."""
    assert published({"allow_generated": word}).config["allow_generated"] is value
