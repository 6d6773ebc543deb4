"""Settings of a judge: refusals before a run, the sheets that it judges, and the summary while it is pending."""

import pytest

from clinical_dpo.config.judges import judged_sheets
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from clinical_dpo.report.summary import summary
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge": "gpt"}, r"config/tasks/summarization\.yaml: .*'gpt'.*endpoints.*Did you mean 'gpt-4'"),
        ({"phi": True}, r"'gpt-4'.*api\.openai\.com"),
        ({"judge": None}, "key 'judge'"),
    ],
)
def test_an_impossible_judge_is_refused_before_a_run(change, message):
    with pytest.raises(UserError, match=message):
        load_study(merge(PUBLISHED, {"overrides": {"tasks": {"summarization": change}}}), ROOT)


def test_a_key_instead_of_its_variable_is_refused_and_not_shown():
    with pytest.raises(UserError) as error:
        load_study(merge(PUBLISHED, {"endpoints": {"gpt-4": {"key_variable": "sk-proj-123"}}}), ROOT)
    assert "endpoints.gpt-4.key_variable" in str(error.value) and "sk-proj" not in str(error.value)


def test_the_summary_names_a_judge_that_is_pending():
    words = "summarization: judge gpt-4: environment variable OPENAI_API_KEY is not set"
    nothing = {"headlines": {}, "folders": [], "seeds": [], "seeds_file": "", "left_out": {}, "pending_ratings": []}
    assert summary([], [], **nothing, judges=[words]).endswith(f"Still awaited:\n  {words}\n")


LIKERT = {"grader": "judge", "metric": "likert", "judge": "gpt-4"}
ACCURACY = {"grader": "physicians", "metric": "accuracy", "judge": "gpt-4"}
PAIRED = {"grader": "evasiveness", "metric": "helpfulness", "judge": "gpt-4", "preference_grader": "judge"}


@pytest.mark.parametrize(
    ("task", "sheets", "judged_by_judge"),
    [
        (LIKERT, [], ["likert"]),
        (ACCURACY | {"grader": "judge"}, [], ["correctness"]),
        (ACCURACY, ["correctness", "adjudication"], ["correctness"]),
        (PAIRED, [], ["preference"]),
        (PAIRED | {"preference_grader": "raters"}, ["preference"], ["preference"]),
        (ACCURACY | {"grader": "exact"}, [], []),
        ({"grader": "judge", "metric": "likert"}, [], []),
    ],
)
def test_a_judge_grades_or_accompanies_the_task_s_sheets(task, sheets, judged_by_judge):
    assert judged_sheets(task, sheets) == judged_by_judge
