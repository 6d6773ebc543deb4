"""Tables as text."""

from clinical_dpo.cluster.text_table import text_table


def test_columns_are_as_wide_as_their_widest_cells_and_never_touch():
    rows = [
        ("task", "hours", "(range)", "note"),
        ("uti", "0.0056", "0.0052 - 0.0086", ""),
        ("a-long-name", 1099, "", ""),
    ]
    assert text_table(rows, (0,)) == [
        "task          hours          (range)",
        "uti          0.0056  0.0052 - 0.0086",
        "a-long-name   1,099",
    ]


def test_a_head_without_rows_makes_no_table():
    assert text_table([("task", "hours")]) == []
