"""Refusals of a server: of one request because of its text, and of all requests because of settings, key or account."""

import json
import re

CONTEXT_LENGTH = "context_length_exceeded"
CONTENT_FILTER = "content_filter"  # also the finish reason of a reply that the server's filter ended
_REQUEST_STATUSES = (400, 413, 422)  # statuses with which servers refuse a request because of its text, among others
# Servers have no common code for the refusal of a text, so that type and message are read too.
_OF_A_TEXT = {
    CONTENT_FILTER: re.compile(
        r"content.?(?:filter|policy|management)|moderation|responsible.?ai|invalid_prompt", re.I
    ),
    CONTEXT_LENGTH: re.compile(
        r"context.?(?:length|window|size)|maximum.context|too many (?:input |prompt )?tokens|(?:prompt|input|request) "
        r"is too (?:long|large)|string_above_max_length|request_too_large",
        re.I,
    ),
}
_OF_AN_ACCOUNT = re.compile(
    r"insufficient.*(?:quota|balance|funds|credits?)|billing|account_|credit_balance|deactivated"
)


def error_code(body: str) -> str:
    """The code or type of the error in a body; empty without one. The message may quote the key or the text."""
    return next((word for word in _words(body)[:2] if re.fullmatch(r"[a-z_]{1,50}", word)), "")


def _words(body: str) -> list[str]:
    """Code, type and message of the error in a body; empty texts where they are missing."""
    try:
        error = json.loads(body)["error"]
        error = {"message": error} if isinstance(error, str) else error
        return [str(error.get(name) or "") for name in ("code", "type", "message")]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return ["", "", ""]


def text_refusal(status: int | str, body: str) -> str | None:
    """The code of a refusal of one request because of its text; None for any other outcome.

    Args:
        status: HTTP status, or the reason in words why there is none.
        body: body of the response.
    """
    if isinstance(status, str) or not 400 <= status < 500 or status in (401, 429):
        return None
    if status == 413:
        return CONTEXT_LENGTH
    words = " ".join(_words(body))
    return next((code for code, pattern in _OF_A_TEXT.items() if pattern.search(words)), None)


def possible_text_refusal(status: int | str, body: str) -> str | None:
    """The code of a refusal that may be of one request or of all; None for any other outcome.

    It is of one request if the server replies to others.
    """
    if status not in _REQUEST_STATUSES:
        return None
    return error_code(body) or f"http_{status}"


def account_refusal(status: int | str, body: str) -> str | None:
    """The code of a refusal to an account that cannot pay; None for any other outcome.

    Waiting does not help, although the status is often that of a busy server (429).
    """
    code = error_code(body)
    if status == 402:
        return code or "payment_required"
    kinds = " ".join(_words(body)[:2])  # not the message: some servers name quota and billing for a limit per minute
    return (code or "quota") if status == 429 and _OF_AN_ACCOUNT.search(kinds) else None
