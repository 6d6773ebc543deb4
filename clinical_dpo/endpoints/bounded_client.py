"""HTTP client for endpoints. It limits the size of a reply in bytes and the wait for the reply in seconds."""

import concurrent.futures
import threading
import time
from typing import Any

import httpx2
import openai

LARGEST_REPLY = 8_000_000  # bytes after decompression; thousands of times the size of a completion
INCOMPLETE = "the reply is incomplete"


class BoundedClient(openai.DefaultHttpxClient):
    """HTTP client that reads every reply to its end, or to LARGEST_REPLY + 1 bytes if the reply is longer.

    The client drops all headers of a response except Retry-After. Without Content-Type, the body is read as UTF-8.
    """

    def __init__(self, seconds: float, **options: Any) -> None:
        """Create the client.

        Args:
            seconds: longest time from the first byte sent to the last byte received, for each request.
            options: further arguments of httpx2's client.
        """
        super().__init__(headers={"Accept-Encoding": "identity"}, timeout=seconds, **options)
        self._seconds = seconds

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request, and return the complete reply.

        The request runs in a thread with a time limit, because the timeout of httpx2 restarts with every byte.

        Raises:
            httpx2.ReadTimeout: the reply is not complete within the time limit. The thread may run until the client
                closes.
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
            raise httpx2.ReadTimeout(INCOMPLETE, request=request)
        return done.result()

    def _read(self, request: httpx2.Request, options: dict[str, Any], deadline: float) -> httpx2.Response:
        response = super().send(request, **(options | {"stream": True}))
        body = bytearray()
        try:
            for part in response.iter_bytes():
                body += part
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout(INCOMPLETE, request=request)
                if len(body) > LARGEST_REPLY:
                    break
        finally:
            response.close()
        headers = {b"retry-after": response.headers.get("retry-after", "").encode("ascii", "replace")}
        content = bytes(body[: LARGEST_REPLY + 1])
        return httpx2.Response(response.status_code, headers=headers, content=content, request=request)
