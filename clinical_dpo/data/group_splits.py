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

    The splits are filled one after the other, the smallest first. Enough groups are left for the later splits. A group
    fits if the split does not exceed its wanted size after the group has joined. Each label has a wanted number of rows
    in the split: the label's share of all rows, times the wanted size. A split is filled in three steps:

    1. The groups are tried in random order. A group joins the split if it fits, and if each label then has at most its
       wanted number of rows plus one.
    2. While some remaining group fits, a further group joins: the fitting group that brings the labels nearest to their
       wanted numbers.
    3. If the split is then still too small, the smallest remaining group is tried. This group joins if it brings the
       split nearer to its wanted size, or if the split is empty.

    The draw is repeated up to DRAWS times. The draw whose splits are nearest to the sizes is returned.

    Args:
        rows: rows with a `group`, in an order that does not depend on the order of the source.
        sizes: split -> wanted number of rows; 0 gives an empty split.
        rng: source of random numbers.
        stratify: whether every split keeps the share of each `label`. If false, all rows count as having one label.

    Returns:
        split -> rows of the split.

    Raises:
        UserError: there are fewer groups than splits with a size above 0.
    """
    members: dict[str, list[TaskRow]] = {}
    for row in rows:
        members.setdefault(row["group"], []).append(row)
    needed = [name for name, size in sizes.items() if size]
    if len(members) < len(needed):
        raise PublicError(
            f"The splits {', '.join(needed)} need at least one group each, but the rows belong to only {len(members)} "
            "different groups. A group is never divided. Correct `group` in the task file, or add rows of other groups."
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
    """Fill the splits by the three steps of `draw_groups`. Return split -> indices of the split's groups.

    Args:
        counts: an array of shape (groups, labels): the number of rows of each group with each label. The groups are in
            random order.
        sizes: split -> wanted number of rows, above 0.
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
        counts: an array of shape (groups, labels): the number of rows of each group with each label.
        free: an array of shape (groups,): whether a group is in no split yet.
        target: an array of shape (labels,): the wanted number of rows with each label. The sum is the split's size.
        reserved: number of free groups to leave for the splits that are filled later.
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
