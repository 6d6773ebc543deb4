"""Read the reply of a model from the body of a server's response."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clinical_dpo.endpoints.refusals import CONTENT_FILTER

MOST_TOKENS = 10**9
EMPTY = "empty_reply"
UNREADABLE = "unreadable_reply"
ONLY_A_THOUGHT = "thought_without_reply"  # the token limit ended the reply before its thought ended
_THOUGHTS = ("reasoning_content", "reasoning")  # fields of a message that may hold the thought


@dataclass(frozen=True)
class Reply:
    """Reply of the server's model, or the refusal of a request.

    Attributes:
        text: the reply's text; empty for a refusal.
        finish_reason: the server's word for why the reply ended, such as `stop` or, if max_tokens cut it off, `length`.
        model: the model's name as the server spells it.
        prompt_tokens, completion_tokens: tokens of all calls for this reply, as the server counts them; 0 if the
            server gives no count.
        calls: number of calls that were made to get this reply.
        refusal: code of the reason why the request has no reply; empty for a reply.
    """

    text: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    calls: int = 1
    refusal: str = ""


def refusal(code: str) -> Reply:
    """Return a `Reply` without text. Its `refusal` is `code`, the reason why the request has no reply."""
    return Reply("", "", "", 0, 0, refusal=code)


def read_body(body: str) -> Reply | None:
    """Read the reply from the body of a response; None if the body is not a completion.

    The reply's text is the content of the message. If the content is a list of parts, their texts are joined.

    If the model writes no thought, some servers put its answer into the field for the thought (`reasoning_content` or
    `reasoning`). So if the content has no text and the finish reason is `stop`, the text of this field is the reply.

    A reply that the server's content filter ended becomes the refusal CONTENT_FILTER. A reply without text becomes the
    refusal ONLY_A_THOUGHT if the token limit ended it (`length`), and otherwise the refusal EMPTY.
    """
    try:
        value = json.loads(body)
        choice, used = value["choices"][0], value.get("usage") or {}
        message, finish_reason = choice["message"], _text(choice.get("finish_reason"))
        text = _content(message.get("content"))
        if not text.strip() and finish_reason == "stop":
            text = next((thought for name in _THOUGHTS if (thought := _content(message.get(name)))), "")
        reason = ""
        if finish_reason == CONTENT_FILTER:
            reason = CONTENT_FILTER
        elif not text.strip():
            reason = ONLY_A_THOUGHT if finish_reason == "length" else EMPTY
        return Reply(
            text="" if reason else text,
            finish_reason=finish_reason,
            model=_text(value.get("model")),
            prompt_tokens=_count(used.get("prompt_tokens")),
            completion_tokens=_count(used.get("completion_tokens")),
            refusal=reason,
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _content(content: object) -> str:
    """Return the text of a message's content. The content may be a text, a list of parts, or None.

    Parts without a text are left out. None gives "".

    Raises:
        TypeError: the content is of another type.
    """
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(_parts(content))
    if not isinstance(content, str):
        raise TypeError(f"content of type {type(content).__name__}")
    return _text(content)


def _parts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str):
            yield _text(text)


def _text(value: object) -> str:
    """Convert a value to text that UTF-8 can encode. Each lone surrogate becomes a replacement character."""
    return re.sub(r"[\ud800-\udfff]", "\ufffd", str(value))


def _count(value: object) -> int:
    """Convert a value to a number of tokens; 0 if the value is not a number from 0 to MOST_TOKENS."""
    return int(value) if isinstance(value, int | float) and 0 <= value <= MOST_TOKENS else 0
