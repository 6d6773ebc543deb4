"""The environment that the studies of this folder run in."""

import pytest

from tests.workflow.every_key.laboratory import open_laboratory


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory):
    with open_laboratory(tmp_path_factory.mktemp("laboratory")) as laboratory:
        yield laboratory
