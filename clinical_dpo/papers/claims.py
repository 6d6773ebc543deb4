"""What rows about printed claims are made of: the claims, and the words for them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from clinical_dpo.io import Row

Study = Mapping[str, Any]  # one study of `published.load_published`


def row(what: str, claim: str, found: str, verdict: str, detail: str = "") -> Row:
    """One row of `consistency.COLUMNS`, but for the study."""
    return {"what": what, "claim": claim, "found": found, "verdict": verdict, "detail": detail}


def of_metric(study: Study, metric: str) -> list[Row]:
    """The study's entries of one metric."""
    return [entry for entry in study["entries"] if entry["metric"] == metric]


def tested(study: Study, metric: str) -> Iterator[tuple[Row, Row]]:
    """The entry compared with, and the compared one, for every printed P of a metric."""
    for before, entry in pairwise(study["entries"]):
        if entry["metric"] == metric and entry["p"]:
            yield before, entry


def printed_p(p: str) -> str:
    """P with its sign: "P<.001", "P=.55"."""
    return f"P{p}" if p[0] in "<>" else f"P={p}"


def named(entry: Row) -> str:
    """Task, model and variant of an entry, and what it is compared with."""
    against = f" against {entry['against']}" if entry["against"] else ""
    return " ".join(filter(None, (entry["task"], entry["model"], entry["variant"]))) + against


def change(before: Row, entry: Row) -> str:
    """Both values, P and n."""
    digits = entry["decimals"]
    return f"{before['value']:.{digits}f} to {entry['value']:.{digits}f}, {printed_p(entry['p'])}, n={entry['n']}"


def runs(numbers: Sequence[int]) -> str:
    """Ascending whole numbers in short: [3, 4, 5, 9] is "3-5, 9"."""
    parts = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        parts.append(f"{members[0]}-{members[-1]}" if len(members) > 1 else f"{members[0]}")
    return ", ".join(parts) or "none"
