"""Texts of a generated field from an endpoint. Each reply is stored on arrival."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.endpoints.client import Request, request_completions
from clinical_dpo.endpoints.generated_fields.fields import FieldPrompt
from clinical_dpo.io import Row


def texts_of_endpoint(
    endpoint: Endpoint,
    prompts: Sequence[FieldPrompt],
    max_new_tokens: int,
    template: str,
    replies: str | Path,
    private: bool,
) -> list[Row]:
    """Get the endpoint's text for every prompt: text, tokens, finish_reason, and model as the server names it.

    Args:
        endpoint: the server; its temperature is 0.
        prompts: prompts from `fields.text_prompts`. Messages and logs name the record's number.
        max_new_tokens: longest text in tokens.
        template: template of the prompts.
        replies: file that stores every reply. A run continues from it after a kill.
        private: whether the records are patients' texts; see `client.request_completions`.

    Raises:
        UserError: see `client.request_completions`.
    """
    requests = [Request(f"row {prompt['number']}", tuple(prompt["prompt"])) for prompt in prompts]
    version = hashlib.sha256(template.encode()).hexdigest()
    completions = request_completions(
        replace(endpoint, max_tokens=max_new_tokens), requests, replies, version, private=private
    )
    return [
        {
            "text": reply.text,
            "tokens": reply.completion_tokens,
            "finish_reason": reply.finish_reason,
            "model": reply.model,
        }
        for reply in (completions[request.id] for request in requests)
    ]
