"""Draw splits that keep groups whole: no group, such as the visits of a patient, has rows in two splits."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from clinical_dpo.errors import PublicError
from clinical_dpo.records import TaskRow

DRAWS = 20


def draw_groups(
    rows: Sequence[TaskRow], sizes: Mapping[str, int], rng: random.Random, stratify: bool
) -> dict[str, list[TaskRow]]:
    """Draw splits of whole groups. The sizes are met as nearly as the groups allow.

    The smallest split is filled first, because a group weighs most there. A split is filled in three steps:

    1. Groups in random order join if they fit, and if no label gets more than one row above its share.
    2. While rows are missing, the fitting group joins that brings the labels nearest to their shares.
    3. If no group fits, the smallest remaining group joins if this brings the split nearer to its size, or if the
       split is empty.

    Up to DRAWS draws are made. The draw nearest to the sizes is returned.

    Args:
        rows: rows with a `group`, in an order that does not depend on the order of the source.
        sizes: split -> number of rows; 0 gives an empty split.
        rng: source of random numbers.
        stratify: whether every split keeps the share of each `label`.

    Raises:
        UserError: there are fewer groups than splits with rows.
    """
    members: dict[str, list[TaskRow]] = {}
    for row in rows:
        members.setdefault(row["group"], []).append(row)
    needed = [name for name, size in sizes.items() if size]
    if len(members) < len(needed):
        raise PublicError(
            f"Each of the splits {', '.join(needed)} needs a group, but the rows have only {len(members)} groups. A "
            "group is never divided. Correct `group` in the task file, or add rows of other groups."
        )
    names = sorted(members)
    labels = sorted({row["label"] for row in rows}) if stratify else [""]
    best: dict[str, list[int]] = {}
    fewest = len(rows) + 1
    for _ in range(DRAWS):
        rng.shuffle(names)
        counts = np.array([_label_counts(members[name], labels, stratify) for name in names])
        drawn = _draw(counts, {name: sizes[name] for name in needed})
        off = sum(abs(int(counts[chosen].sum()) - sizes[split]) for split, chosen in drawn.items())
        if off < fewest:
            fewest, best, order = off, drawn, list(names)
        if not off:
            break
    return {split: [row for index in best.get(split, []) for row in members[order[index]]] for split in sizes}


def _draw(counts: np.ndarray, sizes: Mapping[str, int]) -> dict[str, list[int]]:
    """Assign groups to splits. Return split -> indices of its groups.

    Args:
        counts: (groups, labels) number of rows. The groups are in random order.
        sizes: split -> number of rows, above 0.
    """
    shares = counts.sum(axis=0) / counts.sum()
    free = np.ones(len(counts), dtype=bool)
    drawn: dict[str, list[int]] = {}
    for position, split in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        drawn[split] = _choose(counts, free, sizes[split] * shares, reserved=len(sizes) - position - 1)
        free[drawn[split]] = False
    return drawn


def _label_counts(rows: Sequence[TaskRow], labels: Sequence[str], stratify: bool) -> list[int]:
    counts = Counter(row["label"] if stratify else "" for row in rows)
    return [counts[label] for label in labels]


def _choose(counts: np.ndarray, free: np.ndarray, target: np.ndarray, reserved: int) -> list[int]:
    """Return the indices of the groups that fill one split, by the three steps of `draw_groups`.

    Args:
        counts: (groups, labels) number of rows.
        free: (groups,) whether a group is in no split yet.
        target: (labels,) wanted rows of each label. The sum is the size of the split.
        reserved: number of groups to leave for other splits.
    """
    size, available = round(target.sum()), int(free.sum()) - reserved
    group_sizes = counts.sum(axis=1)
    free, filled = free.copy(), np.zeros(counts.shape[1])
    chosen: list[int] = []

    def add(index: int) -> None:
        nonlocal filled
        filled = filled + counts[index]
        free[index] = False
        chosen.append(index)

    for index in np.flatnonzero(free):
        after = filled + counts[index]
        if len(chosen) < available and after.sum() <= size and (after <= target + 1).all():
            add(int(index))
    while len(chosen) < available:
        missing = size - filled.sum()
        fitting = np.flatnonzero(free & (group_sizes <= missing))
        if len(fitting):
            off = np.abs(filled + counts[fitting] - target).sum(axis=1)
            add(int(fitting[np.argmin(off)]))
            continue
        index = min(np.flatnonzero(free), key=lambda each: group_sizes[each])
        if not chosen or group_sizes[index] - missing < missing:
            add(int(index))
        break
    return chosen
