"""Fixtures of the tests of endpoints: short waits between attempts, and a proxy."""

import pytest

from clinical_dpo.endpoints import caller
from tests.helpers.faulty_server import FaultyServer


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Wait milliseconds between two attempts."""
    monkeypatch.setattr(caller, "FIRST_WAIT", 0.01)


@pytest.fixture
def proxy(monkeypatch):
    """A server that the environment names as proxy for all addresses."""
    with FaultyServer() as server:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, server.url.removesuffix("/v1"))
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(variable, raising=False)
        yield server
