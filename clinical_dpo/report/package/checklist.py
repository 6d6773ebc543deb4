"""A reporting checklist as a document. An item has statements from the run's files, or the words `for the authors`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clinical_dpo.report.package.blocks import Block, Heading, Paragraph, Table
from clinical_dpo.report.package.run_facts import RunFacts

FOR_THE_AUTHORS = "for the authors"
Statement = Callable[[RunFacts], list[str]]


@dataclass(frozen=True)
class Item:
    """An item of a checklist.

    Attributes:
        number: number of the item as published.
        topic: what the item asks for, in our own words. The published wording belongs to the checklist's authors.
        known: functions that return statements about the run. These statements prefill the item.
        authors: text that says what only the authors of the study can add to the statements; empty if the statements
            are complete. An item without `known` does not use this text: the authors write the whole item.
    """

    number: str
    topic: str
    known: Sequence[Statement] = ()
    authors: str = ""


def checklist(title: str, source: str, items: Sequence[Item], facts: RunFacts) -> list[Block]:
    """The checklist as a document: a heading, a note, and a table with a row per item.

    Args:
        title: name of the checklist.
        source: citation of the checklist.
        items: items of the checklist, in order.
        facts: facts of the run.
    """
    rows = [(item.number, item.topic, _prefilled(item, facts)) for item in items]
    return [
        Heading(1, title),
        Paragraph(
            f"Topics are in our own words; the published wording belongs to the checklist's authors: {source}. Entries "
            f"come from the run's tables, settings and records. Replace every '{FOR_THE_AUTHORS}', and add the page "
            "numbers of the manuscript."
        ),
        Table(("item", "topic", "this run"), rows),
    ]


def _prefilled(item: Item, facts: RunFacts) -> str:
    """Text of an item's table cell: the statements about the run, one per line, and what is left to the authors."""
    lines = [line for statement in item.known for line in statement(facts)]
    if not lines:
        return f"{FOR_THE_AUTHORS}: {item.authors}" if item.authors and item.known else FOR_THE_AUTHORS
    return "\n".join([*lines, *([f"{FOR_THE_AUTHORS}: {item.authors}"] if item.authors else [])])
