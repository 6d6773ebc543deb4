"""Asking any OpenAI-compatible server: every reply is kept as it arrives, so that none is paid for twice."""

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
from clinical_dpo.endpoints.chat_server import ChatServer, Messages, Reply, connect, read_body
from clinical_dpo.endpoints.reply_store import ReplyStore
from clinical_dpo.errors import PublicError

ATTEMPTS = 8  # at one call, where the server is busy, fails or cannot be reached
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between them, doubled each time
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that asks for more has nothing left to give today
ASKS = 3  # times one run asks for the same reply in a form that can be read
CHARACTERS_PER_TOKEN = 4  # of English text, roughly; for the estimate alone
T = TypeVar("T")
REMINDER = "That is not the form asked for. Answer again, in that form alone."


@dataclass(frozen=True)
class Request:
    """One thing to ask: `id` names it in logs and errors, `messages` are the chat API's (`role`, `content`)."""

    id: str
    messages: Messages


def _distinct(things: Iterable[T]) -> list[T]:
    """Each object once, in order; equal ones may be different objects."""
    return list({id(thing): thing for thing in things}.values())


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
    form: Mapping[str, Any] | None = None,
    private: bool = False,
    say: Callable[[str], object] = _to_stderr,
) -> dict[str, Reply]:
    """Ask for a reply to every request, at temperature 0, at most `endpoint.concurrency` at once.

    A reply is looked up in `store` first. It belongs to one server, model, settings, prompt version and sequence of
    messages, and to nothing else; requests with the same messages share it. Only calls that were under way when a run
    was killed are made again.

    Where the server is busy (429) or fails (408, 409, 5xx), the time is up, the connection breaks or the body is no
    completion, the call is repeated after a wait that doubles, with jitter, or that Retry-After names. A reply that is
    not `valid` is asked for again in the same conversation, with `reminder`, up to ASKS times a run.

    Args:
        store: JSON Lines of all replies so far; see `reply_store`.
        prompt_version: of the messages' wording.
        valid: whether a text can be read; any can if None.
        form: JSON schema that replies are to keep to (`response_format`), unless the endpoint's own parameters name
            one. A server that refuses it is asked without; the first call finds out, and the store keeps that.
        private: go straight to the server, past any proxy, and keep the store from other users.
        say: takes the lines of the log: the estimate, retries, what was used. They hold no text and no key.

    Returns:
        The reply to each request, by its id.

    Raises:
        UserError: the key or a request is refused, the server cannot be reached or is none of this kind, or replies
            cannot be read (with the ids). Good replies are kept.
    """
    with contextlib.closing(ReplyStore(store, private)) as kept:
        asker = _Asker(endpoint, prompt_version, kept, valid or _any_text, reminder, say)
        asker.form = None if "response_format" in endpoint.parameters or asker.server in kept.formless else form
        chains = asker.chains(requests)
        unasked = [chain for chain in _distinct(chains.values()) if not chain.reply]
        say(_estimate(endpoint, len(requests), unasked, kept.lost))
        if unasked:
            with connect(endpoint, private) as server:
                asker.ask_all(server, unasked)
            say(f"{endpoint.name}: {asker.calls} calls made; tokens sent {asker.sent}, received {asker.received}")
    replies = {name: chain.reply for name, chain in chains.items()}
    if unread := [name for name, reply in replies.items() if not reply]:
        raise PublicError(
            f"{len(unread)} replies of endpoint '{endpoint.name}' ({endpoint.model}) cannot be read: "
            f"{', '.join(unread)}. "
            f"All replies stand in {store}; the good ones are not asked for again. Run again to ask for these up to "
            f"{ASKS} times more, raise max_tokens if they are cut off, or take another model."
        )
    return {name: reply for name, reply in replies.items() if reply}


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
    """The replies that earlier runs have kept: `request_completions` without any call, and with its arguments."""
    if not Path(store).exists():
        return {}
    with contextlib.closing(ReplyStore(store, private)) as kept:
        chains = _Asker(endpoint, prompt_version, kept, valid or _any_text, reminder).chains(requests)
    return {name: chain.reply for name, chain in chains.items() if chain.reply}


def usage(replies: Iterable[Reply]) -> dict[str, int]:
    """Calls and tokens of the replies, in whichever run. A reply that several requests share counts once."""
    counted = _distinct(replies)
    return {
        "calls": sum(reply.calls for reply in counted),
        "prompt_tokens": sum(reply.prompt_tokens for reply in counted),
        "completion_tokens": sum(reply.completion_tokens for reply in counted),
    }


@dataclass
class _Chain:
    """A conversation about one request: replies that cannot be read join its messages, the good one ends it."""

    name: str
    messages: Messages
    unread: list[Reply] = field(default_factory=list)
    reply: Reply | None = None


