"""Generate answers by greedy decoding, in batches of prompts of similar length."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import torch
from transformers import GenerationConfig

from clinical_dpo.inference.end_tokens import end_tokens
from clinical_dpo.progress import Progress
from clinical_dpo.records import Answer, Message, TaskRow
from clinical_dpo.tokenization.tokens import prompt_tokens


class PromptRow(TypedDict):
    """The fields of a row that generation reads. A TaskRow has these fields."""

    id: str
    prompt: list[Message]


@torch.inference_mode()
def generate_answers(
    model: Any, tokenizer: Any, rows: Sequence[PromptRow], max_new_tokens: int, batch_size: int
) -> list[Answer]:
    """Generate an answer to each row's prompt by greedy decoding. The answers are in the order of the rows.

    `tokens` of an answer is its number of tokens without the end token. `finish_reason` is `stop` if the model wrote an
    end token, and `length` if the answer was cut at `max_new_tokens`.

    Args:
        model: a causal language model.
        tokenizer: the model's tokenizer. It pads on the left.
        rows: rows with the prompts.
        max_new_tokens: largest number of tokens of an answer.
        batch_size: number of answers generated at once. Prompts of similar length share a batch.
    """
    prompts = [prompt_tokens(row, tokenizer) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(prompts[i]))
    ends = end_tokens(model, tokenizer)
    # Replaces all generation settings of the model's authors: penalties, minimal lengths, suppressed tokens.
    model.generation_config = GenerationConfig(
        do_sample=False, num_beams=1, eos_token_id=sorted(ends), pad_token_id=tokenizer.pad_token_id
    )
    answers: dict[int, Answer] = {}
    progress = Progress("answer", len(rows))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        inputs = tokenizer.pad({"input_ids": [prompts[i] for i in batch]}, return_tensors="pt")
        inputs = inputs.to(model.device)
        output = model.generate(**inputs, max_new_tokens=max_new_tokens)
        for i, tokens in zip(batch, output[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            length = next((position for position, token in enumerate(tokens) if token in ends), None)
            answers[i] = {
                "id": rows[i]["id"],
                "text": tokenizer.decode(tokens[:length], skip_special_tokens=True).strip(),
                "tokens": len(tokens[:length]),
                "finish_reason": "length" if length is None else "stop",
            }
        progress.advance(start + len(batch))
    return [answers[i] for i in range(len(rows))]


def answer_rows(
    model: Any, tokenizer: Any, rows: Sequence[TaskRow], settings: Mapping[str, Any], batch_size: int
) -> list[Answer]:
    """Answer rows with `generate_answers`, and return its answers.

    Args:
        model, tokenizer, rows, batch_size: as for `generate_answers`.
        settings: a mapping with the key `max_new_tokens`. Other keys are ignored.
    """
    return generate_answers(model, tokenizer, rows, settings["max_new_tokens"], batch_size)
