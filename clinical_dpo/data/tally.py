"""Count repairs and warnings while rows are read. The first location of each is saved."""

from dataclasses import dataclass, field


@dataclass
class Occurrence:
    """How often something occurs, and its first location, such as `row 3, column 'note'`."""

    count: int
    first: str


@dataclass
class Tally:
    """Description of a repair or fault -> its occurrences."""

    occurrences: dict[str, Occurrence] = field(default_factory=dict)

    def add(self, description: str, location: str) -> None:
        """Count one occurrence of `description` at `location`."""
        self.occurrences.setdefault(description, Occurrence(0, location)).count += 1

    def record(self) -> dict[str, dict[str, int | str]]:
        """Return for JSON: description -> number of occurrences (`count`) and location of the first (`first`)."""
        return {
            description: {"count": occurrence.count, "first": occurrence.first}
            for description, occurrence in self.occurrences.items()
        }
