"""The HTTP client of endpoints: what it takes of a reply has an end, in bytes and in seconds."""

import concurrent.futures
import threading
import time
from typing import Any

import httpx2
import openai

LARGEST_REPLY = 8_000_000  # bytes, once unpacked; thousands of times what a completion has
LATE = "the reply is not whole"


class BoundedClient(openai.DefaultHttpxClient):
    """A client whose replies are read whole, or up to one byte more than LARGEST_REPLY.

    Of the headers Retry-After alone is passed on: the body is UTF-8, whatever Content-Type says.
    """

    def __init__(self, seconds: float, **options: Any) -> None:
        """Keep the time that a call has, from its first byte sent to its last byte read; `options` are httpx2's."""
        super().__init__(headers={"Accept-Encoding": "identity"}, timeout=seconds, **options)
        self._seconds = seconds

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request. A thread waits for the reply: the timeout of httpx2 begins anew with every byte.

        Raises:
            httpx2.ReadTimeout: the reply is not there in time. Its thread ends with the client at the latest.
        """
        done: concurrent.futures.Future[httpx2.Response] = concurrent.futures.Future()

        def call() -> None:
            try:
                done.set_result(self._read(request, options, time.monotonic() + self._seconds))
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=call, daemon=True).start()
        concurrent.futures.wait([done], self._seconds)
        if not done.done():
            raise httpx2.ReadTimeout(LATE, request=request)
        return done.result()

    def _read(self, request: httpx2.Request, options: dict[str, Any], deadline: float) -> httpx2.Response:
        response = super().send(request, **(options | {"stream": True}))
        body = bytearray()
        try:
            for part in response.iter_bytes():
                body += part
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout(LATE, request=request)
                if len(body) > LARGEST_REPLY:
                    break
        finally:
            response.close()
        headers = {b"retry-after": response.headers.get("retry-after", "").encode("ascii", "replace")}
        content = bytes(body[: LARGEST_REPLY + 1])
        return httpx2.Response(response.status_code, headers=headers, content=content, request=request)
