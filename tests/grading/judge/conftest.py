"""Fixture of the tests of a judge: short waits between attempts."""

import pytest

from clinical_dpo.endpoints import caller


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Wait milliseconds between two attempts."""
    monkeypatch.setattr(caller, "FIRST_WAIT", 0.01)
