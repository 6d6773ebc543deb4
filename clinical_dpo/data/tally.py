"""Count repairs and warnings while rows are read. The first location of each repair or warning is saved."""

from dataclasses import dataclass, field
from typing import Any

ROWS_KEPT = 10  # largest number of row numbers that are saved for one description


@dataclass
class Occurrence:
    """How often a repair or fault occurs, its first location (`row 3, column 'note'`), and its first row numbers."""

    count: int
    first: str
    rows: list[int] = field(default_factory=list)


@dataclass
class Tally:
    """Counts of repairs or faults. `occurrences` maps the description of a repair or fault to its Occurrence."""

    occurrences: dict[str, Occurrence] = field(default_factory=dict)

    def add(self, description: str, location: str, row: int | None = None) -> None:
        """Count one occurrence of a repair or fault.

        Args:
            description: what was repaired, or what is wrong.
            location: where it occurs, such as `row 3, column 'note'`.
            row: number of the row, if it is known. The first ROWS_KEPT row numbers are saved.
        """
        occurrence = self.occurrences.setdefault(description, Occurrence(0, location))
        occurrence.count += 1
        if row is not None and row not in occurrence.rows and len(occurrence.rows) < ROWS_KEPT:
            occurrence.rows.append(row)

    def record(self) -> dict[str, dict[str, Any]]:
        """Return `occurrences` in a form for JSON: description of a repair or fault -> the fields of its Occurrence.

        The fields are `count`, `first` (the first location) and `rows` (the first row numbers, at most ROWS_KEPT). If
        no row number is known, `rows` is left out.
        """
        return {
            description: {"count": occurrence.count, "first": occurrence.first}
            | ({"rows": occurrence.rows} if occurrence.rows else {})
            for description, occurrence in self.occurrences.items()
        }
