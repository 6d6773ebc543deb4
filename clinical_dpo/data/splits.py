"""Divide task rows into splits of configured sizes. Of several rows with the same prompt, only one is kept.

If `stratify` is set, every split keeps the proportions of the labels.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.comparable import comparable
from clinical_dpo.data.group_splits import draw_groups
from clinical_dpo.errors import PublicError
from clinical_dpo.records import TaskRow


def split(
    rows: Sequence[TaskRow], sizes: Mapping[str, int], seed: int, *, stratify: bool, on_shortfall: str
) -> tuple[dict[str, list[TaskRow]], dict[str, Any]]:
    """Draw the splits. The result does not depend on the order of `rows`.

    If the rows have no `group`, the splits have exactly their sizes. If the rows have a `group`, each group stays in
    one split, and the sizes are met as nearly as the groups allow: see `group_splits.draw_groups`.

    Args:
        rows: task rows with unique `id`.
        sizes: split -> wanted number of rows; 0 gives an empty split.
        seed: seed of the draw.
        stratify: whether every split keeps the proportions of the labels. Let s be a label's share of all rows, and n
            the size of a split. The split's number of rows with this label differs from `s * n` by at most 1 if there
            are two labels, and by at most `1 + k * s` if there are k > 2 labels. If rows have a `group`, the difference
            may be larger.
        on_shortfall: what to do if there are too few rows. `error` raises an error. `shrink` shrinks all splits in
            proportion.

    Returns:
        The splits (split -> rows of the split), and a report with these keys:

        - `rows`: number of input rows.
        - `duplicates_removed`: number of rows removed because another row with the same prompt is kept; see
          `distinct`. Prompts that differ only in case, white space or Unicode form are the same.
        - `conflicting_duplicates`: number of removed rows whose answer differs from the kept row's answer.
        - `shrunk`: None if the splits were not shrunk. Otherwise a dict with `asked` (the configured sizes) and `have`
          (the number of distinct rows).
        - `counts`: split -> number of rows.
        - `labels`: split -> label -> number of rows.
        - `unused`: number of rows in no split.
        - `groups`, if the rows have groups: split -> number of groups.

    Raises:
        UserError: there are too few rows and `on_shortfall` is `error`; a split would shrink to no rows; or there are
            fewer groups than splits.
    """
    kept, duplicates, conflicts = distinct(rows)
    drawn = dict(sizes)
    if len(kept) < sum(sizes.values()):
        drawn = _shrink(sizes, len(kept), duplicates, on_shortfall)
    rng = random.Random(seed)
    grouped = any("group" in row for row in kept)
    draw = draw_groups if grouped else _draw_rows
    splits = draw(kept, drawn, rng, stratify)
    for part in splits.values():
        rng.shuffle(part)
    report: dict[str, Any] = {
        "rows": len(rows),
        "duplicates_removed": duplicates,
        "conflicting_duplicates": conflicts,
        "shrunk": None if drawn == dict(sizes) else {"asked": dict(sizes), "have": len(kept)},
        "counts": {name: len(part) for name, part in splits.items()},
        "labels": {
            name: dict(sorted(Counter(row["label"] for row in part if "label" in row).items()))
            for name, part in splits.items()
        },
        "unused": len(kept) - sum(map(len, splits.values())),
    }
    if grouped:
        report["groups"] = {name: len({row["group"] for row in part}) for name, part in splits.items()}
    return splits, report


def _draw_rows(
    rows: Sequence[TaskRow], sizes: Mapping[str, int], rng: random.Random, stratify: bool
) -> dict[str, list[TaskRow]]:
    """Draw splits of exactly the sizes in `sizes`. If `stratify`, every split keeps the share of each label."""
    deck = _shuffled(rows, rng, stratify)
    splits: dict[str, list[TaskRow]] = {}
    start = 0
    for name, size in sizes.items():
        splits[name] = deck[start : start + size]
        start += size
    return splits


def _normalised_prompt(row: TaskRow) -> str:
    return comparable(" ".join(message["content"] for message in row["prompt"]))


def distinct(rows: Sequence[TaskRow]) -> tuple[list[TaskRow], int, int]:
    """Keep one row of each prompt: the row that comes first if rows are sorted by id, then by answer.

    Returns:
        The kept rows; the number of removed rows; and the number of removed rows whose answer differs from the answer
        of the kept row.
    """
    first: dict[str, TaskRow] = {}
    conflicts = 0
    for row in sorted(rows, key=lambda row: (row["id"], row["completion"][0]["content"])):
        conflicts += first.setdefault(_normalised_prompt(row), row)["completion"] != row["completion"]
    return list(first.values()), len(rows) - len(first), conflicts


def _shrink(sizes: Mapping[str, int], available: int, duplicates: int, on_shortfall: str) -> dict[str, int]:
    """Shrink all splits in proportion, or raise the error about too few rows.

    Args:
        sizes: split -> wanted number of rows.
        available: number of rows with distinct prompts; fewer than wanted.
        duplicates: number of rows that were removed because they repeat a prompt.
        on_shortfall: as in `split`.
    """
    need = sum(sizes.values())
    configured = ", ".join(f"{name} {size}" for name, size in sizes.items())
    shortfall = f"The splits need {need} different rows ({configured}), but only {available} are available."
    if duplicates:
        shortfall += f" {duplicates} more rows repeat the prompt of another row."
    if on_shortfall == "error":
        raise PublicError(
            f"{shortfall} Add rows, lower `splits` in the task file, or set `on_shortfall: shrink`. If `sample` or "
            "`where` leaves rows out, change that key."
        )
    shrunk = {name: size * available // need for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: -(sizes[name] * available % need))
    for name in by_remainder[: available - sum(shrunk.values())]:
        shrunk[name] += 1
    empty = [name for name, size in sizes.items() if size and not shrunk[name]]
    if empty:
        raise PublicError(
            f"{shortfall} If the splits were shrunk to fit, split '{empty[0]}' would be empty. Add rows, or lower the "
            "larger splits."
        )
    return shrunk


def _shuffled(rows: Sequence[TaskRow], rng: random.Random, stratify: bool) -> list[TaskRow]:
    """Return the rows in random order. With `stratify`, each label is spread evenly over the whole list."""
    groups: defaultdict[str, list[TaskRow]] = defaultdict(list)
    for row in rows:
        groups[row["label"] if stratify else ""].append(row)
    positioned: list[tuple[float, str, TaskRow]] = []
    for label, group in sorted(groups.items()):
        rng.shuffle(group)
        positioned += [((i + 0.5) / len(group), label, row) for i, row in enumerate(group)]
    return [row for _, _, row in sorted(positioned, key=lambda entry: entry[:2])]
