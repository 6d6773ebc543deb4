"""Repairs and faults seen while rows are read: how often, and where first."""

from dataclasses import dataclass, field


@dataclass
class Occurrence:
    """How often something occurs, and where first, such as `row 3, column 'note'`."""

    count: int
    first: str


@dataclass
class Tally:
    """Occurrences, each under what occurs."""

    occurrences: dict[str, Occurrence] = field(default_factory=dict)

    def add(self, what: str, place: str) -> None:
        """Count one more of `what`, seen at `place`."""
        self.occurrences.setdefault(what, Occurrence(0, place)).count += 1

    def record(self) -> dict[str, dict[str, int | str]]:
        """As plain values for JSON: what -> `count`, `first`."""
        return {
            what: {"count": occurrence.count, "first": occurrence.first}
            for what, occurrence in self.occurrences.items()
        }
