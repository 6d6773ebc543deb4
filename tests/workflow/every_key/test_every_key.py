"""A finished study whose files change and that runs again ends in the files of a study from scratch.

The tests change every key of the schemas, each in a task, model, recipe or endpoint that no other change affects, and
hold docs/reruns.md to the jobs that each starts. The studies are small and run the rules that run on a cluster.
"""

import os

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.workflow.every_key.cases import CASES
from tests.workflow.every_key.laboratory import compare, unexplained
from tests.workflow.every_key.matrix import matrix
from tests.workflow.every_key.runs import differing, unequal_outputs
from tests.workflow.every_key.schema_keys import all_keys
from tests.workflow.every_key.wide import SETTINGS, SPEED

pytestmark = pytest.mark.slow
NAMES = ("task.name", "model.name")  # must equal the file's name, so that no file can change them alone
RESULTS = [case for case in CASES if not case.speed]
FAST = [case for case in CASES if case.speed]
# A change of these keys changes no result of this study.
NEUTRAL = (
    *("model.license", "model.parameters", "model.sizes.vocab_size", "model.gpu", "model.stands_for", "model.title"),
    *("endpoint.key_variable", "endpoint.concurrency", "endpoint.timeout_seconds", "endpoint.client_variables"),
    *("endpoint.price.input", "endpoint.price.output", "endpoint.server_user", "task.judge_refusals"),
    *("task.when_missing", "task.external_predictions.when_missing", "task.label_synonyms"),
    *("task.title", "task.external_predictions.title"),  # only figures show titles
    *("task.tokens.prompt", "config.recipes.only_tasks"),
    "task.tables",  # the change only removes a table
)


@pytest.fixture(scope="module")
def compared(laboratory):
    """A study of all cases, all of whose changes are made at once."""
    before = laboratory.project("cases", RESULTS)
    return compare(laboratory, before, "cases", lambda project: laboratory.write(project, RESULTS, True))


def test_every_key_has_a_case():
    covered = {key for case in CASES for key in case.keys} | {key for each in SETTINGS.values() for key in each.keys}
    assert covered | set(SPEED.keys) | set(NAMES) == all_keys()


def test_a_name_must_equal_its_files_name():
    config = read_yaml(ROOT / "config/config.yaml") | {"overrides": {"tasks": {"uti": {"name": "other"}}}}
    with pytest.raises(UserError) as error:
        load_study(config, ROOT)
    assert all(word in str(error.value) for word in ("config/tasks/uti.yaml", "'other'", "'uti'"))


def test_a_changed_study_that_runs_again_equals_a_study_from_scratch(compared):
    assert unequal_outputs(compared.jobs, compared.after, compared.scratch) == []


def test_each_change_changes_a_result_of_its_task(compared):
    """Otherwise the case would test nothing. Cases with a neutral key or an `extra` are exempt."""
    changed = differing(compared.jobs, compared.before, compared.scratch)
    without = {case.name for case in RESULTS if not any(_belongs_to(case, wildcards) for _, wildcards in changed)}
    assert without <= {case.name for case in RESULTS if case.extra or case.keys[0] in NEUTRAL}


def test_no_job_runs_without_a_reason(compared):
    assert unexplained(compared, RESULTS) == set()


def test_a_dry_run_lists_the_jobs_that_then_run(compared):
    assert set(compared.planned) == set(compared.ran)


def test_the_page_lists_the_jobs_that_each_key_starts(compared):
    """With WRITE_DOCS=1 the test writes the page."""
    page = matrix(RESULTS, FAST, compared.ran)
    path = ROOT / "docs/reruns.md"
    if os.environ.get("WRITE_DOCS"):
        path.write_text(page, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page


def test_settings_of_speed_start_no_job_and_change_losses_by_rounding_at_most(laboratory):
    before = laboratory.project("speed", FAST)
    scratch = laboratory.copy(before, "speed-scratch", finished=False)
    for project in (before, scratch):
        laboratory.write(project, FAST, True, SPEED.config)
    assert before.planned() == set()
    scratch.run()
    for log in before.folder.glob("results/every/*/*/*/*/adapter/log.csv"):
        losses, expected = (
            {(row["step"], row["split"]): float(row["loss"]) for row in read_csv(path)}
            for path in (log, scratch.folder / log.relative_to(before.folder))
        )
        assert losses == pytest.approx(expected, rel=1e-3), log


def _belongs_to(case, wildcards):
    """Whether a job is one of a case's task or model."""
    return not {f"task={case.name}", f"model={case.name.replace('_', '-')}"}.isdisjoint(wildcards.split(", "))
