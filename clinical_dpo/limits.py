"""How much a file that is read may hold, so that a small file from elsewhere cannot take a machine's memory."""

import json
import os
from dataclasses import dataclass
from functools import cache

from clinical_dpo.errors import UserError

VARIABLE = "CLINICAL_DPO_LIMITS"  # the environment variable that brings the config's `limits` to every job


@dataclass(frozen=True)
class Limits:
    """The config's `limits`; the values are those of config/config.yaml.

    Attributes:
        bytes: of a file as it lies on disk, of what it unpacks to, and of a hub data set's files together.
        rows: of a table, empty ones included.
        columns: of a table.
        cells: of a table, its rows times its columns; of JSON, its values.
        characters: of one cell or JSON text.
        depth: of lists and objects in each other, and of XML elements.
    """

    bytes: int = 1_000_000_000
    rows: int = 1_000_000
    columns: int = 1_000
    cells: int = 10_000_000
    characters: int = 10_000_000
    depth: int = 50


def limits() -> Limits:
    """The limits of this run; the defaults outside of one."""
    return _parsed(os.environ.get(VARIABLE, "{}"))


@cache
def _parsed(text: str) -> Limits:
    return Limits(**json.loads(text))


def check_limit(where: object, key: str, count: float, what: str) -> None:
    """Refuse what is more than `limits.{key}` allows.

    Args:
        where: the file, and the place in it.
        key: a field of Limits.
        count: how many there are, or at least are.
        what: what is counted, such as `rows`.

    Raises:
        UserError: with the place, the number, and the key to raise.
    """
    allowed = getattr(limits(), key)
    if count > allowed:
        raise UserError(
            f"{where}: {count:,.0f} or more {what}, and `limits.{key}` of the config allows {allowed:,}. Is this the "
            f"right file, and whole? If it is, set a higher `limits: {{{key}: ...}}`."
        )
