"""The split: exact sizes, labels in proportion, no prompt twice."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.errors import PublicError
from clinical_dpo.io import Row


def split(
    rows: Sequence[Row], sizes: Mapping[str, int], seed: int, *, stratify: bool, on_shortfall: str
) -> tuple[dict[str, list[Row]], dict[str, Any]]:
    """Draw the splits, whatever the order of `rows`.

    Args:
        rows: task rows with unique `id`.
        sizes: split -> number of rows; 0 gives an empty split.
        seed: of the draw.
        stratify: keep the share of each `label`; with two labels every split is within one row of it.
        on_shortfall: with too few rows, `error` or `shrink` all splits in proportion.

    Returns:
        split -> rows, and a report: `rows` given, `duplicates_removed` (same prompt but for case and white space),
        `conflicting_duplicates` (those with another answer than the row kept), `shrunk` (None, or the sizes asked
        for), `counts`, `labels` (split -> label -> rows) and `unused`.

    Raises:
        UserError: fewer rows than asked for.
    """
    kept, duplicates, conflicts = _distinct(sorted(rows, key=lambda row: (row["id"], row["completion"][0]["content"])))
    drawn = dict(sizes)
    if len(kept) < sum(sizes.values()):
        drawn = _shrink(sizes, len(kept), on_shortfall)
    rng = random.Random(seed)
    deck = _shuffled(kept, rng, stratify)
    splits: dict[str, list[Row]] = {}
    start = 0
    for name, size in drawn.items():
        splits[name] = deck[start : start + size]
        rng.shuffle(splits[name])
        start += size
    report = {
        "rows": len(rows),
        "duplicates_removed": duplicates,
        "conflicting_duplicates": conflicts,
        "shrunk": None if drawn == dict(sizes) else {"asked": dict(sizes), "have": len(kept)},
        "counts": {name: len(part) for name, part in splits.items()},
        "labels": {
            name: dict(sorted(Counter(row["label"] for row in part if "label" in row).items()))
            for name, part in splits.items()
        },
        "unused": len(kept) - start,
    }
    return splits, report


def _text(row: Row) -> str:
    return " ".join(" ".join(message["content"] for message in row["prompt"]).casefold().split())


def _distinct(rows: Sequence[Row]) -> tuple[list[Row], int, int]:
    """The first row of each prompt, how many others there were, and how many of those had another answer."""
    first: dict[str, Row] = {}
    conflicts = 0
    for row in rows:
        conflicts += first.setdefault(_text(row), row)["completion"] != row["completion"]
    return list(first.values()), len(rows) - len(first), conflicts


def _shrink(sizes: Mapping[str, int], have: int, on_shortfall: str) -> dict[str, int]:
    need = sum(sizes.values())
    asked = ", ".join(f"{name} {size}" for name, size in sizes.items())
    if on_shortfall == "error":
        raise PublicError(
            f"The splits need {need} different rows ({asked}) and there are {have}. Add rows, lower `splits` in the "
            "task file, or set `on_shortfall: shrink`."
        )
    shrunk = {name: size * have // need for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: -(sizes[name] * have % need))
    for name in by_remainder[: have - sum(shrunk.values())]:
        shrunk[name] += 1
    empty = [name for name, size in sizes.items() if size and not shrunk[name]]
    if empty:
        raise PublicError(
            f"The splits need {need} different rows ({asked}) and there are {have}: too few to shrink, split "
            f"'{empty[0]}' would be empty. Add rows."
        )
    return shrunk


def _shuffled(rows: Sequence[Row], rng: random.Random, stratify: bool) -> list[Row]:
    """Rows in random order; stratified, each label is spread evenly, so that any run of rows has its share."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["label"] if stratify else ""].append(row)
    placed: list[tuple[float, str, Row]] = []
    for label, group in sorted(groups.items()):
        rng.shuffle(group)
        placed += [((i + 0.5) / len(group), label, row) for i, row in enumerate(group)]
    return [row for _, _, row in sorted(placed, key=lambda place: place[:2])]
