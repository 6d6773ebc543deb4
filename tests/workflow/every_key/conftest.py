"""The ground that the studies of this folder run on."""

import pytest

from tests.workflow.every_key.ground import open_ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    with open_ground(tmp_path_factory.mktemp("ground")) as opened:
        yield opened
