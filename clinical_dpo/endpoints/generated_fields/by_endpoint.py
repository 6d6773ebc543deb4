"""Get the texts of a generated field (a field that a model writes) from an endpoint. Replies are stored on arrival."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.endpoints.client import Request, request_completions
from clinical_dpo.endpoints.generated_fields.fields import FieldPrompt
from clinical_dpo.errors import PublicError
from clinical_dpo.io import Row


def texts_of_endpoint(
    endpoint: Endpoint,
    prompts: Sequence[FieldPrompt],
    max_new_tokens: int,
    template: str,
    replies: str | Path,
    private: bool,
) -> list[Row]:
    """Get the endpoint's text for every prompt.

    Args:
        endpoint: the server; its temperature is 0.
        prompts: prompts from `fields.text_prompts`. Messages and logs name a prompt by the number of its record.
        max_new_tokens: longest text in tokens.
        template: template of the prompts.
        replies: file that stores every reply. After a kill, the next run continues from this file.
        private: whether the records are patients' texts; see `client.request_completions`.

    Returns:
        A row for each prompt: `text`, `tokens`, `finish_reason`, and `model` as the server spells it.

    Raises:
        UserError: the server refuses a record, or has no text for it. The message names the records. See also
            `client.request_completions`.
    """
    requests = [Request(f"row {prompt['number']}", tuple(prompt["prompt"])) for prompt in prompts]
    version = hashlib.sha256(template.encode()).hexdigest()
    completions = request_completions(
        endpoint.with_token_limit(max_new_tokens), requests, replies, version, private=private
    )
    refused = {name: reply.refusal for name, reply in completions.items() if reply.refusal}
    if refused:
        listed = ", ".join(f"{name} ({code})" for name, code in list(refused.items())[:10])
        more = ", ..." if len(refused) > 10 else ""
        raise PublicError(
            f"endpoint '{endpoint.name}' ({endpoint.model}) gives no text for {len(refused)} of {len(requests)} "
            f"records: {listed}{more}. Remove these records by `where` in the task file, change the field's "
            "`prompt` or `max_new_tokens`, or name another endpoint. The texts of all other records are saved in "
            f"{replies}. After a change of the prompt, limit or endpoint, all texts are requested again."
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
