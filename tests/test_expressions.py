"""Conditions over columns: what they keep, what they refuse in data, and what they refuse as an attack."""

import pytest

from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.expressions import LONGEST, kept_rows, read_condition

ROWS = [
    {"age": "17", "sex": "f", "Ward no.": "3", "tags": ["fever"], "seen": True, "note": "Fever since Monday"},
    {"age": "64.5", "sex": "m ", "Ward no.": "", "tags": [], "seen": False, "note": "Cough"},
    {"age": "9", "sex": "x", "Ward no.": "12", "tags": ["cough", "fever"], "seen": True, "note": "no fever"},
    {"age": 80, "sex": "f", "tags": [3], "seen": False, "note": "Rash"},
]


def kept(text, rows=ROWS):
    return kept_rows(rows, read_condition(text), [f"row {number}" for number in range(1, len(rows) + 1)])


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("age >= 18", [1, 3]),
        ("age < 18", [0, 2]),  # as numbers: "9" < 18
        ('age >= "18"', [1, 3]),
        ("18 <= age < 70", [1]),
        ("age == 80.0 or age == 17", [0, 3]),
        ("not age >= 18", [0, 2]),
        ("age > -1", [0, 1, 2, 3]),
        ('sex == "m"', [1]),  # without outer white space
        ('sex in ["f", "m"]', [0, 1, 3]),
        ('sex not in ("f",)', [1, 2]),
        ("age in [9, 80]", [2, 3]),
        ('age in ["9", "80"]', [2, 3]),
        ('"fever" in tags', [0, 2]),
        ("3 in tags", [3]),
        ('"ever" in note', [0, 2]),
        ("seen", [0, 2]),
        ("seen == False and age > 70", [3]),
        ("not (seen or age > 70)", [1]),
        ('row["Ward no."] != "" and row["Ward no."] > 5', [2]),  # a missing column is empty, and `and` stops there
        ('row["Ward no."] == ""', [1, 3]),
        ('"" == row["Ward no."]', [1, 3]),
        ("age >= 18  # adults", [1, 3]),
    ],
)
def test_rows_are_kept(text, rows):
    assert kept(text) == rows


def test_dates_in_iso_form_are_compared_as_texts():
    rows = [{"day": day} for day in ("2019-12-31", "2020-01-01", "2021-07-04")]
    assert kept('"2020-01-01" <= day < "2021-01-01"', rows) == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('row["Ward no."] > 5', ("row 2", "column 'Ward no.' is empty", "x != ''")),
        ("sex > 5", ("row 1", "column 'sex' is 'f'", "is not a number")),
        ("sex == 1", ("row 1", "column 'sex' is 'f'", "is not a number")),
        ('age > "x"', ("row 1", "`'x'`", "is not a number")),
        ("sex", ("row 1", "column 'sex' is 'f'", "neither true nor false")),
        ("tags == 1", ("row 1", "column 'tags'", "has the type list")),
        ("seen > 0", ("row 1", "cannot be compared with < or >", "True or False by == or !=")),
        ("sex == True", ("row 1", "true or false")),
        ('seen == "yes"', ("row 1", "`'yes'`", "column of truth values with True or False")),
        ("seen == true", ("column 'true' is missing. Write True.",)),
        ("seen == null", ("column 'null' is missing. Write ''.",)),
        ('Ward-no == "a"', ("`Ward - no` is not a column", "row['Column name']")),
        ("1 in sex", ("row 1", "`1` is '1'", "is not a text", "in quotes")),
        ('"x" in age', ("row 4", "neither a list nor a text")),
        ("ages > 5", ("column 'ages' is missing. Did you mean 'age'?",)),
    ],
)
def test_undefined_conditions_are_refused_by_row_and_column(text, words):
    with pytest.raises(UserError) as error:
        kept(text)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_the_public_message_quotes_no_value_and_no_column():
    with pytest.raises(UserError) as error:
        kept("sex > 5", [{"sex": "Jane Doe"}])
    assert "Jane Doe" in str(error.value) and error.value.public
    assert "Jane" not in error.value.public and "sex" not in error.value.public


@pytest.mark.parametrize(
    "text",
    [
        '__import__("os").system("true")',
        'open("/etc/passwd")',
        "age.__class__",
        'age.__class__.__mro__[1].__subclasses__() == ""',
        "().__class__ == 1",
        "age + 1 > 2",
        "10 ** 10 ** 10 > age",
        '"a" * 1000000000 == age',
        "age[0] == 1",
        "row[age] == 1",
        'row["a"]["b"] == 1',
        "row == 1",
        "row",
        '[x for x in age] == ""',
        "any(x for x in age)",
        "(lambda: 1) == age",
        "(x := 1) == age",
        'f"{age}" == "1"',
        "age if sex else 1",
        "age == None",
        "age is 1",
        "age == ...",
        'age == b"1"',
        "age == 1j",
        "age in [1, [2]]",
        "age in [*tags]",
        'age in {"a": 1}',
        "await age",
        "yield",
        "1 == 1 == age.x",
        "--5 == age",
        "age = 5",
        "age; sex",
        "import os",
        "exec('1')",
        "",
        "   ",
        "age ==",
        "1",
        '"text"',
        "\x00",
        "age == 1\nsex == 2",
        "9" * 5000,
        "(" * 400 + "age" + ")" * 400,
        "age" + ".a" * 480 + " == 1",
        "not " * 249 + "1",
        "-" * 900 + "1 == age",
        "[" * 300 + "]" * 300 + " == age",
        "a" * (LONGEST + 1),
    ],
)
def test_anything_else_is_refused_before_a_row_is_read(text):
    with pytest.raises(PublicError):
        read_condition(text)


def test_long_nested_conditions_end():
    assert kept("not " * 200 + "age >= 18") == [1, 3]
    assert kept(" or ".join(["age == 9"] * 80)) == [2]
    assert kept("age < " + "9" * 900) == [0, 1, 2, 3]


@pytest.mark.parametrize("value", ["1e999", "nan", "inf", "1_0", "0x10", "١٢", "1" * 300, "1," * 100, "- 5"])
def test_texts_that_only_python_takes_for_numbers_are_texts(value):
    rows = [{"age": value}]
    if value == "1e999":  # larger than every number
        assert kept("age > 5", rows) == [0]
        return
    with pytest.raises(UserError, match="is not a number"):
        kept("age > 5", rows)


def test_names_of_columns_are_columns_alone():
    """No name of Python has a meaning, and a row cannot shadow one."""
    assert kept('open == "x"', [{"open": "x"}, {"open": "y"}]) == [0]
    assert kept('row["row"] == "x" and row["__class__"] == "y"', [{"row": "x", "__class__": "y"}]) == [0]


def test_columns_and_texts_are_compared_after_nfc():
    composed, decomposed = "Größe", "Gro\u0308ße"
    for column in (composed, decomposed):
        for text in (composed, decomposed):
            assert read_condition(f'row["{column}"] == "{text}"').holds({composed: decomposed})
            assert read_condition(f'{column} in ["{text}"]').holds({composed: decomposed})
