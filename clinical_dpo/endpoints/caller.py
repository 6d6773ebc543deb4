"""Make the calls of a run to a server.

Requests with equal messages share one conversation. If the reply to a call is unreadable, another call follows in the
same conversation, up to CALLS_PER_REPLY calls. A call makes up to ATTEMPTS attempts to get a reply, and waits after a
failed attempt. Refusals of requests are stored.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.endpoints.chat_server import ChatServer, Messages, Outcome
from clinical_dpo.endpoints.refusals import CONTENT_FILTER, possible_text_refusal, text_refusal
from clinical_dpo.endpoints.replies import UNREADABLE, Reply, read_body, refusal
from clinical_dpo.endpoints.reply_store import ReplyStore
from clinical_dpo.errors import PublicError
from clinical_dpo.io import json_sha256
from clinical_dpo.records import Message

ATTEMPTS = 8  # per call, if the server is busy, fails or cannot be reached
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between attempts, doubled each time
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that requests more is not called again in this run
CALLS_PER_REPLY = 3  # most calls of a run for one reply, if replies are empty or unreadable
REFUSALS_WITHOUT_REPLY = 10  # refusals after which a server that has replied to nothing is taken to refuse everything
T = TypeVar("T")


@dataclass
class Conversation:
    """The conversation that one request begins.

    Each unreadable reply is added to `messages`, followed by a reminder. The first readable reply, or a refusal,
    becomes `reply` and ends the conversation.
    """

    name: str
    messages: Messages
    unreadable: list[Reply] = field(default_factory=list)
    reply: Reply | None = None


def distinct(objects: Iterable[T]) -> list[T]:
    """Return each object once, in the order of first occurrence. Objects are compared by identity, not by equality."""
    return list({id(each): each for each in objects}.values())


def _joined(replies: Sequence[Reply]) -> Reply:
    """Return the last reply, with the calls and the tokens of all replies added up."""
    return replace(
        replies[-1],
        prompt_tokens=sum(each.prompt_tokens for each in replies),
        completion_tokens=sum(each.completion_tokens for each in replies),
        calls=sum(each.calls for each in replies),
    )


@dataclass
class Caller:
    """Makes the calls of a run to a server in several threads, and counts calls and tokens.

    The fields from `endpoint` to `refuse_unreadable` correspond to the arguments of `client.request_completions`.
    `store` is the open file of replies.
    """

    endpoint: Endpoint
    prompt_version: str
    store: ReplyStore
    valid: Callable[[str], bool]
    reminder: str
    say: Callable[[str], object]
    reply_schema: Mapping[str, Any] | None = None
    refuse_unreadable: bool = False  # whether a request without a readable reply counts as refused
    calls: int = 0
    sent: int = 0  # tokens
    received: int = 0  # tokens
    replied: bool = False  # whether the server has replied to a request of these settings
    refusals: list[tuple[str, str, str, Outcome]] = field(default_factory=list)  # call, request, code, outcome
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def server(self) -> str:
        """Address of the server and name of the model.

        The store names the server by this text when it records that the server refuses a reply schema.
        """
        return f"{self.endpoint.base_url} {self.endpoint.model}"

    def digest(self, messages: Messages) -> str:
        """Return the SHA-256 of the server's address, the settings, the prompt version and the messages.

        The store identifies a call by this digest.
        """
        made_from = [self.endpoint.base_url, self.endpoint.body, self.prompt_version, messages]
        return json_sha256(made_from)

    def conversations(
        self, requests: Iterable[tuple[str, Messages]], stored_refusals: bool = False
    ) -> dict[str, Conversation]:
        """Return request id -> conversation, with the stored replies added.

        Requests with equal messages share a conversation.

        Args:
            requests: (id, messages) of each request.
            stored_refusals: whether a stored refusal ends a conversation. If false, the refused request is made again.
        """
        by_digest: dict[str, Conversation] = {}
        conversations = {}
        for name, messages in requests:
            digest = self.digest(messages)
            if digest not in by_digest:
                by_digest[digest] = Conversation(name, messages)
                self.add_stored_replies(by_digest[digest], stored_refusals)
            conversations[name] = by_digest[digest]
        return conversations

    def add_stored_replies(self, conversation: Conversation, stored_refusals: bool) -> None:
        """Add stored replies to a conversation until it has a readable reply, or until no further reply is stored.

        If `stored_refusals` is true, a stored refusal is also added, and it ends the conversation.
        """
        while not conversation.reply:
            digest = self.digest(conversation.messages)
            reply = read_body(self.store.bodies.get(digest, ""))
            if reply and not reply.refusal:
                self.add_reply(conversation, reply)
                self.replied = True
            elif stored_refusals and digest in self.store.refusals:
                self.add_reply(conversation, self.store.refusals[digest])
            else:
                break

    def add_reply(self, conversation: Conversation, reply: Reply) -> None:
        """Add a reply to a conversation.

        A readable reply or a refusal ends the conversation. An unreadable reply is added to the conversation's
        messages, and a reminder follows it.
        """
        if not reply.refusal and not self.valid(reply.text):
            answer: Message = {"role": "assistant", "content": reply.text}
            conversation.unreadable.append(reply)
            conversation.messages = (*conversation.messages, answer, {"role": "user", "content": self.reminder})
            return
        conversation.reply = _joined([*conversation.unreadable, reply])

    def finish_all(self, server: ChatServer, conversations: Sequence[Conversation]) -> None:
        """Make calls until every conversation has a reply or a refusal, or has used up its CALLS_PER_REPLY calls.

        Raises:
            PublicError: a call fails (see `call`), or the server seems to refuse every request. After a failed call, no
                further call is made.
        """
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
        self.check_refusals(server, 1)
        for digest, _, code, _ in self.refusals:
            self.store.keep_refusal(digest, refusal(code))

    def check_refusals(self, server: ChatServer, most: int) -> None:
        """Raise PublicError if the server seems to refuse every request.

        The error is raised if the server has refused at least `most` requests and has replied to none so far.
        Refusals that are certainly due to the text of one request are not counted.
        """
        if not self.replied and len(self.refusals) >= most:
            _, name, _, outcome = self.refusals[0]
            server.check_refusal(outcome, name)

    def finish(self, server: ChatServer, conversation: Conversation) -> None:
        """Request replies (`call`) until a conversation has a readable reply or a refusal.

        At most CALLS_PER_REPLY replies are requested. If none of them is readable and `refuse_unreadable` is true, the
        conversation ends with a refusal. If a call raises an error, in this or another conversation, no further reply
        is requested.
        """
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
        if self.refuse_unreadable and not conversation.reply and not self.stopped.is_set():
            self.add_reply(conversation, self.refuse(conversation.messages, replace(refusal(UNREADABLE), calls=0)))

    def call(self, server: ChatServer, name: str, messages: Messages) -> Reply | None:
        """Make up to ATTEMPTS attempts to get a reply to a request.

        Args:
            server: the connected server.
            name: id of the request, for the log.
            messages: the conversation.

        Returns:
            The reply. The result is a refusal if the server seems to refuse this request because of its text, if the
            server's content filter ends a reply, or after CALLS_PER_REPLY replies without text. The result is None if
            another call fails while this call waits for its next attempt.

        Raises:
            PublicError: all attempts fail, the server requests a wait of more than LONGEST_RETRY_AFTER seconds, another
                attempt would fail in the same way, or the server refuses REFUSALS_WITHOUT_REPLY requests and replies to
                none. The error is also raised if an unexpected user of this host (see `listeners.check_listener`) would
                receive a key, another secret or private text.
        """
        problem, schema = "", self.reply_schema
        without_text: list[Reply] = []
        for attempt in range(ATTEMPTS):
            outcome = self.attempt(server, name, messages, schema)
            reply, code = outcome.reply, text_refusal(outcome.status, outcome.body)
            if reply and not reply.refusal:
                if self.reply_schema and not schema:
                    self.reply_schema = None
                    self.store.note_schema_refusal(self.server)
                self.replied = True
                return reply
            if reply:
                without_text.append(reply)
                problem = reply.refusal
                if reply.refusal == CONTENT_FILTER or len(without_text) == CALLS_PER_REPLY:
                    return self.refuse(messages, _joined(without_text))
            elif code:
                return self.refuse(messages, refusal(code))
            elif schema and server.refuses_request(outcome):
                schema = None
                continue
            elif code := possible_text_refusal(outcome.status, outcome.body):
                with self.lock:
                    self.refusals.append((self.digest(messages), name, code, outcome))
                self.check_refusals(server, REFUSALS_WITHOUT_REPLY)
                return refusal(code)
            else:
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
            f"{server.label}: no usable reply to request '{name}'; last outcome: {problem}. Replies so far are saved. "
            "Check that the server runs and that base_url is right. If replies take too long, raise timeout_seconds or "
            "lower concurrency. Run again when the server replies."
        )

    def refuse(self, messages: Messages, reply: Reply) -> Reply:
        """Store that the server refused a call. Return `reply`.

        Args:
            messages: the messages that the call sent.
            reply: a reply with the code of the refusal.
        """
        self.store.keep_refusal(self.digest(messages), reply)
        return reply

    def attempt(
        self, server: ChatServer, name: str, messages: Messages, reply_schema: Mapping[str, Any] | None
    ) -> Outcome:
        """Make one attempt of a call. Store the outcome, and add its tokens to the counts."""
        digest = self.digest(messages)
        server.check_listener()
        self.store.note_call(digest, id=name, prompt_version=self.prompt_version, model=self.endpoint.model)
        started = time.monotonic()
        outcome = server.call(messages, reply_schema)
        seconds = round(time.monotonic() - started, 3)
        is_reply = bool(outcome.reply and not outcome.reply.refusal)
        self.store.keep(digest, outcome.body, is_reply, id=name, status=outcome.status, seconds=seconds)
        with self.lock:
            self.calls += 1
            self.sent += outcome.reply.prompt_tokens if outcome.reply else 0
            self.received += outcome.reply.completion_tokens if outcome.reply else 0
        return outcome
