"""Requests to an endpoint, and their replies."""

from clinical_dpo.endpoints.client import Request, request_completions


def request(content="question", name="item"):
    """A request with a single message of the user."""
    return Request(name, ({"role": "user", "content": content},))


def requests(n):
    """Requests item0, item1, ... with different messages."""
    return [request(f"question {i}", f"item{i}") for i in range(n)]


def ask(server, tmp_path, n=4, version="v1", say=None, store="replies.jsonl", **options):
    """The replies to `n` requests, and the lines of the log."""
    endpoint = options.pop("endpoint", None) or server.endpoint()
    lines = []
    replies = request_completions(endpoint, requests(n), tmp_path / store, version, say=say or lines.append, **options)
    return replies, lines
