"""A small OpenAI-compatible server on loopback that misbehaves as servers and judges do, and records its calls."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from clinical_dpo.config.endpoints import Endpoint

PAGE = "<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"
LATE = 3.0  # seconds


def completion(text, **more):
    """The body of a completion."""
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "created": 0, "model": "tiny-judge-2026"}
        | {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        | {"usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}
        | more
    )


class FaultyServer:
    """Answers the first calls with `faults`, one each, and all other calls with `say(messages)`.

    Attributes:
        received: request bodies, in the order of arrival.
        answered: request bodies whose answer was sent completely.
        headers: headers of each request.
        busiest: largest number of concurrent calls.
    """

    def __init__(self, *faults, say=lambda messages: "4", delay=0.0):
        self.faults, self.say, self.delay = list(faults), say, delay
        self.received, self.answered, self.headers = [], [], []
        self.busiest, self._busy = 0, 0
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with server.lock:
                    server.received.append(body)
                    server.headers.append(dict(self.headers))
                    fault = server.faults.pop(0) if server.faults else None
                    server._busy += 1
                    server.busiest = max(server.busiest, server._busy)
                try:
                    time.sleep(server.delay)
                    self.misbehave(fault) if fault else self.send(200, completion(server.say(body["messages"])))
                    with server.lock:
                        server.answered.append(body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with server.lock:
                        server._busy -= 1

            def misbehave(self, fault):
                if isinstance(fault, tuple):  # status, body, headers
                    self.send(*fault)
                elif fault == "late":
                    time.sleep(LATE)
                    self.send(200, completion("4"))
                elif fault == "cut off":
                    body = completion("4").encode()
                    self.send_response(200)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body[:40])
                    self.close_connection = True
                elif fault in ("dripping head", "dripping body"):
                    body = b"content-length: 99\r\n\r\n" if fault == "dripping body" else b""
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n" + body)
                    for _ in range(30):
                        self.wfile.write(b"x")
                        time.sleep(LATE / 30)
                    self.close_connection = True
                elif fault == "hang up":
                    self.close_connection = True
                    self.connection.close()

            def send(self, status, body, headers=()):
                self.send_response(status)
                for name, value in {"content-type": "application/json", **dict(headers)}.items():
                    self.send_header(name, value)
                raw = body if isinstance(body, bytes) else body.encode()
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # tests kill clients

        self.http = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def endpoint(self, **changes):
        """The endpoint of this server, with changed settings."""
        settings = {"name": "local", "base_url": self.url, "model": "tiny-judge", "key_variable": None}
        settings |= {"concurrency": 2, "timeout_seconds": 1, "max_tokens": 16}
        return Endpoint(**(settings | changes))

    def questions(self):
        """The last message of each request."""
        return [body["messages"][-1]["content"] for body in self.received]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
