"""Tables as text, for the plan of a run."""

from collections.abc import Collection, Sequence


def text_table(rows: Sequence[Sequence[object]], left: Collection[int] = (0,)) -> list[str]:
    """Return the lines of a table. Each column is as wide as its widest cell, and two blanks are between columns.

    A column that is empty below the head is left out. Whole numbers have commas: 1,099.

    Args:
        rows: the head, then the rows, each with the same number of cells.
        left: indices of the columns that are aligned to the left. All other columns are aligned to the right.
    """
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    columns = []
    for index, column in enumerate(zip(*texts, strict=True)):
        if any(column[1:]):
            width = max(map(len, column))
            columns.append([cell.ljust(width) if index in left else cell.rjust(width) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
