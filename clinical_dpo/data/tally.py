"""Count repairs and warnings while rows are read. The first location of each is saved."""

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
    """Counts of repairs or faults. `occurrences` maps the description of a repair or fault to its count."""

    occurrences: dict[str, Occurrence] = field(default_factory=dict)

    def add(self, description: str, location: str, row: int | None = None) -> None:
        """Count one occurrence of `description` at `location`. The first ROWS_KEPT row numbers are saved."""
        occurrence = self.occurrences.setdefault(description, Occurrence(0, location))
        occurrence.count += 1
        if row is not None and row not in occurrence.rows and len(occurrence.rows) < ROWS_KEPT:
            occurrence.rows.append(row)

    def record(self) -> dict[str, dict[str, Any]]:
        """Return the counts for JSON: description -> `count`, `first` (the first location) and `rows`.

        `rows` has the numbers of the first rows, at most ROWS_KEPT. It is left out if no row is known.
        """
        return {
            description: {"count": occurrence.count, "first": occurrence.first}
            | ({"rows": occurrence.rows} if occurrence.rows else {})
            for description, occurrence in self.occurrences.items()
        }
