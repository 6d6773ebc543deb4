"""Generate the texts of a generated field (a field that a model writes) with a local model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from clinical_dpo.endpoints.generated_fields.fields import FieldPrompt
from clinical_dpo.errors import PublicError
from clinical_dpo.inference.generate import generate_answers
from clinical_dpo.models.load import load_variant
from clinical_dpo.records import Answer
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import prompt_tokens


def texts_of_model(
    base: str | Path,
    model: Mapping[str, Any],
    prompts: Sequence[FieldPrompt],
    max_new_tokens: int,
    batch_size: int,
    where: str,
) -> list[Answer]:
    """Generate a text for every prompt with the base model, by greedy decoding.

    Args:
        base: folder of the base model.
        model: the model file's settings.
        prompts: prompts from `fields.text_prompts`.
        max_new_tokens: longest text in tokens.
        batch_size: texts generated at once.
        where: file of the records, for messages.

    Raises:
        UserError: a prompt and the longest text together have more tokens than the model has positions.
    """
    tokenizer = load_tokenizer(base)
    config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    longest = config.max_position_embeddings - max_new_tokens
    lengths = [len(prompt_tokens(prompt, tokenizer)) for prompt in prompts]
    too_long = [str(prompt["number"]) for prompt, length in zip(prompts, lengths, strict=True) if length > longest]
    if too_long:
        listed = ", ".join(too_long[:10]) + (", ..." if len(too_long) > 10 else "")
        raise PublicError(
            f"{where}, row {listed}: the prompt is too long for {Path(base).name} ({len(too_long)} of {len(prompts)} "
            f"prompts). The longest prompt has {max(lengths)} tokens. A prompt may have at most {longest} tokens, "
            f"since {max_new_tokens} are reserved for the generated text. Shorten the prompt in the field's `prompt`, "
            "for example by {{ note | truncate(8000) }}, lower the field's `max_new_tokens`, or leave these records "
            "out by `where` in the task file."
        )
    return generate_answers(load_variant(base, None, model), tokenizer, prompts, max_new_tokens, batch_size)
