"""Keys whose change once was passed over, and one of each kind: each in a study that is changed and run once more."""

from tests.workflow.every_key.cases import CASES
from tests.workflow.every_key.ground import compare, unexplained
from tests.workflow.every_key.runs import unlike

KEYS = (
    "task.title",  # what figures show
    "task.max_new_tokens",  # what a model is asked
    "dpo.max_length",  # what training keeps
    "source.path",  # what is read
    "task.checks",  # where data stop a task
    "model.title",
    "task.grader",
)
SOME = [case for case in CASES if case.keys[0] in KEYS]


def test_a_study_that_is_changed_and_run_once_more_equals_one_from_scratch(ground):
    before = ground.project("some", SOME)
    found = compare(ground, before, "some", lambda project: ground.write(project, SOME, True))
    assert len(SOME) == len(KEYS)
    assert unlike(found.jobs, found.after, found.scratch) == []
    assert set(found.planned) == set(found.ran)
    assert unexplained(found, SOME) == set()
    answered = {job for job in found.ran if job[0] == "predict" and "max_new_tokens" in job[1]}
    assert len(answered) == 3
