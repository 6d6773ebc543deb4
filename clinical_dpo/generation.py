"""Greedy answers: chat template, batches of like length, until the end-of-text token."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from clinical_dpo.models import is_adapter, load_base, load_tokenizer, load_variant
from clinical_dpo.progress import Progress, say
from clinical_dpo.records import Row
from clinical_dpo.tokens import prompt_tokens


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


def answers_of(
    base: str | Path,
    trained: str | Path | None,
    model: Mapping[str, Any],
    rows: Sequence[Row],
    max_new_tokens: int,
    batch_size: int,
) -> list[Row]:
    """Answers of one variant: the base model (`trained` is None) or what training made of it."""
    loaded = load_variant(base, trained, model)
    return generate_answers(loaded, load_tokenizer(base), rows, max_new_tokens, batch_size)


def answers_of_trials(
    base: str | Path,
    trials: Mapping[str, str],
    model: Mapping[str, Any],
    rows: Sequence[Row],
    max_new_tokens: int,
    batch_size: int,
) -> Iterator[tuple[str, list[Row]]]:
    """Trial name and its answers, one trial after the other; adapters share one load of the base model.

    Args:
        base: folder of the base model.
        trials: trial name -> folder of its adapter or weights.
        model: the model file's settings.
        rows, max_new_tokens, batch_size: as for `generate_answers`.
    """
    tokenizer = load_tokenizer(base)
    policy: Any = None
    for number, (name, folder) in enumerate(trials.items()):
        adapter = f"trial{number}"  # a trial's own name has a dot, which PyTorch refuses in a module's name
        if not is_adapter(folder):
            policy = None  # let go of the last trial's weights before the next are loaded
            policy = load_base(folder, model).eval()
        elif policy is None:
            from peft import PeftModel  # 3 s to import; full fine-tuning does not need it

            policy = PeftModel.from_pretrained(load_base(base, model), folder, adapter_name=adapter).eval()
        else:
            policy.load_adapter(folder, adapter_name=adapter)
            policy.set_adapter(adapter)
            policy.delete_adapter(f"trial{number - 1}")
        say(f"{name}, trial {number + 1} of {len(trials)}")
        yield name, generate_answers(policy, tokenizer, rows, max_new_tokens, batch_size)
