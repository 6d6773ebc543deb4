"""Groups of test items, such as the visits of a patient. The items of a group are not independent."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from clinical_dpo.records import Grade

Rows = Sequence[Grade]
Groups = np.ndarray  # (n,) index of each item's group


def without_groups(rows: Rows) -> Rows:
    """The rows without the column `group`, so that each item counts as independent."""
    return [cast(Grade, {key: value for key, value in row.items() if key != "group"}) for row in rows]


def number_of_groups(rows: Rows) -> int | None:
    """Number of different groups among the rows; None for a task without groups."""
    groups = {cast(Mapping[str, Any], row).get("group") for row in rows} - {None}
    return len(groups) or None


def groups_of(rows: Rows) -> Groups | None:
    """Index of each row's group, an array of shape (rows,).

    The result is None if the rows have no groups. It is also None if each group has a single row, because the rows are
    then independent.
    """
    return indices([cast(Mapping[str, Any], row).get("group") for row in rows])


def indices(names: Sequence[str | None]) -> Groups | None:
    """Index of each item's group, an array of shape (items,), from the name of each item's group.

    The result is None if a name is None. It is also None if each group has a single item, because the items are then
    independent.
    """
    if None in names or len(set(names)) == len(names):
        return None
    return np.unique(np.array(names), return_inverse=True)[1]


def interval_method(method: str, groups: Groups | None) -> str:
    """Name of an interval's method. If the items are in groups, `clustered_` is put before the name `method`."""
    return method if groups is None else f"clustered_{method}"
