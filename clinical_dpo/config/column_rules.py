"""Rules for the keys of a task file that refer to columns of its source."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.errors import UserError
from clinical_dpo.expressions import read_condition
from clinical_dpo.text_encodings import check_encoding

# A private task's tables show no cell with fewer items or patients than this. The US Centers for Medicare & Medicaid
# Services also suppress cells of 1 to 10 people.
SMALLEST_PRIVATE_CELL = 11


def check_column_keys(task: Mapping[str, Any], where: str) -> None:
    """Check the keys `encoding`, `where` and `subgroups` of a task file.

    Args:
        task: the task's settings.
        where: the task file, with which the message begins.

    Raises:
        UserError: the `encoding` of `source` or `stand_in` is unknown; the task's key `where` is not a valid condition
            on columns; two subgroups have the same name; or the `edges` between the levels of a subgroup do not ascend.
            The message names the key and the correction.
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
                f"{where}: key 'subgroups', '{subgroup['name']}': the edges {edges} do not ascend. Sort them, and "
                "write each number once."
            )


def subgroups(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The `subgroups` of a task file, each as a mapping.

    If an entry is only a text, the text is both the column and the subgroup's name.
    """
    entries = settings.get("subgroups", ())
    return [{"name": entry, "column": entry} if isinstance(entry, str) else dict(entry) for entry in entries]


def smallest_cell(config: Mapping[str, Any], task: Mapping[str, Any]) -> int | None:
    """Smallest size of a subgroup whose numbers a task's tables may show; None for no limit.

    The size is a number of items. If the items are in groups (such as patients), it is a number of groups. For a
    private task the size is at least SMALLEST_PRIVATE_CELL.
    """
    least: int | None = config["smallest_cell"]
    return max(least or 0, SMALLEST_PRIVATE_CELL) if task.get("phi") else least
