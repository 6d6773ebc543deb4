"""A finished study whose config or code changes ends, run once more, in the files of one from scratch.

Every key of the schemas is changed, each in a task, model, recipe or endpoint that no other change touches; what each
starts is written into docs/reruns.md. The studies are small; what runs is what runs on a cluster.
"""

import os

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv
from clinical_dpo.schemas import read_yaml
from tests.conftest import ROOT
from tests.workflow.every_key.cases import CASES
from tests.workflow.every_key.ground import begins, compare, unexplained
from tests.workflow.every_key.matrix import matrix
from tests.workflow.every_key.runs import differing, unlike
from tests.workflow.every_key.schema_keys import all_keys
from tests.workflow.every_key.wide import EDITS, LABEL_TASK, SETTINGS, SPEED, TASKS, TEXT_TASK

pytestmark = pytest.mark.slow
NAMES = ("task.name", "model.name")  # equal to a file's: another name is another file, and other folders
OWN = [case for case in CASES if not case.speed]
FAST = [case for case in CASES if case.speed]


@pytest.fixture(scope="module")
def compared(ground):
    """All cases changed at once, each in a task of its own."""
    before = ground.project("cases", OWN)
    return compare(ground, before, "cases", lambda project: ground.write(project, OWN, True))


@pytest.fixture(scope="module")
def wide(ground):
    return ground.project("wide", TASKS)


def test_every_key_has_a_case():
    covered = {key for case in CASES for key in case.keys} | {key for each in SETTINGS.values() for key in each.keys}
    assert covered | set(SPEED.keys) | set(NAMES) == all_keys()


def test_a_name_is_its_files():
    config = read_yaml(ROOT / "config/config.yaml") | {"overrides": {"tasks": {"uti": {"name": "other"}}}}
    with pytest.raises(UserError, match="it must equal the file's name"):
        load_study(config, ROOT)


def test_a_study_that_is_changed_and_run_once_more_equals_one_from_scratch(compared):
    assert unlike(compared.jobs, compared.after, compared.scratch) == []


def test_each_change_changes_something(compared):
    """Or nothing was tested: but for keys that no result has, and those that say what is so already."""
    changed = differing(compared.jobs, compared.before, compared.scratch)
    without = [case.name for case in OWN if not any(_of(case, wildcards) for _, wildcards in changed)]
    nothing = ("model.license", "model.parameters", "model.gpu", "endpoint.key_variable", "endpoint.concurrency")
    nothing += (
        "endpoint.timeout_seconds",
        "endpoint.client_variables",
        "endpoint.price.input",
        "endpoint.price.output",
        "task.when_missing",
    )
    nothing += (
        "task.external_predictions.when_missing",
        "task.label_synonyms",
        "model.stands_for",
        "model.title",
        "task.title",
    )
    nothing += ("task.tables", "task.external_predictions.title")  # what is left out, and what figures show
    told = [case.name for case in OWN if case.extra or case.keys[0] in nothing]
    assert set(without) <= set(told)


def test_no_job_is_too_many(compared):
    """Least: the jobs whose outputs differ, and all that follow on those. What runs beside them has its reason."""
    assert unexplained(compared, OWN) == set()


def test_a_dry_run_tells_what_then_runs(compared):
    assert set(compared.planned) == set(compared.ran)


def test_what_reruns_what_is_written_down(compared):
    """With WRITE_DOCS=1 the page is written anew."""
    page = matrix(OWN, FAST, compared.ran)
    path = ROOT / "docs/reruns.md"
    if os.environ.get("WRITE_DOCS"):
        path.write_text(page, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page


def test_what_changes_speed_starts_nothing_and_results_agree_to_rounding(ground):
    before = ground.project("speed", FAST)
    scratch = ground.copy(before, "speed-scratch", finished=False)
    for project in (before, scratch):
        ground.write(project, FAST, True, SPEED.config)
    assert before.planned() == set()
    scratch.run()
    for log in before.folder.glob("results/every/*/*/*/*/adapter/log.csv"):
        other = read_csv(scratch.folder / log.relative_to(before.folder))
        found = {(row["step"], row["split"]): float(row["loss"]) for row in read_csv(log)}
        expected = {(row["step"], row["split"]): float(row["loss"]) for row in other}
        assert found == pytest.approx(expected, rel=1e-3), log


@pytest.mark.parametrize("name", SETTINGS)
def test_a_key_of_the_config(ground, wide, name):
    setting = SETTINGS[name]
    found = compare(ground, wide, name, lambda project: ground.write(project, TASKS, False, setting.config))
    assert unlike(found.jobs, found.after, found.scratch) == []
    assert set(found.planned) == set(found.ran)
    assert unexplained(found) == set()


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_code(ground, wide, name):
    edit = EDITS[name]
    found = compare(ground, wide, name.replace(" ", "-"), lambda project: project.edit(edit.file, edit.old, edit.new))
    assert unlike(found.jobs, found.after, found.scratch) == []
    assert set(found.planned) == set(found.ran)
    begun = begins(found.ran)
    assert {rule for rule, _ in begun} == edit.begins
    assert all(edit.stage in wildcards for _, wildcards in begun)


def test_the_other_task_is_left_alone(ground, wide):
    """Not a job of a task runs for another task's prompt."""
    project = ground.copy(wide, "one")
    overrides = {"overrides": {"tasks": {LABEL_TASK: {"prompt": "{{ note }} Yes?"}}}}
    ground.write(project, TASKS, False, overrides)
    assert not any(TEXT_TASK in wildcards for _, wildcards in project.planned())


def _of(case, wildcards):
    return f"task={case.name}" in wildcards.split(", ") or f"model={case.name.replace('_', '-')}" in wildcards.split(
        ", "
    )
