"""Rows of the plan by their keys."""


def by(rows, *keys):
    """Values of some columns -> row. No two rows may have the same values."""
    indexed = {tuple(row[key] for key in keys): row for row in rows}
    assert len(indexed) == len(rows)
    return indexed
