"""Answer task rows with a model, by generation or by likelihood. Write the answers and a record of how they were made.

The record has the model, the settings, and digests of the input files.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.inference.answering import answer_module
from clinical_dpo.io import file_digests, read_jsonl, write_json, write_jsonl
from clinical_dpo.models.load import device_name, load_variant
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.versions import library_versions


def write_answers(
    base: str | Path,
    trained: str | Path | None,
    model: Mapping[str, Any],
    rows: Mapping[str, str],
    settings: Mapping[str, Any],
    batch_size: int,
    record: str | Path,
) -> None:
    """Write the answers of one model variant (base, SFT, DPO or another) and a record of model, settings and inputs.

    Args:
        base: folder of the base model.
        trained: folder of the trained weights; None for the base model.
        model: settings of the model file.
        rows: output file of answers -> input file of the task rows to answer, both in JSON Lines.
        settings: `answer_by` (by default `generation`), and the settings that this way of answering needs.
        batch_size: number of rows answered at once.
        record: JSON file to which the record is written.
    """
    answering = import_module(answer_module(settings.get("answer_by", "generation")))
    loaded, tokenizer = load_variant(base, trained, model), load_tokenizer(base)
    for out, path in rows.items():
        write_jsonl(out, answering.answer_rows(loaded, tokenizer, read_jsonl(path), settings, batch_size))
    folders = [base, *([trained] if trained else [])]
    inputs = [*rows.values(), *(str(Path(folder) / CHECKSUMS) for folder in folders)]
    made_from = {"model": dict(model), **settings, "inputs": file_digests(inputs)}
    write_json(record, made_from | {"versions": library_versions(), "device": device_name()})
