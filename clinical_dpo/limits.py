"""Limits on the size and contents of input files. Without limits, a small packed file could fill the memory."""

import json
import os
from dataclasses import dataclass
from functools import cache

from clinical_dpo.errors import UserError

VARIABLE = "CLINICAL_DPO_LIMITS"  # the environment variable that passes the config's `limits` to every job


@dataclass(frozen=True)
class Limits:
    """The config's `limits`. Each attribute is a maximum. The defaults equal the values in config/config.yaml.

    Attributes:
        bytes: bytes of a file, before and after it is unpacked, and of all files of a hub data set together.
        rows: rows of a table, including empty rows.
        columns: columns of a table.
        cells: rows times columns of a table, or values of a JSON file.
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
    """Return the config's limits on the size and contents of input files. Outside a run, return the defaults."""
    return _parsed(os.environ.get(VARIABLE, "{}"))


@cache
def _parsed(text: str) -> Limits:
    return Limits(**json.loads(text))


def check_limit(where: object, key: str, count: float, unit: str) -> None:
    """Refuse a count that exceeds the config's `limits.{key}`.

    Args:
        where: the file and the position in it, with which the message begins.
        key: a field of Limits.
        count: the count, or a lower bound of the count.
        unit: name of the counted items, such as `rows`.

    Raises:
        UserError: the count exceeds the limit. The message has the count and the key to raise.
    """
    allowed = getattr(limits(), key)
    if count > allowed:
        raise UserError(
            f"{where}: {count:,.0f} or more {unit}, but the config's `limits.{key}` allows only {allowed:,}. Check "
            f"whether this is the right file. If it is, set a higher `limits: {{{key}: ...}}`."
        )
