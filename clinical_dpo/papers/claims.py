"""Build the rows of a table of claims in papers, and the texts in these rows. Each row gives a verdict on one claim."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from clinical_dpo.io import Row
from clinical_dpo.papers.published import Entry, Study


def claim_row(subject: str, claim: str, evidence: str, verdict: str, detail: str = "") -> Row:
    """Return a table row about one claim of a paper: a value for each of `consistency.COLUMNS` except `study`.

    Args:
        subject: what the claim is about (column `what`).
        claim: the claim as the paper prints it.
        evidence: what the check of the claim found (column `found`).
        verdict: "possible", "impossible" or "only if ..." (column `verdict`).
        detail: further words on what the check found (column `detail`).
    """
    return {"what": subject, "claim": claim, "found": evidence, "verdict": verdict, "detail": detail}


def metric_entries(study: Study, metric: str) -> list[Entry]:
    """Return the entries of one metric in a published study. An entry is a number that the paper prints."""
    return [entry for entry in study["entries"] if entry["metric"] == metric]


def tested_pairs(study: Study, metric: str) -> Iterator[tuple[Entry, Entry]]:
    """Yield each pair of a metric's entries whose difference has a printed P value. An entry is a printed number.

    The two entries belong to two variants of one model. In `study["entries"]`, the second entry directly follows the
    first entry. The P value is in the second entry.
    """
    for before, entry in pairwise(study["entries"]):
        if entry["metric"] == metric and entry["p"]:
            yield before, entry


def printed_p(p: str) -> str:
    """Text of a printed P value with "P" and <, > or = before it: "<.001" gives "P<.001", ".55" gives "P=.55"."""
    return f"P{p}" if p[0] in "<>" else f"P={p}"


def entry_title(entry: Entry) -> str:
    """Title of a printed number: its task, model and variant, and the variant with which the paper compares it."""
    against = f" against {entry['against']}" if entry["against"] else ""
    return " ".join(filter(None, (entry["task"], entry["model"], entry["variant"]))) + against


def change(before: Entry, entry: Entry) -> str:
    """Text of a change from one variant's entry to the next: "0.63 to 0.98, P<.001, n=200".

    The text has both printed values, the P that compares the values, and the number of items.
    """
    digits = entry["decimals"]
    return f"{before['value']:.{digits}f} to {entry['value']:.{digits}f}, {printed_p(entry['p'])}, n={entry['n']}"


def number_ranges(numbers: Sequence[int]) -> str:
    """Ascending whole numbers as ranges: [3, 4, 5, 9] gives "3-5, 9", [] gives "none"."""
    parts = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in group]
        parts.append(f"{members[0]}-{members[-1]}" if len(members) > 1 else f"{members[0]}")
    return ", ".join(parts) or "none"
