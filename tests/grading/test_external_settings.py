"""Settings of `external_predictions`: refusals before a run, and tables that are left out."""

import pytest

from clinical_dpo.config.external import missing_external
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from tests.conftest import ROOT
from tests.helpers.configs import DEMO, external_entry

COLUMNS = {"id": "item", "answer": "reply"}


def entry(columns=COLUMNS, **changes):
    return external_entry(columns, **changes)


def load_with(tasks):
    return load_study(merge(DEMO, {"overrides": {"tasks": tasks}}), ROOT)


@pytest.mark.parametrize(
    ("external", "message"),
    [
        ({"gpt4": entry(when_missing="error")}, r"tasks/uti\.yaml: .*gpt4: nowhere\.csv .*leave_out"),
        ({"tiny-llama": entry()}, r"tasks/uti\.yaml: .*\.tiny-llama: 'tiny-llama' .*folder"),
        ({"prompts": entry()}, r"tasks/uti\.yaml: .*\.prompts: 'prompts' .*folder"),
        ({"gpt4": entry(COLUMNS | {"grade": "g"})}, r"tasks/uti\.yaml: .*\.gpt4: .*labels.*columns\.grade"),
        ({"gpt4": entry({"id": "item"})}, r"tasks/uti\.yaml: .*\.gpt4: .*columns\.answer"),
        ({"gpt4": entry({"answer": "reply"})}, "'external_predictions.gpt4.columns'"),
        ({"GPT 4": entry()}, "'GPT 4'"),
        ({"gpt4": entry(tittle="x")}, r"'external_predictions\.gpt4\.tittle'.*Did you mean 'title'"),
        ({"gpt4": entry(), "dpo_x": entry()}, "'dpo_x'"),
    ],
)
def test_a_wrong_entry_is_refused_before_a_run(external, message):
    with pytest.raises(UserError, match=message):
        load_with({"uti": {"external_predictions": external}})


def test_physicians_need_grades_of_external_answers():
    reasoning = {"grader": "physicians", "raters": ["a"], "external_predictions": {"gpt4": entry()}}
    with pytest.raises(UserError, match=r"tasks/reasoning\.yaml: .*\.gpt4: .*columns\.grade"):
        load_with({"reasoning": reasoning})


def test_a_name_has_one_title():
    tasks = {
        "uti": {"external_predictions": {"gpt4": entry()}},
        "triage_urgency": {"external_predictions": {"gpt4": entry(title="GPT 4")}},
    }
    with pytest.raises(UserError, match=r"\.gpt4: .*'GPT-4'"):
        load_with(tasks)


def test_a_missing_table_is_left_out():
    assert missing_external(entry(), stand_in=False) == "nowhere.csv does not exist"
    tasks = load_with({"uti": {"external_predictions": {"gpt4": entry()}}}).tasks
    assert tasks["uti"]["external_predictions"]["gpt4"]["title"] == "GPT-4"


def test_a_table_is_used_where_it_exists(tmp_path):
    (tmp_path / "a.csv").touch()
    assert missing_external(entry(path=str(tmp_path / "a.csv")), stand_in=False) is None


def test_a_table_is_left_out_beside_generated_text(tmp_path):
    (tmp_path / "a.csv").touch()
    assert "own text" in missing_external(entry(path=str(tmp_path / "a.csv")), stand_in=True)
