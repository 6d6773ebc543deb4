"""A real Slurm cluster that all tests of this folder share."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.helpers.debian import install
from tests.workflow.slurm.cluster import PACKAGES, PROGRAMS, Cluster


@pytest.fixture(scope="session")
def running_cluster():
    """Install and start Slurm; skip the tests if that is impossible."""
    if reason := install(PACKAGES, PROGRAMS):
        pytest.skip(f"no Slurm: {reason}")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a short path, for munge's socket
    cluster = Cluster.start(folder)
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


@pytest.fixture
def cluster(running_cluster):
    """The cluster without jobs before and after the test."""
    running_cluster.cancel_all()
    yield running_cluster
    running_cluster.cancel_all()
