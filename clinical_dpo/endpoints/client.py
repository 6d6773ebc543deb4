"""Request completions from an OpenAI-compatible server. Each reply is stored on arrival and is never paid for twice."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.endpoints.call_estimate import estimate_calls
from clinical_dpo.endpoints.caller import CALLS_PER_REPLY, Caller, Conversation, distinct
from clinical_dpo.endpoints.chat_server import Messages, connect
from clinical_dpo.endpoints.replies import Reply
from clinical_dpo.endpoints.reply_store import ReplyStore
from clinical_dpo.errors import PublicError

REMINDER = "That is not the form asked for. Answer again, in that form alone."


@dataclass(frozen=True)
class Request:
    """A request for a completion. `id` names the request in logs and errors. `messages` is the conversation."""

    id: str
    messages: Messages


def _pairs(requests: Iterable[Request]) -> list[tuple[str, Messages]]:
    return [(request.id, request.messages) for request in requests]


def _any_text(text: str) -> bool:
    return True


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def request_completions(
    endpoint: Endpoint,
    requests: Sequence[Request],
    store: str | Path,
    prompt_version: str,
    *,
    valid: Callable[[str], bool] | None = None,
    reminder: str = REMINDER,
    reply_schema: Mapping[str, Any] | None = None,
    private: bool = False,
    refuse_unreadable: bool = False,
    say: Callable[[str], object] = _to_stderr,
) -> dict[str, Reply]:
    """Get a reply or a refusal to every request, at temperature 0, with at most `endpoint.concurrency` calls at once.

    A stored reply is used if its server, model, settings, prompt version and messages are equal to those of the
    request. Requests with equal messages share a reply. A later run repeats a call only if the call failed or was
    refused, or if the earlier run was killed during the call.

    A run makes at most CALLS_PER_REPLY calls for a request. If a reply is not `valid`, the next call sends `reminder`
    in the same conversation.

    A call has at most `caller.ATTEMPTS` attempts. Another attempt follows if the server is busy (429) or fails (408,
    409, 5xx except 501), if the attempt times out, if the connection breaks, if the body is not a completion, or if the
    reply has no text. The wait before an attempt doubles each time, with jitter, or follows Retry-After.

    A refused request does not stop the run. A request counts as refused in these cases:
    - Its text exceeds the context length.
    - A content filter rejects its text or cuts off its reply.
    - Within one call, the replies to three attempts have no text.
    - The server rejects it (400, 422), but replies to other requests.

    Args:
        endpoint: the server and its settings.
        requests: the requests, with unique ids.
        store: JSON Lines file of all replies so far; see `reply_store`.
        prompt_version: version of the messages' wording.
        valid: function that says whether a reply's text is readable; None accepts every text.
        reminder: message that follows an unreadable reply.
        reply_schema: JSON schema of the replies (`response_format`), unless the endpoint's parameters set a schema. If
            the server refuses the schema in the first call, the run goes on without a schema and stores this refusal.
        private: whether the messages contain private text. Calls then bypass all proxies, and the store is closed to
            other users.
        refuse_unreadable: whether a request without a readable reply counts as refused. If false, it raises an error.
        say: function that writes a line of the log, such as the estimate or the tokens used. No line contains the
            API key or text of the messages.

    Returns:
        Request id -> reply. A refused request has a reply with `Reply.refusal`.

    Raises:
        UserError: the server refuses the API key or all requests, cannot be reached, or is not OpenAI-compatible. Or
            replies are unreadable; the error then names the ids of their requests. Readable replies are saved.
    """
    with contextlib.closing(ReplyStore(store, private)) as replies:
        caller = Caller(endpoint, prompt_version, replies, valid or _any_text, reminder, say)
        caller.refuse_unreadable = refuse_unreadable
        if "response_format" not in endpoint.parameters and caller.server not in replies.servers_without_schema:
            caller.reply_schema = reply_schema
        conversations = caller.conversations(_pairs(requests))
        open_conversations = [each for each in distinct(conversations.values()) if not each.reply]
        say(_estimate(endpoint, len(requests), open_conversations, replies.interrupted))
        if open_conversations:
            with connect(endpoint, private) as server:
                caller.finish_all(server, open_conversations)
            say(f"{endpoint.name}: {caller.calls} calls made, {caller.sent} tokens sent, {caller.received} received")
    if unreadable := [name for name, conversation in conversations.items() if not conversation.reply]:
        raise PublicError(
            f"endpoint '{endpoint.name}' ({endpoint.model}): {len(unreadable)} replies are unreadable: "
            f"{', '.join(unreadable)}. {store} holds all replies. Readable replies are not requested again. "
            f"Run again: each unreadable reply gets up to {CALLS_PER_REPLY} more calls. If replies are still "
            "unreadable and are cut off, raise max_tokens, or the limit in `parameters` that replaces max_tokens. If "
            "they are not cut off, use another model. After such a change all replies are requested again."
        )
    return {name: conversation.reply for name, conversation in conversations.items() if conversation.reply}


def kept_replies(
    endpoint: Endpoint,
    requests: Sequence[Request],
    store: str | Path,
    prompt_version: str,
    *,
    valid: Callable[[str], bool] | None = None,
    reminder: str = REMINDER,
    private: bool = False,
) -> dict[str, Reply]:
    """Return request id -> reply or refusal that an earlier run stored. No call is made.

    A request without a stored reply is left out. The arguments are as for `request_completions`.
    """
    if not Path(store).exists():
        return {}
    with contextlib.closing(ReplyStore(store, private)) as replies:
        caller = Caller(endpoint, prompt_version, replies, valid or _any_text, reminder, _to_stderr)
        conversations = caller.conversations(_pairs(requests), stored_refusals=True)
    return {name: conversation.reply for name, conversation in conversations.items() if conversation.reply}


def usage(replies: Iterable[Reply]) -> dict[str, int]:
    """Return the sums of `calls`, `prompt_tokens` and `completion_tokens` over the replies.

    The sums include calls that earlier runs made for these replies. If several requests share a reply, the reply counts
    once.
    """
    counted = distinct(replies)
    return {
        "calls": sum(reply.calls for reply in counted),
        "prompt_tokens": sum(reply.prompt_tokens for reply in counted),
        "completion_tokens": sum(reply.completion_tokens for reply in counted),
    }


def _estimate(endpoint: Endpoint, needed: int, conversations: Sequence[Conversation], interrupted: int) -> str:
    """Return the line of the log that says how many calls will be made, and estimates their tokens and cost.

    Args:
        endpoint: the server.
        needed: number of requests, with or without a stored reply.
        conversations: the conversations that have no reply yet.
        interrupted: number of calls that were under way when an earlier run was killed.
    """
    characters = sum(len(message["content"]) for each in conversations for message in each.messages)
    estimate = estimate_calls(endpoint, len(conversations), characters)
    cost = "" if estimate.usd is None else f", about {estimate.usd:.2f} US dollars at most"
    repeated = (
        f". An earlier run was killed during {interrupted} calls. The server may count these calls twice."
        if interrupted
        else ""
    )
    return (
        f"{endpoint.name} ({endpoint.model}): {needed} replies needed, {estimate.calls} calls to make, about "
        f"{estimate.sent} tokens to send and {estimate.received} to receive at most{cost}{repeated}"
    )
