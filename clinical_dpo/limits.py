"""Limits on the contents of files that are read, so that a small file cannot unpack to fill a machine's memory."""

import json
import os
from dataclasses import dataclass
from functools import cache

from clinical_dpo.errors import UserError

VARIABLE = "CLINICAL_DPO_LIMITS"  # the environment variable that passes the config's `limits` to every job


@dataclass(frozen=True)
class Limits:
    """The config's `limits`. The defaults equal the values in config/config.yaml.

    Attributes:
        bytes: size of a file on disk, its size when unpacked, and the total size of a hub data set's files.
        rows: rows of a table, empty rows included.
        columns: columns of a table.
        cells: rows times columns of a table; values of a JSON file.
        characters: characters of one cell or one JSON string.
        depth: nesting depth of lists and objects in JSON, and of XML elements.
    """

    bytes: int = 1_000_000_000
    rows: int = 1_000_000
    columns: int = 1_000
    cells: int = 10_000_000
    characters: int = 10_000_000
    depth: int = 50


def limits() -> Limits:
    """The limits of this run; the defaults outside a run."""
    return _parsed(os.environ.get(VARIABLE, "{}"))


@cache
def _parsed(text: str) -> Limits:
    return Limits(**json.loads(text))


def check_limit(where: object, key: str, count: float, unit: str) -> None:
    """Refuse a count that exceeds `limits.{key}`.

    Args:
        where: the file, and the position in it; begins the message.
        key: a field of Limits.
        count: the count, or a lower bound of it.
        unit: the items counted, such as `rows`.

    Raises:
        UserError: the count exceeds the limit; with the count and the key to raise.
    """
    allowed = getattr(limits(), key)
    if count > allowed:
        raise UserError(
            f"{where}: {count:,.0f} or more {unit}, and `limits.{key}` of the config allows {allowed:,}. Check that "
            f"this is the right file. If it is, set a higher `limits: {{{key}: ...}}`."
        )
