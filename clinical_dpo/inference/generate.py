"""Greedy answers: chat template, batches of like length, until the end-of-text token."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.io import Row, file_digests, read_jsonl, write_json, write_jsonl
from clinical_dpo.models.load import device_name, load_variant
from clinical_dpo.progress import Progress
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import prompt_tokens
from clinical_dpo.versions import library_versions


@torch.inference_mode()
def generate_answers(
    model: Any, tokenizer: Any, rows: Sequence[Row], max_new_tokens: int, batch_size: int
) -> list[Row]:
    """One greedy answer per row: id, text, tokens (without the end), finish_reason `stop` or `length`.

    Args:
        model: a causal language model.
        tokenizer: padding on the left.
        rows: rows with `id` and `prompt` messages.
        max_new_tokens: longest answer.
        batch_size: answers generated at once, prompts of like length together.
    """
    prompts = [prompt_tokens(row, tokenizer) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(prompts[i]))
    ends = _end_tokens(model, tokenizer)
    # Greedy, and nothing else of what the authors set: penalties, minimal lengths, suppressed tokens.
    model.generation_config = GenerationConfig(
        do_sample=False, num_beams=1, eos_token_id=sorted(ends), pad_token_id=tokenizer.pad_token_id
    )
    answers: list[Row] = [{} for _ in rows]
    progress = Progress("answer", len(rows))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        inputs = tokenizer.pad({"input_ids": [prompts[i] for i in batch]}, return_tensors="pt")
        inputs = inputs.to(model.device)
        output = model.generate(**inputs, max_new_tokens=max_new_tokens)
        for i, tokens in zip(batch, output[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            length = next((place for place, token in enumerate(tokens) if token in ends), None)
            answers[i] = {
                "id": rows[i]["id"],
                "text": tokenizer.decode(tokens[:length], skip_special_tokens=True).strip(),
                "tokens": len(tokens[:length]),
                "finish_reason": "length" if length is None else "stop",
            }
        progress.advance(start + len(batch))
    return answers


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """The tokenizer's end token and those the model's authors name (Llama-3 has two)."""
    named = model.generation_config.eos_token_id
    return {int(tokenizer.eos_token_id), *(named if isinstance(named, list) else [] if named is None else [named])}


def write_answers(
    base: str | Path,
    trained: str | Path | None,
    model: Mapping[str, Any],
    rows: Mapping[str, str],
    max_new_tokens: int,
    batch_size: int,
    record: str | Path,
) -> None:
    """Write one variant's answers as JSON Lines, and a record of what made them.

    Args:
        base: folder of the base model.
        trained: folder of what training made of it; None for the base model itself.
        model: the model file's settings.
        rows: JSON Lines to write -> JSON Lines of rows to answer.
        max_new_tokens, batch_size: as for `generate_answers`.
        record: JSON to write.
    """
    loaded, tokenizer = load_variant(base, trained, model), load_tokenizer(base)
    for out, path in rows.items():
        write_jsonl(out, generate_answers(loaded, tokenizer, read_jsonl(path), max_new_tokens, batch_size))
    folders = [base, *([trained] if trained else [])]
    inputs = [*rows.values(), *(str(Path(folder) / CHECKSUMS) for folder in folders)]
    made_from = {"model": dict(model), "max_new_tokens": max_new_tokens, "inputs": file_digests(inputs)}
    write_json(record, made_from | {"versions": library_versions(), "device": device_name()})
