"""Write a chosen model as a folder for others: weights, tokenizer and model card."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers import GenerationConfig

from clinical_dpo.checksums import CHECKSUMS, RECORDS, write_checksums
from clinical_dpo.inference.end_tokens import end_tokens
from clinical_dpo.io import read_csv, read_json, replacing
from clinical_dpo.models.load import base_record, is_adapter
from clinical_dpo.report.model_card import Released, model_card
from clinical_dpo.tokenization.tokenizer import load_tokenizer

ADAPTER_CONFIG = "adapter_config.json"
# Patterns of a tokenizer's files. Only these are copied from the base model's folder, which also has the base weights.
TOKENIZER = ("tokenizer*", "special_tokens_map.json", "vocab.*", "merges.txt", "added_tokens.json", "*.jinja")


def write_release(
    out: Path,
    trained: Path,
    base: Path,
    metrics: Path,
    manifest: Path,
    facts: Mapping[str, Any],
    merged: bool = False,
) -> None:
    """Write a folder with a chosen model. The libraries transformers and PEFT can load the model without this package.

    An adapter names its base model by id and commit on the hub, or by a path relative to the folder `out`. All files
    are copies with ordinary file permissions.

    Args:
        out: folder to write or replace.
        trained: folder of the chosen model: its weights and run.json.
        base: folder of the base model.
        metrics: metrics.csv of the task.
        manifest: data/manifest.json of the task.
        facts: `task` (settings of the task file), `model` (name, title, dtype, license), `stage` and `max_new_tokens`.
        merged: whether to also write the base model with the adapter merged into its weights, to the folder `merged`.
    """
    record = base_record(base)
    with replacing(out) as part:
        part.mkdir()
        for file in sorted(trained.iterdir()):
            if file.is_file() and file.name not in (CHECKSUMS, *RECORDS):
                shutil.copyfile(file, part / file.name)
        for pattern in TOKENIZER:
            for file in base.glob(pattern):
                shutil.copyfile(file, part / file.name)
        adapter = is_adapter(trained)
        relative = None if record["source"] == "hub" else os.path.relpath(base, out)
        if adapter:
            config = read_json(part / ADAPTER_CONFIG)
            config |= {"base_model_name_or_path": relative or record["id"]}
            config |= {"revision": None if relative else record["revision"]}
            (part / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        released = Released(
            **facts,
            base=record,
            base_path=relative,
            ends=_ends(base),
            adapter=adapter,
            merged=merged and adapter,
            run=read_json(trained / "run.json"),
            manifest=read_json(manifest),
            metrics=read_csv(metrics),
        )
        (part / "README.md").write_text(model_card(released), encoding="utf-8")
        if released.merged:
            _write_merged(trained, base, part / "merged")
        card_mode = (part / "README.md").stat().st_mode
        for file in part.rglob("*.safetensors"):  # the library writes files that only their owner can read
            file.chmod(card_mode)
        write_checksums(part)


def _ends(base: Path) -> list[int]:
    """Sorted ids of the tokens that end an answer. The same tokens end answers in the study.

    Args:
        base: the base model's folder.
    """
    file = base / "generation_config.json"
    configured = GenerationConfig.from_pretrained(base) if file.is_file() else GenerationConfig()
    return sorted(end_tokens(SimpleNamespace(generation_config=configured), load_tokenizer(base)))


def _write_merged(trained: Path, base: Path, out: Path) -> None:
    """Write the base model with the adapter merged into its weights. The data type of the weights stays the same."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(
        base, dtype="auto", local_files_only=True, trust_remote_code=False, use_safetensors=True
    )
    PeftModel.from_pretrained(model, str(trained)).merge_and_unload().save_pretrained(out)
    AutoTokenizer.from_pretrained(base, local_files_only=True, trust_remote_code=False).save_pretrained(out)
