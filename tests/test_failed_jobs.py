"""The last lines of a failed run have the message of each failed job, and quote no private row."""

import pytest

from clinical_dpo.script import PRIVATE
from clinical_dpo.failed_jobs import failure


@pytest.fixture
def log(tmp_path):
    """A log of a job, after other output."""
    path = tmp_path / "logs/uti.log"
    path.parent.mkdir()
    path.write_text("reading\na.csv, line 4: Jane Doe is not a label.\n", encoding="utf-8")
    return path


def test_the_message_is_the_last_line_of_the_log(log):
    assert failure("split", log) == "split failed: a.csv, line 4: Jane Doe is not a label."


def test_a_private_log_is_named_and_not_quoted(log):
    (log.parent / PRIVATE).touch()
    assert failure("split", log) == f"split failed. The reason is in {log}."


def test_a_log_with_a_traceback_and_a_missing_log_are_named(log):
    log.write_text("Traceback (most recent call last):\n  File\nKeyError: 'Jane'\n", encoding="utf-8")
    assert failure("split", log) == f"split failed. The reason is in {log}."
    log.unlink()
    assert str(log) in failure("split", log)
