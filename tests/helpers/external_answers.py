"""Test items with labels, and a table of external answers to them."""

from clinical_dpo.io import write_csv
from tests.helpers.tables import read_rows
from tests.helpers.task_rows import task_row

LABELS = ["UTI", "No UTI"]
TEST = [task_row(f"q{number}", f"Note {number}.\n\nUTI or No UTI?", LABELS[number % 2]) for number in range(20)]
COLUMNS = {"id": "item", "answer": "reply"}
TABLE = {"path": "gpt4.csv"}


def answers(wrong):
    """A label for each test item, wrong where the item's number is in `wrong`."""
    return [LABELS[(number + (number in wrong)) % 2] for number in range(len(TEST))]


def table_rows(texts):
    """Rows of a table with these answers to the test items."""
    return [{"item": row["id"], "reply": text} for row, text in zip(TEST, texts, strict=True)]


def written_and_read(path, rows):
    """Rows as read from the CSV file that they are written to."""
    write_csv(path, rows, list(rows[0]))
    return read_rows(path)
