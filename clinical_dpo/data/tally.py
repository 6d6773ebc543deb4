"""What was found while rows were read: how often, and where first."""

from dataclasses import dataclass, field


@dataclass
class Finding:
    """How often something was found and the first place, such as `row 3, column 'note'`."""

    count: int
    first: str


@dataclass
class Tally:
    """Findings by what was found."""

    findings: dict[str, Finding] = field(default_factory=dict)

    def add(self, what: str, place: str) -> None:
        """Count one more of `what`, found at `place`."""
        self.findings.setdefault(what, Finding(0, place)).count += 1

    def record(self) -> dict[str, dict[str, int | str]]:
        """As plain values for JSON: what -> `count`, `first`."""
        return {what: {"count": finding.count, "first": finding.first} for what, finding in self.findings.items()}
