"""Check that prompts leave room for an answer in a model's context."""

from collections.abc import Sequence
from typing import Any

from clinical_dpo.errors import PublicError
from clinical_dpo.records import TaskRow
from clinical_dpo.tokenization.tokens import prompt_tokens


def check_context(rows: Sequence[TaskRow], tokenizer: Any, answer: int, context: int | None, source: str) -> int:
    """Refuse prompts that leave too little room for an answer, and return the length of the longest prompt.

    Args:
        rows: rows with few-shot prompts.
        tokenizer: the model's tokenizer.
        answer: largest number of tokens of an answer.
        context: the longest sequence that the model reads, in tokens; None if the model has no limit.
        source: file of the rows, for messages.

    Returns:
        Number of tokens of the longest prompt; 0 without rows.

    Raises:
        UserError: a prompt and an answer together have more tokens than `context`. The message quotes no text.
    """
    longest = 0
    for number, row in enumerate(rows, start=1):
        length = len(prompt_tokens(row, tokenizer))
        if context is not None and length + answer > context:
            raise PublicError(
                f"{source}, row {number}: the prompt with its few-shot examples takes {length} tokens, and an answer "
                f"takes up to {answer} tokens, but the model reads at most {context} tokens in all. Lower "
                "arms.few_shot.examples in the task file."
            )
        longest = max(longest, length)
    return longest
