"""Keys whose change an earlier version ignored, and a key of each kind: a changed study equals one from scratch."""

import pytest

from tests.workflow.every_key.cases import CASES
from tests.workflow.every_key.laboratory import compare, unexplained
from tests.workflow.every_key.runs import unequal_outputs

KEYS = (
    "task.title",  # shown in figures
    "task.max_new_tokens",  # for answers
    "dpo.max_length",  # for training
    "source.path",  # for the data
    "task.checks",  # for the checks of the data
    "model.title",
    "task.grader",
)
SOME = [case for case in CASES if case.keys[0] in KEYS]


@pytest.fixture(scope="module")
def compared(laboratory):
    before = laboratory.project("some", SOME)
    return compare(laboratory, before, "some", lambda project: laboratory.write(project, SOME, True))


def test_each_key_has_a_case():
    assert len(SOME) == len(KEYS)


def test_a_changed_study_that_runs_again_equals_a_study_from_scratch(compared):
    assert unequal_outputs(compared.jobs, compared.after, compared.scratch) == []


def test_a_dry_run_lists_the_jobs_that_then_run(compared):
    assert set(compared.planned) == set(compared.ran)


def test_no_job_runs_without_a_reason(compared):
    assert unexplained(compared, SOME) == set()


def test_another_answer_limit_repeats_the_answers_of_every_variant(compared):
    predicted = {job for job in compared.ran if job[0] == "predict" and "max_new_tokens" in job[1]}
    assert len(predicted) == 3
