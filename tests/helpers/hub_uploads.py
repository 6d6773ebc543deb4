"""The part of a loopback hub that creates repositories and receives commits."""

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from tests.helpers.hub_server import Hub

LARGE = 1000  # bytes; files of this size or more are stored by SHA-256 and served by another host, as with git LFS
FIRST = {".gitattributes": b"*.safetensors filter=lfs\n"}  # files of a new repository


def is_large(content: bytes) -> bool:
    """Whether the hub stores a file by its SHA-256."""
    return len(content) >= LARGE


class Uploads:
    """Requests that write. A request handler of `http.server` inherits them."""

    hub: "Hub"

    def do_PUT(self: Any) -> None:
        self.count()
        content, digest = self.body(), self.path.rpartition("/")[2]
        if hashlib.sha256(content).hexdigest() != digest:
            return self.refuse(400, "", "The content has another SHA-256")
        self.hub.uploads[digest] = content
        return self.send(200, b"")

    def do_POST(self: Any) -> None:
        path, body = self.count(), self.body()
        if path == "/api/validate-yaml":
            return self.send_json({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            sent = json.loads(body)
            return self.create(f"{sent['organization']}/{sent['name']}", sent)
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path)
        match = match or re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/(objects)/batch", path)
        if not match:
            return self.refuse(404, "", "Not here")
        name, action = match.groups()
        if not self.may_write(name):
            return None
        if action == "preupload":
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["size"] >= LARGE else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            return self.send_json({"files": files})
        if action == "objects":
            objects = [
                {**each, "actions": {"upload": {"href": f"{self.hub.url}/uploads/{each['oid']}"}}}
                for each in json.loads(body)["objects"]
            ]
            return self.send_json({"transfer": "basic", "objects": objects})
        return self.commit(name, [json.loads(line) for line in body.splitlines()])

    def count(self: Any) -> str:
        """Count a request, and return its path."""
        path = unquote(urlsplit(self.path).path)
        self.hub.requests[f"{self.command} {path}"] += 1
        return path

    def body(self: Any) -> bytes:
        """The content of a request, whole or in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def may_write(self: Any, name: str) -> bool:
        """Whether the request's token may write to a repository. If not, a refusal is sent."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.hub.writers.get(token) == name.partition("/")[0]:
            return True
        self.refuse(403 if token else 401, "", f"You have no right to write to {name}")
        return False

    def create(self: Any, name: str, sent: dict[str, Any]) -> None:
        """Create a repository with a first commit."""
        from tests.helpers.hub_server import Repository

        if not self.may_write(name):
            return None
        address = {"url": f"{self.hub.url}/{name}", "name": name}
        if ("models", name) in self.hub.repositories:
            body = json.dumps(address | {"error": "You already created this model repo"})
            return self.send(409, body.encode(), {"Content-Type": "application/json"})
        facts = {"private": sent["visibility"] == "private"}
        self.hub.repositories["models", name] = Repository({"0" * 40: FIRST}, facts=facts)
        return self.send_json(address)

    def commit(self: Any, name: str, operations: list[dict[str, Any]]) -> None:
        """Add a commit: operations are a header, added files, added large files and deleted files."""
        commits = self.hub.repositories["models", name].commits
        files = dict(list(commits.values())[-1])
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
            elif operation["key"] == "deletedFile":
                del files[value["path"]]
        revision = hashlib.sha1(json.dumps(operations).encode()).hexdigest()
        commits[revision] = files
        self.send_json(
            {"commitUrl": f"{self.hub.url}/{name}/commit/{revision}", "commitOid": revision, "success": True}
        )
