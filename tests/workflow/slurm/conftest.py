"""One real Slurm for all tests of this folder."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.helpers.debian import install
from tests.workflow.slurm.cluster import PACKAGES, PROGRAMS, Cluster


@pytest.fixture(scope="session")
def running_cluster():
    """Slurm, installed and started; the tests are skipped where that is impossible."""
    if reason := install(PACKAGES, PROGRAMS):
        pytest.skip(f"no Slurm: {reason}")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short, since munge's socket lies in it
    cluster = Cluster.start(folder)
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


@pytest.fixture
def cluster(running_cluster):
    """The cluster without jobs, before and after."""
    running_cluster.cancel_all()
    yield running_cluster
    running_cluster.cancel_all()
