"""Read tables with merged cells.

A spreadsheet shows the value of merged cells in all of them, but stores the value in the first cell only. By default, a
column with merged cells is left out, and the reason is saved. If the source's setting `merged_cells` is `fill` or
`empty` for the column, the column is kept. `fill` gives the value to all of the merged cells. `empty` gives the value
to the first cell only.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from clinical_dpo.comparable import nfc
from clinical_dpo.data.sources.sheet_layout import Area
from clinical_dpo.data.tally import ROWS_KEPT, Tally
from clinical_dpo.errors import UserError

FILL = "fill"  # a value of `merged_cells`; the other value is `empty`
Table = Sequence[tuple[str, Sequence[Any]]]


@dataclass(frozen=True)
class CoveredCell:
    """Any cell of a merged area except the area's first cell.

    A spreadsheet shows the value of the first cell across the whole area.

    Attributes:
        first: the first cell of the area.
        area: the merged area.
        row: number of this cell's row in the sheet, counted from 1.
        column: number of this cell's column in the sheet, counted from 1.
        reason: message of the error if the source does not set `merged_cells` for this cell's column. The column is
            then left out.
        value: always None, because only the first cell stores a value.
    """

    first: Any
    area: Area
    row: int
    column: int
    reason: str
    value: None = None

    @property
    def coordinate(self) -> str:
        """The cell's name in Excel, such as `A3`."""
        return Area(self.column, self.row, self.column, self.row).name.partition(":")[0]


class _EmptyCell:
    """A cell without a value."""

    value = None


_EMPTY_CELL = _EmptyCell()


