"""Request completions from an OpenAI-compatible server. Each reply is stored on arrival and never paid for twice."""

import contextlib
import hashlib
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.endpoints.chat_server import ChatServer, Messages, Outcome, Reply, connect, read_body
from clinical_dpo.endpoints.reply_store import ReplyStore
from clinical_dpo.errors import PublicError
from clinical_dpo.records import Message

ATTEMPTS = 8  # per call, if the server is busy, fails or cannot be reached
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between attempts, doubled each time
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that requests more is not called again in this run
CALLS_PER_REPLY = 3  # most calls of a run for one reply, if replies are unreadable
CHARACTERS_PER_TOKEN = 4  # rough value for English text; for the estimate only
T = TypeVar("T")
REMINDER = "That is not the form asked for. Answer again, in that form alone."


@dataclass(frozen=True)
class Request:
    """A request: `id` names it in logs and errors; `messages` is the conversation."""

    id: str
    messages: Messages


def _distinct(objects: Iterable[T]) -> list[T]:
    """Return each object once, in order. Objects are compared by identity, not by equality."""
    return list({id(each): each for each in objects}.values())


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
    say: Callable[[str], object] = _to_stderr,
) -> dict[str, Reply]:
    """Get a reply to every request, at temperature 0, with at most `endpoint.concurrency` calls at once.

    Stored replies are used first. A stored reply belongs to a server, model, settings, prompt version and sequence of
    messages. Requests with equal messages share a reply. A stored call is made again only if a kill interrupted it.

    A call is repeated if the server is busy (429) or fails (408, 409, 5xx), if the call times out, if the connection
    breaks, or if the body is not a completion. The wait before an attempt doubles each time, with jitter, or follows
    Retry-After. If a reply is not `valid`, `reminder` is sent in the same conversation. A run makes at most
    CALLS_PER_REPLY calls for a reply.

    Args:
        endpoint: the server and its settings.
        requests: the requests, with unique ids.
        store: JSON Lines file of all replies so far; see `reply_store`.
        prompt_version: version of the messages' wording.
        valid: whether a text is readable; None accepts every text.
        reminder: message that follows an unreadable reply.
        reply_schema: JSON schema of the replies (`response_format`), unless the endpoint's parameters set a schema. If
            the server refuses the schema in the first call, calls have no schema; the store records the refusal.
        private: bypass all proxies, and close the store to other users.
        say: writes a line of the log: the estimate, repeated calls, tokens used. Lines hold no text and no key.

    Returns:
        Request id -> reply.

    Raises:
        UserError: the server refuses the key or a request, cannot be reached, or is not OpenAI-compatible. Or replies
            are unreadable; the message then names the ids. Readable replies are saved.
    """
    with contextlib.closing(ReplyStore(store, private)) as replies:
        caller = _Caller(endpoint, prompt_version, replies, valid or _any_text, reminder, say)
        if "response_format" not in endpoint.parameters and caller.server not in replies.servers_without_schema:
            caller.reply_schema = reply_schema
        conversations = caller.conversations(requests)
        open_conversations = [each for each in _distinct(conversations.values()) if not each.reply]
        say(_estimate(endpoint, len(requests), open_conversations, replies.interrupted))
        if open_conversations:
            with connect(endpoint, private) as server:
                caller.finish_all(server, open_conversations)
            say(f"{endpoint.name}: {caller.calls} calls made; tokens sent {caller.sent}, received {caller.received}")
    if unreadable := [name for name, conversation in conversations.items() if not conversation.reply]:
        raise PublicError(
            f"endpoint '{endpoint.name}' ({endpoint.model}): {len(unreadable)} replies are unreadable: "
            f"{', '.join(unreadable)}. {store} holds all replies. Readable replies are not requested again. "
            f"Run again: each unreadable reply gets up to {CALLS_PER_REPLY} more calls. If replies are cut off, raise "
            "max_tokens. Otherwise, use another model."
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
    """Return the replies that earlier runs stored, without a call. Arguments are as for `request_completions`."""
    if not Path(store).exists():
        return {}
    with contextlib.closing(ReplyStore(store, private)) as replies:
        caller = _Caller(endpoint, prompt_version, replies, valid or _any_text, reminder)
        conversations = caller.conversations(requests)
    return {name: conversation.reply for name, conversation in conversations.items() if conversation.reply}


def usage(replies: Iterable[Reply]) -> dict[str, int]:
    """Sum the calls and tokens of the replies over all runs. A reply that several requests share counts once."""
    distinct = _distinct(replies)
    return {
        "calls": sum(reply.calls for reply in distinct),
        "prompt_tokens": sum(reply.prompt_tokens for reply in distinct),
        "completion_tokens": sum(reply.completion_tokens for reply in distinct),
    }


@dataclass
class _Conversation:
    """The conversation of a request. Unreadable replies are added to its messages; a readable reply ends it."""

    name: str
    messages: Messages
    unreadable: list[Reply] = field(default_factory=list)
    reply: Reply | None = None


@dataclass
class _Caller:
    """Makes the calls of a run in several threads, and counts calls and tokens."""

    endpoint: Endpoint
    prompt_version: str
    store: ReplyStore
    valid: Callable[[str], bool]
    reminder: str
    say: Callable[[str], object] = _to_stderr
    reply_schema: Mapping[str, Any] | None = None
    calls: int = 0
    sent: int = 0  # tokens
    received: int = 0  # tokens
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def server(self) -> str:
        """Address of the server and name of the model. A refusal of a reply schema is stored under this name."""
        return f"{self.endpoint.base_url} {self.endpoint.model}"

    def digest(self, messages: Messages) -> str:
        """SHA-256 of everything that a call's reply depends on. It identifies the call in the store."""
        made_from = [self.endpoint.base_url, self.endpoint.body, self.prompt_version, messages]
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()

    def conversations(self, requests: Sequence[Request]) -> dict[str, _Conversation]:
        """Request id -> conversation with all stored replies. Requests with equal messages share a conversation."""
        by_digest: dict[str, _Conversation] = {}
        for request in requests:
            digest = self.digest(request.messages)
            if digest not in by_digest:
                by_digest[digest] = self.with_stored_replies(_Conversation(request.id, request.messages))
        return {request.id: by_digest[self.digest(request.messages)] for request in requests}

    def with_stored_replies(self, conversation: _Conversation) -> _Conversation:
        """Add stored replies to a conversation, up to a readable reply or to the next call."""
        while not conversation.reply:
            reply = read_body(self.store.bodies.get(self.digest(conversation.messages), ""))
            if not reply:
                break
            self.add_reply(conversation, reply)
        return conversation

    def add_reply(self, conversation: _Conversation, reply: Reply) -> None:
        """End the conversation if the reply is readable. Else add the reply and the reminder to its messages."""
        if not self.valid(reply.text):
            answer: Message = {"role": "assistant", "content": reply.text}
            conversation.unreadable.append(reply)
            conversation.messages = (*conversation.messages, answer, {"role": "user", "content": self.reminder})
            return
        replies = [*conversation.unreadable, reply]
        conversation.reply = replace(
            reply,
            prompt_tokens=sum(each.prompt_tokens for each in replies),
            completion_tokens=sum(each.completion_tokens for each in replies),
            calls=len(replies),
        )

    def finish_all(self, server: ChatServer, conversations: Sequence[_Conversation]) -> None:
        """Make calls until every conversation has its reply or its number of calls. An error stops further calls."""
        if self.reply_schema:  # the first call shows whether the server accepts the schema
            self.finish(server, conversations[0])
            conversations = conversations[1:]
        with ThreadPoolExecutor(self.endpoint.concurrency) as pool:
            futures = [pool.submit(self.finish, server, conversation) for conversation in conversations]
            try:
                for future in futures:
                    future.result()
            finally:
                self.stopped.set()

    def finish(self, server: ChatServer, conversation: _Conversation) -> None:
        """Make up to CALLS_PER_REPLY calls for a conversation's reply."""
        for _ in range(CALLS_PER_REPLY):
            if conversation.reply or self.stopped.is_set():
                return
            try:
                reply = self.call(server, conversation.name, conversation.messages)
            except BaseException:
                self.stopped.set()
                raise
            if reply:
                self.add_reply(conversation, reply)

    def call(self, server: ChatServer, name: str, messages: Messages) -> Reply | None:
        """Get a reply in up to ATTEMPTS attempts; None if the error of another call ends the wait.

        Raises:
            UserError: no attempt gives a reply, or the server refuses the request.
        """
        problem, schema = "", self.reply_schema
        for attempt in range(ATTEMPTS):
            outcome = self.attempt(server, name, messages, schema)
            if outcome.reply:
                if self.reply_schema and not schema:
                    self.reply_schema = None
                    self.store.note_schema_refusal(self.server)
                return outcome.reply
            if schema and server.refuses_request(outcome):
                schema = None
                continue
            server.check_refusal(outcome, name)
            problem = "a body that is not a completion" if outcome.status == 200 else str(outcome.status)
            if (outcome.wait or 0) > LONGEST_RETRY_AFTER:
                problem += f", and the server requests a wait of {outcome.wait:.0f} s"
                break
            if attempt + 1 < ATTEMPTS:
                backoff = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * random.uniform(0.5, 1)
                pause = backoff if outcome.wait is None else outcome.wait + random.uniform(0, FIRST_WAIT)
                self.say(f"{name}: {problem}; next attempt in {pause:.1f} s")
                if self.stopped.wait(pause):
                    return None
        raise PublicError(
            f"{server.label}: no usable reply for {name}; last outcome: {problem}. Replies so far are saved. Run again "
            "once the server replies."
        )

    def attempt(
        self, server: ChatServer, name: str, messages: Messages, reply_schema: Mapping[str, Any] | None
    ) -> Outcome:
        """Make a call, store its outcome and count its tokens."""
        digest = self.digest(messages)
        server.check_listener()
        self.store.note_call(digest, id=name, prompt_version=self.prompt_version, model=self.endpoint.model)
        started = time.monotonic()
        outcome = server.call(messages, reply_schema)
        seconds = round(time.monotonic() - started, 3)
        self.store.keep(digest, outcome.body, bool(outcome.reply), id=name, status=outcome.status, seconds=seconds)
        with self.lock:
            self.calls += 1
            self.sent += outcome.reply.prompt_tokens if outcome.reply else 0
            self.received += outcome.reply.completion_tokens if outcome.reply else 0
        return outcome


def _estimate(endpoint: Endpoint, needed: int, conversations: Sequence[_Conversation], interrupted: int) -> str:
    """Line of the log with the number of calls to make, and an upper bound of tokens and cost."""
    characters = sum(len(message["content"]) for each in conversations for message in each.messages)
    sent, received = characters // CHARACTERS_PER_TOKEN, len(conversations) * endpoint.max_tokens
    price = endpoint.price
    dollars = (sent * price["input"] + received * price["output"]) / 1e6 if price else 0.0
    cost = f", about {dollars:.2f} US dollars at most" if price else ""
    repeated = (
        f"; a kill interrupted {interrupted} earlier calls; the server may count them twice" if interrupted else ""
    )
    return (
        f"{endpoint.name} ({endpoint.model}): {needed} replies needed, {len(conversations)} calls to make, about "
        f"{sent} tokens to send and {received} to receive at most{cost}{repeated}"
    )
