"""Estimate the tokens and the cost of calls to a server before the calls are made."""

from typing import NamedTuple

from clinical_dpo.config.endpoints import Endpoint

CHARACTERS_PER_TOKEN = 4  # rough value for English text


class CallEstimate(NamedTuple):
    """The estimated tokens and cost of calls to a server. Every reply is assumed to have the largest allowed length.

    Attributes:
        calls: number of calls.
        sent: estimated number of tokens in the messages of all calls together.
        received: largest number of tokens in the replies to all calls together.
        usd: cost in US dollars of these tokens; None if the endpoint has no price.
    """

    calls: int
    sent: int
    received: int
    usd: float | None


def estimate_calls(endpoint: Endpoint, calls: int, characters: float) -> CallEstimate:
    """Estimate the tokens and the cost of calls to a server.

    Args:
        endpoint: the server and its settings.
        calls: number of calls.
        characters: number of characters in the messages of all calls together.
    """
    sent, received = int(characters // CHARACTERS_PER_TOKEN), calls * endpoint.token_limit
    return CallEstimate(calls, sent, received, endpoint.cost(sent, received))
