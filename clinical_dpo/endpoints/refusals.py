"""Recognise whether a server refuses one request or every request.

A server refuses one request because of the request's text. It refuses every request because of the settings, the API
key or the account.
"""

import json
import re

CONTEXT_LENGTH = "context_length_exceeded"
CONTENT_FILTER = "content_filter"  # also the finish reason of a reply that the server's filter ended
_REQUEST_STATUSES = (400, 422)  # statuses of refusals that may be due to the text of the request
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
    """Return the code of the error in a response's body. If the error has no code, return the type of the error.

    A code or a type counts only if it consists of at most 50 lower-case letters and underscores. If the body has
    neither, the result is an empty text. The message of the error is not returned, because it may quote the API key or
    the text of the request.
    """
    return next((word for word in _words(body)[:2] if re.fullmatch(r"[a-z_]{1,50}", word)), "")


def _words(body: str) -> list[str]:
    """Return the code, the type and the message of the error in a response's body. A missing part is an empty text."""
    try:
        error = json.loads(body)["error"]
        error = {"message": error} if isinstance(error, str) else error
        return [str(error.get(name) or "") for name in ("code", "type", "message")]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return ["", "", ""]


def text_refusal(status: int | str, body: str) -> str | None:
    """If a server refuses one request because of its text, return the code of the refusal; else None.

    Args:
        status: HTTP status of the response. If no complete response was received, a text that says why.
        body: body of the response.
    """
    if isinstance(status, str) or not 400 <= status < 500 or status in (401, 429):
        return None
    if status == 413:
        return CONTEXT_LENGTH
    words = " ".join(_words(body))
    return next((code for code, pattern in _OF_A_TEXT.items() if pattern.search(words)), None)


def possible_text_refusal(status: int | str, body: str) -> str | None:
    """Return the error code of a refusal that may be due to the request's text (HTTP status 400 or 422); else None.

    If `error_code` finds no code, return the status, such as "http_400". The statuses 400 and 422 do not show whether
    the server refuses only this request or every request. The caller must check whether the server replies to other
    requests.

    Args:
        status: as in `text_refusal`.
        body: body of the response.
    """
    if status not in _REQUEST_STATUSES:
        return None
    return error_code(body) or f"http_{status}"


def account_refusal(status: int | str, body: str) -> str | None:
    """If a server refuses a request because the account cannot pay, return the code of the refusal; else None.

    The status is often that of a busy server (429), but waiting does not help.
    """
    code = error_code(body)
    if status == 402:
        return code or "payment_required"
    kinds = " ".join(_words(body)[:2])  # not the message: some servers name quota and billing for a limit per minute
    return (code or "quota") if status == 429 and _OF_AN_ACCOUNT.search(kinds) else None
