"""A project whose model smollm2-135m-instruct comes from a folder in place of the hub."""

from pathlib import Path

import yaml


def read_model_from(folder: Path, project: Path) -> None:
    """Let the model smollm2-135m-instruct of a project come from a folder; its title says so."""
    models = project / "config/models"
    local = yaml.safe_load((models / "smollm2-135m-instruct-q4.yaml").read_text())
    local |= {"name": "smollm2-135m-instruct", "path": str(folder)}
    (models / "smollm2-135m-instruct.yaml").write_text(yaml.safe_dump(local))
