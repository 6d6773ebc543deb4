"""The rules that play the raters of the example `orders`."""

import pytest

from clinical_dpo.grading.raters.rating_files import read_ratings
from clinical_dpo.grading.raters.sheet_files import write_sheet
from examples.data import orders
from examples.orders.rate import anna, ben, points
from examples.orders.rate import main as rate


def test_the_rules_give_a_whole_instruction_the_best_grade():
    for row in orders():
        assert anna(f"Order: {row['Order']}", row["Instruction"]) == 5
        assert ben(f"Order: {row['Order']}", row["Instruction"]) == 5


ORDER = "Order: codeine 30 mg 2 tab po bid pc x 7 d; drowsy; f/u 1 mo\n\nWrite this order for the patient."
WHOLE = (
    "Take 2 tablets of codeine (30 mg) twice a day after meals for 7 days. Do not drive, it makes you sleepy. "
    "Come back in 1 month."
)


@pytest.mark.parametrize(
    ("old", "new", "missing", "grade"),
    [
        ("", "", set(), 5),
        (" Come back in 1 month.", "", {"review"}, 4),
        ("after meals for 7 days", "", {"meal", "duration"}, 3),
        ("30 mg", "15 mg", {"dose"}, 2),
        ("twice a day", "every day", {"frequency"}, 2),
        (WHOLE, "Take your medicine.", {"dose", "frequency", "meal", "duration", "warning", "review"}, 1),
    ],
)
def test_a_missing_point_costs_grades(old, new, missing, grade):
    answer = WHOLE.replace(old, new, 1)
    assert {point for point, present in points(ORDER, answer).items() if not present} == missing
    assert anna(ORDER, answer) == grade == ben(ORDER, answer)


def test_ben_is_stricter_about_abbreviations_and_length():
    for answer in (f"{WHOLE} Take it po.", f"{WHOLE} {'It is a medicine. ' * 10}"):
        assert (anna(ORDER, answer), ben(ORDER, answer)) == (5, 4)


def test_grades_go_to_the_folder_of_the_sheets_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"no sheets\. Run the commands"):
        rate()
    folder = tmp_path / "results/orders/instructions/some-model/grading"
    for rater in ("anna", "ben"):
        line = {"item_id": "i1", "question": ORDER, "answer": f"{WHOLE} Take it po.", "text_sha256": "5" * 64}
        write_sheet(folder / f"likert.{rater}", [line], "likert", "likert", rater)
    rate()
    returned = {
        rater: read_ratings(tmp_path / f"ratings/orders/instructions/some-model/likert.{rater}.csv")
        for rater in ("anna", "ben")
    }
    assert [(rater, row["item_id"], row["rating"]) for rater, lines in returned.items() for row in lines] == [
        ("anna", "i1", "5"),
        ("ben", "i1", "4"),
    ]
