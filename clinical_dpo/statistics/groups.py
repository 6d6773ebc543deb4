"""Groups of test items, such as the visits of a patient. The items of a group are not independent."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from clinical_dpo.records import Grade

Rows = Sequence[Grade]
Groups = np.ndarray  # (n,) index of each item's group


def without_groups(rows: Rows) -> Rows:
    """The rows without their groups, so that each item counts as independent."""
    return [cast(Grade, {key: value for key, value in row.items() if key != "group"}) for row in rows]


def number_of_groups(rows: Rows) -> int | None:
    """Number of groups of the rows; None for a task without groups."""
    groups = {cast(Mapping[str, Any], row).get("group") for row in rows} - {None}
    return len(groups) or None


def groups_of(rows: Rows) -> Groups | None:
    """Index of each row's group. None without groups, and if each group has a single row: rows are then independent."""
    return indices([cast(Mapping[str, Any], row).get("group") for row in rows])


def indices(names: Sequence[str | None]) -> Groups | None:
    """Index of each item's group, from the groups' names. None if a name is None, or if every group has one item."""
    if None in names or len(set(names)) == len(names):
        return None
    return np.unique(np.array(names), return_inverse=True)[1]


def interval_method(method: str, groups: Groups | None) -> str:
    """Name of an interval's method; with groups it begins with `clustered_`."""
    return method if groups is None else f"clustered_{method}"
