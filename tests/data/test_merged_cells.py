"""Merged cells of a sheet, as its XML states them, and tables that no program should write."""

import pytest

from clinical_dpo.data.sources.merged_cells import yaml_key
from clinical_dpo.data.sources.retrieve import retrieve
from clinical_dpo.data.sources.sheet_layout import Area, sheet_layout
from clinical_dpo.errors import UserError
from tests.helpers.malformed.merged import merged
from tests.helpers.malformed.unseen import add_totals, changed, hide_columns, hide_row
from tests.helpers.workbooks import SHEET, edit_sheet


def test_the_layout_has_merged_hidden_and_total_cells(tmp_path):
    path = tmp_path / "a.xlsx"

    def change(workbook, sheet):
        hide_row(workbook, sheet)
        hide_columns(workbook, sheet)
        add_totals(workbook, sheet)
        sheet.merge_cells("E2:F4")

    changed(change)(path)
    layout = sheet_layout(path, SHEET)
    assert layout.merged == [Area(5, 2, 6, 4)] and layout.merged[0].name == "E2:F4"
    assert layout.hidden_rows == {3} and [layout.hides_column(i) for i in range(1, 5)] == [False, True, True, False]
    assert layout.totals == {5: Area(1, 1, 3, 5)}


@pytest.mark.parametrize("areas", [("A2:B3", "A2:C4"), ("A1:B1", "A1:C1")])
def test_merged_cells_that_overlap_are_refused(tmp_path, areas):
    path = tmp_path / "a.xlsx"
    merged(("mrn", "note", "label"), ("P1", "a", "x"), (None, "b", "y"), areas=())(path)
    cells = b"".join(b'<mergeCell ref="%s"/>' % area.encode() for area in areas)
    marks = b"</sheetData><mergeCells>" + cells + b"</mergeCells>"
    edit_sheet(path, path, lambda sheet: sheet.replace(b"</sheetData>", marks))
    with pytest.raises(UserError, match="merged cells overlap"):
        retrieve({"kind": "file", "path": str(path)}, seed=1, n=1)


def test_other_columns_are_read_beside_one_with_merged_cells(tmp_path):
    path = tmp_path / "a.xlsx"
    merged(("mrn", "note"), ("P1", "a"), (None, "b"), areas=("A2:A3",))(path)
    rows, provenance = retrieve({"kind": "file", "path": str(path)}, seed=1, n=1)
    assert rows == [{"note": "a"}, {"note": "b"}]
    assert f"{path}, sheet 'Notes', cells A2:A3: the cells are merged" in provenance["unread"]["mrn"]


@pytest.mark.parametrize(
    ("name", "key"),
    [("MRN", "MRN"), ("O2 saturation", "O2 saturation"), ("no", '"no"'), ("MRN?", '"MRN?"'), ("1e5", '"1e5"')],
)
def test_a_name_is_quoted_where_yaml_needs_it(name, key):
    assert yaml_key(name) == key
