"""Read rows of a sheet of an Excel workbook as the sheet shows them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.data.sources.bounded_workbooks import bounded_rows, check_workbook
from clinical_dpo.data.sources.merged_cells import MergedCells, Table
from clinical_dpo.data.sources.sheet_layout import SheetLayout, sheet_layout
from clinical_dpo.data.sources.tables import check_columns, rows_under_header
from clinical_dpo.data.sources.workbook_cells import CellReader
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError, did_you_mean, missing_file
from clinical_dpo.io import Row


@dataclass(frozen=True)
class WorkbookOptions:
    """How the numbers and merged cells of a sheet are read.

    Each setting is one value for the whole sheet, or a dict column name -> value.

    Attributes:
        numbers: how numbers are read. With the value "shown", a number becomes the text that its cell shows, and a cell
            whose format hides its value is read as empty. With "number", the stored number is read. With "", the
            default, a number becomes the text that its cell shows, but a column is left out if the format of one of its
            cells hides the cell's value.
        merged: how merged cells are read. With the value "fill", all cells of a merged area get the area's value. With
            "empty", only the first cell gets the value, and the other cells are empty. With "", the default, a column
            with merged cells is left out.
    """

    numbers: str | Mapping[str, str] = ""
    merged: str | Mapping[str, str] = ""


def workbook_rows(
    path: Path,
    sheet: str | None,
    ignore: Sequence[str],
    repairs: Tally,
    warnings: Tally,
    unread: dict[str, str],
    options: WorkbookOptions = WorkbookOptions(),
) -> list[Row]:
    """Return the rows of one sheet, whose first row names the columns.

    Dates become ISO 8601 text, and empty cells become empty texts. By default, a number becomes the text that its cell
    shows.

    A column is left out if one of its cells cannot be read, for example because Excel has turned the cell's text into a
    date (`CellReader.content` lists the causes). By default, a column with merged cells is also left out.

    Args:
        path: the workbook.
        sheet: name of the sheet; not needed if the workbook has only one sheet.
        ignore: columns that are not read.
        repairs: counts texts that differ from the stored values, and rows that are skipped.
        warnings: counts cells whose format hides their value, and rows and columns that the sheet hides.
        unread: column -> reason why the column is left out. The function adds these columns.
        options: how numbers and merged cells are read.

    Raises:
        UserError: the file is not a workbook or exceeds the run's limits; `sheet` does not exist or is not a table; or
            `sheet` is None and the workbook has several sheets.
    """
    if not path.exists():
        raise missing_file(path)
    try:
        title, table, layout = _table(path, sheet)
    except UserError:
        raise
    except Exception as error:  # openpyxl parses while rows are read, and a damaged file can raise any exception
        raise UserError(
            f"{path}: not a valid Excel workbook ({type(error).__name__}: {error}). It may be cut off or have a "
            "password. Copy the workbook again, or save it as .xlsx without a password."
        ) from None
    if not table:
        return []
    where = f"{path}, sheet '{title}'"
    reader = CellReader(where, repairs, warnings)
    names = reader.names(table[0][1])
    reader.number_form = _by_column(options.numbers, names, where, "as")
    reader.merged_form = _by_column(options.merged, names, where, "merged_cells")
    _report_hidden(layout, table, names, ignore, warnings)
    merged = MergedCells(layout.merged, table, names, ignore, where)
    table = _without_totals(merged.marked(repairs), layout, repairs)
    unread |= merged.unread
    reader.look_at(cell for _, cells in table[1:] for cell in cells)
    return rows_under_header(table, where, ignore, repairs, reader.content, unread)


def _by_column(setting: str | Mapping[str, str], names: Sequence[str], where: str, key: str) -> Callable[[int], str]:
    """Return a function that maps a column's number (from 1) to the column's setting, or to "" if it has no setting.

    Args:
        setting: one setting for all columns, or column name -> setting.
        names: names of all columns, in order.
        where: the file and the sheet, for messages.
        key: the key of `setting` in the task file's `source`, such as `merged_cells`, for messages.

    Raises:
        UserError: `setting` has a name that is not the name of a column.
    """
    if isinstance(setting, str):
        return lambda column: setting
    check_columns(setting, names, where, key)
    forms = {nfc(name): form for name, form in setting.items()}
    by_column = {i: forms.get(name, "") for i, name in enumerate(names, start=1)}
    return lambda column: by_column.get(column, "")


def _report_hidden(
    layout: SheetLayout, table: Table, names: Sequence[str], ignore: Sequence[str], warnings: Tally
) -> None:
    """Add to `warnings` each hidden row that has a value, and each hidden column that is read."""
    for number, (location, cells) in enumerate(table, start=1):
        if number in layout.hidden_rows and any(cell.value is not None for cell in cells):
            warnings.add("hidden row, read like a visible row unless you delete it", location)
    ignored = set(map(nfc, ignore))
    for i, name in enumerate(names, start=1):
        if name and name not in ignored and layout.hides_column(i):
            warnings.add("hidden column, read like a visible column unless `ignore` names it", f"column '{name}'")


def _without_totals(table: Table, layout: SheetLayout, repairs: Tally) -> Table:
    """Return a table without the totals rows of Excel tables. A totals row is not a row of data."""
    area_of = {f"row {row}": area for row, area in layout.totals.items()}
    kept = []
    for location, cells in table:
        columns = [column for column, cell in enumerate(cells, start=1) if cell.value is not None]
        area = area_of.get(location)
        if area and columns and area.left <= columns[0] and columns[-1] <= area.right:
            repairs.add("totals row of an Excel table skipped", location)
        else:
            kept.append((location, cells))
    return kept


def _table(path: Path, sheet: str | None) -> tuple[str, Table, SheetLayout]:
    """Read a sheet. Return the sheet's name, the location and cells of each row, and the sheet's layout.

    A cell with a formula has the formula's value. A formula without a value stays a formula.

    Raises:
        UserError: the workbook exceeds the run's limits, or `sheet` does not name a sheet with a table.
    """
    # Imported late: it takes half a second, and only workbooks need it.
    from openpyxl import load_workbook

    check_workbook(path)
    # Read as values and as formulas: a formula that no program has computed has no value, and looks like an empty cell.
    books = [load_workbook(path, read_only=True, keep_links=False, data_only=values) for values in (True, False)]
    try:
        names = books[0].sheetnames
        if sheet is None and len(names) > 1:
            shown = [f"{each.title}{'' if each.sheet_state == 'visible' else ' (hidden)'}" for each in books[0]]
            raise UserError(f"{path}: the workbook has several sheets. Set `sheet` to one of {', '.join(shown)}.")
        title = names[0] if sheet is None else {_sheet_name(name): name for name in names}.get(_sheet_name(sheet))
        if title is None:
            raise UserError(
                f"{path}: the workbook has no sheet '{sheet}'. Correct `sheet`.{did_you_mean(str(sheet), names)}"
            )
        sheets: list[Any] = [book[title] for book in books]
        if not hasattr(sheets[0], "iter_rows"):
            raise UserError(
                f"{path}, sheet '{title}': the sheet is a chart, not a table. Set `sheet` to a sheet with a table."
            )
        for each in sheets:
            each.reset_dimensions()  # some programs write a wrong size
        where = f"{path}, sheet '{title}'"
        pairs = zip(*(bounded_rows(each.iter_rows(), where) for each in sheets), strict=True)
        rows = [
            (f"row {number}", [value if _is_computed(value) else formula for value, formula in zip(*row, strict=True)])
            for number, row in enumerate(pairs, start=1)
        ]
        layout = sheet_layout(path, sheets[0]._worksheet_path)  # openpyxl has no public name for it
    finally:
        for book in books:
            book.close()
    return title, rows, layout


def _is_computed(cell: Any) -> bool:
    """Whether a cell has a value. The workbook was loaded with `data_only=True`, so formulas appear as their results.

    A formula that no program has computed has no value. An empty text counts as a value if it is the result of a
    formula.
    """
    return cell.value is not None or cell.data_type == "str"


def _sheet_name(name: str) -> str:
    """Return a sheet's name in the form in which names are compared: NFC, without blanks at its ends."""
    return nfc(name).strip()