class MergedCells:
    """The merged cells of a table whose first row names the columns.

    Attributes:
        unread: column name -> reason why the column is left out. The method `marked` fills it. Ignored columns are not
            listed. Three kinds of names are listed:

            - a merged name that also covers another column, if the other column has values but no name in the first
              row.
            - a name in a lower row below such a merged name, such as `Systolic` below `Pressure`, if the first row does
              not have the same name.
            - a merged name that reaches down into rows with values.
    """

    def __init__(
        self, merged: Sequence[Area], table: Table, names: Sequence[str], ignore: Collection[str], where: str
    ) -> None:
        """Keep the table in memory, and find its merged areas and its merged column names.

        Args:
            merged: the sheet's merged areas. An area without a value is ignored.
            table: for each row of the sheet, from row 1 on, its location (`row 3`) and its cells.
            names: names of the columns; "" for a column without a name.
            ignore: columns that are not read.
            where: file and sheet, for messages.

        Raises:
            UserError: merged areas overlap in the first row of the sheet.
        """
        self._table, self._names, self._where = table, names, where
        self._ignored = set(map(nfc, ignore))
        known = (area for area in set(merged) if area.left <= len(names) and _has_value(self._first(area)))
        self._merged = sorted(known, key=lambda area: area.top)
        self._header = [area for area in self._merged if area.top == 1]
        self._refuse_overlap(self._header, 1)
        below = [cells for _, cells in table[1:]]
        self._shared = [  # names of several columns
            area
            for area in self._header
            if any(_has_value(cells[i]) for cells in below for i in self._nameless(area) if i < len(cells))
        ]
        self.unread: dict[str, str] = {}

    def marked(self, repairs: Tally) -> Table:
        """Return the table, with a CoveredCell in place of each cell that lacks the value of its merged area.

        Ignored columns, columns without a name and empty rows get no CoveredCell. Two kinds of rows are left out and
        counted in `repairs`:

        - rows with further column names, below merged column names.
        - rows whose only value is a heading or remark, merged across all columns. They stay if they are at least half
          of the rows with values.

        Raises:
            UserError: the first row has only merged cells, like a title, or merged areas overlap.
        """
        if not self._merged or not any(self._names):
            return self._table
        if self._shared and len(self._shared) == sum(map(bool, self._names)):
            kind = "is one merged cell" if len(self._shared) == 1 else "has only merged cells"
            raise UserError(
                f"{self._where}, cells {self._shared[0].name}: the first row {kind}, like a title. Delete the rows "
                "above the names of the columns. If no lower row has names, unmerge these cells and name each column."
            )
        start = self._after_names(repairs)
        rows = {number: list(cells) for number, (_, cells) in enumerate(self._table, start=1) if number >= start}
        self._check_names(rows)
        for number in self._headings(rows):
            repairs.add("row of one merged cell skipped", f"row {number}")
            del rows[number]
        self._mark(rows)
        return [self._table[0], *((self._table[number - 1][0], cells) for number, cells in rows.items())]

    def _first(self, area: Area) -> Any:
        """Return the first cell of an area; None if the sheet has no such cell."""
        cells = self._table[area.top - 1][1] if area.top <= len(self._table) else []
        return cells[area.left - 1] if area.left <= len(cells) else None

    def _nameless(self, area: Area) -> list[int]:
        """Return the indices (from 0) of the nameless columns that a merged column name covers.

        The merged name belongs to the first column of `area`. A further column of `area` is in the list if it has no
        name of its own.

        Args:
            area: the merged cells with the column name.
        """
        return [i for i in range(area.left, area.right) if i >= len(self._names) or not self._names[i]]

    def _after_names(self, repairs: Tally) -> int:
        """Return the number of the first row below all rows with column names.

        A merged name in the first row, such as `Pressure`, can extend over several columns. A lower row can then name
        these columns, such as `Systolic` and `Diastolic`. Such rows are skipped and counted in `repairs`. The names
        below the merged name, such as `Systolic`, are added to the attribute `unread`. Names that are also in the first
        row, and names below an ignored merged name, are not added.
        """
        after = 2
        for number, (_, cells) in enumerate(self._table[1:], start=2):
            columns = [column for column, cell in enumerate(cells, start=1) if _has_value(cell)]
            parts = {column: area for column in columns for area in self._shared if area.left <= column <= area.right}
            tall = sum(area.bottom >= number for area in self._header)
            if not columns and tall:
                continue  # merged names cover the whole row
            if not (parts or tall) or not columns or len(columns) - len(parts) > tall:
                break
            repairs.add("row of names under merged names skipped", f"row {number}")
            for column, area in parts.items():
                name = nfc(str(cells[column - 1].value).strip())
                if name not in self._names:
                    part = f". One of these columns has the name '{name}' in a lower row"
                    self._leave_out(area, name, self._why_shared(area, part))
            after = number + 1
        return after

    def _check_names(self, rows: Mapping[int, list[Any]]) -> None:
        """Add the columns with a faulty merged name to `unread`. Ignored columns are not added.

        A merged name is a column name in merged cells of the first row. It names only the first column that it covers.
        It is faulty in two cases:

        1. It covers a nameless column that has a value below the first row. In `rows`, the cells of all nameless
           columns that it covers are then emptied, even if the named column is ignored.
        2. It reaches down into one of `rows` that has a value.

        Args:
            rows: row number -> cells, for the rows below all column names.
        """
        for area in self._header:
            name = self._names[area.left - 1]
            if area in self._shared:
                self._leave_out(area, name, self._why_shared(area))
                for cells in rows.values():
                    for i in self._nameless(area):
                        if i < len(cells):
                            cells[i] = _EMPTY_CELL
            elif any(number <= area.bottom and any(map(_has_value, cells)) for number, cells in rows.items()):
                problem = "the merged cells with the column's name reach into rows with values. Unmerge the cells."
                self._leave_out(area, name, f"{self._where}, cells {area.name}: {problem}")

    def _leave_out(self, area: Area, name: str, reason: str) -> None:
        if self._names[area.left - 1] not in self._ignored:
            self.unread.setdefault(name, reason)

    def _why_shared(self, area: Area, part: str = "") -> str:
        return (
            f"{self._where}, cells {area.name}: the cells are merged, so {area.right - area.left + 1} columns share "
            f"the name '{self._names[area.left - 1]}'{part}. Write a name for each column into the first row, and "
            "delete other rows of names."
        )

    def _headings(self, rows: Mapping[int, Sequence[Any]]) -> list[int]:
        """Return the numbers of the rows whose only value is merged across all columns.

        If at least half of the rows with values are such rows, the list is empty.
        """
        named = [column for column, name in enumerate(self._names, start=1) if name]
        across = {area.top: area.left - 1 for area in self._merged if area.left <= named[0] < named[-1] <= area.right}
        filled = {number: [i for i, cell in enumerate(cells) if _has_value(cell)] for number, cells in rows.items()}
        headings = [number for number, columns in filled.items() if number in across and columns == [across[number]]]
        return headings if 2 * len(headings) < sum(map(bool, filled.values())) else []

    def _mark(self, rows: Mapping[int, list[Any]]) -> None:
        """Put a CoveredCell in place of each cell in `rows` that shows a merged value without storing it.

        Rows without any value are left unchanged. `rows` maps the number of a row to its cells.
        """
        ignored = {i for i, name in enumerate(self._names) if name in self._ignored}
        covered: dict[int, list[tuple[int, Area]]] = {}  # column, from 0 -> rows and merged areas
        for number, areas in self._areas_by_row(rows):
            cells = rows[number]
            if not any(_has_value(cell) for i, cell in enumerate(cells) if i not in ignored):
                continue
            for area in areas:
                value = self._first(area).value
                for i in range(area.left - 1, min(area.right, len(self._names))):
                    own = cells[i].value if i < len(cells) else None
                    if self._names[i] and i not in ignored and own != value:
                        covered.setdefault(i, []).append((number, area))
        for i, places in covered.items():
            reason = self._why_covered(i, places)
            for number, area in places:
                cells = rows[number]
                cells += [_EMPTY_CELL] * (i + 1 - len(cells))
                cells[i] = CoveredCell(self._first(area), area, number, i + 1, reason)

    def _areas_by_row(self, rows: Mapping[int, Any]) -> Iterator[tuple[int, list[Area]]]:
        """Yield the number of each row in which merged areas have cells, and the list of these areas.

        Areas that begin above the first row of `rows` are ignored.

        Args:
            rows: row number -> cells. Only these rows are looked at.

        Raises:
            UserError: areas overlap in a row.
        """
        waiting = [area for area in reversed(self._merged) if area.top >= min(rows, default=0)]
        active: list[Area] = []
        for number in sorted(rows):
            while waiting and waiting[-1].top <= number:
                active.append(waiting.pop())
            active = [area for area in active if area.bottom >= number]
            self._refuse_overlap(active, number)
            if active:
                yield number, active

    def _refuse_overlap(self, areas: Sequence[Area], number: int) -> None:
        """Raise an error if the merged areas in row `number` together have more columns than the table.

        Such areas certainly overlap. Other overlaps are not found.
        """
        if sum(min(area.right, len(self._names)) - area.left + 1 for area in areas) > len(self._names):
            raise UserError(f"{self._where}, row {number}: merged cells overlap. Save the workbook again in Excel.")

    def _why_covered(self, i: int, places: Sequence[tuple[int, Area]]) -> str:
        areas = list(dict.fromkeys(area for _, area in places))
        numbers = ", ".join(str(number) for number, _ in places[:ROWS_KEPT])
        more = ", ..." if len(places) > ROWS_KEPT else ""
        others = f" and {len(areas) - 1} more" if len(areas) > 1 else ""
        name, key = self._names[i], yaml_key(self._names[i])
        lacking = f"{len(places)} row{'s' * (len(places) > 1)} of the sheet ({numbers}{more})"
        return (
            f"{self._where}, cells {areas[0].name}{others}: the cells are merged, and only the first cell of merged "
            f"cells has the value. Column '{name}' has no value in {lacking}. If the merged value holds for these "
            f"rows too, set `merged_cells: {{{key}: fill}}` for this file. If it does not, set `merged_cells: "
            f"{{{key}: empty}}`. Or unmerge the cells and fill them in."
        )


def yaml_key(name: str) -> str:
    """Return a column's name as a YAML key, in quotes if YAML needs quotes."""
    plain = re.fullmatch(r"[^\W\d](?:[\w ]*\w)?", name) and yaml.safe_load(name) == name  # YAML reads `no` as false
    return name if plain else json.dumps(name, ensure_ascii=False)


def _has_value(cell: Any) -> bool:
    return cell is not None and cell.value is not None and bool(str(cell.value).strip())
