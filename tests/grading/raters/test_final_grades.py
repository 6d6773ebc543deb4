"""Final grades: two raters' ratings, an adjudicator's, and the grades tables that follow from them."""

import re

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.grading.raters.final_grades import disputed_items, final_grades, majority, variant_grades
from clinical_dpo.grading.raters.rating_round import why_nothing_to_adjudicate
from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.grading.raters.sheet_files import page
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, key_rows
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.metrics import task_metrics
from tests.helpers.rating import SECRET, rate, sheet, study


@pytest.fixture
def key():
    return sheet("correctness")[1]


@pytest.fixture
def final_grade(tmp_path):
    """Function of three ratings of the first item -> its final grade, and the ids for the adjudicator."""
    items, key = sheet("correctness")

    def final(first, second, third, adjudicator=True):
        files = {
            rater: rate(tmp_path / f"correctness.{rater}.csv", key, rater, [rating])
            for rater, rating in (("r1", first), ("r2", second))
        }
        rows = collect_ratings(key, files)
        third_key = key_rows(items, "adjudication", "correctness", ["r3"], SECRET)
        path = rate(tmp_path / "adjudication.r3.csv", third_key, "r3", [third])
        adjudications = collect_ratings(third_key, {"r3": path}) if adjudicator else None
        disputed = disputed_items(key, rows)
        assert disputed <= {items[0].item_id}
        return final_grades(key, rows, adjudications)[0], bool(disputed)

    return final


@pytest.mark.parametrize(
    ("first", "second", "third", "grade", "decided_by"),
    [
        ("correct", "correct", None, "correct", "raters"),
        ("incorrect", "incorrect", "correct", "incorrect", "raters"),  # the item is not disputed
        ("correct", "incorrect", "incorrect", "incorrect", "adjudicator"),
        ("correct", "cannot judge", "correct", "correct", "adjudicator"),
        ("correct", "incorrect", "cannot judge", "cannot judge", "adjudicator"),
        ("cannot judge", "cannot judge", "correct", "correct", "adjudicator"),
        ("correct", "incorrect", None, "", "adjudicator"),
        ("correct", None, "correct", "", "raters"),
    ],
)
def test_two_raters_decide_and_an_adjudicator_where_they_differ(final_grade, first, second, third, grade, decided_by):
    final, disputed = final_grade(first, second, third)
    assert (final["grade"], final["decided_by"]) == (grade, decided_by)
    assert final["status"] == ("complete" if grade else "pending")
    assert disputed == (decided_by == "adjudicator")


@pytest.mark.parametrize(
    ("first", "second", "grade"),
    [
        ("correct", "incorrect", "disagreement"),
        ("correct", "cannot judge", "disagreement"),
        ("cannot judge", "cannot judge", "cannot judge"),
    ],
)
def test_without_an_adjudicator_a_disagreement_is_not_called_cannot_judge(final_grade, first, second, grade):
    final, _ = final_grade(first, second, None, adjudicator=False)
    assert (final["grade"], final["decided_by"]) == (grade, "nobody")
    row_id, variant = final["row_id"], final["variants"].split()[0]
    [graded] = variant_grades([final], variant, [row for row in study()[0] if row["id"] == row_id])
    assert (graded["grade"], graded["parsed"], graded["valid"]) == ("0", grade, "false")


@pytest.mark.parametrize(
    ("votes", "judgement"),
    [
        (["correct", "incorrect", "correct"], "correct"),
        (["correct", "incorrect", "cannot judge"], None),
        (["cannot judge", "cannot judge", "correct"], None),
        (["correct"], "correct"),
        ([], None),
    ],
)
def test_a_majority_is_more_than_half_of_the_votes(votes, judgement):
    assert majority(votes) == judgement


@pytest.fixture
def finals(tmp_path, key):
    """Final grades: correct where DPO gives the answer, else cannot judge."""
    rating_by_item = {row["item_id"]: "correct" if "dpo" in row["variants"] else "cannot judge" for row in key}
    by_r1 = [rating_by_item[row["item_id"]] for row in key if row["rater"] == "r1"]
    files = {rater: rate(tmp_path / f"correctness.{rater}.csv", key, rater, by_r1) for rater in ("r1", "r2")}
    return final_grades(key, collect_ratings(key, files))


def test_final_grades_become_a_grades_table_of_each_variant(finals):
    rows, _ = study()
    for variant in ("base", "sft", "dpo"):
        grades = variant_grades(finals, variant, rows)
        assert [grade["id"] for grade in grades] == [row["id"] for row in rows]
        assert all(tuple(grade) == COLUMNS for grade in grades)


def test_an_item_nobody_can_judge_is_incorrect_and_invalid(finals):
    rows, _ = study()
    tables = {("m", variant): variant_grades(finals, variant, rows) for variant in ("base", "sft", "dpo")}
    task = {"name": "t", "metric": "accuracy", "data": "real", "seed": 1}
    estimates = {(row["variant"], row["metric"]): row["estimate"] for row in task_metrics(tables, task)}
    # sft shares two of its eight answers with dpo.
    accuracy = {variant: estimates[variant, "accuracy"] for variant in ("base", "sft", "dpo")}
    assert accuracy == {"base": 0, "sft": 0.25, "dpo": 1}
    assert estimates["sft", "invalid_rate"] == 0.75 and estimates["dpo", "invalid_rate"] == 0


@pytest.mark.parametrize(
    ("rated", "reason"),
    [
        (22, r"There is nothing to decide, because the raters agree on all 22 items\."),
        (
            20,
            r"There is nothing to decide yet, because 2 ratings .* missing\. .*on which the raters differ\.",
        ),
    ],
)
def test_an_empty_adjudication_sheet_says_why(tmp_path, key, rated, reason):
    path = tmp_path / "results/t/m/grading/keys/correctness.csv"
    path.parent.mkdir(parents=True)
    write_csv(path, key, KEY_COLUMNS)
    for rater in ("r1", "r2"):
        words = ["correct"] * (rated if rater == "r2" else 22)
        rate(tmp_path / f"correctness.{rater}.csv", key, rater, words, comment=rater)
    why = why_nothing_to_adjudicate(str(path), tmp_path)
    assert re.fullmatch(reason, why) and why in page([], "adjudication", "correctness", "r3", empty=why)


def test_grades_are_pending_without_ratings(key):
    grades = variant_grades(final_grades(key, []), "sft", study()[0])
    assert {(grade["status"], grade["grade"], grade["valid"]) for grade in grades} == {("pending", "", "")}


def test_a_variant_on_no_sheet_is_refused(finals):
    with pytest.raises(UserError, match=r"answers of gold: .* items \['medqa-row-0'.*Keep the \.secret files"):
        variant_grades(finals, "gold", study()[0])
