"""Changes of the config's keys or of code, each of which affects a whole study: it ends as a study from scratch."""

import pytest

from tests.workflow.every_key.laboratory import begins, compare, unexplained
from tests.workflow.every_key.runs import unequal_outputs
from tests.workflow.every_key.wide import EDITS, LABEL_TASK, SETTINGS, TASKS, TEXT_TASK

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wide(laboratory):
    return laboratory.project("wide", TASKS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_changed_key_of_the_config_repeats_the_jobs_it_affects(laboratory, wide, name):
    setting = SETTINGS[name]
    compared = compare(laboratory, wide, name, lambda project: laboratory.write(project, TASKS, False, setting.config))
    assert unequal_outputs(compared.jobs, compared.after, compared.scratch) == []
    assert set(compared.planned) == set(compared.ran)
    assert unexplained(compared) == set()


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_code_repeats_the_jobs_it_affects(laboratory, wide, name):
    edit, folder = EDITS[name], name.replace(" ", "-")
    compared = compare(laboratory, wide, folder, lambda project: project.edit(edit.file, edit.old, edit.new))
    assert unequal_outputs(compared.jobs, compared.after, compared.scratch) == []
    assert set(compared.planned) == set(compared.ran)
    first = begins(compared.ran)
    assert {rule for rule, _ in first} == edit.begins
    assert all(edit.stage in wildcards for _, wildcards in first)


def test_the_prompt_of_a_task_repeats_no_job_of_another_task(laboratory, wide):
    project = laboratory.copy(wide, "prompt")
    overrides = {"overrides": {"tasks": {LABEL_TASK: {"prompt": "{{ note }} Yes?"}}}}
    laboratory.write(project, TASKS, False, overrides)
    assert not any(TEXT_TASK in wildcards for _, wildcards in project.planned())
