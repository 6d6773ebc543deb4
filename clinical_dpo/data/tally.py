"""Count repairs and warnings while rows are read. The first location of each is saved."""

from dataclasses import dataclass, field
from typing import Any

ROWS_KEPT = 10  # row numbers of an occurrence that are kept


@dataclass
class Occurrence:
    """How often something occurs, its first location (`row 3, column 'note'`), and its first rows, if any."""

    count: int
    first: str
    rows: list[int] = field(default_factory=list)


@dataclass
class Tally:
    """Description of a repair or fault -> its occurrences."""

    occurrences: dict[str, Occurrence] = field(default_factory=dict)

    def add(self, description: str, location: str, row: int | None = None) -> None:
        """Count one occurrence of `description` at `location`. The first numbers of `row` are kept."""
        occurrence = self.occurrences.setdefault(description, Occurrence(0, location))
        occurrence.count += 1
        if row is not None and row not in occurrence.rows and len(occurrence.rows) < ROWS_KEPT:
            occurrence.rows.append(row)

    def record(self) -> dict[str, dict[str, Any]]:
        """Return for JSON: description -> number of occurrences (`count`), location of the first (`first`), `rows`."""
        return {
            description: {"count": occurrence.count, "first": occurrence.first}
            | ({"rows": occurrence.rows} if occurrence.rows else {})
            for description, occurrence in self.occurrences.items()
        }
