"""Texts from an endpoint: one reply to every prompt, each kept as it arrives."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.endpoints.client import Request, request_completions
from clinical_dpo.io import Row


def texts_of_endpoint(
    endpoint: Endpoint, rows: Sequence[Row], max_new_tokens: int, prompt: str, replies: str | Path, private: bool
) -> list[Row]:
    """The endpoint's text to every prompt: text, tokens, finish_reason, and the model's name as the server gives it.

    Args:
        endpoint: what is asked, with temperature 0.
        rows: as `fields.text_prompts` gives them. Messages and logs name them by their numbers.
        max_new_tokens: longest text.
        prompt: the template that the prompts were made with.
        replies: file that keeps every reply; a run that was killed goes on from it.
        private: the text is a patient's; see `client.complete`.

    Raises:
        UserError: as `client.complete`.
    """
    requests = [Request(f"row {row['number']}", tuple(row["prompt"])) for row in rows]
    version = hashlib.sha256(prompt.encode()).hexdigest()
    found = request_completions(
        replace(endpoint, max_tokens=max_new_tokens), requests, replies, version, private=private
    )
    return [
        {
            "text": reply.text,
            "tokens": reply.completion_tokens,
            "finish_reason": reply.finish_reason,
            "model": reply.model,
        }
        for reply in (found[request.id] for request in requests)
    ]
