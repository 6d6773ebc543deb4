"""The published study, for tests of its plan."""

import pytest

from clinical_dpo.config.loading import load_study
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED


@pytest.fixture(scope="module")
def study():
    """The published study; its paths are relative."""
    return load_study(PUBLISHED, ROOT)
