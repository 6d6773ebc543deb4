"""Documents as blocks: headings, paragraphs and tables of plain text, written as Markdown or as DOCX."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinical_dpo.escaping import Markdown, markdown, markdown_table, printable
from clinical_dpo.io import replacing


@dataclass(frozen=True)
class Heading:
    """A heading. Level 1 is the document's title."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text. If `verbatim` is true, line breaks stay, for example those of a prompt."""

    text: str
    verbatim: bool = False


@dataclass(frozen=True)
class Table:
    """A table. A line break in a cell begins a new paragraph of the cell."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = Heading | Paragraph | Table


def to_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as Markdown. All text is escaped, so that it displays unchanged."""
    return "\n\n".join(map(_block, blocks)) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {markdown(block.text)}"
    if isinstance(block, Paragraph):
        if block.verbatim:
            return "\n".join(f"    {line}".rstrip() for line in printable(block.text).splitlines())
        return markdown(block.text)
    return markdown_table(block.header, [map(_cell, row) for row in block.rows])


def _cell(text: str) -> Markdown:
    return Markdown("<br>".join(map(markdown, text.splitlines())))


def write_docx(path: str | Path, blocks: Sequence[Block]) -> None:
    """Write the blocks as a DOCX document, atomically."""
    import docx  # this import takes a second, and other jobs do not need it

    document: Any = docx.Document()
    for block in blocks:
        if isinstance(block, Heading):
            document.add_heading(printable(block.text), level=block.level - 1)
        elif isinstance(block, Paragraph):
            document.add_paragraph(printable(block.text))
        else:
            table = document.add_table(rows=0, cols=len(block.header), style="Table Grid")
            for line in (block.header, *block.rows):
                for cell, text in zip(table.add_row().cells, line, strict=True):
                    cell.text = printable(text)
            for cell in table.rows[0].cells:
                for run in cell.paragraphs[0].runs:
                    run.bold = True
    with replacing(path) as part:
        document.save(str(part))
