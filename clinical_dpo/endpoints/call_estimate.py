"""Estimate the tokens and the cost of calls to a server before the calls are made."""

from typing import NamedTuple

from clinical_dpo.config.endpoints import Endpoint

CHARACTERS_PER_TOKEN = 4  # rough value for English text


class CallEstimate(NamedTuple):
    """An estimate of the tokens and the cost of calls, if every reply has the largest length.

    Attributes:
        calls: number of calls.
        sent: tokens of the messages of all calls.
        received: largest number of tokens of all replies.
        usd: largest cost in US dollars; None without a price.
    """

    calls: int
    sent: int
    received: int
    usd: float | None


def estimate_calls(endpoint: Endpoint, calls: int, characters: float) -> CallEstimate:
    """Estimate the tokens and the cost of calls.

    Args:
        endpoint: the server.
        calls: number of calls.
        characters: number of characters in the messages of all calls.
    """
    sent, received = int(characters // CHARACTERS_PER_TOKEN), calls * endpoint.token_limit
    return CallEstimate(calls, sent, received, endpoint.cost(sent, received))
