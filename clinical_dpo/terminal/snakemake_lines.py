"""Shorten Snakemake's lines about a job. A list of 100 files, for example, has thousands of characters."""

import logging

from clinical_dpo.line_length import LONGEST, folded

FIELDS = ("input", "output", "log", "resources")
REASONS = ("reason", "Reason")
FILES = ("Missing output files", "Incomplete output files", "Updated input files", "Input files updated by another job")


class ShortLines(logging.Formatter):
    """Shortens the lines that another formatter makes."""

    def __init__(self, formatter: logging.Formatter) -> None:
        """Shorten the lines of `formatter`, which is Snakemake's own."""
        super().__init__()
        self.formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """Return Snakemake's text of a log record, with lines of at most LONGEST characters."""
        text = self.formatter.format(record)
        return shortened(text) if text else text  # Snakemake has records without a text


def shortened(text: str) -> str:
    """Cut long lists of files and resources in Snakemake's text, and fold all other long lines."""
    return folded("\n".join(_cut_lists(line) for line in text.split("\n")))


def _cut_lists(line: str) -> str:
    field, colon, value = line.partition(": ")
    if len(line) <= LONGEST or field.strip() not in (*FIELDS, *REASONS):
        return line
    if field.strip() in FIELDS:
        return field + colon + _cut(value, LONGEST - len(field + colon))
    parts = value.split("; ")
    lists = sum(part.startswith(FILES) for part in parts)
    room = LONGEST // max(lists, 1) - len(field + colon)
    return field + colon + "; ".join(_cut(part, room) if part.startswith(FILES) else part for part in parts)


def _cut(items: str, room: int) -> str:
    """Cut a comma-separated list to the first items that fit into `room` characters: "a.csv, b.csv, ... (98 more)".

    At least one item is kept.
    """
    if len(items) <= room:
        return items
    kept = items[: room - len(", ... (10,000 more)")].rpartition(", ")[0] or items.partition(", ")[0]
    left = items[len(kept) :].count(", ")
    return f"{kept}, ... ({left:,} more)" if left else items
