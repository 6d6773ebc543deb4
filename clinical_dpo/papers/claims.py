"""Make rows about the claims of a paper, and the texts in these rows."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from clinical_dpo.io import Row
from clinical_dpo.papers.published import Entry, Study


def claim_row(subject: str, claim: str, evidence: str, verdict: str, detail: str = "") -> Row:
    """A row of `consistency.COLUMNS` about one claim, without the column `study`.

    Args:
        subject: what the claim is about (column `what`).
        claim: the claim as the paper prints it.
        evidence: what the check found (column `found`).
        verdict: "possible", "impossible" or "only if ...".
        detail: further words on the finding.
    """
    return {"what": subject, "claim": claim, "found": evidence, "verdict": verdict, "detail": detail}


def metric_entries(study: Study, metric: str) -> list[Entry]:
    """The study's entries of one metric."""
    return [entry for entry in study["entries"] if entry["metric"] == metric]


def tested_pairs(study: Study, metric: str) -> Iterator[tuple[Entry, Entry]]:
    """Yield (before, entry) for every printed P of a metric. P compares the entry with the entry listed before it."""
    for before, entry in pairwise(study["entries"]):
        if entry["metric"] == metric and entry["p"]:
            yield before, entry


def printed_p(p: str) -> str:
    """A printed P as text with its sign: "P<.001", "P=.55"."""
    return f"P{p}" if p[0] in "<>" else f"P={p}"


def entry_title(entry: Entry) -> str:
    """Text with task, model and variant of an entry, and with the variant against which the entry is compared."""
    against = f" against {entry['against']}" if entry["against"] else ""
    return " ".join(filter(None, (entry["task"], entry["model"], entry["variant"]))) + against


def change(before: Entry, entry: Entry) -> str:
    """Text of a change from one variant to the next: both values, P and n, as "0.63 to 0.98, P<.001, n=200"."""
    digits = entry["decimals"]
    return f"{before['value']:.{digits}f} to {entry['value']:.{digits}f}, {printed_p(entry['p'])}, n={entry['n']}"


def number_ranges(numbers: Sequence[int]) -> str:
    """Ascending whole numbers as ranges: [3, 4, 5, 9] gives "3-5, 9", [] gives "none"."""
    parts = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in group]
        parts.append(f"{members[0]}-{members[-1]}" if len(members) > 1 else f"{members[0]}")
    return ", ".join(parts) or "none"
