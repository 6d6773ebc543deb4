"""Versions of the libraries that compute with a model."""

import platform
from importlib.metadata import version

LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes")


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that compute with a model."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
