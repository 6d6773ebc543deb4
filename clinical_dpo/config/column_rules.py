"""Rules of the keys of a task file that are about the columns of its source."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.errors import UserError
from clinical_dpo.expressions import read_condition
from clinical_dpo.text_encodings import check_encoding

# Fewest items or patients that a table of a private task shows: the limit of the US Centers for Medicare & Medicaid
# Services, which suppress cells of 1 to 10 people.
SMALLEST_PRIVATE_CELL = 11


def check_column_keys(task: Mapping[str, Any], where: str) -> None:
    """Refuse an unknown encoding, an unreadable condition, and subgroups with equal names or descending edges.

    Args:
        task: the task's settings.
        where: the file; begins the message.

    Raises:
        UserError: with the key and the mend.
    """
    for key in ("source", "stand_in"):
        if encoding := task.get(key, {}).get("encoding"):
            check_encoding(encoding, f"{where}: key '{key}'")
    if "where" in task:
        try:
            read_condition(task["where"])
        except UserError as error:
            raise error.within(f"{where}: key 'where': ") from None
    names = [nfc(subgroup["name"]) for subgroup in subgroups(task)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{where}: key 'subgroups' names '{twice}' twice. Use different names.")
    for subgroup in subgroups(task):
        edges = subgroup.get("edges", [])
        if any(low >= high for low, high in pairwise(edges)):
            raise UserError(
                f"{where}: key 'subgroups', '{subgroup['name']}': the edges {edges} do not ascend. Sort them."
            )


def subgroups(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The `subgroups` of a task file as objects. A subgroup that is the name of a column has this name."""
    entries = settings.get("subgroups", ())
    return [{"name": entry, "column": entry} if isinstance(entry, str) else dict(entry) for entry in entries]


def smallest_cell(config: Mapping[str, Any], task: Mapping[str, Any]) -> int | None:
    """Fewest items or groups of a subgroup that a task's tables show; None for no limit.

    A private task always has a limit.
    """
    least: int | None = config["smallest_cell"]
    return max(least or 0, SMALLEST_PRIVATE_CELL) if task.get("phi") else least
