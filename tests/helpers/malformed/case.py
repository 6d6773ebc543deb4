"""A malformed input: its description, its content, and its expected outcome."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COLUMNS = ("id", "note", "label")
ROWS = (
    ("r1", "Dysuria since Monday.", "UTI"),
    ("r2", "Pyuria found by chance.", "No UTI"),
    ("r3", "Frequency, 38.5 °C.", "UTI"),
)


@dataclass(frozen=True)
class Case:
    """An input and its expected outcome.

    `parts` are words of the refusal, or the repairs and warnings that are counted. `rows` are the rows of the data set
    if the input is repaired or kept.
    """

    description: str
    file: str
    content: bytes | Callable[[Path], object]
    outcome: str  # refused, repaired, kept with a warning, kept
    parts: tuple[str, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    rows: tuple[tuple[str, str, str], ...] = ROWS


def table(*rows: tuple[str, ...], delimiter: str = ",", end: str = "\n", header: tuple[str, ...] = COLUMNS) -> str:
    """Return rows as CSV, with every text in quotes."""
    quoted = [[f'"{cell}"' for cell in row] for row in rows or ROWS]
    return "".join(delimiter.join(row) + end for row in [list(header), *quoted])


def objects(*rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Return rows as JSON objects."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows or ROWS]


def lines(*rows: tuple[Any, ...]) -> bytes:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in objects(*rows)).encode()


def with_note(note: str, row_id: str = "r2") -> tuple[tuple[str, str, str], ...]:
    """Return the rows with another note in row `row_id`."""
    return tuple((row, note if row == row_id else text, label) for row, text, label in ROWS)
