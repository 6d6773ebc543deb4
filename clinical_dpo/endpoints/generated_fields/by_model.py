"""Texts from a configured model: greedy answers to a task's other prompts, refused where the model cannot read one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from clinical_dpo.errors import PublicError
from clinical_dpo.inference.generate import generate_answers
from clinical_dpo.io import Row
from clinical_dpo.models.load import load_variant
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import prompt_tokens


def texts_of_model(
    base: str | Path, model: Mapping[str, Any], rows: Sequence[Row], max_new_tokens: int, batch_size: int, where: str
) -> list[Row]:
    """The base model's greedy text to every prompt: id, text, tokens, finish_reason.

    Args:
        base: folder of the model.
        model: the model file's settings.
        rows: as `fields.text_prompts` gives them.
        max_new_tokens: longest text.
        batch_size: texts written at once.
        where: the records' file, for messages.

    Raises:
        UserError: prompts that leave no room for the text in the positions that the model knows.
    """
    tokenizer = load_tokenizer(base)
    config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    room = config.max_position_embeddings - max_new_tokens
    lengths = [len(prompt_tokens(row, tokenizer)) for row in rows]
    longer = [str(row["number"]) for row, length in zip(rows, lengths, strict=True) if length > room]
    if longer:
        listed = ", ".join(longer[:10]) + (", ..." if len(longer) > 10 else "")
        raise PublicError(
            f"{where}, row {listed}: the prompt for the text is too long for {Path(base).name} ({len(longer)} of "
            f"{len(rows)} prompts, the longest of {max(lengths)} tokens; {room} leave room for {max_new_tokens} more). "
            "Shorten it in the text's `prompt`, as by {{ note | truncate(8000) }}, or remove these rows."
        )
    return generate_answers(load_variant(base, None, model), tokenizer, rows, max_new_tokens, batch_size)
