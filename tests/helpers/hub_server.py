"""A hub on loopback, with the part of the HTTP API that `huggingface_hub` uses to list, fetch and upload files."""

import contextlib
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.helpers.hub_uploads import Uploads, is_large

PAGE = 2  # entries per page of a listing


@dataclass
class Repository:
    """Commits of one repository, and the token that it requires."""

    commits: dict[str, dict[str, bytes]]  # hash -> path -> content
    token: str | None = None  # required token of a gated repository
    unavailable: int = 0  # number of next requests to answer with 503
    facts: dict[str, Any] = field(default_factory=dict)  # further fields of the hub's answer about the newest commit


@dataclass
class Hub:
    """Repositories that the server serves, the faults it has yet to make, and the requests it received."""

    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)  # (models or datasets, id)
    broken: dict[str, int] = field(default_factory=dict)  # large file -> bytes after which its next download ends
    requests: Counter[str] = field(default_factory=Counter)  # method and path
    ranges: list[str] = field(default_factory=list)  # received Range headers
    writers: dict[str, str] = field(default_factory=dict)  # token -> owner of the repositories that it may write to
    uploads: dict[str, bytes] = field(default_factory=dict)  # SHA-256 -> received large file
    url: str = ""


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve the hub on a free port of loopback until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(Uploads, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.respond()

    def do_GET(self) -> None:
        self.respond()

    def respond(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.hub.requests[f"{self.command} {path}"] += 1
        if match := re.fullmatch(r"/blobs/([0-9a-f]{64})/(.+)", path):
            return self.send_blob(match[1], match[2])
        if match := re.fullmatch(r"/api/(models)/([^/]+/[^/]+)", path):
            repository = self.hub.repositories.get((match[1], match[2]))
            newest = list(repository.commits)[-1] if repository else ""
            if repository and self.files(match[1], match[2], newest) is not None:
                self.send_json({"id": match[2], "sha": newest} | repository.facts)
            return None if repository else self.refuse(401, "RepoNotFound", "Repository not found")
        if match := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)/(revision|tree)/([^/]+)", path):
            kind, name, listing, revision = match.groups()
            files = self.files(kind, name, revision)
            if files is None:
                return None
            if listing == "revision":
                siblings = [{"rfilename": file} for file in files]
                return self.send_json({"id": name, "sha": revision, "siblings": siblings})
            return self.send_tree(files, path, int(parse_qs(url.query).get("cursor", ["0"])[0]))
        if match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            kind, name, revision, file = "datasets" if match[1] else "models", *match.groups()[1:]
            files = self.files(kind, name, revision)
            if files is not None:
                self.send_file(files, file, revision)
            return None
        return self.refuse(404, "", "Not here")

    def files(self, kind: str, name: str, revision: str) -> dict[str, bytes] | None:
        """Files of a commit; None after a refusal was sent."""
        repository = self.hub.repositories.get((kind, name))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repository is None:
            self.refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif repository.unavailable:
            repository.unavailable -= 1
            self.refuse(503, "", "Try again later")
        elif repository.token and token != repository.token:
            self.refuse(403 if token else 401, "GatedRepo", f"Access to {name} is restricted")
        elif revision not in (*repository.commits, "main"):
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            return repository.commits[list(repository.commits)[-1] if revision == "main" else revision]
        return None

    def send_tree(self, files: dict[str, bytes], path: str, start: int) -> None:
        entries = []
        for name, content in sorted(files.items())[start : start + PAGE]:
            entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": _git_hash(content)}
            if is_large(content):
                entry["lfs"] = {"oid": _sha256(content), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        more = f'<{self.hub.url}{path}?cursor={start + PAGE}>; rel="next"' if start + PAGE < len(files) else None
        self.send_json(entries, {"Link": more} if more else {})

    def send_file(self, files: dict[str, bytes], name: str, revision: str) -> None:
        commit = {"X-Repo-Commit": revision}
        if name not in files:
            return self.refuse(404, "EntryNotFound", "Entry not found", commit)
        content = files[name]
        if not is_large(content):
            return self.send(200, content, commit | {"ETag": f'"{_git_hash(content)}"'})
        linked = {"X-Linked-ETag": f'"{_sha256(content)}"', "X-Linked-Size": str(len(content))}
        # The hub stores large files on another host, which must receive no token.
        storage = self.hub.url.replace("127.0.0.1", "localhost")
        location = {"Location": f"{storage}/blobs/{_sha256(content)}/{name}"}
        return self.send(302, b"", commit | linked | location)

    def send_blob(self, digest: str, name: str) -> None:
        stored = (
            content
            for repository in self.hub.repositories.values()
            for files in repository.commits.values()
            for content in files.values()
        )
        content = next(content for content in stored if _sha256(content) == digest)
        start = 0
        if requested := self.headers.get("Range"):
            self.hub.ranges.append(requested)
            start = int(requested.removeprefix("bytes=").rstrip("-"))
        span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if requested else {}
        if name in self.hub.broken and self.command == "GET":
            return self.send(200, content, cut=self.hub.broken.pop(name))
        return self.send(206 if requested else 200, content[start:], span | {"ETag": f'"{digest}"'})

    def send_json(self, value: Any, headers: dict[str, str] | None = None) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        errors = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **(headers or {})}
        self.send(status, json.dumps({"error": message}).encode(), errors)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
