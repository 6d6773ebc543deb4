"""Settings of a task that is graded by a rubric: what fits, and what is refused."""

import re

import pytest

from clinical_dpo.config.judges import check_judge, is_corrected, judged_sheets
from clinical_dpo.config.margins import task_margin
from clinical_dpo.config.raters import awaited_sheets, rated_sheets, with_sample
from clinical_dpo.config.task_rules import check_fit, check_used
from clinical_dpo.errors import UserError
from clinical_dpo.schemas import problems
from tests.helpers.rating import RUBRIC

TASK = {"name": "t", "answer_type": "text", "grader": "physicians", "metric": "rubric", "paired_test": "paired_t"}
TASK |= {"rejected_source": "field", "selection_metric": "rouge_l", "raters": ["anna"], "splits": {"test": 400}}
TASK |= {"rubric": RUBRIC}


def test_texts_may_be_graded_by_a_rubric():
    check_fit(TASK, "t.yaml")
    check_used(TASK, ["rubric", "raters"], "t.yaml")
    assert rated_sheets(TASK) == {"rubric": ["anna"]} and awaited_sheets(TASK) == ["rubric"]
    task = with_sample(TASK | {"judge": "ward", "raters": {"people": ["anna"], "sample": 80}})
    assert judged_sheets(task, rated_sheets(task)) == ["rubric"] and is_corrected(task)
    assert judged_sheets(TASK | {"grader": "judge", "judge": "ward"}, []) == ["rubric"]
    assert task_margin(TASK).value == 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rubric": None}, "metric 'rubric' needs key 'rubric'"),
        ({"answer_type": "answer"}, "key 'rubric' does not go with answer_type 'answer'. Use 'text'"),
        ({"rubric": [*RUBRIC, {"item": "names  the DOSE", "weight": 1}]}, "item 4: 'names  the DOSE' equals item 1"),
        (
            {"grader": "rouge_l"},
            "metric 'rubric' cannot be computed from the grades of grader 'rouge_l'. Use grader 'judge' or "
            "'physicians'",
        ),
        ({"paired_test": "mcnemar"}, "paired_test 'mcnemar' does not go with metric 'rubric'. Use 'paired_t'"),
    ],
)
def test_a_rubric_that_does_not_fit_is_refused(change, message):
    task = {key: value for key, value in (TASK | change).items() if value is not None}
    with pytest.raises(UserError, match=re.escape(message)):
        check_fit(task, "t.yaml")


def test_a_rubric_of_another_metric_is_refused():
    with pytest.raises(UserError, match="key 'rubric' has no effect without metric rubric"):
        check_used(TASK | {"metric": "likert"}, {"rubric"}, "t.yaml")


@pytest.mark.parametrize(
    "rubric",
    [
        RUBRIC[:1],
        [{"item": f"Criterion {number}", "weight": 1} for number in range(21)],
        [RUBRIC[0], {"item": " ", "weight": 1}],
        [RUBRIC[0], {"item": "Invents a drug", "weight": -1}],
        [RUBRIC[0], {"item": "Invents a drug", "weight": 0}],
        [RUBRIC[0], {"item": "Invents a drug"}],
        [RUBRIC[0], "Is brief"],
    ],
)
def test_a_rubric_off_the_schema_is_refused(rubric):
    assert any("rubric" in problem for problem in problems({"rubric": rubric}, "task"))
    assert not any("rubric" in problem for problem in problems({"rubric": RUBRIC}, "task"))


def test_an_endpoint_that_would_cut_off_replies_is_refused():
    endpoint = {"base_url": "http://localhost:1/v1", "model": "m", "key_variable": None, "concurrency": 1}
    endpoint |= {"timeout_seconds": 9}
    config = {"phi_hosts": [], "plain_http_hosts": []}
    with pytest.raises(UserError, match=r"at most 16 tokens.*3 items.*Set max_tokens of this endpoint to 24 or more"):
        check_judge(TASK | {"judge": "ward"}, config | {"endpoints": {"ward": endpoint | {"max_tokens": 16}}})
    check_judge(TASK | {"judge": "ward"}, config | {"endpoints": {"ward": endpoint | {"max_tokens": 24}}})
