"""Data sets and models of the cases on a hub on loopback."""

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.torch import load_file, save

from clinical_dpo.models.tiny.pretraining import build_tiny_model
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from tests.helpers.hub_server import Hub, Repository
from tests.workflow.every_key.templates import MODEL

A, B = "a" * 40, "b" * 40
CARD = b"""---
configs:
- config_name: first
  data_files:
  - {split: train, path: first/train.parquet}
  - {split: test, path: first/test.parquet}
- config_name: second
  data_files:
  - {split: train, path: second/train.parquet}
---
"""


def cases_hub(folder: Path, rows: list[dict[str, Any]]) -> Hub:
    """Data sets clinic/rows and clinic/others, and models clinic/tiny, copy, writer, scribe and plain.

    Args:
        folder: folder to build models in.
        rows: records of the data sets.
    """
    pretraining = MODEL["pretraining"]
    models = {}
    for seed in (1, 2):
        build_tiny_model("llama", pretraining, seed, folder / str(seed))
        models[seed] = {path.name: path.read_bytes() for path in (folder / str(seed)).iterdir() if path.is_file()}
    writer = models[1] | {"model.safetensors": _never_silent(folder / "1")}
    plain = {name: content for name, content in models[1].items() if not name.endswith(".jinja")}
    settings = json.loads(plain["tokenizer_config.json"])
    settings.pop("chat_template", None)
    plain["tokenizer_config.json"] = json.dumps(settings).encode()
    data = {A: _data_set(rows, ""), B: _data_set(rows, " today")}
    return Hub(
        {
            ("datasets", "clinic/rows"): Repository(data),
            ("datasets", "clinic/others"): Repository({A: _data_set(rows, " again")}),
            ("models", "clinic/tiny"): Repository({A: models[1], B: models[2]}),
            ("models", "clinic/copy"): Repository({A: models[1]}),
            ("models", "clinic/plain"): Repository({A: plain}),
            ("models", "clinic/writer"): Repository({A: writer}),
            ("models", "clinic/scribe"): Repository({A: writer}),
        }
    )


def _never_silent(folder: Path) -> bytes:
    """Weights of a barely trained model whose answers are never empty, since the logit of its end token is zero."""
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"][load_tokenizer(folder).eos_token_id] = 0
    return save(weights, {"format": "pt"})


def _data_set(rows: list[dict[str, Any]], added: str) -> dict[str, bytes]:
    """Files of a commit, whose configurations and splits all differ."""
    files = {"README.md": CARD}
    for number, name in enumerate(("first/train", "first/test", "second/train")):
        table = pd.DataFrame([row | {"note": f"{row['note']}{added} ({number})"} for row in rows])
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        files[f"{name}.parquet"] = buffer.getvalue()
    return files
