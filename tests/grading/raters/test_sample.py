"""The raters' sample: its size, its strata, and what changes it."""

from collections import Counter
from itertools import pairwise

import pytest

from clinical_dpo.config.judges import is_corrected
from clinical_dpo.config.raters import check_sample, with_sample
from clinical_dpo.config.task_rules import check_used
from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.sample import sampled_rows
from tests.helpers.task_rows import task_row


def rows(n, labels=("",)):
    return [
        task_row(f"r{i}", f"Question {i}?", "a") | ({"label": labels[i % len(labels)]} if labels[0] else {})
        for i in range(n)
    ]


def ids(*arguments):
    return [row["id"] for row in sampled_rows(*arguments)]


@pytest.mark.parametrize("size", [1, 2, 7, 80, 409, 410])
def test_a_sample_has_its_size_and_the_order_of_the_rows(size):
    drawn = ids(rows(410), size, 42)
    assert len(drawn) == len(set(drawn)) == size
    assert drawn == sorted(drawn, key=lambda row_id: int(row_id[1:]))


@pytest.mark.parametrize("size", [None, 410, 999])
def test_without_a_smaller_size_all_rows_are_the_sample(size):
    assert ids(rows(410), size, 42) == [row["id"] for row in rows(410)]


def test_every_label_has_its_share_of_the_sample():
    labels = ("UTI", "No UTI", "No UTI", "No UTI", "unclear")
    for size in (10, 80, 333):
        counts = Counter(row["label"] for row in sampled_rows(rows(400, labels), size, 42))
        expected = {label: size * labels.count(label) / 5 for label in labels}
        assert all(abs(counts[label] - share) <= 1 for label, share in expected.items())


def test_a_larger_sample_contains_the_smaller():
    study = rows(400, ("UTI", "No UTI", "No UTI"))
    samples = [set(ids(study, size, 42)) for size in range(1, 400, 13)]
    assert all(smaller < larger for smaller, larger in pairwise(samples))


def test_a_sample_depends_on_the_seed_and_not_on_the_order_of_the_rows():
    study = rows(400)
    assert ids(study, 80, 42) == ids(study, 80, 42)
    assert set(ids(study[::-1], 80, 42)) == set(ids(study, 80, 42)) != set(ids(study, 80, 43))


def test_every_row_is_drawn_equally_often_over_seeds():
    """400 draws of half of 20 rows: a count is binomial, and 4 standard errors are 40."""
    counts = Counter(row_id for seed in range(400) for row_id in ids(rows(20), 10, seed))
    assert len(counts) == 20 and all(abs(count - 200) < 40 for count in counts.values())


SAMPLE = {"people": ["anna"], "sample": 80}


def test_a_choice_about_refusals_needs_a_judge():
    settings = task(metric="accuracy", judge_refusals="failure")
    with pytest.raises(UserError, match="key 'judge_refusals' has no effect without a judge"):
        check_used(settings, {"judge_refusals"}, "t.yaml")
    check_used(settings | {"judge": "ward", "grader": "judge"}, {"judge_refusals"}, "t.yaml")


def task(**changes):
    settings = {"name": "t", "answer_type": "answer", "grader": "physicians", "splits": {"test": 400}}
    return settings | {"rejected_source": "field"} | changes


@pytest.mark.parametrize(
    ("settings", "corrected"),
    [
        ({"raters": SAMPLE, "judge": "ward"}, True),
        ({"raters": SAMPLE}, False),
        ({"raters": SAMPLE, "judge": "ward", "grader": "exact"}, False),
        ({"raters": ["anna"], "judge": "ward"}, False),
        ({"raters": SAMPLE, "judge": "ward", "grader": "judge", "metric": "accuracy"}, True),
    ],
)
def test_a_task_is_corrected_if_raters_grade_a_sample_and_a_judge_everything(settings, corrected):
    settings = with_sample(task(**settings))
    assert settings["raters"] == ["anna"] and is_corrected(settings) == corrected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rater_sample": 401}, r"t\.yaml: key 'raters\.sample' is 401, but .* only 400 items .*sample to 400 or less"),
        (
            {"rater_sample": 80, "external_predictions": {}},
            r"'raters\.sample' and 'external_predictions' exclude each other",
        ),
    ],
)
def test_a_sample_that_cannot_be_drawn_or_compared_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        check_sample(task(**changes), "t.yaml")
    check_sample(task(rater_sample=400), "t.yaml")
