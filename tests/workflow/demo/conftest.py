"""The finished demo that all tests of this folder share. It takes about ten minutes on two cores."""

import pytest

from tests.helpers.workflow import Project


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A project in which `make demo` has run, and what it printed."""
    project = Project.copy(tmp_path_factory.mktemp("demo"), "config/demo.yaml")
    project.install()
    return project, project.shell("make demo")
