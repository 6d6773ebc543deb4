"""Levels of subgroups: their names, their order, and the values that are refused."""

import pytest

from clinical_dpo.data.subgroups import level_names, subgroup_columns, subgroup_rows
from clinical_dpo.errors import PublicError, UserError

AGE = {"name": "age group", "column": "age", "edges": [18, 65]}
SEX = {"name": "sex", "column": "sex"}


def items(**columns):
    values = zip(*columns.values(), strict=True)
    return [(f"q{i}", dict(zip(columns, row, strict=True))) for i, row in enumerate(values)]


def levels(subgroup, **columns):
    return {row["id"]: row["level"] for row in subgroup_rows(items(**columns), [subgroup])}


def test_a_value_at_an_edge_is_above_it():
    ages = [17, "17.9", "18", 64.9, "65", 90, "", None]
    expected = ["below 18"] * 2 + ["18 to below 65"] * 2 + ["65 or more"] * 2 + ["missing"] * 2
    assert list(levels(AGE, age=ages).values()) == expected
    assert level_names([0.5]) == ["below 0.5", "0.5 or more"]


def test_levels_are_in_the_order_of_the_edges_or_of_the_alphabet():
    rows = subgroup_rows(items(age=[70, 5, "", 30], sex=["m", "f", "", "f "]), [AGE, SEX])
    order = [(row["subgroup"], row["level"]) for row in rows]
    assert list(dict.fromkeys(order)) == [
        *(("age group", level) for level in ("below 18", "18 to below 65", "65 or more", "missing")),
        *(("sex", level) for level in ("f", "m", "missing")),
    ]
    assert [row["id"] for row in rows if row["level"] == "f"] == ["q1", "q3"]


def test_a_template_maps_values():
    site = {"name": "site", "column": "{{ {'A1': 'north', 'A2': 'north', 'B': 'south'}[ward] }}"}
    assert list(levels(site, ward=["A1", "A2", "B"]).values()) == ["north", "north", "south"]


@pytest.mark.parametrize(
    ("subgroup", "column", "words"),
    [
        (AGE, {"age": [5, "old"]}, ("'age group'", "item q1", "'old' is not a number", "edges")),
        (SEX, {"sex": [["f"], "m"]}, ("'sex'", "item q0", "'list'", "a text")),
        (SEX, {"gender": ["f", "m"]}, ("'sex'", "column 'sex' is missing", "gender")),
    ],
)
def test_other_values_are_refused_by_subgroup_and_item(subgroup, column, words):
    with pytest.raises(UserError) as error:
        subgroup_rows(items(**column), [subgroup])
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "old" not in (error.value.public or "")


def test_a_wrong_template_is_refused_with_its_subgroup():
    with pytest.raises(UserError, match=r"^key 'subgroups\.site': line 1: not a valid Jinja template"):
        subgroup_columns([SEX, {"name": "site", "column": "{{ ward"}])


def test_a_column_of_many_values_is_no_subgroup():
    with pytest.raises(PublicError, match=r"'sex': the test items have 21 different levels, but only 20"):
        levels(SEX, sex=[f"p{i}" for i in range(21)])


def test_values_in_two_unicode_forms_are_one_level():
    items = [("1", {"site": "Genève"}), ("2", {"site": "Gene\u0300ve"})]
    assert {row["level"] for row in subgroup_rows(items, [{"name": "site", "column": "site"}])} == {"Genève"}
