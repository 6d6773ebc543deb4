"""Write a model file for a model on the hub: `python -m clinical_dpo.models.new_file OWNER/NAME`.

A model file, `config/models/{name}.yaml`, has the settings with which a run loads a model.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from clinical_dpo.config.model_sizes import sizes_fit
from clinical_dpo.errors import UserError
from clinical_dpo.hub import fetch, newest_commit, page
from clinical_dpo.io import read_json, replacing
from clinical_dpo.model_files import BYTES, layer_sizes
from clinical_dpo.schemas import problems

FOLDER = Path("config/models")


def new_model_file(model_id: str) -> Path:
    """Write the model file `{name}.yaml` for the newest commit of a model on the hub. Return the file's path.

    The model's id gives `name` and `title`. The hub gives the licence and the number of weights. config.json of the
    model gives dtype and sizes.

    Args:
        model_id: owner/name on the hub.

    Raises:
        UserError: the model is unknown or cannot be reached, the file exists already, or the id gives no valid name.
    """
    commit = newest_commit(model_id)
    downloaded = fetch(model_id, commit.revision, ["config.json"])
    config: Any = read_json(downloaded / "config.json")
    sizes = layer_sizes(downloaded)
    kind = str(config.get("dtype", config.get("torch_dtype")))
    title = model_id.partition("/")[2]
    settings: dict[str, Any] = {
        "name": re.sub(r"[^a-z0-9.-]+", "-", title.lower()).strip("-."),
        "title": title,
        "source": "hub",
        "id": model_id,
        "revision": commit.revision,
        **({"license": commit.license} if commit.license else {}),
        **({"parameters": commit.parameters} if commit.parameters else {}),
        **({"sizes": sizes} if sizes and commit.parameters and sizes_fit(sizes, commit.parameters) else {}),
        "dtype": kind if kind in BYTES else "bfloat16",
        "attention": "sdpa",
        "gpu": 1,
        "lora_targets": "all-linear",
    }
    path = FOLDER / f"{settings['name']}.yaml"
    if mistakes := problems(settings, "model"):
        raise UserError(f"{model_id}: {mistakes[0]} Write the model file by hand.")
    if path.exists():
        raise UserError(
            f"{path} exists already. If it is for {model_id}, set its `revision` to {commit.revision}. If it is for "
            "another model, rename the file, change its key `name` in the same way, and run this command again."
        )
    with replacing(path) as part:
        part.write_text(
            f"# {page(model_id)}, newest commit when this file was written\n"
            + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=1000),
            encoding="utf-8",
        )
    return path


def main(words: Sequence[str]) -> None:
    """Write the model file for the model that `words` names (`OWNER/NAME`), and print the file's path."""
    if len(words) != 1 or words[0].count("/") != 1:
        sys.exit("Name one model on the hub: python -m clinical_dpo.models.new_file OWNER/NAME")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # huggingface_hub reads it when it is imported
    try:
        path = new_model_file(words[0])
    except UserError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{path} written. Add `{path.stem}` to `models` of a recipe.\n")


if __name__ == "__main__":
    main(sys.argv[1:])