@dataclass
class _Asker:
    endpoint: Endpoint
    prompt_version: str
    store: ReplyStore
    valid: Callable[[str], bool]
    reminder: str
    say: Callable[[str], object] = _to_stderr
    form: Mapping[str, Any] | None = None
    calls: int = 0
    sent: int = 0  # tokens
    received: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def server(self) -> str:
        """What takes or refuses a form of replies."""
        return f"{self.endpoint.base_url} {self.endpoint.model}"

    def digest(self, messages: Messages) -> str:
        """Name of a call, made of all that its reply depends on."""
        what = [self.endpoint.base_url, self.endpoint.body, self.prompt_version, messages]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def chains(self, requests: Sequence[Request]) -> dict[str, _Chain]:
        """Request id -> its conversation, as far as it is kept; requests with the same messages share one."""
        found: dict[str, _Chain] = {}
        for request in requests:
            digest = self.digest(request.messages)
            if digest not in found:
                found[digest] = self.follow(_Chain(request.id, request.messages))
        return {request.id: found[self.digest(request.messages)] for request in requests}

    def follow(self, chain: _Chain) -> _Chain:
        """Go along the replies that are kept, to one that can be read or to the next call."""
        while not chain.reply and (reply := read_body(self.store.bodies.get(self.digest(chain.messages), ""))):
            self.extend(chain, reply)
        return chain

    def extend(self, chain: _Chain, reply: Reply) -> None:
        if not self.valid(reply.text):
            said = {"role": "assistant", "content": reply.text}
            chain.unread.append(reply)
            chain.messages = (*chain.messages, said, {"role": "user", "content": self.reminder})
            return
        took = [*chain.unread, reply]
        chain.reply = replace(
            reply,
            prompt_tokens=sum(one.prompt_tokens for one in took),
            completion_tokens=sum(one.completion_tokens for one in took),
            calls=len(took),
        )

    def ask_all(self, server: ChatServer, chains: Sequence[_Chain]) -> None:
        """Ask until every chain has its reply or has had its calls. The first error stops what has not begun."""
        if self.form:  # the first call finds out whether the server takes the form
            self.ask(server, chains[0])
            chains = chains[1:]
        with ThreadPoolExecutor(self.endpoint.concurrency) as pool:
            futures = [pool.submit(self.ask, server, chain) for chain in chains]
            try:
                for future in futures:
                    future.result()
            finally:
                self.stopped.set()

    def ask(self, server: ChatServer, chain: _Chain) -> None:
        for _ in range(ASKS):
            if chain.reply or self.stopped.is_set():
                return
            try:
                reply = self.call(server, chain.name, chain.messages)
            except BaseException:
                self.stopped.set()
                raise
            if reply:
                self.extend(chain, reply)

    def call(self, server: ChatServer, name: str, messages: Messages) -> Reply | None:
        """One reply, None where another call's error ends the wait for it; every attempt is kept."""
        digest = self.digest(messages)
        problem, form = "", self.form
        for attempt in range(ATTEMPTS):
            server.check_listener()
            self.store.note_call(digest, id=name, prompt_version=self.prompt_version, model=self.endpoint.model)
            started = time.monotonic()
            found = server.ask(messages, form)
            seconds = round(time.monotonic() - started, 3)
            self.store.keep(digest, found.body, bool(found.reply), id=name, status=found.status, seconds=seconds)
            with self.lock:
                self.calls += 1
                self.sent += found.reply.prompt_tokens if found.reply else 0
                self.received += found.reply.completion_tokens if found.reply else 0
            if found.reply:
                if self.form and not form:
                    self.form = None
                    self.store.note_formless(self.server)
                return found.reply
            if form and server.refuses_request(found):
                form = None
                continue
            server.check_refusal(found, name)
            problem = "a body that is no completion" if found.status == 200 else str(found.status)
            if (found.wait or 0) > LONGEST_RETRY_AFTER:
                problem += f", to be asked again in {found.wait:.0f} s"
                break
            if attempt + 1 < ATTEMPTS:
                backoff = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * random.uniform(0.5, 1)
                pause = backoff if found.wait is None else found.wait + random.uniform(0, FIRST_WAIT)
                self.say(f"{name}: {problem}; asked again in {pause:.1f} s")
                if self.stopped.wait(pause):
                    return None
        raise PublicError(
            f"{server.where} gave no usable reply for {name}, last: {problem}. Run again when it does; replies so far "
            "are kept."
        )


def _estimate(endpoint: Endpoint, needed: int, chains: Sequence[_Chain], lost: int) -> str:
    """What is about to be asked."""
    sent = sum(len(message["content"]) for chain in chains for message in chain.messages) // CHARACTERS_PER_TOKEN
    most = len(chains) * endpoint.max_tokens
    price = endpoint.price
    cost = f", about {(sent * price['input'] + most * price['output']) / 1e6:.2f} US dollars at most" if price else ""
    again = f"; {lost} were under way when a run was killed, and the server may count them twice" if lost else ""
    return (
        f"{endpoint.name} ({endpoint.model}): {needed} replies needed, {len(chains)} calls to make, about {sent} "
        f"tokens to send and {most} to receive at most{cost}{again}"
    )
